//! An answer within its room: as many ids and reasons of exceptions as fit, the rest is counted.

use serde_json::{Map, Value, json};

use crate::{
    change::Group,
    tools::render::{cut_texts, length, make_visible},
};

/// An answer has at most so many characters, and the sentence before an error some of them.
pub(super) const MAX_ANSWER: usize = 3_800;
/// So many ids of exceptions are told, the rest is counted.
const MAX_IDS: usize = 200;

/// The answer with as many ids and reasons of exceptions as it has room for; what is not told is
/// counted.
pub(super) fn bounded(
    answer: &Map<String, Value>,
    exceptions: &[(&str, Vec<Group>)],
    unknown: &[u64],
    notes: Vec<String>,
) -> Value {
    const STEPS: [(usize, usize); 7] =
        [(MAX_IDS, 100), (100, 30), (50, 15), (20, 10), (10, 5), (3, 3), (0, 1)];
    let notes = Value::from(notes);
    let mut whole = Value::Null;
    for (ids, groups) in STEPS {
        let mut told = answer.clone();
        let mut left = ids;
        for (name, of_name) in exceptions {
            if !of_name.is_empty() {
                told.insert((*name).to_owned(), groups_of(of_name, groups, &mut left));
            }
        }
        if !unknown.is_empty() {
            let some: Vec<u64> = unknown.iter().copied().take(left).collect();
            if some.len() < unknown.len() {
                told.insert("moreUnknown".to_owned(), json!(unknown.len() - some.len()));
            }
            told.insert("unknown".to_owned(), json!(some));
        }
        told.insert("notes".to_owned(), notes.clone());
        whole = Value::Object(told);
        make_visible(&mut whole);
        if length(&whole) <= MAX_ANSWER {
            return whole;
        }
    }
    // Long texts of notes, problems or samples.
    for longest in [200, 80, 40] {
        for part in ["notes", "samples", "error", "failed", "cannot", "conflicts", "kept"] {
            if let Some(part) = whole.get_mut(part) {
                cut_texts(part, longest);
            }
        }
        if length(&whole) <= MAX_ANSWER {
            break;
        }
    }
    whole
}

/// Groups, the largest first, with as many ids as are left to tell.
fn groups_of(groups: &[Group], most: usize, ids_left: &mut usize) -> Value {
    let mut sorted: Vec<&Group> = groups.iter().collect();
    sorted.sort_by_key(|group| std::cmp::Reverse(group.ids.len()));
    let mut told: Vec<Value> = Vec::new();
    for (at, group) in sorted.iter().take(most).enumerate() {
        let ids: Vec<u64> = group.ids.iter().copied().take(*ids_left).collect();
        *ids_left -= ids.len();
        let mut json = Map::from_iter([("count".to_owned(), json!(group.ids.len()))]);
        json.insert("ids".to_owned(), json!(ids));
        if let Ok(Value::Object(reason)) = serde_json::to_value(&group.reason) {
            json.extend(reason);
        }
        // What to choose from instead is told once: it is long.
        if at > 0 {
            json.shift_remove("options");
        }
        told.push(json.into());
    }
    let others: usize = sorted.iter().skip(most).map(|group| group.ids.len()).sum();
    if others > 0 {
        told.push(json!({"count": others, "message": "other reasons"}));
    }
    told.into()
}
