//! What is known of every single item, for a client that shows a row for each. Long values are cut at
//! once, so that a thousand items take little memory.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::{
    change::verify::Change,
    crm::{Item, text},
};

/// More changes of an item are counted.
const MAX_CHANGES: usize = 5;
/// Longer texts are cut: still long enough to find secrets in what is shown of them.
const MAX_TEXT: usize = 400;
/// More entries of lists and objects are left out.
const MAX_ENTRIES: usize = 10;

/// What is known of each item, by id.
#[derive(Debug, Default)]
pub struct Details(BTreeMap<u64, Detail>);

/// What is known of an item.
#[derive(Debug, Default)]
pub struct Detail {
    /// What people call it.
    pub title: Option<String>,
    /// What becomes of it; nothing where it is an exception, of which the tally tells.
    pub standing: Option<Standing>,
    /// What has changed, or would.
    pub changes: Vec<Change>,
    /// How many changes more.
    pub more_changes: usize,
}

/// What becomes of an item that is no exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// It would be written.
    ToChange,
    /// It was written and has every requested value.
    Written,
    /// It had every requested value before.
    Unchanged,
    /// The call did not come to it.
    Left,
}

impl Details {
    /// Every item of which something is known, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Detail)> + Clone {
        self.0.iter().map(|(id, detail)| (*id, detail))
    }

    /// Takes what an item is called.
    pub(super) fn saw(&mut self, item: &Item) {
        if let Some((id, title)) = item.id().zip(item.called()) {
            self.of(id).title = Some(text::beginning(&title, MAX_TEXT));
        }
    }

    pub(super) fn stands(&mut self, id: u64, standing: Standing) {
        self.of(id).standing = Some(standing);
    }

    pub(super) fn changed(&mut self, id: u64, changes: &[Change]) {
        let detail = self.of(id);
        let shown = changes.iter().take(MAX_CHANGES);
        detail.changes = shown
            .map(|change| Change {
                field: change.field.clone(),
                before: shortened(&change.before),
                after: shortened(&change.after),
                asked_for: change.asked_for,
            })
            .collect();
        detail.more_changes = changes.len() - detail.changes.len();
    }

    fn of(&mut self, id: u64) -> &mut Detail {
        self.0.entry(id).or_default()
    }
}

fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) => text::beginning(text, MAX_TEXT).into(),
        Value::Array(values) => {
            let more = (values.len() > MAX_ENTRIES).then(|| "…".into());
            values.iter().take(MAX_ENTRIES).map(shortened).chain(more).collect()
        }
        Value::Object(entries) => {
            let shown = entries.iter().take(MAX_ENTRIES);
            shown.map(|(name, value)| (name.clone(), shortened(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_changes_take_little_memory() {
        let text = "я".repeat(10_000);
        let change = |after: Value| Change {
            field: "comments".to_owned(),
            before: Value::Null,
            after,
            asked_for: true,
        };
        let mut details = Details::default();
        let long = [json!(text), json!(vec![7; 1_000]), json!({"value": text})];
        details.changed(5, &[long.map(change).to_vec(), vec![change(json!(1)); 100]].concat());
        let (id, detail) = details.iter().next().unwrap();
        let length: usize = detail.changes.iter().map(|it| it.after.to_string().len()).sum();
        assert_eq!((id, detail.changes.len(), detail.more_changes), (5, 5, 98));
        assert!(length < 2_000, "{length}");
        assert_eq!(detail.changes[1].after, json!([7, 7, 7, 7, 7, 7, 7, 7, 7, 7, "…"]));
    }
}
