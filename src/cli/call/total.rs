//! The account of a change that took several calls: the counts of all of them together. Pure.

use serde_json::{Map, Value, json};

use crate::{
    cli::words::{list, number, text},
    error::{Code, Failure, Retry, Written},
    tools::Words,
};

/// How a person goes on: the confirmation of an account ends with this process.
const REPEAT: &str = "to go on, repeat the command: what was changed is left as it is";

/// So many calls in a row may bring nothing.
const MOST_IDLE: u32 = 3;

/// What became of all items so far.
#[derive(Debug, Default)]
pub(super) struct Total {
    words: Option<&'static Words>,
    /// The id of the change, and of the one that is put back.
    ids: Map<String, Value>,
    calls: u32,
    /// How many calls in a row have brought nothing.
    idle: u32,
    /// How many items the change is for.
    count: usize,
    entity: Value,
    updated: usize,
    unchanged: usize,
    failed: Vec<Group>,
    conflicts: Vec<Group>,
    unknown: Vec<Value>,
    more_unknown: usize,
    left: usize,
    notes: Vec<String>,
    /// What the last answer was, and how to go on after it.
    error: Option<Value>,
    next: Option<String>,
    seconds_to_wait: u64,
}

/// Items with an equal reason.
#[derive(Debug)]
struct Group {
    count: usize,
    ids: Vec<u64>,
    reason: Map<String, Value>,
    /// What to choose from, where the answer says it.
    options: Option<Value>,
}

impl Total {
    /// Whether an answer counts what became of items.
    pub(super) fn is_account(answer: &Value) -> bool {
        words_of(answer).is_some()
    }

    /// Takes the answer of the next call in.
    pub(super) fn add(&mut self, answer: &Value) {
        let decided = self.decided();
        self.take_in(answer);
        self.idle = if self.decided() > decided { 0 } else { self.idle + 1 };
    }

    fn take_in(&mut self, answer: &Value) {
        self.error = answer.get("error").cloned();
        let error = self.error.as_ref().unwrap_or(&Value::Null);
        let seconds =
            [answer, error].into_iter().find_map(|it| it.get("retryAfterSeconds")?.as_u64());
        self.seconds_to_wait = seconds.unwrap_or(if error.is_null() { 0 } else { 5 });
        let has_unknown = list(answer, "unknown").next().is_some();
        let helps = error.is_null() || text(error, "retry") == "later" || has_unknown;
        let Some(words) = words_of(answer) else {
            // It has not even begun.
            self.next = self.next.take().filter(|_| helps);
            return;
        };
        self.words = Some(words);
        for name in ["undone", "changeId"] {
            self.ids.extend(answer.get(name).map(|id| (name.to_owned(), id.clone())));
        }
        if self.calls == 0 {
            self.count = number(answer, "count");
        }
        self.calls += 1;
        self.entity = answer["entityTypeId"].clone();
        self.unchanged += number(answer, "unchanged");
        self.updated += number(answer, words.written);
        add_groups(&mut self.failed, answer, words.failed);
        add_groups(&mut self.conflicts, answer, words.conflicts);
        self.unknown = list(answer, "unknown").cloned().collect();
        self.more_unknown = number(answer, "moreUnknown");
        self.left = number(answer, "left");
        let next = answer.pointer("/next/confirm").and_then(Value::as_str);
        self.next = next.filter(|_| helps).map(str::to_owned);
        for note in list(answer, "notes").filter_map(Value::as_str) {
            let is_for_assistants = note.contains("next.confirm");
            if !is_for_assistants && !self.notes.iter().any(|it| it == note) {
                self.notes.push(note.to_owned());
            }
        }
    }

    fn open(&self) -> usize {
        self.left + self.unknown.len() + self.more_unknown
    }

    /// How many items were decided.
    pub(super) fn decided(&self) -> usize {
        let exceptions: usize = self.failed.iter().chain(&self.conflicts).map(|it| it.count).sum();
        self.updated + self.unchanged + exceptions
    }

    /// What the next call has to repeat, where one can help.
    pub(super) fn next(&self) -> Option<String> {
        self.next.clone().filter(|_| self.idle < MOST_IDLE)
    }

    /// How long the next call has to wait.
    pub(super) const fn seconds_to_wait(&self) -> u64 {
        self.seconds_to_wait
    }

    /// Whether every item has the requested values.
    pub(super) fn is_done(&self) -> bool {
        self.error.is_none() && self.open() == 0 && self.is_clean()
    }

    fn is_clean(&self) -> bool {
        self.failed.is_empty() && self.conflicts.is_empty()
    }

    /// The account in the form of a single call's.
    pub(super) fn to_json(&self) -> Value {
        let words = self.words.unwrap_or(&Words::CHANGED);
        let error = self.error_of_all();
        let has_written = self.updated > 0 || !self.unknown.is_empty();
        let status = match &error {
            Some(_) if has_written => "partial",
            Some(_) => "not_applied",
            None if self.left > 0 => "paused",
            None if self.updated > 0 => words.written,
            None => "unchanged",
        };
        let mut json = Map::from_iter([
            ("ok".to_owned(), error.is_none().into()),
            ("status".to_owned(), status.into()),
            ("entityTypeId".to_owned(), self.entity.clone()),
        ]);
        json.extend(error.map(|error| ("error".to_owned(), error)));
        json.insert("count".to_owned(), self.count.into());
        json.insert(words.written.to_owned(), self.updated.into());
        json.insert("unchanged".to_owned(), self.unchanged.into());
        if self.left > 0 {
            json.insert("left".to_owned(), self.left.into());
        }
        for (key, groups) in [(words.failed, &self.failed), (words.conflicts, &self.conflicts)] {
            if !groups.is_empty() {
                json.insert(key.to_owned(), groups.iter().map(Group::to_json).collect());
            }
        }
        if !self.unknown.is_empty() {
            json.insert("unknown".to_owned(), self.unknown.clone().into());
        }
        if self.more_unknown > 0 {
            json.insert("moreUnknown".to_owned(), self.more_unknown.into());
        }
        let mut notes = self.notes.clone();
        if self.left > 0 {
            notes.push(REPEAT.to_owned());
        }
        json.insert("notes".to_owned(), notes.into());
        json.extend(self.ids.clone());
        json.into()
    }

    fn error_of_all(&self) -> Option<Value> {
        if self.is_clean() && self.open() == 0 {
            return None;
        }
        let written = match () {
            () if !self.unknown.is_empty() => Written::Unknown,
            () if self.updated > 0 => Written::Yes,
            () => Written::No,
        };
        // What stopped it is in the last answer.
        let stopped_by = self.error.as_ref().filter(|_| self.open() > 0);
        if let Some(Value::Object(error)) = stopped_by {
            let mut error = error.clone();
            error.insert("written".to_owned(), json!(written));
            error.insert("hint".to_owned(), REPEAT.into());
            return Some(error.into());
        }
        if self.is_clean() {
            return None;
        }
        if self.calls == 1 && self.error.is_some() {
            return self.error.clone();
        }
        let code = if self.updated > 0 { Code::PartlyApplied } else { Code::NotApplied };
        let were = if self.updated == 1 { "was" } else { "were" };
        let words = self.words.unwrap_or(&Words::CHANGED);
        let message = format!("{} of {} items {were} {}", self.updated, self.count, words.done);
        let hint = format!("see `{}` and `{}` for the reasons", words.failed, words.conflicts);
        let failure = Failure::new(code, Retry::AfterFix, message, hint);
        Some(Failure { written, ..failure }.to_json())
    }
}

/// The words of an answer that counts what became of items.
fn words_of(answer: &Value) -> Option<&'static Words> {
    let counts = |words: &&Words| answer.get(words.written).is_some_and(Value::is_number);
    [&Words::CHANGED, &Words::PUT_BACK].into_iter().find(counts)
}

fn add_groups(groups: &mut Vec<Group>, answer: &Value, key: &str) {
    for told in list(answer, key).filter_map(Value::as_object) {
        let mut reason = told.clone();
        reason.retain(|key, _| !["count", "ids", "options"].contains(&key.as_str()));
        let told = Value::Object(told.clone());
        let ids = list(&told, "ids").filter_map(Value::as_u64);
        let count = number(&told, "count");
        let options = told.get("options").cloned();
        match groups.iter_mut().find(|group| group.reason == reason) {
            Some(group) => {
                group.count += count;
                group.ids.extend(ids);
            }
            None => groups.push(Group { count, ids: ids.collect(), reason, options }),
        }
    }
}

impl Group {
    fn to_json(&self) -> Value {
        let mut json = Map::from_iter([
            ("count".to_owned(), self.count.into()),
            ("ids".to_owned(), self.ids.clone().into()),
        ]);
        json.extend(self.reason.clone());
        json.extend(self.options.clone().map(|options| ("options".to_owned(), options)));
        json.into()
    }
}

#[cfg(test)]
mod tests;
