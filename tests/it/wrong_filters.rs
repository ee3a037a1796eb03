//! Filters of lists that are refused, and how that is explained.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::support::{FIND, methods, on_sandbox};

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
          "message": "must be the id, name or e-mail of an active user, not `\"Olga\"`",
          "options": [
            {
              "code": "7",
              "name": "Ольга Иванова"
            }
          ]
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
