//! Names, values, links and stages: what is sent for what is typed, and what is refused.

use bitrix24_crm_mcp::sandbox::Rules;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    scripted_portal::Reply,
    support::{on_portal, on_sandbox, received, sent},
};

#[tokio::test]
async fn names_are_understood_as_portals_and_people_spell_them() {
    let cases = [
        ("title", json!("b"), "title"),
        ("TITLE", json!("b"), "title"),
        ("STAGE_ID", json!("C9:WON"), "stageId"),
        ("stage_id", json!("C9:WON"), "stageId"),
        ("beginDate", json!("2026-10-01"), "begindate"),
        ("closeDate", json!("2026-10-01"), "closedate"),
        ("UF_CRM_1721244707107", json!(1.5), "ufCrm_1721244707107"),
        ("ufcrm_1721244707107", json!(1.5), "ufCrm_1721244707107"),
        ("UF_CRM_MY_STRING", json!("b"), "ufCrmMyString"),
        ("ufCrm_MY_STRING", json!("b"), "ufCrmMyString"),
        ("PARENT_ID_1220", json!(2), "parentId1220"),
        // The vendor's own example key, which a portal ignores.
        ("ufCrm1617027453943", json!(""), "ufCrm_1617027453943"),
    ];
    for (typed, value, name) in cases {
        let (sandbox, mut server) = on_sandbox().await;
        let id = if typed.contains("16170") { 355 } else { 351 };
        let fields = json!({ typed: value });
        let answer = server.update(json!({"entityTypeId": 2, "id": id, "fields": fields})).await;
        assert_eq!(answer.json["status"], "updated", "{typed}: {}", answer.json);
        assert_eq!(sent(&sandbox), json!({ name: value }), "{typed}");
        let note = format!("`fields.{typed}` was read as `{name}`");
        let has_note = answer.json["notes"].as_array().unwrap().contains(&json!(note));
        assert_eq!(has_note, typed != name, "{typed}: {}", answer.json["notes"]);
    }
}

#[tokio::test]
async fn well_known_slips_are_refused_with_the_right_name() {
    let cases = [
        (1, 21, "statusId", "stageId"),
        (1, 21, "STATUS_ID", "stageId"),
        (2, 351, "assignedBy", "assignedById"),
        (2, 351, "responsibleId", "assignedById"),
        (2, 351, "amount", "opportunity"),
        (2, 351, "pipeline", "categoryId"),
        (2, 351, "contacts", "contactIds"),
        (3, 5, "companies", "companyIds"),
        (3, 5, "phone", "fm"),
    ];
    for (entity_type_id, id, typed, meant) in cases {
        let (sandbox, mut server) = on_sandbox().await;
        let fields = json!({ typed: "x" });
        let answer = server
            .update(json!({"entityTypeId": entity_type_id, "id": id, "fields": fields}))
            .await;
        assert_eq!(
            answer.json["error"]["problems"][0]["didYouMean"], meant,
            "{typed}: {}",
            answer.json
        );
        assert_eq!(sent(&sandbox), Value::Null);
    }
}

#[tokio::test]
async fn fields_that_only_the_portal_knows_can_be_set() {
    let cases = [
        (7, 71, "quoteNumber", json!("Q-7")),
        (31, 81, "accountNumber", json!("2026-081")),
        (3, 5, "categoryId", json!(0)),
        (1220, 1, "ufCrm7_1739432938", json!("Pier 4")),
        (1220, 1, "ufCrm_7_1739432938", json!("Pier 5")),
        (132, 1, "parentId2", json!(351)),
    ];
    for (entity_type_id, id, name, value) in cases {
        let (_sandbox, mut server) = on_sandbox().await;
        let fields = json!({ name: value });
        let answer = server
            .update(json!({"entityTypeId": entity_type_id, "id": id, "fields": fields}))
            .await;
        if name == "parentId2" {
            assert_eq!(answer.json["error"]["code"], "UNKNOWN_FIELD", "{}", answer.json);
        } else {
            assert_eq!(answer.json["status"], "updated", "{name}: {}", answer.json);
        }
    }
}

#[tokio::test]
async fn a_number_that_is_taken_is_the_portals_own_refusal() {
    let (_sandbox, mut server) = on_sandbox().await;
    let fields = json!({"accountNumber": "2026-082"});
    let answer = server.update(json!({"entityTypeId": 31, "id": 81, "fields": fields})).await;
    assert_eq!(answer.json["error"]["portal"]["code"], "CRM_FIELD_ERROR_VALUE_NOT_UNIQUE");
    assert_eq!(answer.json["error"]["problems"][0]["path"], "fields.accountNumber");
}

#[tokio::test]
async fn names_go_on_unchecked_when_the_portal_does_not_list_its_fields() {
    let replies = [
        ("crm.item.get", vec![Reply::item(json!({"id": 351, "title": "a"}))]),
        ("crm.item.update", vec![Reply::item(json!({"id": 351, "title": "a", "ufCrm_1": "x"}))]),
        ("crm.item.fields", vec![Reply::error(500, "INTERNAL_SERVER_ERROR", "x")]),
    ];
    let (_portal, mut server) = on_portal(&replies).await;
    let fields = json!({"ufCrm_1": "x", "titel": "b"});
    let answer = server.update(json!({"entityTypeId": 2, "id": 351, "fields": fields})).await;
    assert_json_snapshot!(json!([answer.json["notes"], answer.json["notApplied"][0]["why"]]), @r#"
    [
      [
        "field names were not checked: the portal answered the error `INTERNAL_SERVER_ERROR` (HTTP 500)"
      ],
      "unknown_to_portal"
    ]
    "#);
}

/// What is sent for a value, or null for what is refused.
#[tokio::test]
async fn values_are_sent_in_the_form_that_the_portal_stores() {
    let cases = [
        ("opened", json!(false), json!("N")),
        ("opened", json!("no"), json!("N")),
        ("isManualOpportunity", json!(0), json!("N")),
        ("probability", json!("55"), json!(55)),
        ("probability", json!(55.5), Value::Null),
        ("opportunity", json!("1500.50"), json!(1500.5)),
        ("opportunity", json!("12,000"), Value::Null),
        ("opportunity", json!({"amount": 5}), Value::Null),
        ("currencyId", json!("usd"), json!("USD")),
        ("currencyId", json!("dollar"), Value::Null),
        ("closedate", json!("01.10.2026"), json!("2026-10-01")),
        ("closedate", json!("2026-10-01T02:00:00+02:00"), json!("2026-10-01")),
        ("closedate", json!("05/03/2026"), Value::Null),
        ("closedate", json!("2026-02-30"), Value::Null),
        ("closedate", json!(1_790_000_000), Value::Null),
        ("assignedById", json!("6"), json!(6)),
        ("assignedById", json!("Anna"), Value::Null),
        ("observers", json!(["6", 1]), json!([6, 1])),
        ("observers", json!(6), json!([6])),
        ("observers", json!([-1]), Value::Null),
        ("companyId", json!("12"), json!(12)),
        ("companyId", json!(-1), Value::Null),
        ("title", json!("x".repeat(256)), Value::Null),
        ("title", json!("ж".repeat(255)), json!("ж".repeat(255))),
        ("title", json!(["x"]), Value::Null),
        ("comments", json!("<b>hi</b>"), json!("<b>hi</b>")),
        ("ufCrm_1730000000001", json!([44, "46"]), json!([44, 46])),
        ("ufCrm_1730000000001", json!(44), json!([44])),
        ("ufCrm_1730000000001", json!(["Partner", "сайт"]), json!([45, 46])),
        ("ufCrm_1730000000001", json!(["Partners"]), Value::Null),
        ("ufCrm_1730000000002", json!("fair"), json!(44)),
        ("ufCrm_1730000000002", json!(99), Value::Null),
        ("ufCrm_1730000000003", json!(true), json!("Y")),
        ("ufCrm_1730000000003", json!("1"), json!("Y")),
        ("ufCrm_1730000000004", json!("1 October 2026"), json!("2026-10-01")),
        ("ufCrm_1730000000005", json!("300|USD"), json!("300|USD")),
        ("ufCrm_1730000000005", json!("300 usd"), json!("300|USD")),
        ("ufCrm_1730000000005", json!(300), Value::Null),
        ("ufCrm_1730000000006", json!("2026-10-01T10:00:00Z"), json!("2026-10-01T10:00:00+00:00")),
        ("ufCrm_1730000000006", json!("2026-10-01 10:00"), json!("2026-10-01T10:00:00")),
        (
            "ufCrm_1730000000007",
            json!(["D_101", "CO_11", "T4c4_2"]),
            json!(["D_101", "CO_11", "T4c4_2"]),
        ),
        ("ufCrm_1730000000007", json!("D_101"), json!(["D_101"])),
        ("ufCrm_1730000000007", json!(["deal 101"]), Value::Null),
        ("ufCrm_1730000000008", json!("6"), json!(6)),
    ];
    for (name, value, wire) in cases {
        let (sandbox, mut server) = on_sandbox().await;
        let fields = json!({ name: value });
        let answer = server.update(json!({"entityTypeId": 2, "id": 351, "fields": fields})).await;
        if wire.is_null() {
            assert_eq!(sent(&sandbox), Value::Null, "{name} {value}");
            let problem = &answer.json["error"]["problems"][0];
            assert_eq!(problem["path"], format!("fields.{name}"), "{value}");
        } else {
            assert_eq!(sent(&sandbox)[name], wire, "{value}: {}", answer.json);
            assert!(!answer.is_error, "{name} {value}: {}", answer.json);
        }
    }
}

#[tokio::test]
async fn each_kind_is_emptied_by_fields_and_by_clear() {
    let cases = [
        (2, 101, "sourceId", json!("")),
        (2, 101, "probability", json!("")),
        (2, 101, "companyId", json!(0)),
        (2, 101, "contactIds", json!("")),
        (2, 355, "observers", json!("")),
        (2, 355, "opportunity", json!("")),
        (2, 355, "ufCrm_1730000000001", json!([])),
        (2, 355, "ufCrm_1617027453943", json!("")),
        (2, 355, "ufCrm_1617027453944", json!([])),
        (3, 5, "birthdate", json!("")),
        (3, 5, "photo", json!("")),
        (4, 11, "industry", json!("")),
        (4, 11, "revenue", json!("")),
    ];
    for (entity_type_id, id, name, wire) in cases {
        let by_fields = [json!(""), json!(null), json!([])];
        let calls = by_fields
            .map(|empty| json!({"entityTypeId": entity_type_id, "id": id, "fields": {name: empty}}))
            .into_iter()
            .chain([json!({"entityTypeId": entity_type_id, "id": id, "clear": [name]})]);
        for call in calls {
            let (sandbox, mut server) = on_sandbox().await;
            let answer = server.update(call.clone()).await;
            assert_eq!(answer.json["status"], "updated", "{call}: {}", answer.json);
            let update = received(&sandbox).into_iter().rfind(|it| it.method == "crm.item.update");
            assert_eq!(update.unwrap().body["fields"], json!({ name: wire }), "{call}");
        }
    }
}

#[tokio::test]
async fn what_no_call_can_do_is_not_called_correctable() {
    let (_sandbox, mut server) = on_sandbox().await;
    let cannot_set = "leave out the field, and tell the user that these tools cannot set it";
    let keep = "keep the old value, or ask the user for another";
    let both = format!("{keep}; {cannot_set}");
    let no_folder = "tell the user that files cannot be sent by path until a folder is named";
    let correct = "correct the arguments listed in `problems` and call again";
    let cases = [
        (json!({"createdTime": "2026-01-01"}), "no", cannot_set),
        (json!({"productRows": []}), "no", cannot_set),
        (json!({"stageId": ""}), "no", keep),
        (json!({"stageId": "", "createdTime": "2026-01-01"}), "no", both.as_str()),
        (json!({"ufCrm_1617027453943": {"path": "/etc/hostname"}}), "no", no_folder),
        (json!({"stageId": "", "titel": "b"}), "after_fix", correct),
    ];
    for (fields, retry, hint) in cases {
        let call = json!({"entityTypeId": 2, "id": 351, "fields": fields});
        let error = server.update(call).await.json["error"].clone();
        let told = (error["retry"].as_str().unwrap(), error["hint"].as_str().unwrap());
        assert!(told.0 == retry && told.1.starts_with(hint), "{fields}: {error}");
    }
}

#[tokio::test]
async fn what_cannot_be_emptied_is_refused_with_the_reason() {
    for (entity_type_id, id, name) in
        [(2, 351, "title"), (2, 351, "closedate"), (2, 351, "assignedById"), (4, 11, "currencyId")]
    {
        let (sandbox, mut server) = on_sandbox().await;
        let call = json!({"entityTypeId": entity_type_id, "id": id, "clear": [name]});
        let answer = server.update(call).await;
        let message =
            format!("`clear.{name}` cannot be emptied: the portal would keep the old value");
        let error = json!({
            "code": "INVALID_ARGUMENTS", "message": message, "written": "no", "retry": "no",
            "hint": "keep the old value, or ask the user for another",
            "problems": [{"path": format!("clear.{name}")}],
        });
        assert_eq!(answer.json["error"], error);
        assert_eq!(sent(&sandbox), Value::Null);
    }
}

#[tokio::test]
async fn an_emptied_list_is_read_again() {
    let (sandbox, mut server) = on_sandbox().await;
    sandbox.set_rules(Rules { forgets_to_clear: true, ..Rules::default() });
    let call = json!({"entityTypeId": 2, "id": 355, "clear": ["ufCrm_1730000000001"]});
    let answer = server.update(call).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "status": "not_applied",
      "error": {
        "code": "NOT_APPLIED",
        "message": "the portal answered success but did not apply `ufCrm_1730000000001`",
        "written": "no",
        "retry": "no",
        "hint": "see `notApplied` for the reason, and tell the user"
      },
      "notApplied": [
        {
          "field": "ufCrm_1730000000001",
          "asked": [],
          "now": [
            44,
            45
          ],
          "why": "not_cleared",
          "hint": "the portal accepted the empty value and did not store it; a person has to empty the field in the portal"
        }
      ],
      "changes": [],
      "notes": [],
      "item": {
        "ufCrm_1730000000001": [
          44,
          45
        ]
      },
      "names": {
        "ufCrm_1730000000001": {
          "44": "Fair",
          "45": "Partner"
        }
      },
      "titles": {
        "ufCrm_1730000000001": "Channels"
      }
    }
    "#);
}

#[tokio::test]
async fn a_refusal_that_names_no_field_lists_those_it_can_be_about() {
    let (_sandbox, mut server) = on_sandbox().await;
    let fields = json!({"title": "b", "currencyId": "XXX", "companyId": 12});
    let answer = server.update(json!({"entityTypeId": 2, "id": 351, "fields": fields})).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "error": {
        "code": "INVALID_VALUE",
        "message": "the portal refused a value",
        "written": "no",
        "retry": "after_fix",
        "hint": "correct the value that `portal.description` refers to and call again",
        "problems": [
          {
            "path": "fields.currencyId",
            "message": "may be the field that the portal refuses"
          }
        ],
        "portal": {
          "httpStatus": 400,
          "code": "CRM_FIELD_ERROR_VALUE_NOT_VALID",
          "description": "Invalid value for field \"Currency\""
        }
      }
    }
    "#);
}

#[tokio::test]
async fn lists_that_drop_entries_say_so() {
    let (_sandbox, mut server) = on_sandbox().await;
    let fields = json!({"contactIds": [7], "observers": [1]});
    let answer = server.update(json!({"entityTypeId": 2, "id": 101, "fields": fields})).await;
    assert_eq!(answer.json["notes"], json!(["`contactIds` replaces the old list and drops `5`"]));
    let fields = json!({"ufCrm_1730000000001": [46], "observers": [6, 7]});
    let answer = server.update(json!({"entityTypeId": 2, "id": 355, "fields": fields})).await;
    assert_eq!(
        answer.json["notes"],
        json!([
            "`ufCrm_1730000000001` replaces the old list and drops `44`, `45`",
            "`observers` replaces the old list and drops `1`"
        ])
    );
}

#[tokio::test]
async fn a_single_link_that_would_unlink_others_is_refused_with_the_list_to_send() {
    let cases = [
        // The first contact is what it is already.
        (2, 101, json!({"contactId": 5}), None),
        (2, 101, json!({"contactId": 7}), Some(json!({"contactIds": [7, 5]}))),
        (2, 101, json!({"contactId": 6}), Some(json!({"contactIds": [6, 5, 7]}))),
        (2, 101, json!({"contactId": 0}), Some(json!({"contactIds": [7]}))),
        (2, 102, json!({"contactId": 0}), None),
        (2, 351, json!({"contactId": 6}), None),
        (3, 5, json!({"companyId": 12}), Some(json!({"companyIds": [12, 11]}))),
    ];
    for (entity_type_id, id, fields, meant) in cases {
        let (sandbox, mut server) = on_sandbox().await;
        let call = json!({"entityTypeId": entity_type_id, "id": id, "fields": fields});
        let answer = server.update(call).await;
        match meant {
            None => assert!(!answer.is_error, "{fields}: {}", answer.json),
            Some(meant) => {
                let problem = &answer.json["error"]["problems"][0];
                assert_eq!(problem["didYouMean"], meant.to_string(), "{fields}");
                assert_eq!(sent(&sandbox), Value::Null);
                let call = json!({"entityTypeId": entity_type_id, "id": id, "fields": meant});
                let answer = server.update(call).await;
                assert_eq!(answer.json["status"], "updated", "{}", answer.json);
            }
        }
    }
    let (sandbox, mut server) = on_sandbox().await;
    let fields = json!({"contactId": 5, "contactIds": [5, 7]});
    let answer = server.update(json!({"entityTypeId": 2, "id": 101, "fields": fields})).await;
    assert_eq!(answer.json["error"]["code"], "INVALID_ARGUMENTS");
    assert_eq!(sent(&sandbox), Value::Null);
}

#[tokio::test]
async fn a_field_that_a_smart_process_has_switched_off_is_reported() {
    let (_sandbox, mut server) = on_sandbox().await;
    let fields = json!({"title": "Van 4", "observers": [1]});
    let answer = server.update(json!({"entityTypeId": 132, "id": 1, "fields": fields})).await;
    assert_eq!(answer.json["status"], "partial");
    assert_eq!(answer.json["notApplied"][0]["why"], "unknown_to_portal");
}
