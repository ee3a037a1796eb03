//! A change of many items that is under way: what is to come, what was decided, and what is known of
//! the portal's pace.

use std::collections::{HashMap, VecDeque};

use super::{
    changes::Changes,
    look::Look,
    notes::Notes,
    request::Stopped,
    size::ChunkSize,
    tally::{Fate, Tally},
    unseen::Unseen,
};
use crate::{
    account::Call,
    change::{
        after::{Applied, PhotoUpload},
        before::Before,
        plan::Plan,
        record::Recording,
        verify,
    },
    crm::{Item, ItemRef},
    error::{Code, Purpose, Written},
    items::Page,
    portal::PortalError,
};

/// A change of many items that is under way.
pub(super) struct Run<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) changes: &'a Changes,
    pub(super) look: &'a Look<'a>,
    /// Those to come, in ascending order.
    pub(super) queue: VecDeque<u64>,
    pub(super) tally: Tally,
    pub(super) size: ChunkSize,
    pub(super) unseen: Unseen,
    pub(super) notes: Notes,
    /// The record of the chunk that is being written.
    pub(super) recording: Option<Recording<'a>>,
    /// How many items of the last chunk were read, and how many of them written.
    pub(super) last_chunk: (usize, usize),
    /// How often an item's write has brought nothing.
    failures: HashMap<u64, u32>,
}

/// A planned write of one item.
pub(super) struct Write {
    pub(super) item: ItemRef,
    pub(super) before: Before,
    pub(super) plan: Plan,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        call: &'a Call<'a>,
        changes: &'a Changes,
        look: &'a Look<'a>,
        ids: &[u64],
    ) -> Self {
        Self {
            call,
            changes,
            look,
            queue: ids.iter().copied().collect(),
            tally: Tally::new(call.renders_card()),
            size: ChunkSize::new(call.account.items.pace.seen()),
            unseen: Unseen::default(),
            notes: Notes::new(changes.note.clone()),
            recording: None,
            last_chunk: (1, 1),
            failures: HashMap::new(),
        }
    }

    /// The items of the next chunk, of which `writes` may be written: more are read where few of the last
    /// ones needed a write.
    pub(super) fn next_chunk(&mut self, writes: usize) -> Vec<u64> {
        let (read, written) = self.last_chunk;
        let count = (writes * read / written.max(1)).clamp(writes, Page::LENGTH.max(writes));
        self.queue.drain(..count.min(self.queue.len())).collect()
    }

    /// Why a call cannot go on that has no time left, or was cancelled.
    pub(super) fn out_of_time(&self) -> Stopped {
        if self.call.deadline.is_cancelled() {
            Stopped::Cancelled
        } else {
            Stopped::Time { seconds: 0 }
        }
    }

    pub(super) fn decide(&mut self, id: u64, fate: Fate) {
        if let Some(recording) = &mut self.recording {
            match &fate {
                Fate::Failed(reason) | Fate::Conflict(reason) => {
                    recording.failed(id, reason.code, Written::No);
                }
                Fate::Unknown => recording.failed(id, Code::PortalFailed, Written::Unknown),
                Fate::Updated | Fate::Unchanged => {}
            }
        }
        self.tally.add(id, fate);
    }

    /// Takes items back that have to be looked at again.
    pub(super) fn put_back(&mut self, ids: impl IntoIterator<Item = u64>) {
        self.queue.extend(ids);
        self.queue.make_contiguous().sort_unstable();
    }

    /// Decides an item by what it shows after its write.
    pub(super) fn compare(&mut self, write: &Write, after: Item) {
        let applied = Applied { after, photo: PhotoUpload::NotAsked };
        self.compare_applied(write, applied);
    }

    /// The same where a photo may have been sent.
    pub(super) fn compare_applied(&mut self, write: &Write, applied: Applied) {
        self.tally.saw(&applied.after);
        let outcome = verify::compare(&write.before, &write.plan, applied, Vec::new());
        if let Some(details) = &mut self.tally.details {
            details.changed(write.item.id, outcome.changes());
        }
        if let Some(recording) = &mut self.recording {
            recording.outcome(self.call, write.item, &write.plan, &outcome);
        }
        let fate = Fate::of_outcome(&outcome);
        if matches!(fate, Fate::Updated) {
            self.tally.stays(write.item.id, &write.plan.stays);
        }
        self.decide(write.item.id, fate);
        self.notes.extend(outcome.into_notes());
    }

    /// Whether an item's write has failed too often to be sent again, although it provably brought
    /// nothing.
    pub(super) fn failed_again(&mut self, id: u64) -> bool {
        const MOST: u32 = 3;
        let failures = self.failures.entry(id).or_default();
        *failures += 1;
        *failures >= MOST
    }

    /// Why a call cannot go on after a failed request that wrote nothing.
    pub(super) fn stopped_by(
        &self,
        method: &str,
        error: &PortalError,
        purpose: Purpose,
    ) -> Stopped {
        match error {
            PortalError::Cancelled => Stopped::Cancelled,
            PortalError::DeadlineExceeded { seconds, .. } => Stopped::Time { seconds: *seconds },
            PortalError::TimedOut => Stopped::Time { seconds: 0 },
            error => Stopped::by_failure(self.call.failure(method, error, purpose)),
        }
    }
}
