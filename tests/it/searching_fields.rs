//! What a query finds among fields, choices and people.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{DESCRIBE, on_sandbox};

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
                    "semantics": "success"
                  },
                  {
                    "code": "C9:LOSE",
                    "name": "Declined",
                    "semantics": "failure"
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
            "inactive": true
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
                    "semantics": "failure"
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
