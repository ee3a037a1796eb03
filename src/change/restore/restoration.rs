//! What is to be done with one item in order to put a change back, and what of it stays.

use serde_json::{Map, Value};

use super::field::{Cannot, Kept};
use crate::{
    crm::{Kind, catalog},
    error::{Code, Problem},
};

/// What is to be done with one item in order to put a change back.
#[derive(Debug, Default)]
pub(in crate::change) struct Restoration {
    /// New values by field name.
    pub(in crate::change) fields: Map<String, Value>,
    /// Fields to empty.
    pub(in crate::change) clear: Vec<String>,
    /// Fields that hold another value than the change left.
    pub(in crate::change) kept: Vec<Kept>,
    /// Fields that cannot come back.
    pub(in crate::change) cannot: Vec<Cannot>,
    /// Fields that hold the value from before the change already.
    pub(in crate::change) already: Vec<String>,
    /// What comes with putting them back.
    pub(in crate::change) notes: Vec<String>,
}

/// Whether a portal takes the field only together with others: a stage belongs to its pipeline.
fn is_of_a_pipeline(field: &str) -> bool {
    catalog::named(field).is_some_and(|row| matches!(row.kind, Kind::Category | Kind::Stage))
}

impl Restoration {
    /// Whether nothing is left to be sent.
    pub(in crate::change) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.clear.is_empty()
    }

    /// Leaves a field as it is, because it cannot come back.
    pub(in crate::change) fn cannot(&mut self, field: &str, why: impl Into<String>) {
        self.fields.shift_remove(field);
        self.clear.retain(|name| name != field);
        self.cannot.push(Cannot::new(field, why));
        self.keep_together();
    }

    /// Leaves the fields as they are that have these problems; `false` when a problem is of another
    /// kind.
    pub(in crate::change) fn leave_out(&mut self, problems: &[Problem]) -> bool {
        for problem in problems {
            let field = problem.path.split_once('.').map_or("", |(_, rest)| rest);
            let names = |name: &&String| {
                field
                    .strip_prefix(name.as_str())
                    .is_some_and(|it| it.is_empty() || it.starts_with('.'))
            };
            // One field may have several problems.
            if self.cannot.iter().any(|cannot| names(&&cannot.field)) {
                continue;
            }
            let name = self.fields.keys().chain(&self.clear).find(names).cloned();
            // What the policy denies is refused as a whole, as in any other change.
            let is_denied = problem.code == Code::PolicyDenied;
            let Some(name) = name.filter(|_| !is_denied) else { return false };
            let why = if self.clear.contains(&name) {
                format!("it was empty before and {}", problem.message)
            } else {
                format!("its value from before {}", problem.message)
            };
            self.cannot(&name, why);
        }
        !problems.is_empty()
    }

    /// Where a stage or its pipeline stays, so does the other.
    pub(super) fn keep_together(&mut self) {
        let kept = self.kept.iter().map(|kept| &kept.field);
        let mut stay = kept.chain(self.cannot.iter().map(|cannot| &cannot.field));
        let Some(stays) = stay.find(|field| is_of_a_pipeline(field)).cloned() else { return };
        let others = self.fields.keys().filter(|field| is_of_a_pipeline(field));
        for field in others.cloned().collect::<Vec<_>>() {
            self.fields.shift_remove(&field);
            let why = format!("`{stays}` stays, and the portal takes both only together");
            self.cannot.push(Cannot::new(&field, why));
        }
    }

    /// What the portal does beside restoring the values.
    pub(super) fn effects(&self) -> Vec<String> {
        const EFFECTS: [(&str, &str); 2] = [
            (
                "stageId",
                "the automation of the stage that comes back runs again; activities and messages that \
                 automation has made stay",
            ),
            (
                "assignedById",
                "whoever may change only their own items gives that right away with the responsible person: \
                 then someone else has to put it back",
            ),
        ];
        let told = EFFECTS.into_iter().filter(|(field, _)| self.fields.contains_key(*field));
        told.map(|(_, effect)| effect.to_owned()).collect()
    }
}
