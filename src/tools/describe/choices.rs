//! The allowed values of a field with a fixed set of them: stages by pipeline, entries of
//! directories, currencies, options.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::{
    crm::{
        EntityType, Kind,
        field_list::PortalField,
        likeness::{Likeness, likeness, unmatched},
    },
    metadata::{Codes, Currency, Entry, Needed, Pipeline, ResolvedField},
    tools::context::Context,
};

/// Where choices come from.
pub(super) struct Sources {
    codes: Codes,
    /// Fetched only when somebody asks for them.
    currencies: Option<Arc<Vec<Currency>>>,
}

/// A value that a field can hold.
#[derive(Debug, Clone)]
struct Choice {
    /// As answers show it.
    shown: Value,
    /// What a query is compared with.
    text: String,
}

/// Values that belong together: those of a pipeline, or all.
#[derive(Debug, Clone)]
pub(super) struct ChoiceGroup {
    /// The pipeline of stages.
    pub(super) pipeline: Option<Pipeline>,
    entries: Vec<Choice>,
}

/// All that a field can hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Choices(Vec<ChoiceGroup>);

impl Sources {
    /// Fetches stages, directories and pipelines; what cannot be read is left out with a note.
    pub(super) async fn fetch(
        context: Context<'_>,
        entity: EntityType,
        notes: &mut Vec<String>,
    ) -> Self {
        let deadline = &context.call.deadline;
        let codes = Codes::fetch(context.metadata, entity, Needed::ALL, deadline).await;
        if let Some(error) = &codes.directories_error {
            notes.push(format!("stages and directories could not be read: {error}"));
        }
        if let Some(error) = &codes.pipelines_error {
            notes.push(format!("pipelines could not be read: {error}"));
        }
        Self { codes, currencies: None }
    }

    /// Fetches the currencies, if that was not tried before.
    pub(super) async fn fetch_currencies(&mut self, context: Context<'_>, notes: &mut Vec<String>) {
        if self.currencies.is_some() {
            return;
        }
        let currencies = context.metadata.currencies(&context.call.deadline).await;
        self.currencies = Some(currencies.unwrap_or_else(|error| {
            notes.push(format!("currencies could not be read: {error}"));
            Arc::default()
        }));
    }

    /// What the field can hold.
    pub(super) fn of(
        &self,
        entity: EntityType,
        field: &PortalField,
        resolved: &ResolvedField<'_>,
    ) -> Choices {
        let one = |entries: Vec<Choice>| match entries.as_slice() {
            [] => Choices::default(),
            _ => Choices(vec![ChoiceGroup { pipeline: None, entries }]),
        };
        match resolved.shape.kind {
            Kind::Stage => {
                let groups =
                    self.codes.stages_by_pipeline().into_iter().map(|(pipeline, stages)| {
                        let entries = stages.iter().map(of_directory).collect();
                        ChoiceGroup { pipeline: pipeline.cloned(), entries }
                    });
                // Without pipelines an empty group is not shown.
                let is_told =
                    |group: &ChoiceGroup| group.pipeline.is_some() || !group.entries.is_empty();
                Choices(groups.filter(is_told).collect())
            }
            Kind::Status => {
                let directory = resolved.directory(entity).unwrap_or_default();
                one(self.codes.entries(directory).iter().map(of_directory).collect())
            }
            Kind::Category => one(self
                .codes
                .pipelines()
                .iter()
                .map(|pipeline| Choice {
                    shown: json!({"id": pipeline.id, "name": pipeline.name}),
                    text: pipeline.name.clone(),
                })
                .collect()),
            Kind::Currency => one(self
                .currencies
                .iter()
                .flat_map(|currencies| currencies.iter())
                .map(|currency| Choice {
                    shown: json!({"code": currency.code, "name": currency.name}),
                    text: format!("{} {}", currency.code, currency.name),
                })
                .collect()),
            Kind::Choice => one(field
                .options
                .iter()
                .map(|(id, text)| Choice {
                    shown: json!({"id": id, "text": text}),
                    text: text.clone(),
                })
                .collect()),
            _ => Choices::default(),
        }
    }
}

fn of_directory(entry: &Entry) -> Choice {
    let mut shown = json!({"code": entry.code, "name": entry.name});
    if let (Some(semantics), Some(shown)) = (entry.semantics, shown.as_object_mut()) {
        shown.insert("semantics".to_owned(), semantics.into());
    }
    Choice { shown, text: format!("{} {}", entry.code, entry.name) }
}

impl Choices {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|group| group.entries.len()).sum()
    }

    /// The choices by group.
    pub(super) fn groups(&self) -> &[ChoiceGroup] {
        &self.0
    }

    /// Those that match any of the queries at least so well, and how well the best of them does. A
    /// pipeline's name matches all its stages, or narrows them.
    pub(super) fn matching(&self, queries: &[Vec<String>], least: Likeness) -> (Self, Likeness) {
        let mut best = Likeness::None;
        let mut groups = Vec::new();
        for group in &self.0 {
            let pipeline = group.pipeline.as_ref().map_or("", |pipeline| &pipeline.name);
            let of_pipeline = queries.iter().map(|asked| likeness(asked, &[pipeline])).max();
            let of_pipeline = of_pipeline.unwrap_or(Likeness::None);
            let rests: Vec<_> = queries.iter().map(|asked| unmatched(asked, &[pipeline])).collect();
            let mut found = group.clone();
            found.entries.retain(|entry| {
                let of_entry = rests.iter().map(|rest| likeness(rest, &[&entry.text])).max();
                let likeness = of_entry.unwrap_or(Likeness::None).max(of_pipeline);
                best = best.max(likeness);
                likeness >= least
            });
            if !found.entries.is_empty() {
                groups.push(found);
            }
        }
        (Self(groups), best)
    }

    /// The first so many.
    pub(super) fn first(&self, most: usize) -> Self {
        let mut left = most;
        let mut first = self.clone();
        for group in &mut first.0 {
            group.entries.truncate(left);
            left -= group.entries.len();
        }
        first.0.retain(|group| !group.entries.is_empty());
        first
    }

    /// Adds the choices to a field's description.
    pub(super) fn show_in(&self, field: &mut Map<String, Value>) {
        let entries = |group: &ChoiceGroup| -> Vec<Value> {
            group.entries.iter().map(|entry| entry.shown.clone()).collect()
        };
        let mut pipelines = Vec::new();
        for group in &self.0 {
            match &group.pipeline {
                None => {
                    field.insert("choices".to_owned(), entries(group).into());
                }
                Some(pipeline) => pipelines.push(json!({
                    "categoryId": pipeline.id, "name": pipeline.name, "stages": entries(group),
                })),
            }
        }
        if !pipelines.is_empty() {
            field.insert("pipelines".to_owned(), pipelines.into());
        }
    }
}
