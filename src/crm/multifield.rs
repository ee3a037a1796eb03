//! Phones, e-mails, sites and messengers (`fm`): what a call may ask of the records, and whether it
//! was done.
//!
//! The portal adds, changes or deletes by the key of an element, adds a record for an id that it
//! does not have, skips elements that lack a type, and never notices a doubled phone (fact sheet
//! §2). So ids and types are checked here, and what already stands is not added again.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::{kind, names};

/// The longest value that the portal takes.
const MAX_VALUE: usize = 250;

/// No item has so many phones and e-mails.
const MAX_ELEMENTS: usize = 1_000;

const EXAMPLE: &str =
    "`{\"n0\":{\"typeId\":\"PHONE\",\"valueType\":\"WORK\",\"value\":\"+12025550100\"}}`";

/// The types of records and what each value may be marked as; an empty list leaves that open.
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

/// A record as the portal answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: i64,
    /// `PHONE`, `EMAIL`, …
    pub type_id: String,
    /// `WORK`, `MOBILE`, …
    pub value_type: String,
    /// The phone, the address.
    pub value: String,
}

/// What is asked of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Add a record under the key `n0`, `n1`, ….
    Add {
        /// The key.
        key: String,
        /// What to add; its id is not known yet.
        record: Record,
    },
    /// Give an existing record these values.
    Change(Record),
    /// Delete an existing record.
    Remove(Record),
}

/// Operations in wire-ready form.
#[derive(Debug, Default)]
pub struct Asked {
    /// What to do.
    pub operations: Vec<Operation>,
    /// What was repaired or left out.
    pub notes: Vec<String>,
}

/// Something wrong with one element: its key, if it has one, and what.
pub type Wrong = (Option<String>, String);

impl Record {
    /// The record without its id, as changes show it.
    pub fn shown(&self) -> Value {
        json!({"typeId": self.type_id, "valueType": self.value_type, "value": self.value})
    }
}

impl Operation {
    /// How changes and problems name it: the id of the record, or the key of an addition.
    pub fn key(&self) -> String {
        match self {
            Self::Add { key, .. } => key.clone(),
            Self::Change(record) | Self::Remove(record) => record.id.to_string(),
        }
    }

    /// What is asked, as answers show it.
    pub fn shown(&self) -> Value {
        match self {
            Self::Add { record, .. } | Self::Change(record) => record.shown(),
            Self::Remove(_) => Value::Null,
        }
    }
}

/// The records that an item holds.
pub fn records(now: Option<&Value>) -> Vec<Record> {
    let elements = now.and_then(Value::as_array).into_iter().flatten();
    elements
        .filter_map(|element| {
            let text = |key: &str| match element.get(key) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => String::new(),
            };
            Some(Record {
                id: text("id").parse().ok()?,
                type_id: text("typeId"),
                value_type: text("valueType"),
                value: text("value"),
            })
        })
        .collect()
}

/// Records by their ids.
pub fn by_id(records: &[Record]) -> HashMap<i64, &Record> {
    records.iter().map(|record| (record.id, record)).collect()
}

/// Reads the value of `fm` against the records that the item has now.
///
/// # Errors
///
/// Everything that is wrong, by element.
pub fn read(value: &Value, now: &[Record]) -> Result<Asked, Vec<Wrong>> {
    let mut reader = Reader {
        now,
        by_id: by_id(now),
        standing: now.iter().map(Record::owned_words).collect(),
        named: HashSet::new(),
        added: 0,
        asked: Asked::default(),
    };
    let mut wrong = Vec::new();
    let elements = elements(value).map_err(|message| vec![(None, message)])?;
    if elements.len() > MAX_ELEMENTS {
        let message =
            format!("names {} records; a call may name up to {MAX_ELEMENTS}", elements.len());
        return Err(vec![(None, message)]);
    }
    for (key, element) in elements {
        let Some(element) = element.as_object() else {
            let message =
                format!("must be an object as in {EXAMPLE}, not {}", kind::shown(element));
            wrong.push((Some(key), message));
            continue;
        };
        if let Err(message) = reader.element(&key, element) {
            wrong.push((Some(key), message));
        }
    }
    if wrong.is_empty() { Ok(reader.asked) } else { Err(wrong) }
}

/// The wire form: an object by keys.
pub fn wire(operations: &[Operation]) -> Value {
    let elements = operations.iter().map(|operation| {
        let element = match operation {
            Operation::Add { record, .. } | Operation::Change(record) => record.shown(),
            // Deleting is by empty value; the portal skips elements without a type.
            Operation::Remove(record) => json!({"typeId": record.type_id, "value": ""}),
        };
        (operation.key(), element)
    });
    Value::Object(elements.collect())
}

/// For each operation whether it stands in `after`, one new record counting for one addition.
pub fn standing(operations: &[Operation], before: &[Record], after: &[Record]) -> Vec<bool> {
    let old: HashSet<i64> = before.iter().map(|record| record.id).collect();
    let by_id = by_id(after);
    let mut new: HashMap<Words<'_>, usize> = HashMap::new();
    for record in after.iter().filter(|record| !old.contains(&record.id)) {
        *new.entry(record.words()).or_default() += 1;
    }
    operations
        .iter()
        .map(|operation| match operation {
            Operation::Add { record, .. } => match new.get_mut(&record.words()) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    true
                }
                _ => false,
            },
            Operation::Change(record) => {
                by_id.get(&record.id).is_some_and(|it| it.words() == record.words())
            }
            Operation::Remove(record) => !by_id.contains_key(&record.id),
        })
        .collect()
}

/// What a record says, word for word.
type Words<'a> = (&'a str, &'a str, &'a str);

impl Record {
    fn words(&self) -> Words<'_> {
        (&self.type_id, &self.value_type, self.value.trim())
    }

    fn owned_words(&self) -> (String, String, String) {
        let (type_id, value_type, value) = self.words();
        (type_id.to_owned(), value_type.to_owned(), value.to_owned())
    }
}

/// The elements by key: an object as it is, a list as additions, a bare element as one of them.
fn elements(value: &Value) -> Result<Vec<(String, &Value)>, String> {
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
        other => Err(format!("must be an object as in {EXAMPLE}, not {}", kind::shown(other))),
    }
}

/// Reads elements one after the other.
struct Reader<'a> {
    now: &'a [Record],
    by_id: HashMap<i64, &'a Record>,
    /// What stands or is going to be added.
    standing: HashSet<(String, String, String)>,
    /// The records that were named.
    named: HashSet<i64>,
    added: usize,
    asked: Asked,
}

impl Reader<'_> {
    fn element(&mut self, key: &str, element: &Map<String, Value>) -> Result<(), String> {
        let given = Given::read(element)?;
        if let Ok(id) = key.parse::<i64>() {
            let operation = self.of_existing(id, given)?;
            self.asked.operations.push(operation);
            return Ok(());
        }
        let is_new = key.strip_prefix('n').is_some_and(|number| number.parse::<u32>().is_ok());
        if !is_new {
            return Err("must be `n0`, `n1`, … to add a record, or the id of a record".to_owned());
        }
        let record = given.addition()?;
        if self.standing.insert(record.owned_words()) {
            let key = format!("n{}", self.added);
            self.added += 1;
            self.asked.operations.push(Operation::Add { key, record });
        } else {
            let shown = kind::shown(&json!(record.value));
            self.asked.notes.push(format!(
                "`fm`: the {} {shown} stands already and is not added again",
                record.type_id
            ));
        }
        Ok(())
    }

    fn of_existing(&mut self, id: i64, given: Given) -> Result<Operation, String> {
        let Some(record) = self.by_id.get(&id) else {
            const MAX: usize = 20;
            let ids: Vec<String> =
                self.now.iter().take(MAX).map(|record| record.id.to_string()).collect();
            let there = match self.now.len() {
                0 => "none".to_owned(),
                count if count > MAX => format!("{} and {} more", ids.join(", "), count - MAX),
                _ => ids.join(", "),
            };
            return Err(format!(
                "is no record of this item (there are: {there}); to add one, use the key `n0`"
            ));
        };
        if !self.named.insert(id) {
            return Err(format!("names record {id} a second time; send one value for it"));
        }
        given.of_existing(record)
    }
}

/// The parts of an element as they were given.
#[derive(Debug, Default)]
struct Given {
    type_id: Option<String>,
    value_type: Option<String>,
    value: Option<String>,
    /// Whether a value was given and holds nothing.
    is_emptied: bool,
}

impl Given {
    fn read(element: &Map<String, Value>) -> Result<Self, String> {
        let mut given = Self::default();
        for (name, value) in element {
            let text = match value {
                Value::String(text) => Some(text.trim().to_owned()),
                Value::Number(number) if !number.is_f64() => Some(number.to_string()),
                Value::Number(_) => {
                    return Err(format!(
                        "`{name}` must be text; put the number in quotes, so that each digit is kept"
                    ));
                }
                Value::Null => None,
                other => return Err(format!("`{name}` must be text, not {}", kind::shown(other))),
            };
            match part_of(name) {
                Some(Part::Type) => given.type_id = text.map(|text| text.to_ascii_uppercase()),
                Some(Part::ValueType) => {
                    given.value_type = text.map(|text| text.to_ascii_uppercase());
                }
                Some(Part::Value) => {
                    given.is_emptied = text.as_deref().is_none_or(str::is_empty);
                    given.value = text;
                }
                Some(Part::Id) => {}
                None => {
                    return Err(format!(
                        "has no part `{name}`; there are `typeId`, `valueType` and `value` (an empty \
                         `value` deletes the record)"
                    ));
                }
            }
        }
        Ok(given)
    }

    fn addition(self) -> Result<Record, String> {
        let types = TYPES.map(|(type_id, _)| type_id).join("`, `");
        let Some(type_id) = self.type_id else {
            return Err(format!("needs a `typeId`: `{types}`"));
        };
        let Some(value) = self.value.filter(|value| !value.is_empty()) else {
            return Err("needs a `value`".to_owned());
        };
        let Some(value_type) = self.value_type else {
            let marks = marks_of(&type_id)?.join("`, `");
            return Err(format!("needs a `valueType`: `{marks}`"));
        };
        let record = Record { id: 0, type_id, value_type, value };
        record.check_mark()?;
        record.check_value()?;
        Ok(record)
    }

    fn of_existing(self, record: &Record) -> Result<Operation, String> {
        let other = |type_id: &String| !type_id.eq_ignore_ascii_case(&record.type_id);
        if let Some(type_id) = self.type_id.filter(other) {
            return Err(format!(
                "is a {}, and a record's type cannot be changed to {type_id}; delete it and add another",
                record.type_id
            ));
        }
        if self.is_emptied {
            return Ok(Operation::Remove(record.clone()));
        }
        if self.value.is_none() && self.value_type.is_none() {
            return Err(
                "needs a `value` to change the record, or an empty one to delete it".to_owned()
            );
        }
        let changed = Record {
            value_type: match self.value_type {
                Some(asked) if !asked.eq_ignore_ascii_case(&record.value_type) => asked,
                _ => record.value_type.clone(),
            },
            value: self.value.unwrap_or_else(|| record.value.clone()),
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

impl Record {
    fn check_mark(&self) -> Result<(), String> {
        let marks = marks_of(&self.type_id)?;
        if !marks.is_empty() && !marks.contains(&self.value_type.as_str()) {
            let marks = marks.join("`, `");
            return Err(format!("`valueType` of a {} must be one of `{marks}`", self.type_id));
        }
        Ok(())
    }

    fn check_value(&self) -> Result<(), String> {
        if self.value.chars().count() > MAX_VALUE {
            return Err(format!("`value` must have at most {MAX_VALUE} characters"));
        }
        // No more strictly than a portal, which also takes `Anna <anna@example.com>`.
        let is_address = self.value.split_once('@').is_some_and(|(name, host)| {
            !name.trim().is_empty() && !host.trim_end_matches('>').trim().is_empty()
        });
        if self.type_id == "EMAIL" && !is_address {
            return Err("`value` must be an e-mail address such as `anna@example.com`".to_owned());
        }
        Ok(())
    }
}

fn marks_of(type_id: &str) -> Result<&'static [&'static str], String> {
    TYPES.iter().find(|(known, _)| *known == type_id).map(|(_, marks)| *marks).ok_or_else(|| {
        let types = TYPES.map(|(type_id, _)| type_id).join("`, `");
        format!("`typeId` must be one of `{types}`")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Vec<Record> {
        records(Some(&json!([
            {"id": 12, "typeId": "PHONE", "valueType": "WORK", "value": "+1"},
            {"id": "13", "typeId": "EMAIL", "valueType": "HOME", "value": "a@b.example"},
        ])))
    }

    #[test]
    fn the_documented_forms_and_natural_ones_become_operations() {
        let phone = json!({"typeId": "PHONE", "valueType": "WORK", "value": "+2"});
        let cases = [
            (json!({"n0": phone}), json!({"n0": phone})),
            (json!([phone]), json!({"n0": phone})),
            (phone.clone(), json!({"n0": phone})),
            (
                json!({"n7": {"TYPE_ID": "phone", "VALUE_TYPE": "work", "VALUE": "+2"}}),
                json!({"n0": phone}),
            ),
            (
                json!({"12": {"typeId": "PHONE", "value": "+3"}}),
                json!({"12": {"typeId": "PHONE", "valueType": "WORK", "value": "+3"}}),
            ),
            (
                json!([{"id": 12, "typeId": "PHONE", "valueType": "HOME", "value": "+1"}]),
                json!({"12": {"typeId": "PHONE", "valueType": "HOME", "value": "+1"}}),
            ),
            (json!({"12": {"value": ""}}), json!({"12": {"typeId": "PHONE", "value": ""}})),
            (json!({"12": {"value": null}}), json!({"12": {"typeId": "PHONE", "value": ""}})),
            (json!({"n0": {"typeId": "PHONE", "valueType": "WORK", "value": "+1"}}), json!({})),
        ];
        for (value, sent) in cases {
            let asked = read(&value, &now()).unwrap();
            assert_eq!(wire(&asked.operations), sent, "{value}");
        }
    }

    #[test]
    fn what_the_portal_would_skip_or_double_is_refused() {
        let cases = [
            json!("+1"),
            json!({"n0": "+1"}),
            json!({"n0": {"typeId": "PHONE", "value": "+2"}}),
            json!({"n0": {"valueType": "WORK", "value": "+2"}}),
            json!({"n0": {"typeId": "PHONE", "valueType": "WORK", "value": ""}}),
            json!({"n0": {"typeId": "PHONE", "valueType": "WORK", "value": null}}),
            json!({"n0": {"typeId": "FAX", "valueType": "WORK", "value": "+2"}}),
            json!({"n0": {"typeId": "PHONE", "valueType": "OFFICE", "value": "+2"}}),
            json!({"n0": {"typeId": "EMAIL", "valueType": "WORK", "value": "nobody"}}),
            json!({"n0": {"typeId": "WEB", "valueType": "WORK", "value": "x".repeat(251)}}),
            json!({"99": {"typeId": "PHONE", "valueType": "WORK", "value": "+2"}}),
            json!({"12": {"typeId": "EMAIL", "value": "a@b.example"}}),
            json!({"12": {"typeId": "PHONE"}}),
            json!({"12": {"DELETE": "Y"}}),
            json!({"new": {"typeId": "PHONE", "valueType": "WORK", "value": "+2"}}),
            json!({"PHONE": [{"VALUE": "+2", "VALUE_TYPE": "WORK"}]}),
        ];
        for value in cases {
            assert!(read(&value, &now()).is_err(), "{value}");
        }
    }

    #[test]
    fn one_new_record_counts_for_one_addition() {
        let phone = |value: &str| json!({"typeId": "PHONE", "valueType": "WORK", "value": value});
        let asked = read(&json!({"n0": phone("+2"), "n1": phone("+3")}), &now()).unwrap();
        let mut after = now();
        after.push(Record { id: 14, value: "+2".to_owned(), ..now().swap_remove(0) });
        assert_eq!(standing(&asked.operations, &now(), &after), [true, false]);
    }
}
