//! Days in answers: `YYYY-MM-DD`, in the place of the moment that portals answer (docs/bitrix24.md,
//! "Dates and times"). Which custom fields hold days is said by the portal's list of fields, which
//! is asked for only when an item holds what may be one.

use std::sync::Arc;

use serde_json::Value;

use super::context::Context;
use crate::{
    crm::{EntityType, Item, Kind, Naming, catalog, dates, field_list::FieldList, names},
    metadata::Fields,
};

/// What tells days from moments in the items of an entity type.
pub(super) struct Days {
    entity: EntityType,
    naming: Naming,
    list: Option<Arc<FieldList>>,
}

impl Days {
    /// Asks for the list of fields if one of the values may be a custom field's day. Where it
    /// cannot be had, such values stay as they are.
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

    /// An item with its days.
    pub(super) fn in_item(&self, item: Item) -> Item {
        item.map(|name, value| self.shown(name, value))
    }
}
