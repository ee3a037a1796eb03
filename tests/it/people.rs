//! People as choices: by name, e-mail or id, and without the scope for them.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{DESCRIBE, Server, methods, on_portal, on_sandbox},
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
      "write": "id of a user",
      "canBeEmptied": false,
      "meaning": "Id of the user who is responsible for the item.",
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
          "inactive": true
        }
      ],
      "notes": [
        "`field` is the title of `assignedById`"
      ]
    }
    "#);
}

#[tokio::test]
async fn when_nobody_matches_people_are_shown_to_choose_from() {
    let (sandbox, mut server) = on_sandbox().await;
    let ask = json!({"entityTypeId": 2, "field": "assignedById", "query": "Zoe"});
    let answer = server.call(DESCRIBE, ask).await.json;
    let without_query = server.call(DESCRIBE, json!({"entityTypeId": 2, "field": "assignedById"}));
    assert_eq!(without_query.await.json["people"], answer["people"]);
    let asked = methods(&sandbox).into_iter().filter(|it| it.starts_with("user."));
    assert_eq!(asked.collect::<Vec<_>>(), ["user.get", "user.search"]);
    assert_json_snapshot!(json!([answer["people"], answer["notes"]]), @r#"
    [
      [
        {
          "id": 1,
          "name": "Sandbox User",
          "email": "user@sandbox.example",
          "position": "Administrator"
        },
        {
          "id": 6,
          "name": "Jonas Brandt",
          "email": "jonas.brandt@sandbox.example",
          "position": "Sales manager"
        },
        {
          "id": 7,
          "name": "Ольга Иванова",
          "email": "olga@sandbox.example",
          "position": "Менеджер по продажам"
        },
        {
          "id": 8,
          "name": "Marta Keller",
          "email": "marta.keller@sandbox.example",
          "position": "Head of sales"
        }
      ],
      [
        "nobody matches `Zoe`; these are people of the portal"
      ]
    ]
    "#);
}

#[tokio::test]
async fn people_are_found_across_scripts_and_slips_and_asked_for_once() {
    let (sandbox, mut server) = on_sandbox().await;
    let cases: [(&str, &[u64]); 7] = [
        ("Olga Ivanova", &[7]),
        ("олег Ольга", &[]),
        ("Marta Keler", &[8]),
        ("МАРТА", &[8]),
        ("sales manager", &[6, 9]),
        ("marta.keller@SANDBOX.example", &[8]),
        ("9", &[9]),
    ];
    for (query, expected) in cases {
        let answer = server.call(DESCRIBE, json!({"query": query})).await.json;
        let people = answer["people"].as_array().unwrap().iter();
        let found: Vec<u64> = people.map(|it| it["id"].as_u64().unwrap()).collect();
        assert_eq!(found, expected, "{query}");
    }
    assert_eq!(methods(&sandbox).iter().filter(|it| *it == "user.get").count(), 1);
}

#[tokio::test]
async fn a_large_portal_is_searched() {
    let page: Vec<_> = (1..=50).map(|id| json!({"ID": id, "NAME": "Anna"})).collect();
    let found = json!([{"ID": 77, "NAME": "Anna", "LAST_NAME": "Orlova"}]);
    let (_portal, mut server) = on_portal(&[
        ("crm.enum.ownertype", vec![Reply::Json(200, json!({"result": []}))]),
        ("user.get", vec![Reply::Json(200, json!({"result": page}))]),
        ("user.search", vec![Reply::Json(200, json!({"result": found}))]),
    ])
    .await;
    let answer = server.call(DESCRIBE, json!({"query": "Anna Orlova"})).await.json;
    assert_eq!(answer["people"], json!([{"id": 77, "name": "Anna Orlova"}]));
}

#[tokio::test]
async fn a_portal_that_ignores_the_question_is_not_believed() {
    let user = |id: u32, email: &str| json!({"ID": id, "NAME": "U", "EMAIL": email});
    let users = json!([user(5, "a@x.example"), user(6, "B@x.example")]);
    let (_portal, mut server) = on_portal(&[
        ("crm.enum.ownertype", vec![Reply::Json(200, json!({"result": []}))]),
        ("user.get", vec![Reply::Json(200, json!({"result": users}))]),
    ])
    .await;
    let mut found = Vec::new();
    for query in ["b@x.example", "5", "7"] {
        let answer = server.call(DESCRIBE, json!({"query": query})).await.json;
        let people = answer["people"].as_array().unwrap().iter().map(|it| it["id"].clone());
        found.push(people.collect::<Vec<_>>());
    }
    assert_eq!(json!(found), json!([[6], [5], []]));
}

#[tokio::test]
async fn without_the_scope_for_people_everything_else_goes_on() {
    let fields = json!({"fields": {"assignedById": {"type": "user", "title": "Responsible"}}});
    let (_portal, mut server) = on_portal(&[
        ("crm.item.fields", vec![Reply::Json(200, json!({"result": fields}))]),
        ("crm.category.list", vec![Reply::Json(200, json!({"result": {"categories": []}}))]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.currency.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("user.get", vec![Reply::error(401, "insufficient_scope", "no scope")]),
    ])
    .await;
    let answer = server.call(DESCRIBE, json!({"entityTypeId": 2, "query": "Anna"})).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": true,
      "entityTypeId": 2,
      "fields": [],
      "notes": [
        "people cannot be looked up: a person has to add the scope `user_basic` to the webhook",
        "no field or choice matches; people outside the company are contacts: `find_crm_items` finds them"
      ]
    }
    "#);
    let answer = server.call(DESCRIBE, json!({"entityTypeId": 2})).await;
    assert_eq!(answer.json["fields"], json!(["assignedById: user · Responsible"]));
}

/// A portal of several hundred users that searches by beginnings of names.
async fn large_portal(total: u32) -> ScriptedPortal {
    let user = |id: u32| {
        let (name, last_name) = match id {
            333 => ("Иван", "Гусев".to_owned()),
            334 => ("Anna", "Khabarova".to_owned()),
            _ => ("U", format!("Number{id}")),
        };
        json!({"ID": id, "NAME": name, "LAST_NAME": last_name})
    };
    let page = |start: u32| {
        let last = total.min(start + 50);
        let users: Vec<Value> = (start + 1..=last).map(user).collect();
        let mut page = json!({"result": users, "total": total});
        if last < total {
            page["next"] = json!(last);
        }
        Reply::Json(200, page)
    };
    let mut pages = page(0);
    for start in (50..total).step_by(50) {
        let marker: &'static str = Box::leak(format!("\"start\":{start}}}").into_boxed_str());
        pages = Reply::IfBody(marker, Box::new(page(start)), Box::new(pages));
    }
    let nobody = Reply::Json(200, json!({"result": []}));
    let found = |id: u32| Box::new(Reply::Json(200, json!({"result": [user(id)]})));
    let search = Reply::IfBody("\"гусе\"", found(333), Box::new(nobody));
    let search = Reply::IfBody("\"Гусев\"", found(333), Box::new(search));
    ScriptedPortal::start(&[
        ("crm.enum.ownertype", vec![Reply::Json(200, json!({"result": []}))]),
        ("user.get", vec![pages]),
        ("user.search", vec![search]),
    ])
    .await
}

#[tokio::test]
async fn people_of_a_large_portal_are_found_in_other_forms_and_letters_and_it_is_said() {
    let portal = large_portal(420).await;
    let mut server =
        Server::with_settings(&portal.webhook(), &[("BITRIX24_RATE", "1000/1000")]).await;
    let near = |query: &str, why: &str| {
        json!([format!("nobody is called `{query}`; similar people: {why}")])
    };
    let form = "another form or spelling of the name";
    let letters = "the same name in other letters";
    let cases = [
        ("Гусев", json!([333]), json!([])),
        ("Гусева", json!([333]), near("Гусева", form)),
        ("Гусеву", json!([333]), near("Гусеву", form)),
        ("Gusev", json!([333]), near("Gusev", letters)),
        ("Guseva", json!([333]), near("Guseva", form)),
        // The portal's search does not know this spelling; reading everybody does.
        ("Хабарова", json!([334]), near("Хабарова", letters)),
        ("Zoe Quist", json!([]), json!([])),
    ];
    for (query, ids, notes) in cases {
        let answer = server.call(DESCRIBE, json!({"query": query})).await.json;
        let people = answer["people"].as_array().unwrap().iter();
        assert_eq!(people.map(|it| it["id"].clone()).collect::<Value>(), ids, "{query}: {answer}");
        let said: Vec<Value> = answer["notes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|note| note.as_str().unwrap().starts_with("nobody"))
            .cloned()
            .collect();
        assert_eq!(Value::from(said), notes, "{query}");
    }
    // Everybody was read once, for all who were not found by a search.
    assert_eq!(portal.methods().iter().filter(|it| *it == "user.get").count(), 1 + 9);
}

#[tokio::test]
async fn a_portal_with_more_people_than_are_read_is_not_said_to_lack_somebody() {
    let portal = large_portal(1_200).await;
    let mut server =
        Server::with_settings(&portal.webhook(), &[("BITRIX24_RATE", "1000/1000")]).await;
    let answer = server.call(DESCRIBE, json!({"query": "Zoe Quist"})).await.json;
    let note = "nobody matches `Zoe Quist` among the first 1000 people; the portal has more";
    assert!(answer["notes"].as_array().unwrap().contains(&json!(note)), "{answer}");
}
