//! A portal's own list of an entity type's fields, as `crm.item.fields` answers it.
//!
//! It knows custom fields and whatever this program's catalogue is too old for. Fetching and
//! keeping it is done elsewhere.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Kind;

/// The fields of one entity type on one portal, by their camelCase names.
#[derive(Debug, Clone, Default)]
pub struct FieldList {
    fields: BTreeMap<String, PortalField>,
}

/// One field as the portal describes it.
#[derive(Debug, Clone)]
pub struct PortalField {
    /// The `UPPER_SNAKE` name.
    pub upper_name: String,
    /// The name that people see, in the portal's language.
    pub title: String,
    /// What its values are, as far as the portal's type tells.
    pub kind: Kind,
    /// Whether it holds several values.
    pub is_multiple: bool,
    /// Whether the portal drops it from an update: read-only or settable on creation only.
    pub is_locked: bool,
}

impl FieldList {
    /// Reads the `result` of `crm.item.fields`; `None` when it is not one.
    pub fn read(result: &Value) -> Option<Self> {
        let fields = result.get("fields")?.as_object()?;
        let fields = fields
            .iter()
            .filter_map(|(name, info)| {
                Some((name.clone(), PortalField::read(name, info.as_object()?)))
            })
            .collect();
        Some(Self { fields })
    }

    /// The field with that camelCase name.
    pub fn get(&self, camel: &str) -> Option<&PortalField> {
        self.fields.get(camel)
    }

    /// All fields, by camelCase name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PortalField)> {
        self.fields.iter().map(|(name, field)| (name.as_str(), field))
    }
}

impl PortalField {
    fn read(name: &str, info: &Map<String, Value>) -> Self {
        let text = |key: &str| info.get(key).and_then(Value::as_str).unwrap_or_default();
        let flag = |key: &str| info.get(key).and_then(super::kind::truth).unwrap_or(false);
        let upper_name = match text("upperName") {
            "" => super::names::to_upper(name),
            upper => upper.to_owned(),
        };
        Self {
            upper_name,
            title: text("title").to_owned(),
            kind: kind_of(text("type")),
            is_multiple: flag("isMultiple"),
            is_locked: flag("isReadOnly") || flag("isImmutable"),
        }
    }
}

/// The kind of a field by the portal's name of its type; types that need no care are `Any`.
fn kind_of(portal_type: &str) -> Kind {
    match portal_type {
        "string" | "text" | "url" => Kind::Text,
        "integer" => Kind::Integer,
        "double" => Kind::Number,
        "boolean" => Kind::YesNo,
        "date" => Kind::Date,
        "datetime" => Kind::DateTime,
        "user" | "employee" => Kind::User,
        "crm_status" => Kind::Status,
        "crm_currency" => Kind::Currency,
        "crm_category" => Kind::Category,
        _ => Kind::Any,
    }
}
