//! A batch whose answer was lost: its items are looked at until it is known how far the portal came,
//! or the call's time is over. See `frontier` for the rules.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    frontier::{Frontier, Next},
    look::spelt,
    request::Stopped,
    run::{Run, Write},
    size::USUAL_TIME,
    tally::{Fate, Reason},
};
use crate::{
    change::{
        earlier::{self, Settled},
        verify,
    },
    crm::{Item, ItemRef, Naming},
    error::{Code, Purpose},
    items::{Arrival, Items},
    portal::{Disposition, PortalError},
};

const LOST_ANSWER: &str =
    "an answer of the portal was lost; reading the items showed which updates were applied";

/// Settles what became of the items of a batch without an answer.
pub(super) async fn settle(
    run: &mut Run<'_>,
    writes: Vec<Write>,
    error: &PortalError,
    sent: Instant,
) -> Result<(), Stopped> {
    run.size.lost();
    let has_stopped = error.disposition() == Disposition::FailedInside;
    let ids: Vec<u64> = writes.iter().map(|write| write.item.id).collect();
    let each = run.size.per_item().unwrap_or(USUAL_TIME);
    let mut frontier = Frontier::new(ids.len(), each);
    let mut seen: Vec<Item> = Vec::new();
    let deadline = run.call.deadline.for_final_read();
    let is_settled = loop {
        let looked = run.look.finally(&ids).await;
        let next = match looked {
            Ok(items) => {
                seen = items;
                let stands = writes.iter().map(|write| stands(write, &seen)).collect();
                frontier.seen(stands, sent.elapsed(), has_stopped)
            }
            Err(_) => Next::LookAgain(Duration::from_secs(2)),
        };
        let Next::LookAgain(pause) = next else { break true };
        if !deadline.has(pause) {
            break false;
        }
        tokio::select! {
            biased;
            () = run.call.deadline.cancelled() => break false,
            () = tokio::time::sleep(pause) => {}
        }
    };
    let reached = frontier.reached();
    if reached > 0 {
        run.notes.extend([LOST_ANSWER.to_owned()]);
    }
    let mut open: Vec<(ItemRef, Arrival)> = Vec::new();
    for (at, write) in writes.into_iter().enumerate() {
        let id = write.item.id;
        let now = seen.iter().find(|item| item.id() == Some(id));
        let before = write.before.item();
        let was_saved = now.zip(before).is_some_and(|(now, before)| now.was_saved_since(before));
        match now {
            Some(now) if at < reached => run.compare(&write, now.clone()),
            // Written and changed since, or ignored: sending it again would repeat what followed.
            Some(now) if is_settled && was_saved => run.compare(&write, now.clone()),
            _ if is_settled && run.failed_again(id) => {
                let message = "the portal fails when it changes this item, and nothing was written";
                run.decide(id, Fate::Failed(Reason::new(Code::PortalFailed, message)));
            }
            _ if is_settled => run.put_back([id]),
            _ => {
                run.decide(id, Fate::Unknown);
                open.push((write.item, arrival(run.changes.naming, &write)));
            }
        }
    }
    if is_settled || open.is_empty() {
        return Ok(());
    }
    let (moved_at, standstill) = (sent + frontier.moved_at(), frontier.standstill());
    run.call.account.items.unanswered.remember_batch(sent, moved_at, standstill, open);
    let failure = run.call.failure(Items::UPDATE, error, Purpose::Writing);
    Err(Stopped::Lost(Box::new(failure)))
}

/// Whether an item with names in camelCase shows that the write was carried out.
fn arrival(naming: Naming, write: &Write) -> Arrival {
    let (before, asked) = (write.before.item().cloned(), Arc::clone(&write.plan.asked));
    Box::new(move |now| {
        let now = spelt(now.clone(), naming);
        asked.iter().all(|asked| asked.is_applied(before.as_ref(), &now))
    })
}

fn stands(write: &Write, seen: &[Item]) -> bool {
    let now = seen.iter().find(|item| item.id() == Some(write.item.id));
    now.is_some_and(|now| {
        verify::all_but_photos_are_applied(&write.plan.asked, write.before.item(), now)
    })
}

/// Waits until earlier writes of these items that got no answer have arrived or can no longer do so.
///
/// # Errors
///
/// When the call's time does not last so long.
pub(super) async fn wait_for_unanswered(run: &Run<'_>, ids: &[u64]) -> Result<(), Stopped> {
    let items: Vec<ItemRef> =
        ids.iter().map(|id| ItemRef { entity: run.changes.entity, id: *id }).collect();
    match earlier::settle(run.call, run.changes.naming, &items, false).await {
        Settled::Arrived | Settled::Ended => Ok(()),
        Settled::Open => Err(run.out_of_time()),
    }
}
