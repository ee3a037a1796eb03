//! People as choices: by name, e-mail or id, and without the scope for them.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{DESCRIBE, Server, on_sandbox},
};

#[tokio::test]
async fn people_are_choices_of_the_fields_that_hold_users() {
    let (_sandbox, mut server) = on_sandbox().await;
    let ask = json!({"entityTypeId": 2, "field": "Responsible", "query": "sales"});
    assert_json_snapshot!(server.call(DESCRIBE, ask).await.json, @r#"
    {
      "ok": true,
      "entityTypeId": 2,
      "name": "assignedById",
      "title": "Responsible",
      "kind": "user",
      "form": "Id of the user who is responsible for the item.",
      "cannotBeEmptied": true,
      "people": [
        {
          "id": 6,
          "name": "Jonas Brandt",
          "email": "jonas.brandt@sandbox.example",
          "position": "Sales manager"
        },
        {
          "id": 8,
          "name": "Marta Keller",
          "email": "marta.keller@sandbox.example",
          "position": "Head of sales"
        },
        {
          "id": 9,
          "name": "Peter Novak",
          "email": "peter@sandbox.example",
          "position": "Sales manager",
          "hasLeft": true
        }
      ],
      "notes": [
        "`field` is the title of `assignedById`"
      ]
    }
    "#);
}

#[tokio::test]
async fn without_the_scope_for_people_everything_else_goes_on() {
    let fields = json!({"fields": {"assignedById": {"type": "user", "title": "Responsible"}}});
    let portal = ScriptedPortal::start(&[
        ("crm.item.fields", vec![Reply::Json(200, json!({"result": fields}))]),
        ("crm.category.list", vec![Reply::Json(200, json!({"result": {"categories": []}}))]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.currency.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("user.search", vec![Reply::error(401, "insufficient_scope", "no scope")]),
    ])
    .await;
    let mut server = Server::connected_to(&portal.webhook()).await;
    let answer = server.call(DESCRIBE, json!({"entityTypeId": 2, "query": "Anna"})).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": true,
      "entityTypeId": 2,
      "fields": [],
      "notes": [
        "people cannot be looked up: a person has to add the scope `user_basic` to the webhook",
        "nothing matches; call without `query` to see every field"
      ]
    }
    "#);
    let answer = server.call(DESCRIBE, json!({"entityTypeId": 2})).await;
    assert_eq!(answer.json["fields"], json!(["assignedById: user · Responsible"]));
}
