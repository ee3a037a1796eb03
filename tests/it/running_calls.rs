//! Calls that take their time: the end of input, cancellation and progress.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{Server, answered, deal, item, on_portal, rename},
};

/// A portal that answers a read after a while, and a server that works on it.
async fn on_late_portal(after: Duration) -> (ScriptedPortal, Server) {
    let late = Reply::Late(after, Box::new(item("a")));
    on_portal(&[("crm.item.get", vec![late]), ("crm.item.update", vec![item("b")])]).await
}

/// Cancels the call that the parameters name.
async fn cancel(server: &mut Server, params: Value) {
    let message = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
    server.send(&message).await;
}

/// A portal that answers the read after six seconds, longer than rmcp waits at the end of input.
#[tokio::test]
async fn running_calls_are_answered_before_the_end() {
    let (_portal, mut server) = on_late_portal(Duration::from_secs(6)).await;
    server.send_call(json!("late"), "update_crm_item", rename()).await;
    let finished = server.finish().await;
    assert_eq!(finished.code, Some(0));
    let answer: Value = serde_json::from_str(finished.stdout.trim()).unwrap();
    assert_eq!(answer["id"], "late");
    assert_eq!(answered(&answer).json["status"], "updated");
}

#[tokio::test]
async fn a_cancelled_call_is_not_answered_and_what_it_wrote_is_finished() {
    let (_portal, mut server) = on_late_portal(Duration::from_millis(300)).await;
    server.send_call(json!(77), "update_crm_item", rename()).await;
    cancel(&mut server, json!({"requestId": 77, "reason": "changed my mind"})).await;
    let finished = server.finish().await;
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_cancelled_call_stops_waiting_and_writes_nothing() {
    let portal = ScriptedPortal::with_item(deal("a"), deal("b")).await;
    // One request at once and the next after 25 s, within the call's time: the write has to wait.
    let mut server = Server::with_settings(&portal.webhook(), &[("BITRIX24_RATE", "1/0.04")]).await;
    server.send_call(json!(7), "update_crm_item", rename()).await;
    while portal.methods().is_empty() {
        tokio::task::yield_now().await;
    }
    cancel(&mut server, json!({"requestId": 7})).await;
    let finished = server.finish().await;
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""));
    assert_eq!(portal.methods(), ["crm.item.get"]);
    assert!(finished.stderr.contains("cancelled"), "{}", finished.stderr);
}

#[tokio::test]
async fn a_client_that_asks_hears_that_a_call_goes_on() {
    let (_portal, mut server) = on_late_portal(Duration::from_millis(4_500)).await;
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
