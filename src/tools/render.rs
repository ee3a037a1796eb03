//! What answers look like: successes, failures, and which fields of an item they show.

mod bounds;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::selection::Effect;
use crate::{
    change::{Change, NotApplied, Status},
    crm::{Item, Kind, catalog, catalog::KNOWN_BY},
    error::Failure,
    journal::ChangeId,
    portal::Scrubber,
};
use bounds::shorten_texts;

pub(super) use bounds::{
    MAX_ANSWER, bounded, cut_texts, length, make_visible, narrowed, narrowed_beside,
    narrowed_together,
};

/// The result of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The answer of the contract.
    Success(Value),
    /// The same for a failure, and a sentence for clients that show only the text.
    Error {
        /// Begins with `Error` and is complete.
        sentence: String,
        /// The answer of the contract.
        json: Value,
    },
}

impl Answer {
    /// The answer of a failure, bounded like the others: what is echoed may be of any size. A tool
    /// that only reads says nothing of writing.
    pub fn failed(failure: &Failure, effect: Effect) -> Self {
        let mut json = json!({"ok": false, "error": failure.to_json()});
        make_visible(&mut json);
        shorten_texts(&mut json);
        failed_with(failure, effect, json)
    }

    /// The JSON of the answer.
    pub(super) const fn json_mut(&mut self) -> &mut Value {
        match self {
            Self::Success(json) | Self::Error { json, .. } => json,
        }
    }

    /// Adds the id under which the change is recorded.
    pub(super) fn of_change(&mut self, change: &ChangeId) {
        if let Some(answer) = self.json_mut().as_object_mut() {
            answer.insert("changeId".to_owned(), change.to_string().into());
        }
    }

    /// How the call ended, for the log.
    pub(super) fn in_short(&self) -> &str {
        match self {
            Self::Success(json) => json.get("status").and_then(Value::as_str).unwrap_or("done"),
            Self::Error { sentence, .. } => sentence,
        }
    }

    /// The same without the secrets that portals echo.
    pub(super) fn scrubbed(mut self, scrubber: &Scrubber) -> Self {
        match &mut self {
            Self::Success(json) => scrubber.value(json),
            Self::Error { sentence, json } => {
                if let Cow::Owned(masked) = scrubber.text(sentence) {
                    *sentence = masked;
                }
                scrubber.value(json);
            }
        }
        self
    }
}

/// The answer when every requested value is applied.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Success {
    pub(super) ok: bool,
    #[schemars(with = "String")]
    pub(super) status: Status,
    pub(super) entity_type_id: u32,
    pub(super) id: u64,
    pub(super) link: String,
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub(super) changes: Vec<Change>,
    pub(super) notes: Vec<String>,
    #[schemars(with = "Map<String, Value>")]
    pub(super) item: Item,
}

/// What the answers of all tools that read have in common; more is in each of them.
#[derive(Serialize, JsonSchema)]
pub(super) struct ReadAnswer {
    ok: bool,
    notes: Vec<String>,
}

/// The answer when a requested value is not applied.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Missed {
    pub(super) ok: bool,
    pub(super) status: &'static str,
    pub(super) error: Failure,
    pub(super) not_applied: Vec<NotApplied>,
    pub(super) changes: Vec<Change>,
    pub(super) notes: Vec<String>,
    pub(super) item: Item,
}

/// The part of an item that an update answers: what people recognize it by, and the requested
/// fields. Texts of outsiders that nobody asked for are not repeated.
pub(super) fn recognizable_fields(item: Item, asked: &[String]) -> Item {
    const MAX_FIELDS: usize = 15;
    let (known_by, others): (Vec<_>, Vec<_>) = meaningful_fields(item)
        .into_iter()
        .filter(|(name, _)| KNOWN_BY.contains(&name.as_str()) || asked.contains(name))
        .partition(|(name, _)| KNOWN_BY.contains(&name.as_str()));
    known_by.into_iter().chain(others).take(MAX_FIELDS).collect()
}

/// The item without empty fields and without bookkeeping fields.
pub(super) fn meaningful_fields(item: Item) -> Item {
    item.into_iter()
        .filter(|(name, value)| {
            catalog::named(name).map_or(!Kind::Text.is_empty(value), |row| {
                !row.is_bookkeeping && !row.holds_nothing(value)
            })
        })
        .collect()
}

impl Success {
    /// The JSON of the answer, bounded in size.
    pub(super) fn into_json(mut self) -> Value {
        // The item is moved in and not copied: it is most of the answer.
        let item = std::mem::take(&mut self.item);
        let mut json = serde_json::to_value(self).unwrap_or_else(|_| json!({"ok": false}));
        if let Some(place) = json.get_mut("item") {
            *place = item.into();
        }
        bounded(json)
    }
}

impl Missed {
    /// The answer, bounded in size.
    pub(super) fn into_answer(self) -> Answer {
        let failure = self.error.clone();
        let json = serde_json::to_value(self).unwrap_or_else(|_| json!({"ok": false}));
        failed_with(&failure, Effect::Write, bounded(json))
    }
}

/// The answer of an error; its sentence repeats its message.
pub(super) fn failed_with(failure: &Failure, effect: Effect, json: Value) -> Answer {
    let message = json.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
    let sentence = match effect {
        Effect::Read => format!("Error: {message}."),
        Effect::Write => format!("Error: {message}; {}.", failure.written.in_words()),
    };
    Answer::Error { sentence, json }
}
