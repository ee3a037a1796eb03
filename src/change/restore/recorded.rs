//! A recorded change, item by item: what was asked for, what the fields held before, and what they held
//! afterwards. A change of many items is recorded in parts, and an item may be in several of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::{
    crm::{EntityType, Item, Kind, Shape, catalog},
    journal,
};

/// A recorded change.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its id.
    pub change: journal::ChangeId,
    /// The entity type of its items.
    pub entity: EntityType,
    pub(in crate::change) items: BTreeMap<u64, RecordedItem>,
}

/// What is recorded of one item.
#[derive(Debug, Clone, Default)]
pub(in crate::change) struct RecordedItem {
    pub(super) fields: Vec<RecordedField>,
    /// What the portal changed by itself.
    pub(in crate::change) consequences: Vec<Consequence>,
}

/// One field that the change was asked to write.
#[derive(Debug, Clone)]
pub(super) struct RecordedField {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// What it held before, where the item showed it.
    pub(super) before: Option<Value>,
    /// What was asked for.
    pub(super) asked: Option<Value>,
    /// What the portal answered afterwards; nothing when the outcome is not known.
    pub(super) left: Option<Value>,
}

/// A field that the portal changed by itself together with the change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Consequence {
    /// The field, or one record of it.
    pub field: String,
    /// What it held before the change.
    pub before: Value,
    /// What it held afterwards, or holds now.
    #[serde(rename = "now")]
    pub after: Value,
}

impl Recorded {
    /// Reads a change; `None` when it holds nothing that can be read, or names alone.
    pub(in crate::change) fn of(change: &journal::Change) -> Option<Self> {
        let entity = change.parts.first()?.begin.entity;
        let mut items: BTreeMap<u64, RecordedItem> = BTreeMap::new();
        for part in &change.parts {
            if !part.has_values {
                return None;
            }
            for id in &part.begin.ids {
                items.entry(*id).or_default().add(part, *id);
            }
        }
        Some(Self { change: change.id.clone(), entity, items })
    }

    /// The ids of its items, in ascending order.
    pub fn ids(&self) -> impl Iterator<Item = u64> {
        self.items.keys().copied()
    }

    /// Its item, where it has just one.
    pub(in crate::change) fn only(&self) -> Option<(u64, &RecordedItem)> {
        let (id, item) = self.items.first_key_value()?;
        (self.items.len() == 1).then_some((*id, item))
    }

    /// The fields of all its items, each once.
    pub(in crate::change) fn field_names(&self) -> BTreeSet<&str> {
        let fields = self.items.values().flat_map(|item| &item.fields);
        fields.map(|field| field.name.as_str()).collect()
    }

    /// Whether one of its fields holds phones and e-mails.
    pub(in crate::change) fn has_records(&self) -> bool {
        let mut fields = self.items.values().flat_map(|item| &item.fields);
        fields.any(|field| field.shape.kind == Kind::Multifield)
    }
}

impl RecordedItem {
    /// Adds what a part tells of the item: the first one knows the values before, the last one those
    /// afterwards.
    fn add(&mut self, part: &journal::Part, id: u64) {
        if part.end.as_ref().is_some_and(|end| end.has_not_written(id)) {
            return;
        }
        let of_item = |values: &journal::ByItem, field: &str| values.get(&id)?.get(field).cloned();
        let request = part.begin.request.get(&id).into_iter().flatten();
        for (name, asked) in request {
            let before = of_item(&part.begin.before, name);
            let left = part.end.as_ref().and_then(|end| of_item(&end.after, name));
            if let Some(field) = self.fields.iter_mut().find(|field| field.name == *name) {
                field.asked = Some(asked.clone());
                field.left = left;
                continue;
            }
            let kind = part.begin.kinds.get(name).copied().unwrap_or(Kind::Any);
            let shape = shape(kind, [before.as_ref(), left.as_ref(), Some(asked)]);
            let (name, asked) = (name.clone(), Some(asked.clone()));
            self.fields.push(RecordedField { name, shape, before, asked, left });
        }
        let Some(end) = &part.end else { return };
        for (field, before) in end.consequences.get(&id).into_iter().flatten() {
            let after = of_item(&end.after, field).unwrap_or_default();
            if let Some(known) = self.consequences.iter_mut().find(|it| it.field == *field) {
                known.after = after;
                continue;
            }
            let (field, before) = (field.clone(), before.clone());
            self.consequences.push(Consequence { field, before, after });
        }
    }

    /// The stage that the portal chose for a pipeline: it comes back with that, or the portal would choose
    /// again.
    pub(super) fn stage_of_another_pipeline(&self) -> Option<RecordedField> {
        let is_asked = |kind: Kind| self.fields.iter().any(|field| field.shape.kind == kind);
        let is_stage = |it: &&Consequence| {
            catalog::named(&it.field).is_some_and(|row| row.kind == Kind::Stage)
        };
        let chosen = self.consequences.iter().find(is_stage)?;
        (is_asked(Kind::Category) && !is_asked(Kind::Stage)).then(|| RecordedField {
            name: chosen.field.clone(),
            shape: Shape::one(Kind::Stage),
            before: Some(chosen.before.clone()),
            asked: None,
            left: Some(chosen.after.clone()),
        })
    }

    /// What the portal changed by itself and what is still different from before.
    pub(in crate::change) fn still_changed(&self, now: &Item) -> Vec<Consequence> {
        let differs = |consequence: &&Consequence| {
            let Some(now) = now.get(&consequence.field) else { return false };
            let kind = catalog::named(&consequence.field).map_or(Kind::Any, |row| row.kind);
            let before = &consequence.before;
            let are_empty = kind.is_empty(before) && kind.is_empty(now);
            !are_empty && !kind.same(before, now)
        };
        let still = self.consequences.iter().filter(differs).cloned();
        still
            .map(|it| Consequence { after: now.get(&it.field).cloned().unwrap_or_default(), ..it })
            .collect()
    }
}

/// Whether a field holds several values is seen from them.
fn shape(kind: Kind, values: [Option<&Value>; 3]) -> Shape {
    let is_list = kind.is_list_of_ids() || kind == Kind::Multifield;
    let is_multiple = !is_list && values.into_iter().flatten().any(Value::is_array);
    Shape { kind, is_multiple }
}
