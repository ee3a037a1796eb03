//! Several queries in one call: an answer under each, and no more requests than for one.

use std::{sync::Arc, time::Duration};

use bitrix24_crm_mcp::{
    account::{Account, Client},
    portal::{Connection, Endpoint, SignIn},
    tools::{Answer, Registry, ToolSelection},
    uploads::Policy,
};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{DESCRIBE, length, methods, on_portal, on_sandbox, problems},
};

#[tokio::test]
async fn each_query_is_answered_under_its_own_text() {
    let (_sandbox, mut server) = on_sandbox().await;
    let queries = json!(["agreed", "marta", "Maria Lopez", "US Dollar"]);
    let answer = server.call(DESCRIBE, json!({"entityTypeId": 2, "query": queries})).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": true,
      "entityTypeId": 2,
      "answers": [
        {
          "query": "agreed",
          "fields": [
            {
              "name": "stageId",
              "title": "Stage",
              "kind": "stage",
              "write": "code of a stage",
              "canBeEmptied": false,
              "pipelines": [
                {
                  "categoryId": 9,
                  "name": "Service",
                  "stages": [
                    {
                      "code": "C9:UC_NYL06U",
                      "name": "Agreed"
                    }
                  ]
                }
              ]
            }
          ]
        },
        {
          "query": "marta",
          "fields": [],
          "people": [
            {
              "id": 8,
              "name": "Marta Keller",
              "email": "marta.keller@sandbox.example",
              "position": "Head of sales"
            }
          ]
        },
        {
          "query": "Maria Lopez",
          "fields": [],
          "notes": [
            "no field, choice or person matches; people outside the company are contacts: `find_crm_items` finds them"
          ]
        },
        {
          "query": "US Dollar",
          "fields": [
            {
              "name": "currencyId",
              "title": "Currency",
              "kind": "currency",
              "write": "ISO code",
              "canBeEmptied": false,
              "choices": [
                {
                  "code": "USD",
                  "name": "US Dollar"
                }
              ]
            }
          ]
        }
      ],
      "notes": []
    }
    "#);
}

#[tokio::test]
async fn several_queries_cost_the_requests_of_one() {
    let (sandbox, mut server) = on_sandbox().await;
    let queries = json!(["stage", "Zoe", "Ann", "euro", "something else", "nothing"]);
    server.call(DESCRIBE, json!({"entityTypeId": 2, "query": queries})).await;
    let asked = methods(&sandbox).into_iter().filter(|it| it != "user.search");
    let mut asked: Vec<String> = asked.collect();
    asked.sort_unstable();
    // The fields, pipelines and directories come in one batch.
    assert_eq!(asked, ["crm.currency.list", "user.get"]);
}

#[tokio::test]
async fn one_query_keeps_its_form_however_it_is_written() {
    let (_sandbox, mut server) = on_sandbox().await;
    let mut answers = Vec::new();
    for query in [json!("Won, or so"), json!(["Won, or so"]), json!(["", "Won, or so"])] {
        answers.push(server.call(DESCRIBE, json!({"entityTypeId": 2, "query": query})).await.json);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    let note = "nothing matches all of `Won, or so`; `fields` lists partial matches";
    assert_eq!(answers[0]["notes"], json!([note]));
    assert_eq!(answers[0]["fields"][0]["pipelines"][0]["stages"][0]["code"], "WON");
}

#[tokio::test]
async fn a_list_comes_as_text_and_with_numbers_and_has_a_limit() {
    let (_sandbox, mut server) = on_sandbox().await;
    let ask = json!({"query": "[\"projects\", 8]"});
    assert_json_snapshot!(server.call(DESCRIBE, ask).await.json, @r#"
    {
      "ok": true,
      "answers": [
        {
          "query": "projects",
          "entityTypes": [
            {
              "entityTypeId": 1220,
              "name": "Projects",
              "isSmartProcess": true
            }
          ]
        },
        {
          "query": "8",
          "entityTypes": [],
          "people": [
            {
              "id": 8,
              "name": "Marta Keller",
              "email": "marta.keller@sandbox.example",
              "position": "Head of sales"
            }
          ]
        }
      ],
      "notes": [
        "`query` was read as a list"
      ]
    }
    "#);
    let eleven: Vec<String> = (1..=11).map(|number| format!("field {number}")).collect();
    for arguments in [json!({"query": eleven}), json!({"entityTypeId": 2, "query": eleven})] {
        let refused = server.call(DESCRIBE, arguments).await;
        let message = "has 11 texts; up to 10 are searched for at once";
        assert_eq!(problems(&refused)[0][1], message);
    }
    let refused = server.call(DESCRIBE, json!({"query": ["a", true]})).await;
    assert!(problems(&refused)[0][1].as_str().unwrap().starts_with("must be a list of strings"));
}

#[tokio::test]
async fn without_a_type_each_query_finds_entity_types_and_people() {
    let (sandbox, mut server) = on_sandbox().await;
    let queries = json!(["Projects", "сделка", "Keller", "Maria Lopez", "spaceship"]);
    let answer = server.call(DESCRIBE, json!({"query": queries})).await;
    assert_json_snapshot!(answer.json["answers"], @r#"
    [
      {
        "query": "Projects",
        "entityTypes": [
          {
            "entityTypeId": 1220,
            "name": "Projects",
            "isSmartProcess": true
          }
        ]
      },
      {
        "query": "сделка",
        "entityTypes": [
          {
            "entityTypeId": 2,
            "name": "deal"
          }
        ]
      },
      {
        "query": "Keller",
        "entityTypes": [],
        "people": [
          {
            "id": 8,
            "name": "Marta Keller",
            "email": "marta.keller@sandbox.example",
            "position": "Head of sales"
          }
        ]
      },
      {
        "query": "Maria Lopez",
        "entityTypes": [],
        "notes": [
          "no entity type or user matches; people outside the company are contacts: `find_crm_items` finds them"
        ]
      },
      {
        "query": "spaceship",
        "entityTypes": [],
        "notes": [
          "no entity type or user matches; call without `query` to see every entity type"
        ]
      }
    ]
    "#);
    assert_eq!(methods(&sandbox).iter().filter(|it| *it == "crm.type.list").count(), 1);
}

#[tokio::test]
async fn of_one_field_what_matches_any_of_the_queries_is_shown() {
    let (_sandbox, mut server) = on_sandbox().await;
    let ask =
        json!({"entityTypeId": 2, "field": "stageId", "query": ["agreed", "lost", "nowhere"]});
    let answer = server.call(DESCRIBE, ask).await.json;
    assert_json_snapshot!(answer["pipelines"], @r#"
    [
      {
        "categoryId": 0,
        "name": "Sales",
        "stages": [
          {
            "code": "LOSE",
            "name": "Lost",
            "semantics": "failure"
          }
        ]
      },
      {
        "categoryId": 9,
        "name": "Service",
        "stages": [
          {
            "code": "C9:UC_NYL06U",
            "name": "Agreed"
          },
          {
            "code": "C9:LOSE",
            "name": "Declined",
            "semantics": "failure"
          }
        ]
      }
    ]
    "#);
    let ask =
        json!({"entityTypeId": 2, "field": "assignedById", "query": ["Marta", "Zoe", "Ольга"]});
    let answer = server.call(DESCRIBE, ask).await.json;
    let people = answer["people"].as_array().unwrap().iter();
    let people: Vec<_> = people.map(|person| person["id"].as_u64().unwrap()).collect();
    assert_eq!(people, [8, 7]);
    assert_eq!(answer["notes"], json!(["nobody matches `Zoe`"]));
}

#[tokio::test]
async fn answers_share_the_length_and_short_ones_stay_whole() {
    let options: Vec<Value> = (1..=500)
        .map(|id: u32| json!({"ID": id, "VALUE": format!("Branch {id} of a large company")}))
        .collect();
    let fields: serde_json::Map<String, Value> = (0..30)
        .map(|number| {
            let title = format!("Town {number}");
            (
                format!("ufCrm_{number}"),
                json!({"type": "enumeration", "title": title, "items": options}),
            )
        })
        .chain([("ufCrm_99".to_owned(), json!({"type": "date", "title": "Harvest"}))])
        .collect();
    let (_portal, mut server) = on_portal(&[
        ("crm.item.fields", vec![Reply::Json(200, json!({"result": {"fields": fields}}))]),
        ("crm.category.list", vec![Reply::Json(200, json!({"result": {"categories": []}}))]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.currency.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("user.get", vec![Reply::Json(200, json!({"result": []}))]),
        ("user.search", vec![Reply::Json(200, json!({"result": []}))]),
    ])
    .await;
    let queries = ["town", "harvest", "branch", "town 7", "branch 499", "large", "company", "of"];
    let answer = server.call(DESCRIBE, json!({"entityTypeId": 2, "query": queries})).await.json;
    assert!(length(&answer) <= 8_000, "{}", length(&answer));
    let answers = answer["answers"].as_array().unwrap();
    let told: Vec<&str> = answers.iter().map(|it| it["query"].as_str().unwrap()).collect();
    assert_eq!(told, queries);
    assert!(answers.iter().all(|it| it["fields"][0]["name"].is_string()), "{answer}");
    assert_json_snapshot!(answers[1], @r#"
    {
      "query": "harvest",
      "fields": [
        {
          "name": "ufCrm_99",
          "title": "Harvest",
          "kind": "day",
          "write": "YYYY-MM-DD"
        }
      ]
    }
    "#);
    assert!(answers[0]["notes"][0].as_str().unwrap().contains("left out"), "{answer}");
}

#[tokio::test]
async fn newer_metadata_are_asked_once_for_the_queries_that_found_nothing() {
    let field = |title: &str| json!({"type": "string", "title": title});
    let list = |titles: &[&str]| {
        let fields = titles.iter().map(|title| (format!("ufCrm{title}"), field(title)));
        let fields: serde_json::Map<String, Value> = fields.collect();
        Reply::Json(200, json!({"result": {"fields": fields}}))
    };
    let portal = ScriptedPortal::start(&[
        ("crm.item.fields", vec![list(&["Alpha"]), list(&["Beta", "Gamma"])]),
        ("crm.category.list", vec![Reply::Json(200, json!({"result": {"categories": []}}))]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.currency.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("user.get", vec![Reply::Json(200, json!({"result": []}))]),
        ("user.search", vec![Reply::Json(200, json!({"result": []}))]),
    ])
    .await;
    let endpoint = Arc::new(Endpoint::new(Connection::STANDARD));
    let sign_in = SignIn::webhook(&portal.webhook()).unwrap();
    let account = Account::new(endpoint, sign_in, Policy::STANDARD);
    let registry = Registry::new(ToolSelection::default());
    let mut told = Value::Null;
    for query in [json!("alpha"), json!(["alpha", "beta", "gamma", "delta"])] {
        let arguments = json!({"entityTypeId": 2, "query": query});
        let answer = registry.call(Ok(&account), DESCRIBE, arguments, Client::default());
        let (Answer::Success(json) | Answer::Error { json, .. }) = answer.await.unwrap();
        told = json;
        // What is kept is no longer recent.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(6)).await;
        tokio::time::resume();
    }
    let answers = told["answers"].as_array().unwrap();
    let found: Vec<&Value> = answers.iter().map(|it| &it["fields"][0]["title"]).collect();
    assert_eq!(json!(found), json!(["Alpha", "Beta", "Gamma", null]));
    assert_eq!(portal.methods().iter().filter(|it| *it == "crm.item.fields").count(), 2);
}
