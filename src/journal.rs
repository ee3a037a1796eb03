//! The journal: what was to be written, what had been there, and what came of it, of every change.
//!
//! Two records for each attempt to write: one before anything is sent, one when the outcome is
//! known. A first one without a second one is an unknown outcome. They are kept in memory, within
//! bounds, and appended to a file where one is set. What is never recorded is said in `clean`, how
//! a file is written in `file`, and how it is read in `reader`.

mod change_id;
mod memory;
mod record;
mod unavailable;

use std::{
    fmt,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

pub use change_id::ChangeId;
pub use record::{Begin, ByItem, Change, ClientName, End, Origin, Part};
pub use unavailable::Unavailable;

use crate::{crm::ItemRef, random};
use memory::Memory;

/// What is recorded where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The file that records are appended to; without one they are in memory only.
    pub file: Option<PathBuf>,
    /// What of them the file gets.
    pub values: Values,
}

/// What the file gets of records. Memory always has everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Values {
    /// Names of fields and their values.
    #[default]
    All,
    /// Names of fields alone: values are personal data. Such a change cannot be undone after a
    /// restart.
    Names,
}

/// Whose changes are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// The portal's host.
    pub portal: String,
    /// The user of the credentials, where it is known.
    pub user: Option<String>,
}

/// A change that is about to be made. All its attempts, also those of later calls that go on with it,
/// are recorded under its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChange {
    /// Its id.
    pub id: ChangeId,
    /// The tool that makes it.
    pub tool: &'static str,
    /// The program that asked for it.
    pub client: Option<ClientName>,
}

/// Changes that were found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// The changes, the newest first.
    pub changes: Vec<Change>,
    /// How many lines of the file could not be read: such as the last one of a process that was
    /// killed, and those of a later version of this program.
    pub unreadable: usize,
}

type Scrub = dyn Fn(&mut Value) + Send + Sync;

/// The journal of one signed-in user at one portal.
pub struct Journal {
    settings: Settings,
    whose: Whose,
    run: String,
    scrub: Box<Scrub>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    memory: Memory,
    next_seq: u64,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Journal {
    /// An empty journal; no file is opened yet. `scrub` masks secrets in a value.
    pub fn new(
        settings: Settings,
        whose: Whose,
        scrub: impl Fn(&mut Value) + Send + Sync + 'static,
    ) -> Self {
        Self {
            settings,
            whose,
            run: random::text().unwrap_or_else(|_| Timestamp::now().as_nanosecond().to_string()),
            scrub: Box::new(scrub),
            state: Mutex::default(),
        }
    }

    /// A change with an id of its own; nothing is recorded yet.
    pub fn new_change(&self, tool: &'static str, client: Option<ClientName>) -> NewChange {
        NewChange { id: ChangeId::new(), tool, client }
    }

    /// Records an attempt before anything of it is sent. It waits for a second at most for the lock of
    /// the file.
    ///
    /// # Errors
    ///
    /// Why the file could not be written. Then nothing is recorded, and the caller must send nothing.
    pub fn begin(&self, change: &NewChange, begin: Begin) -> Result<Entry<'_>, Unavailable> {
        let origin = Origin {
            run: self.run.clone(),
            tool: change.tool.to_owned(),
            client: change.client.clone(),
            portal: self.whose.portal.clone(),
            user: self.whose.user.clone(),
        };
        let mut state = self.state();
        let seq = state.next_seq;
        state.next_seq += 1;
        let bytes = length(&begin);
        let part = Part { time: now(), seq, begin, end: None, took: None, has_values: true };
        state.memory.begin(&change.id, origin, part, bytes);
        drop(state);
        Ok(Entry { journal: self, change: change.id.clone(), seq, began: Instant::now() })
    }

    /// The newest change of this process that may have written something.
    pub fn last_change(&self) -> Option<Change> {
        self.state().memory.last().cloned()
    }

    /// A change of this portal, from memory or from the file.
    ///
    /// # Errors
    ///
    /// Why the file could not be read.
    pub fn change(&self, id: &ChangeId) -> Result<Option<Change>, Unavailable> {
        Ok(self.state().memory.change(id).cloned())
    }

    /// The newest changes of an item, from memory and from the file.
    ///
    /// # Errors
    ///
    /// Why the file could not be read.
    pub fn changes_of(&self, item: ItemRef, most: usize) -> Result<History, Unavailable> {
        let state = self.state();
        let changes = state.memory.newest_first().filter(|change| change.is_of(item));
        Ok(History { changes: changes.take(most).cloned().collect(), unreadable: 0 })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that was begun. Without an end its outcome stays unknown.
#[derive(Debug)]
#[must_use]
pub struct Entry<'a> {
    journal: &'a Journal,
    change: ChangeId,
    seq: u64,
    began: Instant,
}

impl Entry<'_> {
    /// Records what came of it.
    ///
    /// # Errors
    ///
    /// Why the file could not be written. The outcome is recorded in memory all the same.
    pub fn end(self, end: End) -> Result<(), Unavailable> {
        let mut state = self.journal.state();
        state.next_seq += 1;
        let took = Duration::from_millis(
            u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
        );
        let bytes = length(&end);
        state.memory.end(&self.change, self.seq, end, took, bytes);
        Ok(())
    }
}

/// The time as files show it: in milliseconds.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

fn length(record: &impl Serialize) -> usize {
    serde_json::to_vec(record).map_or(0, |text| text.len())
}

#[cfg(test)]
mod tests;
