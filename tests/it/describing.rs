//! What a portal lets one write: fields, stages, options, people, entity types.

use bitrix24_crm_mcp::sandbox::Sandbox;
use insta::assert_json_snapshot;
use serde_json::json;

use crate::support::{DESCRIBE, Server, methods, on_sandbox};

#[tokio::test]
async fn all_fields_are_a_line_each() {
    let (_sandbox, mut server) = on_sandbox().await;
    let answer = server.call(DESCRIBE, json!({"entityTypeId": 4})).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": true,
      "entityTypeId": 4,
      "readOnly": "isMyCompany, id, createdTime, createdBy, updatedTime, updatedBy, lastActivityTime, lastActivityBy, lastCommunicationTime, hasPhone, hasEmail, hasImol, phone, email, imol, phoneWork, phoneMobile, phoneMailing, emailWork, emailHome, emailMailing",
      "fields": [
        "title: text · Name",
        "currencyId: currency · Currency",
        "assignedById: user · Responsible",
        "observers: users · Observers",
        "opened: yes or no · Available to everyone",
        "comments: text · Comment",
        "contactIds: ids of items · Contacts",
        "typeId: code, 3 choices · Type",
        "fm: phones and e-mails · Phones and e-mails",
        "logo: picture",
        "industry: code, 3 choices · Industry",
        "employees: code, 4 choices · Employees",
        "revenue: number · Annual revenue",
        "bankingDetails: text",
        "leadId: id of an item",
        "originatorId: text",
        "originId: text",
        "originVersion: text",
        "utmSource: text",
        "utmMedium: text",
        "utmCampaign: text",
        "utmContent: text",
        "utmTerm: text"
      ],
      "notes": []
    }
    "#);
}

#[tokio::test]
async fn one_field_is_described_in_full() {
    let (_sandbox, mut server) = on_sandbox().await;
    let mut told = serde_json::Map::new();
    for field in ["stageId", "ufCrm_1730000000001", "title", "currencyId", "Номер договора"]
    {
        let answer = server.call(DESCRIBE, json!({"entityTypeId": 2, "field": field})).await;
        told.insert(field.to_owned(), answer.json);
    }
    assert_json_snapshot!(told, @r#"
    {
      "stageId": {
        "ok": true,
        "entityTypeId": 2,
        "name": "stageId",
        "title": "Stage",
        "kind": "stage",
        "write": "code of a stage",
        "canBeEmptied": false,
        "meaning": "Code of the item's stage; it must be a stage of the item's pipeline.",
        "pipelines": [
          {
            "categoryId": 0,
            "name": "Sales",
            "stages": [
              {
                "code": "NEW",
                "name": "New"
              },
              {
                "code": "PREPARATION",
                "name": "Preparation"
              },
              {
                "code": "EXECUTING",
                "name": "In delivery"
              },
              {
                "code": "WON",
                "name": "Won",
                "semantics": "success"
              },
              {
                "code": "LOSE",
                "name": "Lost",
                "semantics": "failure"
              }
            ]
          },
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
        ],
        "notes": []
      },
      "ufCrm_1730000000001": {
        "ok": true,
        "entityTypeId": 2,
        "name": "ufCrm_1730000000001",
        "title": "Channels",
        "kind": "option",
        "write": "id or text of an option",
        "multiple": true,
        "upperName": "UF_CRM_1730000000001",
        "choices": [
          {
            "id": 44,
            "text": "Fair"
          },
          {
            "id": 45,
            "text": "Partner"
          },
          {
            "id": 46,
            "text": "Сайт"
          }
        ],
        "notes": []
      },
      "title": {
        "ok": true,
        "entityTypeId": 2,
        "name": "title",
        "title": "Name",
        "kind": "text",
        "canBeEmptied": false,
        "meaning": "Name of the item, at most 255 characters.",
        "maxLength": 255,
        "notes": []
      },
      "currencyId": {
        "ok": true,
        "entityTypeId": 2,
        "name": "currencyId",
        "title": "Currency",
        "kind": "currency",
        "write": "ISO code",
        "canBeEmptied": false,
        "meaning": "ISO code of a currency that the portal has.",
        "choices": [
          {
            "code": "EUR",
            "name": "Euro"
          },
          {
            "code": "USD",
            "name": "US Dollar"
          },
          {
            "code": "RUB",
            "name": "Российский рубль"
          }
        ],
        "notes": []
      },
      "Номер договора": {
        "ok": true,
        "entityTypeId": 2,
        "name": "ufCrm_1730000000009",
        "title": "Номер договора",
        "kind": "text",
        "upperName": "UF_CRM_1730000000009",
        "notes": [
          "`field` is the title of `ufCrm_1730000000009`"
        ]
      }
    }
    "#);
}

#[tokio::test]
async fn without_a_type_the_portals_types_are_named_to_everyone() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut told = Vec::new();
    for user in [1, 6] {
        let mut server = Server::connected_to(&sandbox.webhook_url_of(user)).await;
        told.push(server.call(DESCRIBE, json!({})).await.json);
    }
    assert_eq!(told[0], told[1]);
    assert_json_snapshot!(told[0]["entityTypes"], @r#"
    [
      {
        "entityTypeId": 1,
        "name": "lead"
      },
      {
        "entityTypeId": 2,
        "name": "deal"
      },
      {
        "entityTypeId": 3,
        "name": "contact"
      },
      {
        "entityTypeId": 4,
        "name": "company"
      },
      {
        "entityTypeId": 7,
        "name": "quote"
      },
      {
        "entityTypeId": 31,
        "name": "invoice"
      },
      {
        "entityTypeId": 132,
        "name": "Vehicles",
        "isSmartProcess": true
      },
      {
        "entityTypeId": 1048,
        "name": "Old equipment",
        "isSmartProcess": true
      },
      {
        "entityTypeId": 1220,
        "name": "Projects",
        "isSmartProcess": true
      }
    ]
    "#);
    assert_eq!(methods(&sandbox), ["crm.type.list", "crm.type.list", "crm.enum.ownertype"]);
}
