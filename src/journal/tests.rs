use serde_json::{Map, Value, json};

use super::*;
use crate::{
    crm::{EntityType, Kind},
    error::Written,
};

fn journal() -> Journal {
    let whose = Whose { portal: "acme.example".to_owned(), user: Some("7".to_owned()) };
    Journal::new(Settings::default(), whose, |_| {})
}

fn by_item(ids: &[u64], fields: &Value) -> ByItem {
    let fields: Map<String, Value> = serde_json::from_value(fields.clone()).unwrap();
    ids.iter().map(|id| (*id, fields.clone())).collect()
}

fn rename(ids: &[u64], title: &str) -> Begin {
    Begin {
        entity: EntityType::new(2),
        ids: ids.to_vec(),
        called: ids.iter().map(|id| (*id, format!("Deal {id}"))).collect(),
        kinds: [("title".to_owned(), Kind::Text)].into(),
        before: by_item(ids, &json!({"title": "old"})),
        request: by_item(ids, &json!({"title": title})),
    }
}

fn deal(id: u64) -> ItemRef {
    ItemRef { entity: EntityType::new(2), id }
}

#[test]
fn a_change_without_an_end_is_unknown_until_it_has_one() {
    let journal = journal();
    assert_eq!(journal.last_change(), None);
    let change = journal.new_change("update_crm_item", None);
    let entry = journal.begin(&change, rename(&[351], "new")).unwrap();
    let open = journal.last_change().unwrap();
    assert_eq!(
        (open.outcome(), open.written(), open.is_failed()),
        ("unknown", Written::Unknown, true)
    );
    assert!(!open.is_complete());

    let after = by_item(&[351], &json!({"title": "new"}));
    entry.end(End { after, requests: 2, ..End::new("updated", Written::Yes) }).unwrap();
    let done = journal.last_change().unwrap();
    assert_eq!(
        (done.outcome(), done.written(), done.is_failed()),
        ("updated", Written::Yes, false)
    );
    assert!(done.is_complete());
    assert_eq!(journal.change(&change.id).unwrap(), Some(done.clone()));
    assert_eq!(journal.changes_of(deal(351), 10).unwrap().changes, std::slice::from_ref(&done));
    assert_eq!(journal.changes_of(deal(352), 10).unwrap().changes, []);
    assert_eq!(done.items().collect::<Vec<_>>(), [(EntityType::new(2), 351)]);
    assert_eq!(
        (done.tool(), done.user(), done.portal()),
        ("update_crm_item", Some("7"), "acme.example")
    );
}

#[test]
fn the_last_change_is_one_that_may_have_written_something() {
    let journal = journal();
    let written = journal.new_change("update_crm_item", None);
    let end = End::new("updated", Written::Yes);
    journal.begin(&written, rename(&[1], "a")).unwrap().end(end).unwrap();
    let refused = journal.new_change("update_crm_item", None);
    let end = End::new("ACCESS_DENIED", Written::No);
    journal.begin(&refused, rename(&[2], "a")).unwrap().end(end).unwrap();
    assert_eq!(journal.last_change().unwrap().id, written.id);
    let dropped = journal.new_change("update_crm_item", None);
    drop(journal.begin(&dropped, rename(&[3], "a")).unwrap());
    assert_eq!(journal.last_change().unwrap().id, dropped.id);
}

/// Outcome, whether it was written, and the items whose outcome is another.
type PartOf = (&'static str, Written, &'static [(u64, &'static str)]);

#[test]
fn the_outcome_of_many_items_is_that_of_all_of_them() {
    #[rustfmt::skip] // a table: one change, one line
    let cases: [(&[PartOf], &str, Written, bool); 6] = [
        (&[("updated", Written::Yes, &[])], "updated", Written::Yes, false),
        (&[("updated", Written::Yes, &[]), ("updated", Written::Yes, &[])], "updated", Written::Yes, false),
        (&[("updated", Written::Yes, &[(2, "unchanged")])], "partial", Written::Yes, false),
        (&[("updated", Written::Yes, &[(2, "ACCESS_DENIED")])], "partial", Written::Yes, true),
        (&[("updated", Written::Yes, &[]), ("PORTAL_FAILED", Written::Unknown, &[])], "partial", Written::Unknown, true),
        (&[("ACCESS_DENIED", Written::No, &[])], "ACCESS_DENIED", Written::No, true),
    ];
    for (parts, outcome, written, is_failed) in cases {
        let journal = journal();
        let change = journal.new_change("update_crm_items", None);
        for (outcome, written, exceptions) in parts {
            let exceptions = exceptions.iter().map(|(id, it)| (*id, (*it).to_owned())).collect();
            let end = End { exceptions, ..End::new(*outcome, *written) };
            journal.begin(&change, rename(&[1, 2], "a")).unwrap().end(end).unwrap();
        }
        let change = journal.change(&change.id).unwrap().unwrap();
        assert_eq!(
            (change.outcome(), change.written(), change.is_failed()),
            (outcome, written, is_failed),
            "{parts:?}"
        );
    }
}

#[test]
fn the_oldest_changes_go_and_what_went_on_without_them_is_not_complete() {
    let journal = journal();
    let changes: Vec<NewChange> =
        (0..201).map(|_| journal.new_change("update_crm_item", None)).collect();
    for change in &changes {
        let end = End::new("updated", Written::Yes);
        journal.begin(change, rename(&[351], "a")).unwrap().end(end).unwrap();
    }
    assert_eq!(journal.change(&changes[0].id).unwrap(), None);
    assert!(journal.change(&changes[1].id).unwrap().unwrap().is_complete());
    assert_eq!(journal.changes_of(deal(351), 500).unwrap().changes.len(), 200);

    let end = End::new("updated", Written::Yes);
    journal.begin(&changes[0], rename(&[352], "a")).unwrap().end(end).unwrap();
    assert!(!journal.change(&changes[0].id).unwrap().unwrap().is_complete());

    // Eight megabytes, but never the change that is being made.
    let large = "a".repeat(50 * 1024);
    let huge = journal.new_change("update_crm_items", None);
    for first in [1_000, 2_000] {
        let ids: Vec<u64> = (first..first + 100).collect();
        drop(journal.begin(&huge, rename(&ids, &large)).unwrap());
    }
    assert_eq!(journal.last_change().unwrap().parts.len(), 2);
    assert_eq!(journal.changes_of(deal(351), 500).unwrap().changes, []);
}
