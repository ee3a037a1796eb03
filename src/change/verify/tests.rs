//! Comparing as a table: what the item held, what was asked, what the portal showed afterwards, and what is
//! told of it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::*;
use crate::{
    crm::{Kind, Shape, catalog},
    error::{Code, Retry},
};

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
    Plan { asked, expected: Vec::new(), notes: Vec::new(), stays: Vec::new() }
}

/// The outcome in short: its status, or its code with what was written, whether to try again and why each field was missed;
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
            format!("{:?} {:?} {:?}: {missed}", failure.code, failure.written, failure.retry)
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
            "NotApplied No AfterFix: title Ignored",
            "",
        ),
        (
            json!({"title": "a", "stageId": "C9:NEW"}),
            json!({"title": "b", "stageId": "C9:GONE"}),
            json!({"title": "b", "stageId": "C9:NEW"}),
            "PartlyApplied Yes AfterFix: stageId NotInPipeline",
            "title",
        ),
        // Another value than the old one and the asked one.
        (
            json!({"stageId": "C9:NEW"}),
            json!({"stageId": "C9:WON"}),
            json!({"stageId": "C9:LOSE"}),
            "ChangedByPortal Yes No: stageId PortalSetAnotherValue",
            "stageId",
        ),
        (
            json!({"title": "a", "stageId": "C9:NEW"}),
            json!({"title": "b", "stageId": "C9:WON"}),
            json!({"title": "b", "stageId": "C9:LOSE"}),
            "ChangedByPortal Yes No: stageId PortalSetAnotherValue",
            "title stageId",
        ),
        // One that can be corrected beside one that cannot.
        (
            json!({"title": "a", "stageId": "C9:NEW"}),
            json!({"title": "b", "stageId": "C9:WON"}),
            json!({"title": "a", "stageId": "C9:LOSE"}),
            "NotApplied Yes AfterFix: title Ignored, stageId PortalSetAnotherValue",
            "stageId",
        ),
        (
            json!({"comments": "a"}),
            json!({"comments": ""}),
            json!({"comments": "a"}),
            "NotApplied No No: comments NotCleared",
            "",
        ),
        (
            json!({"opportunity": 1, "isManualOpportunity": "N"}),
            json!({"opportunity": 5}),
            json!({"opportunity": 1, "isManualOpportunity": "N"}),
            "NotApplied No No: opportunity ComputedByPortal",
            "",
        ),
        // What the item does not show cannot be said to be written, nor not to be.
        (
            json!({"title": "a"}),
            json!({"ufCrm_1": "b"}),
            json!({"title": "a"}),
            "NotApplied Unknown AfterFix: ufCrm_1 UnknownToPortal",
            "",
        ),
        (
            json!({"updatedTime": "1"}),
            json!({"ufCrm_1": "b"}),
            json!({"updatedTime": "2"}),
            "NotApplied Yes AfterFix: ufCrm_1 UnknownToPortal",
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
fn a_picture_that_was_refused_for_a_right_needs_a_person() {
    let cases = [
        (Code::InvalidValue, Retry::AfterFix, Retry::AfterFix),
        (Code::Refused, Retry::No, Retry::AfterFix),
        (Code::AccessDenied, Retry::No, Retry::No),
    ];
    for (code, retry, told) in cases {
        let refused = Failure::new(code, retry, "", "");
        assert_eq!(
            Why::Refused.can_be_fixed(&PhotoUpload::Refused(Box::new(refused))),
            told == Retry::AfterFix
        );
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
    assert_eq!(found.0, "NotApplied Unknown No: title PortalSetAnotherValue");
    // Without the old value nobody knows who set the new one.
    let (asked, after) =
        (json!({"title": "b", "stageId": "WON"}), json!({"title": "b", "stageId": "NEW"}));
    let found = outcome(&before(), &asked, &after, PhotoUpload::NotAsked);
    assert_eq!(found.0, "PartlyApplied Yes No: stageId PortalSetAnotherValue");
}

#[test]
fn a_code_or_an_id_is_named_and_no_other_text_of_the_portal() {
    let cases = [
        ("stageId", json!("C9:LOSE"), "`stageId` to `C9:LOSE`"),
        ("assignedById", json!(9), "`assignedById` to `9`"),
        ("stageId", json!("LOSE it all"), "`stageId`"),
        ("title", json!("LOSE"), "`title`"),
    ];
    for (name, now, told) in cases {
        let before = Before::Item(item(&json!({ name: "1" })));
        let applied = Applied { after: item(&json!({ name: now })), photo: PhotoUpload::NotAsked };
        let outcome = compare(&before, &plan(&json!({ name: "2" })), applied, Vec::new());
        let Outcome::Missed { failure, .. } = outcome else { panic!("{name} is applied") };
        assert_eq!(failure.message, format!("saved, then the portal changed {told}"));
    }
}
