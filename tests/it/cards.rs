//! The change card on the wire: who is offered it in which era, what is read, and that everybody else
//! sees the server as it was without it.

use bitrix24_crm_mcp::{card, sandbox::Sandbox};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{Server, answered, program, received};

const RESOURCE_METHODS: [&str; 3] =
    ["resources/list", "resources/templates/list", "resources/read"];
const WRITING: [&str; 3] = ["update_crm_item", "update_crm_items", "undo_crm_update"];

/// The capabilities of a client that renders cards.
pub(crate) fn rendering() -> Value {
    of_types(json!(["text/html;profile=mcp-app"]))
}

fn of_types(types: Value) -> Value {
    json!({"extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": types}}})
}

/// Capabilities of clients that do not.
fn others() -> Vec<Value> {
    vec![
        json!({}),
        json!({"extensions": {}}),
        json!({"extensions": {"io.modelcontextprotocol/ui": {}}}),
        json!({"extensions": {"example/ui": {"mimeTypes": ["text/html;profile=mcp-app"]}}}),
        of_types(json!([])),
        of_types(json!(["text/html", "text/html+mcp"])),
        of_types(json!("text/html;profile=mcp-app")),
        of_types(json!({"text/html;profile=mcp-app": true})),
        of_types(json!([["text/html;profile=mcp-app"]])),
        of_types(Value::Null),
        json!({"experimental": {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]}}}),
    ]
}

fn stateless(mut params: Value, capabilities: &Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
    });
    params
}

fn read_params() -> Value {
    json!({"uri": card::URI})
}

fn without_portal() -> Server {
    Server::started(program(), "")
}

/// A server and a session of a client that renders cards.
pub(crate) async fn with_cards(webhook: &str, settings: &[(&str, &str)]) -> Server {
    let mut command = program();
    command.env("BITRIX24_WEBHOOK_URL", webhook).envs(settings.iter().copied());
    let mut server = Server::started(command, webhook);
    server.initialize_with("2025-11-25", rendering()).await;
    server
}

/// The page that a server answers.
async fn page(server: &mut Server) -> String {
    let read = server.request("resources/read", read_params()).await;
    read["result"]["contents"][0]["text"].as_str().unwrap_or_else(|| panic!("{read}")).to_owned()
}

/// Which tools lead to the card.
fn leading(listed: &Value) -> Vec<&str> {
    let tools = listed["result"]["tools"].as_array().unwrap().iter();
    let leading = tools.filter(|tool| tool["_meta"].get("ui").is_some());
    leading.map(|tool| tool["name"].as_str().unwrap()).collect()
}

/// That a method is answered as one that does not exist.
fn assert_unknown(answer: &Value, method: &str) {
    let expected = json!({"code": -32601, "message": format!("method not found: {method}")});
    assert_eq!(answer["error"], expected, "{answer}");
}

#[tokio::test]
async fn a_session_offers_the_card_to_clients_that_render_it() {
    let mut told: Vec<Value> = Vec::new();
    for version in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let mut server = without_portal();
        let opened = server.initialize_with(version, rendering()).await;
        let expected = json!({
            "extensions": {"io.modelcontextprotocol/ui": {}}, "resources": {}, "tools": {},
        });
        assert_eq!(opened["result"]["capabilities"], expected);
        let listed = server.request("tools/list", json!({})).await;
        assert_eq!(leading(&listed), WRITING);
        let mut results = vec![listed["result"]["tools"][0]["_meta"].clone()];
        for method in RESOURCE_METHODS {
            let mut answer = server.request(method, read_params()).await["result"].clone();
            if let Some(text) = answer.pointer_mut("/contents/0/text") {
                assert_eq!(text.take(), card::page("", &WRITING));
            }
            results.push(answer);
        }
        told.push(results.into());
    }
    assert!(told.iter().all(|it| *it == told[0]), "{told:?}");
    assert_json_snapshot!(told[0], @r#"
    [
      {
        "anthropic/searchHint": "bitrix24 crm update change deal lead contact company quote invoice smart process stage",
        "ui": {
          "resourceUri": "ui://bitrix24-crm-mcp/change-card.html"
        }
      },
      {
        "ttlMs": 3600000,
        "resources": [
          {
            "uri": "ui://bitrix24-crm-mcp/change-card.html",
            "name": "change-card",
            "title": "Change card",
            "mimeType": "text/html;profile=mcp-app"
          }
        ]
      },
      {
        "ttlMs": 3600000,
        "resourceTemplates": []
      },
      {
        "ttlMs": 3600000,
        "contents": [
          {
            "uri": "ui://bitrix24-crm-mcp/change-card.html",
            "mimeType": "text/html;profile=mcp-app",
            "text": null,
            "_meta": {
              "ui": {
                "csp": {},
                "prefersBorder": false
              }
            }
          }
        ]
      }
    ]
    "#);
}

#[tokio::test]
async fn each_stateless_request_says_whether_its_client_renders_cards() {
    // What opens the session may be any of these.
    for opener in RESOURCE_METHODS {
        let mut server = without_portal();
        let opened = server.request(opener, stateless(read_params(), &rendering())).await;
        assert_eq!(opened["result"]["ttlMs"], 3_600_000, "{opened}");
        for method in RESOURCE_METHODS {
            let answer = server.request(method, stateless(read_params(), &json!({}))).await;
            assert_unknown(&answer, method);
            let answer = server.request(method, stateless(read_params(), &rendering())).await;
            assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
        }
    }
    let mut server = without_portal();
    for (client, expected) in
        [(rendering(), &WRITING[..]), (json!({}), &[]), (rendering(), &WRITING[..])]
    {
        let discovered = server.request("server/discover", stateless(json!({}), &client)).await;
        let capabilities = &discovered["result"]["capabilities"];
        if expected.is_empty() {
            assert_eq!(*capabilities, json!({"tools": {}}));
        } else {
            let ui = json!({"io.modelcontextprotocol/ui": {}});
            assert_eq!(*capabilities, json!({"extensions": ui, "resources": {}, "tools": {}}));
        }
        let listed = server.request("tools/list", stateless(json!({}), &client)).await;
        assert_eq!(leading(&listed), expected);
    }
}

#[tokio::test]
async fn other_clients_see_no_difference() {
    let plain = {
        let mut server = without_portal();
        let opened = server.initialize("2025-11-25").await;
        let listed = server.request("tools/list", json!({})).await;
        let stateless_list = {
            let mut server = without_portal();
            let discovered =
                server.request("server/discover", stateless(json!({}), &json!({}))).await;
            let listed = server.request("tools/list", stateless(json!({}), &json!({}))).await;
            [discovered, listed].map(|answer| answer["result"].to_string())
        };
        ([opened, listed].map(|answer| answer["result"].to_string()), stateless_list)
    };
    for client in others() {
        // Where the settings of an extension are no object, no handshake is understood.
        let mut server = without_portal();
        let opened = server.initialize_with("2025-11-25", client.clone()).await;
        let listed = server.request("tools/list", json!({})).await;
        let told = [opened, listed].map(|answer| answer["result"].to_string());
        assert_eq!(told, plain.0, "{client}");
        for method in RESOURCE_METHODS {
            for params in [read_params(), json!({}), json!({"uri": 5}), json!([1]), Value::Null] {
                let answer = server.request(method, params).await;
                assert_unknown(&answer, method);
            }
        }
        let mut server = without_portal();
        let discovered = server.request("server/discover", stateless(json!({}), &client)).await;
        let listed = server.request("tools/list", stateless(json!({}), &client)).await;
        let told = [discovered, listed].map(|answer| answer["result"].to_string());
        assert_eq!(told, plain.1, "{client}");
        for method in RESOURCE_METHODS {
            let answer = server.request(method, stateless(read_params(), &client)).await;
            assert_unknown(&answer, method);
        }
    }
}

#[tokio::test]
async fn before_the_session_nothing_is_known_of_a_client() {
    let mut server = without_portal();
    let odd = json!({"io.modelcontextprotocol/clientCapabilities": "none"});
    for method in RESOURCE_METHODS {
        for params in [read_params(), json!({"_meta": odd}), json!({"_meta": 5}), json!([])] {
            let answer = server.request(method, params).await;
            assert_unknown(&answer, method);
        }
        // The client renders cards, and its metadata lack the version.
        let own = json!({"io.modelcontextprotocol/clientCapabilities": rendering()});
        let answer = server.request(method, json!({"uri": card::URI, "_meta": own})).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
    server.initialize_with("2025-11-25", rendering()).await;
    assert!(page(&mut server).await.starts_with("<!doctype html>"));
    // What a request says of its client goes before what the session has said.
    let answer = server.request(
        "resources/list",
        json!({"_meta": {
            "io.modelcontextprotocol/clientCapabilities": {},
        }}),
    );
    assert_unknown(&answer.await, "resources/list");
    let answer = server.request("resources/list", json!({"_meta": odd})).await;
    assert!(answer.get("result").is_some(), "{answer}");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let mut server = without_portal();
    server.initialize_with("2025-11-25", rendering()).await;
    let mut told = Vec::new();
    for (method, params) in [
        ("resources/read", json!({"uri": "ui://bitrix24-crm-mcp/other.html"})),
        ("resources/read", json!({"uri": "x".repeat(200)})),
        ("resources/read", json!({})),
        ("resources/read", json!({"uri": 5})),
        ("resources/read", json!([1])),
        ("resources/list", json!({"cursor": 5})),
        ("resources/templates/list", json!({"cursor": 5})),
        ("resources/subscribe", read_params()),
    ] {
        told.push(server.request(method, params).await["error"].clone());
    }
    assert_json_snapshot!(told, @r#"
    [
      {
        "code": -32002,
        "message": "there is no resource `ui://bitrix24-crm-mcp/other.html`"
      },
      {
        "code": -32002,
        "message": "there is no resource `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`"
      },
      {
        "code": -32602,
        "message": "`resources/read` needs `params` with the `uri` of a resource as a string"
      },
      {
        "code": -32602,
        "message": "`resources/read` needs `params` with the `uri` of a resource as a string"
      },
      {
        "code": -32600,
        "message": "this is not a JSON-RPC message: unrecognized JSON-RPC message"
      },
      null,
      null,
      {
        "code": -32601,
        "message": "method not found: resources/subscribe"
      }
    ]
    "#);
    let mut server = without_portal();
    let other = stateless(json!({"uri": "ui://other"}), &rendering());
    let answer = server.request("resources/read", other).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

#[tokio::test]
async fn the_page_says_whose_it_is_and_what_may_be_called() {
    let sandbox = Sandbox::start().await.unwrap();
    let host = sandbox.webhook_url();
    let host = host.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let cases: [(&[(&str, &str)], &[&str]); 4] = [
        (&[], &WRITING),
        (&[("BITRIX24_READ_ONLY", "1")], &[]),
        (&[("BITRIX24_TOOLS", "lookup")], &[]),
        (&[("BITRIX24_TOOLS", "update")], &WRITING),
    ];
    for (settings, tools) in cases {
        let mut server = with_cards(&sandbox.webhook_url(), settings).await;
        assert_eq!(page(&mut server).await, card::page(&host, tools), "{settings:?}");
    }
    let mut server = with_cards("https://example.bitrix24.com/rest/1/abcdefgh12345678/", &[]).await;
    let expected = "data-portal=\"example.bitrix24.com\" data-tools=\"update_crm_item update_crm_items undo_crm_update\"";
    assert!(page(&mut server).await.contains(expected));
    // A portal below a path: its host is the same.
    let mut server = with_cards("https://crm.example:8443/b24/rest/1/abcdefgh12345678/", &[]).await;
    assert!(page(&mut server).await.contains("data-portal=\"crm.example:8443\" "));
    assert_eq!(received(&sandbox), []);
}

/// Calls of every tool, which end in every way.
fn calls() -> Vec<(&'static str, Value)> {
    let deal = |fields: Value| json!({"entityTypeId": 2, "id": 351, "fields": fields});
    let many = |ids: Value, fields: Value| json!({"entityTypeId": 2, "ids": ids, "fields": fields});
    let ids: Vec<u64> = (1_001..=1_060).collect();
    vec![
        ("update_crm_item", deal(json!({"title": "b", "ufCrm_1730000000004": "2026-01-05"}))),
        ("update_crm_item", deal(json!({"title": "b"}))),
        ("update_crm_item", deal(json!({"stageId": "C9:NEGOTIATION"}))),
        ("update_crm_item", deal(json!({"titel": "b"}))),
        ("update_crm_item", json!({"entityTypeId": 2, "id": 360, "fields": {"title": "b"}})),
        ("undo_crm_update", json!({"dryRun": true})),
        ("undo_crm_update", json!({})),
        ("update_crm_items", many(json!([351, 360]), json!({"opportunity": 1}))),
        ("update_crm_items", many(json!([351]), json!({"assignedById": 1}))),
        (
            "update_crm_items",
            many(json!(ids), json!({"assignedById": 7, "title": "long ".repeat(40)})),
        ),
        ("undo_crm_update", json!({})),
        ("find_crm_items", json!({"entityTypeId": 2, "query": "Service"})),
        ("get_crm_item", json!({"entityTypeId": 2, "id": 351})),
        ("no_tool", json!({})),
    ]
}

#[tokio::test]
async fn answers_are_the_same_byte_for_byte() {
    let mut told: Vec<Vec<String>> = Vec::new();
    for client in [json!({}), rendering()] {
        let sandbox = Sandbox::start().await.unwrap();
        sandbox.add_deals(60);
        let mut command = program();
        command.env("BITRIX24_WEBHOOK_URL", sandbox.webhook_url());
        let mut server = Server::started(command, &sandbox.webhook_url());
        server.initialize_with("2025-11-25", client.clone()).await;
        let mut of_client = Vec::new();
        for (tool, arguments) in calls() {
            let mut answer =
                server.request("tools/call", json!({"name": tool, "arguments": arguments})).await;
            if let Some(confirm) = answer.pointer("/result/structuredContent/confirm") {
                let mut arguments = arguments.clone();
                arguments["confirm"] = confirm.clone();
                of_client.push(masked(&mut answer));
                let params = json!({"name": tool, "arguments": arguments});
                answer = server.request("tools/call", params).await;
            }
            of_client.push(masked(&mut answer));
        }
        told.push(of_client);
        // What fields are called is asked once.
        let (words, requests): (Vec<_>, Vec<_>) =
            received(&sandbox).into_iter().partition(|it| it.method == "crm.item.fields");
        assert_eq!(words.len(), 1, "{words:?}");
        told.push(requests.iter().map(|it| format!("{} {}", it.method, it.body)).collect());
    }
    assert_eq!(told[0].len(), calls().len() + 2);
    assert_eq!(told[0], told[2]);
    // All else a card costs no request.
    assert_eq!(told[1], told[3]);
}

/// An answer without what a card shows, and without what differs each time.
fn masked(answer: &mut Value) -> String {
    let Some(result) = answer.get_mut("result").and_then(Value::as_object_mut) else {
        return answer["error"].to_string();
    };
    result.shift_remove("_meta");
    let json = answered(answer).json;
    let text = answer["result"].to_string();
    let shown = answer["result"]["content"][0]["text"].as_str().unwrap();
    let id = |name: &str| shown.split(&format!("\"{name}\":\"")).nth(1)?.split('"').next();
    let varying = ["changeId", "confirm", "undone"].into_iter().filter_map(id);
    let masked = varying.fold(text, |text, value| text.replace(value, "…"));
    // The times of the sandbox's saves.
    let times = ["updatedTime", "movedTime", "createdTime"];
    let times = times.iter().filter_map(|name| json["item"][name].as_str());
    times.fold(masked, |text, time| text.replace(time, "…"))
}
