//! Reads changes from a journal's file, line by line: it may be far larger than what is wanted of it.
//!
//! A line that is no whole record is counted and skipped: the last one of a process that was killed,
//! damage, records of a later version.

use std::{
    cmp::Reverse,
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek},
    path::Path,
};

use jiff::Timestamp;

use super::{
    change_id::ChangeId,
    line::{Head, Record},
    record::Change,
    unavailable::Unavailable,
};
use crate::crm::ItemRef;

/// Changes that were found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// The changes, the newest first.
    pub changes: Vec<Change>,
    /// How many lines of the file could not be read: such as the last one of a process that was
    /// killed, and those of a later version of this program.
    pub unreadable: usize,
}

/// Which changes are wanted: those of which an attempt is as all of these say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// At the portal of this host.
    pub portal: Option<&'a str>,
    /// With this id.
    pub change: Option<&'a ChangeId>,
    /// Of this item.
    pub item: Option<ItemRef>,
    /// Begun at this time or later.
    pub since: Option<Timestamp>,
    /// So many of the newest.
    pub most: Option<usize>,
}

/// Longer lines are no records; each is written at once.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// The wanted changes of a file, each with all its attempts. Without the file there are none.
///
/// # Errors
///
/// Why the file could not be read.
pub fn read(path: &Path, wanted: &Wanted<'_>) -> Result<History, Unavailable> {
    let failed = |error: io::Error| Unavailable::new("cannot be read", &error);
    // A pipe or a device would be waited for.
    match path.metadata() {
        Ok(metadata) if metadata.is_file() => {}
        Ok(metadata) if metadata.is_dir() => {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        Ok(_) => return Ok(History::default()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(History::default()),
        Err(error) => return Err(failed(error)),
    }
    let file = File::open(path).map_err(failed)?;
    read_twice(file, wanted).map_err(failed)
}

/// Which changes are wanted is known when all lines were seen, so there are two passes.
fn read_twice(file: File, wanted: &Wanted<'_>) -> io::Result<History> {
    let mut reader = BufReader::new(file);
    let mut unreadable = 0;
    let mut found: HashMap<ChangeId, usize> = HashMap::new();
    each_line(&mut reader, |line| match Head::of(line) {
        None => unreadable += 1,
        Some(head) if is_wanted(&head, wanted) => {
            let place = found.len();
            found.entry(head.change).or_insert(place);
        }
        Some(_) => {}
    })?;
    let first = found.len().saturating_sub(wanted.most.unwrap_or(usize::MAX));
    found.retain(|_, place| *place >= first);
    if found.is_empty() {
        return Ok(History { changes: Vec::new(), unreadable });
    }

    reader.rewind()?;
    let mut changes: HashMap<ChangeId, Change> = HashMap::new();
    each_line(&mut reader, |line| {
        let head = Head::of(line).filter(|head| found.contains_key(&head.change));
        let Some(head) = head else {
            return;
        };
        match head.record(line) {
            None => unreadable += 1,
            Some(Record::Begin(origin, part)) => {
                let change = changes.entry(head.change.clone()).or_insert_with(|| Change {
                    id: head.change,
                    parts: Vec::new(),
                    origin,
                });
                change.parts.push(*part);
            }
            Some(Record::End(of, end, took)) => {
                let change = changes.get_mut(&head.change).filter(|it| it.run() == head.run);
                let mut parts = change.into_iter().flat_map(|change| &mut change.parts);
                if let Some(part) = parts.find(|part| part.seq == of) {
                    part.end = Some(*end);
                    part.took = Some(took);
                }
            }
        }
    })?;
    let mut changes: Vec<Change> = changes.into_values().collect();
    changes.sort_by_key(|change| Reverse(found.get(&change.id).copied()));
    newest_first(&mut changes);
    Ok(History { changes, unreadable })
}

/// Sorts by time; those of one moment keep their order.
pub(super) fn newest_first(changes: &mut [Change]) {
    changes.sort_by_key(|change| Reverse(change.started()));
}

fn is_wanted(head: &Head, wanted: &Wanted<'_>) -> bool {
    let is_of =
        |item: ItemRef| head.entity_type_id == item.entity.id() && head.ids.contains(&item.id);
    head.is_begin()
        && wanted.portal.is_none_or(|portal| head.portal == portal)
        && wanted.change.is_none_or(|change| head.change == *change)
        && wanted.item.is_none_or(is_of)
        && wanted.since.is_none_or(|since| head.time().is_some_and(|time| time >= since))
}

/// Calls `take` with every line that is not empty, without its line end.
fn each_line(reader: &mut BufReader<File>, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(MOST_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        // Of a longer line each piece is looked at, and none is a record.
        let content = line.strip_suffix(b"\n").unwrap_or(&line);
        if !content.trim_ascii().is_empty() {
            take(content);
        }
    }
}
