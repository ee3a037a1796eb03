//! Compiling and planning as tables: a call and an item, and what is sent or what is wrong. Nothing here
//! asks a portal or opens a file.

use serde_json::{Map, Value, json};

use super::*;
use crate::{
    change::{compile::compile, patch::Patch},
    crm::{EntityType, ItemRef, Naming, field_list::FieldList},
    metadata::Fields,
    uploads::Policy,
};

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn item(fields: &Value) -> Item {
    object(fields).into()
}

/// The portal's list of the custom fields that the cases use.
fn list() -> FieldList {
    let field = |kind: &str, is_multiple: bool| {
        json!({"type": kind, "isMultiple": is_multiple, "isReadOnly": false, "isImmutable": false,
               "isDynamic": true, "title": "Custom"})
    };
    let fields = json!({"fields": {
        "ufCrm_1": field("string", true), "ufCrm_2": field("date", false),
        "ufCrm_3": field("file", true), "ufCrm_4": field("integer", true),
    }});
    FieldList::read(&fields).unwrap()
}

fn intent(entity: u32, call: &Value) -> Intent {
    let entity = EntityType::new(entity);
    let part = |name: &str| call.get(name).map(object).unwrap_or_default();
    let clear = call.get("clear").and_then(Value::as_array).into_iter().flatten();
    let patch = Patch {
        item: ItemRef { entity, id: 1 },
        fields: part("fields"),
        clear: clear.filter_map(Value::as_str).map(str::to_owned).collect(),
        expect: part("expect"),
        dry_run: false,
        naming: Naming::Camel,
    };
    let list = list();
    let fields = Fields { entity, naming: Naming::Camel, item: None, list: Some(&list) };
    compile(&patch, &fields, true, &Policy::STANDARD)
}

/// What each field of the plan is to hold.
fn planned(entity: u32, call: &Value, now: &Value) -> Result<Value, Vec<(String, String)>> {
    let intent = intent(entity, call);
    let lookups = Lookups::none(intent.entity);
    match intent.against(Some(&item(now)), false, &lookups, &WritePolicy::default()) {
        Ok(plan) => {
            Ok(plan.asked.iter().map(|asked| (asked.name.clone(), asked.shown())).collect())
        }
        Err(problems) => Err(problems.into_iter().map(|it| (it.path, it.message)).collect()),
    }
}

#[test]
fn what_is_typed_becomes_what_is_sent() {
    let phone = json!({"typeId": "PHONE", "valueType": "WORK", "value": "+1"});
    let cases = [
        (2, json!({"fields": {"TITLE": "a"}}), json!({}), json!({"title": "a"})),
        (2, json!({"clear": ["comments"]}), json!({"comments": "x"}), json!({"comments": ""})),
        (
            2,
            json!({"fields": {"opportunity": "12000.50"}}),
            json!({}),
            json!({"opportunity": 12000.5}),
        ),
        // The item decides what a stage and a link mean.
        (
            2,
            json!({"fields": {"stageId": "C9:WON"}}),
            json!({"stageId": "C9:NEW"}),
            json!({"stageId": "C9:WON"}),
        ),
        (
            2,
            json!({"fields": {"contactId": 5}}),
            json!({"contactIds": []}),
            json!({"contactId": 5}),
        ),
        (2, json!({"fields": {"ufCrm_1": "a"}}), json!({"ufCrm_1": []}), json!({"ufCrm_1": ["a"]})),
        (
            2,
            json!({"fields": {"ufCrm_4": [1, 2]}}),
            json!({"ufCrm_4": [2, 3]}),
            json!({"ufCrm_4": [1, 2]}),
        ),
        // A day as the item itself shows it.
        (
            2,
            json!({"fields": {"ufCrm_2": "2026-07-31T02:00:00+02:00"}}),
            json!({"ufCrm_2": "2026-07-31T02:00:00+02:00"}),
            json!({"ufCrm_2": "2026-07-31"}),
        ),
        (3, json!({"fields": {"fm": [phone]}}), json!({"fm": []}), json!({"fm": {"n0": phone}})),
        (
            3,
            json!({"clear": ["fm"]}),
            json!({"fm": [{"id": 12, "typeId": "PHONE", "valueType": "WORK", "value": "+1"}]}),
            json!({"fm": {"12": {"typeId": "PHONE", "value": ""}}}),
        ),
        (
            2,
            json!({"fields": {"ufCrm_3": [{"id": 7}]}}),
            json!({"ufCrm_3": [{"id": 7, "urlMachine": "x"}]}),
            json!({"ufCrm_3": [{"id": 7}]}),
        ),
    ];
    for (entity, call, now, sent) in cases {
        assert_eq!(planned(entity, &call, &now), Ok(sent), "{call}");
    }
}

#[test]
fn what_is_wrong_with_the_call_needs_no_item_and_the_rest_needs_one() {
    // The call, the item, the paths that are wrong by the call alone, and those that are wrong by both.
    type Case = (u32, Value, Value, &'static [&'static str], &'static [&'static str]);
    let cases: [Case; 9] = [
        (2, json!({"fields": {"titel": "a"}}), json!({}), &["fields.titel"], &["fields.titel"]),
        (
            2,
            json!({"fields": {"stageId": ""}}),
            json!({}),
            &["fields.stageId"],
            &["fields.stageId"],
        ),
        (
            2,
            json!({"fields": {"title": 1, "TITLE": "b"}}),
            json!({}),
            &["fields.TITLE"],
            &["fields.TITLE"],
        ),
        (
            2,
            json!({"fields": {"stageId": "C3:WON"}}),
            json!({"stageId": "C9:NEW"}),
            &[],
            &["fields.stageId"],
        ),
        (
            2,
            json!({"fields": {"contactId": 5}}),
            json!({"contactIds": [6]}),
            &[],
            &["fields.contactId"],
        ),
        (
            2,
            json!({"fields": {"ufCrm_1": "a"}}),
            json!({"ufCrm_1": ["b"]}),
            &[],
            &["fields.ufCrm_1"],
        ),
        (
            2,
            json!({"fields": {"ufCrm_3": [{"id": 8}]}}),
            json!({"ufCrm_3": [{"id": 7}]}),
            &[],
            &["fields.ufCrm_3"],
        ),
        (
            3,
            json!({"fields": {"fm": {"99": {"value": "+1"}}}}),
            json!({"fm": []}),
            &[],
            &["fields.fm.99"],
        ),
        // All at once, in the order in which they were typed.
        (
            2,
            json!({"fields": {"stageId": "C3:WON", "titel": "a", "ufCrm_1": "a"}}),
            json!({"stageId": "C9:NEW", "ufCrm_1": ["b"]}),
            &["fields.titel"],
            &["fields.stageId", "fields.titel", "fields.ufCrm_1"],
        ),
    ];
    for (entity, call, now, of_the_call, of_both) in cases {
        let wrong: Vec<String> =
            intent(entity, &call).problems.into_iter().map(|it| it.path).collect();
        assert_eq!(wrong, of_the_call, "{call}");
        let wrong = planned(entity, &call, &now).unwrap_err();
        let wrong: Vec<&str> = wrong.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(wrong, of_both, "{call}");
    }
}

#[test]
fn one_intent_serves_many_items() {
    let intent = intent(2, &json!({"fields": {"stageId": "C9:WON", "observers": [1]}}));
    let lookups = Lookups::none(intent.entity);
    let fits = |now: Value| {
        intent.against(Some(&item(&now)), false, &lookups, &WritePolicy::default()).is_ok()
    };
    assert!(fits(json!({"stageId": "C9:NEW", "observers": [2]})));
    assert!(!fits(json!({"stageId": "C3:NEW", "observers": []})));
    assert!(fits(json!({"stageId": "C9:LOSE", "observers": [1]})));
}

#[test]
fn only_what_the_item_leaves_open_is_looked_up() {
    let cases = [
        (json!({"stageId": "C9:WON"}), false, 0),
        (json!({"stageId": "C9:WON"}), true, 1),
        (json!({"stageId": "C9:NEW"}), true, 0),
        (json!({"stageId": "Won"}), false, 1),
        (json!({"stageId": "C3:WON"}), false, 1),
        (json!({"sourceId": "CALL"}), false, 1),
        (json!({"sourceId": "WEB"}), false, 0),
        (json!({"categoryId": "Service"}), false, 1),
        (json!({"assignedById": "Olga"}), false, 1),
        (json!({"assignedById": 2}), false, 0),
        (json!({"title": "a"}), true, 0),
    ];
    let now = item(&json!({"stageId": "C9:NEW", "sourceId": "WEB"}));
    for (fields, is_only_planned, count) in cases {
        let unchecked =
            intent(2, &json!({"fields": fields})).unchecked_codes(Some(&now), is_only_planned);
        assert_eq!(unchecked.len(), count, "{fields}");
    }
}

#[test]
fn additions_and_uploads_are_not_repeated() {
    let upload = json!(["a.txt", "aGVsbG8="]);
    let phone = json!({"typeId": "PHONE", "valueType": "WORK", "value": "+1"});
    let cases = [
        (2, json!({"title": "a"}), true),
        (2, json!({"ufCrm_3": [{"id": 7}]}), true),
        (2, json!({"ufCrm_3": [{"id": 7}, upload]}), false),
        (3, json!({"fm": {"12": {"value": "+2"}}}), true),
        (3, json!({"fm": [phone]}), false),
    ];
    let now = item(&json!({
        "ufCrm_3": [{"id": 7}],
        "fm": [{"id": 12, "typeId": "PHONE", "valueType": "WORK", "value": "+3"}],
    }));
    for (entity, fields, can_be_repeated) in cases {
        let intent = intent(entity, &json!({"fields": fields}));
        let plan = intent
            .against(Some(&now), false, &Lookups::none(intent.entity), &WritePolicy::default())
            .unwrap();
        assert_eq!(plan.can_be_repeated(), can_be_repeated, "{fields}");
    }
}
