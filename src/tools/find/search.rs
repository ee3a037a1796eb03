//! The conditions that a query makes, and how they are joined with a filter.

use serde_json::{Map, Value, json};

use crate::items::{free_number, with_condition};

/// A condition that a query makes.
pub(super) struct Search(Map<String, Value>);

impl Search {
    /// Groups of conditions, all of which have to hold.
    pub(super) fn all(groups: impl Iterator<Item = Map<String, Value>>) -> Self {
        Self(numbered(groups).collect())
    }

    /// One condition.
    pub(super) fn one(key: &str, value: Value) -> Self {
        Self(Map::from_iter([(key.to_owned(), value)]))
    }

    /// Both this and a filter. Conditions stay at the top where possible, because lists of contacts
    /// and users are joined there alone.
    pub(super) fn joined_with(&self, filter: &Map<String, Value>) -> Map<String, Value> {
        let mut joined = filter.clone();
        for (key, condition) in self.0.clone() {
            match (joined.get_mut(&key), condition) {
                (_, group @ Value::Object(_)) => {
                    joined.insert(free_number(&[&joined]), group);
                }
                (Some(Value::Array(asked)), Value::Array(found))
                    if asked.iter().any(|id| found.contains(id)) =>
                {
                    asked.retain(|id| found.contains(id));
                }
                (_, condition) => joined = with_condition(joined, &key, condition),
            }
        }
        joined
    }
}

/// A group in which one of the conditions suffices.
pub(super) fn any_of(conditions: impl IntoIterator<Item = (String, Value)>) -> Map<String, Value> {
    let logic = std::iter::once(("logic".to_owned(), json!("OR")));
    let each = conditions.into_iter().map(|condition| Map::from_iter([condition]));
    logic.chain(numbered(each)).collect()
}

/// Conditions as portals want them in a group: with numbers for keys.
fn numbered(
    conditions: impl Iterator<Item = Map<String, Value>>,
) -> impl Iterator<Item = (String, Value)> {
    conditions.enumerate().map(|(at, condition)| (at.to_string(), condition.into()))
}
