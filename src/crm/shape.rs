//! A kind of value together with whether a field holds one or several of it.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Value, json};

use super::{
    Wrong,
    kind::{Encoded, Kind, MAX_VALUES, READ_AS_LIST, too_many},
};

/// The most notes on the values of one list.
const MAX_NOTES: usize = 5;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// What each value is.
    pub kind: Kind,
    /// Whether it is a custom field with several values.
    pub is_multiple: bool,
}

impl Shape {
    /// One value of the kind.
    pub const fn one(kind: Kind) -> Self {
        Self { kind, is_multiple: false }
    }

    /// Whether the portal takes the value for no value.
    pub fn is_empty(self, value: &Value) -> bool {
        self.kind.is_empty(value)
    }

    /// The value that empties the field.
    pub fn cleared(self) -> Value {
        if self.is_multiple { json!([]) } else { self.kind.cleared() }
    }

    /// Turns a value into its wire form.
    ///
    /// # Errors
    ///
    /// What the value must be, to be read after the field's name.
    pub fn encode(self, value: &Value) -> Result<Encoded, Wrong> {
        if !self.is_multiple {
            return self.kind.encode(value);
        }
        if self.is_empty(value) {
            return Ok(Encoded { wire: self.cleared(), note: None });
        }
        // A single value makes the portal refuse the whole call with code 100.
        let (values, mut notes) = match value {
            Value::Array(values) => (values.as_slice(), Vec::new()),
            one => (std::slice::from_ref(one), vec![READ_AS_LIST.to_owned()]),
        };
        if values.len() > MAX_VALUES {
            return Err(too_many(values.len()).into());
        }
        let mut wire = Vec::with_capacity(values.len());
        let mut seen = HashSet::with_capacity(values.len());
        let (mut is_empty, mut is_repeated) = (false, false);
        for value in values {
            // Portals silently drop both.
            if self.kind != Kind::YesNo && self.kind.is_empty(value) {
                is_empty = true;
                continue;
            }
            let encoded = self.kind.encode(value)?;
            if self.kind.is_of_sets() && !seen.insert(self.kind.key(&encoded.wire)) {
                is_repeated = true;
                continue;
            }
            notes.extend(encoded.note);
            wire.push(encoded.wire);
        }
        if is_empty {
            notes.push("held empty entries, which were left out".to_owned());
        }
        if is_repeated {
            notes.push("held a value twice, which was left out".to_owned());
        }
        notes.truncate(MAX_NOTES);
        let note = (!notes.is_empty()).then(|| notes.join(" and "));
        Ok(Encoded { wire: wire.into(), note })
    }

    /// Whether a field that holds `now` already has the requested value. The order of links, users
    /// and options does not matter; that of texts and numbers does.
    pub fn same(self, asked: &Value, now: &Value) -> bool {
        if !self.is_multiple || self.is_empty(asked) {
            return self.kind.same(asked, now);
        }
        let (asked, now) = (self.values(asked), self.values(now));
        // What is too long to be compared is never called equal.
        if now.len() > MAX_VALUES {
            return false;
        }
        if self.kind.is_of_sets() {
            return self.keys(&asked) == self.keys(&now);
        }
        asked.len() == now.len()
            && asked.into_iter().zip(now).all(|(asked, now)| self.kind.same(asked, now))
    }

    /// Whether `now` is the portal's own form of `asked`.
    pub fn is_rewritten(self, asked: &Value, now: &Value) -> bool {
        if !self.is_multiple {
            return self.kind.is_rewritten(asked, now);
        }
        let (mut asked, mut now) = (self.values(asked), self.values(now));
        if asked.len() != now.len() {
            return false;
        }
        // What is not known to have an order may come back in the portal's own.
        if self.kind == Kind::Any {
            asked.sort_by_cached_key(ToString::to_string);
            now.sort_by_cached_key(ToString::to_string);
        }
        asked
            .into_iter()
            .zip(now)
            .all(|(asked, now)| self.kind.same(asked, now) || self.kind.is_rewritten(asked, now))
    }

    /// Which of the values of `now` are not among those of `asked`.
    pub fn dropped<'a>(self, asked: &Value, now: &'a Value) -> Vec<&'a Value> {
        let kept: HashSet<String> = self.keys(&self.values(asked)).into_iter().collect();
        let mut dropped = self.values(now);
        dropped.retain(|value| !kept.contains(&self.kind.key(value)));
        dropped
    }

    /// The values that a field holds, without empty ones.
    fn values(self, value: &Value) -> Vec<&Value> {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        let is_value = |value: &&Value| self.kind == Kind::YesNo || !self.kind.is_empty(value);
        values.iter().filter(is_value).collect()
    }

    fn keys(self, values: &[&Value]) -> BTreeSet<String> {
        values.iter().map(|value| self.kind.key(value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sets_or_sequences() {
        let several = |kind| Shape { kind, is_multiple: true };
        let cases = [
            (Kind::Text, json!(["a", "b"]), json!(["b", "a"]), false),
            (Kind::Text, json!(["a", "b"]), json!(["a", null, "b"]), true),
            (Kind::Text, json!(["0123"]), json!(["123"]), false),
            (Kind::Integer, json!([1, 1, 2]), json!([1, 2, 2]), false),
            (Kind::Integer, json!([1, 2]), json!(["1", "2"]), true),
            (Kind::Choice, json!([1, 2]), json!(["2", "1"]), true),
            (Kind::Choice, json!([1, 2]), json!([1, 2, 3]), false),
            (Kind::User, json!([1, 2]), json!([2, 1]), true),
            (Kind::CrmLink, json!(["D_1", "C_2"]), json!(["c_2", "d_1"]), true),
            (Kind::Text, json!([]), json!(null), true),
            (Kind::Text, json!([]), json!(["a"]), false),
        ];
        for (kind, asked, now, same) in cases {
            assert_eq!(several(kind).same(&asked, &now), same, "{kind:?} {asked} {now}");
        }
    }

    #[test]
    fn what_portals_drop_from_a_list_is_left_out_with_a_note() {
        let several = |kind| Shape { kind, is_multiple: true };
        let encoded = several(Kind::Text).encode(&json!(["a", "", "a", null])).unwrap();
        assert_eq!(encoded.wire, json!(["a", "a"]));
        assert_eq!(encoded.note.unwrap(), "held empty entries, which were left out");
        let encoded = several(Kind::Choice).encode(&json!([44, "44", 45])).unwrap();
        assert_eq!(encoded.wire, json!([44, 45]));
        assert_eq!(encoded.note.unwrap(), "held a value twice, which was left out");
        let encoded = several(Kind::Integer).encode(&json!(7)).unwrap();
        assert_eq!(encoded.wire, json!([7]));
        assert_eq!(encoded.note.unwrap(), READ_AS_LIST);
    }

    #[test]
    fn what_is_too_long_is_not_sent_and_never_equal() {
        let shape = Shape { kind: Kind::Integer, is_multiple: true };
        let long: Value = (0..=MAX_VALUES).collect();
        assert!(shape.encode(&long).unwrap_err().message.contains("up to 50000"));
        assert!(!shape.same(&long, &long));
        assert!(Kind::Users.encode(&long).is_err());
    }

    #[test]
    fn long_lists_are_compared_at_once() {
        for kind in [Kind::Text, Kind::Choice, Kind::Any, Kind::Integer] {
            let shape = Shape { kind, is_multiple: true };
            let asked: Value = (1..50_000).collect();
            let mut reversed = asked.clone();
            reversed.as_array_mut().unwrap().reverse();
            assert_eq!(shape.same(&asked, &reversed), kind == Kind::Choice, "{kind:?}");
            assert_eq!(shape.dropped(&asked, &reversed).len(), 0);
        }
    }
}
