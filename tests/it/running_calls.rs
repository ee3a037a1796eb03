//! Calls that take their time: the end of input, cancellation and progress.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{Server, answered, deal, item, program, rename},
};

/// A portal that answers the look after six seconds, longer than rmcp waits at the end of input.
#[tokio::test]
async fn running_calls_are_answered_before_the_end() {
    let item = |title: &str| Reply::item(json!({"id": 351, "title": title}));
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", vec![Reply::Late(Duration::from_secs(6), Box::new(item("a")))]),
        ("crm.item.update", vec![item("b")]),
    ])
    .await;
    let mut server = Server::connected_to(&portal.webhook()).await;
    let arguments = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}});
    let params = json!({"name": "update_crm_item", "arguments": arguments});
    server
        .send(&json!({"jsonrpc": "2.0", "id": "late", "method": "tools/call", "params": params}))
        .await;
    let finished = server.finish().await;
    assert_eq!(finished.code, Some(0));
    let answer: Value = serde_json::from_str(finished.stdout.trim()).unwrap();
    assert_eq!(answer["id"], "late");
    assert_eq!(answered(&answer).json["status"], "updated");
}

#[tokio::test]
async fn a_cancelled_call_is_not_answered_and_what_it_wrote_is_finished() {
    let item = |title: &str| Reply::item(json!({"id": 351, "title": title}));
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", vec![Reply::Late(Duration::from_millis(300), Box::new(item("a")))]),
        ("crm.item.update", vec![item("b")]),
    ])
    .await;
    let mut server = Server::connected_to(&portal.webhook()).await;
    let arguments = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}});
    let params = json!({"name": "update_crm_item", "arguments": arguments});
    server
        .send(&json!({"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": params}))
        .await;
    let cancelled = json!({"requestId": 77, "reason": "changed my mind"});
    server
        .send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled}))
        .await;
    let finished = server.finish().await;
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_cancelled_call_stops_waiting_and_writes_nothing() {
    let portal = ScriptedPortal::with_item(deal("a"), deal("b")).await;
    let mut command = program();
    // One request at once and the next after a minute: the write has to wait.
    command.env("BITRIX24_WEBHOOK_URL", portal.webhook()).env("BITRIX24_RATE", "1/0.02");
    let mut server = Server::opened(command, "").await;
    let params = json!({"name": "update_crm_item", "arguments": rename()});
    server
        .send(&json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}))
        .await;
    while portal.methods().is_empty() {
        tokio::task::yield_now().await;
    }
    let cancelled = json!({"requestId": 7});
    server
        .send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled}))
        .await;
    let finished = server.finish().await;
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""));
    assert_eq!(portal.methods(), ["crm.item.get"]);
    assert!(finished.stderr.contains("cancelled"), "{}", finished.stderr);
}

#[tokio::test]
async fn a_client_that_asks_hears_that_a_call_goes_on() {
    let late = Reply::Late(Duration::from_millis(4_500), Box::new(item("a")));
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", vec![late]),
        ("crm.item.update", vec![item("b")]),
    ])
    .await;
    let mut server = Server::connected_to(&portal.webhook()).await;
    let params = json!({
        "name": "update_crm_item", "arguments": rename(), "_meta": {"progressToken": "p"},
    });
    server
        .send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}))
        .await;
    let mut seconds = Vec::new();
    loop {
        let message = server.receive().await.unwrap();
        if message["method"] != "notifications/progress" {
            assert_eq!(answered(&message).json["status"], "updated");
            break;
        }
        assert_eq!(message["params"]["progressToken"], "p");
        seconds.push(message["params"]["progress"].as_f64().unwrap());
    }
    assert_eq!(seconds, [2.0, 4.0]);
}
