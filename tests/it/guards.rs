//! What keeps an update from being sent: nothing to change, a dry run, an expectation, a mistake.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::support::{methods, on_sandbox};

#[tokio::test]
async fn what_is_there_already_is_not_sent() {
    let (sandbox, mut server) = on_sandbox().await;
    let fields = json!({"title": "Acme: spring order", "opportunity": "9800", "closedate": "2026-12-15", "contactIds": [5, 7]});
    let answer = server.update(json!({"entityTypeId": 2, "id": 101, "fields": fields})).await;
    assert_eq!(methods(&sandbox), ["crm.item.get"]);
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": true,
      "status": "unchanged",
      "entityTypeId": 2,
      "id": 101,
      "link": "https://portal.example/crm/deal/details/101/",
      "changes": [],
      "notes": [],
      "item": {
        "id": 101,
        "title": "Acme: spring order",
        "stageId": "PREPARATION",
        "categoryId": 0,
        "opportunity": 9800,
        "currencyId": "EUR",
        "assignedById": 1,
        "companyId": 11,
        "contactId": 5,
        "contactIds": [
          5,
          7
        ],
        "closedate": "2026-12-15"
      },
      "names": {
        "stageId": {
          "PREPARATION": "Preparation"
        },
        "categoryId": {
          "0": "Sales"
        },
        "assignedById": {
          "1": "Sandbox User"
        },
        "companyId": {
          "11": "Acme Tools"
        },
        "contactId": {
          "5": "Anna Lindqvist"
        },
        "contactIds": {
          "5": "Anna Lindqvist",
          "7": "Пётр Соколов"
        }
      }
    }
    "#);
}

#[tokio::test]
async fn a_dry_run_shows_the_changes_and_sends_nothing() {
    let (sandbox, mut server) = on_sandbox().await;
    let answer = server
        .update(json!({
            "entityTypeId": 2, "id": 101, "dryRun": true,
            "fields": {"opportunity": 12000, "currencyId": "EUR"}, "clear": ["probability"],
        }))
        .await;
    assert_eq!(methods(&sandbox), ["crm.item.get"]);
    assert_json_snapshot!(answer.json, { ".item" => "[the item]" }, @r#"
    {
      "ok": true,
      "status": "planned",
      "entityTypeId": 2,
      "id": 101,
      "link": "https://portal.example/crm/deal/details/101/",
      "changes": [
        {
          "field": "opportunity",
          "before": 9800,
          "after": 12000
        },
        {
          "field": "probability",
          "before": 40,
          "after": ""
        }
      ],
      "notes": [],
      "item": "[the item]",
      "names": {
        "stageId": {
          "PREPARATION": "Preparation"
        },
        "categoryId": {
          "0": "Sales"
        },
        "assignedById": {
          "1": "Sandbox User"
        },
        "companyId": {
          "11": "Acme Tools"
        },
        "contactId": {
          "5": "Anna Lindqvist"
        }
      }
    }
    "#);
}

#[tokio::test]
async fn an_expectation_that_does_not_hold_stops_the_write() {
    let (sandbox, mut server) = on_sandbox().await;
    let answer = server
        .update(json!({
            "entityTypeId": 2, "id": 101, "fields": {"opportunity": 12000},
            "expect": {"stageId": "NEW", "opportunity": "9800", "createdBy": 2},
        }))
        .await;
    assert_eq!(methods(&sandbox), ["crm.item.get"]);
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "error": {
        "code": "CONFLICT",
        "message": "the item does not have the expected values",
        "written": "no",
        "retry": "after_fix",
        "hint": "nothing was sent; check what the item holds now and decide whether the change still applies",
        "problems": [
          {
            "path": "expect.stageId",
            "message": "is not `\"NEW\"`; see `now`",
            "now": "PREPARATION"
          },
          {
            "path": "expect.createdBy",
            "message": "is not `2`; see `now`",
            "now": 1
          }
        ]
      }
    }
    "#);
}

#[tokio::test]
async fn an_expectation_that_holds_lets_the_write_pass() {
    let (_sandbox, mut server) = on_sandbox().await;
    let answer = server
        .update(json!({
            "entityTypeId": 2, "id": 101, "fields": {"opportunity": 12000},
            "expect": {"stageId": "PREPARATION", "createdBy": 1, "contactIds": [5, 7], "closedate": "2026-12-15"},
        }))
        .await;
    assert_eq!(answer.json["status"], "updated", "{}", answer.json);
}

#[tokio::test]
async fn all_problems_come_at_once_and_nothing_is_sent() {
    let (sandbox, mut server) = on_sandbox().await;
    let answer = server
        .update(json!({
            "entityTypeId": 2, "id": 101,
            "fields": {
                "titel": "Acme", "industry": "IT", "closedate": "05/03/2026", "TITLE": "a",
                "title": "b", "createdTime": "2026-01-01", "ufCrm_1721244707108": 1,
                "statusId": "WON", "contactIds": "all of them", "opened": "perhaps",
            },
            "clear": ["currencyId"],
            "expect": {"stage": "NEW"},
        }))
        .await;
    assert_eq!(methods(&sandbox), ["crm.item.get", "crm.item.fields"]);
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "error": {
        "code": "INVALID_ARGUMENTS",
        "message": "11 arguments are invalid",
        "written": "no",
        "retry": "after_fix",
        "hint": "correct the arguments listed in `problems` and call again; find_crm_items finds items, describe_crm_fields with `query` fields and people",
        "problems": [
          {
            "path": "fields.titel",
            "message": "is not a field of deal",
            "didYouMean": "title"
          },
          {
            "path": "fields.industry",
            "message": "is a field of company, not of deal"
          },
          {
            "path": "fields.closedate",
            "message": "can be read as `2026-03-05` or as `2026-05-03`; send the one that is meant"
          },
          {
            "path": "fields.title",
            "message": "names the same field as `fields.TITLE`; send it once"
          },
          {
            "path": "fields.createdTime",
            "message": "is set by the portal and cannot be updated"
          },
          {
            "path": "fields.ufCrm_1721244707108",
            "message": "is not a field of deal",
            "didYouMean": "ufCrm_1721244707107"
          },
          {
            "path": "fields.statusId",
            "message": "is not a field of deal"
          },
          {
            "path": "fields.contactIds",
            "message": "must be a list of ids such as `[1, 2]`, not `\"all of them\"`"
          },
          {
            "path": "fields.opened",
            "message": "must be `Y` or `N`, not `\"perhaps\"`"
          },
          {
            "path": "clear.currencyId",
            "message": "cannot be emptied: the portal would keep the old value"
          },
          {
            "path": "expect.stage",
            "message": "is not a field of deal"
          }
        ]
      }
    }
    "#);
}
