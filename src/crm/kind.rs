//! What a kind of field value is: its JSON Schema, its wire form, when two values are the same,
//! what counts as a rewrite by the portal, and what empty means. The only place that knows.
//!
//! The rules are the portal's own (docs/bitrix24.md, "Values" and "Linked items"). Which field is
//! of which kind is said by the catalogue and by the portal's field list, not here.

mod encode;
mod name;
mod rewrite;
mod same;

use std::fmt::Display;

use serde_json::{Map, Value, json};

pub use super::wrong::shown;
use super::{EntityType, Wrong, dates};

/// The kinds of values that fields hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One line or paragraph of plain text.
    Text,
    /// Text that the portal stores as BB code; HTML is converted.
    Markup,
    /// `"Y"` or `"N"`.
    YesNo,
    /// A whole number.
    Integer,
    /// A whole number that the portal clamps to 0…100.
    Percent,
    /// A number with a fraction.
    Number,
    /// An amount of money in the item's currency; 0 and empty are the same to the portal.
    Amount,
    /// A code from a directory (`crm.status.list`).
    Status,
    /// The code of a stage.
    Stage,
    /// The id of a pipeline.
    Category,
    /// An ISO currency code.
    Currency,
    /// The id of a user.
    User,
    /// A set of user ids.
    Users,
    /// The id of a linked item; 0 unlinks.
    Link,
    /// Ids of linked items: a set, except that the first one is the primary one.
    Links,
    /// A list of whole numbers.
    Integers,
    /// A calendar day.
    Date,
    /// A moment.
    DateTime,
    /// A contact's photo or a company's logo.
    Picture,
    /// Phones, e-mails, sites and messengers.
    Multifield,
    /// The id of an option of a custom list field.
    Choice,
    /// An amount with its currency in a custom field: `300|USD`.
    Money,
    /// A linked item in a custom field: `D_1`, `CO_3`, `T80_6`.
    CrmLink,
    /// A file in a custom field.
    File,
    /// A value whose kind is not known; it is passed on as it is.
    Any,
}

/// The note on a single value that was given for a list.
pub const READ_AS_LIST: &str = "was one value and was read as a list of one";

/// Longer lists are neither sent nor compared.
pub const MAX_VALUES: usize = 50_000;

/// Why a list cannot be sent, to be read after the field's name.
pub fn too_many(count: usize) -> String {
    format!("has {count} values; a list may have up to {MAX_VALUES}")
}

/// A value in wire form, with a remark when it is not the one that was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// What is sent.
    pub wire: Value,
    /// What was repaired, to be read after the field's name.
    pub note: Option<String>,
}

impl Encoded {
    fn exact(wire: impl Into<Value>) -> Self {
        Self { wire: wire.into(), note: None }
    }

    fn repaired(wire: impl Into<Value>, note: impl Into<String>) -> Self {
        Self { wire: wire.into(), note: Some(note.into()) }
    }
}

impl Kind {
    /// The kind's schema in the subset that every MCP client accepts: one scalar `type`, no union.
    pub fn schema(self) -> Map<String, Value> {
        let schema = match self {
            Self::Text
            | Self::Markup
            | Self::Status
            | Self::Stage
            | Self::Currency
            | Self::Date
            | Self::DateTime
            | Self::Money
            | Self::CrmLink
            | Self::Any => json!({"type": "string"}),
            Self::YesNo => json!({"type": "string", "enum": ["Y", "N"]}),
            Self::Integer
            | Self::Percent
            | Self::Category
            | Self::User
            | Self::Link
            | Self::Choice => json!({"type": "integer"}),
            Self::Number | Self::Amount => json!({"type": "number"}),
            Self::Users | Self::Links | Self::Integers => {
                json!({"type": "array", "items": {"type": "integer"}})
            }
            Self::Picture | Self::Multifield | Self::File => {
                json!({"type": "object", "additionalProperties": true})
            }
        };
        match schema {
            Value::Object(schema) => schema,
            _ => Map::new(),
        }
    }

    /// The kind in a word, for people and assistants.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text | Self::Markup => "text",
            Self::YesNo => "yes or no",
            Self::Integer => "whole number",
            Self::Percent => "percent",
            Self::Number => "number",
            Self::Amount => "amount",
            Self::Status => "code",
            Self::Stage => "stage",
            Self::Category => "pipeline",
            Self::Currency => "currency",
            Self::User => "user",
            Self::Users => "users",
            Self::Link => "id of an item",
            Self::Links => "ids of items",
            Self::Integers => "whole numbers",
            Self::Date => "day",
            Self::DateTime => "moment",
            Self::Picture => "picture",
            Self::Multifield => "phones and e-mails",
            Self::Choice => "option",
            Self::Money => "money",
            Self::CrmLink => "linked item",
            Self::File => "file",
            Self::Any => "value",
        }
    }

    /// How a value of the kind is written, where its word does not say it: `80000|USD`. A link in a
    /// custom field is written by the entity types that it may lead to.
    pub fn written(self, linked: &[EntityType]) -> Option<String> {
        let written = match self {
            Self::Text | Self::Integer | Self::Number | Self::Any => return None,
            Self::Markup => "text; HTML becomes BB code",
            Self::YesNo => "Y or N",
            Self::Percent => "0 to 100",
            Self::Amount => "number",
            Self::Status => "code from the directory",
            Self::Stage => "code of a stage",
            Self::Category => "id of a pipeline",
            Self::Currency => "ISO code",
            Self::User => "id of a user",
            Self::Users => "list of user ids; replaces the old one",
            Self::Link => "id of an item; 0 unlinks",
            Self::Links => "list of ids, the main one first; replaces the old one",
            Self::Integers => "list of whole numbers",
            Self::Date => "YYYY-MM-DD",
            Self::DateTime => "YYYY-MM-DDThh:mm:ss+hh:mm",
            Self::Picture | Self::File => {
                "[\"name.pdf\",\"<base64>\"] or {\"path\":\"/folder/name.pdf\"}"
            }
            Self::Multifield => {
                "{\"n0\":{\"typeId\":\"PHONE\",\"valueType\":\"WORK\",\"value\":\"+1…\"}}; the id of a \
                 record for n0 changes it, value \"\" deletes it"
            }
            Self::Choice => "id or text of an option",
            Self::Money => "80000|USD",
            Self::CrmLink => match linked {
                [] => return self.written(&[2, 3, 4, 128].map(EntityType::new)),
                // Where only one type is allowed, the portal keeps the id alone.
                [only] => return Some(format!("<{only} id>")),
                several => {
                    let written = several.iter().map(|it| format!("{}_<{it} id>", it.short_code()));
                    return Some(written.collect::<Vec<_>>().join(", "));
                }
            },
        };
        Some(written.to_owned())
    }

    /// Whether values are ids of people or of other items.
    pub const fn holds_ids_of_others(self) -> bool {
        matches!(self, Self::User | Self::Users | Self::Link | Self::Links)
    }

    /// Whether a standard field of it holds a list of ids.
    pub const fn is_list_of_ids(self) -> bool {
        matches!(self, Self::Users | Self::Links | Self::Integers)
    }

    /// Whether values are ids, which may be written as text.
    pub const fn holds_ids(self) -> bool {
        self.holds_ids_of_others() || matches!(self, Self::Choice | Self::Integers)
    }

    /// Whether the portal takes the value for no value.
    pub fn is_empty(self, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::String(text) => {
                let text = text.trim();
                text.is_empty()
                    || (self.zero_is_empty() && text == "0")
                    || (self == Self::Money && text.starts_with('|'))
            }
            Value::Array(values) => values.iter().all(|value| self.is_empty(value)),
            Value::Object(entries) => entries.is_empty(),
            Value::Number(number) => self.zero_is_empty() && number.as_f64() == Some(0.0),
            Value::Bool(_) => false,
        }
    }

    /// The value that empties a field of this kind: the portal stores an empty value as null before
    /// it looks at the type. Lists of users and links are emptied by an empty text, because portals
    /// have been seen to ignore an empty list; a link and a flag have forms of their own.
    pub fn cleared(self) -> Value {
        match self {
            Self::Integers => json!([]),
            Self::Link => json!(0),
            Self::YesNo => json!("N"),
            _ => json!(""),
        }
    }

    /// Turns a value into its wire form, or says why it cannot be one.
    ///
    /// # Errors
    ///
    /// What the value must be, to be read after the field's name.
    pub fn encode(self, value: &Value) -> Result<Encoded, Wrong> {
        encode::encode(self, value)
    }

    /// Whether a field that holds `now` already has the requested value.
    pub fn same(self, asked: &Value, now: &Value) -> bool {
        same::same(self, asked, now)
    }

    /// Whether `now` is the portal's own way to store `asked`: to be noted, not to be reported.
    pub fn is_rewritten(self, asked: &Value, now: &Value) -> bool {
        rewrite::is_rewritten(self, asked, now)
    }

    /// Whether several values of the kind are a set: their order and repetitions do not matter.
    pub const fn is_of_sets(self) -> bool {
        matches!(
            self,
            Self::Choice | Self::CrmLink | Self::User | Self::Link | Self::Status | Self::File
        )
    }

    /// What identifies a value among others of its kind.
    pub fn key(self, value: &Value) -> String {
        same::key(self, value)
    }

    /// A value as answers show it: a day without the clock that portals put behind it.
    pub fn answered(self, value: &Value) -> Value {
        match value {
            Value::Array(values) if self == Self::Date => {
                values.iter().map(|value| self.answered(value)).collect()
            }
            Value::String(text) if self == Self::Date => match dates::portal_day(text.trim()) {
                Some(day) => day.to_string().into(),
                None => value.clone(),
            },
            _ => value.clone(),
        }
    }

    const fn zero_is_empty(self) -> bool {
        matches!(
            self,
            Self::Amount
                | Self::User
                | Self::Users
                | Self::Link
                | Self::Links
                | Self::Choice
                | Self::Picture
        )
    }
}

/// The ids in a list, or the one id that is no list.
pub fn ids(value: &Value) -> Vec<i64> {
    match value {
        Value::Array(values) => values.iter().filter_map(id).collect(),
        one => id(one).into_iter().collect(),
    }
}

fn id(value: &Value) -> Option<i64> {
    whole_number(value).filter(|id| *id > 0)
}

/// A whole number, also as text.
pub fn whole_number(value: &Value) -> Option<i64> {
    encode::whole(value, i64::MIN..=i64::MAX)?.wire.as_i64()
}

/// The problem of a value with several readings, to be read after its name.
pub fn can_be_read_as(readings: impl IntoIterator<Item = impl Display>) -> String {
    let readings: Vec<String> = readings.into_iter().map(|it| format!("`{it}`")).collect();
    format!("can be read as {}; send the one that is meant", readings.join(" or as "))
}

/// Yes or no, in any of the forms that assistants and portals write.
pub fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => match number.as_f64() {
            Some(1.0) => Some(true),
            Some(0.0) => Some(false),
            _ => None,
        },
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "y" | "yes" | "true" | "1" => Some(true),
            "n" | "no" | "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
