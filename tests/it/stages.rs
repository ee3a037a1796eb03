//! Stages and pipelines: what is refused, what moves together, and what the portal adds.

use bitrix24_crm_mcp::sandbox::Rules;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{methods, on_sandbox, problems, sent};

#[tokio::test]
async fn stages_are_checked_against_type_and_pipeline() {
    let cases = [
        (1, 21, json!({"stageId": "C9:NEW"})),
        (2, 351, json!({"stageId": "WON"})),
        (2, 101, json!({"stageId": "C9:WON"})),
        (2, 101, json!({"stageId": "C9:WON", "categoryId": 3})),
        (2, 101, json!({"stageId": "DT1220_11:NEW"})),
        (7, 71, json!({"stageId": "DT31_2:N"})),
        (31, 81, json!({"stageId": "P"})),
        (31, 81, json!({"stageId": "DT31_4:P"})),
        (1220, 1, json!({"stageId": "SUCCESS"})),
        (1220, 1, json!({"stageId": "DT132_3:SUCCESS"})),
        (1220, 1, json!({"stageId": "DT1220_12:SUCCESS"})),
        (2, 351, json!({"stageId": "Agreed and signed"})),
    ];
    let mut told = serde_json::Map::new();
    for (entity_type_id, id, fields) in cases {
        let (sandbox, mut server) = on_sandbox().await;
        let call = json!({"entityTypeId": entity_type_id, "id": id, "fields": fields});
        let answer = server.update(call).await;
        assert_eq!(sent(&sandbox), Value::Null, "{fields}");
        told.insert(format!("{entity_type_id} {fields}"), problems(&answer).into());
    }
    assert_json_snapshot!(told, @r#"
    {
      "1 {\"stageId\":\"C9:NEW\"}": [
        [
          "fields.stageId",
          "must be like `IN_PROCESS`, as lead stages are; `options` lists the allowed values",
          null
        ]
      ],
      "2 {\"stageId\":\"WON\"}": [
        [
          "fields.stageId",
          "is a stage of pipeline 0, but the item is in pipeline 9, where a stage of that name would be `C9:WON`; to move the item, send `categoryId` too; `options` lists the stages of pipeline 9",
          "{\"categoryId\":0,\"stageId\":\"WON\"}"
        ]
      ],
      "2 {\"stageId\":\"C9:WON\"}": [
        [
          "fields.stageId",
          "is a stage of pipeline 9, but the item is in pipeline 0, where a stage of that name would be `WON`; to move the item, send `categoryId` too; `options` lists the stages of pipeline 0",
          "{\"categoryId\":9,\"stageId\":\"C9:WON\"}"
        ]
      ],
      "2 {\"stageId\":\"C9:WON\",\"categoryId\":3}": [
        [
          "fields.stageId",
          "is a stage of pipeline 9, but `categoryId` requests pipeline 3",
          "{\"categoryId\":9,\"stageId\":\"C9:WON\"}"
        ]
      ],
      "2 {\"stageId\":\"DT1220_11:NEW\"}": [
        [
          "fields.stageId",
          "must be like `NEW` in pipeline 0 and like `C9:NEW` in others; `options` lists the stages of pipeline 0",
          null
        ]
      ],
      "7 {\"stageId\":\"DT31_2:N\"}": [
        [
          "fields.stageId",
          "must be like `SENT`, as quote stages are; `options` lists the allowed values",
          null
        ]
      ],
      "31 {\"stageId\":\"P\"}": [
        [
          "fields.stageId",
          "must be like `DT31_9:NEW`, as invoice stages are; `options` lists the stages of pipeline 2",
          "DT31_2:P"
        ]
      ],
      "31 {\"stageId\":\"DT31_4:P\"}": [
        [
          "fields.stageId",
          "is a stage of pipeline 4, but the item is in pipeline 2, where a stage of that name would be `DT31_2:P`; `options` lists the stages of pipeline 2",
          null
        ]
      ],
      "1220 {\"stageId\":\"SUCCESS\"}": [
        [
          "fields.stageId",
          "must be like `DT1220_9:NEW`, as smart process 1220 stages are; `options` lists the stages of pipeline 11",
          "DT1220_11:SUCCESS"
        ]
      ],
      "1220 {\"stageId\":\"DT132_3:SUCCESS\"}": [
        [
          "fields.stageId",
          "is a stage of entity type 132, not of smart process 1220; `options` lists the stages of pipeline 11",
          null
        ]
      ],
      "1220 {\"stageId\":\"DT1220_12:SUCCESS\"}": [
        [
          "fields.stageId",
          "is a stage of pipeline 12, but the item is in pipeline 11, where a stage of that name would be `DT1220_11:SUCCESS`; to move the item, send `categoryId` too; `options` lists the stages of pipeline 11",
          "{\"categoryId\":12,\"stageId\":\"DT1220_12:SUCCESS\"}"
        ]
      ],
      "2 {\"stageId\":\"Agreed and signed\"}": [
        [
          "fields.stageId",
          "is not the code or the name of a stage; `options` lists the stages of pipeline 9",
          null
        ]
      ]
    }
    "#);
}

#[tokio::test]
async fn an_item_moves_between_pipelines_with_both_fields() {
    let (_sandbox, mut server) = on_sandbox().await;
    let fields = json!({"categoryId": 9, "stageId": "C9:UC_NYL06U"});
    let answer = server.update(json!({"entityTypeId": 2, "id": 101, "fields": fields})).await;
    assert_json_snapshot!(answer.json["changes"], @r#"
    [
      {
        "field": "categoryId",
        "before": 0,
        "after": 9
      },
      {
        "field": "stageId",
        "before": "PREPARATION",
        "after": "C9:UC_NYL06U"
      }
    ]
    "#);
}

#[tokio::test]
async fn a_robot_and_a_final_stage_are_told_apart_from_what_was_asked() {
    let (sandbox, mut server) = on_sandbox().await;
    let robot = Some(("C9:UC_NYL06U".to_owned(), "C9:WON".to_owned()));
    sandbox.set_rules(Rules { robot, ..Rules::default() });
    let fields = json!({"title": "b", "stageId": "C9:UC_NYL06U"});
    let moved_on = server.update(json!({"entityTypeId": 2, "id": 351, "fields": fields})).await;
    assert_eq!(methods(&sandbox), ["crm.item.get", "crm.item.update"]);
    assert_json_snapshot!(moved_on.json, @r#"
    {
      "ok": false,
      "status": "changed_by_portal",
      "error": {
        "code": "CHANGED_BY_PORTAL",
        "message": "saved, then the portal changed `stageId` to `C9:WON`",
        "written": "yes",
        "retry": "no",
        "hint": "tell the user; do not send it again"
      },
      "notApplied": [
        {
          "field": "stageId",
          "asked": "C9:UC_NYL06U",
          "now": "C9:WON",
          "why": "portal_set_another_value",
          "hint": "the portal's automation or another user has probably set this value after the save; tell the user, and do not send yours again"
        }
      ],
      "changes": [
        {
          "field": "title",
          "before": "Service contract",
          "after": "b"
        },
        {
          "field": "stageId",
          "before": "C9:NEW",
          "after": "C9:WON"
        },
        {
          "field": "closed",
          "before": "N",
          "after": "Y",
          "askedFor": false
        },
        {
          "field": "isNew",
          "before": "Y",
          "after": "N",
          "askedFor": false
        }
      ],
      "notes": [],
      "item": {
        "title": "b",
        "stageId": "C9:WON"
      },
      "names": {
        "stageId": {
          "C9:WON": "Served",
          "C9:NEW": "Request",
          "C9:UC_NYL06U": "Agreed"
        }
      }
    }
    "#);

    sandbox.set_rules(Rules { deals_close_today: true, ..Rules::default() });
    let fields = json!({"stageId": "C9:WON"});
    let closed = server.update(json!({"entityTypeId": 2, "id": 355, "fields": fields})).await;
    let changes = closed.json["changes"].as_array().unwrap();
    let changes: Vec<Value> =
        changes.iter().map(|it| json!([it["field"], it.get("askedFor").is_none()])).collect();
    assert_eq!(json!(changes), json!([["stageId", true], ["closedate", false], ["closed", false]]));
}

#[tokio::test]
async fn a_field_that_a_stage_requires_is_the_portals_own_refusal() {
    let (sandbox, mut server) = on_sandbox().await;
    let required = Some(("C9:WON".to_owned(), "additionalInfo".to_owned()));
    sandbox.set_rules(Rules { required, ..Rules::default() });
    let fields = json!({"stageId": "C9:WON"});
    let refused = server.update(json!({"entityTypeId": 2, "id": 351, "fields": fields})).await;
    assert_json_snapshot!(refused.json["error"], @r#"
    {
      "code": "REQUIRED_FIELD",
      "message": "the portal requires a field that is empty",
      "written": "no",
      "retry": "after_fix",
      "hint": "ask the user for the value of each field in `problems`, and send it in the same call",
      "problems": [
        {
          "path": "fields.additionalInfo",
          "message": "is required and empty (text)",
          "title": "additionalInfo"
        }
      ],
      "portal": {
        "httpStatus": 400,
        "code": "CRM_FIELD_ERROR_REQUIRED",
        "description": "Required field \"additionalInfo\" is not filled"
      }
    }
    "#);
    let fields = json!({"stageId": "C9:WON", "additionalInfo": "signed"});
    let taken = server.update(json!({"entityTypeId": 2, "id": 351, "fields": fields})).await;
    assert_eq!(taken.json["status"], "updated");
}
