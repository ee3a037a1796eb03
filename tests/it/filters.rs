//! Filters of lists: what is sent for what is typed.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{FIND, ids, on_sandbox, received};

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
    let sent: Vec<Value> = received(&sandbox)
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
        let listed = received(&sandbox).into_iter().rfind(|it| it.method == "crm.item.list");
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
        let before = received(&sandbox).len();
        let answer = server.call(FIND, call).await;
        assert!(!answer.is_error, "{}", answer.json);
        let mut requests = received(&sandbox).into_iter().skip(before);
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
