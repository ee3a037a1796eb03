//! What a portal lets one write: fields, stages, options, people, entity types.

use bitrix24_crm_mcp::sandbox::Sandbox;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{DESCRIBE, Server, methods, on_sandbox};

#[tokio::test]
async fn all_fields_are_a_line_each() {
    let (_sandbox, mut server) = on_sandbox().await;
    let answer = server.call(DESCRIBE, json!({"entityTypeId": 4})).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": true,
      "entityTypeId": 4,
      "readOnly": "isMyCompany, id, entityTypeId, createdTime, createdBy, updatedTime, updatedBy, lastActivityTime, lastActivityBy, lastCommunicationTime, searchContent, hasPhone, hasEmail, hasImol, phone, email, imol, phoneWork, phoneMobile, phoneMailing, emailWork, emailHome, emailMailing",
      "fields": [
        "title: text · Name",
        "currencyId: currency · Currency",
        "assignedById: user · Responsible",
        "observers: users · Observers",
        "opened: Y or N · Available to everyone",
        "comments: text · Comment",
        "contactIds: ids of items · Contacts",
        "typeId: code, 3 choices · Type",
        "fm: phones and e-mails · Phones and e-mails",
        "logo: picture",
        "industry: code, 3 choices · Industry",
        "employees: code, 4 choices · Employees",
        "revenue: number · Annual revenue",
        "bankingDetails: text",
        "leadId: id of an item",
        "originatorId: text",
        "originId: text",
        "originVersion: text",
        "utmSource: text",
        "utmMedium: text",
        "utmCampaign: text",
        "utmContent: text",
        "utmTerm: text"
      ],
      "notes": []
    }
    "#);
}

#[tokio::test]
async fn one_field_is_described_in_full() {
    let (_sandbox, mut server) = on_sandbox().await;
    let mut told = serde_json::Map::new();
    for field in ["stageId", "ufCrm_1730000000001", "title", "currencyId", "Номер договора"]
    {
        let answer = server.call(DESCRIBE, json!({"entityTypeId": 2, "field": field})).await;
        told.insert(field.to_owned(), answer.json);
    }
    assert_json_snapshot!(told, @r#"
    {
      "stageId": {
        "ok": true,
        "entityTypeId": 2,
        "name": "stageId",
        "title": "Stage",
        "kind": "stage",
        "form": "Code of the stage the item stands in; it must be a stage of the item's pipeline.",
        "pipelines": [
          {
            "categoryId": 0,
            "name": "Sales",
            "stages": [
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
                "name": "Won",
                "means": "success"
              },
              {
                "code": "LOSE",
                "name": "Lost",
                "means": "failure"
              }
            ]
          },
          {
            "categoryId": 9,
            "name": "Service",
            "stages": [
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
                "name": "Served",
                "means": "success"
              },
              {
                "code": "C9:LOSE",
                "name": "Declined",
                "means": "failure"
              }
            ]
          }
        ],
        "notes": []
      },
      "ufCrm_1730000000001": {
        "ok": true,
        "entityTypeId": 2,
        "name": "ufCrm_1730000000001",
        "title": "Channels",
        "kind": "option",
        "several": true,
        "form": "the id of an option, or its text",
        "upperName": "UF_CRM_1730000000001",
        "choices": [
          {
            "id": 44,
            "text": "Fair"
          },
          {
            "id": 45,
            "text": "Partner"
          },
          {
            "id": 46,
            "text": "Сайт"
          }
        ],
        "notes": []
      },
      "title": {
        "ok": true,
        "entityTypeId": 2,
        "name": "title",
        "title": "Name",
        "kind": "text",
        "form": "Name of the item, at most 255 characters.",
        "mostCharacters": 255,
        "cannotBeEmptied": true,
        "notes": []
      },
      "currencyId": {
        "ok": true,
        "entityTypeId": 2,
        "name": "currencyId",
        "title": "Currency",
        "kind": "currency",
        "form": "ISO code of a currency that the portal has.",
        "cannotBeEmptied": true,
        "choices": [
          {
            "code": "EUR",
            "name": "Euro"
          },
          {
            "code": "USD",
            "name": "US Dollar"
          },
          {
            "code": "RUB",
            "name": "Российский рубль"
          }
        ],
        "notes": []
      },
      "Номер договора": {
        "ok": true,
        "entityTypeId": 2,
        "name": "ufCrm_1730000000009",
        "title": "Номер договора",
        "kind": "text",
        "upperName": "UF_CRM_1730000000009",
        "notes": [
          "`field` is the title of `ufCrm_1730000000009`"
        ]
      }
    }
    "#);
}

#[tokio::test]
async fn a_query_finds_fields_choices_and_people_in_any_script() {
    let (_sandbox, mut server) = on_sandbox().await;
    let cases = [
        ("closing date", 2),
        ("close date", 2),
        ("ДОГОВОР", 2),
        ("negotation", 2),
        ("agred", 2),
        ("выставка", 3),
        ("сайт", 2),
        ("service", 2),
        ("rouble", 2),
        ("rub", 2),
        ("keller", 2),
        ("Jonas Brandt", 2),
        ("иванова", 2),
        ("olga@sandbox.example", 2),
        ("Peter", 2),
        ("8", 2),
        ("price", 2),
        ("phone", 3),
        ("nothing of the kind", 2),
        ("stage agreed", 2),
        ("Service request", 2),
        ("lost reason", 2),
        ("nomer dogovora", 2),
    ];
    let mut told = serde_json::Map::new();
    for (query, entity_type_id) in cases {
        let arguments = json!({"entityTypeId": entity_type_id, "query": query});
        let answer = server.call(DESCRIBE, arguments).await.json;
        let found = |part: &str| answer.get(part).cloned().unwrap_or_default();
        let fields = found("fields").as_array().unwrap().clone();
        let fields: Vec<Value> = fields
            .into_iter()
            .map(|field| {
                let choices = [&field["choices"], &field["pipelines"]];
                let choices = choices.into_iter().find(|it| !it.is_null());
                json!([field["name"], choices])
            })
            .collect();
        told.insert(query.to_owned(), json!([fields, found("people")]));
    }
    assert_json_snapshot!(told, @r#"
    {
      "closing date": [
        [
          [
            "closedate",
            null
          ]
        ],
        null
      ],
      "close date": [
        [
          [
            "closedate",
            null
          ]
        ],
        null
      ],
      "ДОГОВОР": [
        [
          [
            "ufCrm_1730000000009",
            null
          ]
        ],
        null
      ],
      "negotation": [
        [],
        null
      ],
      "agred": [
        [
          [
            "stageId",
            [
              {
                "categoryId": 9,
                "name": "Service",
                "stages": [
                  {
                    "code": "C9:UC_NYL06U",
                    "name": "Agreed"
                  }
                ]
              }
            ]
          ]
        ],
        null
      ],
      "выставка": [
        [
          [
            "sourceId",
            [
              {
                "code": "TRADE_SHOW",
                "name": "Выставка"
              }
            ]
          ]
        ],
        null
      ],
      "сайт": [
        [
          [
            "ufCrm_1730000000001",
            [
              {
                "id": 46,
                "text": "Сайт"
              }
            ]
          ],
          [
            "ufCrm_1730000000002",
            [
              {
                "id": 46,
                "text": "Сайт"
              }
            ]
          ]
        ],
        null
      ],
      "service": [
        [
          [
            "stageId",
            [
              {
                "categoryId": 9,
                "name": "Service",
                "stages": [
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
                    "name": "Served",
                    "means": "success"
                  },
                  {
                    "code": "C9:LOSE",
                    "name": "Declined",
                    "means": "failure"
                  }
                ]
              }
            ]
          ],
          [
            "categoryId",
            [
              {
                "id": 9,
                "name": "Service"
              }
            ]
          ],
          [
            "typeId",
            [
              {
                "code": "SERVICE",
                "name": "Service"
              }
            ]
          ]
        ],
        null
      ],
      "rouble": [
        [],
        null
      ],
      "rub": [
        [
          [
            "currencyId",
            [
              {
                "code": "RUB",
                "name": "Российский рубль"
              }
            ]
          ]
        ],
        null
      ],
      "keller": [
        [],
        [
          {
            "id": 8,
            "name": "Marta Keller",
            "email": "marta.keller@sandbox.example",
            "position": "Head of sales"
          }
        ]
      ],
      "Jonas Brandt": [
        [],
        [
          {
            "id": 6,
            "name": "Jonas Brandt",
            "email": "jonas.brandt@sandbox.example",
            "position": "Sales manager"
          }
        ]
      ],
      "иванова": [
        [],
        [
          {
            "id": 7,
            "name": "Ольга Иванова",
            "email": "olga@sandbox.example",
            "position": "Менеджер по продажам"
          }
        ]
      ],
      "olga@sandbox.example": [
        [],
        [
          {
            "id": 7,
            "name": "Ольга Иванова",
            "email": "olga@sandbox.example",
            "position": "Менеджер по продажам"
          }
        ]
      ],
      "Peter": [
        [],
        [
          {
            "id": 9,
            "name": "Peter Novak",
            "email": "peter@sandbox.example",
            "position": "Sales manager",
            "hasLeft": true
          }
        ]
      ],
      "8": [
        [
          [
            "ufCrm_1730000000008",
            null
          ]
        ],
        null
      ],
      "price": [
        [
          [
            "opportunity",
            null
          ]
        ],
        null
      ],
      "phone": [
        [
          [
            "fm",
            null
          ],
          [
            "hasPhone",
            null
          ]
        ],
        null
      ],
      "nothing of the kind": [
        [],
        null
      ],
      "stage agreed": [
        [
          [
            "stageId",
            [
              {
                "categoryId": 9,
                "name": "Service",
                "stages": [
                  {
                    "code": "C9:UC_NYL06U",
                    "name": "Agreed"
                  }
                ]
              }
            ]
          ]
        ],
        null
      ],
      "Service request": [
        [
          [
            "stageId",
            [
              {
                "categoryId": 9,
                "name": "Service",
                "stages": [
                  {
                    "code": "C9:NEW",
                    "name": "Request"
                  }
                ]
              }
            ]
          ]
        ],
        null
      ],
      "lost reason": [
        [
          [
            "stageId",
            [
              {
                "categoryId": 0,
                "name": "Sales",
                "stages": [
                  {
                    "code": "LOSE",
                    "name": "Lost",
                    "means": "failure"
                  }
                ]
              }
            ]
          ]
        ],
        null
      ],
      "nomer dogovora": [
        [
          [
            "ufCrm_1730000000009",
            null
          ]
        ],
        null
      ]
    }
    "#);
}

#[tokio::test]
async fn without_a_type_the_portals_types_are_named_to_everyone() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut told = Vec::new();
    for user in [1, 6] {
        let mut server = Server::connected_to(&sandbox.webhook_url_of(user)).await;
        told.push(server.call(DESCRIBE, json!({})).await.json);
    }
    assert_eq!(told[0], told[1]);
    assert_json_snapshot!(told[0]["entityTypes"], @r#"
    [
      {
        "entityTypeId": 1,
        "name": "lead"
      },
      {
        "entityTypeId": 2,
        "name": "deal"
      },
      {
        "entityTypeId": 3,
        "name": "contact"
      },
      {
        "entityTypeId": 4,
        "name": "company"
      },
      {
        "entityTypeId": 7,
        "name": "quote"
      },
      {
        "entityTypeId": 31,
        "name": "invoice"
      },
      {
        "entityTypeId": 132,
        "name": "Vehicles",
        "isSmartProcess": true
      },
      {
        "entityTypeId": 1048,
        "name": "Old equipment",
        "isSmartProcess": true
      },
      {
        "entityTypeId": 1220,
        "name": "Projects",
        "isSmartProcess": true
      }
    ]
    "#);
    assert_eq!(methods(&sandbox), ["crm.type.list", "crm.type.list", "crm.enum.ownertype"]);
}
