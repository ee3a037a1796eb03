//! Carries out a change of many items: one chunk after the other in ascending order, until all are
//! done, the time is over, or something stands in the way. Nothing goes on after the call has ended.

use std::sync::Arc;

use super::{
    changes::Changes,
    chunk,
    confirm::Approved,
    details::Standing,
    look::Look,
    request::{ManyRequest, Report, Stopped},
    run::Run,
};
use crate::{account::Call, items::Kept};

/// Changes the items.
pub(super) async fn write(
    call: &Call<'_>,
    request: &ManyRequest,
    request_text: &str,
    changes: &Changes,
    look: &Look<'_>,
    approved: &Approved,
) -> Report {
    let mut run = Run::new(call, changes, look, &approved.to_do);
    let stopped = all_chunks(&mut run, approved.to_do.len()).await;
    if let Some(each) = run.size.per_item() {
        call.account.items.pace.remember(each);
    }
    let Run { queue, mut tally, mut notes, .. } = run;
    if let Some(details) = &mut tally.details {
        for id in &queue {
            details.stands(*id, Standing::Left);
        }
    }
    notes.extend(call.take_notes());
    let mut to_do: Vec<u64> = tally.unknown.iter().chain(&queue).copied().collect();
    to_do.sort_unstable();
    let next = to_do.first().copied().and_then(|first| {
        let done = approved.to_do.iter().copied().filter(|id| *id < first);
        let position = done.max().unwrap_or(approved.position);
        let all = Arc::clone(&approved.all);
        let change = call.change().cloned();
        let kept = Kept {
            to_do: to_do.into(),
            all,
            has_begun: true,
            change,
            restores: request.which.restores(),
        };
        call.account.items.confirmations.keep(request_text, kept, position)
    });
    Report {
        count: approved.to_do.len(),
        left: queue.len(),
        tally,
        stopped,
        next,
        notes: notes.into_vec(),
    }
}

async fn all_chunks(run: &mut Run<'_>, count: usize) -> Option<Stopped> {
    run.call.progress(0, count);
    while !run.queue.is_empty() {
        if run.call.deadline.is_cancelled() {
            return Some(Stopped::Cancelled);
        }
        let writes = run.size.next(run.call.deadline.left());
        if writes == 0 {
            return Some(Stopped::Time { seconds: 0 });
        }
        let ids = run.next_chunk(writes);
        if let Err(stopped) = chunk::carry_out(run, ids, writes).await {
            return Some(stopped);
        }
        run.call.progress(run.tally.sum(), count);
        // So that it is told before the answer is.
        tokio::task::yield_now().await;
    }
    None
}
