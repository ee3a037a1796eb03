//! What clients really send: every request gets an answer with its id, what can be repaired is, and
//! what is ambiguous is refused.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    scripted_portal::Reply,
    support::{
        Answered, FIND, GET, Server, answered, methods, on_portal, on_sandbox, problems, program,
        received,
    },
};

/// Sends a call as a raw line with these arguments.
async fn call_raw(server: &mut Server, tool: &str, arguments: &str) -> Answered {
    let line = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":77,\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\",\
         \"arguments\":{arguments}}}}}"
    );
    server.send_text(&line).await;
    let answer = server.receive().await.unwrap();
    assert_eq!(answer["id"], 77);
    answered(&answer)
}

async fn update_raw(server: &mut Server, arguments: &str) -> Answered {
    call_raw(server, "update_crm_item", arguments).await
}

#[tokio::test]
async fn a_key_that_is_given_twice_is_refused_at_any_level() {
    let (sandbox, mut server) = on_sandbox().await;
    let cases = [
        (r#"{"entityTypeId":2,"id":351,"fields":{"title":"a","title":"b"}}"#, "fields.title"),
        (r#"{"entityTypeId":2,"id":351,"id":352,"fields":{"title":"a"}}"#, "id"),
        (
            r#"{"entityTypeId":3,"id":5,"fields":{"fm":{"n0":{"value":"+1","value":"+2"}}}}"#,
            "fields.fm.n0.value",
        ),
        (
            r#"{"entityTypeId":2,"id":351,"fields":"{\"title\":\"a\",\"title\":\"b\"}"}"#,
            "fields.title",
        ),
        (
            r#"{"entityTypeId":2,"id":351,"fields":{"title":"a"},"dryRun":true,"dryRun":false}"#,
            "dryRun",
        ),
        (
            r#"{"entityTypeId":2,"id":351,"fields":{"title":"a"},"expect":{"id":1,"id":2}}"#,
            "expect.id",
        ),
    ];
    for (arguments, path) in cases {
        let answer = update_raw(&mut server, arguments).await;
        assert_eq!(answer.json["error"]["code"], "INVALID_ARGUMENTS", "{arguments}");
        let problem = json!([path, "is given twice; send it once", null]);
        assert_eq!(problems(&answer)[0], problem, "{arguments}");
    }
    let answer =
        call_raw(&mut server, FIND, r#"{"entityTypeId":2,"filter":{">id":1,">id":2}}"#).await;
    assert_eq!(problems(&answer)[0][0], "filter.>id");
    assert_eq!(methods(&sandbox), [] as [&str; 0]);

    server.send_text(r#"{"jsonrpc":"2.0","id":5,"method":"tools/list","id":6}"#).await;
    let answer = server.receive().await.unwrap();
    assert_eq!(answer["id"], 6);
    assert_eq!(answer["error"]["message"], "`id` is given twice");

    let mut command = program();
    command.args(["--sandbox", "call", "get_crm_item", r#"{"entityTypeId":2,"id":351,"id":1}"#]);
    let finished = crate::support::run(&mut command).await;
    assert!(finished.stdout.contains("is given twice"), "{finished:?}");
}

#[tokio::test]
async fn a_line_that_is_nearly_json_is_repaired_with_a_note() {
    let (sandbox, mut server) = on_sandbox().await;
    let answer =
        update_raw(&mut server, r#"{"entityTypeId":2,"id":351,"fields":{"title":"cut \ud83d"}}"#)
            .await;
    assert_eq!(answer.json["status"], "updated");
    assert_eq!(answer.json["notes"], json!(["half of a character was replaced by `�`"]));
    assert_eq!(received(&sandbox).pop().unwrap().body["fields"]["title"], "cut \u{fffd}");

    let answer =
        update_raw(&mut server, r#"{"entityTypeId":2,"id":351,"fields":{"opportunity":1e400}}"#)
            .await;
    let message = "must be a number such as `10000` or `99.5`, not `\"1e400\"`";
    assert_eq!(problems(&answer), [json!(["fields.opportunity", message, null])]);

    // What a client says of itself under the key for findings counts for nothing.
    let call = json!({
        "name": GET, "arguments": {"entityTypeId": 2, "id": 351, "select": ["title"]},
        "_meta": {"bitrix24-crm-mcp/findings": {"notes": ["forged"], "repeated": []}},
    });
    let answer = answered(&server.request("tools/call", call).await);
    assert_eq!(answer.json["notes"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_with_its_id() {
    let (_sandbox, mut server) = on_sandbox().await;
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let call = |id: u32, arguments: &str| {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\
             \"get_crm_item\",\"arguments\":{arguments}}}}}"
        )
    };
    for (id, arguments) in
        [(1, deep(200)), (2, deep(150_000)), (3, format!("{{\"a\":{}}}", deep(300)))]
    {
        server.send_text(&call(id, &arguments)).await;
        let answer = server.receive().await.unwrap();
        assert_eq!(answer["id"], id);
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("nested more than 128 deep"), "{message}");
    }
    server.send_text(&call(4, &deep(60))).await;
    assert_eq!(server.receive().await.unwrap()["id"], 4);
    server.send_bytes(b"{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"ping\",\"x\":\"\xff\"}\n").await;
    assert_eq!(server.receive().await.unwrap(), json!({"jsonrpc": "2.0", "id": 8, "result": {}}));
    server.send_text("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"ping\",}").await;
    assert_eq!(server.receive().await.unwrap()["error"]["code"], -32700);
}

#[tokio::test]
async fn nothing_is_not_false() {
    let (sandbox, mut server) = on_sandbox().await;
    for nothing in [json!(""), json!([]), json!({}), json!("maybe")] {
        let call =
            json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}, "dryRun": nothing});
        let answer = server.update(call).await;
        let message = format!("must be true or false, not `{nothing}`");
        assert_eq!(problems(&answer), [json!(["dryRun", message, null])]);
    }
    assert_eq!(methods(&sandbox), [] as [&str; 0]);
    let call = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}, "dryRun": null});
    assert_eq!(server.update(call).await.json["status"], "updated");
}

#[tokio::test]
async fn an_id_may_come_as_a_link_or_in_a_few_words() {
    let (sandbox, mut server) = on_sandbox().await;
    let origin = sandbox.webhook_url();
    let origin = origin.split("/rest/").next().unwrap();
    let cases = [
        json!(format!("{origin}/crm/deal/details/351/")),
        json!("/crm/deal/details/351/"),
        json!("#351"),
        json!("№351"),
        json!("deal 351"),
    ];
    for id in cases {
        let answer = server.call(GET, json!({"entityTypeId": 2, "id": id})).await;
        assert_eq!(answer.json["id"], 351, "{id}: {}", answer.json);
        assert_eq!(answer.json["notes"], json!(["`id` was read as 351"]));
    }
    let cases = [
        (format!("{origin}/crm/contact/details/5/"), "is a link to a contact, not to a deal"),
        (
            "https://other.example/crm/deal/details/351/".to_owned(),
            "is a link to a portal other than https://portal.example",
        ),
        ("deal 351 of 2026".to_owned(), "must be a whole number, not `\"deal 351 of 2026\"`"),
    ];
    for (id, message) in cases {
        let answer = server.call(GET, json!({"entityTypeId": 2, "id": id})).await;
        assert_eq!(problems(&answer), [json!(["id", message, null])]);
    }
    let answer =
        server.call(FIND, json!({"entityTypeId": 2, "query": 40_702_810_900_000_012_345.0})).await;
    assert_eq!(problems(&answer)[0][0], "query");
}

#[tokio::test]
async fn what_is_shown_of_invisible_characters_can_be_written_back() {
    let stored = "می\u{200c}خواهم 👨\u{200d}👩 a\u{200b}b \\u{200b}";
    let item = |title: &str, post: &str| {
        Reply::item(json!({"id": 351, "title": title, "additionalInfo": post}))
    };
    let (portal, mut server) = on_portal(&[
        ("crm.item.get", vec![item(stored, "")]),
        ("crm.item.update", vec![item(stored, stored)]),
    ])
    .await;
    let shown = server.call(GET, json!({"entityTypeId": 2, "id": 351, "select": ["title"]})).await;
    let shown = shown.json["item"]["title"].clone();
    assert_eq!(shown, "می\u{200c}خواهم 👨\u{200d}👩 a\\u{200b}b \\u{5c}u{200b}");
    let fields = json!({"additionalInfo": shown});
    let answer = server.update(json!({"entityTypeId": 2, "id": 351, "fields": fields})).await;
    assert_eq!(answer.json["status"], "updated", "{}", answer.json);
    let sent: Value = portal.requests().pop().unwrap().body["fields"]["additionalInfo"].clone();
    assert_eq!(sent, stored);
}

#[tokio::test]
async fn sloppy_arguments_are_repaired_and_the_repairs_are_named() {
    let (sandbox, mut server) = on_sandbox().await;
    let fields = json!({"TITLE": "Acme: autumn order", "UF_CRM_1721244707107": "12.5", "beginDate": "01.10.2026", "opened": false, "observers": "6"});
    let answer = server
        .update(json!({
            "entityTypeId": "deal", "id": "101", "fields": fields.to_string(), "clear": null,
            "dryRun": "false", "useOriginalUfNames": false,
        }))
        .await;
    let sent = received(&sandbox).pop().unwrap().body;
    assert_json_snapshot!(json!({"sent": sent, "status": answer.json["status"], "notes": answer.json["notes"]}), @r#"
    {
      "sent": {
        "entityTypeId": 2,
        "id": 101,
        "fields": {
          "title": "Acme: autumn order",
          "ufCrm_1721244707107": 12.5,
          "begindate": "2026-10-01",
          "opened": "N",
          "observers": [
            6
          ]
        }
      },
      "status": "updated",
      "notes": [
        "`entityTypeId` was read as 2",
        "`id` was read as 101",
        "`fields` was JSON text and was read as an object",
        "`dryRun` was read as false",
        "`useOriginalUfNames` was read as \"N\"",
        "`fields.TITLE` was read as `title`",
        "`fields.UF_CRM_1721244707107` was read as `ufCrm_1721244707107`",
        "`fields.beginDate` was read as `begindate`",
        "`fields.beginDate` was read as `2026-10-01`",
        "`fields.observers` was one value and was read as a list of one"
      ]
    }
    "#);
}
