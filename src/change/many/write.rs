//! Carries out a change of many items: one chunk after the other in ascending order, until all are
//! done, the time is over, or something stands in the way. Nothing goes on after the call has ended.

use super::{
    changes::Changes,
    chunk,
    look::Look,
    request::{Report, Stopped},
    run::Run,
};
use crate::account::Call;

/// The items that a change may be carried out for, in ascending order, all above a position.
pub(super) struct Approved {
    pub(super) ids: Vec<u64>,
    pub(super) position: u64,
}

/// Changes the items.
pub(super) async fn write(
    call: &Call<'_>,
    request_text: &str,
    changes: &Changes,
    look: &Look<'_>,
    Approved { ids, position }: &Approved,
) -> Report {
    let mut run = Run::new(call, changes, look, ids);
    let stopped = all_chunks(&mut run, ids.len()).await;
    if let Some(each) = run.size.per_item() {
        call.account.items.pace.remember(each);
    }
    let Run { queue, tally, mut notes, .. } = run;
    notes.extend(call.take_notes());
    let first_open = tally.unknown.iter().chain(&queue).min().copied();
    let next = first_open.and_then(|first_open| {
        let position = ids.iter().copied().filter(|id| *id < first_open).max().unwrap_or(*position);
        let rest: Vec<u64> = ids.iter().copied().filter(|id| *id > position).collect();
        call.account.items.confirmations.seal_interrupted(request_text, &rest, position)
    });
    Report { count: ids.len(), left: queue.len(), tally, stopped, next, notes: notes.into_vec() }
}

async fn all_chunks(run: &mut Run<'_>, count: usize) -> Option<Stopped> {
    run.call.progress(0, count);
    while !run.queue.is_empty() {
        if run.call.deadline.is_cancelled() {
            return Some(Stopped::Cancelled);
        }
        let writes = run.size.next(run.call.deadline.left());
        if writes == 0 {
            return Some(Stopped::Time);
        }
        let ids = run.next_chunk(writes);
        if let Err(stopped) = chunk::carry_out(run, ids, writes).await {
            return Some(stopped);
        }
        run.call.progress(run.tally.sum(), count);
    }
    None
}
