//! Filters of lists: what is sent for what is typed, and what is refused.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{FIND, ids, methods, on_sandbox};

#[tokio::test]
async fn filters_are_sent_in_the_form_that_lists_compare() {
    let (sandbox, mut server) = on_sandbox().await;
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
async fn groups_keep_their_meaning() {
    let (sandbox, mut server) = on_sandbox().await;
    let filters = [
        json!({"logic": "OR", "createdTime": "2026-09-01", "movedTime": "2026-09-02", "title": "x"}),
        json!({"0": {"logic": "or", "><begindate": ["2026-01-01", "2026-01-31"], "0": {"id": 1}}}),
        json!({
            "categoryId": "Service",
            "0": {"logic": "OR", "0": {"stageId": "Request"}, "1": {"%title": "x"}},
        }),
    ];
    let mut told = Vec::new();
    for filter in filters {
        let answer = server.call(FIND, json!({"entityTypeId": 2, "filter": filter})).await;
        assert!(!answer.is_error, "{}", answer.json);
        let listed = sandbox.received().into_iter().rfind(|it| it.method == "crm.item.list");
        told.push(listed.unwrap().body["filter"].clone());
    }
    assert_json_snapshot!(told, @r#"
    [
      {
        "0": {
          "logic": "OR",
          "0": {
            ">=createdTime": "2026-09-01 00:00:00",
            "<=createdTime": "2026-09-01 23:59:59"
          },
          "1": {
            ">=movedTime": "2026-09-02 00:00:00",
            "<=movedTime": "2026-09-02 23:59:59"
          },
          "title": "x"
        }
      },
      {
        "0": {
          "logic": "OR",
          "1": {
            ">=begindate": "2026-01-01",
            "<=begindate": "2026-01-31"
          },
          "0": {
            "id": 1
          }
        }
      },
      {
        "categoryId": 9,
        "0": {
          "logic": "OR",
          "0": {
            "stageId": "C9:NEW"
          },
          "1": {
            "%title": "x"
          }
        }
      }
    ]
    "#);
}

#[tokio::test]
async fn a_query_and_a_filter_both_have_to_hold() {
    let (sandbox, mut server) = on_sandbox().await;
    let calls = [
        json!({"entityTypeId": 3, "query": "anna"}),
        json!({"entityTypeId": 3, "query": "anna lindqvist", "filter": {"opened": "Y"}}),
        json!({"entityTypeId": 3, "query": "5", "filter": {"=id": 7}}),
        json!({"entityTypeId": 2, "query": "acme", "filter": {"logic": "or", "id": 101, "title": "x"}}),
        json!({"entityTypeId": 2, "query": "anna@acme.example", "filter": {"contactIds": [5]}}),
    ];
    let mut told = Vec::new();
    for call in calls {
        let received = sandbox.received().len();
        let answer = server.call(FIND, call).await;
        assert!(!answer.is_error, "{}", answer.json);
        let mut requests = sandbox.received().into_iter().skip(received);
        let listed = requests.find(|it| it.method == "crm.item.list");
        told.push(json!([listed.unwrap().body["filter"], ids(&answer.json)]));
    }
    assert_json_snapshot!(told, @r#"
    [
      [
        {
          "0": {
            "logic": "OR",
            "0": {
              "%name": "anna"
            },
            "1": {
              "%lastName": "anna"
            },
            "2": {
              "%secondName": "anna"
            }
          }
        },
        [
          5
        ]
      ],
      [
        {
          "opened": "Y",
          "0": {
            "logic": "OR",
            "0": {
              "%name": "anna"
            },
            "1": {
              "%lastName": "anna"
            },
            "2": {
              "%secondName": "anna"
            }
          },
          "1": {
            "logic": "OR",
            "0": {
              "%name": "lindqvist"
            },
            "1": {
              "%lastName": "lindqvist"
            },
            "2": {
              "%secondName": "lindqvist"
            }
          }
        },
        [
          5
        ]
      ],
      [
        {
          "=id": 7,
          "0": {
            "=id": 5
          }
        },
        []
      ],
      [
        {
          "0": {
            "logic": "OR",
            "id": 101,
            "title": "x"
          },
          "%title": "acme"
        },
        [
          101
        ]
      ],
      [
        {
          "@contactIds": [
            5
          ]
        },
        [
          101
        ]
      ]
    ]
    "#);
}

#[tokio::test]
async fn wrong_filters_are_explained_and_not_sent() {
    let (sandbox, mut server) = on_sandbox().await;
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
        "!createdTime": "2026-09-01",
        "0": {"contactIds": [5]},
        "1": "title",
    });
    let arguments = json!({
        "entityTypeId": 2, "filter": filter, "order": {"amount": "DESC", "id": "up"},
        "select": ["stage", "contacts"],
    });
    let answer = server.call(FIND, arguments).await;
    assert_json_snapshot!(answer.json["error"], @r#"
    {
      "code": "INVALID_ARGUMENTS",
      "message": "19 arguments are invalid",
      "written": "no",
      "retry": "after_fix",
      "hint": "correct the arguments listed in `problems` and call again; find_crm_items finds items, describe_crm_fields with `query` fields and people",
      "problems": [
        {
          "path": "filter.titel",
          "message": "is not a field of deal",
          "didYouMean": "title"
        },
        {
          "path": "filter.stageId",
          "message": "must be one of the stages of deal in `options`, not `\"Nwe\"`",
          "didYouMean": "NEW",
          "options": [
            {
              "code": "NEW",
              "name": "New (Sales)"
            },
            {
              "code": "PREPARATION",
              "name": "Preparation (Sales)"
            },
            {
              "code": "EXECUTING",
              "name": "In delivery (Sales)"
            },
            {
              "code": "WON",
              "name": "Won (Sales)"
            },
            {
              "code": "LOSE",
              "name": "Lost (Sales)"
            },
            {
              "code": "C9:NEW",
              "name": "Request (Service)"
            },
            {
              "code": "C9:UC_NYL06U",
              "name": "Agreed (Service)"
            },
            {
              "code": "C9:UC_LEGAL",
              "name": "Approved by legal (Service)"
            },
            {
              "code": "C9:WON",
              "name": "Served (Service)"
            },
            {
              "code": "C9:LOSE",
              "name": "Declined (Service)"
            }
          ]
        },
        {
          "path": "filter.categoryId",
          "message": "must be one of the pipelines of deal in `options`, not `\"Support\"`",
          "options": [
            {
              "code": "0",
              "name": "Sales"
            },
            {
              "code": "9",
              "name": "Service"
            }
          ]
        },
        {
          "path": "filter.opportunity>",
          "message": "has its operator after the name; put it first",
          "didYouMean": ">opportunity"
        },
        {
          "path": "filter.companyId",
          "message": "must be a value; the operator precedes the name, as in {\">opportunity\":5000}, and a group has a number for a key, as in {\"0\":{\"logic\":\"OR\",\"0\":{…},\"1\":{…}}}"
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
          "message": "must be the id of a user, a whole number, not `\"Olga\"`"
        },
        {
          "path": "filter.phone",
          "message": "cannot be filtered by; use `query` with the phone or e-mail"
        },
        {
          "path": "filter.!observers",
          "message": "can only be filtered as {\"observers\":[ids]}, which means any of them, and outside of groups"
        },
        {
          "path": "filter.Номер договора",
          "message": "is not a field of deal"
        },
        {
          "path": "filter.!createdTime",
          "message": "holds times, which hardly ever equal a day; use an OR of `<` and `>`"
        },
        {
          "path": "filter.0.contactIds",
          "message": "can only be filtered as {\"contactIds\":[ids]}, which means any of them, and outside of groups"
        },
        {
          "path": "filter.1",
          "message": "must be an object of conditions"
        },
        {
          "path": "select.stage",
          "message": "is not a field of deal"
        },
        {
          "path": "select.contacts",
          "message": "is not shown in lists",
          "didYouMean": "contactIds"
        },
        {
          "path": "order.amount",
          "message": "is not a field of deal"
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
    let (_sandbox, mut server) = on_sandbox().await;
    let answer = server.call(FIND, json!({"entityTypeId": 132, "filter": {"observers": 1}})).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "error": {
        "code": "INVALID_VALUE",
        "message": "the portal refused a value",
        "written": "no",
        "retry": "after_fix",
        "hint": "correct the value that `portal.description` refers to and call again",
        "portal": {
          "httpStatus": 400,
          "code": "INVALID_ARG_VALUE",
          "description": "Invalid filter: field 'observers' is not allowed in filter"
        }
      }
    }
    "#);
}
