//! What is wrong with a value, without where it was typed. A portal's names and codes have fields
//! of their own and never appear in the message: outsiders wrote them.

use std::fmt::Display;

use serde_json::Value;

/// A value that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wrong {
    /// Which part of the value, where it has parts.
    pub at: Option<String>,
    /// What it must be, to be read after its name.
    pub message: String,
    /// What is probably meant.
    pub meant: Option<String>,
    /// The allowed values: codes and names.
    pub options: Vec<(String, String)>,
}

impl Wrong {
    /// The same as what is wrong with a part of a larger value.
    #[must_use]
    pub fn within(self, part: impl Into<String>) -> Self {
        Self { at: Some(part.into()), ..self }
    }

    /// The same with the allowed values.
    #[must_use]
    pub fn among<C: Display, N: AsRef<str>>(self, options: &[(C, N)]) -> Self {
        let option = |(code, name): &(C, N)| (code.to_string(), name.as_ref().to_owned());
        Self { options: options.iter().map(option).collect(), ..self }
    }
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self { message, ..Self::default() }
    }
}

impl From<&str> for Wrong {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

/// A value as messages show it: its JSON, cut when long.
pub fn shown(value: &Value) -> String {
    const MAX: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= MAX {
        format!("`{text}`")
    } else {
        let start: String = text.chars().take(MAX).collect();
        format!("`{start}…`")
    }
}
