//! Many items that are refused: what is wrong, told in few words whatever the input.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    many::{FIRST, MANY, counts, hand_over, on_deals, written},
    support::{length, on_sandbox, problems},
};

#[tokio::test]
async fn wrong_arguments_are_told_together_and_nothing_is_sent() {
    let (sandbox, mut server) = on_sandbox().await;
    let calls = [
        json!({"entityTypeId": 2}),
        json!({"entityTypeId": 2, "ids": [1], "filter": {"id": 1}}),
        json!({"entityTypeId": 2, "items": [{"id": 1, "title": "a"}], "fields": {"title": "b"}}),
        json!({"entityTypeId": 2, "items": [{"title": "a"}, {"id": 2}, {"id": 3, "titel": "c"}]}),
        json!({"entityTypeId": 2, "items": [{"id": 3, "title": "c"}, {"id": 3, "title": "d"}]}),
        json!({"entityTypeId": 2, "items": [{"id": 1, "titel": "c"}, {"id": 3, "titel": "d"}]}),
        json!({"entityTypeId": 2, "ids": ["five"], "fields": {"title": "b"}}),
        json!({"entityTypeId": 2, "filter": {"nothing": 1}, "fields": {"title": "b"}}),
        json!({"entityTypeId": 2, "ids": (1..=1_001).collect::<Vec<_>>(), "fields": {"title": "b"}}),
        json!({"entityTypeId": 2, "file": "/etc/hostname"}),
    ];
    let mut told = Vec::new();
    for call in calls {
        let answer = server.call(MANY, call).await;
        assert_eq!(answer.json["error"]["written"], "no");
        told.push(problems(&answer));
    }
    assert!(written(&sandbox).is_empty());
    assert_json_snapshot!(told, @r#"
    [
      [
        [
          "ids",
          "is missing: name the items by one of `ids`, `filter`, `items` and `file`",
          null
        ],
        [
          "fields",
          "names no field; give at least one in `fields` or in `clear`",
          null
        ]
      ],
      [
        [
          "filter",
          "is given together with `ids`; send one of them",
          null
        ],
        [
          "fields",
          "names no field; give at least one in `fields` or in `clear`",
          null
        ]
      ],
      [
        [
          "fields",
          "is for `ids` and `filter`; each of `items` and each row of `file` has its own values",
          null
        ]
      ],
      [
        [
          "items.0",
          "has no `id`",
          null
        ],
        [
          "items.1",
          "names no field",
          null
        ],
        [
          "items.2.titel",
          "is not a field of deal",
          "title"
        ]
      ],
      [
        [
          "items.1",
          "names item 3 again, after `items.0`",
          null
        ]
      ],
      [
        [
          "items.0.titel",
          "is not a field of deal",
          "title"
        ]
      ],
      [
        [
          "ids.0",
          "must be a whole number, not `\"five\"`",
          null
        ]
      ],
      [
        [
          "filter.nothing",
          "is not a field of deal",
          null
        ]
      ],
      [
        [
          "ids",
          "names 1001 items, and one call changes at most 1000; change them in parts",
          null
        ]
      ],
      [
        [
          "file",
          "names the path `\"/etc/hostname\"`, and no upload folder is set; a person has to name one in `BITRIX24_FILES_DIR`",
          null
        ]
      ]
    ]
    "#);
}

#[tokio::test]
async fn more_than_a_thousand_items_are_refused_with_their_count() {
    let (sandbox, mut server) = on_deals(1_001).await;
    let answer = server.call(MANY, hand_over()).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "error": {
        "code": "INVALID_ARGUMENTS",
        "message": "1001 items match, and one call changes at most 1000",
        "written": "no",
        "retry": "after_fix",
        "hint": "narrow `filter`, for instance by pipeline, stage or time, and change the items in parts"
      }
    }
    "#);
    assert_eq!(sandbox.received().iter().filter(|it| it.method == "crm.item.list").count(), 1);
}

#[tokio::test]
async fn where_no_item_can_be_changed_the_reasons_are_told_by_item() {
    let (sandbox, mut server) = on_deals(2).await;
    let call = json!({
        "entityTypeId": 2, "filter": {"@id": [FIRST, FIRST + 1, 351]}, "fields": {"stageId": "DT1_2:X"},
    });
    let answer = server.call(MANY, call).await;
    assert!(answer.is_error && written(&sandbox).is_empty());
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "status": "not_applied",
      "entityTypeId": 2,
      "error": {
        "code": "INVALID_ARGUMENTS",
        "message": "none of the 3 items can be changed",
        "written": "no",
        "retry": "after_fix",
        "hint": "see `cannot` for the reasons; correct the arguments, or tell the user"
      },
      "count": 3,
      "toChange": 0,
      "unchanged": 0,
      "cannot": [
        {
          "count": 2,
          "ids": [
            1001,
            1002
          ],
          "code": "INVALID_ARGUMENTS",
          "field": "stageId",
          "message": "must be like `NEW` in pipeline 0 and like `C9:NEW` in others; `options` lists the stages of pipeline 0",
          "options": [
            {
              "code": "NEW",
              "name": "New"
            },
            {
              "code": "PREPARATION",
              "name": "Preparation"
            },
            {
              "code": "EXECUTING",
              "name": "In delivery"
            },
            {
              "code": "WON",
              "name": "Won"
            },
            {
              "code": "LOSE",
              "name": "Lost"
            }
          ]
        },
        {
          "count": 1,
          "ids": [
            351
          ],
          "code": "INVALID_ARGUMENTS",
          "field": "stageId",
          "message": "must be like `NEW` in pipeline 0 and like `C9:NEW` in others; `options` lists the stages of pipeline 9"
        }
      ],
      "notes": []
    }
    "#);
}

#[tokio::test]
async fn whatever_fails_the_answer_stays_short() {
    let (_sandbox, mut server) = on_deals(50).await;
    let long = "very long ".repeat(500);
    let items: Vec<Value> = (0..50u64)
        .map(|at| json!({"id": FIRST + at, "stageId": format!("No stage {at} {long}")}))
        .collect();
    let answer = server.call(MANY, json!({"entityTypeId": 2, "items": items})).await;
    assert!(answer.is_error);
    assert_eq!(counts(&answer.json), [0, 0, 50, 0, 0, 0]);
    assert!(length(&answer.json) <= 4_000, "{}", length(&answer.json));
    let many: Vec<u64> = (0..1_000).map(|at| 9_007_199_254_740_000 + at).collect();
    let call = json!({"entityTypeId": 2, "ids": many, "fields": {"comments": long}});
    let answer = server.call(MANY, call).await;
    assert!(length(&answer.json) <= 4_000, "{}", length(&answer.json));
    assert_eq!(answer.json["count"], 1_000);
    assert_eq!(answer.json["cannot"].as_array().unwrap().len(), 2);
    let unknown: serde_json::Map<String, Value> =
        (0..60).map(|at| (format!("no field {at} {}", "x".repeat(300)), json!(1))).collect();
    let call = json!({"entityTypeId": 2, "ids": [FIRST], "fields": unknown});
    let answer = server.call(MANY, call).await;
    assert!(length(&answer.json) <= 4_000, "{}", length(&answer.json));
    assert_eq!(answer.json["error"]["written"], "no");
}
