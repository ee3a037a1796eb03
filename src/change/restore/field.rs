//! One recorded field against what it holds now. Records of phones and e-mails are apart.

use serde::Serialize;
use serde_json::{Value, json};

use super::recorded::RecordedField;
use crate::{change::files, crm::Kind, journal};

/// A field that is left as it is, because it no longer holds what the change left.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    /// The field, or one record of it.
    pub field: String,
    /// What it held before the change.
    pub before: Value,
    /// What the change left, as far as is known.
    pub left: Value,
    /// What it holds now.
    pub now: Value,
}

/// A field that cannot come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cannot {
    /// The field, or one record of it.
    pub field: String,
    /// Why.
    pub why: String,
}

/// What is to be done with a field.
#[derive(Debug, PartialEq)]
pub(super) enum Fate {
    /// The change has not changed it.
    Untouched,
    /// It holds the value from before the change.
    Already,
    /// It is to hold this value again.
    Restore(Value),
    /// It is to be empty again.
    Empty,
    /// It is left as it is.
    Kept(Kept),
    /// It cannot come back.
    Cannot(Cannot),
}

impl Cannot {
    pub(super) fn new(field: &str, why: impl Into<String>) -> Self {
        Self { field: field.to_owned(), why: why.into() }
    }
}

/// Why a field cannot come back whose value before the change is not in the record.
pub(super) const NOT_SHOWN: &str = "the item did not show what it held before";
const TOO_LONG: &str = "its value before the change was too long for the journal";
const FILES_ARE_GONE: &str = "the portal deletes a file that is replaced or removed";
const HIDDEN: &str = "the item no longer shows it";

impl RecordedField {
    /// What is to be done with a field that holds no files and no records.
    pub(super) fn fate(&self, now: Option<&Value>) -> Fate {
        let (before, now) = match self.known(now) {
            Ok(known) => known,
            Err(why) => return Fate::Cannot(why),
        };
        if self.left.as_ref().is_some_and(|left| self.is_same(before, left)) {
            return Fate::Untouched;
        }
        if self.is_same(before, now) {
            return Fate::Already;
        }
        let is_as_left = match &self.left {
            Some(left) => self.is_same(left, now),
            None => self.asked.as_ref().is_some_and(|asked| {
                self.shape.same(asked, now) || self.shape.is_rewritten(asked, now)
            }),
        };
        if !is_as_left {
            return Fate::Kept(self.kept(before, now));
        }
        if journal::is_left_out(before) {
            return Fate::Cannot(Cannot::new(&self.name, TOO_LONG));
        }
        if self.shape.is_empty(before) {
            return Fate::Empty;
        }
        Fate::Restore(self.shape.kind.answered(before))
    }

    /// What is to be done with a field that holds files: they are known by their ids.
    pub(super) fn fate_of_files(&self, now: Option<&Value>) -> Fate {
        let (before_value, now_value) = match self.known(now) {
            Ok(known) => known,
            Err(why) => return Fate::Cannot(why),
        };
        let ids = |value: &Value| {
            let mut ids = files::ids(Some(value));
            ids.sort_unstable();
            ids
        };
        let (before, now) = (ids(before_value), ids(now_value));
        let left = match &self.left {
            Some(left) => Some(ids(left)),
            None => self.files_that_stand(&before, &now),
        };
        match left {
            Some(left) if left == before => Fate::Untouched,
            _ if now == before => Fate::Already,
            Some(left) if left == now => {
                if before.iter().any(|id| !now.contains(id)) {
                    Fate::Cannot(Cannot::new(&self.name, FILES_ARE_GONE))
                } else if before.is_empty() {
                    Fate::Empty
                } else {
                    let in_order = files::ids(Some(before_value)).into_iter();
                    Fate::Restore(in_order.map(|id| json!({"id": id})).collect())
                }
            }
            _ => Fate::Kept(self.kept(before_value, now_value)),
        }
    }

    /// The files that the field holds now, where they can be those of a change whose outcome is not
    /// known.
    fn files_that_stand(&self, before: &[i64], now: &[i64]) -> Option<Vec<i64>> {
        let asked = self.asked.as_ref()?;
        let kept = files::ids(Some(asked));
        let count = match asked {
            Value::Array(parts) => parts.len(),
            Value::Object(_) => 1,
            _ => 0,
        };
        let new = now.iter().filter(|id| !before.contains(id)).count();
        let stands = now.len() == count
            && kept.iter().all(|id| now.contains(id))
            && new == count - kept.len().min(count);
        if stands { Some(now.to_vec()) } else { (before == now).then(|| before.to_vec()) }
    }

    /// The values before the change and now, where both are known.
    fn known<'a>(&'a self, now: Option<&'a Value>) -> Result<(&'a Value, &'a Value), Cannot> {
        let before = self.before.as_ref().ok_or(NOT_SHOWN);
        let both = before.and_then(|before| Ok((before, now.ok_or(HIDDEN)?)));
        both.map_err(|why| Cannot::new(&self.name, why))
    }

    fn kept(&self, before: &Value, now: &Value) -> Kept {
        let shown = |value: &Value| match self.shape.kind {
            Kind::File | Kind::Picture => files::ids(Some(value)).into(),
            kind => kind.answered(value),
        };
        Kept {
            field: self.name.clone(),
            before: shown(before),
            left: self.left.as_ref().map_or(Value::Null, shown),
            now: shown(now),
        }
    }

    /// Whether two answers of the portal are the same value. An empty one is no other: a number may be
    /// cleared and be 0 afterwards.
    fn is_same(&self, one: &Value, other: &Value) -> bool {
        let are_empty = [one, other].map(|value| self.shape.is_empty(value));
        match (self.shape.kind, are_empty) {
            (Kind::YesNo, _) | (_, [false, false]) => self.shape.same(one, other),
            (_, [one, other]) => one && other,
        }
    }
}
