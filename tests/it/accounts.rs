//! Two accounts in one process: nothing of one is seen by the other.

use std::sync::Arc;

use bitrix24_crm_mcp::{
    account::{Account, Client},
    portal::{Connection, Endpoint, SignIn},
    tools::{Answer, Registry, ToolSelection},
    uploads::Policy,
};
use serde_json::{Value, json};

use crate::scripted_portal::{Reply, ScriptedPortal};

async fn call(registry: &Registry, account: &Account, tool: &str, arguments: Value) -> Value {
    match registry.call(Ok(account), tool, arguments, Client::default()).await.unwrap() {
        Answer::Success(json) | Answer::Error { json, .. } => json,
    }
}

/// An account at a portal whose fields and items have that name.
async fn account(name: &str, echoed: &str) -> (ScriptedPortal, Account) {
    let field = json!({"type": "string", "title": name, "isDynamic": true, "isMultiple": false});
    let fields = json!({"result": {"fields": {(format!("ufCrm{name}")): field}}});
    let portal = ScriptedPortal::start(&[
        ("crm.item.fields", vec![Reply::Json(200, fields)]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.category.list", vec![Reply::Json(200, json!({"result": {"categories": []}}))]),
        ("crm.item.get", vec![Reply::item(json!({"id": 351, "title": echoed}))]),
    ])
    .await;
    let sign_in = SignIn::webhook(&portal.webhook()).unwrap();
    let endpoint = Arc::new(Endpoint::new(Connection::STANDARD));
    (portal, Account::new(endpoint, sign_in, Policy::STANDARD))
}

#[tokio::test]
async fn metadata_and_items_do_not_cross() {
    let registry = Registry::new(ToolSelection::default());
    let (one_portal, one) = account("One", "of one").await;
    let (other_portal, other) = account("Other", "of the other").await;
    let describe = json!({"entityTypeId": 2});
    let get = json!({"entityTypeId": 2, "id": 351});

    // Each has its own list of fields, also when both ask for the same at the same time.
    let (of_one, of_other) = tokio::join!(
        call(&registry, &one, "describe_crm_fields", describe.clone()),
        call(&registry, &other, "describe_crm_fields", describe),
    );
    assert!(of_one.to_string().contains("ufCrmOne") && !of_one.to_string().contains("ufCrmOther"));
    assert!(
        of_other.to_string().contains("ufCrmOther") && !of_other.to_string().contains("ufCrmOne")
    );

    // Reads of the same item are shared within an account alone.
    let (of_one, of_other) = tokio::join!(
        call(&registry, &one, "get_crm_item", get.clone()),
        call(&registry, &other, "get_crm_item", get),
    );
    assert_eq!(
        (&of_one["item"]["title"], &of_other["item"]["title"]),
        (&json!("of one"), &json!("of the other"))
    );

    // A change of an item waits for changes of the same account, not for those of another.
    let update = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "of one"}});
    let of_one = call(&registry, &one, "update_crm_item", update).await;
    assert_eq!(of_one["status"], "unchanged");
    assert!(one_portal.methods().iter().all(|method| method != "crm.item.update"));
    assert_eq!(other_portal.methods().iter().filter(|it| *it == "crm.item.get").count(), 1);
}
