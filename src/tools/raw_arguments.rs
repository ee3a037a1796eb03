//! The arguments of a call before anything is known of its tool.

use serde_json::Value;

use crate::json;

/// The arguments of a call as they came, and what was found when they were read.
#[derive(Debug, Default)]
pub struct RawArguments {
    /// The arguments, mostly an object.
    pub arguments: Value,
    /// What was repaired.
    pub notes: Vec<String>,
    /// Which keys are given twice, by path.
    pub repeated: Vec<String>,
}

impl From<Value> for RawArguments {
    fn from(arguments: Value) -> Self {
        Self { arguments, ..Self::default() }
    }
}

impl From<json::Parsed> for RawArguments {
    fn from(parsed: json::Parsed) -> Self {
        let json::Parsed { value: arguments, notes, repeated } = parsed;
        Self { arguments, notes, repeated }
    }
}
