//! Codes and the names that people see for them: pipelines, their stages, and the entries of other
//! directories. The one place that turns a name into a code and a code into a name.

use std::{collections::BTreeMap, sync::Arc};

use super::Metadata;
use crate::{
    crm::{EntityType, Item, stage, text},
    portal::{Deadline, PortalError},
};

/// A pipeline (category) of an entity type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Its id: `categoryId`.
    pub id: i64,
    /// Its name, in the portal's language.
    pub name: String,
}

/// An entry of a directory: a stage, a source, a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is sent.
    pub code: String,
    /// Its name, in the portal's language.
    pub name: String,
    /// Of stages: `success`, `failure` or nothing for those in between.
    pub semantics: Option<&'static str>,
}

/// Every directory of the portal, by its `ENTITY_ID`.
#[derive(Debug, Default)]
pub struct Directories {
    pub(super) by_id: BTreeMap<String, Vec<Entry>>,
    /// Whether the portal has more entries than were read.
    pub is_cut: bool,
}

impl Directories {
    /// The entries of a directory, in its order.
    pub fn get(&self, entity_id: &str) -> &[Entry] {
        self.by_id.get(entity_id).map_or(&[], Vec::as_slice)
    }

    /// The pipelines of an entity type by the directories of their stages, without names.
    pub(super) fn pipelines(&self, entity: EntityType) -> Vec<Pipeline> {
        let id_of = |directory: &String| {
            let id = directory.rsplit('_').next()?.parse().unwrap_or(0);
            let is_its_own = stage::directory(entity, id).as_ref() == Some(directory);
            is_its_own.then(|| Pipeline { id, name: String::new() })
        };
        self.by_id.keys().filter_map(id_of).collect()
    }
}

/// Which lists of codes a call needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needed {
    /// Stages and the entries of other directories.
    pub directories: bool,
    /// Pipelines.
    pub pipelines: bool,
}

impl Needed {
    /// All of them.
    pub const ALL: Self = Self { directories: true, pipelines: true };
}

/// The codes of one entity type. What was not needed is empty, like what could not be read; an
/// error tells the two apart.
#[derive(Debug, Clone)]
pub struct Codes {
    entity: EntityType,
    directories: Arc<Directories>,
    pipelines: Arc<Vec<Pipeline>>,
    /// The pipelines that have stages: also those that are known by their stages alone.
    with_stages: Arc<Vec<Pipeline>>,
    /// Why directories that are needed could not be read.
    pub directories_error: Option<PortalError>,
    /// Why pipelines that are needed could not be read.
    pub pipelines_error: Option<PortalError>,
}

impl Codes {
    /// No codes at all.
    pub fn none(entity: EntityType) -> Self {
        Self {
            entity,
            directories: Arc::default(),
            pipelines: Arc::default(),
            with_stages: Arc::default(),
            directories_error: None,
            pipelines_error: None,
        }
    }

    /// Fetches what is needed.
    pub async fn fetch(
        metadata: &Metadata,
        entity: EntityType,
        needed: Needed,
        deadline: &Deadline,
    ) -> Self {
        let directories = async {
            if needed.directories {
                metadata.directories(deadline).await
            } else {
                Ok(Arc::default())
            }
        };
        let pipelines = async {
            if needed.pipelines {
                metadata.pipelines(entity, deadline).await
            } else {
                Ok(Arc::default())
            }
        };
        let (directories, pipelines) = tokio::join!(directories, pipelines);
        let (directories, directories_error) = read_or_empty(directories);
        let (pipelines, pipelines_error) = read_or_empty(pipelines);
        let with_stages = match &pipelines_error {
            None => Arc::clone(&pipelines),
            Some(_) => Arc::new(directories.pipelines(entity)),
        };
        Self { entity, directories, pipelines, with_stages, directories_error, pipelines_error }
    }

    /// Whether a code may exist though it is not among the entries: the portal has more than were
    /// read.
    pub fn are_cut(&self) -> bool {
        self.directories.is_cut
    }

    /// The pipelines.
    pub fn pipelines(&self) -> &[Pipeline] {
        &self.pipelines
    }

    /// The name of a pipeline.
    pub fn pipeline_name(&self, id: i64) -> Option<&str> {
        Some(self.pipelines.iter().find(|pipeline| pipeline.id == id)?.name.as_str())
    }

    /// The entries of a directory.
    pub fn entries(&self, directory: &str) -> &[Entry] {
        self.directories.get(directory)
    }

    /// The stages of a pipeline; of a type without pipelines, all stages.
    pub fn stages(&self, pipeline: i64) -> &[Entry] {
        match stage::directory(self.entity, pipeline) {
            Some(directory) => self.entries(&directory),
            None => &[],
        }
    }

    /// The stages of every pipeline, with it; of a type without pipelines, all stages.
    pub fn stages_by_pipeline(&self) -> Vec<(Option<&Pipeline>, &[Entry])> {
        if stage::has_pipelines(self.entity) {
            self.with_stages.iter().map(|it| (Some(it), self.stages(it.id))).collect()
        } else {
            vec![(None, self.stages(0))]
        }
    }

    /// The name of an item's stage.
    pub fn stage_name(&self, item: &Item) -> Option<&str> {
        let code = item.get("stageId")?.as_str()?;
        let stages = self.stages(item.pipeline(self.entity).unwrap_or(0));
        Some(stages.iter().find(|stage| stage.code == code)?.name.as_str())
    }
}

fn read_or_empty<T: Default>(
    fetched: Result<Arc<T>, PortalError>,
) -> (Arc<T>, Option<PortalError>) {
    match fetched {
        Ok(fetched) => (fetched, None),
        Err(error) => (Arc::default(), Some(error)),
    }
}

/// The one choice that has this name, case, accents and outer spaces apart; `None` when it is no
/// name or that of several.
pub fn named<'a, T>(typed: &str, choices: &'a [T], name: impl Fn(&T) -> &str) -> Option<&'a T> {
    let mut named = choices.iter().filter(|choice| has_name(typed, name(choice)));
    match (named.next(), named.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

/// Whether the name is what was typed, case, accents and outer spaces apart.
pub fn has_name(typed: &str, name: &str) -> bool {
    // Folding takes away accents, of which a name has one or two; names may be of any length.
    name.len() <= 8 * typed.len() + 64 && text::folded(name) == text::folded(typed)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    fn entry(code: &str, name: &str) -> Entry {
        Entry { code: code.to_owned(), name: name.to_owned(), semantics: None }
    }

    fn codes(entity: u32) -> Codes {
        let by_id = BTreeMap::from([
            ("DEAL_STAGE".to_owned(), vec![entry("NEW", "New")]),
            ("DEAL_STAGE_9".to_owned(), vec![entry("C9:NEW", "Request"), entry("C9:WON", "Won")]),
            ("STATUS".to_owned(), vec![entry("NEW", "Unsorted")]),
        ]);
        let pipelines = vec![
            Pipeline { id: 0, name: "Sales".to_owned() },
            Pipeline { id: 9, name: "Service".to_owned() },
        ];
        Codes {
            directories: Arc::new(Directories { by_id, is_cut: false }),
            with_stages: Arc::new(pipelines.clone()),
            pipelines: Arc::new(pipelines),
            ..Codes::none(EntityType::new(entity))
        }
    }

    fn item(fields: &Value) -> Item {
        fields.as_object().cloned().map(Map::into).unwrap_or_default()
    }

    #[test]
    fn a_stage_has_the_name_that_its_own_pipeline_gives_it() {
        let cases = [
            (2, json!({"stageId": "C9:NEW"}), Some("Request")),
            (2, json!({"stageId": "NEW"}), Some("New")),
            (2, json!({"stageId": "C9:GONE"}), None),
            (2, json!({"stageId": "C7:NEW"}), None),
            (2, json!({}), None),
            (1, json!({"stageId": "NEW"}), Some("Unsorted")),
            (3, json!({"stageId": "NEW"}), None),
        ];
        for (entity, fields, name) in cases {
            assert_eq!(codes(entity).stage_name(&item(&fields)), name, "{entity} {fields}");
        }
    }

    #[test]
    fn stages_come_by_pipeline_where_there_are_pipelines() {
        let deals = codes(2);
        let counts: Vec<(Option<i64>, usize)> = deals
            .stages_by_pipeline()
            .into_iter()
            .map(|(pipeline, stages)| (pipeline.map(|it| it.id), stages.len()))
            .collect();
        assert_eq!(counts, [(Some(0), 1), (Some(9), 2)]);
        assert_eq!(codes(1).stages_by_pipeline().len(), 1);
        assert_eq!(deals.pipeline_name(9), Some("Service"));
    }

    #[test]
    fn a_name_counts_when_exactly_one_choice_has_it() {
        let entries = [entry("A", "Won"), entry("B", "Lost"), entry("C", "lost ")];
        let code = |typed| named(typed, &entries, |it: &Entry| &it.name).map(|it| it.code.as_str());
        assert_eq!(code(" won"), Some("A"));
        assert_eq!(code("Lost"), None);
        assert_eq!(code("Wo"), None);
    }
}
