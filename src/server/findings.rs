//! What is found when the arguments of a call are read, passed on to the tool.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(super) const ARGUMENTS: &str = "params.arguments";

/// What was found when the arguments of a call were read. It is passed on in the request's
/// `_meta`, because rmcp passes on nothing else.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Findings {
    /// What was repaired.
    pub(super) notes: Vec<String>,
    /// Which keys are given twice.
    pub(super) repeated: Vec<String>,
}

impl Findings {
    /// The key in `_meta`.
    const KEY: &str = "bitrix24-crm-mcp/findings";

    pub(super) fn new(notes: Vec<String>, repeated: &[String]) -> Self {
        let in_arguments = |path: &String| {
            let path = path.get(ARGUMENTS.len()..).unwrap_or_default();
            if path.is_empty() { "arguments".to_owned() } else { path.replacen('.', "", 1) }
        };
        Self { notes, repeated: repeated.iter().map(in_arguments).collect() }
    }

    /// Takes the findings out of a request's `_meta`.
    pub(super) fn of(meta: &Map<String, Value>) -> Self {
        let found = meta.get(Self::KEY).cloned();
        found.and_then(|found| serde_json::from_value(found).ok()).unwrap_or_default()
    }
}

/// Attaches findings to a call of a tool, replacing what a client may have sent as such.
pub(super) fn attach(message: &mut Value, findings: Findings) {
    if message.get("method").and_then(Value::as_str) != Some("tools/call") {
        return;
    }
    let Some(params) = message.get_mut("params").and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(Value::Object(meta)) = params.get_mut("_meta") {
        meta.shift_remove(Findings::KEY);
    }
    if findings.notes.is_empty() && findings.repeated.is_empty() {
        return;
    }
    let meta = params.entry("_meta").or_insert_with(|| Value::Object(Map::new()));
    if let (Value::Object(meta), Ok(findings)) = (meta, serde_json::to_value(findings)) {
        meta.insert(Findings::KEY.to_owned(), findings);
    }
}
