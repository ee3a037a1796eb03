//! One chunk: its items are read, planned, written together and compared. What cannot travel in a
//! batch unchanged, adds phones or sends files is written by itself.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    look, lost,
    planned::Planned,
    request::Stopped,
    run::{Run, Write},
    tally::{Fate, Reason},
};
use crate::{
    change::{apply, before::Before, explain, patch::Patch, record::Recording, verify},
    crm::ItemRef,
    error::{Code, Failure, Purpose, Written},
    items::{Items, Updates},
    portal::{ApiError, Disposition, ErrorKind, PortalError, batch::has_no_batches},
};

/// Reads and plans some items, in ascending order, writes the first ones that need it, and compares.
///
/// # Errors
///
/// Why the call cannot go on; what was not decided has been put back.
pub(super) async fn carry_out(
    run: &mut Run<'_>,
    ids: Vec<u64>,
    most_writes: usize,
) -> Result<(), Stopped> {
    // Before the locks, which would hold up other calls meanwhile.
    if let Err(stopped) = lost::wait_for_unanswered(run, &ids).await {
        run.put_back(ids);
        return Err(stopped);
    }
    let mut locks = Vec::with_capacity(ids.len());
    for id in &ids {
        let item = ItemRef { entity: run.changes.entity, id: *id };
        match run.call.account.items.locks.lock(item, &run.call.deadline).await {
            Ok(lock) => locks.push(lock),
            Err(expired) => {
                run.put_back(ids);
                return Err(run.stopped_by(Items::LIST, &expired.into(), Purpose::Reading));
            }
        }
    }
    let Planning { decided, mut writes } = match plan(run, &ids).await {
        Ok(planning) => planning,
        Err(stopped) => {
            run.put_back(ids);
            return Err(stopped);
        }
    };
    for (id, fate) in decided {
        run.decide(id, fate);
    }
    run.last_chunk = (ids.len(), writes.len());
    let later = writes.split_off(most_writes.min(writes.len()));
    run.put_back(later.into_iter().map(|write| write.item.id));
    write(run, writes).await
}

/// Why an item is left alone that a filter found before.
const NO_MATCH: &str = "no longer matches `filter`";

/// What is to be done with the items of a chunk.
#[derive(Default)]
struct Planning {
    /// Those that need no write.
    decided: Vec<(u64, Fate)>,
    writes: Vec<Write>,
}

/// Reads and plans the items.
async fn plan(run: &mut Run<'_>, ids: &[u64]) -> Result<Planning, Stopped> {
    let mut planning = Planning::default();
    let changes = run.changes;
    let unread = |error: &PortalError| run.stopped_by(Items::LIST, error, Purpose::Reading);
    let mut items = run.look.matching(ids).await.map_err(|error| unread(&error))?;
    let mut missing = look::missing(&items, ids);
    if run.look.has_filter() && !missing.is_empty() {
        let others = run.look.by_ids(&missing).await.map_err(|error| unread(&error))?;
        missing = look::missing(&others, &missing);
        for (item, planned) in changes.plan(run.call, others).await {
            run.tally.saw(&item);
            let fate = match planned {
                // Most likely written by an earlier call of the same change.
                Planned::Unchanged => Fate::Unchanged,
                _ => Fate::Conflict(Reason::new(Code::Conflict, NO_MATCH)),
            };
            planning.decided.extend(item.id().map(|id| (id, fate)));
        }
    }
    for id in missing {
        let read = run.unseen.read(run.call, changes, id).await;
        match read.map_err(|error| run.stopped_by(Items::GET, &error, Purpose::Reading))? {
            Ok(_) if run.look.has_filter() => {
                let reason = Reason::new(Code::Conflict, NO_MATCH);
                planning.decided.push((id, Fate::Conflict(reason)));
            }
            Ok(item) => items.push(item),
            Err(reason) => planning.decided.push((id, Fate::Failed(reason))),
        }
    }
    for (item, planned) in changes.plan(run.call, items).await {
        let Some(id) = item.id() else { continue };
        run.tally.saw(&item);
        match planned.into_plan() {
            Err(fate) => planning.decided.push((id, fate)),
            Ok(plan) => {
                run.notes.extend(plan.notes.iter().cloned());
                let item_ref = ItemRef { entity: changes.entity, id };
                planning.writes.push(Write { item: item_ref, before: Before::Item(item), plan });
            }
        }
    }
    planning.writes.sort_by_key(|write| write.item.id);
    Ok(planning)
}

async fn write(run: &mut Run<'_>, writes: Vec<Write>) -> Result<(), Stopped> {
    if writes.is_empty() {
        return Ok(());
    }
    let planned = writes.iter().map(|write| (write.item, &write.before, &write.plan));
    match Recording::begin(run.call, run.changes.naming, run.changes.entity, planned) {
        Ok(recording) => run.recording = Some(recording),
        Err(failure) => {
            run.put_back(writes.iter().map(|write| write.item.id));
            return Err(Stopped::Failed(Box::new(failure)));
        }
    }
    let ended = send(run, writes).await;
    if let Some(recording) = run.recording.take() {
        recording.end(run.call);
    }
    ended
}

async fn send(run: &mut Run<'_>, writes: Vec<Write>) -> Result<(), Stopped> {
    let mut updates = Updates::default();
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    for write in writes {
        if is_batched(run, &mut updates, &write).await {
            together.push(write);
        } else {
            alone.push(write);
        }
    }
    if let [_one] = together.as_slice() {
        alone.append(&mut together);
    }
    let ended = match together.as_slice() {
        [] => Ok(()),
        _ => write_together(run, updates, together, &mut alone).await,
    };
    alone.sort_by_key(|write| write.item.id);
    let mut alone = alone.into_iter();
    let ended = match ended {
        Ok(()) => write_alone(run, &mut alone).await,
        stopped => stopped,
    };
    run.put_back(alone.map(|write| write.item.id));
    ended
}

/// Writes several items with one request; what it cannot do is left for `alone`.
async fn write_together(
    run: &mut Run<'_>,
    updates: Updates,
    writes: Vec<Write>,
    alone: &mut Vec<Write>,
) -> Result<(), Stopped> {
    let (items, deadline) = (&run.call.account.items, &run.call.deadline);
    let ids_of = |writes: &[Write]| writes.iter().map(|write| write.item.id).collect::<Vec<_>>();
    let permit = match items.permit(deadline).await {
        Ok(permit) => permit,
        Err(error) => {
            run.put_back(ids_of(&writes));
            return Err(run.stopped_by(Items::UPDATE, &error, Purpose::Writing));
        }
    };
    let sent = Instant::now();
    let mut answer = match items.update_together(permit, &updates, deadline).await {
        Ok(answer) => answer,
        Err(error) if has_no_batches(&error) => {
            alone.extend(writes);
            return Ok(());
        }
        Err(error) => match error.disposition() {
            Disposition::NotExecuted | Disposition::Final => {
                run.put_back(ids_of(&writes));
                return Err(run.stopped_by(Items::UPDATE, &error, Purpose::Writing));
            }
            Disposition::FailedInside | Disposition::Cut | Disposition::MayRun => {
                // Its last attempt may have begun later than the first.
                return lost::settle(run, writes, &error, Instant::now()).await;
            }
        },
    };
    run.size.took(sent.elapsed(), updates.len());
    let mut stopped = Ok(());
    let mut to_look_at = Vec::new();
    let mut refusals: Vec<ApiError> = Vec::new();
    for write in writes {
        let error = match answer.take(write.item) {
            Ok(after) => {
                let may_be_misreported =
                    verify::may_be_misreported(&write.plan.asked, &after, write.item.entity);
                if may_be_misreported {
                    to_look_at.push((write, None));
                } else {
                    run.compare(&write, after);
                }
                continue;
            }
            Err(error) => error,
        };
        let PortalError::Refused(refusal) = &error else {
            to_look_at.push((write, Some(error)));
            continue;
        };
        match refusal.kind() {
            ErrorKind::Failed => to_look_at.push((write, Some(error))),
            // Neither has run.
            ErrorKind::OperationTimeLimit => {
                let method = Items::update_in_batch();
                stopped = Err(run.stopped_by(&method, &error, Purpose::Writing));
                run.put_back([write.item.id]);
            }
            ErrorKind::RateLimited if !run.failed_again(write.item.id) => {
                run.put_back([write.item.id]);
            }
            // A portal may repeat the error of an earlier command (docs/bitrix24.md, "Batch"); alone,
            // the item gets its own.
            _ if refusals.contains(refusal) && refusal.code == "ERROR_CORE" => alone.push(write),
            _ => {
                refusals.push(refusal.clone());
                let failure = run.call.failure(Items::UPDATE, &error, Purpose::Writing);
                let patch = Patch::of_item(write.item, run.changes.naming);
                let failure = explain::unwritten(run.call, &patch, &error, failure).await;
                run.decide(write.item.id, Fate::of_failure(&failure));
            }
        }
    }
    look_at(run, to_look_at).await;
    stopped
}

/// Decides by a new look what the answer of a finished batch does not tell.
async fn look_at(run: &mut Run<'_>, writes: Vec<(Write, Option<PortalError>)>) {
    if writes.is_empty() {
        return;
    }
    let ids: Vec<u64> = writes.iter().map(|(write, _)| write.item.id).collect();
    let looked = run.look.finally(&ids).await.unwrap_or_default();
    for (write, error) in writes {
        let id = write.item.id;
        let now = looked.iter().find(|item| item.id() == Some(id));
        match (now, error) {
            (None, _) => run.decide(id, Fate::Unknown),
            (Some(now), None) => run.compare(&write, now.clone()),
            (Some(now), Some(error)) => {
                let before = write.before.item();
                if verify::all_but_photos_are_applied(&write.plan.asked, before, now) {
                    run.compare(&write, now.clone());
                    continue;
                }
                let failure = run.call.failure(Items::UPDATE, &error, Purpose::Writing);
                let is_untouched = before.is_some_and(|before| {
                    !now.was_saved_since(before)
                        && verify::has_no_changes(before, now, &write.plan.asked)
                });
                run.decide(
                    id,
                    if is_untouched {
                        Fate::Failed(Reason::new(failure.code, failure.message))
                    } else {
                        Fate::Unknown
                    },
                );
            }
        }
    }
}

/// Writes one item after the other, as a call for a single one does.
async fn write_alone(
    run: &mut Run<'_>,
    writes: &mut impl Iterator<Item = Write>,
) -> Result<(), Stopped> {
    /// Below this no write is begun: it is read and settled within the call.
    const LEAST_TIME: Duration = Duration::from_secs(1);
    let deadline = &run.call.deadline;
    for write in writes {
        let id = write.item.id;
        let each = run.size.per_item().unwrap_or_default().max(LEAST_TIME);
        if deadline.is_cancelled() || !deadline.has(each) {
            run.put_back([id]);
            return Err(run.out_of_time());
        }
        let patch = Patch::of_item(write.item, run.changes.naming);
        let sent = Instant::now();
        let applied = apply::apply(run.call, &patch, &write.before, &write.plan).await;
        let failure = match applied {
            Ok(applied) => {
                run.size.took(sent.elapsed(), 1);
                run.compare_applied(&write, applied);
                continue;
            }
            Err(failure) => failure,
        };
        let followed = match what_follows(failure) {
            // Nothing was sent: there was no time left, or the client no longer wants it.
            Ok(_) if deadline.is_cancelled() => Err(run.out_of_time()),
            Ok(failure) if failure.code == Code::PortalFailed && !deadline.has(Duration::ZERO) => {
                Err(run.out_of_time())
            }
            followed => followed,
        };
        match followed {
            Ok(failure) => run.decide(id, Fate::of_failure(&failure)),
            Err(stopped) => {
                match &stopped {
                    Stopped::Lost(_) => run.decide(id, Fate::Unknown),
                    _ => run.put_back([id]),
                }
                return Err(stopped);
            }
        }
    }
    Ok(())
}

/// Whether a write was added to those that are sent together.
async fn is_batched(run: &Run<'_>, updates: &mut Updates, write: &Write) -> bool {
    let is_alone = !run.call.account.items.can_update_together()
        || !write.plan.can_be_repeated()
        || write.plan.picture().is_some();
    if is_alone {
        return false;
    }
    match write.plan.wire_fields().await {
        Ok(Some(fields)) => updates.add(write.item, run.changes.naming, fields),
        Ok(None) | Err(_) => false,
    }
}

/// Whether a failed write of one item concerns that item alone.
fn what_follows(failure: Failure) -> Result<Failure, Stopped> {
    match (failure.written, failure.code) {
        (Written::Unknown, _) => Err(Stopped::Lost(Box::new(failure))),
        (
            _,
            Code::RateLimited
            | Code::OperationTimeLimit
            | Code::PortalBlocked
            | Code::SignInFailed
            | Code::ScopeMissing
            | Code::PortalAddress
            | Code::PortalUnreachable,
        ) => Err(Stopped::by_failure(failure)),
        _ => Ok(failure),
    }
}
