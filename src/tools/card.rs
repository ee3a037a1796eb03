//! What a change card shows beside an answer: titles, names and, of many items, a row for each. It is
//! made only where the client renders cards. It may cost the portal what people call its fields, which
//! is then known for ten minutes; all else is known already.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::{
    context::Context,
    days::Days,
    names::Names,
    render::{cut_texts, make_visible},
};
use crate::{
    change::{Detail, Group, ManyRequest, Tally},
    crm::{EntityType, Family, ItemRef, Naming},
    metadata::Fields,
    portal::Scrubber,
};

/// Values, titles and names are cut to so many characters.
const MAX_TEXT: usize = 80;
/// Messages are.
const MAX_MESSAGE: usize = 200;
/// How long an answer waits for what people call its fields.
const PATIENCE: Duration = Duration::from_secs(3);

/// Shows one item beside its answer.
pub(super) async fn show_item(
    context: Context<'_>,
    item: ItemRef,
    naming: Naming,
    title: Option<String>,
    answer: &Value,
) {
    if !context.call.renders_card() {
        return;
    }
    let entity = item.entity;
    learn_words(context, entity).await;
    let card = Card::new(context, entity, naming);
    let mut data = Map::new();
    data.extend(title.map(|title| ("title".to_owned(), card.shown(title, MAX_TEXT))));
    let link = context.call.account.address().page(&entity.item_path(item.id));
    data.insert("link".to_owned(), link.into());
    let kind = context.metadata.known_type_title(entity);
    data.extend(kind.map(|title| ("type".to_owned(), card.shown(title, MAX_TEXT))));
    data.insert("fields".to_owned(), card.titles(fields_of(answer)));
    context.call.show_on_card(data.into());
}

/// Shows many items, where what is known of each was gathered.
pub(super) async fn show_items(context: Context<'_>, request: &ManyRequest, tally: &Tally) {
    let Some(details) = &tally.details else { return };
    learn_words(context, request.entity).await;
    let card = Card::new(context, request.entity, request.naming);
    let days = Days::known(context, card.entity, card.naming);
    let mut rows: BTreeMap<u64, Map<String, Value>> = BTreeMap::new();
    for (id, detail) in details.iter() {
        rows.insert(id, card.row(id, detail, &days));
    }
    let mut tell = |groups: &[Group], status: Option<&str>| {
        for group in groups {
            let reason = &group.reason;
            let parts = [
                ("status", status.map(Value::from)),
                ("code", Some(json!(reason.code))),
                ("field", reason.field.as_deref().map(|field| card.shown(field, MAX_TEXT))),
                ("why", reason.why.map(|why| json!(why))),
                ("message", reason.message.as_deref().map(|text| card.shown(text, MAX_MESSAGE))),
            ];
            for id in &group.ids {
                let row = rows.entry(*id).or_insert_with(|| row_of(*id));
                for (name, value) in &parts {
                    row.extend(value.clone().map(|value| ((*name).to_owned(), value)));
                }
            }
        }
    };
    // What stays of an item that is written otherwise first: an exception says more.
    tell(&tally.stays, None);
    tell(&tally.failed, Some("failed"));
    tell(&tally.conflicts, Some("conflict"));
    for id in &tally.unknown {
        let row = rows.entry(*id).or_insert_with(|| row_of(*id));
        row.insert("status".to_owned(), "unknown".into());
    }
    let changes = details.iter().flat_map(|(_, detail)| &detail.changes);
    let exceptions = tally.failed.iter().chain(&tally.conflicts).chain(&tally.stays);
    let fields = changes.clone().map(|change| change.field.as_str());
    let fields = fields.chain(exceptions.filter_map(|group| group.reason.field.as_deref()));
    let values = changes.flat_map(|change| {
        [&change.before, &change.after].map(|value| (change.field.as_str(), value))
    });
    let names = Names::known(context, card.entity, card.naming, values).of_codes();
    context.call.show_on_card(json!({
        "fields": card.titles(set_of(fields)),
        "names": card.shown(names, MAX_TEXT),
        "rows": rows.into_values().collect::<Vec<_>>(),
    }));
}

/// Learns what people call the entity type and its fields. Without it the card shows their names.
async fn learn_words(context: Context<'_>, entity: EntityType) {
    let Context { call, metadata, .. } = context;
    let learn = async {
        let _ = metadata.field_list(entity, &call.deadline).await;
        if entity.family() == Some(Family::SmartProcess) {
            let _ = metadata.smart_processes(&call.deadline).await;
        }
    };
    let _ = timeout(PATIENCE, learn).await;
}

/// The fields that an answer names, in its own spelling.
fn fields_of(answer: &Value) -> BTreeSet<&str> {
    const CHANGES: [&str; 7] =
        ["changes", "notApplied", "restored", "kept", "cannot", "offered", "alsoChanged"];
    let list = |part: &str| answer.pointer(part).and_then(Value::as_array).into_iter().flatten();
    let changes = CHANGES.iter().filter_map(|part| answer.get(*part)?.as_array());
    let of_changes = changes.flatten().filter_map(|change| change.get("field")?.as_str());
    let of_item = answer.get("item").and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let already = list("/alreadyAsBefore").filter_map(Value::as_str);
    // `expect.stageId` is about `stageId`.
    let of_problems = list("/error/problems")
        .filter_map(|problem| Some(problem.get("path")?.as_str()?.split_once('.')?.1));
    set_of(of_changes.chain(of_item.map(String::as_str)).chain(already).chain(of_problems))
}

/// One by one: what sorts all at once is a large part of the program.
fn set_of<'a>(fields: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut set = BTreeSet::new();
    set.extend(fields);
    set
}

fn row_of(id: u64) -> Map<String, Value> {
    Map::from_iter([("id".to_owned(), id.into())])
}

/// What a card is about.
struct Card<'a> {
    context: Context<'a>,
    entity: EntityType,
    naming: Naming,
    scrubber: Scrubber,
}

impl<'a> Card<'a> {
    fn new(context: Context<'a>, entity: EntityType, naming: Naming) -> Self {
        Self { context, entity, naming, scrubber: context.call.account.scrubber() }
    }

    /// A value without secrets, of a bounded length, with its invisible characters shown. Secrets first:
    /// half of one is not found.
    fn shown(&self, value: impl Into<Value>, longest: usize) -> Value {
        let mut value = value.into();
        self.scrubber.value(&mut value);
        cut_texts(&mut value, longest);
        make_visible(&mut value);
        value
    }

    /// What people call fields, as far as it is known.
    fn titles(&self, fields: BTreeSet<&str>) -> Value {
        let Some(list) = self.context.metadata.known_field_list(self.entity) else {
            return json!({});
        };
        let known =
            Fields { entity: self.entity, naming: self.naming, item: None, list: Some(&list) };
        let titles = fields.into_iter().filter_map(|field| {
            // One record of a field has its id behind the name: `fm.12`.
            let name = field.split('.').next()?;
            let title = &known.describe(name.to_owned()).listed?.title;
            (!title.is_empty()).then(|| (field.to_owned(), title.as_str().into()))
        });
        self.shown(titles.collect::<Map<_, _>>(), MAX_TEXT)
    }

    fn row(&self, id: u64, detail: &Detail, days: &Days) -> Map<String, Value> {
        let mut row = row_of(id);
        let title = detail.title.as_deref().map(|title| self.shown(title, MAX_TEXT));
        row.extend(title.map(|title| ("title".to_owned(), title)));
        row.extend(detail.standing.map(|standing| ("status".to_owned(), json!(standing))));
        if !detail.changes.is_empty() {
            let changes = detail.changes.iter().cloned().map(|change| days.change(change));
            let changes: Vec<Value> = changes.collect();
            row.insert("changes".to_owned(), self.shown(changes, MAX_TEXT));
        }
        if detail.more_changes > 0 {
            row.insert("moreChanges".to_owned(), detail.more_changes.into());
        }
        row
    }
}
