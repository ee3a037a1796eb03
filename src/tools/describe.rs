//! `describe_crm_fields`: the fields of this portal, their choices, and its people.

mod choices;
mod description;
mod entity_types;
mod found;
mod matching;
mod one_field;
mod people;
mod row;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    arguments::YesNo,
    context::Context,
    definition::ToolDefinition,
    raw_arguments::RawArguments,
    render::{Answer, ReadAnswer},
    schema,
    selection::{Effect, Group},
};
use crate::{
    crm::{EntityType, Naming},
    error::{Failure, Problem},
};
use description::Description;
use found::Found;

/// More texts than that are not searched for at once.
const MAX_QUERIES: usize = 10;

const DESCRIPTION: &str = "\
Describes this portal's fields. Without entityTypeId: its entity types. With it: a line for \
each field. Each `query` finds fields by code, title or choice in any language, how they are written, \
and people by name or e-mail. `field` shows one in full: stages by pipeline, options with ids, currencies.";

/// What a call may hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Arguments {
    #[serde(default)]
    #[schemars(range(min = 1))]
    entity_type_id: Option<u64>,
    /// Up to 10 search texts; with a user `field`, people
    #[serde(default)]
    query: Vec<String>,
    /// Name of one field
    #[serde(default)]
    field: Option<String>,
    /// Y: `UF_CRM_…` names
    #[serde(default)]
    use_original_uf_names: YesNo,
}

/// The tool.
pub(super) static TOOL: ToolDefinition = ToolDefinition {
    name: "describe_crm_fields",
    title: "Look up Bitrix24 CRM fields",
    search_hint: "bitrix24 crm fields stages pipelines options users smart processes",
    group: Group::Lookup,
    is_for_many: false,
    effect: Effect::Read,
    shows_card: false,
    instructions: "describe_crm_fields with a `query` finds fields, stages, pipelines, options and people; \
                   without entityTypeId it lists the entity types of this portal.",
    description: |_| DESCRIPTION.to_owned(),
    input_schema: schema::input::<Arguments>,
    output_schema: Some(schema::output::<ReadAnswer>),
    run: |context, raw| Box::pin(async move { run(context, raw).await.map(Answer::Success) }),
};

async fn run(context: Context<'_>, raw: RawArguments) -> Result<Value, Failure> {
    let (arguments, notes) = context.arguments::<Arguments>(raw)?;
    let mut queries = arguments.query;
    queries.retain(|query| is_said(query));
    if queries.len() > MAX_QUERIES {
        let message =
            format!("has {} texts; up to {MAX_QUERIES} are searched for at once", queries.len());
        return Err(Failure::refused_argument(Problem::new("query", message)));
    }
    let Some(id) = arguments.entity_type_id else {
        return Ok(entity_types::described(context, &queries, notes).await);
    };
    let entity = context.entity(id).map_err(Failure::refused_argument)?;
    let naming = arguments.use_original_uf_names.naming();
    let asked = Asked { entity, naming, queries: &queries };
    match arguments.field.filter(|field| is_said(field)) {
        Some(field) => one_field(context, asked, &field, notes).await,
        None if queries.is_empty() => {
            Ok(Box::pin(Description::fetch(context, entity, naming, notes)).await?.all_fields())
        }
        None => matching(context, asked, notes).await,
    }
}

fn is_said(text: &str) -> bool {
    !text.trim().is_empty()
}

/// What is to be described.
#[derive(Clone, Copy)]
struct Asked<'a> {
    entity: EntityType,
    naming: Naming,
    queries: &'a [String],
}

/// What each query finds; newer metadata are asked once, for those that find nothing.
async fn matching(
    context: Context<'_>,
    Asked { entity, naming, queries }: Asked<'_>,
    notes: Vec<String>,
) -> Result<Value, Failure> {
    let mut description = Box::pin(Description::fetch(context, entity, naming, notes)).await?;
    let mut found = description.matching(queries.iter()).await;
    let mut notes = description.notes;
    let mut open: Vec<(&String, &mut Found)> =
        queries.iter().zip(&mut found).filter(|(_, found)| !found.is_anything).collect();
    if !open.is_empty() {
        let metadata = context.metadata.recent();
        let context = context.with_metadata(&metadata);
        let mut description =
            Box::pin(Description::fetch(context, entity, naming, Vec::new())).await?;
        let again = description.matching(open.iter().map(|(query, _)| *query)).await;
        for ((_, found), again) in open.iter_mut().zip(again) {
            **found = again;
        }
        let newer: Vec<String> =
            description.notes.into_iter().filter(|note| !notes.contains(note)).collect();
        notes.extend(newer);
    }
    Ok(Found::shown(found, queries, entity, notes))
}

/// Everything about one field; newer metadata are asked once, when it or a choice is not found.
async fn one_field(
    context: Context<'_>,
    Asked { entity, naming, queries }: Asked<'_>,
    field: &str,
    notes: Vec<String>,
) -> Result<Value, Failure> {
    let description = Box::pin(Description::fetch(context, entity, naming, notes.clone())).await?;
    let described = description.one_field(field, queries).await;
    let is_enough = match &described {
        Ok(described) => described.is_found,
        Err(failure) => !failure.depends_on_metadata(),
    };
    if is_enough {
        return described.map(|described| described.answer);
    }
    let metadata = context.metadata.recent();
    let context = context.with_metadata(&metadata);
    let description = Box::pin(Description::fetch(context, entity, naming, notes)).await?;
    description.one_field(field, queries).await.map(|described| described.answer)
}
