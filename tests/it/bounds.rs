//! Work that is bounded: whatever is asked, a ping is answered at once, and unread answers do not
//! pile up.

use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{DESCRIBE, FIND, GET, Server, on_item, on_portal, on_sandbox},
};

/// A portal with many fields of long titles.
async fn wide_portal() -> ScriptedPortal {
    let field = |number: u32| {
        let title = format!("Field number {number} of the department");
        (format!("ufCrm_{number}"), json!({"type": "string", "title": title}))
    };
    let fields: serde_json::Map<String, Value> = (0..2_000).map(field).collect();
    ScriptedPortal::start(&[
        ("crm.item.get", vec![Reply::item(json!({"id": 351, "title": "a"}))]),
        ("crm.item.fields", vec![Reply::Json(200, json!({"result": {"fields": fields}}))]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.category.list", vec![Reply::Json(200, json!({"result": {"categories": []}}))]),
        ("user.get", vec![Reply::Json(200, json!({"result": []}))]),
        ("user.search", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.currency.list", vec![Reply::Json(200, json!({"result": []}))]),
    ])
    .await
}

#[tokio::test]
async fn no_name_however_long_or_many_is_compared_for_ever() {
    let portal = wide_portal().await;
    let mut server = Server::connected_to(&portal.webhook()).await;
    let names = |count: u32, length: usize| -> Value {
        let name = |number: u32| (format!("{}{number}", "ufCrm_x".repeat(length)), json!(1));
        (0..count).map(name).collect::<serde_json::Map<_, _>>().into()
    };
    let update = |fields: Value| json!({"entityTypeId": 2, "id": 351, "fields": fields});
    let calls = [
        ("update_crm_item", update(names(1, 150_000))),
        ("update_crm_item", update(names(300, 1_500))),
        ("update_crm_item", update(names(40, 2))),
        (FIND, json!({"entityTypeId": 2, "filter": names(40, 2)})),
        (DESCRIBE, json!({"entityTypeId": 2, "query": "department ".repeat(20_000)})),
        (DESCRIBE, json!({"entityTypeId": 2, "query": "x".repeat(200_000)})),
    ];
    for (tool, arguments) in calls {
        let answer = server.call(tool, arguments).await;
        let length = answer.json.to_string().chars().count();
        assert!(length <= 8_000, "{tool}: {length}");
    }
}

#[tokio::test]
async fn many_calls_at_a_stalled_portal_are_read_as_earlier_ones_end() {
    let portal = ScriptedPortal::start(&[("crm.item.get", vec![Reply::Stall])]).await;
    let mut server =
        Server::with_settings(&portal.webhook(), &[("BITRIX24_CALL_TIMEOUT", "1")]).await;
    // More than are read at once, and few enough for the rest to fit into a pipe: this client reads
    // nothing before it has written all.
    let count = 800;
    for id in 0..count {
        server.send_call(json!(id), GET, json!({"entityTypeId": 2, "id": id + 1})).await;
    }
    let mut answered = std::collections::BTreeSet::new();
    for _ in 0..count {
        answered.insert(server.receive().await.unwrap()["id"].as_u64().unwrap());
    }
    assert_eq!(answered.len(), count);
}

#[tokio::test]
async fn an_item_of_many_fields_is_answered_in_short() {
    let fields = |title: &str| {
        let mut item = json!({"id": 351, "title": title, "stageId": "NEW", "opportunity": 5});
        for number in 0..1_000 {
            item[format!("ufCrm_{number}")] = json!(format!("value {number}"));
        }
        item
    };
    let (_portal, mut server) = on_item(fields("a"), fields("b")).await;
    let call = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}});
    let answer = server.update(call).await.json;
    assert_eq!(answer["status"], "updated");
    assert!(answer.to_string().chars().count() <= 1_200, "{answer}");
    let known_by = json!({"id": 351, "title": "b", "stageId": "NEW", "opportunity": 5});
    assert_eq!(answer["item"], known_by);
}

#[tokio::test]
async fn errors_are_bounded_like_successes() {
    let stage = |number: u32| json!({"ENTITY_ID": "DEAL_STAGE", "STATUS_ID": format!("S{number}"), "NAME": "x".repeat(200_000)});
    let stages: Value = (0..10).map(stage).collect();
    let (_portal, mut server) = on_portal(&[
        ("crm.item.get", vec![Reply::item(json!({"id": 351, "stageId": "S1"}))]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": stages}))]),
    ])
    .await;
    let call = json!({"entityTypeId": 2, "id": 351, "fields": {"stageId": "no such stage"}});
    let answer = server.update(call).await;
    assert_eq!(answer.json["error"]["code"], "INVALID_ARGUMENTS");
    assert_eq!(answer.json["error"]["problems"][0]["options"][9]["code"], "S9");
    assert!(answer.json.to_string().chars().count() <= 8_000);

    let (_sandbox, mut server) = on_sandbox().await;
    let call = json!({"entityTypeId": 2, "id": 351, "fields": {("y".repeat(200_000)): 1}});
    let answer = server.update(call).await;
    assert!(answer.json.to_string().chars().count() <= 8_000);
    assert!(answer.sentence.unwrap().chars().count() <= 1_000);
}

#[tokio::test]
async fn a_portal_that_always_has_another_page_is_read_to_an_end() {
    let page =
        json!({"result": [{"ENTITY_ID": "SOURCE", "STATUS_ID": "A", "NAME": "a"}], "next": 1});
    let pages: Vec<Reply> = (1..=60)
        .map(|next| {
            let mut page = page.clone();
            page["next"] = json!(next * 50);
            Reply::Json(200, page)
        })
        .collect();
    let (portal, mut server) = on_portal(&[
        ("crm.item.get", vec![Reply::item(json!({"id": 351, "sourceId": "A"}))]),
        ("crm.item.update", vec![Reply::item(json!({"id": 351, "sourceId": "B"}))]),
        ("crm.status.list", pages),
    ])
    .await;
    let call = json!({"entityTypeId": 2, "id": 351, "fields": {"sourceId": "B"}});
    let answer = server.update(call).await.json;
    assert_eq!(answer["status"], "updated");
    let note =
        "`fields.sourceId` was not checked: the portal's directories have more than 40 pages";
    assert_eq!(answer["notes"], json!([note]));
    let read = portal.methods().into_iter().filter(|method| method == "crm.status.list");
    assert_eq!(read.count(), 40);
}
