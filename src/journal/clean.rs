//! What is never recorded, neither in memory nor in a file: secrets, contents of files, signed links
//! and overlong texts. What had to go is marked, so that nobody takes the rest for the value.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::record::{Begin, ByItem, End};
use crate::crm::Kind;

/// Longer texts are left out, in bytes.
const MOST_TEXT: usize = 64 * 1024;

/// Longer names of files are left out, in bytes.
const MOST_NAME: usize = 255;

/// Longer texts in the alphabet of base64 are taken for contents where a field's kind is not known.
const MOST_WORD: usize = 256;

const MARK: &str = "leftOut";

/// Whether something of a recorded value was left out, so that it is not the whole value.
pub fn is_left_out(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.get(MARK) == Some(&Value::Bool(true)) || members.values().any(is_left_out)
        }
        Value::Array(values) => values.iter().any(is_left_out),
        _ => false,
    }
}

/// Masks secrets in a value.
pub(super) type Scrub = dyn Fn(&mut Value) + Send + Sync;

pub(super) fn begin(begin: &mut Begin, scrub: &Scrub) {
    fields(&mut begin.before, &begin.kinds, scrub);
    fields(&mut begin.request, &begin.kinds, scrub);
    texts(begin.called.values_mut(), scrub);
}

pub(super) fn end(end: &mut End, kinds: &BTreeMap<String, Kind>, scrub: &Scrub) {
    fields(&mut end.after, kinds, scrub);
    fields(&mut end.consequences, kinds, scrub);
    texts(end.names.values_mut().flat_map(BTreeMap::values_mut), scrub);
}

/// The same fields with nothing in them.
pub(super) fn without_values(items: &ByItem) -> ByItem {
    let emptied = |fields: &Map<String, Value>| {
        fields.keys().map(|field| (field.clone(), Value::Null)).collect()
    };
    items.iter().map(|(id, fields)| (*id, emptied(fields))).collect()
}

fn fields(items: &mut ByItem, kinds: &BTreeMap<String, Kind>, scrub: &Scrub) {
    for (field, value) in items.values_mut().flatten() {
        let kind = kinds.get(field).copied().unwrap_or(Kind::Any);
        if matches!(kind, Kind::File | Kind::Picture) {
            *value = of_file(value.take());
        } else {
            shorten(value, kind);
        }
        scrub(value);
    }
}

fn texts<'a>(texts: impl Iterator<Item = &'a mut String>, scrub: &Scrub) {
    for text in texts {
        let mut value = Value::String(std::mem::take(text));
        shorten(&mut value, Kind::Text);
        scrub(&mut value);
        if let Value::String(scrubbed) = value {
            *text = scrubbed;
        }
    }
}

fn left_out() -> Value {
    json!({MARK: true})
}

fn shorten(value: &mut Value, kind: Kind) {
    match value {
        Value::String(text) => {
            if text.len() > MOST_TEXT || (kind == Kind::Any && is_like_a_content(text)) {
                *value = left_out();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| shorten(value, kind)),
        Value::Object(members) => {
            members.retain(|name, _| !is_of_a_link(name));
            members.values_mut().for_each(|value| shorten(value, kind));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Links to files are signed anew at every read, and one holds the webhook's secret
/// (docs/bitrix24.md, "Files").
fn is_of_a_link(member: &str) -> bool {
    let name = member.to_ascii_lowercase();
    name.ends_with("url") || name.ends_with("urlmachine")
}

fn is_like_a_content(text: &str) -> bool {
    let is_of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_\r\n".contains(&byte);
    text.len() > MOST_WORD && text.bytes().all(is_of_base64)
}

/// What identifies files, in any of the forms in which they are sent and answered.
fn of_file(value: Value) -> Value {
    match value {
        Value::String(text) if !is_id(&text) => left_out(),
        Value::Array(values) => match values.as_slice() {
            [Value::String(name), Value::String(content)] if !is_id(name) || !is_id(content) => {
                if name.len() > MOST_NAME {
                    left_out()
                } else {
                    json!({"name": name, MARK: true})
                }
            }
            _ => values.into_iter().map(of_file).collect(),
        },
        Value::Object(mut members) => {
            members.retain(|name, value| match (name.as_str(), value) {
                ("id" | "size" | MARK, Value::Number(_) | Value::Bool(_)) => true,
                ("id", Value::String(id)) => is_id(id),
                ("name", Value::String(name)) => name.len() <= MOST_NAME,
                _ => false,
            });
            if members.is_empty() { left_out() } else { Value::Object(members) }
        }
        other => other,
    }
}

/// Whether a text is an id, or empty, which is no file.
fn is_id(text: &str) -> bool {
    const MOST_DIGITS: usize = 20;
    text.len() <= MOST_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::EntityType;

    fn cleaned(kind: Kind, value: Value) -> Value {
        let items: ByItem = [(1, [("field".to_owned(), value)].into_iter().collect())].into();
        let mut record = Begin {
            entity: EntityType::new(2),
            ids: vec![1],
            called: BTreeMap::new(),
            kinds: [("field".to_owned(), kind)].into(),
            before: items,
            request: ByItem::new(),
        };
        begin(&mut record, &|value| {
            if let Value::String(text) = value {
                *text = text.replace("s3cret", "***");
            }
        });
        record.before[&1]["field"].clone()
    }

    #[test]
    fn files_are_reduced_to_what_identifies_them() {
        let content = "JVBERi0xLjQK".repeat(10);
        for (value, kept, is_whole) in [
            (
                json!({"id": 7, "url": "/x?auth=1", "urlMachine": "https://x"}),
                json!({"id": 7}),
                true,
            ),
            (json!([{"id": "7", "showUrl": "/x"}]), json!([{"id": "7"}]), true),
            (json!(["a.pdf", content]), json!({"name": "a.pdf", "leftOut": true}), false),
            (
                json!([["a.pdf", content], {"id": 7}]),
                json!([{"name": "a.pdf", "leftOut": true}, {"id": 7}]),
                false,
            ),
            (json!({"fileData": ["a.pdf", content]}), json!({"leftOut": true}), false),
            (json!({"name": "a.pdf", "size": 120}), json!({"name": "a.pdf", "size": 120}), true),
            (json!(content), json!({"leftOut": true}), false),
            (json!([7, "8"]), json!([7, "8"]), true),
            (json!(["7", "8"]), json!(["7", "8"]), true),
            (json!(""), json!(""), true),
            (json!([]), json!([]), true),
            (Value::Null, Value::Null, true),
        ] {
            for kind in [Kind::File, Kind::Picture] {
                let clean = cleaned(kind, value.clone());
                assert_eq!(clean, kept, "{value}");
                assert_eq!(is_left_out(&clean), !is_whole, "{value}");
            }
        }
    }

    #[test]
    fn other_values_lose_links_secrets_and_overlong_texts_only() {
        let long = "a b ".repeat(20_000);
        let word = "Zm9v".repeat(100);
        for (kind, value, kept) in [
            (Kind::Text, json!("the s3cret plan"), json!("the *** plan")),
            (Kind::Text, json!(long), json!({"leftOut": true})),
            (Kind::Text, json!(word), json!(word)),
            (Kind::Any, json!(["a.pdf", word]), json!(["a.pdf", {"leftOut": true}])),
            (Kind::Any, json!({"id": 7, "downloadUrl": "/x"}), json!({"id": 7})),
            (
                Kind::Multifield,
                json!([{"id": 1, "typeId": "WEB", "value": "https://acme.example"}]),
                json!([{"id": 1, "typeId": "WEB", "value": "https://acme.example"}]),
            ),
            (Kind::Amount, json!(12.50), json!(12.50)),
        ] {
            assert_eq!(cleaned(kind, value.clone()), kept, "{kind:?} {value}");
        }
    }
}
