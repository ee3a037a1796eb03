//! What is wrong with a value, apart from where it was typed. Names and codes of a portal stand
//! beside the sentence and never in it: they were written by people outside.

use std::fmt::Display;

use serde_json::Value;

/// A value that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wrong {
    /// Which part of the value, where it has parts.
    pub at: Option<String>,
    /// What it must be, to be read after its name.
    pub message: String,
    /// What is probably meant.
    pub meant: Option<String>,
    /// What there is to choose from: codes and names.
    pub options: Vec<(String, String)>,
}

impl Wrong {
    /// The same as what is wrong with a part of a larger value.
    #[must_use]
    pub fn within(self, part: impl Into<String>) -> Self {
        Self { at: Some(part.into()), ..self }
    }

    /// The same with what there is to choose from.
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
