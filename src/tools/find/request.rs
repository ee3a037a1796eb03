//! A checked request for items: which fields, in which order, how many; its pages and its answer.

use serde_json::{Map, Value};

use crate::{
    crm::{
        EntityType, Item, Naming,
        catalog::{self, Access, KNOWN_BY},
        names,
    },
    error::{Failure, Problem},
    items::{Items, Page, Query},
    metadata::{Fields, Unresolved},
    tools::{context::Context, filter::Filter},
};

const USUAL_LIMIT: u64 = 20;

/// What a call asks for, as it was typed.
pub(super) struct Asked {
    pub(super) entity: EntityType,
    pub(super) naming: Naming,
    pub(super) query: Option<String>,
    pub(super) filter: Map<String, Value>,
    pub(super) select: Vec<String>,
    pub(super) order: Map<String, Value>,
    pub(super) limit: Option<u64>,
    pub(super) start: Option<i64>,
}

/// A checked request for items.
pub(super) struct ListRequest {
    pub(super) entity: EntityType,
    pub(super) naming: Naming,
    pub(super) filter: Map<String, Value>,
    pub(super) order: Map<String, Value>,
    /// The fields to show; none for all.
    pub(super) fields: Option<Vec<String>>,
    /// Those among them that `select` names.
    pub(super) selected: Vec<String>,
    pub(super) limit: u64,
    pub(super) start: Option<u64>,
    /// Whether the filter holds codes that newer metadata may know.
    pub(super) has_unknown_codes: bool,
    pub(super) notes: Vec<String>,
}

/// A part of a page.
#[derive(Default)]
pub(super) struct Found {
    pub(super) items: Vec<Item>,
    pub(super) total: Option<u64>,
    /// Whether items follow those that are shown.
    pub(super) has_more: bool,
}

impl Found {
    /// Whether there is anything, on this page or before it.
    pub(super) fn is_any(&self) -> bool {
        !self.items.is_empty() || self.total.is_some_and(|total| total > 0)
    }
}

impl ListRequest {
    pub(super) async fn check(
        context: Context<'_>,
        asked: &Asked,
        mut notes: Vec<String>,
    ) -> Result<Self, Failure> {
        let entity = asked.entity;
        let others = asked.select.iter().chain(asked.order.keys()).map(String::as_str);
        let others = others.filter(|name| *name != "*");
        let mut filter = Filter::read(context, entity, &asked.filter, others).await?;
        notes.append(&mut filter.notes);
        let mut problems = filter.problems;
        let known =
            Fields { entity, naming: Naming::Camel, item: None, list: filter.list.as_deref() };
        let mut named =
            |typed: &str, path: &str| match known.resolve_among(problems.len(), typed, path) {
                Ok(field) if field.row.is_some_and(|row| row.access == Access::Hidden) => {
                    let problem = Problem::new(path, "is not shown in lists");
                    problems.push(problem.suggest(names::well_known_slip(&field.name)));
                    None
                }
                Ok(field) => Some(field.name),
                Err(Unresolved::Unknown(problem) | Unresolved::Ambiguous(problem)) => {
                    problems.push(problem);
                    None
                }
            };
        let is_all = asked.select.iter().any(|name| name == "*");
        let selected: Vec<String> = asked
            .select
            .iter()
            .filter(|name| *name != "*")
            .filter_map(|typed| named(typed, &format!("select.{typed}")))
            .collect();
        let mut order = Map::new();
        for (typed, direction) in &asked.order {
            let path = format!("order.{typed}");
            let Some(name) = named(typed, &path) else { continue };
            let upper = direction.as_str().unwrap_or_default().trim().to_uppercase();
            order.insert(name, upper.into());
        }
        for (name, direction) in &order {
            if direction != "ASC" && direction != "DESC" {
                problems.push(Problem::new(format!("order.{name}"), "must be \"ASC\" or \"DESC\""));
            }
        }
        if !problems.is_empty() {
            return Err(Failure::refused_arguments(problems));
        }
        let limit = asked.limit.unwrap_or(USUAL_LIMIT);
        if limit > Page::SIZE {
            notes.push(format!("`limit` was read as {}, the most that a page holds", Page::SIZE));
        }
        let mut fields = usual_fields(entity);
        let added: Vec<String> =
            selected.iter().filter(|name| !fields.contains(name)).cloned().collect();
        fields.extend(added);
        Ok(Self {
            entity,
            naming: asked.naming,
            filter: filter.wire,
            order,
            fields: (!is_all).then_some(fields),
            selected,
            limit: limit.min(Page::SIZE),
            // The vendor's -1 means the same as leaving it out here: no count.
            start: asked.start.and_then(|start| u64::try_from(start).ok()),
            has_unknown_codes: filter.has_unknown_codes,
            notes,
        })
    }

    /// Fetches a page of the items that match a filter.
    pub(super) async fn page(
        &self,
        context: Context<'_>,
        filter: Map<String, Value>,
    ) -> Result<Found, Failure> {
        let start = self.start.unwrap_or(0);
        let skipped = start % Page::SIZE;
        let query = Query {
            entity: self.entity,
            select: self.wire_select(),
            filter,
            order: self.order.clone(),
            // Counting is the most expensive part of a list, so it is done only when asked for.
            start: self.start.map(|_| start - skipped),
        };
        let page = context.call.account.items.list(query, &context.call.deadline).await;
        let page = page.map_err(|error| context.unreadable(self.entity, Items::LIST, &error))?;
        let skipped_items = usize::try_from(skipped).unwrap_or(usize::MAX);
        let mut items: Vec<Item> = page.items.into_iter().skip(skipped_items).collect();
        let is_full_page = items.len() as u64 + skipped >= Page::SIZE;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let end = start + items.len() as u64;
        let has_more = items.len() > limit
            || match page.total {
                Some(total) => total > end,
                None => is_full_page,
            };
        items.truncate(limit);
        Ok(Found { items, total: page.total, has_more })
    }

    /// Phones and e-mails are only returned when all fields are selected.
    fn wire_select(&self) -> Vec<String> {
        match &self.fields {
            Some(fields) if !fields.iter().any(|name| name == "fm") => fields.clone(),
            _ => vec!["*".to_owned()],
        }
    }
}

/// With the number that people call the item by; portals that lack it silently drop it from
/// `select` (docs/bitrix24.md, "Lists and filters").
fn usual_fields(entity: EntityType) -> Vec<String> {
    let has = |name: &&str| entity.family().is_none() || catalog::field(entity, name).is_some();
    let number = entity.family().and_then(catalog::number);
    KNOWN_BY.into_iter().filter(has).chain(number).map(str::to_owned).collect()
}
