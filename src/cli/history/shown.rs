//! One change in lines for a person: when, what became of it, by whom, of which items, and each
//! field before and after.

use std::{cmp::Reverse, collections::BTreeMap};

use clap::builder::styling::{AnsiColor, Style};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::{
    cli::{screen::Colours, words::so_many},
    crm::{Family, Kind},
    error::Written,
    journal::{Change, End, Part, is_left_out},
    text::on_one_line,
};

/// How changes are shown.
pub(super) struct Shown {
    /// The zone of times.
    pub(super) zone: TimeZone,
    /// Whether the portal needs no mention.
    pub(super) has_one_portal: bool,
    /// Whether there are colours.
    pub(super) colours: Colours,
}

impl Shown {
    /// All lines of a change.
    pub(super) fn change(&self, change: &Change) -> String {
        let time = self.zone.to_datetime(change.started()).strftime("%Y-%m-%d %H:%M:%S");
        let outcome = self.colours.styled(&on_one_line(change.outcome()), colour(change));
        let id = self.colours.styled(&on_one_line(change.id.as_str()), Style::new().bold());
        let mut lines = vec![
            format!("{time}  {outcome}  {}", items(change)),
            format!("  {id}, {}", self.origin(change)),
        ];
        lines.extend(fields(change).into_iter().map(|line| format!("    {line}")));
        if change.parts.iter().any(|part| !part.has_values) {
            lines.push("    values were not recorded".to_owned());
        }
        if change.written() == Written::Unknown {
            lines.push("    it is not known whether the portal has carried it out".to_owned());
        }
        lines.join("\n")
    }

    fn origin(&self, change: &Change) -> String {
        let mut origin = on_one_line(change.tool());
        if let Some(client) = change.client() {
            origin += &on_one_line(&format!(" by {} {}", client.name, client.version));
        }
        if let Some(user) = change.user() {
            origin += &on_one_line(&format!(", with the rights of user {user}"));
        }
        if !self.has_one_portal {
            origin += &on_one_line(&format!(", at {}", change.portal()));
        }
        origin
    }
}

fn colour(change: &Change) -> Style {
    let colour = match change.written() {
        Written::Unknown => AnsiColor::Yellow,
        _ if change.is_failed() => AnsiColor::Red,
        _ => AnsiColor::Green,
    };
    colour.on_default()
}

/// The only item with its name, or how many there are of each type.
fn items(change: &Change) -> String {
    let items: Vec<_> = change.items().collect();
    if let [(entity, id)] = items.as_slice() {
        let called = change.parts.iter().rev().find_map(|part| part.begin.called.get(id));
        let called = called.map(|name| format!(" “{}”", shortened(&on_one_line(name))));
        let word =
            if entity.family().and_then(Family::entity_type_id).is_some() { "" } else { ", item" };
        return format!("{entity}{word} {id}{}", called.unwrap_or_default());
    }
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for (entity, _) in items {
        *counts.entry(entity).or_default() += 1;
    }
    let counts = counts.into_iter().map(|(entity, count)| format!("{entity}: {}", so_many(count)));
    counts.collect::<Vec<_>>().join(", ")
}

fn fields(change: &Change) -> Vec<String> {
    let names = Names(change.parts.iter().filter_map(|part| part.end.as_ref()).collect());
    let mut ids = change.items().map(|(_, id)| id);
    match (ids.next(), ids.next()) {
        (Some(id), None) => {
            change.parts.iter().flat_map(|part| of_item(part, id, &names)).collect()
        }
        _ => of_many(change, &names),
    }
}

/// The fields of an item, each with what it held and holds.
fn of_item(part: &Part, id: u64, names: &Names<'_>) -> Vec<String> {
    let now = part.end.as_ref().and_then(|end| end.after.get(&id));
    let now = |field: &str| now.and_then(|now| now.get(field));
    let shown = |field: &str, value: Option<&Value>| {
        let kind = part.begin.kinds.get(field).copied().unwrap_or(Kind::Any);
        names.shown(field, value.map(|value| kind.answered(value)).as_ref())
    };
    let before = part.begin.before.get(&id);
    let asked = part.begin.request.get(&id).into_iter().flatten().map(|(field, asked)| {
        let before = before.and_then(|before| before.get(field));
        let was = shown(field, before);
        let told = match now(field) {
            _ if !part.has_values => String::new(),
            Some(now) if Some(now) != before || now == asked => {
                format!(": {was} → {}", shown(field, Some(now)))
            }
            _ => format!(": {was}; {} was asked for", shown(field, Some(asked))),
        };
        format!("{}{told}", on_one_line(field))
    });
    let changed = part.end.as_ref().and_then(|end| end.consequences.get(&id));
    let by_itself = changed.into_iter().flatten().map(|(field, before)| {
        let told = if part.has_values {
            let was = shown(field, Some(before));
            format!(": {was} → {}", shown(field, now(field)))
        } else {
            String::new()
        };
        format!("{}{told} (by the portal itself)", on_one_line(field))
    });
    asked.chain(by_itself).collect()
}

/// How many items have which outcome, with the ids of those that are few, and what was asked for.
fn of_many(change: &Change, names: &Names<'_>) -> Vec<String> {
    /// More ids would not be read.
    const MOST_IDS: usize = 10;
    let mut outcomes: BTreeMap<u64, &str> = BTreeMap::new();
    let mut asked: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for part in &change.parts {
        outcomes.extend(part.begin.ids.iter().map(|id| (*id, part.outcome_of(*id))));
        for (field, value) in part.begin.request.values().flatten() {
            asked.entry(field).or_default().push(value);
        }
    }
    let mut counts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (id, outcome) in outcomes {
        counts.entry(outcome).or_default().push(id.to_string());
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, ids)| Reverse(ids.len()));
    let is_only = counts.len() == 1;
    let counts = counts.into_iter().map(|(outcome, ids)| {
        let listed = if is_only || ids.len() > MOST_IDS {
            String::new()
        } else {
            format!(" ({})", ids.join(", "))
        };
        format!("{}: {}{listed}", on_one_line(outcome), so_many(ids.len()))
    });
    let has_values = change.parts.iter().all(|part| part.has_values);
    let asked = asked.into_iter().map(|(field, values)| {
        let shown = match values.split_first() {
            _ if !has_values => String::new(),
            Some((first, rest)) if rest.iter().all(|value| value == first) => {
                format!(": → {}", names.shown(field, Some(first)))
            }
            _ => ": a value for each item".to_owned(),
        };
        format!("{}{shown}", on_one_line(field))
    });
    counts.chain(asked).collect()
}

/// What codes are called.
struct Names<'a>(Vec<&'a End>);

impl Names<'_> {
    /// A value with its name, on one line and not too long.
    fn shown(&self, field: &str, value: Option<&Value>) -> String {
        let Some(value) = value else {
            return "(not known)".to_owned();
        };
        shortened(&on_one_line(&self.text(field, value)))
    }

    fn text(&self, field: &str, value: &Value) -> String {
        match value {
            Value::Null => "(empty)".to_owned(),
            Value::String(text) if text.is_empty() => "(empty)".to_owned(),
            Value::String(code) => self.named(field, code),
            Value::Number(_) | Value::Bool(_) => self.named(field, &value.to_string()),
            Value::Array(values) if values.is_empty() => "(empty)".to_owned(),
            Value::Array(values) => {
                values.iter().map(|value| self.text(field, value)).collect::<Vec<_>>().join(", ")
            }
            Value::Object(file) => match (file.get("name"), file.get("id")) {
                (Some(Value::String(name)), _) => name.clone(),
                _ if is_left_out(value) => "(not recorded)".to_owned(),
                _ if file.contains_key("typeId") => {
                    file.get("value").map_or_else(|| value.to_string(), |it| self.text(field, it))
                }
                (None, Some(id)) if file.len() == 1 => format!("id {id}"),
                _ => value.to_string(),
            },
        }
    }

    fn named(&self, field: &str, code: &str) -> String {
        let name = self.0.iter().rev().find_map(|end| end.names.get(field)?.get(code));
        name.map_or_else(|| code.to_owned(), |name| format!("{code} ({name})"))
    }
}

fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
