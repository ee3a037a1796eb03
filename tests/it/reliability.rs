//! Reliability: retries, lost answers, deadlines, and what a hostile portal may send.

use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{Answered, Server, deal, item, on_portal, rename},
};

/// How long the program may wait in a test: for one answer, and for all of the call.
#[derive(Clone, Copy)]
enum Patience {
    /// The call ends by itself.
    Long,
    /// The call goes on until its time is over.
    UntilTheEnd,
    /// A request is not answered.
    ForAStall,
}

use Patience::{ForAStall, Long, UntilTheEnd};

/// Calls an update on a portal whose reads and writes are answered in turn.
async fn update_on(
    patience: Patience,
    gets: Vec<Reply>,
    updates: Vec<Reply>,
    call: Value,
) -> (Answered, ScriptedPortal) {
    let portal =
        ScriptedPortal::start(&[("crm.item.get", gets), ("crm.item.update", updates)]).await;
    let (request, whole) = match patience {
        Patience::Long => ("15", "18"),
        Patience::UntilTheEnd => ("15", "6"),
        Patience::ForAStall => ("3", "18"),
    };
    let settings = [("BITRIX24_REQUEST_TIMEOUT", request), ("BITRIX24_CALL_TIMEOUT", whole)];
    let mut server = Server::with_settings(&portal.webhook(), &settings).await;
    let answer = server.update(call).await;
    (answer, portal)
}

/// How often the portal was written to.
fn writes(portal: &ScriptedPortal) -> usize {
    portal.methods().iter().filter(|method| *method == "crm.item.update").count()
}

/// The verdict in one line: what was told, and how often the portal was written to.
fn verdict(answer: &Answered, portal: &ScriptedPortal) -> String {
    let error = &answer.json["error"];
    let told = match answer.json["status"].as_str() {
        Some(status) if !answer.is_error => status.to_owned(),
        _ => format!(
            "{} written {}",
            error["code"].as_str().unwrap(),
            error["written"].as_str().unwrap()
        ),
    };
    format!("{told}, {} writes", writes(portal))
}

#[tokio::test]
async fn what_did_not_run_is_sent_again_and_what_may_have_run_is_checked() {
    let limit = || Reply::error(503, "QUERY_LIMIT_EXCEEDED", "Too many requests");
    let failed = || Reply::error(500, "INTERNAL_SERVER_ERROR", "x");
    let gateway = || Reply::Body(502, "text/html", b"<html>".to_vec());
    let other = || {
        Reply::item(json!({"id": 351, "title": "c", "updatedTime": "2026-11-24T11:00:00+02:00"}))
    };
    let refused = || Reply::error(400, "ACCESS_DENIED", "no");
    let cases: Vec<(&str, Patience, Vec<Reply>, Vec<Reply>)> = vec![
        ("refused once", Long, vec![item("a")], vec![limit(), item("b")]),
        (
            "refused in small letters",
            Long,
            vec![item("a")],
            vec![Reply::error(503, "query_limit_exceeded", ""), item("b")],
        ),
        ("read refused once", Long, vec![limit(), item("a")], vec![item("b")]),
        ("blocked by hand", Long, vec![item("a")], vec![Reply::error(503, "OVERLOAD_LIMIT", "x")]),
        ("cut after it was done", Long, vec![item("a"), item("b")], vec![Reply::Cut]),
        ("cut, done later", Long, vec![item("a"), item("a"), item("b")], vec![Reply::Cut]),
        ("cut before it was done", Long, vec![item("a")], vec![Reply::Cut, item("b")]),
        ("cut inside the answer, done", Long, vec![item("a"), item("b")], vec![Reply::CutInside]),
        ("cut, then refused", Long, vec![item("a")], vec![Reply::Cut, refused()]),
        ("gateway, done", Long, vec![item("a"), item("b")], vec![gateway()]),
        ("gateway, done later", Long, vec![item("a"), item("a"), item("b")], vec![gateway()]),
        ("gateway, not done", UntilTheEnd, vec![item("a")], vec![gateway(), item("b")]),
        ("failed inside, done", Long, vec![item("a"), item("b")], vec![failed()]),
        ("failed inside, not done", Long, vec![item("a")], vec![failed(), item("b")]),
        ("failed inside for ever", Long, vec![item("a")], vec![failed()]),
        ("failed inside, then refused", Long, vec![item("a")], vec![failed(), refused()]),
        ("no answer, done", ForAStall, vec![item("a"), item("b")], vec![Reply::Stall]),
        (
            "no answer, done later",
            ForAStall,
            vec![item("a"), item("a"), item("b")],
            vec![Reply::Stall],
        ),
        ("something else is there", UntilTheEnd, vec![item("a"), other()], vec![Reply::Cut]),
        ("not to be read since", UntilTheEnd, vec![item("a"), gateway()], vec![Reply::Cut]),
        (
            "database failure for ever",
            Long,
            vec![item("a")],
            vec![Reply::error(500, "ERROR_CORE", "SQL query error!")],
        ),
    ];
    let running: Vec<_> = cases
        .into_iter()
        .map(|(name, patience, gets, updates)| {
            tokio::spawn(async move {
                let (answer, portal) = update_on(patience, gets, updates, rename()).await;
                format!("{name:<28} {}\n", verdict(&answer, &portal))
            })
        })
        .collect();
    let mut table = String::new();
    for line in running {
        table.push_str(&line.await.unwrap());
    }
    assert_snapshot!(table, @"
    refused once                 updated, 2 writes
    refused in small letters     updated, 2 writes
    read refused once            updated, 1 writes
    blocked by hand              PORTAL_BLOCKED written no, 1 writes
    cut after it was done        updated, 1 writes
    cut, done later              updated, 1 writes
    cut before it was done       updated, 2 writes
    cut inside the answer, done  updated, 1 writes
    cut, then refused            ACCESS_DENIED written unknown, 2 writes
    gateway, done                updated, 1 writes
    gateway, done later          updated, 1 writes
    gateway, not done            PORTAL_FAILED written unknown, 1 writes
    failed inside, done          updated, 1 writes
    failed inside, not done      updated, 2 writes
    failed inside for ever       PORTAL_FAILED written no, 3 writes
    failed inside, then refused  ACCESS_DENIED written no, 2 writes
    no answer, done              updated, 1 writes
    no answer, done later        updated, 1 writes
    something else is there      PORTAL_FAILED written unknown, 1 writes
    not to be read since         PORTAL_FAILED written unknown, 1 writes
    database failure for ever    PORTAL_FAILED written no, 3 writes
    ");
}

#[tokio::test]
async fn a_cut_write_is_sent_again_at_most_twice() {
    let call = update_on(Patience::UntilTheEnd, vec![item("a")], vec![Reply::Cut], rename());
    let (answer, portal) = call.await;
    assert_eq!(answer.json["error"]["written"], "unknown");
    assert!((1..=3).contains(&writes(&portal)), "{:?}", portal.methods());
}

#[tokio::test]
async fn a_call_that_the_portal_uses_up_does_not_blame_other_calls() {
    let stalled = || vec![Reply::Stall];
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", stalled()),
        ("crm.item.list", stalled()),
        ("crm.item.fields", stalled()),
        ("crm.item.update", stalled()),
        ("crm.status.list", stalled()),
        ("crm.category.list", stalled()),
    ])
    .await;
    let mut server =
        Server::with_settings(&portal.webhook(), &[("BITRIX24_CALL_TIMEOUT", "0.5")]).await;
    let calls = [
        ("update_crm_item", rename()),
        ("get_crm_item", json!({"entityTypeId": 2, "id": 351})),
        ("find_crm_items", json!({"entityTypeId": 2})),
        ("describe_crm_fields", json!({"entityTypeId": 2})),
    ];
    for (tool, arguments) in calls {
        let answer = server.call(tool, arguments).await;
        assert_eq!(answer.json["error"]["code"], "PORTAL_FAILED", "{tool}: {}", answer.json);
    }
}

#[tokio::test]
async fn a_change_waits_for_an_earlier_one_that_may_still_run() {
    let gateway = Reply::Body(502, "text/html", b"<html>".to_vec());
    let reads = |titles: &[&str]| titles.iter().map(|title| item(title)).collect::<Vec<_>>();
    let start = async |gets: Vec<Reply>| {
        let updates = vec![gateway.clone(), item("c")];
        let portal =
            ScriptedPortal::start(&[("crm.item.get", gets), ("crm.item.update", updates)]).await;
        let server =
            Server::with_settings(&portal.webhook(), &[("BITRIX24_CALL_TIMEOUT", "4")]).await;
        (portal, server)
    };
    let rename_again = || json!({"entityTypeId": 2, "id": 351, "fields": {"title": "c"}});

    // It never arrives: the next change is made, and says that it may.
    let (portal, mut server) = start(reads(&["a"])).await;
    assert_eq!(server.update(rename()).await.json["error"]["written"], "unknown");
    let mut planned = rename_again();
    planned["dryRun"] = json!(true);
    let note = "an earlier write of this item got no answer and may still be running at the portal: \
                it may change the item after this call";
    assert_eq!(server.update(planned).await.json["notes"], json!([note]));
    let methods_before = portal.methods().len();
    let answer = server.update(rename_again()).await;
    assert_eq!(answer.json["status"], "updated");
    assert_eq!(answer.json["notes"], json!([note]));
    // One read for the earlier write at least, then a fresh one before the write.
    assert!(portal.methods().len() >= methods_before + 3, "{:?}", portal.methods());
    assert_eq!(writes(&portal), 2);

    // It arrives late: the next change, which is told from the first by its spelling, comes after
    // it.
    let arrived = Reply::IfBody("useOriginalUfNames", Box::new(item("b")), Box::new(item("a")));
    let (_portal, mut late) = start(vec![arrived]).await;
    assert_eq!(late.update(rename()).await.json["error"]["written"], "unknown");
    let mut next = rename_again();
    next["useOriginalUfNames"] = json!("Y");
    let answer = late.update(next).await;
    assert_eq!(answer.json["status"], "updated");
    assert_eq!(answer.json["changes"][0]["before"], "b");
    let note = "an earlier write of this item, whose answer was lost, has since been applied";
    assert_eq!(answer.json["notes"], json!([note]));

    // Another item waits for nothing.
    let other = json!({"entityTypeId": 2, "id": 352, "fields": {"title": "c"}});
    assert_eq!(server.update(other).await.json["notes"], json!([]));
}

#[tokio::test]
async fn a_lost_answer_of_something_done_is_a_success_with_a_note() {
    let (answer, _) =
        update_on(Patience::Long, vec![item("a"), item("b")], vec![Reply::Cut], rename()).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": true,
      "status": "updated",
      "entityTypeId": 2,
      "id": 351,
      "link": "https://portal.example/crm/deal/details/351/",
      "changes": [
        {
          "field": "title",
          "before": "a",
          "after": "b"
        }
      ],
      "notes": [
        "the portal's answer was lost; reading the item showed that the update was applied"
      ],
      "item": {
        "id": 351,
        "title": "b"
      }
    }
    "#);
}

#[tokio::test]
async fn additions_and_uploads_are_never_sent_twice() {
    let phone = json!({"n0": {"typeId": "PHONE", "valueType": "WORK", "value": "+2"}});
    let contact = |fm: Value| Reply::item(json!({"id": 5, "fm": fm}));
    let call = json!({"entityTypeId": 3, "id": 5, "fields": {"fm": phone}});
    let lost =
        update_on(Patience::UntilTheEnd, vec![contact(json!([]))], vec![Reply::Cut], call.clone());
    let file = json!({"id": 351, "ufCrm_1": {"id": 4, "urlMachine": "x"}});
    let upload =
        json!({"entityTypeId": 2, "id": 351, "fields": {"ufCrm_1": ["a.txt", "aGVsbG8="]}});
    let lost_upload =
        update_on(Patience::UntilTheEnd, vec![Reply::item(file)], vec![Reply::Cut], upload);
    let ((answer, portal), (of_upload, upload_portal)) = tokio::join!(lost, lost_upload);
    assert_eq!(verdict(&answer, &portal), "PORTAL_FAILED written unknown, 1 writes");
    assert!(answer.json["error"]["hint"].as_str().unwrap().contains("may process the request"));

    let added = json!([{"id": 9, "typeId": "PHONE", "valueType": "WORK", "value": "+2"}]);
    let (answer, portal) =
        update_on(Patience::Long, vec![contact(json!([])), contact(added)], vec![Reply::Cut], call)
            .await;
    assert_eq!(verdict(&answer, &portal), "updated, 1 writes");

    assert_eq!(verdict(&of_upload, &upload_portal), "PORTAL_FAILED written unknown, 1 writes");
}

#[tokio::test]
async fn a_portal_that_never_answers_costs_one_deadline() {
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", vec![item("a"), Reply::Stall]),
        ("crm.item.update", vec![Reply::Stall]),
    ])
    .await;
    let mut server =
        Server::with_settings(&portal.webhook(), &[("BITRIX24_CALL_TIMEOUT", "1")]).await;
    let answer = server.update(rename()).await;
    assert_eq!(answer.json["error"]["written"], "unknown");
    assert_eq!(portal.methods(), ["crm.item.get", "crm.item.update", "crm.item.get"]);
}

#[tokio::test]
async fn the_time_that_a_method_has_to_wait_is_told() {
    let reset = bitrix24_reset(120);
    let with_time = json!({"result": {"item": deal("b")}, "time": {"operating_reset_at": reset}});
    let limit = Reply::error(429, "OPERATION_TIME_LIMIT", "blocked");
    let (portal, mut server) = on_portal(&[
        ("crm.item.get", vec![item("a")]),
        ("crm.item.update", vec![Reply::Json(200, with_time), limit.clone(), limit]),
    ])
    .await;
    assert_eq!(server.update(rename()).await.json["status"], "updated");
    let answer = server.update(rename()).await;
    let error = &answer.json["error"];
    assert_eq!(error["code"], "OPERATION_TIME_LIMIT");
    let seconds = error["retryAfterSeconds"].as_u64().unwrap();
    assert!((100..=120).contains(&seconds), "{seconds}");

    let mut fresh = Server::connected_to(&portal.webhook()).await;
    let answer = fresh.update(rename()).await;
    assert_eq!(answer.json["error"]["retryAfterSeconds"], 60);
}

fn bitrix24_reset(seconds: u64) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs() + seconds
}

#[tokio::test]
async fn hostile_answers_are_bounded_and_made_visible() {
    let many = format!("{{\"result\":[{}0]}}", "[],".repeat(2_000_000));
    let (answer, _) = update_on(
        Patience::UntilTheEnd,
        vec![item("a")],
        vec![Reply::Body(200, "application/json", many.into_bytes())],
        rename(),
    )
    .await;
    assert!(answer.json["error"]["message"].as_str().unwrap().contains("more than 200000 values"));

    let title = "evil\u{202e}txt\u{200b}\u{e0041}";
    let (answer, _) = update_on(Patience::Long, vec![item("a")], vec![item(title)], rename()).await;
    let shown = answer.json["notApplied"][0]["now"].as_str().unwrap();
    assert_eq!(shown, "evil\\u{202e}txt\\u{200b}\\u{e0041}");

    let (answer, _) = update_on(
        Patience::Long,
        vec![item("a")],
        vec![Reply::error(400, "0", &"x\u{7}".repeat(2_000))],
        rename(),
    )
    .await;
    let text = answer.json["error"]["portal"]["description"].as_str().unwrap();
    assert!(text.chars().count() < 4_000 && text.starts_with("x\\u{7}"), "{text}");
}
