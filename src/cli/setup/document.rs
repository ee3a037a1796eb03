//! The text of a client's file with one entry set or taken out. Comments, order and everything else stay
//! as they are; a text that cannot be read for certain is left alone. Pure.

mod json;
mod toml;

use serde_json::{Map, Value};

use super::clients::Form;

/// Some editors of Windows begin a text with a byte order mark.
const MARK: &str = "\u{feff}";

/// Why a file is not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is not in its format.
    DoesNotParse,
    /// Where the servers are to stand there is something else.
    NoServers,
    /// Its lines end in two ways, which would not be kept.
    MixedLines,
    /// A key stands there twice, and clients differ in which one they take.
    Repeated,
}

/// A file, read.
pub(super) enum Document {
    Json(json::Json),
    Toml(toml::Toml),
}

impl Document {
    /// Reads a text; an empty one is an empty document.
    pub(super) fn parse(form: Form, text: &str) -> Result<Self, Unusable> {
        match form {
            Form::Json => json::Json::parse(text).map(Self::Json),
            Form::Toml => toml::Toml::parse(text).map(Self::Toml),
        }
    }

    /// The entry of a server.
    pub(super) fn entry(&self, key: &str, name: &str) -> Result<Option<Value>, Unusable> {
        match self {
            Self::Json(json) => json.entry(key, name),
            Self::Toml(toml) => toml.entry(key, name),
        }
    }

    /// Everything that it holds.
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Json(json) => json.value(),
            Self::Toml(toml) => toml.value(),
        }
    }

    /// The text in which the entry is this one; only what differs is written anew.
    pub(super) fn with(
        self,
        key: &str,
        name: &str,
        entry: &Map<String, Value>,
    ) -> Result<String, Unusable> {
        match self {
            Self::Json(json) => json.with(key, name, entry),
            Self::Toml(toml) => toml.with(key, name, entry),
        }
    }

    /// The text without the entry.
    pub(super) fn without(self, key: &str, name: &str) -> Result<String, Unusable> {
        match self {
            Self::Json(json) => json.without(key, name),
            Self::Toml(toml) => toml.without(key, name),
        }
    }
}
