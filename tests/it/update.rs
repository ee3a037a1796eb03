//! The main job: what is sent, what is answered, and what is not sent at all.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{Server, methods, on_item, on_portal, on_sandbox, received},
};

/// The fields of the vendor's example call.
fn vendors_fields() -> Value {
    json!({
        "title": "REST Deal #1", "stageId": "C9:UC_NYL06U", "assignedById": 6,
        "observers": [1, 2, 3], "opened": "N", "typeId": "SERVICE", "opportunity": 10000,
        "currencyId": "USD", "additionalInfo": "Changing a deal via REST",
        "isManualOpportunity": "N", "utmSource": "google", "ufCrm_1721244707107": 200.05,
        "parentId1220": 2,
    })
}

#[tokio::test]
async fn the_vendors_example_changes_all_that_it_names() {
    let (sandbox, mut server) = on_sandbox().await;
    let arguments = json!({"entityTypeId": 2, "id": 351, "fields": vendors_fields()});
    let answer = server.update(arguments).await;
    let asked = ["crm.item.get", "crm.item.fields", "crm.status.list", "crm.item.update"];
    assert_eq!(methods(&sandbox), asked);
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
          "before": "Service contract",
          "after": "REST Deal #1"
        },
        {
          "field": "stageId",
          "before": "C9:NEW",
          "after": "C9:UC_NYL06U"
        },
        {
          "field": "assignedById",
          "before": 1,
          "after": 6
        },
        {
          "field": "observers",
          "before": [],
          "after": [
            1,
            2,
            3
          ]
        },
        {
          "field": "opened",
          "before": "Y",
          "after": "N"
        },
        {
          "field": "typeId",
          "before": "SALE",
          "after": "SERVICE"
        },
        {
          "field": "opportunity",
          "before": 500,
          "after": 10000
        },
        {
          "field": "currencyId",
          "before": "EUR",
          "after": "USD"
        },
        {
          "field": "additionalInfo",
          "before": null,
          "after": "Changing a deal via REST"
        },
        {
          "field": "isManualOpportunity",
          "before": "Y",
          "after": "N"
        },
        {
          "field": "utmSource",
          "before": null,
          "after": "google"
        },
        {
          "field": "ufCrm_1721244707107",
          "before": null,
          "after": 200.05
        },
        {
          "field": "parentId1220",
          "before": null,
          "after": 2
        },
        {
          "field": "isNew",
          "before": "Y",
          "after": "N",
          "askedFor": false
        }
      ],
      "notes": [],
      "item": {
        "id": 351,
        "title": "REST Deal #1",
        "stageId": "C9:UC_NYL06U",
        "categoryId": 9,
        "opportunity": 10000,
        "currencyId": "USD",
        "assignedById": 6,
        "isManualOpportunity": "N",
        "observers": [
          1,
          2,
          3
        ],
        "opened": "N",
        "typeId": "SERVICE",
        "additionalInfo": "Changing a deal via REST",
        "utmSource": "google",
        "ufCrm_1721244707107": 200.05,
        "parentId1220": 2
      },
      "names": {
        "stageId": {
          "C9:UC_NYL06U": "Agreed",
          "C9:NEW": "Request"
        },
        "categoryId": {
          "9": "Service"
        },
        "assignedById": {
          "6": "Jonas Brandt",
          "1": "Sandbox User"
        },
        "observers": {
          "1": "Sandbox User"
        },
        "typeId": {
          "SERVICE": "Service",
          "SALE": "Sale"
        },
        "parentId1220": {
          "2": "Rollout at Orbit"
        }
      },
      "titles": {
        "ufCrm_1721244707107": "Delivery cost"
      }
    }
    "#);
}

#[tokio::test]
async fn the_vendors_example_is_sent_as_the_vendor_writes_it() {
    let mut before = vendors_fields();
    before["title"] = json!("before");
    before["id"] = json!(351);
    let (portal, mut server) = on_item(before, vendors_fields()).await;
    let arguments = json!({"entityTypeId": 2, "id": 351, "fields": vendors_fields()});
    let answer = server.update(arguments.clone()).await;
    assert_eq!(answer.json["status"], "updated");
    let write = portal.requests().into_iter().last().unwrap();
    assert_eq!(write.path, "/rest/1/s3cretOfTheTests/crm.item.update");
    // The order of keys is the vendor's, too.
    assert_eq!(write.body.to_string(), arguments.to_string());
}

#[tokio::test]
async fn a_token_goes_into_the_body_as_the_vendor_writes_it() {
    let portal = ScriptedPortal::with_item(json!({"title": "a"}), json!({"title": "b"})).await;
    let mut command = crate::support::program();
    command.env("BITRIX24_PORTAL_URL", portal.origin()).env("BITRIX24_ACCESS_TOKEN", "t0ken");
    let mut server = Server::opened(command, "").await;
    let answer =
        server.update(json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}})).await;
    assert_eq!(answer.json["status"], "updated");
    let write = portal.requests().into_iter().last().unwrap();
    assert_eq!(write.path, "/rest/crm.item.update");
    assert_eq!(
        write.body,
        json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}, "auth": "t0ken"})
    );
}

#[tokio::test]
async fn every_entity_type_can_be_changed() {
    let (sandbox, mut server) = on_sandbox().await;
    let cases = [
        (1, 21, json!({"stageId": "IN_PROCESS", "name": "Inês"})),
        (2, 101, json!({"stageId": "EXECUTING", "probability": 80})),
        (3, 5, json!({"post": "Head of purchasing", "birthdate": "1984-03-06"})),
        (4, 11, json!({"industry": "TRADE", "revenue": 1_250_000.5})),
        (7, 71, json!({"stageId": "SENT", "actualDate": "2027-01-31"})),
        (31, 81, json!({"stageId": "DT31_2:P", "comments": "paid"})),
        (1220, 2, json!({"stageId": "DT1220_11:SUCCESS", "xmlId": "A-1"})),
    ];
    for (entity_type_id, id, fields) in cases {
        let arguments = json!({"entityTypeId": entity_type_id, "id": id, "fields": fields});
        let answer = server.update(arguments).await;
        assert_eq!(answer.json["status"], "updated", "{entity_type_id}: {}", answer.json);
        let changed = answer.json["changes"].as_array().unwrap().iter();
        let asked_for = changed.filter(|change| change.get("askedFor").is_none()).count();
        assert_eq!(asked_for, fields.as_object().unwrap().len(), "{entity_type_id}");
    }
    // A read and a write; the directory of a code comes with the names of the first ones.
    assert_eq!(methods(&sandbox).len(), 14);
}

#[tokio::test]
async fn fields_are_emptied_in_the_form_that_empties_them() {
    let (sandbox, mut server) = on_sandbox().await;
    let answer = server
        .update(json!({
            "entityTypeId": 2, "id": 101,
            "fields": {"sourceId": null},
            "clear": ["probability", "companyId", "contactIds"],
        }))
        .await;
    let sent = received(&sandbox).pop().unwrap().body;
    assert_eq!(
        sent["fields"],
        json!({"sourceId": "", "probability": "", "companyId": 0, "contactIds": ""})
    );
    assert_json_snapshot!(answer.json["changes"], @r#"
    [
      {
        "field": "sourceId",
        "before": "CALL",
        "after": null
      },
      {
        "field": "probability",
        "before": 40,
        "after": null
      },
      {
        "field": "companyId",
        "before": 11,
        "after": 0
      },
      {
        "field": "contactIds",
        "before": [
          5,
          7
        ],
        "after": []
      },
      {
        "field": "contactId",
        "before": 5,
        "after": 0,
        "askedFor": false
      }
    ]
    "#);
}

#[tokio::test]
async fn a_field_list_is_fetched_once() {
    let (sandbox, mut server) = on_sandbox().await;
    for cost in [100.0, 101.0, 102.0] {
        let fields = json!({"ufCrm_1721244707107": cost});
        let answer = server.update(json!({"entityTypeId": 2, "id": 351, "fields": fields})).await;
        assert_eq!(answer.json["status"], "updated");
    }
    let fetched = methods(&sandbox).into_iter().filter(|method| method == "crm.item.fields");
    assert_eq!(fetched.count(), 1);
}

#[tokio::test]
async fn original_names_are_used_when_they_are_asked_for() {
    let (sandbox, mut server) = on_sandbox().await;
    let answer = server
        .update(json!({
            "entityTypeId": 2, "id": 351, "useOriginalUfNames": "Y",
            "fields": {"UF_CRM_1721244707107": 7.5, "ufCrmMyString": "A-17"},
        }))
        .await;
    let sent = received(&sandbox).pop().unwrap().body;
    assert_eq!(
        sent,
        json!({
            "entityTypeId": 2, "id": 351,
            "fields": {"UF_CRM_1721244707107": 7.5, "UF_CRM_MY_STRING": "A-17"},
            "useOriginalUfNames": "Y",
        })
    );
    assert_json_snapshot!(answer.json, { ".item" => "[the item]" }, @r#"
    {
      "ok": true,
      "status": "updated",
      "entityTypeId": 2,
      "id": 351,
      "link": "https://portal.example/crm/deal/details/351/",
      "changes": [
        {
          "field": "UF_CRM_1721244707107",
          "before": null,
          "after": 7.5
        },
        {
          "field": "UF_CRM_MY_STRING",
          "before": null,
          "after": "A-17"
        }
      ],
      "notes": [
        "`fields.ufCrmMyString` was read as `UF_CRM_MY_STRING`"
      ],
      "item": "[the item]",
      "names": {
        "stageId": {
          "C9:NEW": "Request"
        },
        "categoryId": {
          "9": "Service"
        },
        "assignedById": {
          "1": "Sandbox User"
        }
      },
      "titles": {
        "UF_CRM_1721244707107": "Delivery cost",
        "UF_CRM_MY_STRING": "Внутренний номер"
      }
    }
    "#);
}

#[tokio::test]
async fn two_calls_on_one_item_do_not_see_each_others_work() {
    let (sandbox, mut server) = on_sandbox().await;
    for (id, amount) in [(1, 1000), (2, 2000)] {
        let arguments = json!({"entityTypeId": 2, "id": 101, "fields": {"opportunity": amount}});
        server.send_call(json!(id), "update_crm_item", arguments).await;
    }
    for _ in 0..2 {
        let answer = crate::support::answered(&server.receive().await.unwrap());
        assert_eq!(answer.json["changes"].as_array().unwrap().len(), 1, "{}", answer.json);
    }
    let order = ["crm.item.get", "crm.item.update", "crm.item.get", "crm.item.update"];
    assert_eq!(methods(&sandbox), order);
}

#[tokio::test]
async fn an_unreadable_item_is_written_to_with_a_note_unless_the_call_needs_to_read_it() {
    let replies = [
        ("crm.item.get", vec![Reply::Body(502, "text/html", b"<h1>Bad gateway</h1>".to_vec())]),
        ("crm.item.update", vec![Reply::item(json!({"title": "b", "stageId": "C9:WON"}))]),
    ];
    let (portal, mut server) = on_portal(&replies).await;
    let call = |more: Value| {
        let mut arguments = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    let written = server.update(call(json!({}))).await;
    assert_json_snapshot!(written.json, @r#"
    {
      "ok": true,
      "status": "updated",
      "entityTypeId": 2,
      "id": 351,
      "link": "https://portal.example/crm/deal/details/351/",
      "changes": [],
      "notes": [
        "the item could not be read before the write (no usable answer: an answer with HTTP status 502 that is not JSON), so `changes` is empty"
      ],
      "item": {
        "title": "b",
        "stageId": "C9:WON"
      }
    }
    "#);

    for more in [
        json!({"expect": {"title": "a"}}),
        json!({"dryRun": true}),
        json!({"fields": {"stageId": "C9:WON"}}),
        json!({"fields": {"contactId": 5}}),
    ] {
        let refused = server.update(call(more)).await;
        let error = &refused.json["error"];
        assert_eq!(error["code"], "PORTAL_FAILED", "{error}");
        assert_eq!(error["written"], "no");
        assert_eq!(error["retry"], "later");
    }
    assert_eq!(portal.methods().iter().filter(|method| *method == "crm.item.update").count(), 1);
}
