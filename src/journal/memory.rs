//! The newest changes of this process, within bounds.

use std::{collections::VecDeque, time::Duration};

use super::{
    change_id::ChangeId,
    record::{Change, End, Origin, Part},
};
use crate::error::Written;

/// The most changes, and their most bytes as JSON.
const MOST: usize = 200;
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Of how many forgotten changes it is known how many attempts they had.
const MOST_FORGOTTEN: usize = 1_000;

/// The changes, those last that were last worked on.
#[derive(Debug, Default)]
pub(super) struct Memory {
    kept: VecDeque<Kept>,
    bytes: usize,
    forgotten: VecDeque<(ChangeId, u32)>,
}

#[derive(Debug)]
struct Kept {
    change: Change,
    bytes: usize,
}

impl Memory {
    /// The number of the next attempt of a change.
    pub(super) fn next_number(&self, id: &ChangeId) -> u32 {
        let forgotten = || self.forgotten.iter().rev().find(|(forgotten, _)| forgotten == id);
        let known = self.change(id).map(attempts);
        known.or_else(|| forgotten().map(|(_, attempts)| *attempts)).unwrap_or_default() + 1
    }

    /// Adds an attempt of so many bytes; the oldest changes go to make room for it.
    pub(super) fn begin(&mut self, id: &ChangeId, origin: Origin, part: Part, bytes: usize) {
        let at = self.kept.iter().position(|kept| kept.change.id == *id);
        let mut kept = at.and_then(|at| self.kept.remove(at)).unwrap_or_else(|| Kept {
            change: Change { id: id.clone(), parts: Vec::new(), origin },
            bytes: 0,
        });
        kept.change.parts.push(part);
        kept.bytes += bytes;
        self.kept.push_back(kept);
        self.bytes += bytes;
        self.make_room();
    }

    /// Adds the end of an attempt.
    pub(super) fn end(&mut self, id: &ChangeId, seq: u64, end: End, took: Duration, bytes: usize) {
        let Some(kept) = self.kept.iter_mut().find(|kept| kept.change.id == *id) else {
            return;
        };
        if let Some(part) = kept.change.parts.iter_mut().find(|part| part.seq == seq) {
            part.end = Some(end);
            part.took = Some(took);
            kept.bytes += bytes;
            self.bytes += bytes;
        }
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.kept.len() > 1 && (self.kept.len() > MOST || self.bytes > MOST_BYTES) {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= oldest.bytes;
                let attempts = attempts(&oldest.change);
                self.forgotten.push_back((oldest.change.id, attempts));
            }
            if self.forgotten.len() > MOST_FORGOTTEN {
                self.forgotten.pop_front();
            }
        }
    }

    pub(super) fn change(&self, id: &ChangeId) -> Option<&Change> {
        self.newest_first().find(|change| change.id == *id)
    }

    /// The newest change that may have written something.
    pub(super) fn last(&self) -> Option<&Change> {
        self.newest_first().find(|change| change.written() != Written::No)
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Change> {
        self.kept.iter().rev().map(|kept| &kept.change)
    }
}

/// How many attempts a change has had so far.
fn attempts(change: &Change) -> u32 {
    change.parts.last().map_or(0, |part| part.number)
}
