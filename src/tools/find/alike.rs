//! Found items that share a title or name: what tells them apart, so that somebody can say which
//! one is meant.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::request::ListRequest;
use crate::{
    crm::{Item, kind, text},
    items::{Page, Query},
    tools::context::Context,
};

/// What may tell two items of one name apart, the most telling first.
const TELLING: [&str; 7] =
    ["companyId", "companyTitle", "phone", "email", "post", "createdTime", "comments"];
/// So much of a comment helps to recognize an item.
const BEGINNING: usize = 60;
/// A note names so many groups of items.
const MAX_GROUPS: usize = 5;

/// What tells items apart, by their ids.
#[derive(Debug, Default)]
pub(super) struct Alike(HashMap<u64, Vec<(String, Value)>>);

impl Alike {
    /// The rows with what tells them apart.
    pub(super) fn added_to(&self, rows: Vec<Item>) -> Vec<Item> {
        let more = |item: &Item| item.id().and_then(|id| self.0.get(&id));
        let added = rows.into_iter().map(|row| {
            let more = more(&row).into_iter().flatten().filter(|(name, _)| !row.shows(name));
            let more: Vec<(String, Value)> = more.cloned().collect();
            row.into_iter().chain(more).collect()
        });
        added.collect()
    }
}

impl ListRequest {
    /// Reads more of the items that share a name, with one request, and notes that there are some.
    pub(super) async fn told_apart(&mut self, context: Context<'_>, items: &[Item]) -> Alike {
        let mut by_name: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for item in items {
            if let Some((name, id)) = item.called().zip(item.id()) {
                by_name.entry(text::folded(&name)).or_default().push(id);
            }
        }
        by_name.retain(|_, ids| ids.len() > 1);
        if by_name.is_empty() {
            return Alike::default();
        }
        for ids in by_name.values().take(MAX_GROUPS) {
            let count = ids.len();
            let shown: Vec<String> = ids.iter().map(ToString::to_string).collect();
            self.notes.push(format!(
                "{count} items with this name: {}; ask which one is meant",
                shown.join(", ")
            ));
        }
        let ids: Vec<u64> = by_name.values().flatten().copied().collect();
        let query = Query {
            entity: self.entity,
            // Phones come only with all fields.
            select: vec!["*".to_owned()],
            filter: Map::from_iter([("@id".to_owned(), json!(ids))]),
            order: Map::new(),
            start: None,
        };
        let page = context.call.account.items.list(query, &context.call.deadline).await;
        let Ok(Page { items, .. }) = page else { return Alike::default() };
        let telling = by_name.values().flat_map(|ids| {
            let group: Vec<&Item> =
                items.iter().filter(|it| it.id().is_some_and(|id| ids.contains(&id))).collect();
            telling(&group)
        });
        Alike(telling.collect())
    }
}

/// The fields in which the items of a group differ, as rows show them.
fn telling(group: &[&Item]) -> Vec<(u64, Vec<(String, Value)>)> {
    let shown = |item: &Item, name: &str| {
        let value = item.get(name)?;
        let shown = match name {
            "createdTime" => value.as_str()?.get(..10)?.to_owned(),
            "companyId" => return kind::whole_number(value).filter(|id| *id > 0).map(Value::from),
            _ => text::beginning(value.as_str()?.trim(), BEGINNING),
        };
        (!shown.is_empty()).then(|| shown.into())
    };
    let differs = |name: &&&str| {
        let mut values = group.iter().map(|item| shown(item, name));
        let first = values.next().flatten();
        values.any(|value| value != first)
    };
    let fields: Vec<&&str> = TELLING.iter().filter(differs).collect();
    let of_item = |item: &&Item| {
        let told = fields.iter().filter_map(|name| Some(((**name).to_owned(), shown(item, name)?)));
        Some((item.id()?, told.collect()))
    };
    group.iter().filter_map(of_item).collect()
}
