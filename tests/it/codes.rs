//! Stages, pipelines, other codes and people: what is refused, what moves together, and the real
//! ones.

use bitrix24_crm_mcp::sandbox::Rules;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{Server, methods, on_sandbox, problems, sent},
};

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
          "must be the code of a stage such as `C9:NEW`; `options` lists the stages of pipeline 9",
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
    assert_eq!(moved_on.json["notApplied"][0]["why"], "portal_set_another_value");

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
    assert_eq!(refused.json["error"]["code"], "REQUIRED_FIELD");
    let fields = json!({"stageId": "C9:WON", "additionalInfo": "signed"});
    let taken = server.update(json!({"entityTypeId": 2, "id": 351, "fields": fields})).await;
    assert_eq!(taken.json["status"], "updated");
}

#[tokio::test]
async fn an_update_is_told_the_real_stages_and_pipelines() {
    let (sandbox, mut server) = on_sandbox().await;
    let cases = [
        (2, 351, json!({"stageId": "Agreed"})),
        (2, 351, json!({"stageId": "In negotiation"})),
        (2, 351, json!({"categoryId": "Sales", "stageId": "Won"})),
        (2, 351, json!({"categoryId": "sales", "stageId": "WON"})),
        (2, 101, json!({"stageId": "Won"})),
        (1, 21, json!({"stageId": "in work"})),
        (2, 351, json!({"Номер договора": "Д-1"})),
        (2, 351, json!({"Номер договра": "Д-1"})),
        (2, 351, json!({"nomer_dogovora": "Д-1"})),
        (2, 351, json!({"signed": "Y"})),
        (2, 351, json!({"channel": "x"})),
        (2, 101, json!({"sourceId": "Website"})),
        (2, 101, json!({"sourceId": "Выставка", "typeId": "sale"})),
        (4, 11, json!({"industry": "Shipping"})),
        (2, 101, json!({"assignedById": "Marta Keller"})),
        (2, 101, json!({"assignedById": "Olga"})),
        (2, 101, json!({"assignedById": "sales manager"})),
        (2, 101, json!({"assignedById": "Zoe"})),
    ];
    let mut told = Vec::new();
    for (entity_type_id, id, fields) in cases {
        let arguments = json!({"entityTypeId": entity_type_id, "id": id, "fields": fields});
        told.push(server.update(arguments).await.json["error"]["problems"].clone());
    }
    assert_json_snapshot!(told, @r#"
    [
      [
        {
          "path": "fields.stageId",
          "message": "is the name of a stage, not its code",
          "didYouMean": "C9:UC_NYL06U"
        }
      ],
      [
        {
          "path": "fields.stageId",
          "message": "must be the code of a stage such as `C9:NEW`; `options` lists the stages of pipeline 9",
          "options": [
            {
              "code": "C9:NEW",
              "name": "Request"
            },
            {
              "code": "C9:UC_NYL06U",
              "name": "Agreed"
            },
            {
              "code": "C9:UC_LEGAL",
              "name": "Approved by legal"
            },
            {
              "code": "C9:WON",
              "name": "Served"
            },
            {
              "code": "C9:LOSE",
              "name": "Declined"
            }
          ]
        }
      ],
      [
        {
          "path": "fields.categoryId",
          "message": "is the name of a pipeline, not its id",
          "didYouMean": "0"
        },
        {
          "path": "fields.stageId",
          "message": "is the name of a stage, not its code",
          "didYouMean": "WON"
        }
      ],
      [
        {
          "path": "fields.categoryId",
          "message": "is the name of a pipeline, not its id",
          "didYouMean": "0"
        }
      ],
      [
        {
          "path": "fields.stageId",
          "message": "is the name of a stage, not its code",
          "didYouMean": "WON"
        }
      ],
      [
        {
          "path": "fields.stageId",
          "message": "is the name of a stage, not its code",
          "didYouMean": "IN_PROCESS"
        }
      ],
      [
        {
          "path": "fields.Номер договора",
          "message": "is the title of a field of deal, not its name",
          "didYouMean": "ufCrm_1730000000009"
        }
      ],
      [
        {
          "path": "fields.Номер договра",
          "message": "is not a field of deal",
          "didYouMean": "ufCrm_1730000000009"
        }
      ],
      [
        {
          "path": "fields.nomer_dogovora",
          "message": "is not a field of deal",
          "didYouMean": "ufCrm_1730000000009"
        }
      ],
      [
        {
          "path": "fields.signed",
          "message": "is not a field of deal",
          "didYouMean": "ufCrm_1730000000003"
        }
      ],
      [
        {
          "path": "fields.channel",
          "message": "is not a field of deal",
          "didYouMean": "ufCrm_1730000000001"
        }
      ],
      [
        {
          "path": "fields.sourceId",
          "message": "is not one of the allowed codes; `options` lists the allowed values",
          "options": [
            {
              "code": "CALL",
              "name": "Call"
            },
            {
              "code": "EMAIL",
              "name": "E-mail"
            },
            {
              "code": "WEBFORM",
              "name": "CRM form"
            },
            {
              "code": "ADVERTISING",
              "name": "Advertising"
            },
            {
              "code": "PARTNER",
              "name": "Existing client"
            },
            {
              "code": "TRADE_SHOW",
              "name": "Выставка"
            }
          ]
        }
      ],
      [
        {
          "path": "fields.sourceId",
          "message": "is the name of a choice, not its code",
          "didYouMean": "TRADE_SHOW"
        },
        {
          "path": "fields.typeId",
          "message": "is the name of a choice, not its code",
          "didYouMean": "SALE"
        }
      ],
      [
        {
          "path": "fields.industry",
          "message": "is not one of the allowed codes; `options` lists the allowed values",
          "options": [
            {
              "code": "IT",
              "name": "Information technology"
            },
            {
              "code": "MANUFACTURING",
              "name": "Manufacturing"
            },
            {
              "code": "TRADE",
              "name": "Trade"
            }
          ]
        }
      ],
      [
        {
          "path": "fields.assignedById",
          "message": "is the name of a user, not their id",
          "didYouMean": "8"
        }
      ],
      [
        {
          "path": "fields.assignedById",
          "message": "must be the id of a user, a whole number, not `\"Olga\"`; `options` lists the allowed values",
          "options": [
            {
              "code": "7",
              "name": "Ольга Иванова"
            }
          ]
        }
      ],
      [
        {
          "path": "fields.assignedById",
          "message": "must be the id of a user, a whole number, not `\"sales manager\"`; `options` lists the allowed values",
          "options": [
            {
              "code": "6",
              "name": "Jonas Brandt"
            },
            {
              "code": "9",
              "name": "Peter Novak"
            }
          ]
        }
      ],
      [
        {
          "path": "fields.assignedById",
          "message": "must be the id of a user, a whole number, not `\"Zoe\"`"
        }
      ]
    ]
    "#);
    assert!(!methods(&sandbox).contains(&"crm.item.update".to_owned()));
}

#[tokio::test]
async fn every_new_code_is_looked_up_once() {
    let entry =
        |code: &str, name: &str| json!({"ENTITY_ID": "SOURCE", "STATUS_ID": code, "NAME": name});
    let directory = json!([
        entry("UC_1", "SEO"),
        entry("UC_2", "VIP"),
        entry("UC_3", "50-250"),
        entry("UC_4", "IT & TELECOM"),
        entry("WEB", "Site"),
        entry("выставка 1", "Fair"),
    ]);
    let item = |source: &str| Reply::item(json!({"id": 351, "sourceId": source}));
    let start = async |code: &str, directories: Vec<Reply>| {
        let replies = [
            ("crm.item.get", vec![item("CALL")]),
            ("crm.status.list", directories),
            ("crm.item.update", vec![item(code)]),
        ];
        let portal = ScriptedPortal::start(&replies).await;
        let server = Server::connected_to(&portal.webhook()).await;
        (portal, server)
    };
    let call = |code: &str, dry_run: bool| json!({"entityTypeId": 2, "id": 351, "fields": {"sourceId": code}, "dryRun": dry_run});
    let there = || vec![Reply::Json(200, json!({"result": directory}))];
    let names = [("SEO", "UC_1"), ("VIP", "UC_2"), ("50-250", "UC_3"), ("IT & TELECOM", "UC_4")];
    for (name, code) in names {
        let (portal, mut server) = start(name, there()).await;
        for dry_run in [true, false] {
            let answer = server.update(call(name, dry_run)).await;
            let message = "is the name of a choice, not its code";
            assert_eq!(problems(&answer), [json!(["fields.sourceId", message, code])], "{name}");
        }
        assert_eq!(portal.methods(), ["crm.item.get", "crm.status.list", "crm.item.get"], "{name}");
    }
    for code in ["WEB", "выставка 1"] {
        let (portal, mut server) = start(code, there()).await;
        assert_eq!(server.update(call(code, false)).await.json["status"], "updated", "{code}");
        assert_eq!(portal.methods(), ["crm.item.get", "crm.status.list", "crm.item.update"]);
    }
    // The standing code needs no look.
    let (portal, mut server) = start("CALL", there()).await;
    assert_eq!(server.update(call("CALL", false)).await.json["status"], "unchanged");
    assert_eq!(portal.methods(), ["crm.item.get"]);
    // Where the directory cannot be read, that is said.
    let (_portal, mut server) = start("NEW", vec![Reply::error(403, "ACCESS_DENIED", "no")]).await;
    let answer = server.update(call("NEW", false)).await;
    assert_eq!(answer.json["status"], "updated");
    let note = "codes were not checked: the portal answered the error `ACCESS_DENIED` (HTTP 403)";
    assert_eq!(answer.json["notes"], json!([note]));
}
