//! What the reading tools share: costs, bounds, errors, names beside codes; and what updates gain.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{DESCRIBE, FIND, GET, Server, answered, length, methods, on_sandbox},
};

#[tokio::test]
async fn looking_a_type_up_costs_three_requests_once() {
    let (sandbox, mut server) = on_sandbox().await;
    for id in 0..5 {
        let params = json!({"name": DESCRIBE, "arguments": {"entityTypeId": 2}});
        let call =
            json!({"jsonrpc": "2.0", "id": id + 100, "method": "tools/call", "params": params});
        server.send(&call).await;
    }
    for _ in 0..5 {
        assert!(!answered(&server.receive().await.unwrap()).is_error);
    }
    let mut cold = methods(&sandbox);
    cold.sort();
    assert_eq!(cold, ["crm.category.list", "crm.item.fields", "crm.status.list"]);
    server.call(DESCRIBE, json!({"entityTypeId": 2, "query": "stage"})).await;
    server.call(DESCRIBE, json!({"entityTypeId": 2, "field": "sourceId"})).await;
    assert_eq!(sandbox.received().len(), 3);
    // What was learnt serves the other tools.
    let filter = json!({"stageId": "Won", "Номер договора": "x"});
    server.call(FIND, json!({"entityTypeId": 2, "filter": filter})).await;
    server.update(json!({"entityTypeId": 2, "id": 351, "fields": {"stageId": "Agreed"}})).await;
    assert_eq!(methods(&sandbox).get(3..).unwrap(), ["crm.item.get"]);
}

#[tokio::test]
async fn answers_are_bounded_and_say_how_to_narrow() {
    let field = |number: usize| {
        let name = format!("ufCrm_17300000{number:05}");
        let title = format!("Custom field number {number} of a large portal");
        (name, json!({"type": "string", "title": title}))
    };
    let fields: serde_json::Map<String, Value> = (0..300).map(field).collect();
    let item = (0..300).map(|number| (field(number).0, json!("a text of some length".repeat(4))));
    let item: serde_json::Map<String, Value> =
        std::iter::once(("id".to_owned(), json!(1))).chain(item).collect();
    let rows: Vec<&serde_json::Map<String, Value>> = std::iter::repeat_n(&item, 50).collect();
    let portal = ScriptedPortal::start(&[
        ("crm.item.fields", vec![Reply::Json(200, json!({"result": {"fields": fields}}))]),
        ("crm.category.list", vec![Reply::Json(200, json!({"result": {"categories": []}}))]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.currency.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.item.get", vec![Reply::item(item.clone().into())]),
        ("crm.item.list", vec![Reply::Json(200, json!({"result": {"items": rows}}))]),
    ])
    .await;
    let mut server = Server::connected_to(&portal.webhook()).await;
    let calls = [
        (DESCRIBE, json!({"entityTypeId": 2}), "fields"),
        (DESCRIBE, json!({"entityTypeId": 2, "query": "large"}), "fields"),
        (GET, json!({"entityTypeId": 2, "id": 1}), "item"),
        (FIND, json!({"entityTypeId": 2, "select": ["*"], "limit": 50}), "items"),
    ];
    let mut told = Vec::new();
    for (tool, arguments, part) in calls {
        let answer = server.call(tool, arguments).await.json;
        assert!(length(&answer) <= 8_000, "{tool}: {}", length(&answer));
        let shown = match &answer[part] {
            Value::Array(values) => values.len(),
            other => other.as_object().unwrap().len(),
        };
        let mut notes = answer["notes"].clone();
        for note in notes.as_array_mut().unwrap() {
            let text = note.as_str().unwrap();
            if text.starts_with("long values") {
                *note = json!("long values are shown cut: …");
            }
        }
        told.push(json!([tool, shown, answer.get("next"), notes]));
    }
    assert_json_snapshot!(told, @r#"
    [
      [
        "describe_crm_fields",
        106,
        null,
        [
          "194 more are left out, because the answer is too long: find the field with `query`"
        ]
      ],
      [
        "describe_crm_fields",
        78,
        null,
        [
          "222 more are left out, because the answer is too long: make `query` longer, or name one `field`"
        ]
      ],
      [
        "get_crm_item",
        55,
        null,
        [
          "long values are shown cut: …",
          "246 more are left out, because the answer is too long: name the fields that you need in `select`"
        ]
      ],
      [
        "find_crm_items",
        1,
        1,
        [
          "long values are shown cut: …",
          "49 more are left out, because the answer is too long: continue from `next`, or narrow with `filter`, `limit` or a shorter `select`",
          "247 fields of the shown one are left out, because the answer is too long: continue from `next`, or narrow with `filter`, `limit` or a shorter `select`"
        ]
      ]
    ]
    "#);
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
        "notes": []
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
          "stageName": "Agreed",
          "categoryId": 9,
          "categoryName": "Service",
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
        "notes": []
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
          "stageName": "Planned",
          "companyId": 0
        },
        "notes": [
          "`select` was read as a list"
        ]
      }
    ]
    "#);
}

#[tokio::test]
async fn many_choices_and_many_people_are_counted_and_not_all_shown() {
    let options: Vec<Value> = (1..=500)
        .map(|id: u32| json!({"ID": id.to_string(), "VALUE": format!("Branch {id}")}))
        .collect();
    let people: Vec<Value> = (1..=50)
        .map(|id: u32| json!({"ID": id.to_string(), "NAME": "Anna", "LAST_NAME": format!("No {id}")}))
        .collect();
    let field = json!({"type": "enumeration", "title": "Town", "items": options});
    let fields = json!({"fields": {"ufCrm_1": field, "assignedById": {"type": "user"}}});
    let portal = ScriptedPortal::start(&[
        ("crm.item.fields", vec![Reply::Json(200, json!({"result": fields}))]),
        ("crm.category.list", vec![Reply::Json(200, json!({"result": {"categories": []}}))]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.currency.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("user.get", vec![Reply::Json(200, json!({"result": people}))]),
        ("user.search", vec![Reply::Json(200, json!({"result": people}))]),
    ])
    .await;
    let mut server = Server::connected_to(&portal.webhook()).await;
    let mut told = Vec::new();
    for arguments in [
        json!({"entityTypeId": 2, "query": "town"}),
        json!({"entityTypeId": 2, "query": "branch 499"}),
        json!({"entityTypeId": 2, "field": "ufCrm_1"}),
        json!({"entityTypeId": 2, "query": "Anna"}),
    ] {
        let answer = server.call(DESCRIBE, arguments).await.json;
        assert!(length(&answer) <= 8_000, "{}", length(&answer));
        let count = |place: &str| answer.pointer(place).and_then(Value::as_array).map(Vec::len);
        told.push(json!([
            count("/fields/0/choices"),
            answer.pointer("/fields/0/moreChoices"),
            count("/choices"),
            count("/people"),
            answer["notes"],
        ]));
    }
    assert_json_snapshot!(told, @r#"
    [
      [
        40,
        460,
        null,
        null,
        []
      ],
      [
        1,
        null,
        null,
        null,
        []
      ],
      [
        null,
        null,
        245,
        null,
        [
          "255 more are left out, because the answer is too long: find the choice with `query`"
        ]
      ],
      [
        null,
        null,
        null,
        20,
        [
          "30 more people match; make `query` longer"
        ]
      ]
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
            "path": "entityTypeId",
            "message": "is required and missing"
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
            "message": "is not a field of deal",
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
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", vec![Reply::item(item)]),
        ("crm.status.list", vec![Reply::error(400, "Access denied.", "no")]),
        ("crm.category.list", vec![Reply::error(400, "ENTITY_TYPE_NOT_SUPPORTED", "no")]),
    ])
    .await;
    let mut server = Server::connected_to(&portal.webhook()).await;
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
      "notes": [
        "the names of stages could not be read: the portal answered the error (a code of other characters) (HTTP 400)",
        "the names of pipelines could not be read: the portal answered the error (a code of other characters) (HTTP 400)"
      ]
    }
    "#);
}
