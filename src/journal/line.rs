//! The lines of a journal's file: one JSON object for each record.
//!
//! Readers of later versions find lines of this one: names and meanings stay, `v` grows when they
//! cannot.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    change_id::ChangeId,
    clean,
    record::{Begin, End, Origin, Part},
};

const VERSION: u32 = 1;
const BEGIN: &str = "begin";
const END: &str = "end";
const NAMES: &str = "names";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BeginLine<'a> {
    v: u32,
    record: &'static str,
    time: String,
    seq: u64,
    change: &'a ChangeId,
    part: u32,
    #[serde(flatten)]
    origin: &'a Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<&'static str>,
    #[serde(flatten)]
    begin: &'a Begin,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EndLine<'a> {
    v: u32,
    record: &'static str,
    time: String,
    run: &'a str,
    seq: u64,
    change: &'a ChangeId,
    of: u64,
    #[serde(flatten)]
    end: &'a End,
    ms: u64,
}

/// The line of a first record.
pub(super) fn of_begin(id: &ChangeId, origin: &Origin, part: &Part, has_values: bool) -> Vec<u8> {
    let names;
    let begin = if has_values {
        &part.begin
    } else {
        names = Begin {
            called: [].into(),
            before: clean::without_values(&part.begin.before),
            request: clean::without_values(&part.begin.request),
            ..part.begin.clone()
        };
        &names
    };
    written(&BeginLine {
        v: VERSION,
        record: BEGIN,
        time: format!("{:.3}", part.time),
        seq: part.seq,
        change: id,
        part: part.number,
        origin,
        values: (!has_values).then_some(NAMES),
        begin,
    })
}

/// The line of a second record, which belongs to the first one of that number.
pub(super) fn of_end(
    id: &ChangeId,
    run: &str,
    (seq, of): (u64, u64),
    (end, time, took): (&End, Timestamp, Duration),
    has_values: bool,
) -> Vec<u8> {
    let names;
    let end = if has_values {
        end
    } else {
        names = End {
            after: clean::without_values(&end.after),
            consequences: clean::without_values(&end.consequences),
            names: [].into(),
            ..end.clone()
        };
        &names
    };
    written(&EndLine {
        v: VERSION,
        record: END,
        time: format!("{time:.3}"),
        run,
        seq,
        change: id,
        of,
        end,
        ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn written(line: &impl Serialize) -> Vec<u8> {
    // Maps with texts or numbers as keys cannot fail to be written.
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text
}

/// What is read of every line to decide whether the rest is wanted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    v: u32,
    record: String,
    time: String,
    pub(super) run: String,
    seq: u64,
    pub(super) change: ChangeId,
    #[serde(default)]
    of: u64,
    #[serde(default)]
    part: u32,
    #[serde(default)]
    values: Option<String>,
    #[serde(default)]
    ms: u64,
    #[serde(default)]
    pub(super) portal: String,
    #[serde(default)]
    pub(super) entity_type_id: u32,
    #[serde(default)]
    pub(super) ids: Vec<u64>,
}

/// A record that was read.
pub(super) enum Record {
    /// The first one of an attempt.
    Begin(Origin, Box<Part>),
    /// The second one of the attempt of that number.
    End(u64, Box<End>, Duration),
}

impl Head {
    /// `None` when it is no line of this version.
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        let head: Self = serde_json::from_slice(line).ok()?;
        (head.v == VERSION && [BEGIN, END].contains(&head.record.as_str())).then_some(head)
    }

    pub(super) fn is_begin(&self) -> bool {
        self.record == BEGIN
    }

    pub(super) fn time(&self) -> Option<Timestamp> {
        self.time.parse().ok()
    }

    /// The whole record; `None` when something in it is not as it must be.
    pub(super) fn record(&self, line: &[u8]) -> Option<Record> {
        if !self.is_begin() {
            let end = serde_json::from_slice(line).ok()?;
            return Some(Record::End(self.of, Box::new(end), Duration::from_millis(self.ms)));
        }
        let part = Part {
            time: self.time()?,
            seq: self.seq,
            number: self.part,
            begin: serde_json::from_slice(line).ok()?,
            end: None,
            took: None,
            has_values: self.values.as_deref() != Some(NAMES),
        };
        Some(Record::Begin(serde_json::from_slice(line).ok()?, Box::new(part)))
    }
}
