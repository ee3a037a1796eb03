//! Answers of a bounded size: long values are cut, lists shortened, invisible characters shown.

use std::borrow::Cow;

use serde_json::Value;

use crate::text::{self, CUTS, visible};

/// An answer stays below this many characters unless it holds that much without long values.
pub(in crate::tools) const MAX_ANSWER: usize = 8_000;
/// The length of a note about shortening.
const NOTE_LENGTH: usize = 200;
/// The parts of an answer that are cut first.
const LONG_PARTS: [&str; 11] = [
    "item",
    "changes",
    "notApplied",
    "restored",
    "kept",
    "offered",
    "alsoChanged",
    "items",
    "fields",
    "people",
    "answers",
];
/// More entries of a list within a field are never shown.
const MAX_ENTRIES: usize = 500;

/// The answer of a tool that reads: long values are cut; if that is not enough, `part` is
/// shortened, with a note that says how to narrow the request.
pub(in crate::tools) fn narrowed(json: Value, part: &str, how: &str) -> Value {
    narrowed_beside(json, part, how, 0)
}

/// The same where so many characters are kept free.
pub(in crate::tools) fn narrowed_beside(json: Value, part: &str, how: &str, free: usize) -> Value {
    let mut json = bounded(json);
    narrow(&mut json, part, how, MAX_ANSWER.saturating_sub(free));
    json
}

/// Several answers in one: where they are too long together, the longest are narrowed, `parts` of
/// them one after the other.
pub(in crate::tools) fn narrowed_together(answers: &mut [Value], parts: &[&str], how: &str) {
    let mut by_length: Vec<&mut Value> = answers.iter_mut().collect();
    by_length.sort_by_cached_key(|answer| length(answer));
    let mut left = MAX_ANSWER - 2 * NOTE_LENGTH;
    let mut others = by_length.len();
    for answer in by_length {
        for part in parts {
            narrow(answer, part, how, left / others);
        }
        left = left.saturating_sub(length(answer));
        others -= 1;
    }
}

/// Shortens a part of an answer that has more than `most` characters, with a note.
fn narrow(json: &mut Value, part: &str, how: &str, most: usize) {
    let mut excess = length(json).saturating_sub(most);
    if excess == 0 {
        return;
    }
    excess += NOTE_LENGTH;
    let Some(part) = json.get_mut(part) else {
        return;
    };
    let mut left_out = vec![(shorten(part, &mut excess), "more")];
    if let Value::Array(rows) = part
        && let [Value::Object(_)] = rows.as_slice()
    {
        let fields = rows.iter_mut().map(|row| shorten(row, &mut excess)).sum();
        left_out.push((fields, "fields of the shown one"));
    }
    left_out.retain(|(count, _)| *count > 0);
    if let Some(Value::Array(notes)) = json.get_mut("notes") {
        notes.extend(left_out.into_iter().map(|(count, what)| {
            format!("{count} {what} are left out, because the answer is too long: {how}").into()
        }));
    }
}

/// Takes entries away from the end until the excess is gone; the first stays, and an item's link.
fn shorten(part: &mut Value, excess: &mut usize) -> usize {
    let mut count = 0;
    while *excess > 0 {
        let gone = match part {
            Value::Array(values) if values.len() > 1 => values.pop().map(|value| length(&value)),
            Value::Object(entries) if entries.len() > 2 => {
                let last = entries.keys().rev().find(|name| *name != "link").cloned();
                last.and_then(|name| {
                    let value = entries.shift_remove(&name)?;
                    Some(name.chars().count() + length(&value))
                })
            }
            _ => None,
        };
        let Some(gone) = gone else { break };
        *excess = excess.saturating_sub(gone);
        count += 1;
    }
    count
}

/// An answer with its long values cut until it is short enough.
pub(in crate::tools) fn bounded(mut json: Value) -> Value {
    hide_file_links(&mut json);
    // Before anything is counted or copied: only the beginning of a long list can be shown.
    let mut pruned = Vec::new();
    for part in LONG_PARTS {
        if let Some(part) = json.get_mut(part) {
            prune(part, MAX_ENTRIES, "", &mut pruned);
        }
    }
    for part in ["notes", "changes", "notApplied"] {
        let left_out = match json.get_mut(part) {
            Some(Value::Array(entries)) => {
                let count = entries.len();
                entries.truncate(MAX_ENTRIES);
                count - entries.len()
            }
            _ => 0,
        };
        if let (Some(Value::Array(notes)), true) = (json.get_mut("notes"), left_out > 0) {
            notes.push(format!("{left_out} more of `{part}` are left out").into());
        }
    }
    make_visible(&mut json);
    if length(&json) <= MAX_ANSWER && pruned.is_empty() {
        return json;
    }
    let mut shortened = Value::Null;
    for longest in CUTS {
        shortened = json.clone();
        let mut was_cut = pruned.clone();
        for part in LONG_PARTS {
            if let Some(part) = shortened.get_mut(part) {
                cut(part, longest, "", &mut was_cut);
            }
        }
        was_cut.sort_unstable();
        was_cut.dedup();
        if let Some(Value::Array(notes)) = shortened.get_mut("notes")
            && !was_cut.is_empty()
        {
            const MAX: usize = 20;
            let rest = match was_cut.len().saturating_sub(MAX) {
                0 => String::new(),
                rest => format!(" and {rest} more"),
            };
            was_cut.truncate(MAX);
            let named = was_cut.join("`, `");
            notes.push(format!("long values are truncated: `{named}`{rest}").into());
        }
        if length(&shortened) <= MAX_ANSWER {
            break;
        }
    }
    // Many short entries are as long as a few long ones.
    for part in LONG_PARTS {
        let mut excess = length(&shortened).saturating_sub(MAX_ANSWER);
        if excess == 0 || shortened.get("error").is_none() && shortened.get("status").is_none() {
            break;
        }
        excess += NOTE_LENGTH;
        let left_out = shortened.get_mut(part).map_or(0, |part| shorten(part, &mut excess));
        if let (Some(Value::Array(notes)), true) = (shortened.get_mut("notes"), left_out > 0) {
            let note =
                format!("{left_out} more of `{part}` are left out, because the answer is too long");
            notes.push(note.into());
        }
    }
    shorten_texts(&mut shortened);
    shortened
}

/// Cuts the texts of an error and of notes, then their lists, until they are short enough.
pub(super) fn shorten_texts(json: &mut Value) {
    const CUTS: [usize; 4] = [500, 200, 100, 50];
    const LISTS: [usize; 4] = [50, 30, 20, 10];
    for (longest, most) in CUTS.into_iter().zip(LISTS) {
        for part in ["error", "notes"] {
            if let Some(part) = json.get_mut(part) {
                shorten_part(part, longest, most);
            }
        }
        if length(json) <= MAX_ANSWER {
            break;
        }
    }
}

fn shorten_part(part: &mut Value, longest: usize, most: usize) {
    match part {
        Value::String(text) => {
            // Counted first where it is cheap: most texts are short.
            if text.len() > longest && text.chars().count() > longest {
                *text = text.chars().take(longest).chain(['…']).collect();
            }
        }
        Value::Array(values) => {
            values.truncate(most);
            for value in values {
                shorten_part(value, longest, most);
            }
        }
        Value::Object(entries) => {
            for value in entries.values_mut() {
                shorten_part(value, longest, most);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Texts and keys may come from outsiders: invisible characters in them are escaped.
pub(in crate::tools) fn make_visible(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(visible) = visible(text) {
                *text = visible;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(make_visible),
        Value::Object(entries) => {
            if entries.keys().any(|key| matches!(visible(key), Cow::Owned(_))) {
                *entries = std::mem::take(entries)
                    .into_iter()
                    .map(|(key, value)| (visible(&key).into_owned(), value))
                    .collect();
            }
            entries.values_mut().for_each(make_visible);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Leaves the first entries of lists within fields, and collects the names of the fields.
fn prune(value: &mut Value, most: usize, name: &str, pruned: &mut Vec<String>) {
    let is_long = match value {
        Value::Array(values) => {
            let is_long = values.len() > most && !name.is_empty();
            if is_long {
                values.truncate(most);
            }
            for value in values {
                prune(value, most, name, pruned);
            }
            is_long
        }
        Value::Object(entries) => {
            let is_long = entries.len() > most && !name.is_empty();
            if is_long {
                *entries = std::mem::take(entries).into_iter().take(most).collect();
            }
            let field = entries.get("field").and_then(Value::as_str).map(str::to_owned);
            for (key, value) in entries.iter_mut() {
                let name = field.as_deref().unwrap_or(if name.is_empty() { key } else { name });
                prune(value, most, name, pruned);
            }
            is_long
        }
        _ => false,
    };
    if is_long && !pruned.iter().any(|it| it == name) {
        pruned.push(name.to_owned());
    }
}

/// How many characters an answer has.
pub(in crate::tools) fn length(json: &Value) -> usize {
    json.to_string().chars().count()
}

/// Cuts every text to so many characters, and hides the links of files.
pub(in crate::tools) fn cut_texts(value: &mut Value, longest: usize) {
    hide_file_links(value);
    match value {
        Value::String(text) => {
            if let Some((end, _)) = text.char_indices().nth(longest) {
                text.truncate(end);
                text.push('…');
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| cut_texts(value, longest)),
        Value::Object(entries) => entries.values_mut().for_each(|value| cut_texts(value, longest)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A file's links hold a signature and the webhook's path; its id says which file it is.
fn hide_file_links(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            if entries.contains_key("id") {
                entries.retain(|name, _| name != "url" && name != "urlMachine");
            }
            entries.values_mut().for_each(hide_file_links);
        }
        Value::Array(values) => values.iter_mut().for_each(hide_file_links),
        _ => {}
    }
}

/// Cuts texts and lists, and collects the names of the fields that were cut.
fn cut(value: &mut Value, longest: usize, name: &str, was_cut: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            if let Some(beginning) = text::cut(text, longest) {
                *text = beginning;
                was_cut.push(name.to_owned());
            }
        }
        Value::Array(values) => {
            if values.len() > longest && !name.is_empty() {
                values.truncate(longest);
                was_cut.push(name.to_owned());
            }
            for value in values {
                cut(value, longest, name, was_cut);
            }
        }
        Value::Object(entries) => {
            if entries.len() > longest && !name.is_empty() {
                *entries = std::mem::take(entries).into_iter().take(longest).collect();
                was_cut.push(name.to_owned());
            }
            // A change or a missed field has its name in `field`.
            let field = entries.get("field").and_then(Value::as_str).map(str::to_owned);
            for (key, value) in entries.iter_mut() {
                match (key.as_str(), &field) {
                    ("hint" | "why", Some(_)) => {}
                    (_, Some(field)) => cut(value, longest, field, was_cut),
                    (_, None) if name.is_empty() => cut(value, longest, &key.clone(), was_cut),
                    (_, None) => cut(value, longest, name, was_cut),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
