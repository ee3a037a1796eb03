//! A portal that answers success and did not do it: never reported as done.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{Answered, on_item, on_sandbox, service_stages};

async fn update_on_sandbox(arguments: Value) -> Answered {
    let (_sandbox, mut server) = on_sandbox().await;
    server.update(arguments).await
}

/// Asks a portal that answers `after`, whatever it is asked.
async fn on_liar(before: Value, after: Value, fields: Value) -> Answered {
    let (_portal, mut server) = on_item(before, after).await;
    server.update(json!({"entityTypeId": 2, "id": 351, "fields": fields})).await
}

/// What an answer says of the stage `C9:NEGOTIATION`, as text: the order of the keys counts too.
fn lacking_stage() -> String {
    let hint = "the item kept its stage; use a stage of its pipeline (`options`, where given), or \
                move it with `categoryId` and `stageId` together";
    let stage = json!({
        "field": "stageId", "asked": "C9:NEGOTIATION", "now": "C9:NEW", "why": "not_in_pipeline",
        "hint": hint, "options": service_stages(),
    });
    json!([stage]).to_string()
}

#[tokio::test]
async fn a_stage_that_the_pipeline_lacks() {
    let fields = json!({"stageId": "C9:NEGOTIATION"});
    let answer = update_on_sandbox(json!({"entityTypeId": 2, "id": 351, "fields": fields})).await;
    assert!(answer.is_error);
    assert_eq!(answer.json["notApplied"].to_string(), lacking_stage());
    assert_json_snapshot!(answer.json, { ".notApplied" => "[the stage]" }, @r#"
    {
      "ok": false,
      "status": "not_applied",
      "error": {
        "code": "NOT_APPLIED",
        "message": "the portal answered success but did not apply `stageId`",
        "written": "no",
        "retry": "after_fix",
        "hint": "see `notApplied` for what to correct"
      },
      "notApplied": "[the stage]",
      "changes": [],
      "notes": [],
      "item": {
        "stageId": "C9:NEW"
      },
      "names": {
        "stageId": {
          "C9:NEW": "Request"
        }
      }
    }
    "#);
}

#[tokio::test]
async fn half_of_a_request() {
    let fields = json!({"title": "Acme", "stageId": "C9:NEGOTIATION", "opportunity": 700});
    let answer = update_on_sandbox(json!({"entityTypeId": 2, "id": 351, "fields": fields})).await;
    assert!(answer.is_error);
    assert_eq!(
        answer.sentence.as_deref(),
        Some(
            "Error: the portal answered success but did not apply `stageId`; something was written."
        )
    );
    assert_eq!(answer.json["notApplied"].to_string(), lacking_stage());
    assert_json_snapshot!(answer.json, { ".notApplied" => "[the stage]" }, @r#"
    {
      "ok": false,
      "status": "partial",
      "error": {
        "code": "PARTLY_APPLIED",
        "message": "the portal answered success but did not apply `stageId`",
        "written": "yes",
        "retry": "after_fix",
        "hint": "`title`, `opportunity` were applied; resend only what `notApplied` lists"
      },
      "notApplied": "[the stage]",
      "changes": [
        {
          "field": "title",
          "before": "Service contract",
          "after": "Acme"
        },
        {
          "field": "opportunity",
          "before": 500,
          "after": 700
        }
      ],
      "notes": [],
      "item": {
        "title": "Acme",
        "stageId": "C9:NEW",
        "opportunity": 700
      },
      "names": {
        "stageId": {
          "C9:NEW": "Request"
        }
      }
    }
    "#);
}

#[tokio::test]
async fn fields_that_are_set_on_creation_only_or_worked_out() {
    let company =
        update_on_sandbox(json!({"entityTypeId": 4, "id": 11, "fields": {"isMyCompany": "Y"}}))
            .await;
    let deal =
        update_on_sandbox(json!({"entityTypeId": 2, "id": 351, "fields": {"taxValue": 12}})).await;
    let why = [company, deal].map(|answer| answer.json["notApplied"][0]["why"].clone());
    assert_eq!(why, [json!("set_on_creation_only"), json!("computed_by_portal")]);
}

#[tokio::test]
async fn an_amount_that_follows_the_product_rows_names_what_would_set_it() {
    let before = json!({"id": 351, "title": "a", "opportunity": 5, "isManualOpportunity": "N"});
    let after = json!({"id": 351, "title": "b", "opportunity": 5, "isManualOpportunity": "N"});
    let answer = on_liar(before, after, json!({"title": "b", "opportunity": 10})).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "status": "partial",
      "error": {
        "code": "PARTLY_APPLIED",
        "message": "the portal answered success but did not apply `opportunity`",
        "written": "yes",
        "retry": "no",
        "hint": "`title` was applied; see `notApplied` for the reason, and tell the user"
      },
      "notApplied": [
        {
          "field": "opportunity",
          "asked": 10,
          "now": 5,
          "why": "computed_by_portal",
          "hint": "`isManualOpportunity` is N, so the amount is the sum of the product rows, which these tools cannot edit; to set it by hand, send `isManualOpportunity: \"Y\"` with it, after which it no longer follows the rows; ask the user"
        }
      ],
      "changes": [
        {
          "field": "title",
          "before": "a",
          "after": "b"
        }
      ],
      "notes": [],
      "item": {
        "title": "b",
        "opportunity": 5
      }
    }
    "#);
}

#[tokio::test]
async fn a_lie_of_each_sort() {
    let before = json!({"id": 351, "title": "a", "stageId": "C9:NEW", "categoryId": 9, "opportunity": 5, "isManualOpportunity": "N", "assignedById": 1, "observers": [1], "closedate": "2026-07-31T02:00:00+02:00"});
    let with = |changes: Value| {
        let mut item = before.clone();
        item.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        item
    };
    let cases = [
        ("kept", json!({"title": "b"}), json!({})),
        ("not shown", json!({"webformIdX": 1, "title": "b"}), json!({"title": "b"})),
        ("moved on by a robot", json!({"stageId": "C9:WON"}), json!({"stageId": "C9:LOSE"})),
        ("given to someone else", json!({"assignedById": 6}), json!({"assignedById": 9})),
        ("computed from products", json!({"opportunity": 10}), json!({})),
        ("half of a list", json!({"observers": [1, 2, 3]}), json!({"observers": [1, 2]})),
        (
            "another day",
            json!({"closedate": "2026-08-02"}),
            json!({"closedate": "2026-08-01T02:00:00+02:00"}),
        ),
        ("emptied", json!({"title": "b"}), json!({"title": ""})),
    ];
    let mut verdicts = serde_json::Map::new();
    for (name, fields, changes) in cases {
        let answer = on_liar(before.clone(), with(changes), fields).await;
        assert!(answer.is_error, "{name}: {}", answer.json);
        let missed = answer.json["notApplied"].as_array().unwrap().iter();
        let missed = missed.map(|it| json!([it["field"], it["why"], it["asked"], it["now"]]));
        let verdict = json!({
            "status": answer.json["status"], "code": answer.json["error"]["code"],
            "written": answer.json["error"]["written"], "notApplied": missed.collect::<Vec<_>>(),
        });
        verdicts.insert(name.to_owned(), verdict);
    }
    assert_json_snapshot!(verdicts, @r#"
    {
      "kept": {
        "status": "not_applied",
        "code": "NOT_APPLIED",
        "written": "no",
        "notApplied": [
          [
            "title",
            "ignored",
            "b",
            "a"
          ]
        ]
      },
      "not shown": {
        "status": "partial",
        "code": "PARTLY_APPLIED",
        "written": "yes",
        "notApplied": [
          [
            "webformIdX",
            "unknown_to_portal",
            1,
            null
          ]
        ]
      },
      "moved on by a robot": {
        "status": "changed_by_portal",
        "code": "CHANGED_BY_PORTAL",
        "written": "yes",
        "notApplied": [
          [
            "stageId",
            "portal_set_another_value",
            "C9:WON",
            "C9:LOSE"
          ]
        ]
      },
      "given to someone else": {
        "status": "changed_by_portal",
        "code": "CHANGED_BY_PORTAL",
        "written": "yes",
        "notApplied": [
          [
            "assignedById",
            "portal_set_another_value",
            6,
            9
          ]
        ]
      },
      "computed from products": {
        "status": "not_applied",
        "code": "NOT_APPLIED",
        "written": "no",
        "notApplied": [
          [
            "opportunity",
            "computed_by_portal",
            10,
            5
          ]
        ]
      },
      "half of a list": {
        "status": "changed_by_portal",
        "code": "CHANGED_BY_PORTAL",
        "written": "yes",
        "notApplied": [
          [
            "observers",
            "portal_set_another_value",
            [
              1,
              2,
              3
            ],
            [
              1,
              2
            ]
          ]
        ]
      },
      "another day": {
        "status": "changed_by_portal",
        "code": "CHANGED_BY_PORTAL",
        "written": "yes",
        "notApplied": [
          [
            "closedate",
            "portal_set_another_value",
            "2026-08-02",
            "2026-08-01"
          ]
        ]
      },
      "emptied": {
        "status": "changed_by_portal",
        "code": "CHANGED_BY_PORTAL",
        "written": "yes",
        "notApplied": [
          [
            "title",
            "portal_set_another_value",
            "b",
            ""
          ]
        ]
      }
    }
    "#);
}

#[tokio::test]
async fn the_portals_own_spelling_is_no_drop() {
    let before = json!({"title": "a", "comments": "", "opportunity": 1, "probability": 10, "closedate": null});
    let after = json!({"title": "b", "comments": "[b]Call[/b] back", "opportunity": "99.99", "probability": 100, "closedate": "2026-07-30T19:00:00-05:00"});
    let fields = json!({"title": " b ", "comments": "<b>Call</b> back", "opportunity": 99.991, "probability": 150, "closedate": "2026-07-31"});
    let answer = on_liar(before, after, fields).await;
    assert!(!answer.is_error, "{}", answer.json);
    assert_json_snapshot!(json!([answer.json["status"], answer.json["notes"]]), @r#"
    [
      "updated",
      [
        "the portal rewrote `title` in its own form: `\"b\"`",
        "the portal rewrote `comments` in its own form: `\"[b]Call[/b] back\"`",
        "the portal rewrote `opportunity` in its own form: `\"99.99\"`",
        "the portal rewrote `probability` in its own form: `100`"
      ]
    ]
    "#);
}

#[tokio::test]
async fn what_others_changed_is_told_apart_and_noise_is_not_shown() {
    let before = json!({"title": "a", "assignedById": 1, "updatedTime": "2026-01-01T00:00:00+02:00", "searchContent": "a", "ufCrm_1": {"id": 4, "url": "/u?1", "urlMachine": "https://x/?token=1"}});
    let after = json!({"title": "b", "assignedById": 6, "updatedTime": "2026-01-02T00:00:00+02:00", "searchContent": "b", "ufCrm_1": {"id": 4, "url": "/u?2", "urlMachine": "https://x/?token=2"}});
    let answer = on_liar(before, after, json!({"title": "b"})).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": true,
      "status": "updated",
      "entityTypeId": 2,
      "id": 351,
      "link": "https://portal.example/crm/deal/details/351/",
      "changes": [
        {
          "field": "title",
          "before": "a",
          "after": "b"
        },
        {
          "field": "assignedById",
          "before": 1,
          "after": 6,
          "askedFor": false
        }
      ],
      "notes": [],
      "item": {
        "title": "b",
        "assignedById": 6
      }
    }
    "#);
}
