//! `get_crm_item`: one item without what says nothing, with the names beside the codes.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Context, RawArguments, Tool, Work,
    arguments::YesNo,
    days::{self, Days},
    naming::Names,
    render::{meaningful_fields, narrowed},
    schema,
};
use crate::{
    change::{self, ItemRef},
    crm::EntityTypes,
    error::{Failure, Problem},
    metadata::Metadata,
    portal::Budget,
    resolve::{Fields, Unresolved},
};

const DESCRIPTION: &str = "\
Reads one CRM item: its filled fields, names beside the codes of stage and pipeline, phones and e-mails \
with their record ids, files by id, and a link.";

/// What a call may hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Arguments {
    #[schemars(range(min = 1))]
    entity_type_id: u64,
    /// Id of the item
    #[schemars(range(min = 1))]
    id: u64,
    /// Only these fields, also empty ones
    #[serde(default)]
    select: Vec<String>,
    /// Y: `UF_CRM_…` names
    #[serde(default)]
    use_original_uf_names: YesNo,
}

/// The tool as clients are told of it.
pub(super) fn tool(types: &EntityTypes) -> Tool {
    Tool {
        name: "get_crm_item",
        title: "Read a Bitrix24 CRM item",
        description: DESCRIPTION.to_owned(),
        search_hint: "bitrix24 crm read show deal lead contact company",
        input_schema: schema::input::<Arguments>(types),
        output_schema: None,
        work: Work::Get,
    }
}

/// Runs a call.
pub(super) async fn run(context: Context<'_>, given: RawArguments) -> Result<Value, Failure> {
    let (arguments, mut notes) = context.arguments::<Arguments>(given)?;
    let entity = context.entity(arguments.entity_type_id).map_err(Failure::refused_argument)?;
    let item = ItemRef { entity, id: arguments.id };
    let naming = arguments.use_original_uf_names.naming();
    let (read, names) = tokio::join!(
        change::read(context.session, item, naming, context.budget),
        Names::of(context, entity, &mut notes),
    );
    let read = read?;
    let select = &arguments.select;
    let shown = if select.is_empty() || select.iter().any(|name| name == "*") {
        meaningful_fields(read)
    } else {
        let known = Fields { entity, naming, item: Some(&read), list: None };
        let chosen = chosen(context, known, &read, select).await?;
        let hidden = chosen.keys().filter(|name| !read.contains_key(*name));
        notes.extend(hidden.map(|name| format!("the item does not show `{name}`")));
        chosen
    };
    let days = Days::of(context, entity, naming, days::fields(&shown)).await;
    let shown = days.in_item(shown);
    let answer = json!({
        "ok": true,
        "entityTypeId": entity.id(),
        "id": item.id,
        "link": context.session.portal.address().page(&entity.item_path(item.id)),
        "item": names.added_to(shown),
        "notes": notes,
    });
    Ok(narrowed(answer, "item", "name the fields that you need in `select`"))
}

/// The named fields, whatever it takes to know what the names mean.
async fn chosen(
    context: Context<'_>,
    known: Fields<'_>,
    item: &Map<String, Value>,
    names: &[String],
) -> Result<Map<String, Value>, Failure> {
    // The portal's own list knows what a misspelt name or a title means.
    let problems = match selected(known, item, names) {
        Ok(shown) => return Ok(shown),
        Err(problems) => problems,
    };
    match selected_by(context.metadata, known, item, names, problems, context.budget).await {
        Err(failure) if failure.depends_on_facts() => {
            let (metadata, problems) = (context.metadata.recent(), failure.problems);
            selected_by(&metadata, known, item, names, problems, context.budget).await
        }
        shown => shown,
    }
}

/// The same by the portal's list of fields; where it cannot be had, the problems stay.
async fn selected_by(
    metadata: &Metadata,
    known: Fields<'_>,
    item: &Map<String, Value>,
    names: &[String],
    problems: Vec<Problem>,
    budget: &Budget,
) -> Result<Map<String, Value>, Failure> {
    let Ok(list) = metadata.field_list(known.entity, budget).await else {
        return Err(Failure::refused_arguments(problems));
    };
    let known = Fields { list: Some(&list), ..known };
    selected(known, item, names).map_err(Failure::refused_arguments)
}

/// The named fields of an item, also the empty ones.
fn selected(
    known: Fields<'_>,
    item: &Map<String, Value>,
    names: &[String],
) -> Result<Map<String, Value>, Vec<Problem>> {
    let mut shown = Map::new();
    let mut problems = Vec::new();
    for typed in std::iter::once("id").chain(names.iter().map(String::as_str)) {
        match known.resolve_among(problems.len(), typed, &format!("select.{typed}")) {
            Ok(field) => {
                let value = item.get(&field.name).cloned().unwrap_or_default();
                shown.insert(field.name, value);
            }
            Err(Unresolved::Unknown(problem) | Unresolved::Ambiguous(problem)) => {
                problems.push(problem);
            }
        }
    }
    if problems.is_empty() { Ok(shown) } else { Err(problems) }
}
