//! What differs between two states of an item, and who asked for it.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;

use crate::{
    change::asked::{Asked, Want},
    crm::{
        Item, Kind, Shape, catalog,
        multifield::{self, Operation, Record},
    },
};

/// A field that differs between before and after.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The field, or one record of it: `fm.12`.
    pub field: String,
    /// Its value before.
    pub before: Value,
    /// Its value after.
    pub after: Value,
    /// `false` marks what automation, or someone else meanwhile, changed.
    #[serde(skip_serializing_if = "is_true")]
    pub asked_for: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_true(truth: &bool) -> bool {
    *truth
}

/// What a plan would change.
pub(super) fn planned(item: &Item, asked: &[Asked]) -> Vec<Change> {
    let differing = asked.iter().filter(|asked| !asked.is_applied(Some(item), item));
    differing
        .flat_map(|asked| match &asked.want {
            Want::Records(operations) => {
                let now = multifield::records(item.get(&asked.name));
                let now = multifield::by_id(&now);
                operations
                    .iter()
                    .map(|operation| {
                        let old = match operation {
                            Operation::Add { .. } => None,
                            Operation::Change(record) | Operation::Remove(record) => {
                                now.get(&record.id).copied()
                            }
                        };
                        Change {
                            field: format!("{}.{}", asked.name, operation.key()),
                            before: old.map_or(Value::Null, Record::shown),
                            after: operation.shown(),
                            asked_for: true,
                        }
                    })
                    .collect()
            }
            _ => vec![Change {
                field: asked.name.clone(),
                before: asked.answered(item),
                after: asked.shown(),
                asked_for: true,
            }],
        })
        .collect()
}

/// Every field that differs, the requested ones first, without noise. Only fields that both states
/// show are compared.
pub(super) fn made(before: &Item, after: &Item, asked: &[Asked]) -> Vec<Change> {
    let of_asked = asked.iter().flat_map(|asked| {
        let Some((old, new)) = before.get(&asked.name).zip(after.get(&asked.name)) else {
            return Vec::new();
        };
        difference(&asked.name, asked.shape, old, new, Some(asked))
    });
    let of_others = after.fields().flat_map(|(name, new)| {
        let row = catalog::named(name);
        let is_left_out = row.is_some_and(|row| row.is_bookkeeping)
            || asked.iter().any(|asked| asked.name == name);
        let Some(old) = before.get(name).filter(|_| !is_left_out) else {
            return Vec::new();
        };
        let shape = Shape::one(row.map_or(Kind::Any, |row| row.kind));
        difference(name, shape, old, new, None)
    });
    of_asked.chain(of_others).collect()
}

fn difference(
    name: &str,
    shape: Shape,
    old: &Value,
    new: &Value,
    asked: Option<&Asked>,
) -> Vec<Change> {
    if shape.kind == Kind::Multifield {
        return of_records(name, old, new, asked);
    }
    // Empty is empty, however it is written; otherwise both directions have to agree, because an
    // unknown value's equality depends on the requested one.
    let is_same = shape.same(old, new) || (shape.is_empty(old) && shape.is_empty(new));
    if is_same {
        return Vec::new();
    }
    vec![Change {
        field: name.to_owned(),
        before: shape.kind.answered(old),
        after: shape.kind.answered(new),
        asked_for: asked.is_some(),
    }]
}

/// Records that were added, changed or removed, each with its id.
fn of_records(name: &str, old: &Value, new: &Value, asked: Option<&Asked>) -> Vec<Change> {
    let (old, new) = (multifield::records(Some(old)), multifield::records(Some(new)));
    let operations = match asked.map(|asked| &asked.want) {
        Some(Want::Records(operations)) => operations.as_slice(),
        _ => &[],
    };
    let mut asked_ids = HashSet::new();
    let mut asked_additions = HashSet::new();
    for operation in operations {
        match operation {
            Operation::Add { record, .. } => {
                asked_additions.insert((record.type_id.as_str(), record.value.as_str()));
            }
            Operation::Change(record) | Operation::Remove(record) => {
                asked_ids.insert(record.id);
            }
        }
    }
    let change = |id: i64, before: Option<&Record>, after: Option<&Record>| {
        let is_asked_addition = before.is_none()
            && after.is_some_and(|it| asked_additions.contains(&(&*it.type_id, &*it.value)));
        let asked_for = is_asked_addition || asked_ids.contains(&id);
        Change {
            field: format!("{name}.{id}"),
            before: before.map_or(Value::Null, Record::shown),
            after: after.map_or(Value::Null, Record::shown),
            asked_for,
        }
    };
    let (in_old, in_new) = (multifield::by_id(&old), multifield::by_id(&new));
    let kept_or_gone = old.iter().filter(|it| in_new.get(&it.id) != Some(it));
    let added = new.iter().filter(|it| !in_old.contains_key(&it.id));
    kept_or_gone
        .map(|it| change(it.id, Some(it), in_new.get(&it.id).copied()))
        .chain(added.map(|it| change(it.id, None, Some(it))))
        .collect()
}
