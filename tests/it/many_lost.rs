//! Many items when the portal fails in the middle: the account is what the portal's own log says.

use std::{collections::BTreeMap, time::Duration};

use bitrix24_crm_mcp::sandbox::{Cost, Rules, Sandbox};
use serde_json::{Value, json};

use crate::{
    faulty_proxy::{Fault, FaultyProxy, batch_with},
    many::{FIRST, MANY, counts, hand_over, with},
    support::Server,
};

/// A call's time is short here: what is lost stays unknown for the rest of it.
const SHORT: &[(&str, &str)] = &[("BITRIX24_CALL_TIMEOUT", "6"), ("BITRIX24_REQUEST_TIMEOUT", "4")];

async fn on_deals(count: u64, settings: &[(&str, &str)]) -> (Sandbox, FaultyProxy, Server) {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.add_deals(count);
    let proxy = FaultyProxy::before(&sandbox).await;
    let server = Server::with_settings(&proxy.webhook(), settings).await;
    (sandbox, proxy, server)
}

/// The call with its confirmation.
async fn confirmed(server: &mut Server) -> Value {
    let shown = server.call(MANY, hand_over()).await;
    with(&hand_over(), "confirm", shown.json["confirm"].clone())
}

/// How often the portal has carried out an update of each item.
fn carried_out(sandbox: &Sandbox) -> BTreeMap<u64, usize> {
    let mut times = BTreeMap::new();
    for command in sandbox.commands() {
        if command.method == "crm.item.update" && command.error.is_none() {
            let id = &command.parameters["id"];
            let id = id.as_u64().or_else(|| id.as_str()?.parse().ok()).unwrap();
            *times.entry(id).or_default() += 1;
        }
    }
    times
}

/// The ids that were carried out, each once.
fn once(sandbox: &Sandbox) -> Vec<u64> {
    let times = carried_out(sandbox);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    times.into_keys().collect()
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_work_is_read_from_the_items() {
    for fault in [Fault::CutAfter, Fault::Page(502), Fault::Page(503)] {
        let (sandbox, proxy, mut server) = on_deals(30, &[]).await;
        let call = confirmed(&mut server).await;
        proxy.on(2, batch_with("crm.item.update"), fault);
        let done = server.call(MANY, call).await;
        assert_eq!(counts(&done.json), [30, 0, 0, 0, 0, 0], "{}", done.json);
        assert_eq!(once(&sandbox).len(), 30);
        let note = "an answer of the portal was lost; reading the items showed which updates were \
                    applied";
        assert_eq!(done.json["notes"], json!([note]));
    }
}

#[tokio::test]
async fn what_may_still_run_is_unknown_and_the_next_call_looks_first() {
    // The first of two items is seen to stand before the call's time is over, or none is.
    tokio::join!(lost_and_gone_on_with(8), lost_and_gone_on_with(15));
}

/// Loses the first batch at a portal that takes so many seconds for an item, and goes on.
async fn lost_and_gone_on_with(seconds: u64) {
    // So much time that two items are sent together, and so little that one of them is open.
    let settings = [("BITRIX24_CALL_TIMEOUT", "13")];
    let (sandbox, proxy, mut server) = on_deals(30, &settings).await;
    let call = confirmed(&mut server).await;
    let (update, other) = (Duration::from_secs(seconds), Duration::ZERO);
    let slow = Rules { cost: Some(Cost { update, other }), ..Rules::default() };
    sandbox.set_rules(slow);
    proxy.on(1, batch_with("crm.item.update"), Fault::CutAtOnce);
    let lost = server.call(MANY, call.clone()).await;
    let [updated, unchanged, failed, conflicts, unknown, left] = counts(&lost.json);
    assert!(lost.is_error && unknown > 0, "{}", lost.json);
    assert_eq!((unchanged, failed, conflicts), (0, 0, 0));
    assert_eq!(updated + unknown + left, 30);
    assert_eq!(lost.json["error"]["written"], "unknown");
    assert_eq!(lost.json["error"]["retry"], "later");
    // The portal comes to its end meanwhile, and the next calls find what stands.
    let mut next = lost.json["next"]["confirm"].clone();
    sandbox.set_rules(Rules::default());
    if updated == 0 {
        // What has arrived no longer matches the filter.
        while carried_out(&sandbox).len() < unknown {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let mut seen = 0;
    let mut written = updated;
    while next.is_string() {
        let answer = server.call(MANY, with(&call, "confirm", next.clone())).await;
        let [updated, unchanged, failed, conflicts, unknown, _] = counts(&answer.json);
        assert_eq!((failed, conflicts, unknown), (0, 0, 0), "{}", answer.json);
        (written, seen) = (written + updated, seen + unchanged);
        next = answer.json["next"]["confirm"].clone();
    }
    assert_eq!(written + seen, 30);
    assert_eq!(once(&sandbox), (FIRST..FIRST + 30).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_portal_that_fails_inside_is_asked_again_for_what_it_did_not_reach() {
    let (sandbox, proxy, mut server) = on_deals(12, &[]).await;
    let call = confirmed(&mut server).await;
    let failed = json!({"error": "INTERNAL_SERVER_ERROR", "error_description": "Internal"});
    proxy.on(1, batch_with("crm.item.update"), Fault::Refuse(500, failed));
    let done = server.call(MANY, call).await;
    assert_eq!(counts(&done.json), [12, 0, 0, 0, 0, 0], "{}", done.json);
    assert_eq!(once(&sandbox).len(), 12);
}

#[tokio::test]
async fn a_busy_portal_is_asked_again_and_nothing_is_sent_twice() {
    let (sandbox, proxy, mut server) = on_deals(12, &[]).await;
    let call = confirmed(&mut server).await;
    let busy = json!({"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"});
    proxy.on(2, batch_with("crm.item.update"), Fault::Refuse(503, busy));
    let done = server.call(MANY, call).await;
    assert_eq!(counts(&done.json), [12, 0, 0, 0, 0, 0], "{}", done.json);
    assert_eq!(once(&sandbox).len(), 12);
}

#[tokio::test]
async fn the_portals_own_limit_pauses_the_call_which_goes_on_later() {
    let (sandbox, _proxy, mut server) = on_deals(30, &[]).await;
    let call = confirmed(&mut server).await;
    let (update, other) = (Duration::from_millis(150), Duration::ZERO);
    let operating_limit = Duration::from_secs(1);
    let limited = Rules { cost: Some(Cost { update, other }), operating_limit, ..Rules::default() };
    sandbox.set_rules(limited);
    let paused = server.call(MANY, call.clone()).await;
    assert!(!paused.is_error, "{}", paused.json);
    assert_eq!(paused.json["status"], "paused");
    assert!(paused.json["retryAfterSeconds"].as_u64().unwrap() > 0, "{}", paused.json);
    let [updated, _, _, _, unknown, left] = counts(&paused.json);
    assert_eq!((updated + left, unknown), (30, 0));
    assert_eq!(once(&sandbox).len(), updated);
    sandbox.set_rules(Rules::default());
    let call = with(&call, "confirm", paused.json["next"]["confirm"].clone());
    let done = server.call(MANY, call).await;
    assert_eq!(counts(&done.json), [left, 0, 0, 0, 0, 0], "{}", done.json);
    assert_eq!(once(&sandbox).len(), 30);
}

#[tokio::test]
async fn a_call_without_time_pauses_between_chunks() {
    let (sandbox, _proxy, mut server) = on_deals(30, SHORT).await;
    let call = confirmed(&mut server).await;
    let cost = Cost { update: Duration::from_millis(200), other: Duration::ZERO };
    sandbox.set_rules(Rules { cost: Some(cost), ..Rules::default() });
    let mut arguments = call;
    let mut updated = 0;
    let mut calls = 0;
    loop {
        let answer = server.call(MANY, arguments.clone()).await;
        assert!(!answer.is_error, "{}", answer.json);
        let [written, unchanged, failed, conflicts, unknown, left] = counts(&answer.json);
        assert_eq!((unchanged, failed, conflicts, unknown), (0, 0, 0, 0), "{}", answer.json);
        (updated, calls) = (updated + written, calls + 1);
        if left == 0 {
            break;
        }
        assert_eq!(answer.json["status"], "paused");
        arguments["confirm"] = answer.json["next"]["confirm"].clone();
    }
    assert_eq!(updated, 30);
    assert!(calls > 1);
    assert_eq!(once(&sandbox).len(), 30);
}

#[tokio::test]
async fn what_others_change_in_between_is_left_alone() {
    let (sandbox, proxy, mut server) = on_deals(20, &[]).await;
    let call = confirmed(&mut server).await;
    // Another client takes two of the later items.
    let mut other = Server::connected_to(&sandbox.webhook_url()).await;
    let taking = async move {
        for id in [FIRST + 10, FIRST + 19] {
            other.update(json!({"entityTypeId": 2, "id": id, "fields": {"assignedById": 3}})).await;
        }
    };
    proxy.on(1, batch_with("crm.item.update"), Fault::before(taking));
    let done = server.call(MANY, call).await;
    assert_eq!(counts(&done.json), [18, 0, 0, 2, 0, 0], "{}", done.json);
    assert_eq!(
        done.json["conflicts"],
        json!([{
            "count": 2, "ids": [FIRST + 10, FIRST + 19], "code": "CONFLICT",
            "message": "no longer matches `filter`",
        }])
    );
    assert_eq!(sandbox.item(2, FIRST + 10).unwrap()["assignedById"], 3);
}

#[tokio::test]
async fn after_a_kill_the_same_call_shows_what_is_left() {
    let (sandbox, proxy, mut server) = on_deals(30, &[]).await;
    let call = confirmed(&mut server).await;
    // The second chunk is carried out, and its answer never comes.
    proxy.on(2, batch_with("crm.item.update"), Fault::Stall);
    server.send_call(json!(900), MANY, call.clone()).await;
    while carried_out(&sandbox).len() < 30 {
        tokio::task::yield_now().await;
    }
    drop(server);
    let mut again = Server::connected_to(&sandbox.webhook_url()).await;
    let shown = again.call(MANY, call).await;
    assert_eq!(shown.json["error"]["code"], "CONFLICT");
    assert_eq!(shown.json["count"], 0);
    assert_eq!(once(&sandbox).len(), 30);
}

#[tokio::test]
async fn a_cancelled_call_stops_between_chunks() {
    let (sandbox, proxy, mut server) = on_deals(200, &[]).await;
    let call = confirmed(&mut server).await;
    let (told, cancelled) = tokio::sync::oneshot::channel::<()>();
    let (reached, at_second) = tokio::sync::oneshot::channel::<()>();
    let waiting = async move {
        let _ = reached.send(());
        let _ = cancelled.await;
    };
    proxy.on(2, batch_with("crm.item.update"), Fault::before(waiting));
    server.send_call(json!(900), MANY, call).await;
    at_second.await.unwrap();
    let cancel = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 900},
    });
    server.send(&cancel).await;
    // What follows is read after it.
    server.request("ping", json!({})).await;
    told.send(()).unwrap();
    assert_eq!(server.finish().await.code, Some(0));
    assert_eq!(once(&sandbox), (FIRST..FIRST + 55).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_portal_without_batches_is_sent_one_update_after_the_other() {
    let (sandbox, proxy, mut server) = on_deals(8, &[]).await;
    let call = confirmed(&mut server).await;
    let missing = json!({"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Not found!"});
    proxy.on(1, |request| request.method() == "batch", Fault::Refuse(404, missing));
    let done = server.call(MANY, call).await;
    assert_eq!(counts(&done.json), [8, 0, 0, 0, 0, 0], "{}", done.json);
    assert_eq!(once(&sandbox).len(), 8);
}

#[tokio::test]
async fn what_was_written_and_changed_since_is_not_written_again() {
    let (sandbox, proxy, mut server) = on_deals(4, &[]).await;
    let robot = Some(("PREPARATION".to_owned(), "EXECUTING".to_owned()));
    sandbox.set_rules(Rules { robot, ..Rules::default() });
    let failed = json!({"error": "INTERNAL_SERVER_ERROR", "error_description": "Internal"});
    proxy.on(1, batch_with("crm.item.update"), Fault::Instead(500, failed));
    let call = json!({
        "entityTypeId": 2, "ids": (FIRST..FIRST + 4).collect::<Vec<_>>(),
        "fields": {"stageId": "PREPARATION"},
    });
    let done = server.call(MANY, call).await;
    assert_eq!(counts(&done.json), [0, 0, 4, 0, 0, 0], "{}", done.json);
    assert_eq!(done.json["failed"][0]["code"], "CHANGED_BY_PORTAL");
    assert_eq!(once(&sandbox).len(), 4);
}

#[tokio::test]
async fn each_item_is_accounted_for_once_over_all_calls() {
    let (sandbox, _proxy, mut server) = on_deals(5, &[]).await;
    let last = json!({"entityTypeId": 2, "id": FIRST + 4, "fields": {"assignedById": 7}});
    server.update(last).await;
    let (update, other) = (Duration::from_millis(150), Duration::ZERO);
    let operating_limit = Duration::from_millis(200);
    let limited = Rules { cost: Some(Cost { update, other }), operating_limit, ..Rules::default() };
    sandbox.set_rules(limited);
    let call = json!({
        "entityTypeId": 2, "ids": (FIRST..FIRST + 5).collect::<Vec<_>>(),
        "fields": {"assignedById": 7}, "expect": {"assignedById": 1},
    });
    let paused = server.call(MANY, call.clone()).await;
    assert_eq!(counts(&paused.json), [2, 1, 0, 0, 0, 2], "{}", paused.json);
    sandbox.set_rules(Rules::default());
    let next = with(&call, "confirm", paused.json["next"]["confirm"].clone());
    assert_eq!(counts(&server.call(MANY, next).await.json), [2, 0, 0, 0, 0, 0]);
    // Repeated as a whole, as after a kill: what stands is no conflict with what was expected.
    assert_eq!(counts(&server.call(MANY, call).await.json), [0, 5, 0, 0, 0, 0]);
}

#[tokio::test]
async fn single_calls_find_the_request_limit_as_they_left_it() {
    let settings = [("BITRIX24_RATE", "20/0.01")];
    let (_sandbox, _proxy, mut server) = on_deals(30, &settings).await;
    // What looks like a reference is written by itself, with a request for each item.
    let call = json!({
        "entityTypeId": 2, "ids": (FIRST..FIRST + 30).collect::<Vec<_>>(),
        "fields": {"additionalInfo": "$result[a]"},
    });
    let paused = server.call(MANY, call).await;
    assert_eq!(paused.json["status"], "paused", "{}", paused.json);
    assert!(paused.json["retryAfterSeconds"].as_u64().unwrap() > 60, "{}", paused.json);
    let single = json!({"entityTypeId": 2, "id": FIRST + 29, "fields": {"title": "b"}});
    assert_eq!(server.update(single).await.json["status"], "updated");
}
