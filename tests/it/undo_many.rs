//! Putting back changes of many items, and many changes one after the other.

use std::{collections::BTreeMap, time::Duration};

use bitrix24_crm_mcp::sandbox::{Cost, Rules, Sandbox};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    many::{FIRST, MANY, hand_over, on_deals, with, written},
    support::Server,
    undo::{UNDO, masked, newest, state},
};

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
