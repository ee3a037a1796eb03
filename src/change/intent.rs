//! A requested change as it is compiled: for every item of an entity type, not for one.

use serde_json::Value;

use super::{
    files::{self, Part},
    lookups::{Meant, UncheckedCode},
};
use crate::{
    crm::{
        EntityType, Item, Kind, Shape, Wrong,
        catalog::Field,
        kind::{self, Encoded},
        multifield::{Elements, Held},
    },
    error::Problem,
    uploads::{Policy, Upload},
};

/// A requested change whose names are known and whose values are encoded, as far as that can be
/// done without an item.
#[derive(Debug, Clone)]
pub(super) struct Intent {
    pub(super) entity: EntityType,
    /// Every path of the call, in order.
    pub(super) typed: Vec<String>,
    /// Whether every name was checked against the portal's own list, where that was necessary.
    pub(super) names_are_checked: bool,
    pub(super) fields: Vec<IntendedField>,
    pub(super) expected: Vec<IntendedField>,
    /// What is wrong whatever the item holds.
    pub(super) problems: Vec<Problem>,
    /// What was repaired.
    pub(super) notes: Vec<String>,
}

/// One field and what it is to hold.
#[derive(Debug, Clone)]
pub(super) struct IntendedField {
    /// Where it was typed.
    pub(super) path: String,
    /// Its name on the wire.
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) row: Option<&'static Field>,
    /// Whether the portal's own list describes it, so that newer metadata may describe it
    /// differently.
    pub(super) is_listed: bool,
    /// The directory that holds its codes.
    pub(super) directory: Option<String>,
    pub(super) value: Intended,
    /// What was repaired.
    pub(super) notes: Vec<String>,
}

/// What a field is to hold.
#[derive(Debug, Clone)]
pub(super) enum Intended {
    /// This value, in wire form.
    Value {
        wire: Value,
        /// Whether it was typed as one value for a list.
        is_one_for_a_list: bool,
    },
    /// Texts that may be the names of a pipeline or of people, and what is wrong if they are none.
    Name { typed: Value, wrong: Wrong },
    /// A value that may be typed as the item itself shows it: a day, or an expected value.
    Typed { typed: Value, encoded: Result<Encoded, Wrong> },
    /// The result of these elements on its records.
    Records(Elements),
    /// No records.
    NoRecords,
    /// These files.
    Files(files::Requested),
    /// Records that are expected.
    HeldRecords(Held),
    /// The ids of the files that are expected.
    HeldFiles(Vec<i64>),
}

/// What to do where no folder is set.
const NO_PATHS: &str =
    "tell the user that files cannot be sent by path until a folder is named in the settings";

impl Intent {
    /// Opens the files that are given by path, and checks them one by one and together.
    pub(super) async fn open_files(&mut self, policy: &Policy) {
        for field in &mut self.fields {
            let Intended::Files(requested) = &mut field.value else { continue };
            let mut opened = Vec::with_capacity(requested.parts.len());
            for part in std::mem::take(&mut requested.parts) {
                match part.open(policy) {
                    Ok(part) => opened.push(part),
                    Err(wrong) => {
                        let problem = Problem::of(&field.path, wrong);
                        self.problems.push(if policy.folders.is_empty() {
                            problem.for_the_user(NO_PATHS)
                        } else {
                            problem
                        });
                    }
                }
            }
            requested.parts = opened;
        }
        if let Some(message) = policy.problem_with(self.uploads().map(|(_, upload)| upload)) {
            self.problems.push(Problem::new("fields", message));
        }
        let mut refused = Vec::new();
        for (path, upload) in self.uploads() {
            refused.extend(upload.refusal().await.map(|message| Problem::new(path, message)));
        }
        self.problems.extend(refused);
    }

    /// The new files, with where they were typed.
    pub(super) fn uploads(&self) -> impl Iterator<Item = (&str, &Upload)> {
        let files = self.fields.iter().filter_map(|field| match &field.value {
            Intended::Files(requested) => Some((field.path.as_str(), &requested.parts)),
            _ => None,
        });
        files.flat_map(|(path, parts)| {
            parts.iter().filter_map(move |part| match part {
                Part::Upload(upload) => Some((path, upload)),
                Part::Keep(_) | Part::Path { .. } => None,
            })
        })
    }
}

/// Puts problems in the order in which their paths were typed; what concerns the whole call comes last.
pub(super) fn in_typed_order(problems: &mut [Problem], typed: &[String]) {
    let place = |problem: &Problem| {
        let is_of = |typed: &String| {
            let rest = problem.path.strip_prefix(typed.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        typed.iter().position(is_of).unwrap_or(usize::MAX)
    };
    problems.sort_by_cached_key(place);
}

impl IntendedField {
    /// The names in a value that can only be read by what the portal has.
    pub(super) fn names(&self) -> Vec<UncheckedCode> {
        let Intended::Name { typed, .. } = &self.value else { return Vec::new() };
        let values = match typed {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        let meant = || match self.shape.kind {
            Kind::Category => Meant::Pipeline,
            _ => Meant::Person,
        };
        let names = values.iter().filter(|value| kind::whole_number(value).is_none());
        let names = names.filter_map(Value::as_str).map(|name| UncheckedCode {
            path: self.path.clone(),
            typed: name.to_owned(),
            meant: meant(),
        });
        names.collect()
    }

    /// The wire form of the value in this item, with what was repaired. A text that the item itself
    /// shows for a day is that day.
    ///
    /// # Errors
    ///
    /// The problem of a value that the field cannot hold.
    pub(super) fn wire(&self, item: Option<&Item>) -> Result<(Value, Option<String>), Problem> {
        let encoded = match &self.value {
            Intended::Value { wire, .. } => return Ok((wire.clone(), None)),
            Intended::Name { wrong, .. } => Err(wrong),
            Intended::Typed { typed, encoded } => {
                let now = item.and_then(|item| item.get(&self.name)).filter(|_| typed.is_string());
                let is_shown = now.is_some_and(|now| {
                    now == typed || now.as_array().is_some_and(|days| days.contains(typed))
                });
                let is_day = is_shown && self.shape.kind == Kind::Date;
                let shown = is_day.then(|| self.shape.encode(&Kind::Date.answered(typed)));
                if let Some(Ok(shown)) = shown {
                    return Ok((shown.wire, shown.note));
                }
                encoded.as_ref()
            }
            Intended::Records(_)
            | Intended::NoRecords
            | Intended::Files(_)
            | Intended::HeldRecords(_)
            | Intended::HeldFiles(_) => return Ok((Value::Null, None)),
        };
        match encoded {
            Ok(encoded) => Ok((encoded.wire.clone(), encoded.note.clone())),
            Err(wrong) => Err(self.wrong_value(wrong.clone())),
        }
    }

    /// The problem of a text that is no day, unless it is how the item shows one.
    pub(super) fn unread_day(&self) -> Option<Problem> {
        match &self.value {
            Intended::Typed { encoded: Err(wrong), .. } => Some(self.wrong_value(wrong.clone())),
            _ => None,
        }
    }

    /// The problem of a value that the field cannot hold.
    pub(super) fn wrong_value(&self, wrong: Wrong) -> Problem {
        wrong_value(&self.path, wrong, self.shape.kind, self.is_listed)
    }
}

/// The problem of a value that a field cannot hold. Only the portal knows the options of a field that its
/// own list describes.
pub(super) fn wrong_value(path: &str, wrong: Wrong, kind: Kind, is_listed: bool) -> Problem {
    let problem = Problem::of_field(path, wrong, kind);
    if is_listed { problem.by_metadata() } else { problem }
}
