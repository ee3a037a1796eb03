//! A kind of value together with whether a field holds one or several of it.

use serde_json::{Value, json};

use super::kind::{Encoded, Kind};

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
    pub fn encode(self, value: &Value) -> Result<Encoded, String> {
        if !self.is_multiple {
            return self.kind.encode(value);
        }
        if self.is_empty(value) {
            return Ok(Encoded { wire: self.cleared(), note: None });
        }
        // A single value makes the portal refuse the whole call with code 100.
        let (values, mut note) = match value {
            Value::Array(values) => (values.as_slice(), None),
            one => {
                let note = "was one value and was read as a list of one".to_owned();
                (std::slice::from_ref(one), Some(note))
            }
        };
        let mut wire = Vec::with_capacity(values.len());
        for value in values {
            let encoded = self.kind.encode(value)?;
            note = note.or(encoded.note);
            wire.push(encoded.wire);
        }
        Ok(Encoded { wire: wire.into(), note })
    }

    /// Whether a field that holds `now` already is what `asked` asks for; the order of several
    /// values says nothing.
    pub fn same(self, asked: &Value, now: &Value) -> bool {
        if !self.is_multiple || self.is_empty(asked) {
            return self.kind.same(asked, now);
        }
        let (Value::Array(asked), Value::Array(now)) = (asked, now) else {
            return self.kind.same(asked, now);
        };
        let mut left: Vec<&Value> = now.iter().collect();
        let all_found = asked.iter().all(|asked| {
            let found = left.iter().position(|now| self.kind.same(asked, now));
            found.map(|at| left.swap_remove(at)).is_some()
        });
        all_found && left.is_empty()
    }

    /// Whether `now` is the portal's own way to store `asked`.
    pub fn is_rewritten(self, asked: &Value, now: &Value) -> bool {
        match (asked, now) {
            (Value::Array(asked), Value::Array(now)) if self.is_multiple => {
                asked.len() == now.len()
                    && asked.iter().zip(now).all(|(asked, now)| {
                        self.kind.same(asked, now) || self.kind.is_rewritten(asked, now)
                    })
            }
            _ => self.kind.is_rewritten(asked, now),
        }
    }
}
