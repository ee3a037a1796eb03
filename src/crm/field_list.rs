//! A portal's own list of an entity type's fields, as `crm.item.fields` answers it.
//!
//! It knows custom fields and whatever this program's catalogue is too old for. Fetching and
//! keeping it is done elsewhere.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use super::{EntityType, Kind, Wrong, text};

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
    /// The portal's own name of the type of its values.
    pub portal_type: String,
    /// What its values are, as far as the portal's type tells.
    pub kind: Kind,
    /// Whether it holds several values.
    pub is_multiple: bool,
    /// Whether the portal drops it from an update: read-only or settable on creation only.
    pub is_locked: bool,
    /// Which directory holds its codes; of stages it is the first pipeline's.
    pub directory: Option<String>,
    /// Whether the portal requires it.
    pub is_required: bool,
    /// The options of a list: id and text.
    pub options: Vec<(i64, String)>,
    /// The entity types that a link may lead to, where the portal tells.
    pub linked_types: Vec<EntityType>,
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
            portal_type: text("type").to_owned(),
            kind: kind_of(text("type")),
            is_multiple: flag("isMultiple"),
            is_locked: flag("isReadOnly") || flag("isImmutable"),
            directory: Some(text("statusType").to_owned()).filter(|it| !it.is_empty()),
            is_required: flag("isRequired"),
            options: options(info.get("items")),
            linked_types: linked_types(info.get("settings")),
        }
    }

    /// Turns a list's value into option ids: an id that the list has, or the text of exactly one
    /// option. A text that is also another option's id is ambiguous.
    ///
    /// # Errors
    ///
    /// What the value must be, to be read after the field's name.
    pub fn choose(&self, value: &Value) -> Result<(Value, Option<String>), Wrong> {
        let chooser = Chooser::new(&self.options);
        let mut notes = Vec::new();
        let chosen = match value {
            Value::Array(values) if self.is_multiple => {
                let chosen = values.iter().map(|value| chooser.choose(value, &mut notes));
                Value::Array(chosen.collect::<Result<_, _>>()?)
            }
            one => chooser.choose(one, &mut notes)?,
        };
        Ok((chosen, (!notes.is_empty()).then(|| notes.join(", "))))
    }
}

/// Finds options by id and by text.
struct Chooser<'a> {
    options: &'a [(i64, String)],
    ids: HashSet<i64>,
    by_text: HashMap<String, Vec<i64>>,
}

impl<'a> Chooser<'a> {
    fn new(options: &'a [(i64, String)]) -> Self {
        let mut by_text: HashMap<String, Vec<i64>> = HashMap::new();
        for (id, text) in options {
            by_text.entry(text::folded(text)).or_default().push(*id);
        }
        Self { options, ids: options.iter().map(|(id, _)| *id).collect(), by_text }
    }

    fn choose(&self, value: &Value, notes: &mut Vec<String>) -> Result<Value, Wrong> {
        /// The most notes on one list.
        const MAX_NOTES: usize = 5;
        if self.options.is_empty() || Kind::Choice.is_empty(value) {
            return Ok(value.clone());
        }
        let typed = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let named = self.by_text.get(&text::folded(&typed)).map_or(&[][..], Vec::as_slice);
        let id = super::kind::whole_number(value).filter(|id| self.ids.contains(id));
        match (id, named) {
            // A JSON number is an id; a text may be either.
            (Some(id), named) if value.is_string() && named.iter().any(|it| *it != id) => {
                let others: Vec<String> = named.iter().map(ToString::to_string).collect();
                Err(format!(
                    "is ambiguous: {} is one option's id and the text of option {}; send the id \
                     that is meant as a number",
                    super::kind::shown(value),
                    others.join(", ")
                )
                .into())
            }
            (Some(id), _) => Ok(id.into()),
            (None, [id]) => {
                let note = format!("{} was read as option {id}", super::kind::shown(value));
                if notes.len() < MAX_NOTES && !notes.contains(&note) {
                    notes.push(note);
                }
                Ok((*id).into())
            }
            _ => {
                let typed = super::kind::shown(value);
                let message = format!("must be one of the list's `options`, not {typed}");
                Err(Wrong::from(message).among(self.options))
            }
        }
    }
}

fn options(items: Option<&Value>) -> Vec<(i64, String)> {
    let items = items.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| {
            let id = match item.get("ID")? {
                Value::String(text) => text.parse().ok()?,
                number => number.as_i64()?,
            };
            Some((id, item.get("VALUE")?.as_str()?.to_owned()))
        })
        .collect()
}

/// The entity types that the settings of a link allow: `{"LEAD": "N", "CONTACT": "Y"}`.
fn linked_types(settings: Option<&Value>) -> Vec<EntityType> {
    let settings = settings.and_then(Value::as_object).into_iter().flatten();
    let allowed = settings.filter(|(_, flag)| super::kind::truth(flag) == Some(true));
    allowed.filter_map(|(code, _)| EntityType::of_code(code)).collect()
}

/// The kind of a field by the portal's name of its type; types without own rules are `Any`.
fn kind_of(portal_type: &str) -> Kind {
    match portal_type {
        "string" | "text" | "url" => Kind::Text,
        "enumeration" => Kind::Choice,
        "money" => Kind::Money,
        "crm" => Kind::CrmLink,
        "file" => Kind::File,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_are_chosen_by_id_or_by_a_text_that_is_no_other_id() {
        let options = json!([
            {"ID": "44", "VALUE": "Partner"}, {"ID": "45", "VALUE": "12"},
            {"ID": "12", "VALUE": "Other"}, {"ID": "46", "VALUE": "2026"},
            {"ID": "47", "VALUE": "Twice"}, {"ID": "48", "VALUE": "twice "},
            {"ID": "49", "VALUE": "49"},
        ]);
        let info = json!({"type": "enumeration", "items": options});
        let field = PortalField::read("ufCrm_1", info.as_object().unwrap());
        let cases = [
            (json!(44), Some(json!(44))),
            (json!("44"), Some(json!(44))),
            (json!("partner"), Some(json!(44))),
            (json!(12), Some(json!(12))),
            (json!(2026), Some(json!(46))),
            (json!("2026"), Some(json!(46))),
            (json!("49"), Some(json!(49))),
            (json!(""), Some(json!(""))),
            (json!("12"), None),
            (json!("Twice"), None),
            (json!("Nobody"), None),
            (json!(99), None),
        ];
        for (typed, chosen) in cases {
            assert_eq!(field.choose(&typed).ok().map(|(chosen, _)| chosen), chosen, "{typed}");
        }
    }
}
