//! What is to be done with one item of a change of many.

use super::tally::{Fate, Reason};
use crate::{
    change::{
        expected,
        plan::{Plan, Stays},
    },
    crm::Item,
    error::{Failure, Problem},
};

/// What is to be done with one item.
pub(super) enum Planned {
    /// It has every requested value.
    Unchanged,
    /// This has to be sent.
    Change(Plan),
    /// It is not what was expected.
    Conflict(Failure),
    /// It cannot be changed so.
    Impossible(Vec<Problem>),
    /// None of its fields is put back, for these reasons.
    Stays(Vec<Stays>),
}

impl Planned {
    /// What a plan means for an item.
    pub(super) fn of(plan: Plan, item: &Item) -> Self {
        // Before the expectation: an earlier call of the same change may have written it.
        if plan.is_applied(item) {
            return if plan.stays.is_empty() { Self::Unchanged } else { Self::Stays(plan.stays) };
        }
        match expected::check(&plan.expected, item) {
            Err(conflict) => Self::Conflict(conflict),
            Ok(()) => Self::Change(plan),
        }
    }

    /// What has to be sent, or what became of the item without it.
    pub(super) fn into_plan(self) -> Result<Plan, Fate> {
        match self {
            Self::Change(plan) => Ok(plan),
            Self::Unchanged => Err(Fate::Unchanged),
            Self::Conflict(conflict) => Err(Fate::Conflict(Reason::of_conflict(&conflict))),
            Self::Impossible(problems) => Err(Fate::Failed(Reason::of_problems(&problems))),
            Self::Stays(fields) => Err(Fate::of_staying(&fields)),
        }
    }
}
