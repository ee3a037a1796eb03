//! Names beside codes: where they come from, what they cost, and that nothing waits for them.

use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{FIND, GET, on_portal, on_sandbox},
};

/// What the portal was asked, batches for names included.
fn all_methods(portal: &ScriptedPortal) -> Vec<String> {
    let method = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    portal.all_requests().iter().map(|request| method(&request.path)).collect()
}

fn deal(title: &str) -> Reply {
    Reply::item(json!({
        "id": 351, "title": title, "stageId": "C9:NEW", "categoryId": 9, "assignedById": 7,
        "companyId": 11, "contactId": 5,
    }))
}

/// The answer to the batch that asks for all names of the deal.
fn names() -> Reply {
    let stages = json!([{"ENTITY_ID": "DEAL_STAGE_9", "STATUS_ID": "C9:NEW", "NAME": "Request"}]);
    Reply::Json(
        200,
        json!({"result": {
            "result": {
                "directories": stages,
                "pipelines2": {"categories": [{"id": 9, "name": "Service"}]},
                "user7": [{"ID": "7", "NAME": "Olga", "LAST_NAME": "Ivanova"}],
                "items3": {"items": [{"id": 5, "name": "Anna", "lastName": "Lindqvist"}]},
                "items4": {"items": [{"id": 11, "title": "Acme Tools"}]},
            },
            "result_error": [], "result_total": [], "result_next": [], "result_time": [],
        }}),
    )
}

#[tokio::test]
async fn names_cost_one_batch_beside_the_first_write() {
    let (portal, mut server) = on_portal(&[
        ("crm.item.get", vec![deal("a"), deal("b")]),
        ("crm.item.update", vec![deal("b"), deal("c")]),
        ("batch", vec![names()]),
    ])
    .await;
    for title in ["b", "c"] {
        let call = json!({"entityTypeId": 2, "id": 351, "fields": {"title": title}});
        let answer = server.update(call).await.json;
        assert_eq!(answer["status"], "updated");
        let named = json!({
            "stageId": {"C9:NEW": "Request"}, "categoryId": {"9": "Service"},
            "assignedById": {"7": "Olga Ivanova"}, "companyId": {"11": "Acme Tools"},
            "contactId": {"5": "Anna Lindqvist"},
        });
        assert_eq!(answer["names"], named, "{title}");
    }
    let expected = ["crm.item.get", "crm.item.update", "batch", "crm.item.get", "crm.item.update"];
    assert_eq!(all_methods(&portal), expected);
}

#[tokio::test]
async fn a_write_does_not_wait_for_names_that_do_not_come() {
    for batch in [Reply::Stall, Reply::Cut, Reply::error(400, "ACCESS_DENIED", "no")] {
        let (portal, mut server) = on_portal(&[
            ("crm.item.get", vec![deal("a")]),
            ("crm.item.update", vec![deal("b")]),
            ("batch", vec![batch]),
        ])
        .await;
        let call = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}});
        let answer = server.update(call).await.json;
        assert_eq!(answer["status"], "updated");
        assert_eq!(answer["item"]["stageId"], "C9:NEW");
        assert_eq!(answer.get("names"), None);
        assert_eq!(all_methods(&portal), ["crm.item.get", "crm.item.update", "batch"]);
    }
}

#[tokio::test]
async fn what_brought_no_name_is_not_asked_again_at_once() {
    let (portal, mut server) = on_portal(&[
        ("crm.item.get", vec![deal("a")]),
        ("batch", vec![Reply::error(400, "SOMETHING_ODD", "odd")]),
    ])
    .await;
    for _ in 0..3 {
        server.call(GET, json!({"entityTypeId": 2, "id": 351})).await;
    }
    let batches = all_methods(&portal).iter().filter(|method| *method == "batch").count();
    assert_eq!(batches, 1);
}

#[tokio::test]
async fn items_of_types_that_are_left_out_are_not_named() {
    let portal =
        ScriptedPortal::start(&[("crm.item.get", vec![deal("a")]), ("batch", vec![names()])]).await;
    let settings = [("BITRIX24_ENTITY_TYPES", "2")];
    let mut server = crate::support::Server::with_settings(&portal.webhook(), &settings).await;
    let answer = server.call(GET, json!({"entityTypeId": 2, "id": 351})).await.json;
    assert_eq!(answer["names"]["stageId"], json!({"C9:NEW": "Request"}));
    let asked = portal.all_requests().pop().unwrap().text;
    assert!(asked.contains("crm.status.list") && !asked.contains("crm.item.list"), "{asked}");
}

#[tokio::test]
async fn items_of_one_name_are_told_apart() {
    let rows = json!([
        {"id": 1, "name": "Anna", "lastName": "Berg", "companyId": 11},
        {"id": 2, "name": "anna", "lastName": "Berg", "companyId": 11},
        {"id": 3, "name": "Boris", "lastName": "Berg"},
    ]);
    let more = json!([
        {"id": 1, "name": "Anna", "lastName": "Berg", "companyId": 11, "phone": "+1",
         "createdTime": "2026-01-02T10:00:00+02:00", "comments": ""},
        {"id": 2, "name": "anna", "lastName": "Berg", "companyId": 11, "phone": null,
         "createdTime": "2026-03-04T10:00:00+02:00", "comments": "x".repeat(100)},
    ]);
    let list = |items: &Value| Reply::Json(200, json!({"result": {"items": items}}));
    let (_portal, mut server) =
        on_portal(&[("crm.item.list", vec![list(&rows), list(&more)])]).await;
    let answer = server.call(FIND, json!({"entityTypeId": 3})).await.json;
    assert_eq!(answer["notes"], json!(["2 items with this name: 1, 2; ask which one is meant"]));
    let comment = format!("{}…", "x".repeat(60));
    let told = json!([
        {"id": 1, "name": "Anna", "lastName": "Berg", "companyId": 11, "phone": "+1",
         "createdTime": "2026-01-02"},
        {"id": 2, "name": "anna", "lastName": "Berg", "companyId": 11,
         "createdTime": "2026-03-04", "comments": comment},
        {"id": 3, "name": "Boris", "lastName": "Berg"},
    ]);
    assert_eq!(answer["items"], told);
}

#[tokio::test]
async fn many_items_are_short_in_any_form() {
    let (sandbox, mut server) = on_sandbox().await;
    let answer = server.call(FIND, json!({"entityTypeId": 2})).await.json;
    assert!(answer["items"][0].is_object() && answer.get("columns").is_none());
    // Alike but for id and title: what is common is said once.
    sandbox.add_deals(20);
    let filter = json!({"entityTypeId": 2, "query": "Deal", "select": ["comments", "opened"]});
    let answer = server.call(FIND, filter).await.json;
    assert_eq!(answer["items"].as_array().unwrap().len(), 20);
    assert!(answer.to_string().chars().count() <= 3_500, "{answer}");
    // Different in all respects: a table.
    let deal = |id: u32| {
        json!({"id": id, "title": format!("Delivery of office furniture, part {id}"),
               "stageId": format!("C{}:NEW", id % 4), "categoryId": id % 4, "opportunity": 900 + id,
               "currencyId": if id.is_multiple_of(2) { "EUR" } else { "USD" }, "assignedById": id % 5 + 1,
               "companyId": 100 + id, "contactId": 200 + id})
    };
    let items: Vec<Value> = (1..=20).map(deal).collect();
    let list = Reply::Json(200, json!({"result": {"items": items}}));
    let (_portal, mut server) = on_portal(&[("crm.item.list", vec![list])]).await;
    let answer = server.call(FIND, json!({"entityTypeId": 2})).await.json;
    let columns = [
        "id",
        "title",
        "stageId",
        "categoryId",
        "opportunity",
        "currencyId",
        "assignedById",
        "companyId",
        "contactId",
    ];
    assert_eq!(answer["columns"], json!(columns));
    let first =
        json!([1, "Delivery of office furniture, part 1", "C1:NEW", 1, 901, "USD", 2, 101, 201]);
    assert_eq!(answer["items"][0], first);
    assert!(answer.to_string().chars().count() <= 3_500, "{answer}");
}
