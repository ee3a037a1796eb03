//! Days in answers: `YYYY-MM-DD` instead of the date and time that portals answer
//! (docs/bitrix24.md, "Dates and times"). The portal's list of fields tells which custom fields
//! hold days; it is fetched only when an item holds a value that may be one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::context::Context;
use crate::{
    change::Change,
    crm::{EntityType, Item, Kind, Naming, catalog, dates, field_list::FieldList, names},
    metadata::Fields,
};

/// Which fields of an entity type hold days and not times.
pub(super) struct Days {
    entity: EntityType,
    naming: Naming,
    list: Option<Arc<FieldList>>,
}

impl Days {
    /// Asks for the list of fields if one of the values may be a custom field's day. Where it
    /// cannot be read, such values stay as they are.
    pub(super) async fn of<'a>(
        context: Context<'_>,
        entity: EntityType,
        naming: Naming,
        mut values: impl Iterator<Item = (&'a str, &'a Value)>,
    ) -> Self {
        let may_be_day = |value: &Value| match value {
            Value::String(text) => dates::is_answer(text),
            Value::Array(values) => values.iter().filter_map(Value::as_str).any(dates::is_answer),
            _ => false,
        };
        let list = if values.any(|(name, value)| names::is_custom(name) && may_be_day(value)) {
            context.metadata.field_list(entity, &context.call.deadline).await.ok()
        } else {
            None
        };
        Self { entity, naming, list }
    }

    /// The same with the list of fields as far as it is known: nothing is asked.
    pub(super) fn known(context: Context<'_>, entity: EntityType, naming: Naming) -> Self {
        Self { entity, naming, list: context.metadata.known_field_list(entity) }
    }

    /// The value of a field as answers show it.
    pub(super) fn shown(&self, name: &str, value: Value) -> Value {
        let kind = match (catalog::named(name), self.list.as_deref()) {
            (Some(row), _) => row.kind,
            (None, Some(list)) => {
                let fields = Fields {
                    entity: self.entity,
                    naming: self.naming,
                    item: None,
                    list: Some(list),
                };
                fields.describe(name.to_owned()).shape.kind
            }
            (None, None) => return value,
        };
        if kind == Kind::Date { kind.answered(&value) } else { value }
    }

    /// A change as answers about several items, or about what is put back, show it.
    pub(super) fn change(&self, change: Change) -> Value {
        let Change { field, before, after, .. } = change;
        let (before, after) = (self.shown(&field, before), self.shown(&field, after));
        json!({"field": field, "before": before, "after": after})
    }

    /// An item with its days.
    pub(super) fn in_item(&self, item: Item) -> Item {
        item.map(|name, value| self.shown(name, value))
    }
}
