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
    let mut open: Vec<(ItemRef, Arc<Open>)> =
        items.iter().filter_map(|item| Some((*item, unanswered.of(*item)?))).collect();
    if open.is_empty() {
        return Settled::Ended;
    }
    loop {
        let (mut looked_at, mut arrived) = (Vec::new(), Vec::new());
        let mut is_seen = true;
        for (item, write) in &open {
            // Those of one batch are looked at together.
            if looked_at.contains(item) {
                continue;
            }
            let Seen { asked, found } = look(call, naming, *item, write).await;
            is_seen &= found.is_some() || !write.is_of_a_batch();
            looked_at.extend(asked);
            arrived.extend(found.into_iter().flatten());
        }
        open.retain(|(item, _)| !arrived.contains(item));
        let Some(until) = open.iter().map(|(_, write)| write.until()).max() else {
            return Settled::Arrived;
        };
        let now = Instant::now();
        // Without a look it is not known whether a batch still moves.
        if until <= now && is_seen {
            for (item, _) in open {
                unanswered.forget(item);
            }
            return Settled::Ended;
        }
        let pause = match until.saturating_duration_since(now) {
            Duration::ZERO => BETWEEN_READS,
            left => BETWEEN_READS.min(left),
        };
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

/// What a look at open writes has shown.
struct Seen {
    /// The items that were looked at.
    asked: Vec<ItemRef>,
    /// Those whose writes have arrived; nothing when they could not be read.
    found: Option<Vec<ItemRef>>,
}

/// Looks at an item, or at all that is open of its batch, and takes note of what has arrived.
async fn look(call: &Call<'_>, naming: Naming, item: ItemRef, open: &Open) -> Seen {
    let items = &call.account.items;
    if !open.is_of_a_batch() {
        let now = call.read(item, naming).await.ok();
        let found = now.map(|now| {
            let has_arrived = open.has_arrived(&now);
            if has_arrived {
                items.unanswered.forget(item);
            }
            Vec::from_iter(has_arrived.then_some(item))
        });
        return Seen { asked: vec![item], found };
    }
    let sent_together = items.unanswered.sent_with(open);
    let asked: Vec<ItemRef> = sent_together.iter().map(|(item, _)| *item).collect();
    let ids: Vec<u64> = asked.iter().map(|item| item.id).collect();
    let query = Query {
        entity: item.entity,
        select: vec!["*".to_owned()],
        filter: Map::from_iter([("@id".to_owned(), json!(ids))]),
        order: Map::new(),
        start: None,
    };
    let Ok(page) = items.list(query, &call.deadline).await else {
        return Seen { asked, found: None };
    };
    let mut found = Vec::new();
    for (item, open) in &sent_together {
        let now = page.items.iter().find(|now| now.id() == Some(item.id));
        if now.is_some_and(|now| open.has_arrived(now)) {
            items.unanswered.arrived(*item, open);
            found.push(*item);
        }
    }
    Seen { asked, found: Some(found) }
}
