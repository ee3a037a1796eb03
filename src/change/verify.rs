//! The last step: compares the request with the result, field by field. Pure.
//!
//! A portal answers 200 when it ignored half of a request (docs/bitrix24.md, "Silent drops"); this
//! step detects that.

mod changes;
mod missed;
mod why;

use std::collections::HashMap;

use serde::Serialize;

use super::{
    after::{Applied, PhotoUpload},
    asked::{Asked, Want},
    before::Before,
    plan::Plan,
};
use crate::{
    crm::{
        EntityType, Family, Item, kind,
        multifield::{self, Operation, Record},
    },
    error::{Failure, Written},
};
pub use changes::Change;
pub use missed::NotApplied;
pub use why::Why;

/// How an update that the portal accepted ended.
#[derive(Debug)]
pub enum Outcome {
    /// Every requested value is applied, or would be sent.
    Succeeded {
        /// Whether that was so before.
        status: Status,
        /// What differs between before and after.
        changes: Vec<Change>,
        /// Repairs, rewrites and what could not be known.
        notes: Vec<String>,
        /// The item.
        item: Item,
        /// The fields that were asked for.
        asked: Vec<String>,
    },
    /// At least one requested value is not applied.
    Missed {
        /// The error, with code `PARTLY_APPLIED`, `NOT_APPLIED` or `CHANGED_BY_PORTAL`.
        failure: Box<Failure>,
        /// The fields that do not have the requested value.
        not_applied: Vec<NotApplied>,
        /// What differs between before and after.
        changes: Vec<Change>,
        /// Repairs, rewrites and what could not be known.
        notes: Vec<String>,
        /// The asked fields of the item.
        item: Item,
        /// What people call the item.
        title: Option<String>,
    },
}

impl Outcome {
    /// Adds what there is to say beside the comparison.
    pub(super) fn add_notes(&mut self, more: Vec<String>) {
        match self {
            Self::Succeeded { notes, .. } | Self::Missed { notes, .. } => notes.extend(more),
        }
    }

    /// What differs between before and after.
    pub(super) fn changes(&self) -> &[Change] {
        match self {
            Self::Succeeded { changes, .. } | Self::Missed { changes, .. } => changes,
        }
    }

    /// What there is to say of it.
    pub(super) fn into_notes(self) -> Vec<String> {
        match self {
            Self::Succeeded { notes, .. } | Self::Missed { notes, .. } => notes,
        }
    }
}

/// What a success means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The portal saved the item, and every field has the requested value.
    Updated,
    /// All fields already had the requested values; nothing was sent.
    Unchanged,
    /// A dry run: nothing was sent.
    Planned,
}

/// Whether every requested field that is no picture has its value.
pub(super) fn all_but_photos_are_applied(
    asked: &[Asked],
    before: Option<&Item>,
    after: &Item,
) -> bool {
    asked
        .iter()
        .filter(|asked| !matches!(asked.want, Want::Picture(_)))
        .all(|asked| asked.is_applied(before, after) || asked.is_rewritten(before, after))
}

/// Whether the picture has been replaced as requested.
pub(super) fn photos_are_applied(asked: &[Asked], before: Option<&Item>, after: &Item) -> bool {
    let mut pictures = asked.iter().filter(|asked| matches!(asked.want, Want::Picture(_)));
    pictures.all(|asked| asked.is_applied(before, after))
}

/// Whether nothing differs but bookkeeping fields.
pub(super) fn has_no_changes(before: &Item, after: &Item, asked: &[Asked]) -> bool {
    changes::made(before, after, asked).is_empty()
}

/// Whether the portal's answer may call a field empty that still holds its value: that happens to
/// custom fields with several values and to companies' fields.
pub(super) fn may_be_misreported(asked: &[Asked], after: &Item, entity: EntityType) -> bool {
    let is_company = entity.family() == Some(Family::Company);
    asked.iter().any(|asked| {
        let may_be_misreported = is_company || (asked.row.is_none() && asked.shape.is_multiple);
        may_be_misreported && asked.is_clearing() && asked.is_applied(None, after)
    })
}

/// The outcome of a dry run: what would change.
pub(super) fn planned(item: Item, plan: &Plan, mut notes: Vec<String>) -> Outcome {
    let changes = changes::planned(&item, &plan.asked);
    if changes.is_empty() {
        notes.push("every field already has the requested value: nothing would be sent".to_owned());
    }
    let (status, asked) = (Status::Planned, names(&plan.asked));
    Outcome::Succeeded { status, changes, notes, item, asked }
}

/// The outcome when there is nothing to send.
pub(super) fn unchanged(item: Item, plan: &Plan, notes: Vec<String>) -> Outcome {
    let (status, asked) = (Status::Unchanged, names(&plan.asked));
    Outcome::Succeeded { status, changes: Vec::new(), notes, item, asked }
}

fn names(asked: &[Asked]) -> Vec<String> {
    asked.iter().map(|asked| asked.name.clone()).collect()
}

/// The outcome of an update that the portal answered with the item.
pub(super) fn compare(
    before: &Before,
    plan: &Plan,
    applied: Applied,
    mut notes: Vec<String>,
) -> Outcome {
    let Applied { after: item, photo } = applied;
    let asked = &*plan.asked;
    let changes = match before.item() {
        Some(before) => changes::made(before, &item, asked),
        None => Vec::new(),
    };

    let is_picture_sent = !matches!(photo, PhotoUpload::NotAsked | PhotoUpload::NotSent);
    for asked in asked {
        let is_sent = is_picture_sent || !matches!(asked.want, Want::Picture(_));
        let sent = asked.want.uploads().filter(|_| is_sent);
        notes.extend(sent.map(|upload| format!("`{}` was sent {}", asked.name, upload.named())));
    }
    let mut not_applied = Vec::new();
    let mut applied = missed::AppliedFields::default();
    for asked in asked {
        if asked.is_applied(before.item(), &item) {
            applied.add(asked, before.item());
        } else if asked.is_rewritten(before.item(), &item) {
            notes.push(format!(
                "the portal rewrote `{}` in its own form: {}",
                asked.name,
                kind::shown(&asked.answered(&item))
            ));
            applied.add(asked, before.item());
        } else if let Want::Records(operations) = &asked.want {
            let missed = missed_records(asked, operations, before.item(), &item, &mut applied);
            not_applied.extend(missed);
        } else {
            let why = why::why(asked, before.item(), &item, &photo);
            let now = asked.answered(&item);
            let mut missed = NotApplied::new(asked.name.clone(), asked.shown(), now, why);
            if why == Why::ComputedByPortal && asked.name == "opportunity" {
                missed::MANUAL_AMOUNT.clone_into(&mut missed.hint);
            }
            not_applied.push(missed);
        }
    }
    if not_applied.is_empty() {
        let (status, asked) = (Status::Updated, names(asked));
        return Outcome::Succeeded { status, changes, notes, item, asked };
    }
    let is_hidden = not_applied.iter().any(|missed| missed.why == Why::UnknownToPortal);
    let written = match before {
        _ if applied.has_new || !changes.is_empty() => Written::Yes,
        // What the item does not show may have been written all the same.
        Before::Item(before) if is_hidden && item.was_saved_since(before) => Written::Yes,
        Before::Item(_) if is_hidden => Written::Unknown,
        Before::Item(_) => Written::No,
        Before::Unread(_) => Written::Unknown,
    };
    let mut failure = missed::failure(asked, before, &not_applied, &applied, written, &photo);
    match photo {
        PhotoUpload::Refused(refused) => failure.portal = refused.portal,
        PhotoUpload::Lost(lost) => {
            notes.push("the photo may or may not have been stored".to_owned());
            failure.portal = lost.portal;
            if failure.written == Written::No {
                failure.written = Written::Unknown;
            }
        }
        PhotoUpload::NotAsked | PhotoUpload::Sent | PhotoUpload::NotSent => {}
    }
    let title = item.called();
    let item = asked
        .iter()
        .filter(|asked| item.shows(&asked.name))
        .map(|asked| (asked.name.clone(), asked.answered(&item)))
        .collect();
    Outcome::Missed { failure: Box::new(failure), not_applied, changes, notes, item, title }
}

/// The records that were not applied; those that were are added to `applied`.
fn missed_records(
    asked: &Asked,
    operations: &[Operation],
    before: Option<&Item>,
    item: &Item,
    applied: &mut missed::AppliedFields,
) -> Vec<NotApplied> {
    let old = multifield::records(before.and_then(|before| before.get(&asked.name)));
    let new = multifield::records(item.get(&asked.name));
    let (old_by_id, new_by_id) = (multifield::by_id(&old), multifield::by_id(&new));
    let mut missed = Vec::new();
    for (operation, stands) in operations.iter().zip(multifield::standing(operations, &old, &new)) {
        let key = operation.key();
        let field = format!("{}.{key}", asked.name);
        if stands {
            applied.names.push(field);
            applied.has_new = true;
            continue;
        }
        let id = key.parse::<i64>().ok();
        let shown = |records: &HashMap<i64, &Record>| Some(records.get(&id?)?.shown());
        let (was, now) = (shown(&old_by_id), shown(&new_by_id));
        let why = match () {
            () if !item.shows(&asked.name) => Why::UnknownToPortal,
            () if was == now => Why::Ignored,
            () => Why::PortalSetAnotherValue,
        };
        missed.push(NotApplied::new(field, operation.shown(), now.unwrap_or_default(), why));
    }
    missed
}

#[cfg(test)]
mod tests;
