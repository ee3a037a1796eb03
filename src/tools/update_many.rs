//! `update_crm_items`: shows and carries out a change of many items.

mod columns;
mod rows;
mod table;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    arguments::{YesNo, names_no_field},
    context::Context,
    definition::ToolDefinition,
    filter::Filter,
    many,
    raw_arguments::RawArguments,
    render::Answer,
    schema,
    selection::{Effect, Group},
};
use crate::{
    change::{self, MAX_ITEMS, ManyRequest, Which},
    crm::EntityType,
    error::{Failure, Problem},
};

const DESCRIPTION: &str = "\
Changes up to 1,000 items of one type, each verified as by update_crm_item. Give one of ids, filter, items, file. \
A filter, or more than 50 items, takes two calls: the first only shows what would change and gives `confirm`; show \
it to the user, then repeat all arguments with `confirm`. `paused`: repeat with `next.confirm`. Ids are given for \
exceptions only.";

/// What a call may hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Arguments {
    #[schemars(range(min = 1))]
    entity_type_id: u64,
    /// Ids
    #[serde(default)]
    ids: Vec<u64>,
    /// As in `find_crm_items`
    #[serde(default)]
    filter: Map<String, Value>,
    /// `[{"id":5,"title":"A"}]`
    #[serde(default)]
    items: Vec<Map<String, Value>>,
    /// Path of a CSV with columns id and fields; empty cells keep
    #[serde(default)]
    file: Option<String>,
    /// New values for each of ids or filter
    #[serde(default)]
    fields: Map<String, Value>,
    /// Fields to empty
    #[serde(default)]
    clear: Vec<String>,
    /// Else the item is left alone
    #[serde(default)]
    expect: Map<String, Value>,
    /// From the last answer
    #[serde(default)]
    confirm: Option<String>,
    /// Only show
    #[serde(default)]
    dry_run: bool,
    /// `UF_CRM_` names
    #[serde(default)]
    use_original_uf_names: YesNo,
}

/// The name that calls use.
pub const NAME: &str = "update_crm_items";

/// The tool.
pub(super) static TOOL: ToolDefinition = ToolDefinition {
    name: NAME,
    title: "Update many Bitrix24 CRM items",
    search_hint: "bitrix24 crm bulk mass update many csv",
    group: Group::Update,
    is_for_many: true,
    effect: Effect::Write,
    shows_card: true,
    instructions: "update_crm_items changes many items: show the user what its first call returns before you \
                   confirm.",
    description: |_| DESCRIPTION.to_owned(),
    input_schema: schema::input::<Arguments>,
    output_schema: None,
    run: |context, raw| Box::pin(run(context, raw)),
};

async fn run(context: Context<'_>, raw: RawArguments) -> Result<Answer, Failure> {
    changed(context, raw).await.map_err(many::short)
}

async fn changed(context: Context<'_>, raw: RawArguments) -> Result<Answer, Failure> {
    let (arguments, notes) = context.arguments::<Arguments>(raw)?;
    for note in notes {
        context.call.note(note);
    }
    let request = request(context, arguments).await?;
    let outcome = change::change_many(context.call, &request).await?;
    Ok(many::answer(context, &request, outcome).await)
}

async fn request(context: Context<'_>, arguments: Arguments) -> Result<ManyRequest, Failure> {
    let Arguments { ids, filter, items, file, fields, clear, expect, .. } = arguments;
    let entity = context.entity(arguments.entity_type_id).map_err(Failure::refused_argument)?;
    let naming = arguments.use_original_uf_names.naming();
    let given: Vec<&str> = [
        ("ids", !ids.is_empty()),
        ("filter", !filter.is_empty()),
        ("items", !items.is_empty()),
        ("file", file.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, is_given)| is_given.then_some(name))
    .collect();
    let mut problems = Vec::new();
    match given.as_slice() {
        [] => problems.push(Problem::new(
            "ids",
            "is missing: name the items by one of `ids`, `filter`, `items` and `file`",
        )),
        [_one] => {}
        [first, others @ ..] => problems.extend(others.iter().map(|other| {
            let message = format!("is given together with `{first}`; send one of them");
            Problem::new(*other, message)
        })),
    }
    let has_own_values = !items.is_empty() || file.is_some();
    let changes_nothing = fields.is_empty() && clear.is_empty();
    if has_own_values && !changes_nothing {
        let message =
            "is for `ids` and `filter`; each of `items` and each row of `file` has its own values";
        let name = if fields.is_empty() { "clear" } else { "fields" };
        problems.push(Problem::new(name, message));
    }
    if !has_own_values && changes_nothing {
        problems.push(names_no_field());
    }
    if !problems.is_empty() {
        return Err(Failure::refused_arguments(problems));
    }
    let which = if !ids.is_empty() {
        Which::Ids(in_order(ids)?)
    } else if !filter.is_empty() {
        Which::Filter(wire_filter(context, entity, &filter).await?)
    } else if let Some(path) = &file {
        Which::Rows(rows::of_file(context, entity, naming, path).await?)
    } else {
        Which::Rows(rows::of_items(context, entity, items)?)
    };
    let dry_run = arguments.dry_run || context.only_shows(entity);
    let confirm = arguments.confirm;
    Ok(ManyRequest { entity, which, fields, clear, expect, dry_run, naming, confirm })
}

fn in_order(mut ids: Vec<u64>) -> Result<Vec<u64>, Failure> {
    ids.sort_unstable();
    ids.dedup();
    if ids.contains(&0) {
        return Err(Failure::refused_argument(Problem::new("ids", "holds 0, which is no id")));
    }
    if ids.len() > MAX_ITEMS {
        return Err(Failure::refused_argument(rows::too_many("ids", ids.len())));
    }
    Ok(ids)
}

/// The filter in wire form; what was repaired is noted.
async fn wire_filter(
    context: Context<'_>,
    entity: EntityType,
    typed: &Map<String, Value>,
) -> Result<Map<String, Value>, Failure> {
    let mut read = Filter::read(context, entity, typed, std::iter::empty()).await?;
    let may_be_stale =
        read.has_unknown_codes || read.problems.iter().any(|problem| problem.depends_on_metadata);
    if may_be_stale {
        let metadata = context.metadata.recent();
        let context = context.with_metadata(&metadata);
        read = Filter::read(context, entity, typed, std::iter::empty()).await?;
    }
    if !read.problems.is_empty() {
        return Err(Failure::refused_arguments(read.problems));
    }
    read.notes.into_iter().for_each(|note| context.call.note(note));
    Ok(read.wire)
}
