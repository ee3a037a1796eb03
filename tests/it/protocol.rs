//! The wire: both protocol eras, odd lines, the ends of a session.

use bitrix24_crm_mcp::sandbox::Sandbox;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{Server, answered, program, received};

fn without_portal() -> Server {
    Server::started(program(), "")
}

fn stateless(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
    });
    params
}

#[tokio::test]
async fn handshakes_settle_on_a_version_that_both_know() {
    let cases = [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("nonsense", "2025-11-25"),
    ];
    for (asked, settled) in cases {
        let answer = without_portal().initialize(asked).await;
        assert_eq!(answer["result"]["protocolVersion"], settled);
    }
}

#[tokio::test]
async fn the_server_introduces_itself() {
    let answer = without_portal().initialize("2025-11-25").await;
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(answer["result"]["serverInfo"]["version"], version);
    assert!(answer["result"]["instructions"].as_str().unwrap().chars().count() <= 2_000);
    assert_json_snapshot!(answer["result"]["capabilities"], @r#"
    {
      "tools": {}
    }
    "#);
}

#[tokio::test]
async fn a_stateless_client_needs_no_handshake() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut command = program();
    command.env("BITRIX24_WEBHOOK_URL", sandbox.webhook_url());
    let mut server = Server::started(command, &sandbox.webhook_url());

    let discovered = server.request("server/discover", stateless(json!({}))).await;
    assert!(
        discovered["result"]["supportedVersions"]
            .as_array()
            .unwrap()
            .contains(&json!("2026-07-28"))
    );
    let listed = server.request("tools/list", stateless(json!({}))).await;
    assert_eq!(listed["result"]["resultType"], "complete");
    assert_eq!(listed["result"]["ttlMs"], 3_600_000);
    let arguments = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}});
    let params = stateless(json!({"name": "update_crm_item", "arguments": arguments}));
    let called = server.request("tools/call", params).await;
    assert_eq!(answered(&called).json["status"], "updated");
    assert_eq!(server.finish().await.code, Some(0));
}

#[tokio::test]
async fn a_stateless_request_without_its_metadata_is_refused_and_a_handshake_still_works() {
    let mut server = without_portal();
    let refused = server.request("tools/list", json!({})).await;
    assert_eq!(refused["error"]["code"], -32602);
    let answer = server.initialize("2025-11-25").await;
    assert!(answer.get("result").is_some());
}

#[tokio::test]
async fn without_a_portal_the_tools_are_listed_and_a_call_says_what_to_set() {
    let mut server = Server::opened(program(), "").await;
    let listed = server.request("tools/list", json!({})).await;
    assert_eq!(listed["result"]["tools"][0]["name"], "update_crm_item");
    let answer = server.update(json!({"entityTypeId": 2, "id": 1, "fields": {"title": "b"}})).await;
    assert_json_snapshot!(json!([answer.sentence, answer.json]), @r#"
    [
      "Error: no Bitrix24 portal is set; nothing was written.",
      {
        "ok": false,
        "error": {
          "code": "CONFIGURATION",
          "message": "no Bitrix24 portal is set",
          "written": "no",
          "retry": "no",
          "hint": "a person has to set `BITRIX24_WEBHOOK_URL` in the MCP client's configuration to the address of an inbound webhook with the scope `crm`, such as `https://example.bitrix24.com/rest/1/abcdefgh12345678/`, and start the server again; with `BITRIX24_SANDBOX=1` it works on an embedded demo portal"
        }
      }
    ]
    "#);
}

#[tokio::test]
async fn malformed_settings_are_told_by_a_call() {
    let mut command = program();
    command.env("BITRIX24_WEBHOOK_URL", "https://acme.example/rest/s3cret/");
    command.env("BITRIX24_RATE", "fast");
    let mut server = Server::opened(command, "").await;
    let listed = server.request("tools/list", json!({})).await;
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 6);
    let answer = server.update(json!({"entityTypeId": 2, "id": 1, "fields": {"title": "b"}})).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "error": {
        "code": "CONFIGURATION",
        "message": "2 settings cannot be used",
        "written": "no",
        "retry": "no",
        "hint": "a person has to correct the settings in the MCP client's configuration and start the server again",
        "problems": [
          {
            "path": "BITRIX24_RATE",
            "message": "must be `standard`, `enterprise` or two numbers such as `250/5`"
          },
          {
            "path": "BITRIX24_WEBHOOK_URL",
            "message": "must end in `/rest/{user}/{secret}/`, with the number of a user and the secret of the webhook"
          }
        ]
      }
    }
    "#);
}

#[tokio::test]
async fn read_only_hides_the_tool_and_refuses_its_call() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut server =
        Server::with_settings(&sandbox.webhook_url(), &[("BITRIX24_READ_ONLY", "1")]).await;
    let listed = server.request("tools/list", json!({})).await;
    let tools = listed["result"]["tools"].as_array().unwrap();
    let names: Vec<&Value> = tools.iter().map(|tool| &tool["name"]).collect();
    assert_eq!(json!(names), json!(["find_crm_items", "get_crm_item", "describe_crm_fields"]));
    let answer =
        server.update(json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}})).await;
    assert_eq!(answer.json["error"]["code"], "READ_ONLY");
    assert_eq!(received(&sandbox), []);
}

#[tokio::test]
async fn lines_that_are_no_requests_do_not_end_the_session() {
    let mut server = without_portal();
    // Before anything else: a notification, an empty line, and one that is not JSON.
    server
        .send_text(
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        )
        .await;
    server.send_text("").await;
    server.send_text("hello?").await;
    assert_eq!(server.receive().await.unwrap()["error"]["code"], -32700);
    server.send_bytes(b"\xff\xfe\n").await;
    assert_eq!(server.receive().await.unwrap()["error"]["code"], -32700);
    server.send_text(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#).await;
    assert_eq!(server.receive().await.unwrap()["error"]["code"], -32600);
    server.send_text(r#"{"jsonrpc":"2.0","method":"notifications/unheard_of"}"#).await;
    server.send_text(r#"{"jsonrpc":"2.0","id":"x"}"#).await;
    assert_eq!(server.receive().await.unwrap()["error"]["code"], -32600);
    // A byte order mark and a carriage return are let pass.
    server
        .send_bytes(b"\xEF\xBB\xBF{\"jsonrpc\":\"2.0\",\"id\":\"p\",\"method\":\"ping\"}\r\n")
        .await;
    assert_eq!(server.receive().await.unwrap()["id"], "p");
    server.initialize("2025-11-25").await;
    server.send_text(r#"{"jsonrpc":"2.0","method":"notifications/unheard_of"}"#).await;
    let unknown = server.request("resources/list", json!({})).await;
    assert_eq!(unknown["error"]["code"], -32601);
    assert_eq!(server.finish().await.code, Some(0));
}

#[tokio::test]
async fn the_end_of_input_is_a_good_end() {
    let finished = without_portal().finish().await;
    assert_eq!(
        (finished.code, finished.stdout.as_str(), finished.stderr.as_str()),
        (Some(0), "", "")
    );

    let mut probed = without_portal();
    probed.request("server/discover", stateless(json!({}))).await;
    assert_eq!(probed.finish().await.code, Some(0));

    let opened = Server::opened(program(), "").await;
    let finished = opened.finish().await;
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_last_line_without_its_newline_is_answered() {
    let mut server = Server::opened(program(), "").await;
    server.send_bytes(br#"{"jsonrpc":"2.0","id":"last","method":"ping"}"#).await;
    let finished = server.finish().await;
    assert_eq!(finished.stdout, "{\"jsonrpc\":\"2.0\",\"id\":\"last\",\"result\":{}}\n");
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_the_server_cleanly() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::opened(program(), "").await;
        let kill = std::process::Command::new("kill")
            .args([format!("-{signal}"), server.pid().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let finished = server.wait().await;
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{signal}");
    }
}

/// Node-based clients hand their children sockets instead of pipes.
#[cfg(unix)]
#[tokio::test]
async fn sockets_work_as_pipes_do() {
    use std::os::{fd::OwnedFd, unix::net::UnixStream};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut command = program();
    command.stdin(OwnedFd::from(theirs.try_clone().unwrap()));
    command.stdout(OwnedFd::from(theirs));
    let mut child = command.spawn().unwrap();
    drop(command);
    ours.set_nonblocking(true).unwrap();
    let (input, mut output) = tokio::net::UnixStream::from_std(ours).unwrap().into_split();
    let mut lines = BufReader::new(input).lines();
    output.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n").await.unwrap();
    let answer = lines.next_line().await.unwrap().unwrap();
    assert_eq!(answer, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    drop(output);
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}
