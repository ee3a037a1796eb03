//! What fields are found by in either language, what tells alike ones apart, what is not shown, and
//! how values are written.

use insta::assert_json_snapshot;
use serde_json::{Map, Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{DESCRIBE, Server, on_portal, on_sandbox},
};

/// A portal with these fields and without directories and users.
async fn portal_with(fields: Value) -> (ScriptedPortal, Server) {
    on_portal(&[
        ("crm.item.fields", vec![Reply::Json(200, json!({"result": {"fields": fields}}))]),
        ("crm.category.list", vec![Reply::Json(200, json!({"result": {"categories": []}}))]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": []}))]),
        (
            "crm.currency.list",
            vec![Reply::Json(
                200,
                json!({"result": [
                    {"CURRENCY": "MUR", "FULL_NAME": "Mauritian rupee"},
                    {"CURRENCY": "HNL", "FULL_NAME": "Lempira"},
                ]}),
            )],
        ),
        ("user.get", vec![Reply::Json(200, json!({"result": []}))]),
        ("user.search", vec![Reply::Json(200, json!({"result": []}))]),
    ])
    .await
}

fn names(answer: &Value) -> Vec<&str> {
    let fields = answer["fields"].as_array().unwrap_or_else(|| panic!("no fields: {answer}"));
    fields.iter().map(|field| field["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn standard_fields_are_found_by_russian_and_english_names_on_either_portal() {
    let cases = [
        (7, "срок действия", "actualDate"),
        (7, "valid until", "actualDate"),
        (2, "ответственный", "assignedById"),
        (2, "assigned to", "assignedById"),
        (2, "стадия", "stageId"),
        (2, "воронка", "categoryId"),
        (2, "funnel", "categoryId"),
        (2, "сумма", "opportunity"),
        (2, "amount", "opportunity"),
        (2, "валюта", "currencyId"),
        (2, "наблюдатели", "observers"),
        (2, "deadline", "closedate"),
        (31, "срок оплаты", "closedate"),
        (3, "телефон", "fm"),
        (3, "почта", "fm"),
        (3, "phone", "fm"),
        (3, "должность", "post"),
        (4, "годовой оборот", "revenue"),
        (1, "отчество", "secondName"),
    ];
    let titles = |language: usize| {
        let rows = [
            ("actualDate", "date", ["Valid until", "Срок действия"]),
            ("assignedById", "user", ["Responsible", "Ответственный"]),
            ("stageId", "crm_status", ["Stage", "Стадия"]),
            ("categoryId", "crm_category", ["Pipeline", "Воронка"]),
            ("opportunity", "double", ["Amount", "Сумма"]),
            ("currencyId", "crm_currency", ["Currency", "Валюта"]),
            ("observers", "user", ["Observers", "Наблюдатели"]),
            ("closedate", "date", ["Expected close date", "Дата завершения"]),
            ("fm", "crm_multifield", ["fm", "fm"]),
            ("post", "string", ["Position", "Должность"]),
            ("revenue", "double", ["Annual revenue", "Годовой оборот"]),
            ("secondName", "string", ["Middle name", "Отчество"]),
        ];
        let fields = rows.into_iter().map(|(name, portal_type, titles)| {
            (name.to_owned(), json!({"type": portal_type, "title": titles[language]}))
        });
        Value::from(fields.collect::<Map<_, _>>())
    };
    for language in [0, 1] {
        let (_portal, mut server) = portal_with(titles(language)).await;
        for (entity, query, expected) in cases {
            let ask = json!({"entityTypeId": entity, "query": query});
            let answer = server.call(DESCRIBE, ask).await.json;
            assert_eq!(names(&answer), [expected], "{query}");
            if !query.is_ascii() {
                let ask = json!({"entityTypeId": entity, "field": query});
                let answer = server.call(DESCRIBE, ask).await.json;
                assert_eq!(answer["name"], expected, "{query}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn alike_fields_are_told_apart_by_what_they_mean() {
    let (_sandbox, mut server) = on_sandbox().await;
    let answer = server.call(DESCRIBE, json!({"entityTypeId": 7, "query": "срок"})).await.json;
    assert_json_snapshot!(answer["fields"], @r#"
    [
      {
        "name": "closedate",
        "title": "Expected close date",
        "kind": "day",
        "write": "YYYY-MM-DD",
        "canBeEmptied": false,
        "meaning": "Day on which the item is to be closed. The portal sets it to today when a final stage is reached."
      },
      {
        "name": "actualDate",
        "title": "actualDate",
        "kind": "day",
        "write": "YYYY-MM-DD",
        "canBeEmptied": false,
        "meaning": "Day until which the quote is valid."
      }
    ]
    "#);
    let answer = server.call(DESCRIBE, json!({"entityTypeId": 7, "query": "valid until"})).await;
    assert!(answer.json["fields"][0].get("meaning").is_none(), "one field alone needs none");
}

#[tokio::test]
async fn a_name_that_nobody_here_has_finds_no_choice_that_resembles_it() {
    let countries = ["Marshall Islands", "Northern Mariana Islands", "Mauritius", "Maria Island"];
    let options: Vec<Value> = countries
        .iter()
        .enumerate()
        .map(|(at, name)| json!({"ID": at + 1, "VALUE": name}))
        .collect();
    let (_portal, mut server) = portal_with(json!({
        "currencyId": {"type": "crm_currency", "title": "Currency"},
        "typeId": {"type": "crm_status", "title": "Type"},
        "ufCrm_1": {"type": "enumeration", "title": "Country", "items": options},
    }))
    .await;
    let outside = "no field, choice or person matches; people outside the company are contacts: \
                   `find_crm_items` finds them";
    for (query, found, note) in [
        ("Maria Lopez", json!([]), outside),
        ("Лопес Мария", json!([]), outside),
        ("maria.lopez@acme.example", json!([]), outside),
        (
            "Maria Type",
            json!(["typeId"]),
            "nothing matches all of `Maria Type`; `fields` lists partial matches",
        ),
        (
            "maria coconut",
            json!(["ufCrm_1"]),
            "nothing matches all of `maria coconut`; `fields` lists partial matches",
        ),
        (
            "marian rupees",
            json!([]),
            "no field, choice or person matches; call without `query` to see every field, or with \
             `field` alone to see its choices",
        ),
    ] {
        let answer = server.call(DESCRIBE, json!({"entityTypeId": 2, "query": query})).await.json;
        assert_eq!(json!(names(&answer)), found, "{query}: {answer}");
        assert_eq!(answer["notes"], json!([note]), "{query}");
    }
}

#[tokio::test]
async fn for_each_field_it_is_told_how_a_value_is_written_and_what_cannot_be_emptied() {
    let link = |settings: Value| json!({"type": "crm", "title": "Client", "settings": settings});
    let (_portal, mut server) = portal_with(json!({
        "title": {"type": "string", "title": "Client of the deal"},
        "opportunity": {"type": "double", "title": "Client pays"},
        "opened": {"type": "boolean", "title": "Client sees it", "isRequired": true},
        "createdTime": {"type": "datetime", "title": "Client since", "isReadOnly": true},
        "ufCrm_1": link(json!({"LEAD": "N", "CONTACT": "Y", "COMPANY": "Y", "DEAL": null})),
        "ufCrm_2": link(json!({"CONTACT": "Y", "COMPANY": "N"})),
        "ufCrm_3": link(json!({"SMART_INVOICE": "Y", "DYNAMIC_1220": "Y", "ORDER": "Y"})),
        "ufCrm_4": link(json!({})),
        "ufCrm_5": {"type": "money", "title": "Client's deposit", "isRequired": true},
        "ufCrm_6": {"type": "date", "title": "Client's birthday"},
        "ufCrm_7": {"type": "datetime", "title": "Client's visit"},
        "ufCrm_8": {"type": "employee", "title": "Client's friend"},
        "ufCrm_9": {"type": "address", "title": "Client's address"},
    }))
    .await;
    let answer = server.call(DESCRIBE, json!({"entityTypeId": 2, "query": "client"})).await.json;
    let told: Vec<Value> = answer["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| json!([field["name"], field.get("write"), field.get("canBeEmptied")]))
        .collect();
    assert_json_snapshot!(told, @r#"
    [
      [
        "title",
        null,
        false
      ],
      [
        "opportunity",
        "number",
        null
      ],
      [
        "opened",
        "Y or N",
        null
      ],
      [
        "createdTime",
        null,
        null
      ],
      [
        "ufCrm_1",
        "C_<contact id>, CO_<company id>",
        null
      ],
      [
        "ufCrm_2",
        "<contact id>",
        null
      ],
      [
        "ufCrm_3",
        "SI_<invoice id>, T4c4_<smart process 1220 id>",
        null
      ],
      [
        "ufCrm_4",
        "D_<deal id>, C_<contact id>, CO_<company id>, T80_<smart process 128 id>",
        null
      ],
      [
        "ufCrm_5",
        "80000|USD",
        false
      ],
      [
        "ufCrm_6",
        "YYYY-MM-DD",
        null
      ],
      [
        "ufCrm_7",
        "YYYY-MM-DDThh:mm:ss+hh:mm",
        null
      ],
      [
        "ufCrm_8",
        "id of a user",
        null
      ],
      [
        "ufCrm_9",
        null,
        null
      ]
    ]
    "#);
    let ask = json!({"entityTypeId": 2, "field": "ufCrm_5"});
    assert_json_snapshot!(server.call(DESCRIBE, ask).await.json, @r#"
    {
      "ok": true,
      "entityTypeId": 2,
      "name": "ufCrm_5",
      "title": "Client's deposit",
      "kind": "money",
      "write": "80000|USD",
      "canBeEmptied": false,
      "required": true,
      "upperName": "UF_CRM_5",
      "notes": []
    }
    "#);
}
