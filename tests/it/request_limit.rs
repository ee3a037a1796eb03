//! Many changes at once: reads that go out in batches, and the portal's request limit.

use bitrix24_crm_mcp::sandbox::{Rules, Sandbox};
use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{Server, at_once, deal, item, received, rename, updates},
};

/// Entity types and ids of the sandbox.
const NINE_ITEMS: [(u64, u64); 9] =
    [(1, 21), (1, 22), (2, 101), (2, 102), (2, 351), (2, 355), (4, 11), (4, 12), (7, 71)];

/// How many batches the portal got after each of two bursts of changes, which all succeed.
async fn batches_of_two_bursts(portal: &ScriptedPortal) -> [usize; 2] {
    let mut server = Server::with_settings(&portal.webhook(), &[("BITRIX24_RATE", "4/50")]).await;
    let mut batches = [0; 2];
    for batches in &mut batches {
        let calls =
            (1..=8).map(|id| json!({"entityTypeId": 2, "id": id, "fields": {"title": "b"}}));
        let answers = at_once(&mut server, calls.collect()).await;
        assert!(answers.iter().all(|answer| answer.json["status"] == "updated"));
        *batches = portal.methods().iter().filter(|method| *method == "batch").count();
    }
    batches
}

#[tokio::test]
async fn reads_go_out_together() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut server =
        Server::with_settings(&sandbox.webhook_url(), &[("BITRIX24_RATE", "4/20")]).await;
    let calls = NINE_ITEMS.map(|(entity_type_id, id)| {
        json!({"entityTypeId": entity_type_id, "id": id, "fields": {"title": "together"}})
    });
    let missing = json!({"entityTypeId": 2, "id": 999, "fields": {"title": "together"}});
    let calls: Vec<Value> = calls.into_iter().chain([missing]).collect();
    let answers = at_once(&mut server, calls).await;
    let updated = answers.iter().filter(|answer| answer.json["status"] == "updated").count();
    let not_found =
        answers.iter().filter(|answer| answer.json["error"]["code"] == "ITEM_NOT_FOUND").count();
    assert_eq!((updated, not_found), (9, 1));
    let methods: Vec<String> = received(&sandbox).into_iter().map(|it| it.method).collect();
    let requests = methods.iter().filter(|it| ["batch", "crm.item.get"].contains(&it.as_str()));
    // The reads inside the batch are received by the sandbox as one request.
    assert!(requests.clone().count() < 10, "{methods:?}");
    assert!(requests.clone().any(|method| method == "batch"), "{methods:?}");
    // A lone read is no batch.
    server.update(rename()).await;
    assert_eq!(received(&sandbox).iter().rev().nth(1).unwrap().method, "crm.item.get");
}

#[tokio::test]
async fn a_portal_without_batches_is_read_one_by_one() {
    let portal = ScriptedPortal::with_item(deal("a"), deal("b")).await;
    let [first, both] = batches_of_two_bursts(&portal).await;
    assert!(first >= 1);
    assert_eq!(both, first);
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
    let [first, both] = batches_of_two_bursts(&portal).await;
    assert!(both > first);
}

#[tokio::test]
async fn a_stalled_read_holds_up_no_other_item() {
    let stalls = Reply::IfBody("\"entityTypeId\":1,", Box::new(Reply::Stall), Box::new(item("a")));
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", vec![stalls]),
        ("crm.item.update", vec![item("b")]),
        ("batch", vec![Reply::Stall]),
    ])
    .await;
    let mut server =
        Server::with_settings(&portal.webhook(), &[("BITRIX24_CALL_TIMEOUT", "10")]).await;
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
    let mut server =
        Server::with_settings(&sandbox.webhook_url(), &[("BITRIX24_RATE", "20/50")]).await;
    let numbers = 1..=12;
    let calls = numbers.clone().map(|number| {
        let phone = json!({"typeId": "PHONE", "valueType": "WORK", "value": format!("+{number}")});
        json!({"entityTypeId": 3, "id": 6, "fields": {"fm": [phone]}})
    });
    let answers = at_once(&mut server, calls.collect()).await;
    assert!(answers.iter().all(|answer| answer.json["status"] == "updated"), "{answers:?}");
    sandbox.set_rules(Rules::default());
    let item =
        server.call("get_crm_item", json!({"entityTypeId": 3, "id": 6, "select": ["fm"]})).await;
    let phones = item.json["item"]["fm"].as_array().unwrap();
    let mut values: Vec<&str> = phones.iter().map(|it| it["value"].as_str().unwrap()).collect();
    values.sort_unstable();
    let mut expected: Vec<String> = numbers.map(|number| format!("+{number}")).collect();
    expected.sort_unstable();
    assert_eq!(values, expected);
}

/// One read and one write go out alone; the other reads go out together, and their writes wait each a
/// second longer than the one before.
#[tokio::test]
async fn what_cannot_be_served_in_time_is_told_before_others_are_served() {
    let sandbox = Sandbox::start().await.unwrap();
    let settings = [("BITRIX24_RATE", "1/1"), ("BITRIX24_CALL_TIMEOUT", "6")];
    let mut server = Server::with_settings(&sandbox.webhook_url(), &settings).await;
    let calls = NINE_ITEMS.map(|(entity_type_id, id)| {
        json!({"entityTypeId": entity_type_id, "id": id, "fields": {"title": "in time"}})
    });
    let answers = at_once(&mut server, calls.to_vec()).await;
    let (updated, refused): (Vec<_>, Vec<_>) =
        (0..answers.len()).partition(|at| answers[*at].json["status"] == "updated");
    assert!(updated.last() > refused.last() && !refused.is_empty(), "{answers:?}");
    for error in refused.iter().map(|at| &answers[*at].json["error"]) {
        assert_eq!(error["code"], "RATE_LIMITED");
        assert_eq!(error["written"], "no");
        assert!(error["message"].as_str().unwrap().starts_with("other calls are waiting"));
        assert!((1..=9).contains(&error["retryAfterSeconds"].as_u64().unwrap()), "{error}");
    }
    assert_eq!(updates(&sandbox).len(), updated.len());
}

#[tokio::test]
async fn a_call_alone_that_the_limit_never_serves_in_time_is_told_the_seconds() {
    let sandbox = Sandbox::start().await.unwrap();
    let settings = [("BITRIX24_RATE", "1/0.01")];
    let mut server = Server::with_settings(&sandbox.webhook_url(), &settings).await;
    let error = &server.update(rename()).await.json["error"];
    assert_eq!(error["code"], "RATE_LIMITED");
    assert_eq!(
        error["message"],
        "the portal's request limit allows no request before this call's time is over"
    );
    assert!((90..=100).contains(&error["retryAfterSeconds"].as_u64().unwrap()), "{error}");
    assert_eq!(updates(&sandbox).len(), 0);
}
