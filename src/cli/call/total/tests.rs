//! The accounts of several calls, and what they come to.

use serde_json::{Value, json};

use super::Total;

fn total(answers: &[Value]) -> Total {
    let mut total = Total::default();
    for answer in answers {
        total.add(answer);
    }
    total
}

fn paused(count: u64, updated: u64, left: u64, position: u64) -> Value {
    json!({
        "ok": true, "status": "paused", "entityTypeId": 2, "count": count, "updated": updated,
        "unchanged": 0, "left": left, "retryAfterSeconds": 0,
        "next": {"confirm": format!("{left}.7f.{position}")},
        "notes": ["to go on, repeat the call with `next.confirm` as `confirm`", "a repair"],
    })
}

fn done(count: u64, updated: u64, unchanged: u64) -> Value {
    json!({
        "ok": true, "status": "updated", "entityTypeId": 2, "count": count, "updated": updated,
        "unchanged": unchanged, "notes": ["a repair"],
    })
}

fn counts(json: &Value) -> [u64; 4] {
    ["count", "updated", "unchanged", "left"].map(|key| json[key].as_u64().unwrap_or_default())
}

#[test]
fn calls_are_counted_together() {
    let total =
        total(&[paused(340, 88, 252, 1088), paused(252, 100, 152, 1188), done(152, 150, 2)]);
    assert!(total.is_done());
    assert_eq!(
        total.to_json(),
        json!({
            "ok": true, "status": "updated", "entityTypeId": 2, "count": 340, "updated": 338,
            "unchanged": 2, "notes": ["a repair"],
        })
    );
}

#[test]
fn exceptions_of_earlier_calls_are_not_lost() {
    let mut first = paused(10, 3, 5, 5);
    first["failed"] = json!([{"count": 2, "ids": [2, 4], "code": "ACCESS_DENIED"}]);
    let mut second = done(5, 4, 0);
    second["failed"] = json!([{"count": 1, "ids": [9], "code": "ACCESS_DENIED"}]);
    second["error"] = json!({"code": "PARTLY_APPLIED", "retry": "no", "message": "4 of 5 …"});
    let total = total(&[first, second]);
    assert!(!total.is_done());
    assert_eq!(total.next(), None);
    let json = total.to_json();
    assert_eq!(counts(&json), [10, 7, 0, 0]);
    assert_eq!(json["failed"], json!([{"count": 3, "ids": [2, 4, 9], "code": "ACCESS_DENIED"}]));
    assert_eq!(json["error"]["message"], "7 of 10 items were changed");
    assert_eq!((&json["status"], &json["error"]["written"]), (&json!("partial"), &json!("yes")));
}

#[test]
fn a_lost_answer_is_gone_on_with_after_a_pause_and_settled_by_the_next_call() {
    let lost = json!({
        "ok": false, "status": "partial", "entityTypeId": 2, "count": 10, "updated": 4,
        "unchanged": 0, "left": 3, "unknown": [5, 6, 7], "next": {"confirm": "6.7f.4"},
        "error": {
            "code": "PARTLY_APPLIED", "message": "an answer was lost", "written": "unknown",
            "retry": "later", "retryAfterSeconds": 60, "hint": "wait",
        },
        "notes": [],
    });
    let open = total(std::slice::from_ref(&lost));
    assert_eq!((open.next().as_deref(), open.seconds_to_wait()), (Some("6.7f.4"), 60));
    let json = open.to_json();
    assert_eq!((&json["unknown"], &json["left"]), (&json!([5, 6, 7]), &json!(3)));
    assert_eq!(json["error"]["written"], "unknown");

    let settled = total(&[lost, done(6, 4, 2)]);
    assert!(settled.is_done());
    assert_eq!(counts(&settled.to_json()), [10, 8, 2, 0]);
}

#[test]
fn a_call_that_did_not_begin_is_tried_again_only_where_that_can_help() {
    let failed = |retry: &str| json!({"ok": false, "error": {"code": "PORTAL_UNREACHABLE", "message": "m", "retry": retry}});
    for (retry, next) in [("later", Some("250.7f.90")), ("no", None), ("after_fix", None)] {
        let total = total(&[paused(340, 90, 250, 90), failed(retry)]);
        assert_eq!(total.next().as_deref(), next, "{retry}");
        assert!(!total.is_done());
        let json = total.to_json();
        assert_eq!(counts(&json), [340, 90, 0, 250]);
        assert_eq!((&json["ok"], &json["error"]["written"]), (&json!(false), &json!("yes")));
    }
}

#[test]
fn a_change_that_gets_nowhere_ends() {
    let nowhere = || paused(250, 0, 250, 90);
    let mut answers = vec![paused(340, 90, 250, 90), nowhere(), nowhere()];
    assert!(total(&answers).next().is_some());
    answers.push(nowhere());
    assert_eq!(total(&answers).next(), None);
    answers.push(paused(250, 10, 240, 100));
    assert_eq!(counts(&total(&answers).to_json()), [340, 100, 0, 240]);
}

#[test]
fn an_interrupted_change_is_paused() {
    let total = total(&[paused(340, 90, 250, 90)]);
    assert!(!total.is_done());
    let json = total.to_json();
    assert_eq!((&json["ok"], &json["status"]), (&json!(true), &json!("paused")));
    assert_eq!(
        json["notes"],
        json!(["a repair", "to go on, repeat the command: what was changed is left as it is"])
    );
}
