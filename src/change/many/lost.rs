//! A batch whose answer was lost: its items are looked at until it is known how far the portal came,
//! or the call's time is over. See `frontier` for the rules.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    frontier::{Frontier, Next},
    request::Stopped,
    run::{Run, Write},
    size::USUAL_TIME,
    tally::{Fate, Reason},
};
use crate::{
    change::verify,
    crm::{Item, ItemRef},
    error::{Code, Purpose},
    items::Items,
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
        let is_over = run.call.deadline.is_cancelled() || !deadline.has(pause);
        if is_over || deadline.wait(tokio::time::sleep(pause)).await.is_err() {
            break false;
        }
    };
    let reached = frontier.reached();
    if reached > 0 {
        run.notes.extend([LOST_ANSWER.to_owned()]);
    }
    for (at, write) in writes.into_iter().enumerate() {
        let id = write.item.id;
        let now = seen.iter().find(|item| item.id() == Some(id));
        match now {
            Some(now) if at < reached => run.compare(&write, now.clone()),
            _ if is_settled && run.failed_again(id) => {
                let message = "the portal fails when it changes this item, and nothing was written";
                run.decide(id, Fate::Failed(Reason::new(Code::PortalFailed, message)));
            }
            _ if is_settled => run.put_back([id]),
            _ => {
                run.decide(id, Fate::Unknown);
                let (before, asked) = (write.before.item().cloned(), Arc::clone(&write.plan.asked));
                let unanswered = &run.call.account.items.unanswered;
                unanswered.remember_since(sent, write.item, move |now| {
                    asked.iter().all(|asked| asked.is_applied(before.as_ref(), now))
                });
            }
        }
    }
    if is_settled {
        return Ok(());
    }
    let failure = run.call.failure(Items::UPDATE, error, Purpose::Writing);
    Err(Stopped::Lost(Box::new(failure)))
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
    const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
    let unanswered = &run.call.account.items.unanswered;
    let of = |id: &u64| ItemRef { entity: run.changes.entity, id: *id };
    let mut open: Vec<_> =
        ids.iter().filter_map(|id| Some((*id, unanswered.of(of(id))?))).collect();
    let deadline = &run.call.deadline;
    loop {
        let Some(until) = open.iter().map(|(_, open)| open.until).max() else { return Ok(()) };
        let ids: Vec<u64> = open.iter().map(|(id, _)| *id).collect();
        if let Ok(items) = run.look.by_ids(&ids).await {
            open.retain(|(id, open)| {
                let now = items.iter().find(|item| item.id() == Some(*id));
                let has_arrived = now.is_some_and(|now| open.has_arrived(now));
                if has_arrived {
                    unanswered.forget(of(id));
                }
                !has_arrived
            });
        }
        if open.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        if until <= now {
            for (id, _) in open {
                unanswered.forget(of(&id));
            }
            return Ok(());
        }
        let pause = BETWEEN_LOOKS.min(until - now);
        if !deadline.has(pause) {
            return Err(Stopped::Time);
        }
        deadline
            .wait(tokio::time::sleep(pause))
            .await
            .map_err(|expired| run.stopped_by(Items::LIST, &expired.into(), Purpose::Reading))?;
    }
}
