//! Phones and e-mails: none is doubled, lost or stored as garbage.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{on_item, on_sandbox, problem_message, update_contact, updates};

#[tokio::test]
async fn records_are_added_changed_and_removed_by_key() {
    let (sandbox, mut server) = on_sandbox().await;
    let fm = json!({
        "n0": {"typeId": "PHONE", "valueType": "MOBILE", "value": "+4670000002"},
        "31": {"typeId": "PHONE", "value": "+4670000009"},
        "32": {"typeId": "EMAIL", "value": ""},
    });
    let answer = update_contact(&mut server, json!({"fm": fm})).await;
    assert_eq!(
        updates(&sandbox),
        [json!({"fm": {
            "n0": {"typeId": "PHONE", "valueType": "MOBILE", "value": "+4670000002"},
            "31": {"typeId": "PHONE", "valueType": "WORK", "value": "+4670000009"},
            "32": {"typeId": "EMAIL", "value": ""},
        }})]
    );
    assert_json_snapshot!(answer.json["changes"], @r#"
    [
      {
        "field": "fm.31",
        "before": {
          "typeId": "PHONE",
          "valueType": "WORK",
          "value": "+4670000001"
        },
        "after": {
          "typeId": "PHONE",
          "valueType": "WORK",
          "value": "+4670000009"
        }
      },
      {
        "field": "fm.32",
        "before": {
          "typeId": "EMAIL",
          "valueType": "WORK",
          "value": "anna@acme.example"
        },
        "after": null
      },
      {
        "field": "fm.41",
        "before": null,
        "after": {
          "typeId": "PHONE",
          "valueType": "MOBILE",
          "value": "+4670000002"
        }
      },
      {
        "field": "hasEmail",
        "before": "Y",
        "after": "N",
        "askedFor": false
      }
    ]
    "#);
}

#[tokio::test]
async fn an_addition_that_is_there_already_is_not_sent_again() {
    let (sandbox, mut server) = on_sandbox().await;
    let phone = json!([{"typeId": "PHONE", "valueType": "WORK", "value": "+4670000001"}]);
    let answer = update_contact(&mut server, json!({"fm": phone})).await;
    assert_eq!(answer.json["status"], "unchanged");
    assert_eq!(
        answer.json["notes"],
        json!(["`fm`: the PHONE `\"+4670000001\"` already exists and is not added again"])
    );
    assert_eq!(updates(&sandbox), [] as [Value; 0]);
    // Beside something new, it is left out.
    let answer = update_contact(&mut server, json!({"fm": phone, "post": "Head"})).await;
    assert_eq!(answer.json["status"], "updated");
    assert_eq!(updates(&sandbox), [json!({"post": "Head"})]);
}

#[tokio::test]
async fn a_list_with_ids_changes_those_records() {
    let (sandbox, mut server) = on_sandbox().await;
    let fm = json!([
        {"id": 31, "typeId": "PHONE", "valueType": "WORK", "value": "+4670000001"},
        {"id": "32", "typeId": "EMAIL", "valueType": "HOME", "value": "anna@acme.example"},
    ]);
    let answer = update_contact(&mut server, json!({"fm": fm})).await;
    assert_eq!(answer.json["status"], "updated", "{}", answer.json);
    assert_eq!(answer.json["changes"][0]["field"], "fm.32");
    assert_eq!(answer.json["changes"].as_array().unwrap().len(), 1);
    assert!(
        updates(&sandbox)[0]["fm"].as_object().unwrap().keys().all(|key| !key.starts_with('n'))
    );
}

#[tokio::test]
async fn records_that_the_portal_would_skip_double_or_refuse_are_refused_first() {
    let (sandbox, mut server) = on_sandbox().await;
    let cases = [
        json!({"n0": {"typeId": "PHONE", "value": "+1"}}),
        json!({"n0": {"typeId": "EMAIL", "valueType": "WORK", "value": "nobody"}}),
        json!({"99": {"typeId": "PHONE", "valueType": "WORK", "value": "+1"}}),
        json!({"31": {"typeId": "EMAIL", "value": "a@b.example"}}),
        json!({"31": {"DELETE": "Y"}}),
        json!("+1"),
        json!([]),
        json!({"PHONE": [{"VALUE": "+1"}]}),
    ];
    let mut told = Vec::new();
    for fm in cases {
        let answer = update_contact(&mut server, json!({"fm": fm})).await;
        let problem = &answer.json["error"]["problems"][0];
        told.push(json!([problem["path"], problem_message(&answer.json["error"], problem)]));
    }
    assert_eq!(updates(&sandbox), [] as [Value; 0]);
    assert_json_snapshot!(told, @r#"
    [
      [
        "fields.fm.n0",
        "needs a `valueType`: `WORK`, `MOBILE`, `FAX`, `HOME`, `PAGER`, `MAILING`, `OTHER`"
      ],
      [
        "fields.fm.n0",
        "`value` must be an e-mail address such as `anna@example.com`"
      ],
      [
        "fields.fm.99",
        "is not a record of this item (it has: 31, 32); to add one, use the key `n0`"
      ],
      [
        "fields.fm.31",
        "is a PHONE, and a record's type cannot be changed to EMAIL; delete it and add another"
      ],
      [
        "fields.fm.31",
        "has no property `DELETE`; use `typeId`, `valueType` and `value` (an empty `value` deletes the record)"
      ],
      [
        "fields.fm",
        "must be an object as in `{\"n0\":{\"typeId\":\"PHONE\",\"valueType\":\"WORK\",\"value\":\"+12025550100\"}}`, not `\"+1\"`"
      ],
      [
        "fields.fm",
        "names no records; to delete all records, name `fm` in `clear`"
      ],
      [
        "fields.fm.PHONE",
        "must be an object as in `{\"n0\":{\"typeId\":\"PHONE\",\"valueType\":\"WORK\",\"value\":\"+12025550100\"}}`, not `[{\"VALUE\":\"+1\"}]`"
      ]
    ]
    "#);
}

#[tokio::test]
async fn clearing_all_records_has_to_be_said() {
    let (_sandbox, mut server) = on_sandbox().await;
    let answer = server.update(json!({"entityTypeId": 3, "id": 5, "clear": ["fm"]})).await;
    assert_eq!(answer.json["status"], "updated");
    let fields: Vec<&Value> =
        answer.json["changes"].as_array().unwrap().iter().map(|it| &it["field"]).collect();
    assert_eq!(fields, ["fm.31", "fm.32", "hasPhone", "hasEmail"]);
}

#[tokio::test]
async fn a_record_that_did_not_take_is_reported_alone() {
    let record = |id: i64, value: &str| json!({"id": id, "typeId": "PHONE", "valueType": "WORK", "value": value});
    let before = json!({"id": 5, "fm": [record(31, "+1")]});
    let after = json!({"id": 5, "fm": [record(31, "+1"), record(40, "+2")]});
    let (_portal, mut server) = on_item(before, after).await;
    let new = |value: &str| json!({"typeId": "PHONE", "valueType": "WORK", "value": value});
    let answer = update_contact(&mut server, json!({"fm": [new("+2"), new("+3")]})).await;
    assert_json_snapshot!(json!([answer.json["status"], answer.json["notApplied"], answer.json["changes"]]), @r#"
    [
      "partial",
      [
        {
          "field": "fm.n1",
          "asked": {
            "typeId": "PHONE",
            "valueType": "WORK",
            "value": "+3"
          },
          "now": null,
          "why": "ignored",
          "hint": "the portal kept the old value and gave no reason; check the value and whether the webhook's user may set this field"
        }
      ],
      [
        {
          "field": "fm.40",
          "before": null,
          "after": {
            "typeId": "PHONE",
            "valueType": "WORK",
            "value": "+2"
          }
        }
      ]
    ]
    "#);
}

#[tokio::test]
async fn flat_aliases_are_never_shown_as_changes() {
    let (_sandbox, mut server) = on_sandbox().await;
    let answer = update_contact(&mut server, json!({"post": "Head"})).await;
    assert_eq!(answer.json["changes"].as_array().unwrap().len(), 1, "{}", answer.json["changes"]);
}
