//! Reads the items of a change: by a filter, by ids, or by both, fifty in a request.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use serde_json::{Map, Value, json};

use super::changes::Changes;
use crate::{
    account::Call,
    crm::{Item, Naming, names},
    items::{Page, Query, with_condition},
    portal::{Deadline, Disposition, PortalError},
};

/// Reads items with the fields that their changes need.
pub(super) struct Look<'a> {
    call: &'a Call<'a>,
    changes: &'a Changes,
    filter: Option<&'a Map<String, Value>>,
    /// Whether all fields are read: some portals leave out of a list what its `select` names.
    reads_all: AtomicBool,
}

impl<'a> Look<'a> {
    pub(super) const fn new(
        call: &'a Call<'a>,
        changes: &'a Changes,
        filter: Option<&'a Map<String, Value>>,
    ) -> Self {
        Self { call, changes, filter, reads_all: AtomicBool::new(false) }
    }

    /// Whether a filter decides which items are meant.
    pub(super) const fn has_filter(&self) -> bool {
        self.filter.is_some()
    }

    /// The next items that match the filter, by ascending id, and how many there are where that is
    /// to be counted.
    pub(super) async fn page(
        &self,
        after: u64,
        counts: bool,
    ) -> Result<(Vec<Item>, Option<u64>), PortalError> {
        self.list(self.above(after), counts, &self.call.deadline).await
    }

    /// The filter for items with a larger id.
    fn above(&self, id: u64) -> Map<String, Value> {
        let filter = self.filter.cloned().unwrap_or_default();
        if id == 0 { filter } else { with_condition(filter, ">id", json!(id)) }
    }

    /// Those of the items that still match the filter, where there is one.
    pub(super) async fn matching(&self, ids: &[u64]) -> Result<Vec<Item>, PortalError> {
        let filter = self.filter.cloned().unwrap_or_default();
        let filter = with_condition(filter, "@id", json!(ids));
        let read = self.list(filter, false, &self.call.deadline).await;
        read.map(|(items, _)| only(items, ids))
    }

    /// The items, whether they match the filter or not.
    pub(super) async fn by_ids(&self, ids: &[u64]) -> Result<Vec<Item>, PortalError> {
        self.by_ids_within(ids, &self.call.deadline).await
    }

    /// The same after a write: also in the reserve of time, and when the call was cancelled.
    pub(super) async fn finally(&self, ids: &[u64]) -> Result<Vec<Item>, PortalError> {
        self.by_ids_within(ids, &self.call.deadline.for_final_read()).await
    }

    async fn by_ids_within(
        &self,
        ids: &[u64],
        deadline: &Deadline,
    ) -> Result<Vec<Item>, PortalError> {
        let filter = with_condition(Map::new(), "@id", json!(ids));
        self.list(filter, false, deadline).await.map(|(items, _)| only(items, ids))
    }

    /// The ids of the items that match the filter, above one: of all, or of more than so many.
    pub(super) async fn ids_after(&self, id: u64, most: usize) -> Result<Vec<u64>, PortalError> {
        let (mut ids, mut after) = (Vec::new(), id);
        loop {
            let select = vec!["id".to_owned()];
            let filter = self.above(after);
            let (page, _) = self.fetched(filter, select, false, &self.call.deadline).await?;
            ids.extend(page.iter().filter_map(Item::id));
            let last = ids.last().copied().unwrap_or(after);
            if page.len() < Page::LENGTH || last <= after || ids.len() > most {
                return Ok(ids);
            }
            after = last;
        }
    }

    /// Whether the filter finds these items, in ascending order, and no others: asked with one request
    /// for all pages, or page by page.
    pub(super) async fn finds_just(&self, ids: &[u64]) -> Result<bool, PortalError> {
        let mut after = 0;
        let mut filters = Vec::new();
        for some in ids.chunks(Page::LENGTH) {
            let last = some.last().copied().unwrap_or(after);
            filters.push(with_condition(self.above(after), "<=id", json!(last)));
            after = last;
        }
        filters.push(self.above(after));
        let items = &self.call.account.items;
        let found = items.ids_together(self.changes.entity, filters, &self.call.deadline).await?;
        let found = match found {
            Some(found) => found,
            None => self.ids_after(0, ids.len()).await?,
        };
        Ok(found == ids)
    }

    async fn list(
        &self,
        filter: Map<String, Value>,
        counts: bool,
        deadline: &Deadline,
    ) -> Result<(Vec<Item>, Option<u64>), PortalError> {
        let all = || vec!["*".to_owned()];
        let reads_all = self.reads_all.load(Ordering::Relaxed);
        let some = self.changes.select().filter(|_| !reads_all);
        let is_all = some.is_none();
        let read = self.fetched(filter.clone(), some.unwrap_or_else(all), counts, deadline).await?;
        let are_shown = read.0.iter().all(|item| self.changes.are_shown(item));
        if is_all || are_shown {
            return Ok(read);
        }
        self.reads_all.store(true, Ordering::Relaxed);
        self.fetched(filter, all(), counts, deadline).await
    }

    async fn fetched(
        &self,
        filter: Map<String, Value>,
        select: Vec<String>,
        counts: bool,
        deadline: &Deadline,
    ) -> Result<(Vec<Item>, Option<u64>), PortalError> {
        /// Reading again is safe.
        const MAX_REPEATS: u32 = 2;
        const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);
        let items = &self.call.account.items;
        let mut repeats = 0;
        let page = loop {
            let query = Query {
                entity: self.changes.entity,
                select: select.clone(),
                filter: filter.clone(),
                order: Map::from_iter([("id".to_owned(), json!("ASC"))]),
                start: counts.then_some(0),
            };
            let error = match items.list(query, deadline).await {
                Ok(page) => break page,
                Err(error) => error,
            };
            let is_worth_repeating = matches!(
                error.disposition(),
                Disposition::FailedInside | Disposition::Cut | Disposition::MayRun
            );
            repeats += 1;
            if !is_worth_repeating || repeats > MAX_REPEATS || !deadline.has(PAUSE) {
                return Err(error);
            }
            deadline.wait(tokio::time::sleep(PAUSE)).await?;
        };
        let naming = self.changes.naming;
        let items = page.items.into_iter().map(|item| spelt(item, naming));
        Ok((items.collect(), page.total))
    }
}

/// The ids of which there is no item.
pub(super) fn missing(items: &[Item], ids: &[u64]) -> Vec<u64> {
    let is_missing = |id: &&u64| !items.iter().any(|item| item.id() == Some(**id));
    ids.iter().filter(is_missing).copied().collect()
}

/// Those of the items that were asked for, each once.
fn only(items: Vec<Item>, ids: &[u64]) -> Vec<Item> {
    let mut seen = BTreeSet::new();
    let mut is_asked =
        |item: &Item| item.id().is_some_and(|id| ids.contains(&id) && seen.insert(id));
    items.into_iter().filter(|item| is_asked(item)).collect()
}

/// The item with the names of custom fields in this spelling: lists have them in camelCase.
pub(super) fn spelt(item: Item, naming: Naming) -> Item {
    item.into_iter().map(|(name, value)| (names::in_naming(&name, naming), value)).collect()
}
