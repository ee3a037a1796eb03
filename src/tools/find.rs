//! `find_crm_items`: items by text, phone, e-mail, id or the portal's own filter language, a
//! bounded page at a time.

mod filter;
mod query;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    arguments::YesNo,
    context::{Context, RawArguments},
    days::Days,
    naming::Names,
    registry::{Effect, Group, ToolDefinition},
    render::{Answer, KNOWN_BY, meaningful_fields, narrowed},
    schema,
};
use crate::{
    crm::{
        EntityType, Item, Kind, Naming,
        catalog::{self, Access},
        names,
    },
    error::{Failure, Problem},
    items::{Items, Page, Query},
    metadata::{Fields, Unresolved},
};
use filter::Filter;
use query::Search;

const USUAL_LIMIT: u64 = 20;

const DESCRIPTION: &str = "\
Finds CRM items: id, title, stage, amount, responsible.";

/// What a call may hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Arguments {
    #[schemars(range(min = 1))]
    entity_type_id: u64,
    /// Title, name, phone, e-mail or id
    #[serde(default)]
    query: Option<String>,
    /// Operator, then name; stages and pipelines by name or code:
    /// {"categoryId":"Sales",">=opportunity":5000}. Also < ! @ !@ %; OR:
    /// {"0":{"logic":"OR","0":{},"1":{}}}
    #[serde(default)]
    filter: Map<String, Value>,
    /// More fields
    #[serde(default)]
    select: Vec<String>,
    /// {"opportunity":"DESC"}
    #[serde(default)]
    order: Map<String, Value>,
    /// Up to 50
    #[serde(default)]
    #[schemars(range(min = 1))]
    limit: Option<u64>,
    /// Offset. 0 also returns `total`; then pass the previous `next`
    #[serde(default)]
    start: Option<i64>,
    /// `UF_CRM_` names
    #[serde(default)]
    use_original_uf_names: YesNo,
}

/// The tool.
pub(super) static TOOL: ToolDefinition = ToolDefinition {
    name: "find_crm_items",
    title: "Find Bitrix24 CRM items",
    search_hint: "bitrix24 crm find search list",
    group: Group::Lookup,
    effect: Effect::Read,
    instructions: "find_crm_items finds items by title, name, phone, e-mail, id or filter and gives ids, \
                   stage codes and links.",
    description: |_| DESCRIPTION.to_owned(),
    input_schema: schema::input::<Arguments>,
    output_schema: None,
    run: |context, raw| Box::pin(run(context, raw)),
};

async fn run(context: Context<'_>, raw: RawArguments) -> Result<Answer, Failure> {
    let (arguments, notes) = context.arguments(raw)?;
    let mut request = ListRequest::check(context, &arguments, notes.clone()).await;
    let is_in_doubt = match &request {
        Ok(request) => request.has_doubts,
        Err(failure) => failure.depends_on_metadata(),
    };
    if is_in_doubt {
        let metadata = context.metadata.recent();
        request = ListRequest::check(context.with_metadata(&metadata), &arguments, notes).await;
    }
    let mut request = request?;
    let found = match request.query.take() {
        None => request.page(context, None).await?,
        Some(query) => query::run(context, &mut request, query.trim()).await?,
    };
    Ok(Answer::Success(request.answer(context, found).await))
}

/// A checked request for items.
struct ListRequest {
    entity: EntityType,
    naming: Naming,
    query: Option<String>,
    filter: Map<String, Value>,
    order: Map<String, Value>,
    /// The fields to show; none for all.
    fields: Option<Vec<String>>,
    /// Those among them that were asked for.
    selected: Vec<String>,
    limit: u64,
    start: Option<u64>,
    /// Whether the filter holds what newer metadata may know.
    has_doubts: bool,
    notes: Vec<String>,
}

/// A part of a page.
#[derive(Default)]
struct Found {
    items: Vec<Item>,
    total: Option<u64>,
    /// Whether items follow those that are shown.
    has_more: bool,
}

impl Found {
    /// Whether there is anything, on this page or before it.
    fn is_any(&self) -> bool {
        !self.items.is_empty() || self.total.is_some_and(|total| total > 0)
    }
}

impl ListRequest {
    async fn check(
        context: Context<'_>,
        arguments: &Arguments,
        mut notes: Vec<String>,
    ) -> Result<Self, Failure> {
        let entity = context.entity(arguments.entity_type_id).map_err(Failure::refused_argument)?;
        let query = arguments.query.clone().filter(|query| !query.trim().is_empty());
        let others = arguments.select.iter().chain(arguments.order.keys()).map(String::as_str);
        let others = others.filter(|name| *name != "*");
        let mut filter = Filter::read(context, entity, &arguments.filter, others).await?;
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
        let is_all = arguments.select.iter().any(|name| name == "*");
        let selected: Vec<String> = arguments
            .select
            .iter()
            .filter(|name| *name != "*")
            .filter_map(|typed| named(typed, &format!("select.{typed}")))
            .collect();
        let mut order = Map::new();
        for (typed, direction) in &arguments.order {
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
        let limit = arguments.limit.unwrap_or(USUAL_LIMIT);
        if limit > Page::SIZE {
            notes.push(format!("`limit` was read as {}, the most that a page holds", Page::SIZE));
        }
        let mut fields = usual_fields(entity);
        let added: Vec<String> =
            selected.iter().filter(|name| !fields.contains(name)).cloned().collect();
        fields.extend(added);
        Ok(Self {
            entity,
            naming: arguments.use_original_uf_names.naming(),
            query,
            filter: filter.wire,
            order,
            fields: (!is_all).then_some(fields),
            selected,
            limit: limit.min(Page::SIZE),
            // To the vendor -1 is what leaving it out is here: not to count.
            start: arguments.start.and_then(|start| u64::try_from(start).ok()),
            has_doubts: filter.has_doubts,
            notes,
        })
    }

    /// Asks for a page; with a search, for what both it and the filter let pass.
    async fn page(&self, context: Context<'_>, search: Option<&Search>) -> Result<Found, Failure> {
        let start = self.start.unwrap_or(0);
        let skipped = start % Page::SIZE;
        let query = Query {
            entity: self.entity,
            select: self.wire_select(),
            filter: match search {
                None => self.filter.clone(),
                Some(search) => search.joined_with(&self.filter),
            },
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

    /// Phones and e-mails come with everything else or not at all.
    fn wire_select(&self) -> Vec<String> {
        match &self.fields {
            Some(fields) if !fields.iter().any(|name| name == "fm") => fields.clone(),
            _ => vec!["*".to_owned()],
        }
    }

    async fn answer(mut self, context: Context<'_>, found: Found) -> Value {
        let names = match found.items.as_slice() {
            [] => None,
            _ => Some(Names::of(context, self.entity, &mut self.notes).await),
        };
        let values = found.items.iter().flat_map(Item::fields);
        let days = Days::of(context, self.entity, Naming::Camel, values).await;
        let portal = context.call.account.address();
        let items: Vec<Value> = found
            .items
            .into_iter()
            .map(|item| {
                let id = item.id();
                let row = days.in_item(self.row(item));
                let row = match &names {
                    Some(names) => names.added_to(row),
                    None => row,
                };
                let link = id.map(|id| portal.page(&self.entity.item_path(id)));
                let link = link.map(|link| ("link".to_owned(), link.into()));
                // Custom fields are named in the asked spelling.
                let renamed = row
                    .into_iter()
                    .map(|(name, value)| (names::in_naming(&name, self.naming), value));
                renamed.chain(link).collect::<Map<_, _>>().into()
            })
            .collect();
        let count = items.len();
        let answer = json!({
            "ok": true,
            "entityTypeId": self.entity.id(),
            "items": items,
            "total": found.total,
            "next": null,
            "notes": self.notes,
        });
        let how = "continue from `next`, or narrow with `filter`, `limit` or a shorter `select`";
        let mut answer = narrowed(answer, "items", how);
        let shown = answer.get("items").and_then(Value::as_array).map_or(0, Vec::len);
        if let Some(answer) = answer.as_object_mut() {
            if found.has_more || shown < count {
                let shown = shown as u64;
                answer.insert("next".to_owned(), json!(self.start.unwrap_or(0) + shown));
            }
            answer.retain(|_, value| !value.is_null());
        }
        answer
    }

    /// What of an item is shown: what is filled, and what was asked for.
    fn row(&self, item: Item) -> Item {
        let Some(fields) = &self.fields else {
            return meaningful_fields(item);
        };
        let shown = fields.iter().filter_map(|name| {
            let value = item.get(name).cloned().unwrap_or_default();
            let kind = catalog::named(name).map_or(Kind::Text, |row| row.kind);
            let is_shown = self.selected.contains(name) || !kind.is_empty(&value);
            is_shown.then(|| (name.clone(), value))
        });
        shown.collect()
    }
}

/// With the number that people call the item by; portals that lack it drop it from `select` without
/// a word (docs/bitrix24.md, "Lists and filters").
fn usual_fields(entity: EntityType) -> Vec<String> {
    let has = |name: &&str| entity.family().is_none() || catalog::field(entity, name).is_some();
    let number = entity.family().and_then(catalog::number);
    KNOWN_BY.into_iter().filter(has).chain(number).map(str::to_owned).collect()
}
