//! Finding items, reading them, and describing what a portal lets one write.

use bitrix24_crm_mcp::sandbox::Sandbox;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{Server, answered},
};

const FIND: &str = "find_crm_items";
const GET: &str = "get_crm_item";
const DESCRIBE: &str = "describe_crm_fields";

async fn opened() -> (Sandbox, Server) {
    let sandbox = Sandbox::start().await.unwrap();
    let server = Server::connected_to(&sandbox.webhook_url()).await;
    (sandbox, server)
}

fn methods(sandbox: &Sandbox) -> Vec<String> {
    sandbox.received().into_iter().map(|request| request.method).collect()
}

/// The ids of the items that an answer shows.
fn ids(answer: &Value) -> Vec<u64> {
    let items = answer["items"].as_array().unwrap_or_else(|| panic!("no items: {answer}"));
    items.iter().map(|item| item["id"].as_u64().unwrap()).collect()
}

fn length(answer: &Value) -> usize {
    answer.to_string().chars().count()
}

#[tokio::test]
async fn all_fields_are_a_line_each() {
    let (_sandbox, mut server) = opened().await;
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
    let (_sandbox, mut server) = opened().await;
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
    let (_sandbox, mut server) = opened().await;
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
      ]
    }
    "#);
}

#[tokio::test]
async fn people_are_choices_of_the_fields_that_hold_users() {
    let (_sandbox, mut server) = opened().await;
    let ask = json!({"entityTypeId": 2, "field": "Responsible", "query": "sales"});
    assert_json_snapshot!(server.call(DESCRIBE, ask).await.json, @r#"
    {
      "ok": true,
      "entityTypeId": 2,
      "name": "assignedById",
      "title": "Responsible",
      "kind": "user",
      "form": "Id of the user who is responsible for the item.",
      "cannotBeEmptied": true,
      "people": [
        {
          "id": 6,
          "name": "Jonas Brandt",
          "email": "jonas.brandt@sandbox.example",
          "position": "Sales manager"
        },
        {
          "id": 8,
          "name": "Marta Keller",
          "email": "marta.keller@sandbox.example",
          "position": "Head of sales"
        },
        {
          "id": 9,
          "name": "Peter Novak",
          "email": "peter@sandbox.example",
          "position": "Sales manager",
          "hasLeft": true
        }
      ],
      "notes": [
        "`field` is the title of `assignedById`"
      ]
    }
    "#);
}

#[tokio::test]
async fn without_the_scope_for_people_everything_else_goes_on() {
    let fields = json!({"fields": {"assignedById": {"type": "user", "title": "Responsible"}}});
    let portal = ScriptedPortal::start(&[
        ("crm.item.fields", vec![Reply::Json(200, json!({"result": fields}))]),
        ("crm.category.list", vec![Reply::Json(200, json!({"result": {"categories": []}}))]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.currency.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("user.search", vec![Reply::error(401, "insufficient_scope", "no scope")]),
    ])
    .await;
    let mut server = Server::connected_to(&portal.webhook()).await;
    let answer = server.call(DESCRIBE, json!({"entityTypeId": 2, "query": "Anna"})).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": true,
      "entityTypeId": 2,
      "fields": [],
      "notes": [
        "people cannot be looked up: a person has to add the scope `user_basic` to the webhook",
        "nothing matches; call without `query` to see every field"
      ]
    }
    "#);
    let answer = server.call(DESCRIBE, json!({"entityTypeId": 2})).await;
    assert_eq!(answer.json["fields"], json!(["assignedById: user · Responsible"]));
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

#[tokio::test]
async fn looking_a_type_up_costs_three_requests_once() {
    let (sandbox, mut server) = opened().await;
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
async fn a_query_is_a_text_a_phone_an_e_mail_an_id_or_a_link() {
    let (_sandbox, mut server) = opened().await;
    let cases: [(u64, &str, &[u64]); 19] = [
        (2, "acme", &[101]),
        (2, "spring acme", &[101]),
        (2, "КАБЕЛЯ", &[103]),
        (2, "351", &[351]),
        (2, "#351", &[351]),
        (2, "https://acme.example/crm/deal/details/351/?IFRAME=Y", &[351]),
        (3, "Anna Lindqvist", &[5]),
        (3, "lindqvist anna", &[5]),
        (3, "соколов", &[7]),
        (3, "+46 70 000 001", &[5]),
        (3, "0049 151 5550177", &[8]),
        (3, "+49 (151) 555-01-77", &[8]),
        (3, "Anna@Acme.example", &[5]),
        (3, "nobody@acme.example", &[]),
        (1, "ferreira cork", &[21]),
        (4, "orbit", &[12]),
        (2, "Orbit Software", &[102]),
        (2, "anna@acme.example", &[101]),
        (2, "nothing of the kind", &[]),
    ];
    for (entity_type_id, query, expected) in cases {
        let arguments = json!({"entityTypeId": entity_type_id, "query": query});
        let answer = server.call(FIND, arguments).await.json;
        assert_eq!(ids(&answer), expected, "{query}: {answer}");
    }
}

#[tokio::test]
async fn an_answer_shows_names_beside_codes_and_says_whose_items_these_are() {
    let (_sandbox, mut server) = opened().await;
    let answer =
        server.call(FIND, json!({"entityTypeId": 2, "query": "Orbit Software"})).await.json;
    assert_json_snapshot!(answer, @r#"
    {
      "ok": true,
      "entityTypeId": 2,
      "items": [
        {
          "id": 102,
          "title": "Orbit: annual licence",
          "stageId": "NEW",
          "stageName": "New",
          "categoryId": 0,
          "categoryName": "Sales",
          "opportunity": 24000,
          "currencyId": "USD",
          "assignedById": 1,
          "companyId": 12,
          "contactId": 6,
          "link": "https://portal.example/crm/deal/details/102/"
        }
      ],
      "notes": [
        "no deal matches `Orbit Software` itself; these belong to company 12, which does"
      ]
    }
    "#);
}

#[tokio::test]
async fn filters_are_sent_in_the_form_that_lists_compare() {
    let (sandbox, mut server) = opened().await;
    let filter = json!({
        "categoryId": "service",
        "STAGE_ID": ["Agreed", "C9:NEW"],
        "!@sourceId": ["call"],
        ">=opportunity": "500",
        "opened": true,
        "ufCrm_1730000000003": "N",
        "UF_CRM_1730000000002": "сайт",
        "><begindate": ["01.07.2026", "2026-07-31"],
        "createdTime": "2026-09-01",
        "<=updatedTime": "2026-09-30T12:00:00+03:00",
        "%title": "contract",
        "observers": 1,
        "=contactIds": [5],
        "0": {"logic": "or", "0": {"=companyId": 11}, "1": {"companyId": ""}},
    });
    let arguments = json!({
        "entityTypeId": "deal", "filter": filter, "order": {"closedate": "desc"},
        "select": "observers, UF_CRM_MY_STRING", "start": 0,
    });
    let answer = server.call(FIND, arguments).await.json;
    let sent: Vec<Value> = sandbox
        .received()
        .into_iter()
        .filter(|request| request.method == "crm.item.list")
        .map(|request| request.body)
        .collect();
    assert_json_snapshot!(json!([sent, answer]), @r#"
    [
      [
        {
          "entityTypeId": 2,
          "start": 0,
          "select": [
            "id",
            "title",
            "stageId",
            "categoryId",
            "opportunity",
            "currencyId",
            "assignedById",
            "companyId",
            "contactId",
            "observers",
            "ufCrmMyString"
          ],
          "filter": {
            "categoryId": 9,
            "@stageId": [
              "C9:UC_NYL06U",
              "C9:NEW"
            ],
            "!@sourceId": [
              "CALL"
            ],
            ">=opportunity": 500,
            "opened": "Y",
            "ufCrm_1730000000003": 0,
            "ufCrm_1730000000002": 46,
            ">=begindate": "2026-07-01",
            "<=begindate": "2026-07-31",
            ">=createdTime": "2026-09-01 00:00:00",
            "<=createdTime": "2026-09-01 23:59:59",
            "<=updatedTime": "2026-09-30 12:00:00",
            "%title": "contract",
            "observers": [
              1
            ],
            "@contactIds": [
              5
            ],
            "0": {
              "logic": "OR",
              "0": {
                "=companyId": 11
              },
              "1": {
                "companyId": ""
              }
            }
          },
          "order": {
            "closedate": "DESC"
          }
        }
      ],
      {
        "ok": true,
        "entityTypeId": 2,
        "items": [],
        "total": 0,
        "notes": [
          "`entityTypeId` was read as 2",
          "`select` was read as a list",
          "`filter.categoryId` was read as pipeline 9",
          "`filter.STAGE_ID` was read as `stageId`",
          "`filter.STAGE_ID` was read as stage `C9:UC_NYL06U`",
          "`filter.!@sourceId` was read as `CALL`",
          "`filter.UF_CRM_1730000000002` was read as `ufCrm_1730000000002`",
          "`filter.UF_CRM_1730000000002` `\"сайт\"` was read as option 46",
          "`filter.><begindate` was read as `2026-07-01`",
          "`filter.<=updatedTime` was read as `2026-09-30 12:00:00` on the portal's clock, without its offset"
        ]
      }
    ]
    "#);
}

#[tokio::test]
async fn wrong_filters_are_explained_and_not_sent() {
    let (sandbox, mut server) = opened().await;
    let filter = json!({
        "titel": "x",
        "stageId": "Nwe",
        "!stageId": "NEW",
        "categoryId": "Support",
        "opportunity>": 5,
        "companyId": {"$in": [1]},
        ">closedate": "05/03/2026",
        ">opportunity": [1, 2],
        "><probability": 5,
        "assignedById": "Olga",
        "phone": "+1",
        "!observers": [1],
        "Номер договора": "x",
        "0": {"contactIds": [5]},
        "1": "title",
    });
    let arguments = json!({
        "entityTypeId": 2, "filter": filter, "order": {"amount": "DESC", "id": "up"},
        "select": ["stage"],
    });
    let answer = server.call(FIND, arguments).await;
    assert_json_snapshot!(answer.json["error"], @r#"
    {
      "code": "INVALID_ARGUMENTS",
      "message": "17 arguments have to be corrected",
      "written": "no",
      "retry": "after_fix",
      "hint": "nothing was sent; correct what `problems` names and call again",
      "problems": [
        {
          "path": "filter.titel",
          "message": "is not a field of deal",
          "didYouMean": "title"
        },
        {
          "path": "filter.stageId",
          "message": "must be a stage of deal (`NEW` \"New (Sales)\", `PREPARATION` \"Preparation (Sales)\", `EXECUTING` \"In delivery (Sales)\", `WON` \"Won (Sales)\", `LOSE` \"Lost (Sales)\", `C9:NEW` \"Request (Service)\", `C9:UC_NYL06U` \"Agreed (Service)\", `C9:UC_LEGAL` \"Approved by legal (Service)\", `C9:WON` \"Served (Service)\", `C9:LOSE` \"Declined (Service)\"), not `\"Nwe\"`",
          "didYouMean": "NEW"
        },
        {
          "path": "filter.categoryId",
          "message": "must be a pipeline of deal (`0` \"Sales\", `9` \"Service\"), not `\"Support\"`"
        },
        {
          "path": "filter.opportunity>",
          "message": "has its operator behind the name; it stands before it",
          "didYouMean": ">opportunity"
        },
        {
          "path": "filter.companyId",
          "message": "must be a value; the operator stands before the name, as in {\">opportunity\":5000}, and a group has a number for a key, as in {\"0\":{\"logic\":\"OR\",\"0\":{…},\"1\":{…}}}"
        },
        {
          "path": "filter.>closedate",
          "message": "can be read as `2026-03-05` or as `2026-05-03`; send the one that is meant"
        },
        {
          "path": "filter.>opportunity",
          "message": "must be one value; `>` takes no list"
        },
        {
          "path": "filter.><probability",
          "message": "must be a list of two values, from and to"
        },
        {
          "path": "filter.assignedById",
          "message": "must be the id of a user; `describe_crm_fields` finds people"
        },
        {
          "path": "filter.phone",
          "message": "cannot be filtered by; use `query` with the phone or e-mail"
        },
        {
          "path": "filter.!observers",
          "message": "can only be compared as {\"observers\":[ids]}, which means one of them, and outside of groups"
        },
        {
          "path": "filter.Номер договора",
          "message": "is the title of a field of deal, not its name",
          "didYouMean": "ufCrm_1730000000009"
        },
        {
          "path": "filter.0.contactIds",
          "message": "can only be compared as {\"contactIds\":[ids]}, which means one of them, and outside of groups"
        },
        {
          "path": "filter.1",
          "message": "must be an object of conditions"
        },
        {
          "path": "select.stage",
          "message": "is the title of a field of deal, not its name",
          "didYouMean": "stageId"
        },
        {
          "path": "order.amount",
          "message": "is the title of a field of deal, not its name",
          "didYouMean": "opportunity"
        },
        {
          "path": "order.id",
          "message": "must be \"ASC\" or \"DESC\""
        }
      ]
    }
    "#);
    assert!(!methods(&sandbox).contains(&"crm.item.list".to_owned()));
}

#[tokio::test]
async fn a_filter_that_the_portal_alone_knows_to_be_wrong_is_explained() {
    let (_sandbox, mut server) = opened().await;
    let answer = server.call(FIND, json!({"entityTypeId": 132, "filter": {"observers": 1}})).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "error": {
        "code": "INVALID_VALUE",
        "message": "the portal refused a value",
        "written": "no",
        "retry": "after_fix",
        "hint": "correct the value that `portal.description` speaks of and call again",
        "portal": {
          "httpStatus": 400,
          "code": "INVALID_ARG_VALUE",
          "description": "Invalid filter: field 'observers' is not allowed in filter"
        }
      }
    }
    "#);
}

#[tokio::test]
async fn custom_fields_keep_their_original_names_beside_standard_ones() {
    let (_sandbox, mut server) = opened().await;
    let arguments = json!({
        "entityTypeId": 2, "filter": {"id": [103, 351]}, "useOriginalUfNames": "Y",
        "select": ["UF_CRM_1730000000009"],
    });
    let answer = server.call(FIND, arguments).await.json;
    assert_json_snapshot!(answer["items"], @r#"
    [
      {
        "id": 103,
        "title": "Поставка кабеля",
        "stageId": "EXECUTING",
        "stageName": "In delivery",
        "categoryId": 0,
        "categoryName": "Sales",
        "opportunity": 150000,
        "currencyId": "RUB",
        "assignedById": 7,
        "companyId": 11,
        "contactId": 7,
        "UF_CRM_1730000000009": "Д-17/2026",
        "link": "https://portal.example/crm/deal/details/103/"
      },
      {
        "id": 351,
        "title": "Service contract",
        "stageId": "C9:NEW",
        "stageName": "Request",
        "categoryId": 9,
        "categoryName": "Service",
        "opportunity": 500,
        "currencyId": "EUR",
        "assignedById": 1,
        "UF_CRM_1730000000009": null,
        "link": "https://portal.example/crm/deal/details/351/"
      }
    ]
    "#);
}

#[tokio::test]
async fn ten_thousand_deals_are_paged_and_counted_only_when_asked() {
    let (sandbox, mut server) = opened().await;
    sandbox.add_deals(10_000);
    let mut start = json!(null);
    let mut seen = Vec::new();
    for _ in 0..4 {
        let arguments = json!({"entityTypeId": 2, "query": "Deal", "limit": 30, "start": start});
        let answer = server.call(FIND, arguments).await.json;
        assert!(length(&answer) <= 8_000, "{}", length(&answer));
        assert_eq!(answer.get("total").is_some(), !start.is_null());
        seen.extend(ids(&answer));
        start = answer["next"].clone();
    }
    let expected: Vec<u64> = (1_001..).take(seen.len()).collect();
    assert_eq!(seen, expected);
    let arguments = json!({"entityTypeId": 2, "query": "Deal", "start": 9_990, "limit": 50});
    let answer = server.call(FIND, arguments).await.json;
    assert_eq!((answer["total"].as_u64(), answer.get("next")), (Some(10_000), None));
    assert_eq!(ids(&answer), (10_991..=11_000).collect::<Vec<u64>>());
    let starts: Vec<i64> = sandbox
        .received()
        .iter()
        .filter(|request| request.method == "crm.item.list")
        .map(|request| request.body["start"].as_i64().unwrap())
        .collect();
    assert_eq!(starts, [-1, 0, 50, 50, 9_950]);
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
          "194 more are left out, because the answer is too long: look for the field with `query`"
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
        51,
        null,
        [
          "long values are shown cut: …",
          "250 more are left out, because the answer is too long: name the fields that you need in `select`"
        ]
      ],
      [
        "find_crm_items",
        1,
        1,
        [
          "long values are shown cut: …",
          "49 more are left out, because the answer is too long: continue from `next`, or narrow with `filter`, `limit` or a shorter `select`",
          "250 fields of the one that is shown are left out, because the answer is too long: continue from `next`, or narrow with `filter`, `limit` or a shorter `select`"
        ]
      ]
    ]
    "#);
}

#[tokio::test]
async fn an_item_is_shown_with_names_records_and_files_by_id() {
    let (_sandbox, mut server) = opened().await;
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
          "birthdate": "1984-03-05T02:00:00+02:00",
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
async fn what_cannot_be_read_is_explained() {
    let (_sandbox, mut server) = opened().await;
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
        "3 arguments have to be corrected",
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
        "`crm.item.update` and its like do not serve this entity type",
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
        "the names of stages could not be read: the portal answered the error `Access denied.` (HTTP 400)",
        "the names of pipelines could not be read: the portal answered the error `Access denied.` (HTTP 400)"
      ]
    }
    "#);
}

#[tokio::test]
async fn an_update_is_told_the_real_stages_and_pipelines() {
    let (sandbox, mut server) = opened().await;
    let cases = [
        (2, 351, json!({"stageId": "Agreed"})),
        (2, 351, json!({"stageId": "In negotiation"})),
        (2, 351, json!({"categoryId": "Sales", "stageId": "Won"})),
        (2, 101, json!({"stageId": "Won"})),
        (1, 21, json!({"stageId": "in work"})),
        (2, 351, json!({"Номер договора": "Д-1"})),
        (2, 351, json!({"Номер договра": "Д-1"})),
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
          "message": "must be the code of a stage such as `C9:NEW`; pipeline 9 has `C9:NEW` \"Request\", `C9:UC_NYL06U` \"Agreed\", `C9:UC_LEGAL` \"Approved by legal\", `C9:WON` \"Served\", `C9:LOSE` \"Declined\""
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
          "message": "is a stage of pipeline 0, and the item stands in pipeline 9, where a stage of that name would be `C9:Won`; to move the item, send `categoryId` too; pipeline 9 has `C9:NEW` \"Request\", `C9:UC_NYL06U` \"Agreed\", `C9:UC_LEGAL` \"Approved by legal\", `C9:WON` \"Served\", `C9:LOSE` \"Declined\"",
          "didYouMean": "{\"categoryId\":0,\"stageId\":\"Won\"}"
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
      ]
    ]
    "#);
    assert!(!methods(&sandbox).contains(&"crm.item.update".to_owned()));
}
