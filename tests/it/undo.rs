//! Putting a change back, as an assistant sees it: what is restored, what is kept because it holds
//! something else by now, and what cannot come back.

use std::{collections::BTreeMap, process::Command, time::Duration};

use bitrix24_crm_mcp::sandbox::{Cost, Rules, Sandbox};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    faulty_proxy::{Fault, FaultyProxy},
    many::{FIRST, MANY, hand_over, on_deals, with, written},
    scripted_portal::Request,
    support::{Answered, Server, on_sandbox, updates},
};

/// A picture of one dot.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

const UNDO: &str = "undo_crm_update";

/// What an item shows without what every save changes, and phones without their ids.
fn state(sandbox: &Sandbox, entity_type_id: u32, id: u64) -> Value {
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
fn masked(answer: &Answered) -> Value {
    let mut json = answer.json.clone();
    assert!(json["undone"].is_string(), "{json}");
    json["undone"] = "<id>".into();
    json
}

async fn undo(server: &mut Server) -> Answered {
    server.call(UNDO, json!({})).await
}

/// The id of the newest recorded change of an item.
async fn newest(server: &mut Server, entity_type_id: u32, id: u64) -> Value {
    let arguments =
        json!({"entityTypeId": entity_type_id, "id": id, "history": true, "select": ["id"]});
    server.call("get_crm_item", arguments).await.json["history"][0]["changeId"].clone()
}

fn deal(fields: Value) -> Value {
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
async fn each_phone_is_put_back_for_itself() {
    let (sandbox, mut server) = on_sandbox().await;
    let before = state(&sandbox, 3, 5);
    let change = |fm: Value| json!({"entityTypeId": 3, "id": 5, "fields": {"fm": fm}});
    let phone = |value: &str| json!({"typeId": "PHONE", "valueType": "WORK", "value": value});
    let all = json!({"31": {"value": ""}, "32": {"value": "new@acme.example"}, "n0": phone("+1")});
    server.update(change(all)).await;
    assert_json_snapshot!(masked(&undo(&mut server).await), @r#"
    {
      "ok": true,
      "status": "restored",
      "entityTypeId": 3,
      "id": 5,
      "link": "https://portal.example/crm/contact/details/5/",
      "restored": [
        {
          "field": "fm.32",
          "before": {
            "typeId": "EMAIL",
            "valueType": "WORK",
            "value": "new@acme.example"
          },
          "after": {
            "typeId": "EMAIL",
            "valueType": "WORK",
            "value": "anna@acme.example"
          }
        },
        {
          "field": "fm.41",
          "before": {
            "typeId": "PHONE",
            "valueType": "WORK",
            "value": "+1"
          },
          "after": null
        },
        {
          "field": "fm.42",
          "before": null,
          "after": {
            "typeId": "PHONE",
            "valueType": "WORK",
            "value": "+4670000001"
          }
        }
      ],
      "notes": [
        "a removed phone or e-mail comes back as a new record: with a new id, at the end, and without the country that was set for it"
      ],
      "item": {
        "id": 5,
        "assignedById": 1,
        "companyId": 11,
        "name": "Anna",
        "lastName": "Lindqvist"
      },
      "names": {
        "assignedById": {
          "1": "Sandbox User"
        },
        "companyId": {
          "11": "Acme Tools"
        }
      },
      "undone": "<id>"
    }
    "#);
    assert_eq!(state(&sandbox, 3, 5), before);
    // A record that was changed since stays; the others come back.
    let two = json!({"32": {"value": "b@acme.example"}, "n0": phone("+2")});
    server.update(change(two)).await;
    let mut other = Server::connected_to(&sandbox.webhook_url()).await;
    other.update(change(json!({"32": {"value": "c@acme.example"}}))).await;
    let undone = undo(&mut server).await;
    let kept = json!([{
        "field": "fm.32",
        "before": {"typeId": "EMAIL", "valueType": "WORK", "value": "anna@acme.example"},
        "left": {"typeId": "EMAIL", "valueType": "WORK", "value": "b@acme.example"},
        "now": {"typeId": "EMAIL", "valueType": "WORK", "value": "c@acme.example"},
    }]);
    assert_eq!(undone.json["kept"], kept);
    assert!(!state(&sandbox, 3, 5).to_string().contains("+2"));
}

#[tokio::test]
async fn what_cannot_come_back_is_said_before() {
    let (sandbox, mut server) = on_sandbox().await;
    sandbox.empty_field_of_deal(351, "begindate");
    server.update(deal(json!({"begindate": "2026-01-05", "comments": "x"}))).await;
    let shown = server.call(UNDO, json!({"dryRun": true})).await;
    let why = "it was empty before and cannot be emptied: the portal would keep the old value";
    assert_eq!(shown.json["cannot"], json!([{"field": "begindate", "why": why}]));
    let undone = undo(&mut server).await;
    assert_eq!(undone.json["cannot"], shown.json["cannot"]);
    assert_eq!(undone.json["restored"][0]["field"], "comments");
    server.update(json!({"entityTypeId": 3, "id": 5, "fields": {"photo": ["a.png", PNG]}})).await;
    let sent = updates(&sandbox).len();
    let undone = undo(&mut server).await;
    let why = "the portal deletes a file that is replaced or removed";
    assert_eq!(undone.json["cannot"], json!([{"field": "photo", "why": why}]));
    assert_eq!(updates(&sandbox).len(), sent);
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
async fn every_kind_of_custom_field_is_put_back_and_no_link_of_a_file_is_shown() {
    let (sandbox, mut server) = on_sandbox().await;
    let change = |fields: Value| json!({"entityTypeId": 2, "id": 355, "fields": fields});
    let first = json!({
        "ufCrmMyString": "a", "ufCrm_1721244707107": 12.5, "ufCrm_1730000000001": [46],
        "ufCrm_1730000000002": 45, "ufCrm_1730000000003": "N",
        "ufCrm_1730000000004": "2026-05-06", "ufCrm_1730000000005": "300|USD",
        "ufCrm_1730000000006": "2026-05-06T10:00:00+02:00", "ufCrm_1730000000007": ["C_5", "CO_11"],
        "ufCrm_1730000000008": 1,
    });
    server.update(change(first)).await;
    let files = |sandbox: &Sandbox| {
        let files = sandbox.item(2, 355).unwrap()["ufCrm_1617027453944"].clone();
        files
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.get("id").unwrap_or(it).clone())
            .collect::<Vec<_>>()
    };
    let state = |sandbox: &Sandbox| {
        let mut item = state(sandbox, 2, 355);
        item["ufCrm_1617027453944"] = files(sandbox).into();
        item["ufCrm_1617027453943"] = Value::Null;
        item
    };
    let before = state(&sandbox);
    let second = json!({
        "ufCrmMyString": "", "ufCrm_1721244707107": 0, "ufCrm_1730000000001": [44, 45],
        "ufCrm_1730000000002": 44, "ufCrm_1730000000003": "Y",
        "ufCrm_1730000000004": "2027-01-02", "ufCrm_1730000000005": "5|EUR",
        "ufCrm_1730000000006": "2027-05-06T10:00:00+02:00", "ufCrm_1730000000007": [],
        "ufCrm_1730000000008": "",
        "ufCrm_1617027453944": [{"id": 12}, {"id": 255}, {"id": 44}, ["a.png", PNG]],
    });
    assert_eq!(server.update(change(second)).await.json["status"], "updated");
    let undone = undo(&mut server).await;
    assert_eq!(undone.json["status"], "restored", "{}", undone.json);
    assert!(!undone.json.to_string().contains("url"), "{}", undone.json);
    assert_eq!(state(&sandbox), before);
    // What is taken out of a list of files is gone.
    server.update(change(json!({"ufCrm_1617027453944": [{"id": 12}]}))).await;
    let undone = undo(&mut server).await;
    assert_eq!(undone.json["cannot"][0]["field"], "ufCrm_1617027453944", "{}", undone.json);
    assert_eq!(files(&sandbox), [12]);
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

#[tokio::test]
async fn many_items_are_put_back_as_they_were_changed() {
    const COUNT: u64 = 60;
    let (sandbox, mut server) = on_deals(COUNT).await;
    let shown = server.call(MANY, hand_over()).await;
    let call = with(&hand_over(), "confirm", shown.json["confirm"].clone());
    assert_eq!(server.call(MANY, call).await.json["updated"], COUNT);
    let change = newest(&mut server, 2, FIRST).await;
    // All chunks are one change.
    assert_eq!(newest(&mut server, 2, FIRST + COUNT - 1).await, change);
    let mut other = Server::connected_to(&sandbox.webhook_url()).await;
    let taken = json!({"entityTypeId": 2, "id": FIRST + 7, "fields": {"assignedById": 1}});
    other.update(taken).await;
    let taken = json!({"entityTypeId": 2, "id": FIRST + 8, "fields": {"assignedById": 2}});
    other.update(taken).await;
    let sent = written(&sandbox).concat().len();
    let shown = server.call(UNDO, json!({"changeId": change})).await;
    assert_json_snapshot!(masked(&shown), {".confirm" => "<confirm>"}, @r#"
    {
      "ok": true,
      "status": "confirm",
      "entityTypeId": 2,
      "count": 60,
      "toChange": 58,
      "unchanged": 1,
      "samples": [
        {
          "id": 1001,
          "title": "Deal 1",
          "changes": [
            {
              "field": "assignedById",
              "before": 7,
              "after": 1
            }
          ]
        },
        {
          "id": 1002,
          "title": "Deal 2",
          "changes": [
            {
              "field": "assignedById",
              "before": 7,
              "after": 1
            }
          ]
        },
        {
          "id": 1003,
          "title": "Deal 3",
          "changes": [
            {
              "field": "assignedById",
              "before": 7,
              "after": 1
            }
          ]
        }
      ],
      "effects": [
        "the portal may notify people and run automation for each item"
      ],
      "minutes": 1,
      "confirm": "<confirm>",
      "kept": [
        {
          "count": 1,
          "ids": [
            1009
          ],
          "code": "CONFLICT",
          "field": "assignedById",
          "message": "holds another value than the change left"
        }
      ],
      "notes": [
        "nothing was written: show this to the user, then repeat the call with `confirm`",
        "whoever may change only their own items gives that right away with the responsible person: then someone else has to put it back"
      ],
      "names": {
        "assignedById": {
          "7": "Ольга Иванова",
          "1": "Sandbox User"
        }
      },
      "undone": "<id>"
    }
    "#);
    assert_eq!(written(&sandbox).concat().len(), sent);
    let confirmed = json!({"changeId": change, "confirm": shown.json["confirm"]});
    let undone = server.call(UNDO, confirmed).await;
    assert_json_snapshot!(masked(&undone), @r#"
    {
      "ok": false,
      "status": "partial",
      "entityTypeId": 2,
      "error": {
        "code": "PARTLY_APPLIED",
        "message": "58 of 60 items were put back, 1 had the values already",
        "written": "yes",
        "retry": "no",
        "hint": "see `kept` for what stayed and why, and tell the user"
      },
      "count": 60,
      "restored": 58,
      "unchanged": 1,
      "kept": [
        {
          "count": 1,
          "ids": [
            1009
          ],
          "code": "CONFLICT",
          "field": "assignedById",
          "message": "holds another value than the change left"
        }
      ],
      "notes": [
        "whoever may change only their own items gives that right away with the responsible person: then someone else has to put it back"
      ],
      "undone": "<id>"
    }
    "#);
    let responsible = |id| sandbox.item(2, id).unwrap()["assignedById"].clone();
    for id in FIRST..FIRST + COUNT {
        assert_eq!(responsible(id), if id == FIRST + 8 { 2 } else { 1 }, "{id}");
    }
    assert_eq!(written(&sandbox).concat().len(), sent + 58);
}

#[tokio::test]
async fn a_change_whose_end_is_not_known_is_looked_up_first() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.jsonl");
    let journal = [("BITRIX24_JOURNAL", file.to_str().unwrap())];
    for is_carried_out in [true, false] {
        let sandbox = Sandbox::start().await.unwrap();
        let before = state(&sandbox, 2, 351);
        let proxy = FaultyProxy::before(&sandbox).await;
        let mut server = Server::with_settings(&proxy.webhook(), &journal).await;
        let pid = server.pid().to_string();
        // From there on nothing reaches the portal.
        let killed = async move {
            assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
            std::future::pending::<()>().await;
        };
        let is = |method: &'static str| move |request: &Request| request.method() == method;
        if is_carried_out {
            proxy.on(1, is("crm.item.update"), Fault::CutAfter);
            proxy.on(2, is("crm.item.get"), Fault::before(killed));
        } else {
            proxy.on(1, is("crm.item.update"), Fault::before(killed));
        }
        let change = deal(json!({"opportunity": 12000, "title": "Renewal"}));
        server.send_call(json!(7), "update_crm_item", change).await;
        server.wait().await;
        let mut server = Server::with_settings(&proxy.webhook(), &journal).await;
        let arguments = json!({"entityTypeId": 2, "id": 351, "history": true, "select": ["id"]});
        let seen = server.call("get_crm_item", arguments).await.json["history"][0].clone();
        assert_eq!(seen["outcome"], "unknown", "{seen}");
        let undone = server.call(UNDO, json!({"changeId": seen["changeId"]})).await;
        let status = if is_carried_out { "restored" } else { "unchanged" };
        assert_eq!(undone.json["status"], status, "{}", undone.json);
        assert_eq!(state(&sandbox, 2, 351), before);
    }
}

#[tokio::test]
async fn a_change_that_cannot_be_recorded_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let (sandbox, mut server) = {
        let sandbox = Sandbox::start().await.unwrap();
        let path = folder.path().join("gone").join("journal.jsonl");
        std::fs::create_dir(folder.path().join("gone")).unwrap();
        let journal = [("BITRIX24_JOURNAL", path.to_str().unwrap())];
        let server = Server::with_settings(&sandbox.webhook_url(), &journal).await;
        (sandbox, server)
    };
    server.update(deal(json!({"title": "Renewal"}))).await;
    assert_eq!(updates(&sandbox).len(), 1);
    std::fs::remove_dir_all(folder.path().join("gone")).unwrap();
    let calls = [
        ("update_crm_item", deal(json!({"title": "B"}))),
        (MANY, json!({"entityTypeId": 2, "ids": [351, 101], "fields": {"title": "B"}})),
        (UNDO, json!({})),
    ];
    for (tool, arguments) in calls {
        let refused = server.call(tool, arguments).await;
        let error = &refused.json["error"];
        assert_eq!(error["code"], "JOURNAL_UNAVAILABLE", "{}", refused.json);
        assert_eq!(error["written"], "no");
    }
    assert_eq!(updates(&sandbox).len(), 1);
}

#[tokio::test]
async fn a_change_whose_end_cannot_be_recorded_is_told_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let sandbox = Sandbox::start().await.unwrap();
    let proxy = FaultyProxy::before(&sandbox).await;
    let journal = [("BITRIX24_JOURNAL", path.to_str().unwrap())];
    let mut server = Server::with_settings(&proxy.webhook(), &journal).await;
    let gone = folder.path().to_owned();
    let is_update = |request: &Request| request.method() == "crm.item.update";
    proxy.on(1, is_update, Fault::before(async move { std::fs::remove_dir_all(gone).unwrap() }));
    let updated = server.update(deal(json!({"title": "Renewal"}))).await;
    assert_eq!(updated.json["status"], "updated");
    let note = "how it ended could not be recorded in the journal, whose file cannot be opened: entity \
                not found";
    assert_eq!(updated.json["notes"], json!([note]));
    // In memory it is all the same; putting it back would be a change of its own.
    let shown = server.call(UNDO, json!({"dryRun": true})).await;
    assert_eq!(shown.json["restored"][0]["field"], "title", "{}", shown.json);
}

#[tokio::test]
async fn a_journal_of_names_puts_nothing_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.jsonl");
    let journal =
        [("BITRIX24_JOURNAL", file.to_str().unwrap()), ("BITRIX24_JOURNAL_VALUES", "names")];
    let sandbox = Sandbox::start().await.unwrap();
    let mut server = Server::with_settings(&sandbox.webhook_url(), &journal).await;
    server.update(deal(json!({"title": "Renewal of Acme"}))).await;
    assert!(!std::fs::read_to_string(&file).unwrap().contains("Acme"));
    let mut later = Server::with_settings(&sandbox.webhook_url(), &journal).await;
    let id = newest(&mut later, 2, 351).await;
    let refused = later.call(UNDO, json!({"changeId": id})).await;
    assert_eq!(refused.json["error"]["code"], "CONFLICT", "{}", refused.json);
    assert_eq!(undo(&mut server).await.json["status"], "restored");
}

#[tokio::test]
async fn random_changes_put_back_in_reverse_order_end_where_they_began() {
    let sandbox = Sandbox::start().await.unwrap();
    let settings = [("BITRIX24_RATE", "1000/1000")];
    let mut server = Server::with_settings(&sandbox.webhook_url(), &settings).await;
    let items = [(2, 351), (2, 101), (2, 102), (3, 5)];
    let states = || items.map(|(entity, id)| state(&sandbox, entity, id));
    let before = states();
    // A sequence that is the same each time.
    let mut seed: u32 = 7;
    let mut any = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % below
    };
    let mut changes = Vec::new();
    for round in 0..25 {
        let values = BTreeMap::from([
            ("opportunity", json!(any(4) * 1_000)),
            ("comments", json!(["", "one", "two"][any(3) as usize])),
            ("contactIds", json!([[5, 6].as_slice(), &[6, 5], &[], &[7]][any(4) as usize])),
            ("observers", json!([[1].as_slice(), &[1, 2], &[]][any(3) as usize])),
            ("closedate", json!(["2026-02-01", "2027-03-04"][any(2) as usize])),
            ("title", json!(format!("Title {}", any(3)))),
            ("sourceId", json!(["EMAIL", "CALL"][any(2) as usize])),
            ("opened", json!(["Y", "N"][any(2) as usize])),
        ]);
        let fields: serde_json::Map<String, Value> = values
            .into_iter()
            .filter(|_| any(2) == 0)
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let change = match any(4) {
            _ if fields.is_empty() => continue,
            0 => (MANY, json!({"entityTypeId": 2, "ids": [351, 101, 102], "fields": fields})),
            1 => {
                let phone =
                    json!({"typeId": "PHONE", "valueType": "WORK", "value": format!("+{round}")});
                (
                    "update_crm_item",
                    json!({"entityTypeId": 3, "id": 5, "fields": {"fm": {"n0": phone}}}),
                )
            }
            _ => {
                let id = [351, 101, 102][any(3) as usize];
                ("update_crm_item", json!({"entityTypeId": 2, "id": id, "fields": fields}))
            }
        };
        let entity_type_id = u32::try_from(change.1["entityTypeId"].as_u64().unwrap()).unwrap();
        let id = change.1["id"].as_u64().unwrap_or(351);
        let known = newest(&mut server, entity_type_id, id).await;
        let answer = server.call(change.0, change.1).await;
        assert!(!answer.is_error, "{}", answer.json);
        let id = newest(&mut server, entity_type_id, id).await;
        changes.extend((id != known).then_some(id));
    }
    assert!(changes.len() > 15, "only {} changes", changes.len());
    for change in changes.into_iter().rev() {
        let undone = server.call(UNDO, json!({"changeId": change})).await;
        assert!(!undone.is_error, "{}", undone.json);
    }
    assert_eq!(states(), before);
}

#[tokio::test]
async fn calls_that_go_on_with_a_change_and_with_putting_it_back_are_one_each() {
    const COUNT: u64 = 30;
    let (sandbox, mut server) = on_deals(COUNT).await;
    let (update, other) = (Duration::from_millis(150), Duration::ZERO);
    let operating_limit = Duration::from_secs(1);
    let slow = Rules { cost: Some(Cost { update, other }), operating_limit, ..Rules::default() };
    let ids: Vec<u64> = (FIRST..FIRST + COUNT).collect();
    let change = json!({"entityTypeId": 2, "ids": ids, "fields": {"assignedById": 7}});
    for (tool, mut arguments) in [(MANY, change), (UNDO, json!({}))] {
        sandbox.set_rules(slow.clone());
        let paused = server.call(tool, arguments.clone()).await;
        assert_eq!(paused.json["status"], "paused", "{}", paused.json);
        sandbox.set_rules(Rules::default());
        // What is put back is not named: by now the last change is the putting back itself.
        arguments["confirm"] = paused.json["next"]["confirm"].clone();
        let done = server.call(tool, arguments).await;
        assert!(!done.is_error, "{}", done.json);
        assert_eq!(done.json.get("left"), None, "{}", done.json);
        let first = newest(&mut server, 2, FIRST).await;
        assert_eq!(newest(&mut server, 2, FIRST + COUNT - 1).await, first);
    }
    for id in ids {
        assert_eq!(sandbox.item(2, id).unwrap()["assignedById"], 1, "{id}");
    }
}
