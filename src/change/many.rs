//! How many items are changed: the same compile, plan, write and compare as for one, over a set that
//! is shown first and confirmed.
//!
//! See docs/bitrix24.md, "Batch" and "Lost answers", for what a portal does with many updates.

mod changes;
mod chunk;
mod confirm;
mod details;
mod frontier;
mod look;
mod lost;
mod notes;
mod planned;
mod preview;
mod request;
mod restoring;
mod run;
mod size;
mod tally;
mod unseen;
mod write;

pub use details::{Detail, Details, Standing};
pub use request::{
    MAX_ITEMS, ManyOutcome, ManyRequest, Preview, Report, Row, Sample, Stopped, UNCONFIRMED, Which,
};
pub use tally::{Group, Reason, Tally};

use std::sync::Arc;

use crate::{
    account::Call,
    error::{Code, Failure, Retry},
    items::Kept,
};
use changes::Changes;
use confirm::Approved;
use look::Look;

/// Shows or carries out a change of many items.
///
/// # Errors
///
/// What is wrong with the call, or why not even the items could be read.
pub async fn change_many(call: &Call<'_>, request: &ManyRequest) -> Result<ManyOutcome, Failure> {
    let policy = &call.account.policy;
    policy.allows_writing(request.entity)?;
    let given = request.which.named();
    policy.allows_count(given.len() as u64)?;
    let changes = Changes::compile(call, request).await?;
    let filter = match &request.which {
        Which::Filter(filter) => Some(filter),
        Which::Ids(_) | Which::Rows(_) | Which::Recorded(_) => None,
    };
    let look = Look::new(call, &changes, filter);
    let text =
        request.text(&format!("{} {}", call.account.address().page("/"), call.account.user()));
    if request.dry_run {
        return show(call, request, &changes, &look, &text, None).await;
    }
    let approved = match &request.confirm {
        None if filter.is_some() || given.len() > policy.confirm_above.unwrap_or(UNCONFIRMED) => {
            return show(call, request, &changes, &look, &text, None).await;
        }
        None => Approved::of(given),
        Some(confirm) => match confirm::approved(call, &look, &text, confirm, &given).await? {
            Some(approved) => approved,
            None => return show(call, request, &changes, &look, &text, Some(stale())).await,
        },
    };
    if let Some(change) = &approved.change {
        call.go_on_with(change.clone());
    }
    let mut report = write::write(call, request, &text, &changes, &look, &approved).await;
    let has_begun = report.tally.sum() > 0;
    match report.stopped {
        Some(Stopped::Failed(failure)) if !has_begun => Err(*failure),
        stopped => {
            report.stopped = stopped;
            Ok(ManyOutcome::Done(Box::new(report)))
        }
    }
}

fn stale() -> Failure {
    let message =
        "`confirm` does not belong to these items and arguments, or is older than 15 minutes";
    let hint = "nothing was written; this answer shows what would change now: show it to the user, and \
                repeat the call with the new `confirm`, if there is one";
    Failure::new(Code::Conflict, Retry::AfterFix, message, hint)
}

/// Shows what would change.
async fn show(
    call: &Call<'_>,
    request: &ManyRequest,
    changes: &Changes,
    look: &Look<'_>,
    text: &str,
    conflict: Option<Failure>,
) -> Result<ManyOutcome, Failure> {
    let preview::Shown { mut preview, ids } =
        preview::preview(call, request, changes, look).await?;
    if preview.to_change > 0 && !call.account.policy.only_shows(request.entity) {
        let ids: Arc<[u64]> = ids.into();
        let kept = Kept {
            to_do: Arc::clone(&ids),
            all: ids,
            has_begun: false,
            change: None,
            restores: request.which.restores(),
        };
        preview.confirm = call.account.items.confirmations.keep(text, kept, 0);
    }
    preview.conflict = conflict;
    Ok(ManyOutcome::Shown(Box::new(preview)))
}
