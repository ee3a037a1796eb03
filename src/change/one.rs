//! How one item is changed: read, plan, write, compare. The flow alone; each step is a module of its
//! own.

use super::{
    apply,
    before::{self, Before},
    earlier, explain, naming,
    patch::Patch,
    plan::Plan,
    prepare,
    record::Recording,
    verify::{self, Outcome, Why},
};
use crate::{
    account::Call,
    crm::ItemRef,
    error::{Choice, Code, Failure, Retry},
    items::ItemLock,
};

/// Changes an item, or says why not. The call's earlier notes come first among those of
/// the outcome.
///
/// # Errors
///
/// Whatever prevented the request or made the portal reject it. An update that the
/// portal accepted and carried out in part or not at all is an [`Outcome`].
pub async fn change(call: &Call<'_>, patch: &Patch) -> Result<Outcome, Failure> {
    let policy = &call.account.policy;
    policy.allows_writing(patch.item.entity)?;
    let denied = patch.denied_by(policy);
    if !denied.is_empty() {
        return Err(Failure::refused_arguments(denied));
    }
    let _lock = lock(call, patch.item).await?;
    let notes = call.take_notes();
    earlier::wait(call, patch).await;
    let before = before::read(call, patch).await?;
    let plan = prepare::plan(call, patch, &before).await?;
    carry_out(call, patch, before, plan, notes).await
}

/// Waits until no other call changes the item.
///
/// # Errors
///
/// When that takes longer than the call may.
pub(super) async fn lock(call: &Call<'_>, item: ItemRef) -> Result<ItemLock, Failure> {
    let lock = call.account.items.locks.lock(item, &call.deadline).await;
    lock.map_err(|_| {
        let message = "other calls are still changing the same item";
        Failure::new(Code::Busy, Retry::Later, message, "repeat the call when they have finished")
    })
}

/// Carries a plan out, or shows what it would change.
///
/// # Errors
///
/// Whatever prevented the request or made the portal reject it.
pub(super) async fn carry_out(
    call: &Call<'_>,
    patch: &Patch,
    before: Before,
    plan: Plan,
    mut notes: Vec<String>,
) -> Result<Outcome, Failure> {
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
    let write = std::iter::once((patch.item, &before, &plan));
    let mut recording = Recording::begin(call, patch.naming, patch.item.entity, write)?;
    let applied = apply::apply(call, patch, &before, &plan);
    let applied = match naming::beside(call, questions, applied).await {
        Ok(applied) => applied,
        Err(failure) => {
            recording.failed(patch.item.id, failure.code, failure.written);
            recording.end(call);
            return Err(with_files(failure, &plan));
        }
    };
    notes.extend(call.take_notes());
    let mut outcome = verify::compare(&before, &plan, applied, notes);
    recording.outcome(call, patch.item, &plan, &outcome);
    recording.end(call);
    outcome.add_notes(call.take_notes());
    add_stages(call, patch, &mut outcome).await;
    Ok(outcome)
}

/// Names the files of a call whose outcome is not known.
fn with_files(failure: Failure, plan: &Plan) -> Failure {
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
