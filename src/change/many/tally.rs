//! What became of each item: counts, and the ids of the exceptions by equal reason. Pure.

use std::collections::BTreeSet;

use serde::Serialize;

use super::details::{Details, Standing};
use crate::{
    change::{
        plan::Stays,
        verify::{Outcome, Why},
    },
    crm::Item,
    error::{Choice, Code, Failure, Problem, Written},
};

/// What became of one item.
#[derive(Debug)]
pub(super) enum Fate {
    /// It was written and has every requested value.
    Updated,
    /// It had every requested value before.
    Unchanged,
    /// It does not have the requested values.
    Failed(Reason),
    /// It was left alone, because it is not what was expected.
    Conflict(Reason),
    /// It may or may not have been written.
    Unknown,
}

/// Why items do not have the requested values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The stable code.
    pub code: Code,
    /// The field that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Why the portal did not apply it, as far as can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// What is wrong, in our own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The portal's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portal_code: Option<String>,
    /// The allowed values, where they were looked up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
}

/// Items with an equal reason.
#[derive(Debug, Clone)]
pub struct Group {
    /// Why.
    pub reason: Reason,
    /// Which, in ascending order.
    pub ids: Vec<u64>,
}

/// What became of the items so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many were written and have every requested value.
    pub updated: usize,
    /// How many had every requested value before.
    pub unchanged: usize,
    /// Those that do not have the requested values.
    pub failed: Vec<Group>,
    /// Those that were left alone, because they are not what was expected.
    pub conflicts: Vec<Group>,
    /// Those that may or may not have been written.
    pub unknown: Vec<u64>,
    /// Where a change is put back: fields of items that stay as they are, although others of the same
    /// item are restored.
    pub stays: Vec<Group>,
    /// What is known of each item, where the client shows all of them.
    pub details: Option<Details>,
}

impl Tally {
    /// An empty one, which may take details of each item.
    pub(super) fn new(takes_details: bool) -> Self {
        Self { details: takes_details.then(Details::default), ..Self::default() }
    }

    pub(super) fn add(&mut self, id: u64, fate: Fate) {
        let standing = match fate {
            Fate::Updated => Some(Standing::Written),
            Fate::Unchanged => Some(Standing::Unchanged),
            Fate::Failed(_) | Fate::Conflict(_) | Fate::Unknown => None,
        };
        if let Some((details, standing)) = self.details.as_mut().zip(standing) {
            details.stands(id, standing);
        }
        match fate {
            Fate::Updated => self.updated += 1,
            Fate::Unchanged => self.unchanged += 1,
            Fate::Failed(reason) => group(&mut self.failed, id, reason),
            Fate::Conflict(reason) => group(&mut self.conflicts, id, reason),
            Fate::Unknown => self.unknown.push(id),
        }
    }

    /// Takes what an item is called.
    pub(super) fn saw(&mut self, item: &Item) {
        if let Some(details) = &mut self.details {
            details.saw(item);
        }
    }

    /// Adds the fields of an item that is written otherwise.
    pub(super) fn stays(&mut self, id: u64, fields: &[Stays]) {
        for field in fields {
            group(&mut self.stays, id, Reason::of_staying(field));
        }
    }

    /// How many of the written items keep something.
    pub fn partly(&self) -> usize {
        let ids = self.stays.iter().flat_map(|group| &group.ids);
        ids.collect::<BTreeSet<_>>().len()
    }

    /// How many items have been decided.
    pub fn sum(&self) -> usize {
        let exceptions = self.failed.iter().chain(&self.conflicts);
        let exceptions: usize = exceptions.map(|group| group.ids.len()).sum();
        self.updated + self.unchanged + exceptions + self.unknown.len()
    }

    /// Whether every item so far has the requested values.
    pub fn is_clean(&self) -> bool {
        self.failed.is_empty()
            && self.conflicts.is_empty()
            && self.unknown.is_empty()
            && self.stays.is_empty()
    }
}

/// Why a field is not put back that holds another value than the change left.
const CHANGED_SINCE: &str = "holds another value than the change left";

fn group(groups: &mut Vec<Group>, id: u64, reason: Reason) {
    match groups.iter_mut().find(|group| group.reason == reason) {
        Some(group) => group.ids.push(id),
        None => groups.push(Group { reason, ids: vec![id] }),
    }
}

impl Reason {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..Self::of_code(code) }
    }

    const fn of_code(code: Code) -> Self {
        Self { code, field: None, why: None, message: None, portal_code: None, options: Vec::new() }
    }

    /// What is wrong with a change of one item, as far as it can be told before the write.
    pub(super) fn of_problems(problems: &[Problem]) -> Self {
        let Some(first) = problems.first() else {
            return Self::new(Code::InvalidArguments, "the change cannot be planned");
        };
        let message = match problems.len() - 1 {
            0 => first.message.clone(),
            more => format!("{} ({more} more)", first.message),
        };
        let options = first.data.as_ref().map(|data| data.options.clone()).unwrap_or_default();
        Self { field: Some(field_of(&first.path)), options, ..Self::new(first.code, message) }
    }

    /// A field that is not put back.
    pub(super) fn of_staying(stays: &Stays) -> Self {
        let of_code = match &stays.why {
            Some(why) => Self::new(Code::NotApplied, why.clone()),
            None => Self::new(Code::Conflict, CHANGED_SINCE),
        };
        Self { field: Some(stays.field.clone()), ..of_code }
    }

    /// An expectation that does not hold.
    pub(super) fn of_conflict(failure: &Failure) -> Self {
        let field = failure.problems.first().map(|problem| field_of(&problem.path));
        Self { field, ..Self::of_code(failure.code) }
    }
}

/// The field that a path names: `fields.stageId` is `stageId`.
fn field_of(path: &str) -> String {
    path.split_once('.').map_or(path, |(_, field)| field).to_owned()
}

impl Fate {
    /// What an item means of which no field is put back.
    pub(super) fn of_staying(fields: &[Stays]) -> Self {
        let first = fields.iter().find(|field| field.why.is_none()).or_else(|| fields.first());
        match first {
            None => Self::Unchanged,
            Some(field) if field.why.is_none() => Self::Conflict(Reason::of_staying(field)),
            Some(field) => Self::Failed(Reason::of_staying(field)),
        }
    }

    /// What the portal did with an update that it accepted.
    pub(super) fn of_outcome(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Succeeded { .. } => Self::Updated,
            Outcome::Missed { failure, .. } if failure.written == Written::Unknown => Self::Unknown,
            Outcome::Missed { failure, not_applied, .. } => {
                let first = not_applied.first();
                Self::Failed(Reason {
                    field: first.map(|missed| missed.field.clone()),
                    why: first.map(|missed| missed.why),
                    ..Reason::of_code(failure.code)
                })
            }
        }
    }

    /// What a failed request means for the item.
    pub(super) fn of_failure(failure: &Failure) -> Self {
        if failure.written == Written::Unknown {
            return Self::Unknown;
        }
        let portal_code = failure.portal.as_ref().and_then(|words| words.code.clone());
        let portal_code = portal_code.filter(|code| !code.is_empty());
        let field = failure.problems.first().map(|problem| field_of(&problem.path));
        Self::Failed(Reason { field, portal_code, ..Reason::new(failure.code, &*failure.message) })
    }
}
