//! `update_crm_item`: changes one item and reports the outcome.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    arguments::{self, Unreadable, YesNo},
    card,
    context::Context,
    days::Days,
    definition::ToolDefinition,
    names::Names,
    raw_arguments::RawArguments,
    render::{Answer, Missed, Success, recognizable_fields},
    schema,
    selection::{Effect, Group},
};
use crate::{
    change::{self, Change, Outcome, Patch},
    crm::{EntityType, EntityTypes, ItemRef},
    error::{Code, Failure, Problem},
    uploads::Policy,
};

/// The tool's description for these entity types.
fn description(types: &EntityTypes) -> String {
    let legend: Vec<String> = types
        .numbers()
        .map(|(family, numbers)| {
            let numbers = numbers.replace(">=", "from ");
            format!("{} {} ({numbers})", family.letter(), family.name())
        })
        .collect();
    let legend = legend.join(", ");
    let example = if types.contains(EntityType::new(2)) {
        "Example: {\"entityTypeId\":2,\"id\":351,\"fields\":{\"stageId\":\"C9:WON\",\"opportunity\":12000}}\n\n"
    } else {
        ""
    };
    format!(
        "\
Changes one Bitrix24 CRM item (many: update_crm_items); only the named fields. The result is verified: `changes` includes \
what the portal's automation did at once (`askedFor`: false), and a silently ignored value is an error.

{example}Field names are camelCase. The letters in `fields` tell which entity types have a field: {legend}. \
Stages, pipelines, sources, \
types, options and users: code or exact name. Dates: YYYY-MM-DD, custom money \"300|USD\", custom links CO_3. \
Lists replace the old list. Never empty: title, stage, pipeline, currency, responsible, begin and close date. \
{{\"fm\":{{\"12\":{{\"value\":\"+1\"}}}}}} changes record 12, value \"\" deletes it; only new ones need typeId. A file is \
[\"name.pdf\",\"<base64>\"] or {{\"path\":\"/folder/name.pdf\"}}, absolute; {{\"id\":12}} keeps a file in a list. \
Computed: taxValue; opportunity while isManualOpportunity is N.

To change the pipeline, send `categoryId` and `stageId` together. `expect` prevents changing an item that has \
changed since you read it; \"\" expects nothing there.

An error says whether anything was `written` (no, yes, unknown), whether another call can help (`retry`: no, \
after_fix, later) and what to do next (`hint`). After `unknown`, read the item before \
repeating the call."
    )
}

/// What a call may hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Arguments {
    #[schemars(range(min = 1))]
    entity_type_id: u64,
    /// Id of the existing item
    #[schemars(range(min = 1))]
    id: u64,
    /// New values by field name, as a JSON object. Letters: entity types that have the field. ufCrm… and parentId… are accepted too
    #[serde(default)]
    fields: Map<String, Value>,
    /// Names of fields to empty
    #[serde(default)]
    clear: Vec<String>,
    /// Values that fields must have now, else nothing is written
    #[serde(default)]
    expect: Map<String, Value>,
    /// true: only show what would change
    #[serde(default)]
    dry_run: bool,
    /// Y: custom fields are named `UF_CRM_…` here and in the answer
    #[serde(default)]
    use_original_uf_names: YesNo,
}

/// The tool.
pub(super) static TOOL: ToolDefinition = ToolDefinition {
    name: "update_crm_item",
    title: "Update a Bitrix24 CRM item",
    search_hint: "bitrix24 crm update change deal lead contact company quote invoice smart process stage",
    group: Group::Update,
    is_for_many: false,
    effect: Effect::Write,
    shows_card: true,
    instructions: "update_crm_item changes one item: pass its id and only the fields to change. Read the \
                   outcome: `updated` means that every field has the requested value, `unchanged` that all \
                   already had it; an error says whether anything was written, what was applied and what \
                   to do next. When `written` is unknown, read the item before repeating the call. Report \
                   the answer, not the request.",
    description,
    input_schema,
    output_schema: Some(schema::output::<Success>),
    run: |context, raw| Box::pin(run(context, raw)),
};

fn input_schema(types: &EntityTypes) -> Map<String, Value> {
    let mut schema = schema::input::<Arguments>(types);
    if let Some(fields) = schema::property_mut(&mut schema, "fields") {
        fields.insert("properties".to_owned(), schema::fields_to_set(types).into());
    }
    schema
}

async fn run(context: Context<'_>, raw: RawArguments) -> Result<Answer, Failure> {
    let patch = read(raw, context).map_err(Failure::refused_arguments)?;
    match change::change(context.call, &patch).await {
        Ok(outcome) => Ok(render(context, &patch, outcome).await),
        Err(failure) => {
            let answer = json!({"error": failure.to_json()});
            card::show_item(context, patch.item, patch.naming, None, &answer).await;
            Err(failure)
        }
    }
}

fn read(raw: RawArguments, context: Context<'_>) -> Result<Patch, Vec<Problem>> {
    let account = context.call.account;
    let parsed = arguments::parse::<Arguments>(raw, context.schema, account.address())
        .map_err(|unreadable| all_problems(unreadable, &account.files))?;
    let arguments = parsed.arguments;
    let entity = context.entity(arguments.entity_type_id).map_err(|problem| vec![problem])?;
    if arguments.fields.is_empty() && arguments.clear.is_empty() {
        return Err(vec![arguments::names_no_field()]);
    }
    parsed.notes.into_iter().for_each(|note| context.call.note(note));
    Ok(Patch {
        item: ItemRef { entity, id: arguments.id },
        fields: arguments.fields,
        clear: arguments.clear,
        expect: arguments.expect,
        dry_run: arguments.dry_run || context.only_shows(entity),
        naming: arguments.use_original_uf_names.naming(),
    })
}

/// Adds the problems of the fields, as far as they are known without the portal, to those of the
/// other arguments, so that one correction is enough.
fn all_problems(unreadable: Unreadable, files: &Policy) -> Vec<Problem> {
    let Unreadable { mut problems, readable } = unreadable;
    let fields = readable.get("fields").and_then(Value::as_object);
    let is_open = |name: &str| !problems.iter().any(|problem| problem.path == name);
    let has_field = fields.is_some_and(|fields| !fields.is_empty());
    if !has_field && !readable.contains_key("clear") && is_open("fields") && is_open("clear") {
        problems.push(arguments::names_no_field());
    }
    let entity = readable.get("entityTypeId").and_then(Value::as_u64);
    let entity = entity.and_then(|id| u32::try_from(id).ok()).map(EntityType::new);
    if let (Some(entity), Some(fields)) = (entity, fields) {
        problems.extend(change::obvious_problems(entity, fields, files));
    }
    problems
}

async fn render(context: Context<'_>, patch: &Patch, mut outcome: Outcome) -> Answer {
    let title = match &outcome {
        Outcome::Succeeded { item, .. } => item.called(),
        Outcome::Missed { title, .. } => title.clone(),
    };
    if let Outcome::Succeeded { item, asked, .. } = &mut outcome {
        *item = recognizable_fields(std::mem::take(item), asked);
    }
    let (changes, missed, item) = match &outcome {
        Outcome::Succeeded { changes, item, .. } => (changes, &[][..], item),
        Outcome::Missed { changes, not_applied, item, .. } => {
            (changes, not_applied.as_slice(), item)
        }
    };
    let of_changes = changes.iter().flat_map(|change| {
        [&change.before, &change.after].map(|value| (change.field.as_str(), value))
    });
    let of_missed = missed
        .iter()
        .flat_map(|missed| [&missed.asked, &missed.now].map(|it| (missed.field.as_str(), it)));
    let values = item.fields().chain(of_changes).chain(of_missed);
    let ItemRef { entity, id } = patch.item;
    let days = Days::of(context, entity, patch.naming, values.clone()).await;
    let names = Names::known(context, entity, patch.naming, values);
    let with_days = |changes: Vec<Change>| {
        let shown = |change: Change| Change {
            before: days.shown(&change.field, change.before),
            after: days.shown(&change.field, change.after),
            ..change
        };
        changes.into_iter().map(shown).collect()
    };
    let mut answer = match outcome {
        Outcome::Succeeded { status, changes, notes, item, .. } => Answer::Success(
            Success {
                ok: true,
                status,
                entity_type_id: entity.id(),
                id,
                link: context.call.account.address().page(&entity.item_path(id)),
                changes: with_days(changes),
                notes,
                item: days.in_item(item),
            }
            .into_json(),
        ),
        Outcome::Missed { failure, not_applied, changes, notes, item, .. } => Missed {
            ok: false,
            status: match failure.code {
                Code::PartlyApplied => "partial",
                Code::ChangedByPortal => "changed_by_portal",
                _ => "not_applied",
            },
            error: *failure,
            not_applied,
            changes: with_days(changes),
            notes,
            item,
        }
        .into_answer(),
    };
    names.add_to(answer.json_mut());
    card::show_item(context, patch.item, patch.naming, title, answer.json_mut()).await;
    answer
}
