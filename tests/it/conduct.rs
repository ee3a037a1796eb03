//! Conduct towards the portal: retries, lost answers, tokens, pace, and what a hostile one may send.

use std::time::Duration;

use bitrix24_crm_mcp::sandbox::{Rules, Sandbox};
use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{Answered, Server, answered, at_once, deal, item, program, rename, run},
};

/// Calls an update on a portal whose looks and writes are answered in turn.
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

async fn update_on(
    patience: Patience,
    gets: Vec<Reply>,
    updates: Vec<Reply>,
    call: Value,
) -> (Answered, ScriptedPortal) {
    let portal =
        ScriptedPortal::start(&[("crm.item.get", gets), ("crm.item.update", updates)]).await;
    let mut command = program();
    let (request, whole) = match patience {
        Patience::Long => ("15", "18"),
        Patience::UntilTheEnd => ("15", "6"),
        Patience::ForAStall => ("3", "18"),
    };
    command.env("BITRIX24_WEBHOOK_URL", portal.webhook());
    command.env("BITRIX24_REQUEST_TIMEOUT", request).env("BITRIX24_CALL_TIMEOUT", whole);
    let mut server = Server::opened(command, &portal.webhook()).await;
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
async fn what_did_not_run_is_sent_again_and_what_may_have_run_is_looked_at() {
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
        ("look refused once", Long, vec![limit(), item("a")], vec![item("b")]),
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
        ("something else stands", UntilTheEnd, vec![item("a"), other()], vec![Reply::Cut]),
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
    look refused once            updated, 1 writes
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
    something else stands        PORTAL_FAILED written unknown, 1 writes
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
    let mut command = program();
    command.env("BITRIX24_WEBHOOK_URL", portal.webhook()).env("BITRIX24_CALL_TIMEOUT", "1");
    let mut server = Server::opened(command, "").await;
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
    let looks = |titles: &[&str]| titles.iter().map(|title| item(title)).collect::<Vec<_>>();
    let start = async |gets: Vec<Reply>| {
        let updates = vec![gateway.clone(), item("c")];
        let portal =
            ScriptedPortal::start(&[("crm.item.get", gets), ("crm.item.update", updates)]).await;
        let mut command = program();
        command.env("BITRIX24_WEBHOOK_URL", portal.webhook()).env("BITRIX24_CALL_TIMEOUT", "4");
        let server = Server::opened(command, &portal.webhook()).await;
        (portal, server)
    };
    let rename_again = || json!({"entityTypeId": 2, "id": 351, "fields": {"title": "c"}});

    // It never arrives: the next change is made, and says that it may.
    let (portal, mut server) = start(looks(&["a"])).await;
    assert_eq!(server.update(rename()).await.json["error"]["written"], "unknown");
    let mut planned = rename_again();
    planned["dryRun"] = json!(true);
    let note = "an earlier write of this item got no answer and may still be running at the portal: \
                it may change the item after this call";
    assert_eq!(server.update(planned).await.json["notes"], json!([note]));
    let looks_before = portal.methods().len();
    let answer = server.update(rename_again()).await;
    assert_eq!(answer.json["status"], "updated");
    assert_eq!(answer.json["notes"], json!([note]));
    // One look for the earlier write at least, then a fresh one before the write.
    assert!(portal.methods().len() >= looks_before + 3, "{:?}", portal.methods());
    assert_eq!(writes(&portal), 2);

    // It arrives late: the next change, which is told from the first by its spelling, comes after it.
    let arrived = Reply::IfBody("useOriginalUfNames", Box::new(item("b")), Box::new(item("a")));
    let (_portal, mut late) = start(vec![arrived]).await;
    assert_eq!(late.update(rename()).await.json["error"]["written"], "unknown");
    let mut next = rename_again();
    next["useOriginalUfNames"] = json!("Y");
    let answer = late.update(next).await;
    assert_eq!(answer.json["status"], "updated");
    assert_eq!(answer.json["changes"][0]["before"], "b");
    let note =
        "an earlier write of this item, whose answer was lost, has been carried out meanwhile";
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
        "the portal's answer was lost; a look showed that the update was done"
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
    let (answer, portal) =
        update_on(Patience::UntilTheEnd, vec![contact(json!([]))], vec![Reply::Cut], call.clone())
            .await;
    assert_eq!(verdict(&answer, &portal), "PORTAL_FAILED written unknown, 1 writes");
    assert!(answer.json["error"]["hint"].as_str().unwrap().contains("may still be at work"));

    let added = json!([{"id": 9, "typeId": "PHONE", "valueType": "WORK", "value": "+2"}]);
    let (answer, portal) =
        update_on(Patience::Long, vec![contact(json!([])), contact(added)], vec![Reply::Cut], call)
            .await;
    assert_eq!(verdict(&answer, &portal), "updated, 1 writes");

    let file = json!({"id": 351, "ufCrm_1": {"id": 4, "urlMachine": "x"}});
    let call = json!({"entityTypeId": 2, "id": 351, "fields": {"ufCrm_1": ["a.txt", "aGVsbG8="]}});
    let (answer, portal) =
        update_on(Patience::UntilTheEnd, vec![Reply::item(file)], vec![Reply::Cut], call).await;
    assert_eq!(verdict(&answer, &portal), "PORTAL_FAILED written unknown, 1 writes");
}

#[tokio::test]
async fn a_portal_that_never_answers_costs_one_deadline() {
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", vec![item("a"), Reply::Stall]),
        ("crm.item.update", vec![Reply::Stall]),
    ])
    .await;
    let mut command = program();
    command.env("BITRIX24_WEBHOOK_URL", portal.webhook()).env("BITRIX24_CALL_TIMEOUT", "1");
    let mut server = Server::opened(command, "").await;
    let answer = server.update(rename()).await;
    assert_eq!(answer.json["error"]["written"], "unknown");
    assert_eq!(portal.methods(), ["crm.item.get", "crm.item.update", "crm.item.get"]);
}

#[tokio::test]
async fn the_time_that_a_method_has_to_wait_is_told() {
    let reset = bitrix24_reset(120);
    let with_time = json!({"result": {"item": deal("b")}, "time": {"operating_reset_at": reset}});
    let limit = Reply::error(429, "OPERATION_TIME_LIMIT", "blocked");
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", vec![item("a")]),
        ("crm.item.update", vec![Reply::Json(200, with_time), limit.clone(), limit]),
    ])
    .await;
    let mut server = Server::connected_to(&portal.webhook()).await;
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
async fn looks_travel_together() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut command = program();
    command.env("BITRIX24_WEBHOOK_URL", sandbox.webhook_url()).env("BITRIX24_RATE", "4/20");
    let mut server = Server::opened(command, &sandbox.webhook_url()).await;
    let items =
        [(1, 21), (1, 22), (2, 101), (2, 102), (2, 351), (2, 355), (4, 11), (4, 12), (7, 71)];
    let calls = items.map(|(entity_type_id, id)| {
        json!({"entityTypeId": entity_type_id, "id": id, "fields": {"title": "together"}})
    });
    let missing = json!({"entityTypeId": 2, "id": 999, "fields": {"title": "together"}});
    let calls: Vec<Value> = calls.into_iter().chain([missing]).collect();
    let answers = at_once(&mut server, calls).await;
    let updated = answers.iter().filter(|answer| answer.json["status"] == "updated").count();
    let not_found =
        answers.iter().filter(|answer| answer.json["error"]["code"] == "ITEM_NOT_FOUND").count();
    assert_eq!((updated, not_found), (9, 1));
    let methods: Vec<String> = sandbox.received().into_iter().map(|it| it.method).collect();
    let requests = methods.iter().filter(|it| ["batch", "crm.item.get"].contains(&it.as_str()));
    // The looks inside the batch are received by the sandbox as one request.
    assert!(requests.clone().count() < 10, "{methods:?}");
    assert!(requests.clone().any(|method| method == "batch"), "{methods:?}");
    // A lone look is no batch.
    server.update(rename()).await;
    assert_eq!(sandbox.received().iter().rev().nth(1).unwrap().method, "crm.item.get");
}

#[tokio::test]
async fn a_portal_without_batches_is_looked_at_one_by_one() {
    let portal = ScriptedPortal::with_item(deal("a"), deal("b")).await;
    let mut command = program();
    command.env("BITRIX24_WEBHOOK_URL", portal.webhook()).env("BITRIX24_RATE", "4/50");
    let mut server = Server::opened(command, "").await;
    let calls = || (1..=8).map(|id| json!({"entityTypeId": 2, "id": id, "fields": {"title": "b"}}));
    let batches = || portal.methods().iter().filter(|method| *method == "batch").count();
    let answers = at_once(&mut server, calls().collect()).await;
    assert!(answers.iter().all(|answer| answer.json["status"] == "updated"));
    let tried = batches();
    assert!(tried >= 1);
    let answers = at_once(&mut server, calls().collect()).await;
    assert!(answers.iter().all(|answer| answer.json["status"] == "updated"));
    assert_eq!(batches(), tried);
}

#[tokio::test]
async fn an_odd_refusal_of_one_batch_ends_no_others() {
    let refused = Reply::error(400, "SOMETHING_ODD", "odd");
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", vec![item("a")]),
        ("crm.item.update", vec![item("b")]),
        ("batch", vec![refused]),
    ])
    .await;
    let mut command = program();
    command.env("BITRIX24_WEBHOOK_URL", portal.webhook()).env("BITRIX24_RATE", "4/50");
    let mut server = Server::opened(command, "").await;
    let calls = || (1..=8).map(|id| json!({"entityTypeId": 2, "id": id, "fields": {"title": "b"}}));
    let batches = || portal.methods().iter().filter(|method| *method == "batch").count();
    let answers = at_once(&mut server, calls().collect()).await;
    assert!(answers.iter().all(|answer| answer.json["status"] == "updated"));
    let tried = batches();
    let answers = at_once(&mut server, calls().collect()).await;
    assert!(answers.iter().all(|answer| answer.json["status"] == "updated"));
    assert!(batches() > tried);
}

#[tokio::test]
async fn a_stalled_look_holds_up_no_other_item() {
    let stalls = Reply::IfBody("\"entityTypeId\":1,", Box::new(Reply::Stall), Box::new(item("a")));
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", vec![stalls]),
        ("crm.item.update", vec![item("b")]),
        ("batch", vec![Reply::Stall]),
    ])
    .await;
    let mut command = program();
    command.env("BITRIX24_WEBHOOK_URL", portal.webhook()).env("BITRIX24_CALL_TIMEOUT", "16");
    let mut server = Server::opened(command, "").await;
    let call = |entity, id| json!({"entityTypeId": entity, "id": id, "fields": {"title": "b"}});
    let leads = (1..=7).map(|id| call(1, id));
    let deals = (1..=7).map(|id| call(2, id));
    let answers = at_once(&mut server, leads.chain(deals).collect()).await;
    // Those that stall are answered last, when their time is over.
    let (first, last) = answers.split_at(7);
    assert!(first.iter().all(|answer| answer.json["status"] == "updated"), "{answers:?}");
    assert!(last.iter().all(|answer| answer.is_error));
}

#[tokio::test]
async fn a_burst_loses_and_doubles_nothing() {
    let sandbox = Sandbox::start().await.unwrap();
    // Tighter than what the program believes, so that the portal really refuses.
    sandbox.set_rules(Rules { limit: Some((6.0, 20.0)), ..Rules::default() });
    let mut command = program();
    command.env("BITRIX24_WEBHOOK_URL", sandbox.webhook_url()).env("BITRIX24_RATE", "20/50");
    let mut server = Server::opened(command, &sandbox.webhook_url()).await;
    let numbers = 1..=24;
    let calls = numbers.clone().map(|number| {
        let phone = json!({"typeId": "PHONE", "valueType": "WORK", "value": format!("+{number}")});
        json!({"entityTypeId": 3, "id": 6, "fields": {"fm": [phone]}})
    });
    let answers = at_once(&mut server, calls.collect()).await;
    assert!(answers.iter().all(|answer| answer.json["status"] == "updated"), "{answers:?}");
    sandbox.set_rules(Rules::default());
    let item = server
        .update(json!({"entityTypeId": 3, "id": 6, "dryRun": true, "fields": {"post": "x"}}))
        .await;
    let phones = item.json["item"]["fm"].as_array().unwrap();
    let mut values: Vec<&str> = phones.iter().map(|it| it["value"].as_str().unwrap()).collect();
    values.sort_unstable();
    let mut expected: Vec<String> = numbers.map(|number| format!("+{number}")).collect();
    expected.sort_unstable();
    assert_eq!(values, expected);
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
    assert!(finished.stderr.contains("given up"), "{}", finished.stderr);
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

#[tokio::test]
async fn hostile_answers_are_bounded_and_made_visible() {
    let many = format!("{{\"result\":[{}0]}}", "[],".repeat(2_000_000));
    let (answer, _) = update_on(
        Patience::Long,
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

#[tokio::test]
async fn check_names_each_mistake() {
    let sandbox = Sandbox::start().await.unwrap();
    let refusing = |status: u16, code: &str| {
        let reply = Reply::error(status, code, "x");
        vec![("profile", vec![reply])]
    };
    let profile =
        || ("profile", vec![Reply::Json(200, json!({"result": {"ID": "7", "NAME": "Ann"}}))]);
    let scope = |scopes: Value| ("scope", vec![Reply::Json(200, json!({"result": scopes}))]);
    let no_method =
        Reply::Json(200, json!({"result": {"isExisting": false, "isAvailable": false}}));
    let page = Reply::Body(200, "text/html", b"<h1>It works</h1>".to_vec());
    let portals = [
        ("wrong secret", refusing(401, "INVALID_CREDENTIALS")),
        (
            "plan",
            vec![("profile", vec![Reply::error(403, "ACCESS_DENIED", "only on commercial plans")])],
        ),
        ("no portal", vec![("profile", vec![page])]),
        (
            "moved",
            vec![(
                "profile",
                vec![Reply::Redirect("https://new.example/rest/1/x/profile".to_owned())],
            )],
        ),
        ("scope", vec![profile(), scope(json!(["task"]))]),
        ("old portal", vec![profile(), scope(json!(["crm"])), ("method.get", vec![no_method])]),
    ];
    let mut told = String::new();
    let mut tell = |name: &str, finished: crate::support::Finished| {
        assert_eq!(finished.code, Some(i32::from(finished.stdout.contains('✗'))), "{name}");
        let address = without_ports(&finished.stdout);
        told.push_str(&format!("# {name}\n{address}\n"));
    };
    for (name, replies) in portals {
        let portal = ScriptedPortal::start(&replies).await;
        let finished =
            run(program().arg("check").env("BITRIX24_WEBHOOK_URL", portal.webhook())).await;
        tell(name, finished);
    }
    let closed = ScriptedPortal::start(&[]).await.webhook();
    let webhooks = [
        ("nothing set", String::new()),
        ("malformed", "https://acme.example/rest/s3cret".to_owned()),
        ("closed port", closed),
        ("all is well", sandbox.webhook_url()),
    ];
    for (name, webhook) in webhooks {
        tell(name, run(program().arg("check").env("BITRIX24_WEBHOOK_URL", webhook)).await);
    }
    assert_snapshot!(told, @"
    # wrong secret
    ✓ the settings are well formed: http://127.0.0.1
    ✓ the portal was reached
    ✗ the portal did not accept the sign-in (`INVALID_CREDENTIALS`)
      → make a new webhook in the portal and put its address into the settings

    # plan
    ✓ the settings are well formed: http://127.0.0.1
    ✓ the portal was reached
    ✗ the portal's plan does not include this (`ACCESS_DENIED`)
      → no other call helps; a person has to change the portal's plan

    # no portal
    ✓ the settings are well formed: http://127.0.0.1
    ✗ the portal gave no usable answer: an answer with HTTP status 200 that is not JSON
      → something else than a Bitrix24 portal answers at this address, or a proxy stands between; check the address

    # moved
    ✓ the settings are well formed: http://127.0.0.1
    ✗ the portal has moved to `https://new.example`
      → a person has to put the portal's new address into the settings (`BITRIX24_WEBHOOK_URL` or `BITRIX24_PORTAL_URL`); redirects are not followed, because they would carry the secret to another address

    # scope
    ✓ the settings are well formed: http://127.0.0.1
    ✓ the portal was reached and has accepted the sign-in
    ✓ calls have the rights of user 7 (Ann)
    ✗ the scope `crm` is missing
      → edit the webhook or application in the portal and add the permission CRM

    # old portal
    ✓ the settings are well formed: http://127.0.0.1
    ✓ the portal was reached and has accepted the sign-in
    ✓ calls have the rights of user 7 (Ann)
    ✓ the scope `crm` is there; people could be found by name with `user_basic` as well
    ✗ the method `crm.item.update` is not available
      → this portal's CRM is too old; update it

    # nothing set
    ✗ no portal is set
      → a person has to set `BITRIX24_WEBHOOK_URL` in the MCP client's configuration to the address of an inbound webhook with the scope `crm`, such as `https://example.bitrix24.com/rest/1/abcdefgh12345678/`, and start the server again; with `BITRIX24_SANDBOX=1` it works on an embedded demo portal

    # malformed
    ✗ `BITRIX24_WEBHOOK_URL` must end in `/rest/{user}/{secret}/`, with the number of a user and the secret of the webhook
      → correct the setting

    # closed port
    ✓ the settings are well formed: http://127.0.0.1
    ✗ the portal cannot be reached: Connection refused (os error 111)
      → check the network and the portal's address, then repeat the call

    # all is well
    ✓ the settings are well formed: http://127.0.0.1
    ✓ the portal was reached and has accepted the sign-in
    ✓ calls have the rights of user 1 (Sandbox User, an administrator)
    ✓ the scope `crm` is there, and people can be found by name
    ✓ the method `crm.item.update` is available
    ✓ leads can be read
    ✓ deals can be read
    ✓ contacts can be read
    ✓ companies can be read
    ✓ quotes can be read
    ✓ invoices can be read
    ");
}

/// The text with the ports of test portals taken out.
fn without_ports(text: &str) -> String {
    let mut parts = text.split("http://127.0.0.1:");
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        plain.push_str("http://127.0.0.1");
        plain.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    plain
}
