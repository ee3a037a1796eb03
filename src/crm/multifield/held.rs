//! The records that an item is expected to have, as items and changes show them.

use serde_json::Value;

use super::{MAX_ELEMENTS, Record, element, element::Parts};
use crate::crm::Wrong;

/// Records that are expected. What an expected record leaves out is not compared.
#[derive(Debug, Clone)]
pub enum Held {
    /// These and no others, in any order.
    Exactly(Vec<One>),
    /// Each of these by its id, or none of that id; others do not matter.
    ById(Vec<(i64, Option<One>)>),
}

/// Whether an expected phone or address, without space around it, is that of a record.
pub type SameValue = fn(&str, &str) -> bool;

/// One expected record.
#[derive(Debug, Clone)]
pub struct One {
    id: Option<i64>,
    parts: Parts,
}

/// Reads the records that are expected.
///
/// # Errors
///
/// Everything that is wrong, by element.
pub fn read(value: &Value) -> Result<Held, Vec<Wrong>> {
    let is_nothing = value.as_str().is_some_and(|text| text.trim().is_empty());
    if value.is_null() || is_nothing {
        return Ok(Held::Exactly(Vec::new()));
    }
    let elements = element::by_key(value).map_err(|wrong| vec![wrong])?;
    if elements.len() > MAX_ELEMENTS {
        return Err(vec![format!("names more than {MAX_ELEMENTS} records").into()]);
    }
    let is_bare = matches!(elements.as_slice(), [(_, one)] if *one == value);
    let is_by_id = value.is_object() && !is_bare && !elements.is_empty();
    let (mut exactly, mut by_id, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for (key, element) in elements {
        let one = One::read(key.parse().ok(), element);
        match (one, key.parse()) {
            (Err(one), _) => wrong.push(one.within(key)),
            (Ok(Some(one)), _) if !is_by_id => exactly.push(one),
            (Ok(None), _) if !is_by_id => wrong.push(Wrong::from("needs a `value`").within(key)),
            (Ok(one), Ok(id)) => by_id.push((id, one)),
            // A change shows nothing before a record that it adds.
            (Ok(None), Err(_)) => {}
            (Ok(Some(_)), Err(_)) => {
                wrong.push(Wrong::from("must be the id of a record, such as `12`").within(key));
            }
        }
    }
    match wrong.as_slice() {
        [] if is_by_id => Ok(Held::ById(by_id)),
        [] => Ok(Held::Exactly(exactly)),
        _ => Err(wrong),
    }
}

impl One {
    /// Nothing stands for no record.
    fn read(id: Option<i64>, element: &Value) -> Result<Option<Self>, Wrong> {
        let parts = match element {
            Value::Null => return Ok(None),
            Value::String(text) if text.trim().is_empty() => return Ok(None),
            Value::Object(parts) => Parts::read(parts)?,
            _ => return Err("must be a record as the item shows it".into()),
        };
        Ok((!parts.is_emptied).then_some(Self { id, parts }))
    }

    fn is(&self, record: &Record, is_same: SameValue) -> bool {
        let Parts { type_id, value_type, value, .. } = &self.parts;
        let is = |part: &Option<String>, now: &str| {
            part.as_ref().is_none_or(|part| part.eq_ignore_ascii_case(now))
        };
        self.id.is_none_or(|id| id == record.id)
            && is(type_id, &record.type_id)
            && is(value_type, &record.value_type)
            && value.as_ref().is_none_or(|value| is_same(value, &record.value))
    }
}

impl Held {
    /// Whether an item with these records has what is expected.
    pub fn is_held_by(&self, now: &[Record], is_same: SameValue) -> bool {
        match self {
            Self::ById(expected) => expected.iter().all(|(id, one)| {
                let record = now.iter().find(|record| record.id == *id);
                match one {
                    Some(one) => record.is_some_and(|record| one.is(record, is_same)),
                    None => record.is_none(),
                }
            }),
            Self::Exactly(expected) => {
                let mut left: Vec<&Record> = now.iter().collect();
                // First those that say most, so that they do not miss the only record that fits.
                let mut expected: Vec<&One> = expected.iter().collect();
                expected.sort_by_key(|one| (one.id.is_none(), one.parts.value.is_none()));
                let mut is_there = |one: &&One| {
                    let at = left.iter().position(|record| one.is(record, is_same));
                    at.map(|at| left.swap_remove(at)).is_some()
                };
                expected.iter().all(&mut is_there) && left.is_empty()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::records, *};

    #[test]
    fn expected_records_are_compared_as_far_as_they_are_given() {
        let phone = json!({"id": 12, "typeId": "PHONE", "valueType": "WORK", "value": "+1"});
        let mail =
            json!({"id": 13, "typeId": "EMAIL", "valueType": "HOME", "value": "a@b.example"});
        let now = json!([phone, mail]);
        let without_id = json!({"typeId": "PHONE", "valueType": "WORK", "value": "+1"});
        let cases = [
            (now.clone(), now.clone(), true),
            (json!([mail, phone]), now.clone(), true),
            (json!([without_id, {"ID": "13"}]), now.clone(), true),
            (json!([{"typeId": "email"}, {"typeId": "phone", "value": " +1 "}]), now.clone(), true),
            (json!([{}, {"value": "+1"}]), now.clone(), true),
            (json!([phone]), now.clone(), false),
            (json!([phone, phone]), now.clone(), false),
            (json!([phone, mail, without_id]), now.clone(), false),
            (json!([phone, {"id": 13, "value": "A@b.example"}]), now.clone(), false),
            (json!([phone, {"id": 14}]), now.clone(), false),
            (without_id.clone(), json!([phone]), true),
            (without_id.clone(), now.clone(), false),
            (json!(""), json!([]), true),
            (json!(null), json!(null), true),
            (json!([]), json!(""), true),
            (json!({}), json!([]), true),
            (json!([]), now.clone(), false),
            (json!(""), now.clone(), false),
            (json!({}), now.clone(), false),
            (json!({"12": without_id}), now.clone(), true),
            (json!({"12": {"value": "+1"}, "n0": null}), now.clone(), true),
            (json!({"12": {"value": "+2"}}), now.clone(), false),
            (json!({"12": {"value": "+1"}, "13": ""}), now.clone(), false),
            (json!({"14": "", "15": null, "16": {"value": ""}}), now.clone(), true),
            (json!({"14": {}}), now.clone(), false),
            (json!({"n0": null}), now.clone(), true),
        ];
        for (expected, now, holds) in cases {
            let held = read(&expected).unwrap();
            assert_eq!(
                held.is_held_by(&records(Some(&now)), |expected, now| expected == now.trim()),
                holds,
                "{expected} {now}"
            );
        }
    }

    #[test]
    fn what_names_no_record_is_refused() {
        let cases = [
            json!("+1"),
            json!(12),
            json!([12]),
            json!([null]),
            json!([{"id": 12, "value": ""}]),
            json!({"n0": {"typeId": "PHONE", "value": "+1"}}),
            json!({"12": "+1"}),
            json!({"12": {"phone": "+1"}}),
        ];
        for expected in cases {
            assert!(read(&expected).is_err(), "{expected}");
        }
    }
}
