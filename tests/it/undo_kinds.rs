//! What comes back of each kind of field: phones one by one, files by their ids, every custom field, and
//! what no portal gives back.

use bitrix24_crm_mcp::sandbox::Sandbox;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    support::{Server, on_sandbox, updates},
    undo::{UNDO, deal, masked, state, undo},
};

/// A picture of one dot.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

#[tokio::test]
async fn each_phone_is_put_back_for_itself() {
    let (sandbox, mut server) = on_sandbox().await;
    let before = state(&sandbox, 3, 5);
    let change = |fm: Value| json!({"entityTypeId": 3, "id": 5, "fields": {"fm": fm}});
    let phone = |value: &str| json!({"typeId": "PHONE", "valueType": "WORK", "value": value});
    let all = json!({"31": {"value": ""}, "32": {"value": "new@acme.example"}, "n0": phone("+1")});
    server.update(change(all)).await;
    assert_json_snapshot!(masked(&undo(&mut server).await), @r#"
    {
      "ok": true,
      "status": "restored",
      "entityTypeId": 3,
      "id": 5,
      "link": "https://portal.example/crm/contact/details/5/",
      "restored": [
        {
          "field": "fm.32",
          "before": {
            "typeId": "EMAIL",
            "valueType": "WORK",
            "value": "new@acme.example"
          },
          "after": {
            "typeId": "EMAIL",
            "valueType": "WORK",
            "value": "anna@acme.example"
          }
        },
        {
          "field": "fm.41",
          "before": {
            "typeId": "PHONE",
            "valueType": "WORK",
            "value": "+1"
          },
          "after": null
        },
        {
          "field": "fm.42",
          "before": null,
          "after": {
            "typeId": "PHONE",
            "valueType": "WORK",
            "value": "+4670000001"
          }
        }
      ],
      "notes": [
        "a removed phone or e-mail comes back as a new record: with a new id, at the end, and without the country that was set for it"
      ],
      "item": {
        "id": 5,
        "assignedById": 1,
        "companyId": 11,
        "name": "Anna",
        "lastName": "Lindqvist"
      },
      "names": {
        "assignedById": {
          "1": "Sandbox User"
        },
        "companyId": {
          "11": "Acme Tools"
        }
      },
      "undone": "<id>"
    }
    "#);
    assert_eq!(state(&sandbox, 3, 5), before);
    // A record that was changed since stays; the others come back.
    let two = json!({"32": {"value": "b@acme.example"}, "n0": phone("+2")});
    server.update(change(two)).await;
    let mut other = Server::connected_to(&sandbox.webhook_url()).await;
    other.update(change(json!({"32": {"value": "c@acme.example"}}))).await;
    let undone = undo(&mut server).await;
    let kept = json!([{
        "field": "fm.32",
        "before": {"typeId": "EMAIL", "valueType": "WORK", "value": "anna@acme.example"},
        "left": {"typeId": "EMAIL", "valueType": "WORK", "value": "b@acme.example"},
        "now": {"typeId": "EMAIL", "valueType": "WORK", "value": "c@acme.example"},
    }]);
    assert_eq!(undone.json["kept"], kept);
    assert!(!state(&sandbox, 3, 5).to_string().contains("+2"));
}

#[tokio::test]
async fn what_cannot_come_back_is_said_before() {
    let (sandbox, mut server) = on_sandbox().await;
    sandbox.empty_field_of_deal(351, "begindate");
    server.update(deal(json!({"begindate": "2026-01-05", "comments": "x"}))).await;
    let shown = server.call(UNDO, json!({"dryRun": true})).await;
    let why = "it was empty before and cannot be emptied: the portal would keep the old value";
    assert_eq!(shown.json["cannot"], json!([{"field": "begindate", "why": why}]));
    let undone = undo(&mut server).await;
    assert_eq!(undone.json["cannot"], shown.json["cannot"]);
    assert_eq!(undone.json["restored"][0]["field"], "comments");
    server.update(json!({"entityTypeId": 3, "id": 5, "fields": {"photo": ["a.png", PNG]}})).await;
    let sent = updates(&sandbox).len();
    let undone = undo(&mut server).await;
    let why = "the portal deletes a file that is replaced or removed";
    assert_eq!(undone.json["cannot"], json!([{"field": "photo", "why": why}]));
    assert_eq!(updates(&sandbox).len(), sent);
}

#[tokio::test]
async fn every_kind_of_custom_field_is_put_back_and_no_link_of_a_file_is_shown() {
    let (sandbox, mut server) = on_sandbox().await;
    let change = |fields: Value| json!({"entityTypeId": 2, "id": 355, "fields": fields});
    let first = json!({
        "ufCrmMyString": "a", "ufCrm_1721244707107": 12.5, "ufCrm_1730000000001": [46],
        "ufCrm_1730000000002": 45, "ufCrm_1730000000003": "N",
        "ufCrm_1730000000004": "2026-05-06", "ufCrm_1730000000005": "300|USD",
        "ufCrm_1730000000006": "2026-05-06T10:00:00+02:00", "ufCrm_1730000000007": ["C_5", "CO_11"],
        "ufCrm_1730000000008": 1,
    });
    server.update(change(first)).await;
    let files = |sandbox: &Sandbox| {
        let files = sandbox.item(2, 355).unwrap()["ufCrm_1617027453944"].clone();
        files
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.get("id").unwrap_or(it).clone())
            .collect::<Vec<_>>()
    };
    let state = |sandbox: &Sandbox| {
        let mut item = state(sandbox, 2, 355);
        item["ufCrm_1617027453944"] = files(sandbox).into();
        item["ufCrm_1617027453943"] = Value::Null;
        item
    };
    let before = state(&sandbox);
    let second = json!({
        "ufCrmMyString": "", "ufCrm_1721244707107": 0, "ufCrm_1730000000001": [44, 45],
        "ufCrm_1730000000002": 44, "ufCrm_1730000000003": "Y",
        "ufCrm_1730000000004": "2027-01-02", "ufCrm_1730000000005": "5|EUR",
        "ufCrm_1730000000006": "2027-05-06T10:00:00+02:00", "ufCrm_1730000000007": [],
        "ufCrm_1730000000008": "",
        "ufCrm_1617027453944": [{"id": 12}, {"id": 255}, {"id": 44}, ["a.png", PNG]],
    });
    assert_eq!(server.update(change(second)).await.json["status"], "updated");
    let undone = undo(&mut server).await;
    assert_eq!(undone.json["status"], "restored", "{}", undone.json);
    assert!(!undone.json.to_string().contains("url"), "{}", undone.json);
    assert_eq!(state(&sandbox), before);
    // What is taken out of a list of files is gone.
    server.update(change(json!({"ufCrm_1617027453944": [{"id": 12}]}))).await;
    let undone = undo(&mut server).await;
    assert_eq!(undone.json["cannot"][0]["field"], "ufCrm_1617027453944", "{}", undone.json);
    assert_eq!(files(&sandbox), [12]);
}
