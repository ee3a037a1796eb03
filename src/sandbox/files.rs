//! What a portal does with file fields: lenient decoding, silent loss, garbage (docs/bitrix24.md,
//! "Files").

use std::collections::BTreeMap;

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Value, json};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The files that the portal stores.
#[derive(Debug, Default)]
pub(super) struct Files {
    stored: BTreeMap<i64, (String, Vec<u8>)>,
}

impl Files {
    /// Name and content of a file.
    pub(super) fn get(&self, id: i64) -> Option<(String, Vec<u8>)> {
        self.stored.get(&id).cloned()
    }

    /// Puts a file in; an empty or undecodable content is silently lost.
    pub(super) fn store(&mut self, name: &str, text: &str) -> Option<i64> {
        let text: String =
            text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/')).collect();
        let content = LENIENT.decode(text).ok().filter(|content| !content.is_empty())?;
        let id = self.stored.last_key_value().map_or(501, |(id, _)| id + 1);
        self.stored.insert(id, (name.to_owned(), content));
        Some(id)
    }

    /// What a field holds after an update with `value`: one id or none, or a list of ids.
    pub(super) fn assign(&mut self, now: &Value, value: &Value, is_multiple: bool) -> Value {
        if !is_multiple {
            return match value {
                Value::Array(pair) => match pair.as_slice() {
                    [Value::String(name), Value::String(text)] => json!(self.store(name, text)),
                    _ => Value::Null,
                },
                // Another file's id resets the field.
                Value::Object(_) if kept_id(value) == now.as_i64() => now.clone(),
                _ => Value::Null,
            };
        }
        let held: Vec<i64> =
            now.as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
        let elements = value.as_array().cloned().unwrap_or_default();
        let ids: Vec<i64> = elements
            .iter()
            .filter_map(|element| match element {
                Value::Array(pair) => match pair.as_slice() {
                    [Value::String(name), Value::String(text)] => self.store(name, text),
                    _ => None,
                },
                Value::Object(_) => kept_id(element).filter(|id| held.contains(id)),
                // A lone pair is read as two files, its name and its content each as one.
                Value::String(text) => self.store("file", text),
                _ => None,
            })
            .collect();
        json!(ids)
    }
}

fn kept_id(value: &Value) -> Option<i64> {
    match value.get("id")? {
        Value::String(text) => text.parse().ok(),
        id => id.as_i64(),
    }
}

/// A file as answers show it: its links are signed anew at every read, and one holds the secret
/// path of the webhook.
pub(super) fn shown(id: &Value, secret_path: &str, read: u64) -> Value {
    match id {
        Value::Array(ids) => ids.iter().map(|id| shown(id, secret_path, read)).collect(),
        Value::Number(number) => json!({
            "id": number,
            "url": format!("/bitrix/tools/show_file.php?fileId={number}&auth={read}"),
            "urlMachine": format!("http://127.0.0.1{secret_path}download/?token={read}-{number}"),
        }),
        _ => Value::Null,
    }
}
