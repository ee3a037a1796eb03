//! The last step: what was asked against what came back, field by field.
//!
//! A portal answers 200 when it ignored half of a request (fact sheet, finding 3); this is where
//! that is noticed.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    look::Before,
    plan::{Asked, Plan},
    write::After,
};
use crate::{
    crm::{
        EntityType, Kind, Shape,
        catalog::{self, Access},
        kind,
    },
    failure::{Code, Failure, Retry, Written},
};

/// How an update that the portal accepted ended.
#[derive(Debug)]
pub enum Outcome {
    /// Every asked value stands, or would be asked for.
    Stands {
        /// Which of the three.
        status: Status,
        /// What differs between before and after.
        changes: Vec<Change>,
        /// Repairs, rewrites and what could not be known.
        notes: Vec<String>,
        /// The item.
        item: Map<String, Value>,
    },
    /// At least one asked value does not stand.
    Missed {
        /// The error, with code `PARTLY_APPLIED` or `NOT_APPLIED`.
        failure: Box<Failure>,
        /// The fields that do not stand.
        not_applied: Vec<NotApplied>,
        /// What differs between before and after.
        changes: Vec<Change>,
        /// Repairs, rewrites and what could not be known.
        notes: Vec<String>,
        /// The asked fields of the item.
        item: Map<String, Value>,
    },
}

/// What a success means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The portal saved the item, and every asked value stands.
    Updated,
    /// All asked values already stood; nothing was sent.
    Unchanged,
    /// A dry run: nothing was sent.
    Planned,
}

/// A field that differs between before and after.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The field.
    pub field: String,
    /// Its value before.
    pub before: Value,
    /// Its value after.
    pub after: Value,
    /// `false` marks what automation, or someone else meanwhile, changed.
    #[serde(skip_serializing_if = "is_true")]
    pub asked_for: bool,
}

/// A field that does not hold what was asked.
#[derive(Debug, Clone, Serialize)]
pub struct NotApplied {
    /// The field.
    pub field: String,
    /// What was asked.
    pub asked: Value,
    /// What stands.
    pub now: Value,
    /// Why, as far as can be told.
    pub why: Why,
    /// What to do.
    pub hint: String,
}

/// Why an asked value does not stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The portal kept the old value without saying why.
    Ignored,
    /// The portal's answer has no such field.
    UnknownToPortal,
    /// The portal works the value out itself.
    ComputedByPortal,
    /// The field is set on creation only.
    SetOnCreationOnly,
    /// The item's pipeline has no such stage, or the step is not allowed.
    NotInPipeline,
    /// The value is neither the old one nor the asked one: a rule, a robot or someone else set it.
    PortalSetAnotherValue,
}

impl Why {
    const fn hint(self) -> &'static str {
        match self {
            Self::Ignored => {
                "the portal kept the old value and gave no reason; check the value and whether \
                 the webhook's user may set this field"
            }
            Self::UnknownToPortal => {
                "the portal's answer does not show this field; check its name and whether this \
                 entity type has it"
            }
            Self::ComputedByPortal => {
                "the portal works this value out itself, from product rows for instance; change \
                 what it is worked out from"
            }
            Self::SetOnCreationOnly => "this field is set when an item is made and not later",
            Self::NotInPipeline => {
                "the item kept its stage; check that its pipeline has the asked one (to move \
                 between pipelines, send `categoryId` and `stageId` together)"
            }
            Self::PortalSetAnotherValue => {
                "a rule of the portal, a robot or another user set another value; find out \
                 whether it is right before sending it again"
            }
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_true(truth: &bool) -> bool {
    *truth
}

/// The outcome of a dry run: what would change.
pub(super) fn planned(item: &Map<String, Value>, plan: Plan) -> Outcome {
    let mut notes = plan.notes;
    let changes: Vec<Change> = plan
        .asked
        .iter()
        .filter(|asked| !asked.stands_in(item))
        .map(|asked| Change {
            field: asked.name.clone(),
            before: item.get(&asked.name).cloned().unwrap_or_default(),
            after: asked.wire.clone(),
            asked_for: true,
        })
        .collect();
    if changes.is_empty() {
        notes.push("all asked values already stand: the update would send nothing".to_owned());
    }
    Outcome::Stands { status: Status::Planned, changes, notes, item: item.clone() }
}

/// The outcome when there is nothing to send.
pub(super) fn unchanged(item: &Map<String, Value>, plan: Plan) -> Outcome {
    let item = item.clone();
    Outcome::Stands { status: Status::Unchanged, changes: Vec::new(), notes: plan.notes, item }
}

/// The outcome of an update that the portal answered with the item.
pub(super) fn compare(before: &Before, plan: Plan, after: After, entity: EntityType) -> Outcome {
    let After(item) = after;
    let Plan { asked, mut notes } = plan;
    let changes =
        before.item().map_or_else(Vec::new, |before| changes(before, &item, &asked, entity));

    let mut not_applied = Vec::new();
    let mut standing = Vec::new();
    for asked in &asked {
        let now = item.get(&asked.name);
        if asked.stands_in(&item) && now.is_some() {
            standing.push(asked);
        } else if asked.shape.is_rewritten(&asked.wire, now.unwrap_or(&Value::Null)) {
            notes.push(format!(
                "the portal rewrote `{}` in its own form: {}",
                asked.name,
                kind::shown(now.unwrap_or(&Value::Null))
            ));
            standing.push(asked);
        } else {
            let why = why(asked, before.item(), &item);
            not_applied.push(NotApplied {
                field: asked.name.clone(),
                asked: asked.wire.clone(),
                now: now.cloned().unwrap_or_default(),
                why,
                hint: why.hint().to_owned(),
            });
        }
    }
    if not_applied.is_empty() {
        return Outcome::Stands { status: Status::Updated, changes, notes, item };
    }
    let is_partial = match before.item() {
        Some(before) => standing.iter().any(|asked| !asked.stands_in(before)),
        None => !standing.is_empty(),
    };
    let written = match before {
        _ if is_partial || !changes.is_empty() => Written::Yes,
        Before::Item(_) => Written::No,
        Before::Unread(_) => Written::Unknown,
    };
    let failure = Box::new(missed(&not_applied, &standing, is_partial, written));
    let item = asked
        .iter()
        .filter_map(|asked| Some((asked.name.clone(), item.get(&asked.name)?.clone())))
        .collect();
    Outcome::Missed { failure, not_applied, changes, notes, item }
}

fn missed(
    not_applied: &[NotApplied],
    standing: &[&Asked],
    is_partial: bool,
    written: Written,
) -> Failure {
    let missing = name_list(not_applied.iter().map(|missed| missed.field.as_str()));
    let code = if is_partial { Code::PartlyApplied } else { Code::NotApplied };
    let message = format!("the portal answered success but did not apply {missing}");
    let hint = if standing.is_empty() {
        "see `notApplied` for what to correct".to_owned()
    } else {
        let standing = name_list(standing.iter().map(|asked| asked.name.as_str()));
        format!("do not send again what already stands: {standing}; see `notApplied` for the rest")
    };
    Failure { written, ..Failure::new(code, Retry::AfterFix, message, hint) }
}

fn name_list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Every field that differs, the asked ones first, without noise.
fn changes(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    asked: &[Asked],
    entity: EntityType,
) -> Vec<Change> {
    let difference = |name: &str, shape: Shape, asked_for: bool| {
        let (before, after) = (before.get(name)?, after.get(name)?);
        (!shape.same(before, after)).then(|| Change {
            field: name.to_owned(),
            before: before.clone(),
            after: after.clone(),
            asked_for,
        })
    };
    let of_asked = asked.iter().filter_map(|asked| difference(&asked.name, asked.shape, true));
    let of_others = after
        .keys()
        .filter(|name| !asked.iter().any(|asked| asked.name == **name))
        .filter_map(|name| {
            let row = catalog::field(entity, name).or_else(|| catalog::named(name));
            if row.is_some_and(|row| row.noise) {
                return None;
            }
            difference(name, Shape::one(row.map_or(Kind::Any, |row| row.kind)), false)
        });
    of_asked.chain(of_others).collect()
}

fn why(asked: &Asked, before: Option<&Map<String, Value>>, after: &Map<String, Value>) -> Why {
    let Some(now) = after.get(&asked.name) else {
        return Why::UnknownToPortal;
    };
    match asked.row.map(|row| row.access) {
        Some(Access::Computed) => return Why::ComputedByPortal,
        Some(Access::Immutable) => return Why::SetOnCreationOnly,
        _ => {}
    }
    let is_automatic =
        after.get("isManualOpportunity").is_some_and(|mode| kind::truth(mode) == Some(false));
    if asked.name == "opportunity" && is_automatic {
        return Why::ComputedByPortal;
    }
    let is_as_before = before
        .and_then(|before| before.get(&asked.name))
        .is_some_and(|before| asked.shape.same(before, now));
    match asked.shape.kind {
        Kind::Stage if is_as_before => Why::NotInPipeline,
        _ if is_as_before => Why::Ignored,
        _ => Why::PortalSetAnotherValue,
    }
}
