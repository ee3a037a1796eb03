//! What the reading tools share: costs, errors, names beside codes; and what updates gain.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::{
    scripted_portal::Reply,
    support::{DESCRIBE, FIND, GET, answered, methods, on_portal, on_sandbox},
};

#[tokio::test]
async fn looking_a_type_up_costs_one_request_once() {
    let (sandbox, mut server) = on_sandbox().await;
    for id in 0..5 {
        server.send_call(json!(id + 100), DESCRIBE, json!({"entityTypeId": 2})).await;
    }
    for _ in 0..5 {
        assert!(!answered(&server.receive().await.unwrap()).is_error);
    }
    let all = || sandbox.received().into_iter().map(|it| it.method).collect::<Vec<String>>();
    assert_eq!(all(), ["batch"]);
    server.call(DESCRIBE, json!({"entityTypeId": 2, "query": "stage"})).await;
    server.call(DESCRIBE, json!({"entityTypeId": 2, "field": "sourceId"})).await;
    assert_eq!(all(), ["batch"]);
    // What was learnt serves the other tools.
    let filter = json!({"stageId": "Won", "Номер договора": "x"});
    server.call(FIND, json!({"entityTypeId": 2, "filter": filter})).await;
    server.update(json!({"entityTypeId": 2, "id": 351, "fields": {"stageId": "Agreed"}})).await;
    assert_eq!(methods(&sandbox), ["crm.item.get", "crm.item.update"]);
}

#[tokio::test]
async fn an_item_is_shown_with_names_records_and_files_by_id() {
    let (_sandbox, mut server) = on_sandbox().await;
    let mut told = Vec::new();
    for arguments in [
        json!({"entityTypeId": 3, "id": 5}),
        json!({"entityTypeId": 2, "id": 355, "useOriginalUfNames": "Y"}),
        json!({"entityTypeId": 1220, "id": 1, "select": "title, stageId, COMPANY_ID"}),
    ] {
        told.push(server.call(GET, arguments).await.json);
    }
    assert_json_snapshot!(told, @r#"
    [
      {
        "ok": true,
        "entityTypeId": 3,
        "id": 5,
        "link": "https://portal.example/crm/contact/details/5/",
        "item": {
          "id": 5,
          "assignedById": 1,
          "opened": "Y",
          "companyId": 11,
          "companyIds": [
            11
          ],
          "typeId": "CLIENT",
          "name": "Anna",
          "lastName": "Lindqvist",
          "post": "Buyer",
          "birthdate": "1984-03-05",
          "fm": [
            {
              "id": 31,
              "valueType": "WORK",
              "value": "+4670000001",
              "typeId": "PHONE"
            },
            {
              "id": 32,
              "valueType": "WORK",
              "value": "anna@acme.example",
              "typeId": "EMAIL"
            }
          ],
          "photo": 77,
          "export": "Y",
          "entityTypeId": 3,
          "createdTime": "2026-09-01T09:00:00+02:00",
          "createdBy": 1,
          "hasPhone": "Y",
          "hasEmail": "Y",
          "hasImol": "N"
        },
        "notes": [],
        "names": {
          "assignedById": {
            "1": "Sandbox User"
          },
          "companyId": {
            "11": "Acme Tools"
          },
          "companyIds": {
            "11": "Acme Tools"
          },
          "typeId": {
            "CLIENT": "Client"
          },
          "createdBy": {
            "1": "Sandbox User"
          }
        }
      },
      {
        "ok": true,
        "entityTypeId": 2,
        "id": 355,
        "link": "https://portal.example/crm/deal/details/355/",
        "item": {
          "id": 355,
          "title": "Maintenance with papers",
          "stageId": "C9:UC_NYL06U",
          "categoryId": 9,
          "opportunity": 1800,
          "currencyId": "EUR",
          "isManualOpportunity": "Y",
          "assignedById": 1,
          "observers": [
            1,
            6
          ],
          "opened": "Y",
          "isRecurring": "N",
          "entityTypeId": 2,
          "createdTime": "2026-09-01T09:00:00+02:00",
          "createdBy": 1,
          "closed": "N",
          "isNew": "N",
          "isReturnCustomer": "N",
          "isRepeatedApproach": "N",
          "UF_CRM_1730000000001": [
            44,
            45
          ],
          "UF_CRM_1617027453943": {
            "id": 433
          },
          "UF_CRM_1617027453944": [
            {
              "id": 12
            },
            {
              "id": 255
            },
            {
              "id": 44
            }
          ]
        },
        "notes": [],
        "names": {
          "stageId": {
            "C9:UC_NYL06U": "Agreed"
          },
          "categoryId": {
            "9": "Service"
          },
          "assignedById": {
            "1": "Sandbox User"
          },
          "observers": {
            "1": "Sandbox User",
            "6": "Jonas Brandt"
          },
          "createdBy": {
            "1": "Sandbox User"
          },
          "UF_CRM_1730000000001": {
            "44": "Fair",
            "45": "Partner"
          }
        },
        "titles": {
          "UF_CRM_1730000000001": "Channels",
          "UF_CRM_1617027453943": "Contract",
          "UF_CRM_1617027453944": "Attachments"
        }
      },
      {
        "ok": true,
        "entityTypeId": 1220,
        "id": 1,
        "link": "https://portal.example/crm/type/1220/details/1/",
        "item": {
          "id": 1,
          "title": "Warehouse move",
          "stageId": "DT1220_11:NEW",
          "companyId": 0
        },
        "notes": [
          "`select` was read as a list"
        ],
        "names": {
          "stageId": {
            "DT1220_11:NEW": "Planned"
          }
        }
      }
    ]
    "#);
}

#[tokio::test]
async fn what_cannot_be_read_is_explained() {
    let (_sandbox, mut server) = on_sandbox().await;
    let cases = [
        (GET, json!({"entityTypeId": 2, "id": 9})),
        (GET, json!({"entityTypeId": 2, "id": 360})),
        (
            GET,
            json!({"entityTypeId": 2, "id": 351, "select": ["Сумма", "titel", "Номер договора"]}),
        ),
        (FIND, json!({"entityTypeId": 1300, "query": "x"})),
        (FIND, json!({"query": "x"})),
        (FIND, json!({"entityTypeId": 999})),
        (DESCRIBE, json!({"entityTypeId": 1300})),
        (DESCRIBE, json!({"entityTypeId": 2, "field": "amuont"})),
    ];
    let mut told = Vec::new();
    for (tool, arguments) in cases {
        let answer = server.call(tool, arguments).await;
        let error = &answer.json["error"];
        told.push(json!([error["code"], error["message"], error["problems"]]));
    }
    assert_json_snapshot!(told, @r#"
    [
      [
        "ITEM_NOT_FOUND",
        "there is no deal with the id 9",
        null
      ],
      [
        "ACCESS_DENIED",
        "the portal denies access",
        null
      ],
      [
        "INVALID_ARGUMENTS",
        "3 arguments are invalid",
        [
          {
            "path": "select.Сумма",
            "message": "is not a field of deal"
          },
          {
            "path": "select.titel",
            "message": "is not a field of deal",
            "didYouMean": "title"
          },
          {
            "path": "select.Номер договора",
            "message": "is the title of a field of deal, not its name",
            "didYouMean": "ufCrm_1730000000009"
          }
        ]
      ],
      [
        "TYPE_NOT_FOUND",
        "the portal has no entity type 1300",
        null
      ],
      [
        "INVALID_ARGUMENTS",
        "`entityTypeId` is required and missing",
        [
          {
            "path": "entityTypeId"
          }
        ]
      ],
      [
        "TYPE_NOT_SUPPORTED",
        "the portal's `crm.item.*` methods do not support this entity type",
        null
      ],
      [
        "TYPE_NOT_FOUND",
        "the portal has no entity type 1300",
        null
      ],
      [
        "UNKNOWN_FIELD",
        "`field` is not a field of deal",
        [
          {
            "path": "field",
            "didYouMean": "opportunity"
          }
        ]
      ]
    ]
    "#);
}

#[tokio::test]
async fn missing_names_are_no_reason_to_fail() {
    let item = json!({"id": 351, "stageId": "C9:NEW", "categoryId": 9});
    let (_portal, mut server) = on_portal(&[
        ("crm.item.get", vec![Reply::item(item)]),
        ("crm.status.list", vec![Reply::error(400, "Access denied.", "no")]),
        ("crm.category.list", vec![Reply::error(400, "ENTITY_TYPE_NOT_SUPPORTED", "no")]),
    ])
    .await;
    let answer = server.call(GET, json!({"entityTypeId": 2, "id": 351})).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": true,
      "entityTypeId": 2,
      "id": 351,
      "link": "https://portal.example/crm/deal/details/351/",
      "item": {
        "id": 351,
        "stageId": "C9:NEW",
        "categoryId": 9
      },
      "notes": []
    }
    "#);
}
