//! `describe_crm_fields`: the fields of this portal, their choices, and its people.

mod choices;
mod people;
mod row;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    arguments::YesNo,
    context::Context,
    definition::ToolDefinition,
    raw_arguments::RawArguments,
    render::{Answer, narrowed},
    schema,
    selection::{Effect, Group},
};
use crate::{
    crm::{
        EntityType, Family, Kind, Naming,
        catalog::{self, Access},
        field_list::FieldList,
        likeness::{Likeness, unmatched, words},
        names,
    },
    error::{Failure, Problem},
    metadata::{Fields, Metadata, Unresolved},
};
use choices::{ChoiceGroup, Choices, Sources};
use row::Row;

const DESCRIPTION: &str = "\
Describes this portal's fields. Without entityTypeId: its entity types. With it: a line for \
each field. `query` finds fields by code, title or choice in any language, and people by name or e-mail. \
`field` shows one in full: stages by pipeline, options with ids, currencies.";

/// What a call may hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Arguments {
    #[serde(default)]
    #[schemars(range(min = 1))]
    entity_type_id: Option<u64>,
    /// Search text; with a user `field`, a person
    #[serde(default)]
    query: Option<String>,
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
    effect: Effect::Read,
    instructions: "describe_crm_fields with a `query` finds fields, stages, pipelines, options and people; \
                   without entityTypeId it lists the entity types of this portal.",
    description: |_| DESCRIPTION.to_owned(),
    input_schema: schema::input::<Arguments>,
    output_schema: None,
    run: |context, raw| Box::pin(async move { run(context, raw).await.map(Answer::Success) }),
};

async fn run(context: Context<'_>, raw: RawArguments) -> Result<Value, Failure> {
    let (arguments, notes) = context.arguments::<Arguments>(raw)?;
    let is_said = |text: &String| !text.trim().is_empty();
    let query = arguments.query.filter(is_said);
    let field = arguments.field.filter(is_said);
    let Some(id) = arguments.entity_type_id else {
        return Ok(entity_types(context, query.as_deref(), notes).await);
    };
    let entity = context.entity(id).map_err(Failure::refused_argument)?;
    let naming = arguments.use_original_uf_names.naming();
    let asked = Asked { entity, naming, field: field.as_deref(), query: query.as_deref() };
    let described = describe(context, asked, notes.clone()).await;
    let is_enough = match &described {
        Ok(described) => described.is_found,
        Err(failure) => !failure.depends_on_metadata(),
    };
    if is_enough {
        return described.map(|described| described.answer);
    }
    let metadata = context.metadata.recent();
    describe(context.with_metadata(&metadata), asked, notes).await.map(|described| described.answer)
}

/// What is to be described.
#[derive(Clone, Copy)]
struct Asked<'a> {
    entity: EntityType,
    naming: Naming,
    field: Option<&'a str>,
    query: Option<&'a str>,
}

async fn describe(
    context: Context<'_>,
    asked: Asked<'_>,
    notes: Vec<String>,
) -> Result<Described, Failure> {
    let description = Description::fetch(context, asked.entity, asked.naming, notes);
    let description = Box::pin(description).await?;
    match (asked.field, asked.query) {
        (Some(field), query) => description.one_field(field, query).await,
        (None, Some(query)) => Ok(description.matching(query).await),
        (None, None) => Ok(Described { answer: description.all_fields(), is_found: true }),
    }
}

/// A description, and whether the query was found in it.
struct Described {
    answer: Value,
    is_found: bool,
}

/// The entity types that the portal has, and the people who match the query.
async fn entity_types(context: Context<'_>, query: Option<&str>, mut notes: Vec<String>) -> Value {
    let standard = Family::ALL.into_iter().filter_map(|family| {
        Some((EntityType::new(family.entity_type_id()?), family.name().to_owned()))
    });
    let mut types: Vec<(EntityType, String)> = standard.collect();
    match context.metadata.smart_processes(&context.call.deadline).await {
        Ok(smart) => types.extend(smart.iter().map(|it| (it.entity, it.title.clone()))),
        Err(error) => notes.push(format!("the smart processes could not be read: {error}")),
    }
    types.retain(|(entity, _)| context.call.types.contains(*entity));
    let shown = types.into_iter().map(|(entity, name)| {
        let mut shown = json!({"entityTypeId": entity.id(), "name": name});
        if entity.family() == Some(Family::SmartProcess)
            && let Some(shown) = shown.as_object_mut()
        {
            shown.insert("isSmartProcess".to_owned(), true.into());
        }
        shown
    });
    let mut answer = json!({"ok": true, "entityTypes": shown.collect::<Vec<_>>()});
    if let Some(query) = query {
        let people = people::find(context, query, &mut notes).await;
        set(&mut answer, "people", people.into());
    }
    set(&mut answer, "notes", notes.into());
    narrowed(answer, "entityTypes", "narrow with `query`")
}

/// What is known of an entity type's fields.
struct Description<'a> {
    context: Context<'a>,
    entity: EntityType,
    naming: Naming,
    list: Arc<FieldList>,
    sources: Sources,
    notes: Vec<String>,
}

impl<'a> Description<'a> {
    async fn fetch(
        context: Context<'a>,
        entity: EntityType,
        naming: Naming,
        mut notes: Vec<String>,
    ) -> Result<Self, Failure> {
        let (list, sources) = tokio::join!(
            context.metadata.field_list(entity, &context.call.deadline),
            Sources::fetch(context, entity, &mut notes),
        );
        let list = list.map_err(|error| context.unreadable(entity, Metadata::FIELDS, &error))?;
        Ok(Self { context, entity, naming, list, sources, notes })
    }

    /// The fields, those of the catalogue first and in its order.
    fn rows(&self) -> Vec<Row<'_>> {
        let fields = self.fields();
        let place = |name: &str| catalog::FIELDS.iter().position(|row| row.name == name);
        let mut listed: Vec<_> = self.list.iter().collect();
        listed.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
        listed
            .into_iter()
            .map(|(name, field)| {
                let is_renamed = self.naming == Naming::Original && names::is_custom(name);
                let name = if is_renamed { field.upper_name.clone() } else { name.to_owned() };
                let resolved = fields.describe(name.clone());
                let choices = self.sources.of(self.entity, field, &resolved);
                Row { name, field, resolved, choices }
            })
            .filter(|row| row.resolved.row.is_none_or(|row| row.access != Access::Hidden))
            .collect()
    }

    fn fields(&self) -> Fields<'_> {
        Fields { entity: self.entity, naming: self.naming, item: None, list: Some(&self.list) }
    }

    /// A line for each field that can be written, and the names of the others.
    fn all_fields(self) -> Value {
        let (writable, others): (Vec<_>, Vec<_>) =
            self.rows().into_iter().partition(Row::is_writable);
        let lines: Vec<String> = writable.iter().map(Row::line).collect();
        let others: Vec<String> = others.into_iter().map(|row| row.name).collect();
        let answer = json!({
            "ok": true,
            "entityTypeId": self.entity.id(),
            "readOnly": others.join(", "),
            "fields": lines,
            "notes": self.notes,
        });
        narrowed(answer, "fields", "find the field with `query`")
    }

    /// The fields and choices that a query finds, and people.
    async fn matching(mut self, query: &str) -> Described {
        let asked = words(query);
        let mut notes = std::mem::take(&mut self.notes);
        let (mut found, mut is_certain) = self.search(&asked, Likeness::Meaning);
        if found.is_empty() {
            self.sources.fetch_currencies(self.context, &mut notes).await;
            (found, is_certain) = self.search(&asked, Likeness::Meaning);
        }
        // What only resembles a field may be somebody's name.
        let is_name = query
            .split_whitespace()
            .all(|word| word.contains('@') || word.starts_with(char::is_uppercase));
        let notes_before = notes.len();
        let people = if found.is_empty() || (is_name && !is_certain) {
            people::find(self.context, query, &mut notes).await
        } else {
            Vec::new()
        };
        let is_found = !found.is_empty() || !people.is_empty();
        if !is_found {
            found = self.partly_matching(&asked);
            notes.push(if found.is_empty() {
                // A note already says why people could not be found.
                let what = if notes.len() > notes_before {
                    "no field or choice"
                } else {
                    "no field, choice or person"
                };
                format!(
                    "{what} matches; call without `query` to see every field, or with `field` alone \
                     to see its choices"
                )
            } else {
                format!("nothing matches all of `{query}`; `fields` lists partial matches")
            });
        }
        let mut answer = json!({"ok": true, "entityTypeId": self.entity.id(), "fields": found});
        if !people.is_empty() {
            set(&mut answer, "people", people.into());
        }
        set(&mut answer, "notes", notes.into());
        let answer = narrowed(answer, "fields", "make `query` longer, or name one `field`");
        Described { answer, is_found }
    }

    /// What matches a word of several.
    fn partly_matching(&self, asked: &[String]) -> Vec<Value> {
        const MAX: usize = 10;
        const MIN: usize = 3;
        let mut found = Vec::new();
        for word in asked.iter().filter(|word| asked.len() > 1 && word.len() >= MIN) {
            for field in self.search(std::slice::from_ref(word), Likeness::Near).0 {
                if !found.contains(&field) {
                    found.push(field);
                }
            }
        }
        found.truncate(MAX);
        found
    }

    /// What matches at least so well, the certain matches first, and whether there is one.
    fn search(&self, asked: &[String], least: Likeness) -> (Vec<Value>, bool) {
        let (mut certain, mut near, mut by_meaning) = (Vec::new(), Vec::new(), Vec::new());
        for row in self.rows() {
            let by_name = row.likeness(asked);
            let (choices, by_choice) = match by_name {
                Likeness::Near | Likeness::Word => (row.choices.clone(), Likeness::None),
                _ if row.is_bookkeeping() => (Choices::default(), Likeness::None),
                _ => row.choices.matching(&unmatched(asked, &[&row.name, &row.field.title])),
            };
            match by_name.max(by_choice) {
                likeness if likeness < least => {}
                Likeness::None => {}
                Likeness::Meaning => by_meaning.push(row.shown(&row.choices)),
                Likeness::Near => near.push(row.shown(&choices)),
                Likeness::Word => certain.push(row.shown(&choices)),
            }
        }
        let is_certain = !certain.is_empty();
        certain.extend(near);
        if certain.is_empty() {
            certain = by_meaning;
        }
        (certain, is_certain)
    }

    /// Everything about one field; with a query, of what it can hold.
    async fn one_field(mut self, typed: &str, query: Option<&str>) -> Result<Described, Failure> {
        let name = self.named(typed).map_err(Failure::refused_argument)?;
        let mut notes = std::mem::take(&mut self.notes);
        let kind = self.fields().describe(name.clone()).shape.kind;
        if kind == Kind::Currency {
            self.sources.fetch_currencies(self.context, &mut notes).await;
        }
        let mut people_found = Vec::new();
        let mut is_somebody = false;
        if matches!(kind, Kind::User | Kind::Users) {
            let notes_before = notes.len();
            people_found = people::find(self.context, query.unwrap_or_default(), &mut notes).await;
            is_somebody = !people_found.is_empty();
            if let Some(query) = query
                && people_found.is_empty()
                && notes.len() == notes_before
            {
                people_found = people::find(self.context, "", &mut notes).await;
                let there =
                    if people_found.is_empty() { "" } else { "; these are people of the portal" };
                notes.push(format!("nobody matches `{query}`{there}"));
            }
        }
        let rows = self.rows();
        let Some(row) = rows.iter().find(|row| row.name == name) else {
            let problem = match self.fields().resolve(typed, "field") {
                Err(Unresolved::Unknown(problem) | Unresolved::Ambiguous(problem)) => problem,
                Ok(_) => Problem::unknown_field(
                    "field",
                    format!("is not in the portal's field list of {}", self.entity),
                ),
            };
            return Err(Failure::refused_argument(problem));
        };
        let choices = match query.map(words) {
            Some(asked) => row.choices.matching(&asked).0,
            None => row.choices.clone(),
        };
        let mut answer = json!({"ok": true, "entityTypeId": self.entity.id()});
        if let Some(answer) = answer.as_object_mut() {
            answer.extend(row.in_full(self.entity, &choices));
        }
        if !people_found.is_empty() {
            set(&mut answer, "people", people_found.into());
        }
        let part = match choices.groups() {
            [ChoiceGroup { pipeline: None, .. }] => "choices",
            _ => "pipelines",
        };
        set(&mut answer, "notes", notes.into());
        let is_found = query.is_none() || choices.len() > 0 || is_somebody;
        let answer = narrowed(answer, part, "find the choice with `query`");
        Ok(Described { answer, is_found })
    }

    /// The field that was named, by its code or by its exact title.
    fn named(&mut self, typed: &str) -> Result<String, Problem> {
        match self.fields().resolve(typed, "field") {
            Ok(field) => Ok(field.name),
            Err(Unresolved::Unknown(problem)) => match self.fields().titled(typed) {
                Some(name) => {
                    self.notes.push(format!("`field` is the title of `{name}`"));
                    Ok(name)
                }
                None => Err(problem),
            },
            Err(Unresolved::Ambiguous(problem)) => Err(problem),
        }
    }
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}
