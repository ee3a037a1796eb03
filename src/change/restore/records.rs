//! Phones and e-mails of a recorded change: each record for itself, by its id.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    field::{Cannot, Kept, NOT_SHOWN},
    recorded::RecordedField,
    restoration::Restoration,
};
use crate::crm::multifield::{Record, by_id, records};

/// What is said of a record that was removed and is added again.
const NEW_ID: &str = "a removed phone or e-mail comes back as a new record: with a new id, at the end, and \
                      without the country that was set for it";

/// Decides each record that the change has added, changed or removed.
pub(super) fn fates(field: &RecordedField, now: Option<&Value>, restoration: &mut Restoration) {
    let name = field.name.as_str();
    let Some(before) = &field.before else {
        restoration.cannot.push(Cannot::new(name, NOT_SHOWN));
        return;
    };
    let (before, now) = (records(Some(before)), records(now));
    let left = match &field.left {
        Some(left) => records(Some(left)),
        None => what_stands(field.asked.as_ref(), &before, &now),
    };
    let (of_before, of_left, of_now) = (by_id(&before), by_id(&left), by_id(&now));
    let mut elements = Map::new();
    let ids: BTreeSet<i64> = of_before.keys().chain(of_left.keys()).copied().collect();
    for id in ids {
        let of =
            |records: &std::collections::HashMap<i64, &Record>| records.get(&id).copied().cloned();
        let (was, left_as, is) = (of(&of_before), of(&of_left), of(&of_now));
        if same(was.as_ref(), left_as.as_ref()) {
            continue;
        }
        let path = format!("{name}.{id}");
        if same(was.as_ref(), is.as_ref()) {
            restoration.already.push(path);
        } else if !same(left_as.as_ref(), is.as_ref()) {
            let shown = |record: Option<Record>| record.map_or(Value::Null, |it| it.shown());
            let (before, left, now) = (shown(was), shown(left_as), shown(is));
            restoration.kept.push(Kept { field: path, before, left, now });
        } else if let Some(was) = was {
            let (key, element) = if is.is_some() {
                (id.to_string(), was.shown())
            } else if now.iter().any(|other| other.says_the_same_as(&was)) {
                restoration.already.push(path);
                continue;
            } else {
                (format!("n{}", elements.len()), was.shown())
            };
            if is.is_none() && !restoration.notes.iter().any(|note| note == NEW_ID) {
                restoration.notes.push(NEW_ID.to_owned());
            }
            elements.insert(key, element);
        } else {
            elements.insert(id.to_string(), json!({"value": ""}));
        }
    }
    if !elements.is_empty() {
        restoration.fields.insert(name.to_owned(), elements.into());
    }
}

fn same(one: Option<&Record>, other: Option<&Record>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.says_the_same_as(other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// The records before the change with as much of the change as the item shows now, where its outcome
/// is not known.
fn what_stands(asked: Option<&Value>, before: &[Record], now: &[Record]) -> Vec<Record> {
    let mut left = before.to_vec();
    let (of_before, of_now) = (by_id(before), by_id(now));
    for (key, element) in asked.and_then(Value::as_object).into_iter().flatten() {
        let text = |part: &str| element.get(part).and_then(Value::as_str).unwrap_or_default();
        let asked = Record {
            id: key.parse().unwrap_or_default(),
            type_id: text("typeId").to_owned(),
            value_type: text("valueType").to_owned(),
            value: text("value").to_owned(),
        };
        if asked.id == 0 {
            let is_new = |record: &&Record| {
                !of_before.contains_key(&record.id) && record.says_the_same_as(&asked)
            };
            let new = now.iter().filter(is_new).find(|new| !left.contains(new));
            left.extend(new.cloned());
        } else if asked.value.is_empty() && !of_now.contains_key(&asked.id) {
            left.retain(|record| record.id != asked.id);
        } else if of_now.get(&asked.id).is_some_and(|now| now.says_the_same_as(&asked)) {
            left.iter_mut().filter(|it| it.id == asked.id).for_each(|it| *it = asked.clone());
        }
    }
    left
}
