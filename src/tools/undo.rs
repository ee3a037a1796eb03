//! `undo_crm_update`: puts a recorded change back.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    card,
    context::Context,
    days::Days,
    definition::ToolDefinition,
    many,
    names::Names,
    raw_arguments::RawArguments,
    render::{Answer, bounded, failed_with, recognizable_fields},
    schema,
    selection::{Effect, Group},
};
use crate::{
    change::{self, Change, Status, UndoRequest, Undone, UndoneItem},
    crm::Naming,
    error::{Code, Failure, Problem, Retry},
    journal::ChangeId,
};

const DESCRIPTION: &str = "\
Puts back what a change wrote: the last one, or `changeId`. `kept`: changed since, left alone. `offered`: \
automation's changes. Over 50 items: two calls, as update_crm_items.";

/// What a call may hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Arguments {
    /// Of an answer or `history`
    #[serde(default)]
    change_id: Option<String>,
    /// Only show
    #[serde(default)]
    dry_run: bool,
    /// From the last answer
    #[serde(default)]
    confirm: Option<String>,
}

/// The name that calls use.
pub const NAME: &str = "undo_crm_update";

/// The tool.
pub(super) static TOOL: ToolDefinition = ToolDefinition {
    name: NAME,
    title: "Undo a Bitrix24 change",
    search_hint: "bitrix24 undo revert put back",
    group: Group::Update,
    is_for_many: true,
    effect: Effect::Write,
    shows_card: true,
    instructions: "undo_crm_update puts a change back; report what it kept and what cannot come back.",
    description: |_| DESCRIPTION.to_owned(),
    input_schema: schema::input::<Arguments>,
    output_schema: None,
    run: |context, raw| Box::pin(run(context, raw)),
};

async fn run(context: Context<'_>, raw: RawArguments) -> Result<Answer, Failure> {
    undone(context, raw).await.map_err(many::short)
}

async fn undone(context: Context<'_>, raw: RawArguments) -> Result<Answer, Failure> {
    let (arguments, notes) = context.arguments::<Arguments>(raw)?;
    for note in notes {
        context.call.note(note);
    }
    let named: Option<ChangeId> = match arguments.change_id.as_deref().map(str::parse) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(message)) => {
            return Err(Failure::refused_argument(Problem::new("changeId", message)));
        }
    };
    let recorded = change::recorded(context.call, named, arguments.confirm.as_deref()).await?;
    context.entity(u64::from(recorded.entity.id())).map_err(|problem| {
        Failure::refused_argument(Problem { path: "changeId".to_owned(), ..problem })
    })?;
    let id = recorded.change.clone();
    let dry_run = arguments.dry_run || context.only_shows(recorded.entity);
    let request = UndoRequest { dry_run, confirm: arguments.confirm };
    let mut answer = match change::undo(context.call, recorded, request).await? {
        Undone::One(item) => of_one(context, *item).await,
        Undone::Many { request, outcome } => many::answer(context, &request, outcome).await,
    };
    if let Some(answer) = answer.json_mut().as_object_mut() {
        answer.insert("undone".to_owned(), id.to_string().into());
    }
    Ok(answer)
}

/// The answer for one item: what was restored, and what was not and why.
async fn of_one(context: Context<'_>, undone: UndoneItem) -> Answer {
    let failure = failure_of(&undone);
    let UndoneItem { item, now, status, restored, kept, cannot, already, offered, .. } = undone;
    let entity = item.entity;
    let of_changes = |changes: &[Change]| {
        let values =
            changes.iter().flat_map(|it| [(&it.field, &it.before), (&it.field, &it.after)]);
        values.map(|(field, value)| (field.clone(), value.clone())).collect::<Vec<_>>()
    };
    let mut values = of_changes(&restored);
    values.extend(of_changes(&undone.also_changed));
    for kept in &kept {
        values.extend(
            [&kept.before, &kept.left, &kept.now].map(|it| (kept.field.clone(), it.clone())),
        );
    }
    for offer in &offered {
        values.extend([&offer.before, &offer.after].map(|it| (offer.field.clone(), it.clone())));
    }
    let title = now.called();
    let asked: Vec<String> = restored.iter().map(|change| change.field.clone()).collect();
    let shown = recognizable_fields(now, &asked);
    let values = values.iter().map(|(field, value)| (field.as_str(), value));
    let values = values.chain(shown.fields());
    let days = Days::of(context, entity, Naming::Camel, values.clone()).await;
    let names = Names::known(context, entity, Naming::Camel, values);
    let change = |it: Change| days.change(it);
    let status = match (status, restored.is_empty(), kept.is_empty() && cannot.is_empty()) {
        (Status::Planned, ..) => "planned",
        (_, true, true) => "unchanged",
        (_, true, false) => "not_restored",
        (_, false, true) => "restored",
        (_, false, false) => "partial",
    };
    let mut answer = Map::from_iter([
        ("ok".to_owned(), json!(failure.is_none())),
        ("status".to_owned(), json!(status)),
    ]);
    answer.extend(failure.as_ref().map(|failure| ("error".to_owned(), failure.to_json())));
    let lists: [(&str, Value); 6] = [
        ("restored", restored.into_iter().map(change).collect()),
        ("kept", json!(kept)),
        ("cannot", json!(cannot)),
        ("alreadyAsBefore", json!(already)),
        ("offered", json!(offered)),
        ("alsoChanged", undone.also_changed.into_iter().map(change).collect()),
    ];
    answer.insert("entityTypeId".to_owned(), json!(entity.id()));
    answer.insert("id".to_owned(), json!(item.id));
    let link = context.call.account.address().page(&entity.item_path(item.id));
    answer.insert("link".to_owned(), link.into());
    for (name, list) in lists {
        let is_told = name == "restored" || list.as_array().is_some_and(|list| !list.is_empty());
        answer.extend(is_told.then(|| (name.to_owned(), list)));
    }
    answer.insert("notes".to_owned(), json!(undone.notes));
    answer.insert("item".to_owned(), days.in_item(shown).into());
    let mut json = bounded(answer.into());
    names.add_to(&mut json);
    card::show_item(context, item, Naming::Camel, title, &json).await;
    match failure {
        Some(failure) => failed_with(&failure, Effect::Write, json),
        None => Answer::Success(json),
    }
}

/// The error of an item that did not get everything back.
fn failure_of(undone: &UndoneItem) -> Option<Failure> {
    let UndoneItem { status, restored, kept, cannot, .. } = undone;
    if *status == Status::Planned || (kept.is_empty() && cannot.is_empty()) {
        return None;
    }
    let names = |fields: Vec<&str>| {
        fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ")
    };
    let kept_names = names(kept.iter().map(|it| it.field.as_str()).collect());
    let cannot_names = names(cannot.iter().map(|it| it.field.as_str()).collect());
    let (code, begin) = match (restored.is_empty(), kept.is_empty()) {
        (false, _) => (Code::PartlyApplied, "a part of the change was put back"),
        (true, false) => (Code::Conflict, "nothing was put back"),
        (true, true) => (Code::NotApplied, "nothing was put back"),
    };
    let mut message = vec![begin.to_owned()];
    if !kept.is_empty() {
        message.push(format!("{kept_names} changed since and stayed"));
    }
    if !cannot.is_empty() {
        message.push(format!("{cannot_names} cannot come back"));
    }
    let hint = "tell the user what stayed and why; what is wanted all the same can be sent as an ordinary \
                update";
    let failure = Failure::new(code, Retry::No, message.join("; "), hint);
    Some(Failure { written: undone.written, ..failure })
}
