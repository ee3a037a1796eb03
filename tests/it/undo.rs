//! Putting a change back, as an assistant sees it: what is restored, what is kept because it holds
//! something else by now, and what cannot come back.

use bitrix24_crm_mcp::sandbox::Sandbox;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{Answered, Server, on_sandbox, updates};

pub(crate) const UNDO: &str = "undo_crm_update";

/// What an item shows without what every save changes, and phones without their ids.
pub(crate) fn state(sandbox: &Sandbox, entity_type_id: u32, id: u64) -> Value {
    let mut item = sandbox.item(entity_type_id, id).unwrap();
    let fields = item.as_object_mut().unwrap();
    fields.retain(|name, _| {
        !name.contains("Time") && !name.starts_with("previous") && name != "movedBy"
    });
    fields.values_mut().filter(|value| **value == json!("")).for_each(|it| *it = Value::Null);
    for record in fields.get_mut("fm").and_then(Value::as_array_mut).into_iter().flatten() {
        record.as_object_mut().unwrap().remove("id");
    }
    if let Some(records) = fields.get_mut("fm").and_then(Value::as_array_mut) {
        records.sort_by_key(ToString::to_string);
    }
    item
}

/// The answer with a mark in the place of the change's id.
pub(crate) fn masked(answer: &Answered) -> Value {
    let mut json = answer.json.clone();
    assert!(json["undone"].is_string(), "{json}");
    json["undone"] = "<id>".into();
    json
}

pub(crate) async fn undo(server: &mut Server) -> Answered {
    server.call(UNDO, json!({})).await
}

/// The id of the newest recorded change of an item.
pub(crate) async fn newest(server: &mut Server, entity_type_id: u32, id: u64) -> Value {
    let arguments =
        json!({"entityTypeId": entity_type_id, "id": id, "history": true, "select": ["id"]});
    server.call("get_crm_item", arguments).await.json["history"][0]["changeId"].clone()
}

pub(crate) fn deal(fields: Value) -> Value {
    json!({"entityTypeId": 2, "id": 351, "fields": fields})
}

#[tokio::test]
async fn the_last_change_is_put_back_and_so_is_its_undoing() {
    let (sandbox, mut server) = on_sandbox().await;
    let before = state(&sandbox, 2, 351);
    let change = deal(json!({
        "categoryId": 0, "stageId": "NEW", "opportunity": 12000, "comments": "called",
        "contactIds": [6, 5], "begindate": "2026-01-05",
    }));
    assert_eq!(server.update(change).await.json["status"], "updated");
    let changed = state(&sandbox, 2, 351);
    let shown = server.call(UNDO, json!({"dryRun": true})).await;
    assert_json_snapshot!(masked(&shown), @r#"
    {
      "ok": true,
      "status": "planned",
      "entityTypeId": 2,
      "id": 351,
      "link": "https://portal.example/crm/deal/details/351/",
      "restored": [
        {
          "field": "categoryId",
          "before": 0,
          "after": 9
        },
        {
          "field": "stageId",
          "before": "NEW",
          "after": "C9:NEW"
        },
        {
          "field": "opportunity",
          "before": 12000,
          "after": 500
        },
        {
          "field": "begindate",
          "before": "2026-01-05",
          "after": "2026-07-23"
        },
        {
          "field": "comments",
          "before": "called",
          "after": ""
        },
        {
          "field": "contactIds",
          "before": [
            6,
            5
          ],
          "after": ""
        }
      ],
      "offered": [
        {
          "field": "contactId",
          "before": 0,
          "now": 6
        }
      ],
      "notes": [
        "the automation of the stage that comes back runs again; activities and messages that automation has made stay"
      ],
      "item": {
        "id": 351,
        "title": "Service contract",
        "stageId": "NEW",
        "categoryId": 0,
        "opportunity": 12000,
        "currencyId": "EUR",
        "assignedById": 1,
        "contactId": 6,
        "comments": "called",
        "contactIds": [
          6,
          5
        ],
        "begindate": "2026-01-05"
      },
      "names": {
        "categoryId": {
          "0": "Sales",
          "9": "Service"
        },
        "stageId": {
          "NEW": "New",
          "C9:NEW": "Request"
        },
        "contactIds": {
          "6": "Tomás Oliveira",
          "5": "Anna Lindqvist"
        },
        "contactId": {
          "6": "Tomás Oliveira"
        },
        "assignedById": {
          "1": "Sandbox User"
        }
      },
      "undone": "<id>"
    }
    "#);
    assert_eq!(state(&sandbox, 2, 351), changed);
    assert_json_snapshot!(masked(&undo(&mut server).await), @r#"
    {
      "ok": true,
      "status": "restored",
      "entityTypeId": 2,
      "id": 351,
      "link": "https://portal.example/crm/deal/details/351/",
      "restored": [
        {
          "field": "categoryId",
          "before": 0,
          "after": 9
        },
        {
          "field": "stageId",
          "before": "NEW",
          "after": "C9:NEW"
        },
        {
          "field": "opportunity",
          "before": 12000,
          "after": 500
        },
        {
          "field": "begindate",
          "before": "2026-01-05",
          "after": "2026-07-23"
        },
        {
          "field": "comments",
          "before": "called",
          "after": null
        },
        {
          "field": "contactIds",
          "before": [
            6,
            5
          ],
          "after": []
        }
      ],
      "alsoChanged": [
        {
          "field": "contactId",
          "before": 6,
          "after": 0
        }
      ],
      "notes": [
        "the automation of the stage that comes back runs again; activities and messages that automation has made stay"
      ],
      "item": {
        "id": 351,
        "title": "Service contract",
        "stageId": "C9:NEW",
        "categoryId": 9,
        "opportunity": 500,
        "currencyId": "EUR",
        "assignedById": 1,
        "begindate": "2026-07-23"
      },
      "names": {
        "categoryId": {
          "0": "Sales",
          "9": "Service"
        },
        "stageId": {
          "NEW": "New",
          "C9:NEW": "Request"
        },
        "contactIds": {
          "6": "Tomás Oliveira",
          "5": "Anna Lindqvist"
        },
        "contactId": {
          "6": "Tomás Oliveira"
        },
        "assignedById": {
          "1": "Sandbox User"
        }
      },
      "undone": "<id>"
    }
    "#);
    assert_eq!(state(&sandbox, 2, 351), before);
    assert_eq!(undo(&mut server).await.json["status"], "restored");
    assert_eq!(state(&sandbox, 2, 351), changed);
}

#[tokio::test]
async fn what_someone_else_has_changed_since_is_kept() {
    let (sandbox, mut server) = on_sandbox().await;
    let change = deal(json!({"opportunity": 12000, "title": "Renewal", "stageId": "C9:WON"}));
    server.update(change).await;
    let mut other = Server::connected_to(&sandbox.webhook_url()).await;
    other.update(deal(json!({"opportunity": 700}))).await;
    let sent = updates(&sandbox).len();
    assert_json_snapshot!(masked(&undo(&mut server).await), @r#"
    {
      "ok": false,
      "status": "partial",
      "error": {
        "code": "PARTLY_APPLIED",
        "message": "a part of the change was put back; `opportunity` changed since and stayed",
        "written": "yes",
        "retry": "no",
        "hint": "tell the user what stayed and why; what is wanted all the same can be sent as an ordinary update"
      },
      "entityTypeId": 2,
      "id": 351,
      "link": "https://portal.example/crm/deal/details/351/",
      "restored": [
        {
          "field": "title",
          "before": "Renewal",
          "after": "Service contract"
        },
        {
          "field": "stageId",
          "before": "C9:WON",
          "after": "C9:NEW"
        }
      ],
      "kept": [
        {
          "field": "opportunity",
          "before": 500,
          "left": 12000,
          "now": 700
        }
      ],
      "alsoChanged": [
        {
          "field": "closed",
          "before": "Y",
          "after": "N"
        },
        {
          "field": "isNew",
          "before": "N",
          "after": "Y"
        }
      ],
      "notes": [
        "the automation of the stage that comes back runs again; activities and messages that automation has made stay"
      ],
      "item": {
        "id": 351,
        "title": "Service contract",
        "stageId": "C9:NEW",
        "categoryId": 9,
        "opportunity": 700,
        "currencyId": "EUR",
        "assignedById": 1
      },
      "names": {
        "stageId": {
          "C9:WON": "Served",
          "C9:NEW": "Request"
        },
        "categoryId": {
          "9": "Service"
        },
        "assignedById": {
          "1": "Sandbox User"
        }
      },
      "undone": "<id>"
    }
    "#);
    let restored = &updates(&sandbox)[sent..];
    assert_eq!(restored, [json!({"title": "Service contract", "stageId": "C9:NEW"})]);
    // Nothing of that change is left to be put back.
    let change = newest_but_one(&mut server).await;
    let again = server.call(UNDO, json!({"changeId": change})).await;
    assert_eq!(again.json["error"]["code"], "CONFLICT", "{}", again.json);
    assert_eq!(again.json["error"]["written"], "no");
    assert_eq!(updates(&sandbox).len(), sent + 1);
}

async fn newest_but_one(server: &mut Server) -> Value {
    let arguments = json!({"entityTypeId": 2, "id": 351, "history": true, "select": ["id"]});
    server.call("get_crm_item", arguments).await.json["history"][1]["changeId"].clone()
}

#[tokio::test]
async fn a_pipeline_comes_back_with_the_stage_that_it_had() {
    let (sandbox, mut server) = on_sandbox().await;
    server.update(deal(json!({"stageId": "C9:UC_NYL06U"}))).await;
    let before = state(&sandbox, 2, 351);
    server.update(deal(json!({"categoryId": 0}))).await;
    assert_eq!(sandbox.item(2, 351).unwrap()["stageId"], "NEW");
    let undone = undo(&mut server).await;
    assert_eq!(undone.json["status"], "restored", "{}", undone.json);
    assert_eq!(state(&sandbox, 2, 351), before);
    // Where it has been moved since, both stay.
    server.update(deal(json!({"categoryId": 0}))).await;
    let mut other = Server::connected_to(&sandbox.webhook_url()).await;
    other.update(deal(json!({"stageId": "PREPARATION"}))).await;
    let change = newest(&mut server, 2, 351).await;
    let undone = server.call(UNDO, json!({"changeId": change})).await;
    assert_eq!(undone.json["kept"][0]["field"], "stageId", "{}", undone.json);
    assert_eq!(undone.json["cannot"][0]["field"], "categoryId");
    assert_eq!(sandbox.item(2, 351).unwrap()["stageId"], "PREPARATION");
}

#[tokio::test]
async fn without_a_change_there_is_nothing_to_put_back() {
    let (sandbox, mut server) = on_sandbox().await;
    for (arguments, code) in [
        (json!({}), "INVALID_ARGUMENTS"),
        (json!({"changeId": "c0000000000"}), "INVALID_ARGUMENTS"),
        (json!({"changeId": "351"}), "INVALID_ARGUMENTS"),
    ] {
        let refused = server.call(UNDO, arguments).await;
        assert_eq!(refused.json["error"]["code"], code, "{}", refused.json);
    }
    // What changes nothing and what fails is no change.
    server.update(deal(json!({"title": "Service contract"}))).await;
    server.update(deal(json!({"stageId": "C9:NONE"}))).await;
    let sent = updates(&sandbox).len();
    assert!(undo(&mut server).await.is_error);
    assert_eq!(updates(&sandbox).len(), sent);
}
