//! An earlier write of the same item that got no answer: the next change waits until it is applied
//! or can no longer be.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, json};
use tokio::time::Instant;

use super::patch::Patch;
use crate::{
    account::Call,
    crm::{ItemRef, Naming},
    items::{Open, Query},
};

/// The pause between reads that check whether it was applied.
const BETWEEN_READS: Duration = Duration::from_secs(2);

/// Waits for it as long as the call's time allows; its outcome becomes a note.
pub(super) async fn wait(call: &Call<'_>, patch: &Patch) {
    let unanswered = &call.account.items.unanswered;
    if unanswered.of(patch.item).is_none() {
        return;
    }
    let still_open = || {
        call.note(
            "an earlier write of this item got no answer and may still be running at the portal: it \
             may change the item after this call",
        );
    };
    if patch.dry_run {
        return still_open();
    }
    match settle(call, patch.naming, &[patch.item], true).await {
        Settled::Open => still_open(),
        Settled::Arrived => {
            call.note(
                "an earlier write of this item, whose answer was lost, has since been applied",
            );
        }
        Settled::Ended => {}
    }
}

/// What became of earlier writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// One of them may still run.
    Open,
    /// All of them were applied.
    Arrived,
    /// They can no longer be applied.
    Ended,
}

/// Waits until earlier writes of these items without an answer have been applied or can no longer be;
/// `leaves_time` keeps back what the call needs for its own work.
pub(super) async fn settle(
    call: &Call<'_>,
    naming: Naming,
    items: &[ItemRef],
    leaves_time: bool,
) -> Settled {
    let unanswered = &call.account.items.unanswered;
    let open_of = |items: &[ItemRef]| -> Vec<(ItemRef, Arc<Open>)> {
        items.iter().filter_map(|item| Some((*item, unanswered.of(*item)?))).collect()
    };
    loop {
        let mut looked_at: Vec<ItemRef> = Vec::new();
        for (item, open) in open_of(items) {
            // Those of one batch are looked at together.
            if !looked_at.contains(&item) {
                looked_at.extend(look(call, naming, item, &open).await);
            }
        }
        let open = open_of(items);
        let Some(until) = open.iter().map(|(_, open)| open.until()).max() else {
            return Settled::Arrived;
        };
        let now = Instant::now();
        if until <= now {
            for (item, _) in open {
                unanswered.forget(item);
            }
            return Settled::Ended;
        }
        let pause = BETWEEN_READS.min(until - now);
        let has_time = if leaves_time {
            call.deadline.has_besides_work(pause)
        } else {
            call.deadline.has(pause)
        };
        if !has_time || call.deadline.wait(tokio::time::sleep(pause)).await.is_err() {
            return Settled::Open;
        }
    }
}

/// Looks at an item, or at all that is open of its batch, and takes note of what has arrived.
async fn look(call: &Call<'_>, naming: Naming, item: ItemRef, open: &Open) -> Vec<ItemRef> {
    let items = &call.account.items;
    if !open.is_of_a_batch() {
        if let Ok(now) = call.read(item, naming).await
            && open.has_arrived(&now)
        {
            items.unanswered.forget(item);
        }
        return vec![item];
    }
    let sent_together = items.unanswered.sent_with(open);
    let ids: Vec<u64> = sent_together.iter().map(|(item, _)| item.id).collect();
    let query = Query {
        entity: item.entity,
        select: vec!["*".to_owned()],
        filter: Map::from_iter([("@id".to_owned(), json!(ids))]),
        order: Map::new(),
        start: None,
    };
    let seen = items.list(query, &call.deadline).await.map(|page| page.items).unwrap_or_default();
    for (item, open) in &sent_together {
        let now = seen.iter().find(|now| now.id() == Some(item.id));
        if now.is_some_and(|now| open.has_arrived(now)) {
            items.unanswered.arrived(*item, open);
        }
    }
    sent_together.into_iter().map(|(item, _)| item).collect()
}
