//! A value that cannot be printed, and the filter for texts that others wrote.

use std::{borrow::Cow, fmt};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// What is shown instead of a secret.
pub const MASK: &str = "***";

/// A webhook's secret or a token. Its `Debug` and `Display` show `***`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the secret in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The secret itself, for the request that needs it.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Removes secrets from texts for people, assistants and logs: portals echo them, in
/// file links for instance (docs/bitrix24.md, "Files").
#[derive(Debug, Clone, Default)]
pub struct Scrubber {
    secrets: Vec<Secret>,
}

impl Scrubber {
    /// Shorter secrets than this would match ordinary words.
    const MIN: usize = 4;

    /// A filter for these secrets.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let secrets =
            secrets.into_iter().filter(|secret| secret.expose().len() >= Self::MIN).collect();
        Self { secrets }
    }

    /// The text with each secret masked.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.secrets.iter().fold(Cow::Borrowed(text), |text, secret| {
            if text.contains(secret.expose()) {
                Cow::Owned(text.replace(secret.expose(), MASK))
            } else {
                text
            }
        })
    }

    /// Masks the secrets in every string and key of a JSON value.
    pub fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(masked) = self.text(text) {
                    *text = masked;
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.value(value)),
            Value::Object(entries) => {
                if entries.keys().any(|key| matches!(self.text(key), Cow::Owned(_))) {
                    *entries = std::mem::take(entries)
                        .into_iter()
                        .map(|(key, value)| (self.text(&key).into_owned(), value))
                        .collect();
                }
                entries.values_mut().for_each(|value| self.value(value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_do_not_print() {
        let secret = Secret::new("canary42");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
    }

    #[test]
    fn every_place_of_a_value_is_scrubbed() {
        let scrubber = Scrubber::new([Secret::new("canary42"), Secret::new("a")]);
        let mut value = json!({"a": ["x/canary42/y", 1], "canary42": {"b": "canary42canary42"}});
        scrubber.value(&mut value);
        assert_eq!(value, json!({"a": ["x/***/y", 1], "***": {"b": "******"}}));
    }
}
