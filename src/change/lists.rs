//! What a new list does to the old one: what it drops, what it would drop silently, and which of
//! its codes are new.

use serde_json::{Value, json};

use super::{
    asked::{Asked, Want},
    files::{Part, Requested},
    intent::{Intended, IntendedField},
    lookups::{Meant, UncheckedCode},
};
use crate::{
    crm::{Item, kind},
    error::Problem,
};

/// What is wrong with one value in the place of a list that holds others now: it may be meant to be
/// added, and would replace them.
pub(super) fn replaced(
    field: &IntendedField,
    wire: &Value,
    item: Option<&Item>,
    names_are_checked: bool,
) -> Option<Problem> {
    /// A longer list is not suggested.
    const MAX_VALUES: usize = 50;
    let Value::Array(wanted) = wire else { return None };
    let is_one = match &field.value {
        Intended::Value { is_one_for_a_list, .. } => *is_one_for_a_list,
        Intended::Typed { typed, .. } => !typed.is_array(),
        _ => false,
    };
    if !is_one || wanted.is_empty() {
        return None;
    }
    let path = field.path.as_str();
    let now = match (item, item.and_then(|item| item.get(&field.name))) {
        (_, Some(now)) => now,
        (Some(_), None) => {
            let message = "is one value for a list that the item does not show; send a list";
            return Some(Problem::new(path, message));
        }
        (None, None) if names_are_checked => {
            let message = "is one value for a list that could not be read; send a list";
            return Some(Problem::new(path, message));
        }
        (None, None) => return None,
    };
    let others = field.shape.dropped(wire, now);
    if others.is_empty() {
        return None;
    }
    let now = field.shape.kind.answered(now);
    let message = format!(
        "is one value for a list that holds others (`now`), which it would replace; send the whole \
         list, or {} to replace it",
        kind::shown(wire),
    );
    let mut all = now.as_array().cloned().unwrap_or_else(|| vec![now.clone()]);
    all.extend(wanted.iter().filter(|it| !all.contains(it)).cloned().collect::<Vec<_>>());
    let working_call = json!({ &field.name: all }).to_string();
    let problem = Problem::new(path, message).holding(now);
    Some(problem.suggest((all.len() <= MAX_VALUES).then_some(working_call)))
}

/// What a list that replaces the old one drops, as a note; emptying a list needs no note.
pub(super) fn dropped(asked: &Asked, item: Option<&Item>) -> Option<String> {
    /// More dropped values are only counted.
    const MAX_SHOWN: usize = 20;
    let Want::Value(wanted @ Value::Array(values)) = &asked.want else {
        return None;
    };
    let is_list = asked.shape.is_multiple || asked.shape.kind.is_list_of_ids();
    if !is_list || values.is_empty() {
        return None;
    }
    let now = item?.get(&asked.name)?;
    let dropped = asked.shape.dropped(wanted, now);
    if dropped.is_empty() {
        return None;
    }
    let what = if asked.shape.kind.holds_ids() {
        let ids: Vec<String> = dropped
            .iter()
            .filter_map(|id| kind::whole_number(id))
            .take(MAX_SHOWN)
            .map(|id| format!("`{id}`"))
            .collect();
        let rest = match dropped.len().saturating_sub(ids.len()) {
            0 => String::new(),
            rest => format!(" and {rest} more"),
        };
        format!("{}{rest}", ids.join(", "))
    } else {
        format!("{} of its values", dropped.len())
    };
    Some(format!("`{}` replaces the old list and drops {what}", asked.name))
}

/// Why files cannot be sent that would replace others which the call does not mention.
pub(super) fn replaced_files(
    field: &IntendedField,
    requested: &Requested,
    now: &[i64],
    is_hidden: bool,
) -> Option<String> {
    if !field.shape.is_multiple || requested.parts.is_empty() {
        return None;
    }
    if is_hidden {
        return Some("replaces a list of files that the item does not show".to_owned());
    }
    let kept = requested.kept();
    if !requested.is_lone || now.iter().all(|id| kept.contains(id)) {
        return None;
    }
    let mut all: Vec<String> = now.iter().map(|id| format!("{{\"id\":{id}}}")).collect();
    let uploads = requested.parts.iter().filter(|part| matches!(part, Part::Upload(_)));
    all.extend(uploads.map(|part| part.shown().to_string()));
    Some(format!(
        "is one file, and the field holds {} others, which it would delete; send the whole list: \
         [{}], or a list of one to replace them",
        now.len(),
        all.join(",")
    ))
}

/// Which files a new list deletes, as a note.
pub(super) fn deleted_files(
    field: &IntendedField,
    requested: &Requested,
    now: &[i64],
) -> Option<String> {
    let kept = requested.kept();
    let deleted: Vec<String> =
        now.iter().filter(|id| !kept.contains(id)).map(ToString::to_string).collect();
    let is_told = field.shape.is_multiple && !requested.parts.is_empty() && !deleted.is_empty();
    is_told
        .then(|| format!("`{}`: files not listed are removed: {}", field.name, deleted.join(", ")))
}

/// The codes that differ from those that the item has, to be looked up in the directory: portals
/// store any text as the code of a source or a type (docs/bitrix24.md, "Silent drops").
pub(super) fn new_codes(
    field: &IntendedField,
    wire: &Value,
    item: Option<&Item>,
) -> Vec<UncheckedCode> {
    let Some(directory) = &field.directory else { return Vec::new() };
    let applied = item.and_then(|item| item.get(&field.name));
    let unchecked_code = |path: String, value: &Value| {
        let typed = value.as_str().filter(|typed| !typed.is_empty())?.to_owned();
        Some(UncheckedCode { path, typed, meant: Meant::Entry(directory.clone()) })
    };
    match wire {
        Value::Array(values) => {
            let new = match applied {
                Some(applied) => field.shape.dropped(applied, wire),
                None => values.iter().collect(),
            };
            let new = new.into_iter().enumerate();
            new.filter_map(|(at, it)| unchecked_code(format!("{}.{at}", field.path), it)).collect()
        }
        one if applied == Some(one) => Vec::new(),
        one => unchecked_code(field.path.clone(), one).into_iter().collect(),
    }
}
