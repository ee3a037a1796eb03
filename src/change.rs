//! How one item is changed: read, plan, write, compare.
//!
//! The flow alone; each step is a module of its own. It knows no MCP and no HTTP: patches come in
//! parsed, the portal is reached through an account.

mod after;
mod apply;
mod asked;
mod attempts;
mod before;
mod codes;
mod compile;
mod earlier;
mod explain;
mod files;
mod intent;
mod links;
mod lists;
mod lookups;
mod many;
mod naming;
mod patch;
mod plan;
mod prepare;
mod required;
mod settle;
mod stages;
mod verify;

pub use compile::obvious_problems;
pub use many::{
    Group, MAX_ITEMS, ManyOutcome, ManyRequest, Preview, Reason, Report, Row, Sample, Stopped,
    Tally, UNCONFIRMED, Which, change_many,
};
pub use patch::Patch;
pub use verify::{Change, NotApplied, Outcome, Status, Why};

use crate::{
    account::Call,
    crm::{Item, ItemRef, Naming},
    error::{Choice, Code, Failure, Retry},
};

/// Reads an item.
///
/// # Errors
///
/// Whatever kept the portal from answering it.
pub async fn read(call: &Call<'_>, item: ItemRef, naming: Naming) -> Result<Item, Failure> {
    match call.read(item, naming).await {
        Ok(item) => Ok(item),
        Err(error) => Err(explain::unread(call, item, &error).await),
    }
}

/// Changes an item, or says why not. The call's earlier notes come first among those of
/// the outcome.
///
/// # Errors
///
/// Whatever prevented the request or made the portal reject it. An update that the
/// portal accepted and carried out in part or not at all is an [`Outcome`].
pub async fn change(call: &Call<'_>, patch: &Patch) -> Result<Outcome, Failure> {
    let lock = call.account.items.locks.lock(patch.item, &call.deadline).await;
    let _lock = lock.map_err(|_| {
        let message = "other calls are still changing the same item";
        Failure::new(Code::Busy, Retry::Later, message, "repeat the call when they have finished")
    })?;
    let mut notes = call.take_notes();
    earlier::wait(call, patch).await;
    let before = before::read(call, patch).await?;
    let plan = prepare::plan(call, patch, &before).await?;
    notes.extend(plan.notes.iter().cloned());
    notes.extend(call.take_notes());
    let questions = naming::questions(call, patch, before.item(), &plan.asked);
    if let Some(item) = before.item().filter(|item| patch.dry_run || plan.is_applied(item)) {
        naming::ask(call, questions).await;
        return Ok(if patch.dry_run {
            verify::planned(item.clone(), &plan, notes)
        } else {
            verify::unchanged(item.clone(), &plan, notes)
        });
    }
    let applied = apply::apply(call, patch, &before, &plan);
    let applied = naming::beside(call, questions, applied).await;
    let applied = applied.map_err(|failure| with_files(failure, &plan))?;
    notes.extend(call.take_notes());
    let mut outcome = verify::compare(&before, &plan, applied, notes);
    add_stages(call, patch, &mut outcome).await;
    Ok(outcome)
}

/// Names the files of a call whose outcome is not known.
fn with_files(failure: Failure, plan: &plan::Plan) -> Failure {
    let files: Vec<String> =
        plan.uploads().map(|(field, upload)| format!("{} for `{field}`", upload.named())).collect();
    let hint = match files.as_slice() {
        [] => failure.hint,
        files => format!("{}; files of the call: {}", failure.hint, files.join(", ")),
    };
    Failure { hint, ..failure }
}

/// Adds the pipeline's stages to a stage that was not applied, with one request.
async fn add_stages(call: &Call<'_>, patch: &Patch, outcome: &mut Outcome) {
    let entity = patch.item.entity;
    let Outcome::Missed { not_applied, item, .. } = outcome else { return };
    let missed = not_applied.iter_mut().find(|missed| {
        missed.why == Why::NotInPipeline && explain::is_stage(entity, &missed.field)
    });
    let Some(missed) = missed else { return };
    let code = missed.now.as_str().unwrap_or_default();
    let stages = explain::stages(call, entity, code, item).await;
    missed.options = stages.into_iter().map(|it| Choice { code: it.code, name: it.name }).collect();
}
