//! The recorded changes of an item, as answers show them.

use serde_json::{Map, Value, json};

use super::{context::Context, render::cut_texts};
use crate::{
    crm::{ItemRef, Kind},
    journal::{ByItem, Change, History, Part},
};

/// So many are shown.
const MOST: usize = 10;
/// Longer values are cut: the record has them whole.
const MAX_TEXT: usize = 120;

/// The newest recorded changes of an item, and what there is to say of the record.
pub(super) async fn of_item(context: Context<'_>, item: ItemRef) -> (Vec<Value>, Option<String>) {
    let found = context.call.in_journal(move |journal| journal.changes_of(item, MOST)).await;
    let History { changes, unreadable } = match found {
        Ok(history) => history,
        Err(unavailable) => {
            let note = format!("recorded changes are not shown: the journal's file {unavailable}");
            return (Vec::new(), Some(note));
        }
    };
    let note = match (unreadable, changes.is_empty()) {
        (0, true) => Some("no change of this item is recorded here".to_owned()),
        (0, false) => None,
        (lines, _) => Some(format!("{lines} lines of the journal could not be read")),
    };
    (changes.iter().map(|change| shown(change, item)).collect(), note)
}

fn shown(change: &Change, item: ItemRef) -> Value {
    let mut shown = Map::from_iter([
        ("changeId".to_owned(), json!(change.id)),
        ("time".to_owned(), change.started().to_string().into()),
        ("tool".to_owned(), change.tool().into()),
    ]);
    shown.extend(change.client().map(|it| ("client".to_owned(), it.name.clone().into())));
    shown.extend(change.user().map(|user| ("user".to_owned(), user.into())));
    let of_item = |part: &&Part| part.begin.ids.contains(&item.id);
    let parts = change.parts.iter().filter(of_item);
    let outcome = parts.clone().next_back().map(|part| part.outcome_of(item.id));
    shown.insert("outcome".to_owned(), json!(outcome));
    let count = change.items().count();
    if count > 1 {
        shown.insert("items".to_owned(), json!(count));
    }
    let changes: Vec<Value> = parts.flat_map(|part| fields(part, item.id)).collect();
    shown.insert("changes".to_owned(), changes.into());
    let mut shown = Value::Object(shown);
    cut_texts(&mut shown, MAX_TEXT);
    shown
}

/// The fields of a part: before and after, or what was asked for where nothing is known afterwards.
fn fields(part: &Part, id: u64) -> Vec<Value> {
    let request = part.begin.request.get(&id).into_iter().flatten();
    let value = |values: &ByItem, field: &str| {
        let kind = part.begin.kinds.get(field).copied().unwrap_or(Kind::Any);
        values.get(&id)?.get(field).map(|value| kind.answered(value))
    };
    let asked = request.filter_map(|(field, asked)| {
        if !part.has_values {
            return Some(json!({"field": field}));
        }
        let before = value(&part.begin.before, field);
        let after = part.end.as_ref().and_then(|end| value(&end.after, field));
        match after {
            Some(after) if before.as_ref() == Some(&after) => None,
            Some(after) => Some(json!({"field": field, "before": before, "after": after})),
            None => Some(json!({"field": field, "before": before, "asked": asked})),
        }
    });
    let consequences = part.end.iter().flat_map(|end| {
        let fields = end.consequences.get(&id).into_iter().flatten();
        fields.map(move |(field, before)| {
            let after = end.after.get(&id).and_then(|values| values.get(field));
            json!({"field": field, "before": before, "after": after, "askedFor": false})
        })
    });
    asked.chain(consequences).collect()
}
