//! Phones, e-mails, sites and messengers (`fm`): the records of an item, what a call may ask of
//! them, and whether it was applied.
//!
//! The portal adds, changes or deletes by the key of an element, adds a record for an id that it
//! does not have, skips elements that lack a type, and never notices a doubled phone
//! (docs/bitrix24.md, "Multifields"). So ids and types are checked here, and what the item
//! already has is not added again.

mod element;
mod held;

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::{Wrong, kind};
use element::{Element, Key};
pub use held::{Held, SameValue, read as read_held};

/// No item has so many phones and e-mails.
const MAX_ELEMENTS: usize = 1_000;

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

/// The elements of a call, each of which is well formed; whether an item has the records that they
/// name is not known yet.
#[derive(Debug, Clone)]
pub struct Elements(Vec<Element>);

/// Operations in wire-ready form.
#[derive(Debug, Default)]
pub struct Asked {
    /// What to do.
    pub operations: Vec<Operation>,
    /// What was repaired or left out.
    pub notes: Vec<String>,
}

impl Record {
    /// Whether another record, with whatever id, has the same type, mark and value.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        self.words() == other.words()
    }

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

/// Reads the value of `fm` as far as that can be done without the item.
///
/// # Errors
///
/// Everything that is wrong, by element.
pub fn read(value: &Value) -> Result<Elements, Vec<Wrong>> {
    let elements = element::by_key(value).map_err(|wrong| vec![wrong])?;
    if elements.len() > MAX_ELEMENTS {
        let message =
            format!("names {} records; a call may name up to {MAX_ELEMENTS}", elements.len());
        return Err(vec![message.into()]);
    }
    let mut read = Vec::with_capacity(elements.len());
    let mut wrong = Vec::new();
    for (key, element) in elements {
        match Element::read(&key, element) {
            Ok(element) => read.push(element),
            Err(one) => wrong.push(one.within(key)),
        }
    }
    if wrong.is_empty() { Ok(Elements(read)) } else { Err(wrong) }
}

impl Elements {
    /// What the elements ask of an item that has these records.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, by element.
    pub fn against(&self, now: &[Record]) -> Result<Asked, Vec<Wrong>> {
        let by_id = by_id(now);
        let mut standing: HashSet<_> = now.iter().map(Record::owned_words).collect();
        let mut named = HashSet::new();
        let mut added = 0;
        let mut asked = Asked::default();
        let mut wrong = Vec::new();
        for element in &self.0 {
            match element.key {
                Key::New => {
                    let record = element.record();
                    if standing.insert(record.owned_words()) {
                        let key = format!("n{added}");
                        added += 1;
                        asked.operations.push(Operation::Add { key, record });
                    } else {
                        let shown = kind::shown(&json!(record.value));
                        asked.notes.push(format!(
                            "`fm`: the {} {shown} already exists and is not added again",
                            record.type_id
                        ));
                    }
                }
                Key::Existing(id) => {
                    let operation = match by_id.get(&id) {
                        None => Err(no_such_record(now)),
                        Some(_) if !named.insert(id) => {
                            Err(format!("names record {id} twice; send one value for it").into())
                        }
                        Some(record) => element.of_existing(record),
                    };
                    match operation {
                        Ok(operation) => asked.operations.push(operation),
                        Err(one) => wrong.push(one.within(id.to_string())),
                    }
                }
            }
        }
        if wrong.is_empty() { Ok(asked) } else { Err(wrong) }
    }
}

fn no_such_record(now: &[Record]) -> Wrong {
    const MAX: usize = 20;
    let ids: Vec<String> = now.iter().take(MAX).map(|record| record.id.to_string()).collect();
    let there = match now.len() {
        0 => "none".to_owned(),
        count if count > MAX => format!("{} and {} more", ids.join(", "), count - MAX),
        _ => ids.join(", "),
    };
    format!("is not a record of this item (it has: {there}); to add one, use the key `n0`").into()
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

/// For each operation whether `after` shows it, one new record counting for one addition.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Vec<Record> {
        records(Some(&json!([
            {"id": 12, "typeId": "PHONE", "valueType": "WORK", "value": "+1"},
            {"id": "13", "typeId": "EMAIL", "valueType": "HOME", "value": "a@b.example"},
        ])))
    }

    fn against_now(value: &Value) -> Result<Asked, Vec<Wrong>> {
        read(value)?.against(&now())
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
            let asked = against_now(&value).unwrap();
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
            assert!(against_now(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_element_itself_is_told_without_the_records() {
        let wrong = read(&json!({"n0": {"typeId": "PHONE"}, "x": {}, "12": {"DELETE": "Y"}}));
        let places: Vec<Option<String>> = wrong.unwrap_err().into_iter().map(|it| it.at).collect();
        assert_eq!(places, ["n0", "x", "12"].map(|key| Some(key.to_owned())));
    }

    #[test]
    fn one_new_record_counts_for_one_addition() {
        let phone = |value: &str| json!({"typeId": "PHONE", "valueType": "WORK", "value": value});
        let asked = against_now(&json!({"n0": phone("+2"), "n1": phone("+3")})).unwrap();
        let mut after = now();
        after.push(Record { id: 14, value: "+2".to_owned(), ..now().swap_remove(0) });
        assert_eq!(standing(&asked.operations, &now(), &after), [true, false]);
    }
}
