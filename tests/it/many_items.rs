//! Many items at once: what is shown first, what a confirmation is for, and an account of every item.

use bitrix24_crm_mcp::sandbox::Sandbox;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    many::{FIRST, MANY, counts, hand_over, on_deals, with, written},
    support::{Server, on_sandbox},
};

/// How many of the deals belong to a user.
fn of_user(sandbox: &Sandbox, count: u64, user: u64) -> u64 {
    (FIRST..FIRST + count)
        .filter(|id| sandbox.item(2, *id).unwrap()["assignedById"] == user)
        .count() as u64
}

#[tokio::test]
async fn what_a_filter_finds_is_shown_first_and_then_changed_item_by_item() {
    let (sandbox, mut server) = on_deals(120).await;
    let shown = server.call(MANY, hand_over()).await;
    assert!(!shown.is_error && written(&sandbox).is_empty(), "{}", shown.json);
    let confirm = shown.json["confirm"].clone();
    let mut without_confirm = shown.json.clone();
    without_confirm["confirm"] = json!("120.….0");
    assert_json_snapshot!(without_confirm, @r#"
    {
      "ok": true,
      "status": "confirm",
      "entityTypeId": 2,
      "count": 120,
      "toChange": 120,
      "unchanged": 0,
      "samples": [
        {
          "id": 1001,
          "title": "Deal 1",
          "changes": [
            {
              "field": "assignedById",
              "before": 1,
              "after": 7
            }
          ]
        },
        {
          "id": 1002,
          "title": "Deal 2",
          "changes": [
            {
              "field": "assignedById",
              "before": 1,
              "after": 7
            }
          ]
        },
        {
          "id": 1003,
          "title": "Deal 3",
          "changes": [
            {
              "field": "assignedById",
              "before": 1,
              "after": 7
            }
          ]
        }
      ],
      "effects": [
        "the portal may notify people and run automation for each item"
      ],
      "minutes": 2,
      "confirm": "120.….0",
      "notes": [
        "nothing was written: show this to the user, then repeat the call with `confirm`"
      ],
      "names": {
        "assignedById": {
          "1": "Sandbox User",
          "7": "Ольга Иванова"
        }
      }
    }
    "#);
    let done = server.call(MANY, with(&hand_over(), "confirm", confirm)).await;
    assert_json_snapshot!(done.json, @r#"
    {
      "ok": true,
      "status": "updated",
      "entityTypeId": 2,
      "count": 120,
      "updated": 120,
      "unchanged": 0,
      "notes": []
    }
    "#);
    assert_eq!(of_user(&sandbox, 120, 7), 120);
    // Five at first, then as many as a batch takes; in ascending order and each once.
    let chunks = written(&sandbox);
    assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), [5, 50, 50, 15]);
    assert_eq!(chunks.concat(), (FIRST..FIRST + 120).collect::<Vec<_>>());
    // Three pages of the preview, one request for the confirmation, and two for each chunk; beside
    // them the names of the samples.
    let lists = sandbox.received().iter().filter(|it| it.method == "crm.item.list").count();
    assert_eq!(lists, 3 + 4);
    assert_eq!(sandbox.received().iter().filter(|it| it.method == "batch").count(), 1 + 1 + 4);
}

#[tokio::test]
async fn a_confirmation_is_for_the_shown_items_and_arguments_alone() {
    let (sandbox, mut server) = on_deals(60).await;
    let shown = server.call(MANY, hand_over()).await;
    let confirm = shown.json["confirm"].as_str().unwrap().to_owned();
    let (count, rest) = confirm.split_once('.').unwrap();
    let (digest, _) = rest.split_once('.').unwrap();
    let with_it = |arguments: &Value| with(arguments, "confirm", json!(confirm));
    let other_fields = json!({"assignedById": 3});
    let narrower = json!({"%title": "Deal 1", "assignedById": 1});
    let calls = [
        with(&hand_over(), "confirm", json!("yes")),
        with(&hand_over(), "confirm", json!(format!("{count}.{digest}.1005"))),
        with(&hand_over(), "confirm", json!(format!("61.{digest}.0"))),
        with(&hand_over(), "confirm", json!(format!("{count}.0123456789abcdef.0"))),
        with_it(&with(&hand_over(), "fields", other_fields)),
        with_it(&with(&hand_over(), "filter", narrower)),
        with_it(&with(&hand_over(), "expect", json!({"stageId": "NEW"}))),
        with_it(&with(&hand_over(), "useOriginalUfNames", json!("Y"))),
    ];
    for call in calls {
        let refused = server.call(MANY, call.clone()).await;
        assert_eq!(refused.json["error"]["code"], "CONFLICT", "{call}");
        assert_eq!(refused.json["error"]["written"], "no", "{call}");
        assert!(refused.json["confirm"].is_string(), "{call}");
    }
    // The set has grown: nothing that was not shown is written.
    sandbox.add_deals(61);
    let refused = server.call(MANY, with_it(&hand_over())).await;
    assert_eq!(refused.json["error"]["code"], "CONFLICT");
    assert_eq!(refused.json["count"], 61);
    assert!(written(&sandbox).is_empty());
    // Another process has another key.
    let mut other = Server::connected_to(&sandbox.webhook_url()).await;
    let renewed = refused.json["confirm"].clone();
    let answer = other.call(MANY, with(&hand_over(), "confirm", renewed.clone())).await;
    assert_eq!(answer.json["error"]["code"], "CONFLICT");
    let done = server.call(MANY, with(&hand_over(), "confirm", renewed)).await;
    assert_eq!(counts(&done.json), [61, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn the_order_of_keys_does_not_matter_to_a_confirmation() {
    let (_sandbox, mut server) = on_deals(3).await;
    let shown = server.call(MANY, hand_over()).await;
    let reordered = json!({
        "confirm": shown.json["confirm"], "fields": {"assignedById": 7},
        "filter": {"assignedById": 1, "%title": "Deal "}, "entityTypeId": 2,
    });
    assert_eq!(counts(&server.call(MANY, reordered).await.json), [3, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn up_to_fifty_named_items_are_changed_at_once_with_an_account_of_each() {
    let (sandbox, mut server) = on_deals(4).await;
    let items = json!([
        {"id": FIRST, "title": "A"},
        {"id": FIRST + 1, "title": "Deal 2"},
        {"id": FIRST + 2, "stageId": "C9:NEW"},
        {"id": FIRST + 3, "opportunity": 5, "title": "D"},
        {"id": 5, "title": "E"},
        {"id": 360, "title": "F"},
    ]);
    let answer = server.call(MANY, json!({"entityTypeId": 2, "items": items})).await;
    assert_eq!(counts(&answer.json), [2, 1, 3, 0, 0, 0]);
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "status": "partial",
      "entityTypeId": 2,
      "error": {
        "code": "PARTLY_APPLIED",
        "message": "2 of 6 items were changed, 1 had the values already",
        "written": "yes",
        "retry": "after_fix",
        "hint": "see `failed` for the reasons; change only those items again, if it can help, and tell the user about the others"
      },
      "count": 6,
      "updated": 2,
      "unchanged": 1,
      "failed": [
        {
          "count": 1,
          "ids": [
            5
          ],
          "code": "ITEM_NOT_FOUND",
          "message": "there is no such item"
        },
        {
          "count": 1,
          "ids": [
            360
          ],
          "code": "ACCESS_DENIED",
          "message": "the portal denies access"
        },
        {
          "count": 1,
          "ids": [
            1003
          ],
          "code": "INVALID_ARGUMENTS",
          "field": "stageId",
          "message": "is a stage of pipeline 9, but the item is in pipeline 0, where a stage of that name would be `NEW`; to move the item, send `categoryId` too; `options` lists the stages of pipeline 0"
        }
      ],
      "notes": []
    }
    "#);
    assert_eq!(written(&sandbox).concat(), [FIRST, FIRST + 3]);
    assert_eq!(sandbox.item(2, FIRST + 3).unwrap()["opportunity"], 5);
}

#[tokio::test]
async fn items_that_are_not_as_expected_are_left_alone_and_named() {
    let (sandbox, mut server) = on_deals(6).await;
    let renamed = json!({"entityTypeId": 2, "id": FIRST + 2, "fields": {"opportunity": 99}});
    server.update(renamed).await;
    let call = json!({
        "entityTypeId": 2, "ids": (FIRST..FIRST + 6).collect::<Vec<_>>(),
        "fields": {"comments": "seen"}, "expect": {"opportunity": 3},
    });
    let answer = server.call(MANY, call).await;
    assert!(answer.is_error);
    assert_eq!(counts(&answer.json), [0, 0, 0, 6, 0, 0]);
    let call = json!({
        "entityTypeId": 2, "ids": [FIRST, FIRST + 2],
        "fields": {"comments": "seen"}, "expect": {"opportunity": 99},
    });
    let answer = server.call(MANY, call).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "status": "partial",
      "entityTypeId": 2,
      "error": {
        "code": "PARTLY_APPLIED",
        "message": "1 of 2 items was changed",
        "written": "yes",
        "retry": "after_fix",
        "hint": "see `conflicts` for the reasons; change only those items again, if it can help, and tell the user about the others"
      },
      "count": 2,
      "updated": 1,
      "unchanged": 0,
      "conflicts": [
        {
          "count": 1,
          "ids": [
            1001
          ],
          "code": "CONFLICT",
          "field": "opportunity"
        }
      ],
      "notes": []
    }
    "#);
    assert_eq!(sandbox.item(2, FIRST).unwrap()["comments"], Value::Null);
}

#[tokio::test]
async fn values_that_a_batch_would_change_arrive_as_they_are() {
    let (sandbox, mut server) = on_deals(12).await;
    let texts = [
        "$result[update1001][item][id]",
        "$timesheet[1]",
        "costs $TOTAL [net]",
        "a & b = c # d + e % f",
        "line\nbreak\tand \u{202e} turned",
        "🙂 «кавычки» \"quotes\"",
        "true",
        "null",
        "12.50",
        "a[b][]=c",
        "x?y=z;w",
        "\\ / ' `",
    ];
    let items: Vec<Value> = (FIRST..)
        .zip(texts)
        .map(|(id, text)| json!({"id": id, "title": text, "additionalInfo": text}))
        .collect();
    let answer = server.call(MANY, json!({"entityTypeId": 2, "items": items})).await;
    assert_eq!(counts(&answer.json), [12, 0, 0, 0, 0, 0], "{}", answer.json);
    for (id, text) in (FIRST..).zip(texts) {
        assert_eq!(sandbox.item(2, id).unwrap()["additionalInfo"], text);
    }
    let mut alone: Vec<u64> =
        written(&sandbox).into_iter().filter(|ids| ids.len() == 1).flatten().collect();
    alone.sort_unstable();
    assert_eq!(alone, [FIRST, FIRST + 1, FIRST + 2]);
}

#[tokio::test]
async fn additions_go_by_themselves() {
    let (sandbox, mut server) = on_sandbox().await;
    let phone = json!({"n0": {"typeId": "PHONE", "valueType": "WORK", "value": "+49 30 1234567"}});
    let call = json!({"entityTypeId": 3, "ids": [5, 7], "fields": {"fm": phone}});
    let answer = server.call(MANY, call.clone()).await;
    assert_eq!(counts(&answer.json), [2, 0, 0, 0, 0, 0], "{}", answer.json);
    assert_eq!(written(&sandbox), [[5], [7]]);
    // What is there already is not added again.
    assert_eq!(counts(&server.call(MANY, call).await.json), [0, 2, 0, 0, 0, 0]);
}

#[tokio::test]
async fn items_that_have_the_values_already_are_read_fifty_at_a_time() {
    let (sandbox, mut server) = on_deals(205).await;
    let call = json!({
        "entityTypeId": 2, "filter": {"%title": "Deal "}, "fields": {"assignedById": 7},
    });
    // All but a few have it.
    for ids in [FIRST..FIRST + 50, FIRST + 50..FIRST + 100, FIRST + 100..FIRST + 150] {
        let ids: Vec<u64> = ids.collect();
        let some = json!({"entityTypeId": 2, "ids": ids, "fields": {"assignedById": 7}});
        assert_eq!(counts(&server.call(MANY, some).await.json)[0], 50);
    }
    let shown = server.call(MANY, call.clone()).await;
    assert_eq!(shown.json["unchanged"], 150);
    let lists = || sandbox.received().iter().filter(|it| it.method == "crm.item.list").count();
    let before = lists();
    let done = server.call(MANY, with(&call, "confirm", shown.json["confirm"].clone())).await;
    assert_eq!(counts(&done.json), [55, 150, 0, 0, 0, 0]);
    // Five, then twenty-five, then fifty at a time; five of the first that need it are written.
    assert_eq!(lists() - before, 6);
}

#[tokio::test]
async fn a_dry_run_shows_what_a_call_would_do() {
    let (sandbox, mut server) = on_deals(2).await;
    let call = json!({
        "entityTypeId": 2, "ids": [FIRST, FIRST + 1], "fields": {"title": "Deal 1"}, "dryRun": true,
    });
    let answer = server.call(MANY, call).await;
    assert_eq!(answer.json["status"], "planned");
    assert_eq!(answer.json["toChange"], 1);
    assert_eq!(answer.json["unchanged"], 1);
    assert!(written(&sandbox).is_empty());
}

#[tokio::test]
async fn progress_is_told_by_item_to_a_client_that_asks() {
    let (_sandbox, mut server) = on_deals(60).await;
    let shown = server.call(MANY, hand_over()).await;
    let arguments = with(&hand_over(), "confirm", shown.json["confirm"].clone());
    let params = json!({"name": MANY, "arguments": arguments, "_meta": {"progressToken": "p"}});
    let call = json!({"jsonrpc": "2.0", "id": 900, "method": "tools/call", "params": params});
    server.send(&call).await;
    let mut told = Vec::new();
    loop {
        let line = server.receive().await.unwrap();
        if line["id"] == 900 {
            break;
        }
        told.push(line["params"]["message"].as_str().unwrap().to_owned());
    }
    assert_eq!(told.first().map(String::as_str), Some("5 of 60"), "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("60 of 60"), "{told:?}");
}
