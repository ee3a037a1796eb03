//! What answers hold, in words for a person.

use serde_json::Value;

use super::language::Language;

/// The changes of an item with the names that the whole answer gives, each in a line.
pub(super) fn changes(item: &Value, answer: &Value, language: Language) -> Vec<String> {
    let by_itself = language.text("  (by the portal itself)", "  (изменил сам портал)");
    list(item, "changes")
        .map(|change| {
            let field = text(change, "field");
            let is_asked_for = change.get("askedFor").is_none();
            format!(
                "{field:<12} {} → {}{}",
                named(answer, field, &change["before"]),
                named(answer, field, &change["after"]),
                if is_asked_for { "" } else { by_itself }
            )
        })
        .collect()
}

/// A code with its name, where the answer has one.
pub(super) fn named(answer: &Value, field: &str, code: &Value) -> String {
    let key = code.as_str().map_or_else(|| code.to_string(), str::to_owned);
    let name = answer.get("names").and_then(|names| names.get(field)?.get(&key));
    match name {
        Some(name) => format!("{name} ({key})"),
        None => code.to_string(),
    }
}

/// Why some items are not as asked for, in a line: how many, which, and what the answer says of it.
pub(super) fn group(group: &Value, language: Language) -> String {
    /// More ids would not be read.
    const MAX_IDS: usize = 10;
    let count = number(group, "count");
    let mut ids: Vec<String> = list(group, "ids").take(MAX_IDS).map(Value::to_string).collect();
    if !ids.is_empty() && ids.len() < count {
        ids.push("…".to_owned());
    }
    let ids = if ids.is_empty() { String::new() } else { format!(" ({})", ids.join(", ")) };
    let reasons = ["code", "field", "why", "message", "portalCode"];
    let reasons: Vec<&str> =
        reasons.into_iter().map(|key| text(group, key)).filter(|it| !it.is_empty()).collect();
    let items = language.text(
        so_many(count),
        language.counted(count, ["item", "items"], ["элемент", "элемента", "элементов"]),
    );
    format!("{items}{ids}: {}", reasons.join(", "))
}

/// So many items.
pub(super) fn so_many(count: usize) -> String {
    if count == 1 { "1 item".to_owned() } else { format!("{count} items") }
}

pub(super) fn list<'a>(object: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    object.get(key).and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A count; 0 where there is none.
pub(super) fn number(object: &Value, key: &str) -> usize {
    let number = object.get(key).and_then(Value::as_u64).unwrap_or_default();
    usize::try_from(number).unwrap_or(usize::MAX)
}
