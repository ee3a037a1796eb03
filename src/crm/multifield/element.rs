//! One element of `fm` as it was typed, checked as far as that can be done without the item's
//! records.

use serde_json::{Map, Value};

use super::{Operation, Record};
use crate::crm::{Wrong, kind, names};

/// The longest value that the portal takes.
const MAX_VALUE: usize = 250;

const EXAMPLE: &str =
    "`{\"n0\":{\"typeId\":\"PHONE\",\"valueType\":\"WORK\",\"value\":\"+12025550100\"}}`";

/// The types of records and the value types of each; an empty list allows any.
const TYPES: [(&str, &[&str]); 5] = [
    ("PHONE", &["WORK", "MOBILE", "FAX", "HOME", "PAGER", "MAILING", "OTHER"]),
    ("EMAIL", &["WORK", "HOME", "MAILING", "OTHER"]),
    ("WEB", &["WORK", "HOME", "VK", "LIVEJOURNAL", "TWITTER", "FACEBOOK", "OTHER"]),
    (
        "IM",
        &[
            "TELEGRAM",
            "VK",
            "SKYPE",
            "VIBER",
            "BITRIX24",
            "OPENLINE",
            "IMOL",
            "ICQ",
            "MSN",
            "JABBER",
            "FACEBOOK",
            "INSTAGRAM",
            "OTHER",
        ],
    ),
    ("LINK", &[]),
];

/// Which record an element is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// A new one.
    New,
    /// The record with that id.
    Existing(i64),
}

/// An element that is well formed.
#[derive(Debug, Clone)]
pub(super) struct Element {
    pub(super) key: Key,
    parts: Parts,
}

/// The parts of an element as they were given.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    pub(super) type_id: Option<String>,
    pub(super) value_type: Option<String>,
    pub(super) value: Option<String>,
    /// Whether a value was given and holds nothing.
    pub(super) is_emptied: bool,
}

/// The elements by key: an object as it is, a list as additions, a bare element as one of them.
pub(super) fn by_key(value: &Value) -> Result<Vec<(String, &Value)>, Wrong> {
    match value {
        Value::Object(elements) if elements.keys().any(|key| part_of(key).is_some()) => {
            Ok(vec![("n0".to_owned(), value)])
        }
        Value::Object(elements) => {
            Ok(elements.iter().map(|(key, element)| (key.trim().to_owned(), element)).collect())
        }
        Value::Array(elements) => Ok(elements
            .iter()
            .enumerate()
            .map(|(at, element)| {
                // The portal would add a record that is listed with its id once more.
                let id = element.get("id").or_else(|| element.get("ID"));
                let id = id.filter(|id| !id.is_null()).map(|id| id.to_string().replace('"', ""));
                (id.unwrap_or_else(|| format!("n{at}")), element)
            })
            .collect()),
        other => {
            Err(format!("must be an object as in {EXAMPLE}, not {}", kind::shown(other)).into())
        }
    }
}

impl Element {
    pub(super) fn read(key: &str, element: &Value) -> Result<Self, Wrong> {
        let Some(parts) = element.as_object() else {
            let shown = kind::shown(element);
            return Err(format!("must be an object as in {EXAMPLE}, not {shown}").into());
        };
        let parts = Parts::read(parts)?;
        let key = if let Ok(id) = key.parse() {
            Key::Existing(id)
        } else if key.strip_prefix('n').is_some_and(|number| number.parse::<u32>().is_ok()) {
            parts.check_addition()?;
            Key::New
        } else {
            return Err("must be `n0`, `n1`, … to add a record, or the id of a record".into());
        };
        Ok(Self { key, parts })
    }

    /// The record to add.
    pub(super) fn record(&self) -> Record {
        self.parts.record()
    }

    /// What is asked of an existing record.
    pub(super) fn of_existing(&self, record: &Record) -> Result<Operation, Wrong> {
        let Parts { type_id, value_type, value, is_emptied } = &self.parts;
        let other = |type_id: &&String| !type_id.eq_ignore_ascii_case(&record.type_id);
        if let Some(type_id) = type_id.as_ref().filter(other) {
            return Err(format!(
                "is a {}, and a record's type cannot be changed to {type_id}; delete it and add another",
                record.type_id
            )
            .into());
        }
        if *is_emptied {
            return Ok(Operation::Remove(record.clone()));
        }
        if value.is_none() && value_type.is_none() {
            return Err("needs a `value` to change the record, or an empty one to delete it".into());
        }
        let changed = Record {
            value_type: match value_type {
                Some(asked) if !asked.eq_ignore_ascii_case(&record.value_type) => asked.clone(),
                _ => record.value_type.clone(),
            },
            value: value.clone().unwrap_or_else(|| record.value.clone()),
            ..record.clone()
        };
        // A record may have a mark of its portal's own; it stays what it is.
        if changed.value_type != record.value_type {
            changed.check_mark()?;
        }
        if changed.value != record.value {
            changed.check_value()?;
        }
        Ok(Operation::Change(changed))
    }
}

impl Parts {
    pub(super) fn read(element: &Map<String, Value>) -> Result<Self, Wrong> {
        let mut parts = Self::default();
        for (name, value) in element {
            let text = match value {
                Value::String(text) => Some(text.trim().to_owned()),
                Value::Number(number) if !number.is_f64() => Some(number.to_string()),
                Value::Number(_) => {
                    return Err(format!(
                        "`{name}` must be text; put the number in quotes, so that each digit is kept"
                    )
                    .into());
                }
                Value::Null => None,
                other => {
                    return Err(format!("`{name}` must be text, not {}", kind::shown(other)).into());
                }
            };
            match part_of(name) {
                Some(Part::Type) => parts.type_id = text.map(|text| text.to_ascii_uppercase()),
                Some(Part::ValueType) => {
                    parts.value_type = text.map(|text| text.to_ascii_uppercase());
                }
                Some(Part::Value) => {
                    parts.is_emptied = text.as_deref().is_none_or(str::is_empty);
                    parts.value = text;
                }
                Some(Part::Id) => {}
                None => {
                    return Err(format!(
                        "has no property `{name}`; use `typeId`, `valueType` and `value` (an empty \
                         `value` deletes the record)"
                    )
                    .into());
                }
            }
        }
        Ok(parts)
    }

    fn check_addition(&self) -> Result<(), Wrong> {
        let types = TYPES.map(|(type_id, _)| type_id).join("`, `");
        let Some(type_id) = &self.type_id else {
            return Err(format!("needs a `typeId`: `{types}`").into());
        };
        if self.value.as_ref().is_none_or(String::is_empty) {
            return Err("needs a `value`".into());
        }
        if self.value_type.is_none() {
            let marks = marks_of(type_id)?.join("`, `");
            return Err(format!("needs a `valueType`: `{marks}`").into());
        }
        let record = self.record();
        record.check_mark()?;
        record.check_value()
    }

    fn record(&self) -> Record {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        Record {
            id: 0,
            type_id: text(&self.type_id),
            value_type: text(&self.value_type),
            value: text(&self.value),
        }
    }
}

impl Record {
    fn check_mark(&self) -> Result<(), Wrong> {
        let marks = marks_of(&self.type_id)?;
        if !marks.is_empty() && !marks.contains(&self.value_type.as_str()) {
            let marks = marks.join("`, `");
            return Err(
                format!("`valueType` of a {} must be one of `{marks}`", self.type_id).into()
            );
        }
        Ok(())
    }

    fn check_value(&self) -> Result<(), Wrong> {
        if self.value.chars().count() > MAX_VALUE {
            return Err(format!("`value` must have at most {MAX_VALUE} characters").into());
        }
        // No more strictly than a portal, which also takes `Anna <anna@example.com>`.
        let is_address = self.value.split_once('@').is_some_and(|(name, host)| {
            !name.trim().is_empty() && !host.trim_end_matches('>').trim().is_empty()
        });
        if self.type_id == "EMAIL" && !is_address {
            return Err("`value` must be an e-mail address such as `anna@example.com`".into());
        }
        Ok(())
    }
}

fn marks_of(type_id: &str) -> Result<&'static [&'static str], Wrong> {
    TYPES.iter().find(|(known, _)| *known == type_id).map(|(_, marks)| *marks).ok_or_else(|| {
        let types = TYPES.map(|(type_id, _)| type_id).join("`, `");
        format!("`typeId` must be one of `{types}`").into()
    })
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Id,
    Type,
    ValueType,
    Value,
}

fn part_of(name: &str) -> Option<Part> {
    match names::folded(name).as_str() {
        "id" => Some(Part::Id),
        "typeid" => Some(Part::Type),
        "valuetype" => Some(Part::ValueType),
        "value" => Some(Part::Value),
        _ => None,
    }
}
