//! The names that people see for the codes of stages and pipelines.

use serde_json::Value;

use super::context::Context;
use crate::{
    crm::{EntityType, Item, catalog, stage},
    metadata::{Codes, Needed},
};

/// What stages and pipelines of an entity type are called.
pub(super) struct Names {
    entity: EntityType,
    codes: Codes,
}

impl Names {
    /// Fetches the names, if the type has stages; what cannot be read is left out with a note.
    pub(super) async fn of(
        context: Context<'_>,
        entity: EntityType,
        notes: &mut Vec<String>,
    ) -> Self {
        let has_stages = stage::directory(entity, 0).is_some();
        // Where items do not show their pipeline, its name is not shown either.
        let has_pipelines = has_stages && catalog::field(entity, "categoryId").is_some();
        let needed = Needed { directories: has_stages, pipelines: has_pipelines };
        let codes = Codes::fetch(context.metadata, entity, needed, &context.call.deadline).await;
        if let Some(error) = &codes.directories_error {
            notes.push(format!("the names of stages could not be read: {error}"));
        }
        if let Some(error) = &codes.pipelines_error {
            notes.push(format!("the names of pipelines could not be read: {error}"));
        }
        Self { entity, codes }
    }

    /// The item with `stageName` and `categoryName` added.
    pub(super) fn added_to(&self, item: Item) -> Item {
        let stage = self.codes.stage_name(&item).map(Value::from);
        let pipeline = item.pipeline(self.entity).and_then(|id| self.codes.pipeline_name(id));
        let pipeline = pipeline.map(Value::from);
        item.into_iter()
            .flat_map(|(field, value)| {
                let name = match field.as_str() {
                    "stageId" => Some("stageName").zip(stage.clone()),
                    "categoryId" => Some("categoryName").zip(pipeline.clone()),
                    _ => None,
                };
                let name = name.map(|(field, name)| (field.to_owned(), name));
                std::iter::once((field, value)).chain(name)
            })
            .collect()
    }
}
