//! What a change card shows beside the answers of the tools that write.

use std::collections::BTreeMap;

use bitrix24_crm_mcp::sandbox::{Cost, Rules, Sandbox};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    cards::with_cards,
    many::{FIRST, MANY, hand_over, with},
    scripted_portal::{Reply, ScriptedPortal},
    support::Server,
    undo::UNDO,
};

async fn on_sandbox() -> (Sandbox, Server) {
    let sandbox = Sandbox::start().await.unwrap();
    let server = with_cards(&sandbox.webhook_url(), &[]).await;
    (sandbox, server)
}

async fn on_deals(count: u64) -> (Sandbox, Server) {
    let (sandbox, server) = on_sandbox().await;
    sandbox.add_deals(count);
    (sandbox, server)
}

/// Calls a tool: the answer in its text, and the whole `_meta`.
async fn call(server: &mut Server, tool: &str, arguments: Value) -> (Value, Value) {
    let params = json!({"name": tool, "arguments": arguments});
    let answer = server.request("tools/call", params).await;
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    let json = serde_json::from_str(text.get(text.find('{').unwrap()..).unwrap()).unwrap();
    (json, answer["result"]["_meta"].clone())
}

fn deal(fields: Value) -> Value {
    json!({"entityTypeId": 2, "id": 351, "fields": fields})
}

/// How many rows have each status.
fn statuses(meta: &Value) -> BTreeMap<&str, usize> {
    let mut statuses = BTreeMap::new();
    for row in meta["bitrix24-crm-mcp/card"]["rows"].as_array().unwrap() {
        *statuses.entry(row["status"].as_str().unwrap()).or_default() += 1;
    }
    statuses
}

fn ids(meta: &Value) -> Vec<u64> {
    let rows = meta["bitrix24-crm-mcp/card"]["rows"].as_array().unwrap();
    rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn an_update_names_its_item_and_its_fields() {
    let (_sandbox, mut server) = on_sandbox().await;
    let (_, meta) = call(&mut server, "update_crm_item", deal(json!({"opportunity": 700}))).await;
    assert_json_snapshot!(meta, @r#"
    {
      "bitrix24-crm-mcp/card": {
        "title": "Service contract",
        "link": "https://portal.example/crm/deal/details/351/",
        "fields": {
          "assignedById": "Responsible",
          "categoryId": "Pipeline",
          "currencyId": "Currency",
          "id": "id",
          "opportunity": "Amount",
          "stageId": "Stage",
          "title": "Name"
        }
      }
    }
    "#);
    let change = deal(json!({"title": "Renamed", "ufCrm_1730000000004": "2026-01-05"}));
    let (_, meta) =
        call(&mut server, "update_crm_item", with(&change, "dryRun", json!(true))).await;
    assert_json_snapshot!(meta, @r#"
    {
      "bitrix24-crm-mcp/card": {
        "title": "Service contract",
        "link": "https://portal.example/crm/deal/details/351/",
        "fields": {
          "assignedById": "Responsible",
          "categoryId": "Pipeline",
          "currencyId": "Currency",
          "id": "id",
          "opportunity": "Amount",
          "stageId": "Stage",
          "title": "Name",
          "ufCrm_1730000000004": "Delivery day"
        }
      }
    }
    "#);
    let (_, meta) = call(&mut server, "update_crm_item", change).await;
    assert_eq!(meta["bitrix24-crm-mcp/card"]["title"], "Renamed");
    let phone = json!({"fm": {"n0": {"typeId": "PHONE", "valueType": "WORK", "value": "+491"}}});
    let contact = json!({"entityTypeId": 3, "id": 5, "fields": phone});
    let (answer, meta) = call(&mut server, "update_crm_item", contact).await;
    let field = answer["changes"][0]["field"].as_str().unwrap();
    assert!(field.starts_with("fm."), "{answer}");
    let card = &meta["bitrix24-crm-mcp/card"];
    assert_eq!(card["fields"][field], "Phones and e-mails", "{card}");
    assert_eq!(card["title"], "Anna Lindqvist", "{card}");
}

#[tokio::test]
async fn an_item_of_a_smart_process_says_of_which() {
    let (_sandbox, mut server) = on_sandbox().await;
    let change = json!({"entityTypeId": 1220, "id": 1, "fields": {"opportunity": 5}});
    let (_, meta) = call(&mut server, "update_crm_item", change).await;
    assert_json_snapshot!(meta, @r#"
    {
      "bitrix24-crm-mcp/card": {
        "title": "Warehouse move",
        "link": "https://portal.example/crm/type/1220/details/1/",
        "type": "Projects",
        "fields": {
          "assignedById": "Responsible",
          "categoryId": "Pipeline",
          "currencyId": "Currency",
          "id": "id",
          "opportunity": "Amount",
          "stageId": "Stage",
          "title": "Name"
        }
      }
    }
    "#);
}

#[tokio::test]
async fn what_was_not_applied_has_a_title_and_a_link_too() {
    let (_sandbox, mut server) = on_sandbox().await;
    let partial = deal(json!({"opportunity": 1, "stageId": "C9:NEGOTIATION"}));
    let (answer, meta) = call(&mut server, "update_crm_item", partial).await;
    assert_eq!(answer["status"], "partial");
    assert_json_snapshot!(meta, @r#"
    {
      "bitrix24-crm-mcp/card": {
        "title": "Service contract",
        "link": "https://portal.example/crm/deal/details/351/",
        "fields": {
          "opportunity": "Amount",
          "stageId": "Stage"
        }
      }
    }
    "#);
    // A call that wrote nothing does not know the title.
    let conflict = with(&deal(json!({"title": "b"})), "expect", json!({"opportunity": 5}));
    let (answer, meta) = call(&mut server, "update_crm_item", conflict).await;
    assert_eq!(answer["error"]["code"], "CONFLICT");
    assert_json_snapshot!(meta, @r#"
    {
      "bitrix24-crm-mcp/card": {
        "link": "https://portal.example/crm/deal/details/351/",
        "fields": {
          "opportunity": "Amount"
        }
      }
    }
    "#);
    let (_, meta) = call(&mut server, "update_crm_item", json!({"entityTypeId": 2})).await;
    assert_eq!(meta, Value::Null);
    let (_, meta) = call(&mut server, "get_crm_item", json!({"entityTypeId": 2, "id": 351})).await;
    assert_eq!(meta, Value::Null);
}

#[tokio::test]
async fn an_undoing_names_its_item() {
    let (_sandbox, mut server) = on_sandbox().await;
    let change = deal(json!({"opportunity": 700, "stageId": "C9:WON"}));
    call(&mut server, "update_crm_item", change).await;
    let (planned, meta) = call(&mut server, UNDO, json!({"dryRun": true})).await;
    let (undone, same) = call(&mut server, UNDO, json!({})).await;
    assert_eq!((&planned["ok"], &undone["ok"]), (&json!(true), &json!(true)));
    assert_eq!(meta, same);
    assert_json_snapshot!(meta, @r#"
    {
      "bitrix24-crm-mcp/card": {
        "title": "Service contract",
        "link": "https://portal.example/crm/deal/details/351/",
        "fields": {
          "assignedById": "Responsible",
          "categoryId": "Pipeline",
          "closed": "closed",
          "currencyId": "Currency",
          "id": "id",
          "isNew": "isNew",
          "opportunity": "Amount",
          "stageId": "Stage",
          "title": "Name"
        }
      }
    }
    "#);
}

#[tokio::test]
async fn many_items_have_a_row_each_before_and_after() {
    let (sandbox, mut server) = on_deals(60).await;
    let mut other = Server::connected_to(&sandbox.webhook_url()).await;
    let taken = json!({"entityTypeId": 2, "id": FIRST + 4, "fields": {"assignedById": 7}});
    other.update(taken).await;
    let all: Vec<u64> = [351, 360].into_iter().chain(FIRST..FIRST + 60).collect();
    let arguments = json!({
        "entityTypeId": 2, "ids": all, "fields": {"assignedById": 7},
        "expect": {"categoryId": 0},
    });
    let (answer, shown) = call(&mut server, MANY, arguments.clone()).await;
    assert_eq!(ids(&shown), all);
    let expected = [("conflict", 1), ("failed", 1), ("toChange", 59), ("unchanged", 1)];
    assert_eq!(statuses(&shown), expected.into());
    let first = |meta: &Value| {
        let mut meta = meta.clone();
        let rows = meta["bitrix24-crm-mcp/card"]["rows"].as_array_mut().unwrap();
        rows.retain(|row| [351, 360, FIRST, FIRST + 4].map(Value::from).contains(&row["id"]));
        meta
    };
    assert_json_snapshot!(first(&shown), @r#"
    {
      "bitrix24-crm-mcp/card": {
        "fields": {
          "assignedById": "Responsible",
          "categoryId": "Pipeline"
        },
        "names": {
          "assignedById": {
            "1": "Sandbox User",
            "7": "Ольга Иванова"
          }
        },
        "rows": [
          {
            "id": 351,
            "title": "Service contract",
            "status": "conflict",
            "code": "CONFLICT",
            "field": "categoryId"
          },
          {
            "id": 360,
            "status": "failed",
            "code": "ACCESS_DENIED",
            "message": "the portal denies access"
          },
          {
            "id": 1001,
            "title": "Deal 1",
            "status": "toChange",
            "changes": [
              {
                "field": "assignedById",
                "before": 1,
                "after": 7
              }
            ]
          },
          {
            "id": 1005,
            "title": "Deal 5",
            "status": "unchanged"
          }
        ]
      }
    }
    "#);
    let confirmed = with(&arguments, "confirm", answer["confirm"].clone());
    let (answer, done) = call(&mut server, MANY, confirmed).await;
    assert_eq!(ids(&done), all);
    assert_eq!(answer["updated"], 59);
    let expected = [("conflict", 1), ("failed", 1), ("written", 59), ("unchanged", 1)];
    assert_eq!(statuses(&done), expected.into());
    // What was shown has come true.
    let mut expected = first(&shown);
    for row in expected["bitrix24-crm-mcp/card"]["rows"].as_array_mut().unwrap() {
        if row["status"] == "toChange" {
            row["status"] = json!("written");
        }
    }
    assert_eq!(first(&done), expected);

    other.update(json!({"entityTypeId": 2, "id": FIRST, "fields": {"assignedById": 1}})).await;
    other.update(json!({"entityTypeId": 2, "id": FIRST + 1, "fields": {"assignedById": 2}})).await;
    let (answer, shown) = call(&mut server, UNDO, json!({})).await;
    let expected = [("conflict", 1), ("toChange", 57), ("unchanged", 1)];
    assert_eq!(statuses(&shown), expected.into());
    let (_, done) = call(&mut server, UNDO, json!({"confirm": answer["confirm"]})).await;
    let expected = [("conflict", 1), ("written", 57), ("unchanged", 1)];
    assert_eq!(statuses(&done), expected.into());
    let rows = &done["bitrix24-crm-mcp/card"]["rows"];
    let some = json!([rows[0], rows[1], rows[2]]);
    assert_json_snapshot!(some, @r#"
    [
      {
        "id": 1001,
        "title": "Deal 1",
        "status": "unchanged"
      },
      {
        "id": 1002,
        "title": "Deal 2",
        "status": "conflict",
        "code": "CONFLICT",
        "field": "assignedById",
        "message": "holds another value than the change left"
      },
      {
        "id": 1003,
        "title": "Deal 3",
        "status": "written",
        "changes": [
          {
            "field": "assignedById",
            "before": 7,
            "after": 1
          }
        ]
      }
    ]
    "#);
}

#[tokio::test]
async fn a_paused_call_has_rows_of_what_is_left_and_the_next_call_its_own() {
    let (sandbox, mut server) = on_deals(30).await;
    let (update, other) = (std::time::Duration::from_millis(150), std::time::Duration::ZERO);
    let operating_limit = std::time::Duration::from_secs(1);
    let limited = Rules { cost: Some(Cost { update, other }), operating_limit, ..Rules::default() };
    sandbox.set_rules(limited);
    let all: Vec<u64> = (FIRST..FIRST + 30).collect();
    let arguments = json!({"entityTypeId": 2, "ids": all, "fields": {"assignedById": 7}});
    let (answer, paused) = call(&mut server, MANY, arguments.clone()).await;
    assert_eq!(answer["status"], "paused");
    let (updated, left) = (answer["updated"].as_u64().unwrap(), answer["left"].as_u64().unwrap());
    assert_eq!(ids(&paused), all);
    let count = |status: &str| statuses(&paused).get(status).copied().unwrap_or_default() as u64;
    assert_eq!((count("written"), count("left")), (updated, left));
    sandbox.set_rules(Rules::default());
    let next = with(&arguments, "confirm", answer["next"]["confirm"].clone());
    let (_, done) = call(&mut server, MANY, next).await;
    assert_eq!(ids(&done), (FIRST + updated..FIRST + 30).collect::<Vec<_>>());
    assert_eq!(statuses(&done), [("written", usize::try_from(left).unwrap())].into());
}

#[tokio::test]
async fn rows_stay_small_whatever_items_hold() {
    let (_sandbox, mut server) = on_deals(1_000).await;
    let fields = json!({
        "title": "я".repeat(200), "comments": "long ".repeat(2_000), "sourceDescription": "a".repeat(5_000),
        "opportunity": 5, "begindate": "2026-01-05", "closedate": "2026-02-05", "observers": [1, 2, 7],
    });
    let arguments = with(&hand_over(), "fields", fields);
    let (answer, meta) = call(&mut server, MANY, arguments).await;
    assert_eq!(answer["toChange"], 1_000, "{answer}");
    assert_eq!(statuses(&meta), [("toChange", 1_000)].into());
    let row = &meta["bitrix24-crm-mcp/card"]["rows"][999];
    assert_json_snapshot!(row, @r#"
    {
      "id": 2000,
      "title": "Deal 1000",
      "status": "toChange",
      "changes": [
        {
          "field": "title",
          "before": "Deal 1000",
          "after": "яяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяяя…"
        },
        {
          "field": "comments",
          "before": null,
          "after": "long long long long long long long long long long long long long long long long …"
        },
        {
          "field": "sourceDescription",
          "before": null,
          "after": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…"
        },
        {
          "field": "opportunity",
          "before": 1000,
          "after": 5
        },
        {
          "field": "begindate",
          "before": null,
          "after": "2026-01-05"
        }
      ],
      "moreChanges": 2
    }
    "#);
    assert!(row.to_string().len() < 1_500, "{row}");
}

#[tokio::test]
async fn a_card_shows_no_secret_and_no_invisible_character() {
    const SECRET: &str = "s3cretOfTheTests";
    // A secret that is cut in the middle would not be found any more.
    let title = format!("\u{202e}{}{SECRET}", "x".repeat(65));
    let item = |amount: u64| json!({"id": 351, "title": title, "opportunity": amount});
    let fields =
        json!({"fields": {"opportunity": {"type": "double", "title": format!("Sum {SECRET}")}}});
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", vec![Reply::item(item(1))]),
        ("crm.item.update", vec![Reply::item(item(2))]),
        ("crm.item.fields", vec![Reply::Json(200, json!({"result": fields}))]),
        ("crm.item.list", vec![Reply::Json(200, json!({"result": {"items": [item(1)]}}))]),
    ])
    .await;
    let mut server = with_cards(&portal.webhook(), &[]).await;
    let change = deal(json!({"opportunity": 2}));
    let (_, one) = call(&mut server, "update_crm_item", change).await;
    assert_json_snapshot!(one, @r#"
    {
      "bitrix24-crm-mcp/card": {
        "title": "\\u{202e}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx***",
        "link": "https://portal.example/crm/deal/details/351/",
        "fields": {
          "opportunity": "Sum ***"
        }
      }
    }
    "#);
    let change = json!({"entityTypeId": 2, "ids": [351], "fields": {"title": "a", "opportunity": 2}, "dryRun": true});
    let (_, many) = call(&mut server, MANY, change).await;
    assert_json_snapshot!(many, @r#"
    {
      "bitrix24-crm-mcp/card": {
        "fields": {
          "opportunity": "Sum ***"
        },
        "names": {},
        "rows": [
          {
            "id": 351,
            "title": "\\u{202e}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx***",
            "status": "toChange",
            "changes": [
              {
                "field": "title",
                "before": "\\u{202e}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx***",
                "after": "a"
              },
              {
                "field": "opportunity",
                "before": 1,
                "after": 2
              }
            ]
          }
        ]
      }
    }
    "#);
    for meta in [one, many] {
        let told = meta.to_string();
        assert!(!told.contains("s3c") && !told.contains('\u{202e}'), "{told}");
    }
}
