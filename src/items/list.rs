//! Lists of items, a page at a time.

use serde_json::{Map, Value, json};

use super::Items;
use crate::{
    crm::{EntityType, Item, kind},
    portal::{Commands, Deadline, PortalError, batch::has_no_batches},
};

/// A checked request for items.
#[derive(Debug)]
pub struct Query {
    /// Of which type.
    pub entity: EntityType,
    /// The fields to bring, or `*`.
    pub select: Vec<String>,
    /// The conditions, in wire form.
    pub filter: Map<String, Value>,
    /// `ASC` or `DESC` by field.
    pub order: Map<String, Value>,
    /// Where the page begins, a multiple of [`Page::SIZE`]; `None` leaves out the count of all,
    /// which is the most expensive part of a list.
    pub start: Option<u64>,
}

/// A page of items.
#[derive(Debug)]
pub struct Page {
    /// At most [`Page::SIZE`].
    pub items: Vec<Item>,
    /// How many there are on all pages, where that was counted.
    pub total: Option<u64>,
}

impl Page {
    /// How many items a portal lists at a time (docs/bitrix24.md, "Lists and filters").
    pub const SIZE: u64 = Self::LENGTH as u64;
    /// The same, for lengths of lists.
    pub const LENGTH: usize = 50;
}

/// A filter with one more condition, which has to hold too.
#[must_use]
pub fn with_condition(
    mut filter: Map<String, Value>,
    key: &str,
    value: Value,
) -> Map<String, Value> {
    if filter.contains_key(key) {
        let number = free_number(&[&filter]);
        filter.insert(number, json!({ key: value }));
    } else {
        filter.insert(key.to_owned(), value);
    }
    filter
}

/// The first number that is no key of the groups: the key of one more group.
pub fn free_number(groups: &[&Map<String, Value>]) -> String {
    let is_free = |number: &String| !groups.iter().any(|group| group.contains_key(number));
    let taken: usize = groups.iter().map(|group| group.len()).sum();
    (0..=taken).map(|number| number.to_string()).find(is_free).unwrap_or_default()
}

impl Items {
    /// The method that lists items, for errors that depend on it.
    pub const LIST: &str = "crm.item.list";

    /// The ids of the first pages of several lists, one after the other, asked for with one request;
    /// none when that is not possible.
    ///
    /// # Errors
    ///
    /// Whatever kept the portal from answering the request.
    pub(crate) async fn ids_together(
        &self,
        entity: EntityType,
        filters: Vec<Map<String, Value>>,
        deadline: &Deadline,
    ) -> Result<Option<Vec<u64>>, PortalError> {
        let mut commands = Commands::default();
        for (at, filter) in filters.iter().enumerate() {
            let parameters = Map::from_iter([
                ("entityTypeId".to_owned(), json!(entity.id())),
                ("start".to_owned(), json!(-1)),
                ("select".to_owned(), json!(["id"])),
                ("filter".to_owned(), filter.clone().into()),
                ("order".to_owned(), json!({"id": "ASC"})),
            ]);
            if !commands.add(format!("page{at}"), Self::LIST, &parameters) {
                return Ok(None);
            }
        }
        if !self.portal.has_batches() {
            return Ok(None);
        }
        let permit = self.portal.permit(deadline).await?;
        let mut answer = match self.portal.batch(permit, &commands, deadline).await {
            Ok(answer) => answer,
            Err(error) if has_no_batches(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut ids = Vec::new();
        for at in 0..filters.len() {
            let Ok(page) = answer.take(&format!("page{at}")) else { return Ok(None) };
            let rows = page.result.get("items").and_then(Value::as_array).into_iter().flatten();
            let of_rows = rows.filter_map(|row| kind::whole_number(row.get("id")?));
            ids.extend(of_rows.filter_map(|id| u64::try_from(id).ok()));
        }
        Ok(Some(ids))
    }

    /// Reads a page of items, always with names in camelCase: portals lose standard fields when
    /// custom ones are selected by their original names (docs/bitrix24.md, "Lists and filters").
    ///
    /// # Errors
    ///
    /// Whatever kept the portal from answering it.
    pub async fn list(&self, query: Query, deadline: &Deadline) -> Result<Page, PortalError> {
        let mut parameters = Map::from_iter([
            ("entityTypeId".to_owned(), json!(query.entity.id())),
            ("start".to_owned(), query.start.map_or(json!(-1), |start| json!(start))),
            ("select".to_owned(), json!(query.select)),
        ]);
        if !query.filter.is_empty() {
            parameters.insert("filter".to_owned(), query.filter.into());
        }
        if !query.order.is_empty() {
            parameters.insert("order".to_owned(), query.order.into());
        }
        let mut answer = self.portal.fetch(Self::LIST, &parameters, deadline).await?;
        let rows = match answer.result.get_mut("items").map(Value::take) {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        };
        let items = rows.into_iter().filter_map(|row| match row {
            Value::Object(item) => Some(item.into()),
            _ => None,
        });
        Ok(Page { items: items.collect(), total: answer.total })
    }
}
