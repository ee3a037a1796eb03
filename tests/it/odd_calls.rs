//! Calls that do not fit: every mistake is named, with what to send instead.

use insta::assert_json_snapshot;
use serde_json::{Map, Value, json};

use crate::support::{answered, methods, on_sandbox, problems};

/// Takes out an answer that has to be the same as another one.
fn take_equal(answers: &mut Map<String, Value>, name: &str, other: &str) {
    let answer = answers.shift_remove(name).unwrap();
    assert_eq!(answer.to_string(), answers[other].to_string(), "{name}");
}

#[tokio::test]
async fn odd_calls_get_an_answer_that_helps() {
    let (_sandbox, mut server) = on_sandbox().await;
    let good = json!({"entityTypeId": 2, "id": 351, "dryRun": true, "fields": {"title": "b"}});
    let cases = [
        ("text", json!({"name": "update_crm_item", "arguments": good.to_string()})),
        ("wrapped", json!({"name": "update_crm_item", "arguments": {"params": good}})),
        (
            "wrapped text",
            json!({"name": "update_crm_item", "arguments": {"input": good.to_string()}}),
        ),
        ("broken text", json!({"name": "update_crm_item", "arguments": "{\"entityTypeId\":2,"})),
        ("array", json!({"name": "update_crm_item", "arguments": [1, 2]})),
        ("number", json!({"name": "update_crm_item", "arguments": 7})),
        ("null", json!({"name": "update_crm_item", "arguments": null})),
        ("absent", json!({"name": "update_crm_item"})),
        ("unknown tool", json!({"name": "delete_everything", "arguments": {}})),
        ("no name", json!({"arguments": {}})),
        ("name of a wrong type", json!({"name": 5, "arguments": {}})),
    ];
    let mut answers = Map::new();
    for (name, params) in cases {
        let answer = server.request("tools/call", params).await;
        let told = match answer.get("error") {
            Some(error) => error.clone(),
            None => {
                let json = answered(&answer).json;
                json!([
                    json["status"],
                    json["notes"],
                    json["error"]["message"],
                    json["error"]["problems"]
                ])
            }
        };
        answers.insert(name.to_owned(), told);
    }
    take_equal(&mut answers, "absent", "null");
    assert_json_snapshot!(answers, @r#"
    {
      "text": [
        "planned",
        [
          "`arguments` was JSON text and was read as an object",
          "the arguments were unwrapped"
        ],
        null,
        null
      ],
      "wrapped": [
        "planned",
        [
          "the arguments were unwrapped"
        ],
        null,
        null
      ],
      "wrapped text": [
        "planned",
        [
          "`arguments` was JSON text and was read as an object",
          "the arguments were unwrapped"
        ],
        null,
        null
      ],
      "broken text": [
        null,
        null,
        "2 arguments are invalid",
        [
          {
            "path": "arguments",
            "message": "must be a JSON object; parsing it failed: EOF while parsing a value at line 1 column 18"
          },
          {
            "path": "fields",
            "message": "names no field; give at least one in `fields` or in `clear`"
          }
        ]
      ],
      "array": [
        null,
        null,
        "2 arguments are invalid",
        [
          {
            "path": "arguments",
            "message": "must be a JSON object, not `[1,2]`"
          },
          {
            "path": "fields",
            "message": "names no field; give at least one in `fields` or in `clear`"
          }
        ]
      ],
      "number": [
        null,
        null,
        "2 arguments are invalid",
        [
          {
            "path": "arguments",
            "message": "must be a JSON object, not `7`"
          },
          {
            "path": "fields",
            "message": "names no field; give at least one in `fields` or in `clear`"
          }
        ]
      ],
      "null": [
        null,
        null,
        "3 arguments are invalid",
        [
          {
            "path": "entityTypeId",
            "message": "is required and missing"
          },
          {
            "path": "id",
            "message": "is required and missing"
          },
          {
            "path": "fields",
            "message": "names no field; give at least one in `fields` or in `clear`"
          }
        ]
      ],
      "unknown tool": {
        "code": -32602,
        "message": "there is no tool `delete_everything`"
      },
      "no name": {
        "code": -32602,
        "message": "`tools/call` needs `params` with the `name` of a tool as a string"
      },
      "name of a wrong type": {
        "code": -32602,
        "message": "`tools/call` needs `params` with the `name` of a tool as a string"
      }
    }
    "#);
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_all_named() {
    let (sandbox, mut server) = on_sandbox().await;
    let cases = [
        ("none", json!({})),
        ("nulls", json!({"entityTypeId": null, "id": null, "fields": null})),
        ("no field", json!({"entityTypeId": 2, "id": 351, "fields": {}, "clear": []})),
        (
            "wrong types",
            json!({"entityTypeId": "dael", "id": 7.5, "fields": [1], "clear": 5, "expect": "x", "dryRun": "maybe", "useOriginalUfNames": "X"}),
        ),
        ("out of range", json!({"entityTypeId": 0, "id": -3, "fields": {"title": "b"}})),
        (
            "too large",
            json!({"entityTypeId": 99_999_999_999_u64, "id": 1, "fields": {"title": "b"}}),
        ),
        ("huge id", json!({"entityTypeId": 2, "id": 1e29, "fields": {"title": "b"}})),
        ("field at the top", json!({"entityTypeId": 2, "id": 351, "title": "b", "fields": {}})),
        (
            "unknown argument",
            json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}, "dryrun": true, "force": true}),
        ),
    ];
    let mut answers = Map::new();
    for (name, arguments) in cases {
        let answer = server.update(arguments).await;
        let error = &answer.json["error"];
        assert_eq!(error["code"], "INVALID_ARGUMENTS", "{name}");
        answers.insert(name.to_owned(), problems(&answer).into());
    }
    // A text for the type may be the title of a smart process.
    assert!(methods(&sandbox).iter().all(|method| method == "crm.type.list"));
    take_equal(&mut answers, "nulls", "none");
    assert_json_snapshot!(answers, @r#"
    {
      "none": [
        [
          "entityTypeId",
          "is required and missing",
          null
        ],
        [
          "id",
          "is required and missing",
          null
        ],
        [
          "fields",
          "names no field; give at least one in `fields` or in `clear`",
          null
        ]
      ],
      "no field": [
        [
          "fields",
          "names no field; give at least one in `fields` or in `clear`",
          null
        ]
      ],
      "wrong types": [
        [
          "entityTypeId",
          "must be the number of an entity type (1 lead, 2 deal, 3 contact, 4 company, 7 quote, 31 invoice, or a smart process's own), not `\"dael\"`",
          null
        ],
        [
          "id",
          "must be a whole number, not `7.5`",
          null
        ],
        [
          "fields",
          "must be a JSON object, not `[1]`",
          null
        ],
        [
          "clear",
          "must be a list of strings, not `5`",
          null
        ],
        [
          "expect",
          "must be a JSON object, not `\"x\"`",
          null
        ],
        [
          "dryRun",
          "must be true or false, not `\"maybe\"`",
          null
        ],
        [
          "useOriginalUfNames",
          "must be \"Y\" or \"N\", not `\"X\"`",
          null
        ]
      ],
      "out of range": [
        [
          "entityTypeId",
          "must be a whole number of at least 1, not `0`",
          null
        ],
        [
          "id",
          "must be a whole number of at least 1, not `-3`",
          null
        ]
      ],
      "too large": [
        [
          "entityTypeId",
          "is larger than any entity type's number",
          null
        ]
      ],
      "huge id": [
        [
          "id",
          "must be a whole number, not `1e+29`",
          null
        ]
      ],
      "field at the top": [
        [
          "title",
          "is a field; put it into `fields`",
          "fields.title"
        ],
        [
          "fields",
          "names no field; give at least one in `fields` or in `clear`",
          null
        ]
      ],
      "unknown argument": [
        [
          "dryrun",
          "is not an argument; use `entityTypeId`, `id`, `fields`, `clear`, `expect`, `dryRun`, `useOriginalUfNames`",
          "dryRun"
        ],
        [
          "force",
          "is not an argument; use `entityTypeId`, `id`, `fields`, `clear`, `expect`, `dryRun`, `useOriginalUfNames`",
          null
        ]
      ]
    }
    "#);
}
