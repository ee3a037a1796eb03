//! `get_crm_item`: one item without empty and bookkeeping fields, with names for its codes.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    arguments::YesNo,
    context::Context,
    days::Days,
    definition::ToolDefinition,
    history,
    names::Names,
    raw_arguments::RawArguments,
    render::{Answer, MAX_ANSWER, ReadAnswer, length, meaningful_fields, narrowed_beside},
    schema,
    selection::{Effect, Group},
};
use crate::{
    change,
    crm::{Item, ItemRef},
    error::{Failure, Problem},
    metadata::{Fields, Metadata, Unresolved},
    portal::Deadline,
};

const DESCRIPTION: &str = "\
Reads one CRM item: its non-empty fields, names of their codes, phones and e-mails \
with record ids, files by id, and a link.";

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
    /// Also its changes made here, with `changeId`s
    #[serde(default)]
    history: bool,
    /// Y: `UF_CRM_…` names
    #[serde(default)]
    use_original_uf_names: YesNo,
}

/// The tool.
pub(super) static TOOL: ToolDefinition = ToolDefinition {
    name: "get_crm_item",
    title: "Read a Bitrix24 CRM item",
    search_hint: "bitrix24 crm read show deal lead contact company",
    group: Group::Lookup,
    is_for_many: false,
    effect: Effect::Read,
    shows_card: false,
    instructions: "get_crm_item shows one item.",
    description: |_| DESCRIPTION.to_owned(),
    input_schema: schema::input::<Arguments>,
    output_schema: Some(schema::output::<ReadAnswer>),
    run: |context, raw| Box::pin(run(context, raw)),
};

async fn run(context: Context<'_>, raw: RawArguments) -> Result<Answer, Failure> {
    let (arguments, mut notes) = context.arguments::<Arguments>(raw)?;
    let entity = context.entity(arguments.entity_type_id).map_err(Failure::refused_argument)?;
    let item = ItemRef { entity, id: arguments.id };
    let naming = arguments.use_original_uf_names.naming();
    let read = change::read(context.call, item, naming).await?;
    let select = &arguments.select;
    let shown = if select.is_empty() || select.iter().any(|name| name == "*") {
        meaningful_fields(read)
    } else {
        let fields = Fields { entity, naming, item: Some(&read), list: None };
        let chosen = chosen(context, fields, &read, select).await?;
        let hidden = chosen.fields().map(|(name, _)| name).filter(|name| !read.shows(name));
        notes.extend(hidden.map(|name| format!("the item does not show `{name}`")));
        chosen
    };
    let days = Days::of(context, entity, naming, shown.fields()).await;
    let shown = days.in_item(shown);
    let names = Names::asked(context, entity, naming, shown.fields()).await;
    let room = names.room();
    let (history, note) =
        if arguments.history { history::of_item(context, item).await } else { (Vec::new(), None) };
    notes.extend(note);
    let mut answer = json!({
        "ok": true,
        "entityTypeId": entity.id(),
        "id": item.id,
        "link": context.call.account.address().page(&entity.item_path(item.id)),
        "item": shown,
        "notes": notes,
    });
    if arguments.history {
        add_history(&mut answer, history);
    }
    let how = "name the fields that you need in `select`";
    let mut answer = narrowed_beside(answer, "item", how, room);
    let is_shown = |field: &str| answer.pointer("/item").is_some_and(|it| it.get(field).is_some());
    names.of_fields(is_shown).add_to(&mut answer);
    Ok(Answer::Success(answer))
}

/// Adds recorded changes, the newest first, as many as take half of an answer.
fn add_history(answer: &mut Value, history: Vec<Value>) {
    let mut room = MAX_ANSWER / 2;
    let told = history.into_iter().take_while(|change| {
        let needed = length(change);
        let has_room = needed <= room;
        room = room.saturating_sub(needed);
        has_room
    });
    let told: Vec<Value> = told.collect();
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("history".to_owned(), told.into());
    }
}

/// The named fields; the portal's field list is fetched if the names need it.
async fn chosen(
    context: Context<'_>,
    fields: Fields<'_>,
    item: &Item,
    names: &[String],
) -> Result<Item, Failure> {
    // The portal's own list knows what a misspelt name or a title means.
    let problems = match selected(fields, item, names) {
        Ok(shown) => return Ok(shown),
        Err(problems) => problems,
    };
    match selected_by(context.metadata, fields, item, names, problems, &context.call.deadline).await
    {
        Err(failure) if failure.depends_on_metadata() => {
            let (metadata, problems) = (context.metadata.recent(), failure.problems);
            selected_by(&metadata, fields, item, names, problems, &context.call.deadline).await
        }
        shown => shown,
    }
}

/// The same by the portal's list of fields; if it cannot be fetched, the problems stay.
async fn selected_by(
    metadata: &Metadata,
    fields: Fields<'_>,
    item: &Item,
    names: &[String],
    problems: Vec<Problem>,
    deadline: &Deadline,
) -> Result<Item, Failure> {
    let Ok(list) = metadata.field_list(fields.entity, deadline).await else {
        return Err(Failure::refused_arguments(problems));
    };
    let fields = Fields { list: Some(&list), ..fields };
    selected(fields, item, names).map_err(Failure::refused_arguments)
}

/// The named fields of an item, also the empty ones.
fn selected(fields: Fields<'_>, item: &Item, names: &[String]) -> Result<Item, Vec<Problem>> {
    let mut shown = Map::new();
    let mut problems = Vec::new();
    for typed in std::iter::once("id").chain(names.iter().map(String::as_str)) {
        match fields.resolve_among(problems.len(), typed, &format!("select.{typed}")) {
            Ok(field) => {
                let value = item.get(&field.name).cloned().unwrap_or_default();
                shown.insert(field.name, value);
            }
            Err(Unresolved::Unknown(problem) | Unresolved::Ambiguous(problem)) => {
                problems.push(problem);
            }
        }
    }
    if problems.is_empty() { Ok(shown.into()) } else { Err(problems) }
}
