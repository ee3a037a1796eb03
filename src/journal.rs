//! The journal: what was to be written, what had been there, and what came of it, of every change.
//!
//! Two records for each attempt to write: one before anything is sent, one when the outcome is
//! known. A first one without a second one is an unknown outcome. They are kept in memory, within
//! bounds, and appended to a file where one is set. What is never recorded is said in `clean`, how
//! a file is written in `file`, and how it is read in `reader`.

mod change_id;
mod clean;
mod file;
mod line;
mod memory;
mod reader;
mod record;
mod unavailable;

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::Value;

pub use change_id::ChangeId;
pub use clean::is_left_out;
pub use file::can_be_written;
pub use reader::{History, Wanted, read};
pub use record::{Begin, ByItem, Change, ClientName, End, Origin, Part, UNKNOWN};
pub use unavailable::Unavailable;

use crate::{
    crm::{ItemRef, Kind},
    random,
};
use clean::Scrub;
use file::Appended;
use memory::Memory;
use reader::newest_first;

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

/// The journal of one signed-in user at one portal.
pub struct Journal {
    settings: Settings,
    whose: Whose,
    run: String,
    scrub: Box<Scrub>,
    state: Mutex<State>,
}

/// What calls that come at once take turns with.
#[derive(Debug)]
struct State {
    memory: Memory,
    file: Option<Appended>,
    next_seq: u64,
}

impl State {
    /// Writes the line of the next record to the file, if there is one.
    fn append(&mut self, line: &[u8]) -> Result<(), Unavailable> {
        if let Some(file) = &mut self.file {
            file.append(line)?;
        }
        // The number of a line that was not written is free: gaps tell of lines that are missing.
        self.next_seq += 1;
        Ok(())
    }
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
        let file = settings.file.as_deref().map(Appended::new);
        Self {
            settings,
            whose,
            run: random::text().unwrap_or_else(|_| Timestamp::now().as_nanosecond().to_string()),
            scrub: Box::new(scrub),
            state: Mutex::new(State { memory: Memory::default(), file, next_seq: 1 }),
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
    pub fn begin(&self, change: &NewChange, mut begin: Begin) -> Result<Entry<'_>, Unavailable> {
        let started = Instant::now();
        clean::begin(&mut begin, &*self.scrub);
        let kinds = begin.kinds.clone();
        let origin = Origin {
            run: self.run.clone(),
            tool: change.tool.to_owned(),
            client: change.client.clone(),
            portal: self.whose.portal.clone(),
            user: self.whose.user.clone(),
        };
        let mut state = self.state();
        let part = Part {
            time: now(),
            seq: state.next_seq,
            number: state.memory.next_number(&change.id),
            begin,
            end: None,
            took: None,
            has_values: true,
        };
        let line = |has_values| line::of_begin(&change.id, &origin, &part, has_values);
        let whole = line(true);
        match self.settings.values {
            Values::All => state.append(&whole)?,
            Values::Names => state.append(&line(false))?,
        }
        let seq = part.seq;
        state.memory.begin(&change.id, origin, part, whole.len());
        drop(state);
        Ok(Entry { journal: self, change: change.id.clone(), seq, kinds, started })
    }

    /// The newest change of this process that may have written something.
    pub fn last_change(&self) -> Option<Change> {
        self.state().memory.last().cloned()
    }

    /// A change of this portal, from memory and from the file.
    ///
    /// # Errors
    ///
    /// Why the file could not be read, where memory does not have the whole change.
    pub fn change(&self, id: &ChangeId) -> Result<Option<Change>, Unavailable> {
        let known = self.state().memory.change(id).cloned();
        if known.as_ref().is_some_and(Change::has_all_parts) {
            return Ok(known);
        }
        let wanted = Wanted { change: Some(id), ..Wanted::default() };
        let found = self.read(wanted)?.changes.pop();
        Ok(match (known, found) {
            (Some(known), Some(found)) => Some(known.with_parts_of(found)),
            (known, found) => known.or(found),
        })
    }

    /// The newest changes of an item, from memory and from the file.
    ///
    /// # Errors
    ///
    /// Why the file could not be read.
    pub fn changes_of(&self, item: ItemRef, most: usize) -> Result<History, Unavailable> {
        let known: Vec<Change> = {
            let state = self.state();
            let of_item = state.memory.newest_first().filter(|change| change.is_of(item));
            of_item.cloned().collect()
        };
        let mut history =
            self.read(Wanted { item: Some(item), most: Some(most), ..Wanted::default() })?;
        for change in known {
            match history.changes.iter_mut().find(|found| found.id == change.id) {
                Some(found) => *found = change.with_parts_of(found.clone()),
                None => history.changes.push(change),
            }
        }
        newest_first(&mut history.changes);
        history.changes.truncate(most);
        Ok(history)
    }

    /// The changes of this portal in the file.
    fn read(&self, wanted: Wanted<'_>) -> Result<History, Unavailable> {
        match &self.settings.file {
            Some(file) => read(file, &Wanted { portal: Some(&self.whose.portal), ..wanted }),
            None => Ok(History::default()),
        }
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
    kinds: BTreeMap<String, Kind>,
    started: Instant,
}

impl Entry<'_> {
    /// Records what came of it.
    ///
    /// # Errors
    ///
    /// Why the file could not be written. The outcome is recorded in memory all the same.
    pub fn end(self, mut end: End) -> Result<(), Unavailable> {
        clean::end(&mut end, &self.kinds, &*self.journal.scrub);
        let took = milliseconds(self.started.elapsed());
        let mut state = self.journal.state();
        let (seq, time) = (state.next_seq, now());
        let line = |has_values| {
            let run = &self.journal.run;
            line::of_end(&self.change, run, (seq, self.seq), (&end, time, took), has_values)
        };
        let whole = line(true);
        let written = match self.journal.settings.values {
            Values::All => state.append(&whole),
            Values::Names => state.append(&line(false)),
        };
        state.memory.end(&self.change, self.seq, end, took, whole.len());
        written
    }
}

/// The time as files show it: in milliseconds.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// A time in whole milliseconds, as files have it.
fn milliseconds(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
