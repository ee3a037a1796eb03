//! The names that people see, beside the codes of stages and pipelines.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Context;
use crate::{
    crm::{EntityType, catalog, kind, stage},
    metadata::{Directories, Pipeline},
};

/// What stages and pipelines of an entity type are called.
pub(super) struct Names {
    entity: EntityType,
    directories: Arc<Directories>,
    pipelines: Arc<Vec<Pipeline>>,
}

impl Names {
    /// Fetches the names, if the type has stages; what cannot be had is left out with a note.
    pub(super) async fn of(
        context: Context<'_>,
        entity: EntityType,
        notes: &mut Vec<String>,
    ) -> Self {
        let mut names = Self { entity, directories: Arc::default(), pipelines: Arc::default() };
        if stage::directory(entity, 0).is_none() {
            return names;
        }
        let metadata = context.metadata;
        // Where items do not tell their pipeline, its name is not shown.
        let pipelines = async {
            match catalog::field(entity, "categoryId") {
                Some(_) => metadata.pipelines(entity, context.budget).await,
                None => Ok(Arc::default()),
            }
        };
        let (directories, pipelines) =
            tokio::join!(metadata.directories(context.budget), pipelines);
        match directories {
            Ok(directories) => names.directories = directories,
            Err(error) => notes.push(format!("the names of stages could not be read: {error}")),
        }
        match pipelines {
            Ok(pipelines) => names.pipelines = pipelines,
            Err(error) => notes.push(format!("the names of pipelines could not be read: {error}")),
        }
        names
    }

    /// The item with `stageName` and `categoryName` beside the codes.
    pub(super) fn added_to(&self, item: Map<String, Value>) -> Map<String, Value> {
        let pipeline = self.pipeline_of(&item);
        let mut named = Map::with_capacity(item.len() + 2);
        for (field, value) in item {
            let name = match field.as_str() {
                "stageId" => value.as_str().and_then(|code| {
                    let directory = stage::directory(self.entity, pipeline.unwrap_or(0))?;
                    let stages = self.directories.get(&directory);
                    let stage = stages.iter().find(|stage| stage.code == code)?;
                    Some(("stageName", stage.name.clone()))
                }),
                "categoryId" => pipeline.and_then(|id| {
                    let pipeline = self.pipelines.iter().find(|pipeline| pipeline.id == id)?;
                    Some(("categoryName", pipeline.name.clone()))
                }),
                _ => None,
            };
            named.insert(field, value);
            if let Some((field, name)) = name {
                named.insert(field.to_owned(), name.into());
            }
        }
        named
    }

    /// The pipeline that an item stands in, by its stage's code or by its own word.
    fn pipeline_of(&self, item: &Map<String, Value>) -> Option<i64> {
        let code = item.get("stageId").and_then(Value::as_str);
        let of_stage = code.and_then(|code| stage::pipeline(self.entity, code).ok().flatten());
        of_stage.or_else(|| kind::whole_number(item.get("categoryId")?))
    }
}
