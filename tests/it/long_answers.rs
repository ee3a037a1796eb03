//! Answers that would be too long: what is left out, and what is said of it.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::{
    scripted_portal::Reply,
    support::{DESCRIBE, FIND, GET, length, on_item, on_portal},
};

#[tokio::test]
async fn answers_are_bounded_and_say_how_to_narrow() {
    let field = |number: usize| {
        let name = format!("ufCrm_17300000{number:05}");
        let title = format!("Custom field number {number} of a large portal");
        (name, json!({"type": "string", "title": title}))
    };
    let fields: serde_json::Map<String, Value> = (0..300).map(field).collect();
    let item = (0..300).map(|number| (field(number).0, json!("a text of some length".repeat(4))));
    let item: serde_json::Map<String, Value> =
        std::iter::once(("id".to_owned(), json!(1))).chain(item).collect();
    let rows: Vec<&serde_json::Map<String, Value>> = std::iter::repeat_n(&item, 50).collect();
    let (_portal, mut server) = on_portal(&[
        ("crm.item.fields", vec![Reply::Json(200, json!({"result": {"fields": fields}}))]),
        ("crm.category.list", vec![Reply::Json(200, json!({"result": {"categories": []}}))]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.currency.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.item.get", vec![Reply::item(item.clone().into())]),
        ("crm.item.list", vec![Reply::Json(200, json!({"result": {"items": rows}}))]),
    ])
    .await;
    let calls = [
        (DESCRIBE, json!({"entityTypeId": 2}), "fields"),
        (DESCRIBE, json!({"entityTypeId": 2, "query": "large"}), "fields"),
        (GET, json!({"entityTypeId": 2, "id": 1}), "item"),
        (FIND, json!({"entityTypeId": 2, "select": ["*"], "limit": 50}), "items"),
    ];
    let mut told = Vec::new();
    for (tool, arguments, part) in calls {
        let answer = server.call(tool, arguments).await.json;
        assert!(length(&answer) <= 8_000, "{tool}: {}", length(&answer));
        let shown = match &answer[part] {
            Value::Array(values) => values.len(),
            other => other.as_object().unwrap().len(),
        };
        let mut notes = answer["notes"].clone();
        for note in notes.as_array_mut().unwrap() {
            let text = note.as_str().unwrap();
            if text.starts_with("long values") {
                *note = json!("long values are shown cut: …");
            }
        }
        told.push(json!([tool, shown, answer.get("next"), notes]));
    }
    assert_json_snapshot!(told, @r#"
    [
      [
        "describe_crm_fields",
        106,
        null,
        [
          "194 more are left out, because the answer is too long: find the field with `query`"
        ]
      ],
      [
        "describe_crm_fields",
        78,
        null,
        [
          "222 more are left out, because the answer is too long: make `query` longer, or name one `field`"
        ]
      ],
      [
        "get_crm_item",
        38,
        null,
        [
          "long values are shown cut: …",
          "263 more are left out, because the answer is too long: name the fields that you need in `select`"
        ]
      ],
      [
        "find_crm_items",
        1,
        1,
        [
          "long values are shown cut: …",
          "49 more are left out, because the answer is too long: continue from `next`, or narrow with `filter`, `limit` or a shorter `select`",
          "264 fields of the shown one are left out, because the answer is too long: continue from `next`, or narrow with `filter`, `limit` or a shorter `select`"
        ]
      ]
    ]
    "#);
}

#[tokio::test]
async fn many_choices_and_many_people_are_counted_and_not_all_shown() {
    let options: Vec<Value> = (1..=500)
        .map(|id: u32| json!({"ID": id.to_string(), "VALUE": format!("Branch {id}")}))
        .collect();
    let people: Vec<Value> = (1..=50)
        .map(|id: u32| json!({"ID": id.to_string(), "NAME": "Anna", "LAST_NAME": format!("No {id}")}))
        .collect();
    let field = json!({"type": "enumeration", "title": "Town", "items": options});
    let fields = json!({"fields": {"ufCrm_1": field, "assignedById": {"type": "user"}}});
    let (_portal, mut server) = on_portal(&[
        ("crm.item.fields", vec![Reply::Json(200, json!({"result": fields}))]),
        ("crm.category.list", vec![Reply::Json(200, json!({"result": {"categories": []}}))]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("crm.currency.list", vec![Reply::Json(200, json!({"result": []}))]),
        ("user.get", vec![Reply::Json(200, json!({"result": people}))]),
        ("user.search", vec![Reply::Json(200, json!({"result": people}))]),
    ])
    .await;
    let mut told = Vec::new();
    for arguments in [
        json!({"entityTypeId": 2, "query": "town"}),
        json!({"entityTypeId": 2, "query": "branch 499"}),
        json!({"entityTypeId": 2, "field": "ufCrm_1"}),
        json!({"entityTypeId": 2, "query": "Anna"}),
    ] {
        let answer = server.call(DESCRIBE, arguments).await.json;
        assert!(length(&answer) <= 8_000, "{}", length(&answer));
        let count = |place: &str| answer.pointer(place).and_then(Value::as_array).map(Vec::len);
        told.push(json!([
            count("/fields/0/choices"),
            answer.pointer("/fields/0/moreChoices"),
            count("/choices"),
            count("/people"),
            answer["notes"],
        ]));
    }
    assert_json_snapshot!(told, @r#"
    [
      [
        40,
        460,
        null,
        null,
        []
      ],
      [
        1,
        null,
        null,
        null,
        []
      ],
      [
        null,
        null,
        245,
        null,
        [
          "255 more are left out, because the answer is too long: find the choice with `query`"
        ]
      ],
      [
        null,
        null,
        null,
        20,
        [
          "30 more people match; make `query` longer"
        ]
      ]
    ]
    "#);
}

#[tokio::test]
async fn long_answers_are_cut_to_a_bounded_size() {
    let long = "x".repeat(30_000);
    let after =
        json!({"title": "b", "comments": long, "observers": (1..=3000).collect::<Vec<_>>()});
    let (_portal, mut server) =
        on_item(json!({"title": "a", "comments": long, "observers": []}), after).await;
    let answer =
        server.update(json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}})).await;
    assert!(answer.json.to_string().len() <= 8_000);
    assert_eq!(answer.json["notes"], json!(["long values are truncated: `observers`"]));
}
