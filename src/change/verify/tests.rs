//! Comparing as a table: what the item held, what was asked, what the portal showed afterwards, and what is
//! told of it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::*;
use crate::crm::{Kind, Shape, catalog};

fn item(fields: &Value) -> Item {
    fields.as_object().cloned().unwrap_or_default().into()
}

fn plan(fields: &Value) -> Plan {
    let asked = |(name, value): (String, Value)| {
        let row = catalog::field(EntityType::new(2), &name);
        let shape = Shape::one(row.map_or(Kind::Any, |row| row.kind));
        Asked { name, shape, row, want: Want::Value(value) }
    };
    let fields: Map<String, Value> = fields.as_object().cloned().unwrap_or_default();
    let asked: Arc<[Asked]> = fields.into_iter().map(asked).collect();
    Plan { asked, expected: Vec::new(), notes: Vec::new() }
}

/// The outcome in short: its status, or its code with what was written and why each field was missed;
/// and which fields have changed, those that nobody asked for in brackets.
fn outcome(before: &Before, asked: &Value, after: &Value, photo: PhotoUpload) -> (String, String) {
    let applied = Applied { after: item(after), photo };
    let outcome = compare(before, &plan(asked), applied, Vec::new());
    let (Outcome::Succeeded { changes, .. } | Outcome::Missed { changes, .. }) = &outcome;
    let changes = changes.iter().map(|change| {
        let field = &change.field;
        if change.asked_for { field.clone() } else { format!("[{field}]") }
    });
    let changes = changes.collect::<Vec<_>>().join(" ");
    let outcome = match &outcome {
        Outcome::Succeeded { status, .. } => format!("{status:?}"),
        Outcome::Missed { failure, not_applied, .. } => {
            let missed = not_applied.iter().map(|it| format!("{} {:?}", it.field, it.why));
            let missed = missed.collect::<Vec<_>>().join(", ");
            format!("{:?} {:?}: {missed}", failure.code, failure.written)
        }
    };
    (outcome, changes)
}

#[test]
fn every_way_in_which_a_value_can_be_applied_or_missed() {
    let cases = [
        // All as asked, in another form, or in the portal's own.
        (json!({"title": "a"}), json!({"title": "b"}), json!({"title": "b"}), "Updated", "title"),
        (
            json!({"opportunity": 1}),
            json!({"opportunity": 5}),
            json!({"opportunity": "5.00"}),
            "Updated",
            "opportunity",
        ),
        (json!({"title": "a"}), json!({"title": "b "}), json!({"title": "b"}), "Updated", "title"),
        // What automation changed at once is told apart.
        (
            json!({"title": "a", "probability": 1}),
            json!({"title": "b"}),
            json!({"title": "b", "probability": 9}),
            "Updated",
            "title [probability]",
        ),
        // Bookkeeping fields are not told at all.
        (
            json!({"title": "a", "updatedTime": "1"}),
            json!({"title": "b"}),
            json!({"title": "b", "updatedTime": "2"}),
            "Updated",
            "title",
        ),
        // Ignored, alone and beside what was applied.
        (
            json!({"title": "a"}),
            json!({"title": "b"}),
            json!({"title": "a"}),
            "NotApplied No: title Ignored",
            "",
        ),
        (
            json!({"title": "a", "stageId": "C9:NEW"}),
            json!({"title": "b", "stageId": "C9:GONE"}),
            json!({"title": "b", "stageId": "C9:NEW"}),
            "PartlyApplied Yes: stageId NotInPipeline",
            "title",
        ),
        // Another value than the old one and the asked one.
        (
            json!({"stageId": "C9:NEW"}),
            json!({"stageId": "C9:WON"}),
            json!({"stageId": "C9:LOSE"}),
            "NotApplied Yes: stageId PortalSetAnotherValue",
            "stageId",
        ),
        (
            json!({"comments": "a"}),
            json!({"comments": ""}),
            json!({"comments": "a"}),
            "NotApplied No: comments NotCleared",
            "",
        ),
        (
            json!({"opportunity": 1, "isManualOpportunity": "N"}),
            json!({"opportunity": 5}),
            json!({"opportunity": 1, "isManualOpportunity": "N"}),
            "NotApplied No: opportunity ComputedByPortal",
            "",
        ),
        // What the item does not show cannot be said to be written, nor not to be.
        (
            json!({"title": "a"}),
            json!({"ufCrm_1": "b"}),
            json!({"title": "a"}),
            "NotApplied Unknown: ufCrm_1 UnknownToPortal",
            "",
        ),
        (
            json!({"updatedTime": "1"}),
            json!({"ufCrm_1": "b"}),
            json!({"updatedTime": "2"}),
            "NotApplied Yes: ufCrm_1 UnknownToPortal",
            "",
        ),
    ];
    for (before, asked, after, told, changes) in cases {
        let before = Before::Item(item(&before));
        let found = outcome(&before, &asked, &after, PhotoUpload::NotAsked);
        assert_eq!(found, (told.to_owned(), changes.to_owned()), "{asked} {after}");
    }
}

#[test]
fn of_an_item_that_was_not_read_no_change_is_told() {
    let before = || Before::Unread(crate::portal::PortalError::TimedOut);
    let found =
        outcome(&before(), &json!({"title": "b"}), &json!({"title": "b"}), PhotoUpload::NotAsked);
    assert_eq!(found, ("Updated".to_owned(), String::new()));
    let found =
        outcome(&before(), &json!({"title": "b"}), &json!({"title": "a"}), PhotoUpload::NotAsked);
    assert_eq!(found.0, "NotApplied Unknown: title PortalSetAnotherValue");
}

#[test]
fn expectations_are_compared_by_kind_and_a_hidden_field_holds_none() {
    let cases = [
        ("opportunity", json!(5), json!({"opportunity": "5.00"}), true),
        ("opportunity", json!(5), json!({"opportunity": "6.00"}), false),
        ("comments", json!(""), json!({"comments": null}), true),
        ("comments", json!(""), json!({}), false),
    ];
    for (name, wire, now, holds) in cases {
        let row = catalog::field(EntityType::new(2), name).unwrap();
        let expected = Expected {
            path: format!("expect.{name}"),
            name: name.to_owned(),
            shape: Shape::one(row.kind),
            wire,
        };
        let found = expectations(std::slice::from_ref(&expected), &item(&now));
        assert_eq!(found.is_ok(), holds, "{name} {now}");
        assert!(
            found.err().is_none_or(|it| it.code == Code::Conflict && it.written == Written::No)
        );
    }
}
