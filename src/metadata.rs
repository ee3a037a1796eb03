//! A portal's metadata: field lists, pipelines, stages and other directories, currencies, entity
//! types, people. Fetched when needed, cached for a while, and shared by concurrent calls.

mod cache;
mod codes;
mod known_names;
mod people;
mod questions;
mod resolve;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::{
    crm::{EntityType, Family, field_list::FieldList, kind, stage},
    portal::{
        Deadline, ErrorKind, Portal, PortalError,
        answer::{Answer, unusable},
    },
};
use cache::Cache;
pub use codes::{Codes, Directories, Entry, Needed, Pipeline, has_name, named};
pub use known_names::FieldNames;
use known_names::KnownNames;
pub use people::{People, Person};
pub use questions::Question;
pub use resolve::{Fields, Missing, ResolvedField, Unresolved};

/// Lists end after so many pages, because a faulty portal could always have another one.
const MAX_PAGES: usize = 40;

/// Why a code is not checked that may be on a later page.
pub const CUT_DIRECTORIES: &str = "the portal's directories have more than 40 pages";

/// The metadata of one portal.
#[derive(Debug, Clone)]
pub struct Metadata {
    portal: Arc<Portal>,
    field_lists: Cache<EntityType, FieldList>,
    pipelines: Cache<EntityType, Vec<Pipeline>>,
    directories: Cache<(), Directories>,
    currencies: Cache<(), Vec<Currency>>,
    types: Cache<(), Vec<TypeName>>,
    first_people: Cache<(), Vec<Person>>,
    all_people: Cache<(), People>,
    people: Cache<String, People>,
    known_names: Arc<KnownNames>,
}

/// A currency of the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency {
    /// What is sent.
    pub code: String,
    /// Its name, in the portal's language.
    pub name: String,
}

/// An entity type of the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeName {
    /// Its number.
    pub entity: EntityType,
    /// Its name, in the portal's language.
    pub title: String,
}

impl Metadata {
    /// The method that lists fields, for errors that depend on it.
    pub const FIELDS: &str = "crm.item.fields";

    /// Takes the portal; nothing is fetched yet.
    pub fn new(portal: Arc<Portal>) -> Self {
        Self {
            portal,
            field_lists: Cache::default(),
            pipelines: Cache::default(),
            directories: Cache::default(),
            currencies: Cache::default(),
            types: Cache::default(),
            first_people: Cache::default(),
            all_people: Cache::default(),
            people: Cache::default(),
            known_names: Arc::default(),
        }
    }

    /// The same metadata, where none is older than a few seconds: before anything is refused
    /// because the portal seems not to have it.
    #[must_use]
    pub fn recent(&self) -> Self {
        Self {
            portal: Arc::clone(&self.portal),
            field_lists: self.field_lists.recent(),
            pipelines: self.pipelines.recent(),
            directories: self.directories.recent(),
            currencies: self.currencies.recent(),
            types: self.types.recent(),
            first_people: self.first_people.recent(),
            all_people: self.all_people.recent(),
            people: self.people.recent(),
            known_names: Arc::clone(&self.known_names),
        }
    }

    /// The fields of an entity type as they are now.
    ///
    /// # Errors
    ///
    /// See [`Self::field_list`].
    pub async fn renewed_field_list(
        &self,
        entity: EntityType,
        deadline: &Deadline,
    ) -> Result<Arc<FieldList>, PortalError> {
        let field_lists = self.field_lists.renewed();
        Self { field_lists, ..self.recent() }.field_list(entity, deadline).await
    }

    /// The fields of an entity type.
    ///
    /// # Errors
    ///
    /// Why they could not be read; the same for all metadata.
    pub async fn field_list(
        &self,
        entity: EntityType,
        deadline: &Deadline,
    ) -> Result<Arc<FieldList>, PortalError> {
        let fetch = async {
            let result = self.ask(Self::FIELDS, of_type(entity), deadline).await?;
            FieldList::read(&result).ok_or_else(|| unusable("an answer without a field list"))
        };
        self.field_lists.get(entity, deadline, fetch).await
    }

    /// The fields of an entity type, if they are known already.
    pub fn known_field_list(&self, entity: EntityType) -> Option<Arc<FieldList>> {
        self.field_lists.peek(&entity)
    }

    /// What people call a smart process, if that is known already.
    pub fn known_type_title(&self, entity: EntityType) -> Option<String> {
        let types = self.types.peek(&())?;
        types.iter().find(|it| it.entity == entity).map(|it| it.title.clone())
    }

    /// The pipelines of an entity type; none for types that have no such thing.
    ///
    /// # Errors
    ///
    /// See [`Self::field_list`].
    pub async fn pipelines(
        &self,
        entity: EntityType,
        deadline: &Deadline,
    ) -> Result<Arc<Vec<Pipeline>>, PortalError> {
        let fetch = async {
            if !stage::has_pipelines(entity) {
                return Ok(Vec::new());
            }
            let result = match self.ask("crm.category.list", of_type(entity), deadline).await {
                Ok(result) => result,
                // Pipelines that the portal does not list still have stages.
                Err(PortalError::Refused(refusal))
                    if refusal.kind() == ErrorKind::TypeNotSupported =>
                {
                    return Ok(self.directories(deadline).await?.pipelines(entity));
                }
                Err(error) => return Err(error),
            };
            Ok(read_pipelines(&result))
        };
        self.pipelines.get(entity, deadline, fetch).await
    }

    /// Stages, sources, types and whatever else the portal keeps in directories.
    ///
    /// # Errors
    ///
    /// See [`Self::field_list`].
    pub async fn directories(&self, deadline: &Deadline) -> Result<Arc<Directories>, PortalError> {
        self.directories.get((), deadline, self.read_directories(None, deadline)).await
    }

    /// Reads the pages of the directories, of which the first may have been read already.
    async fn read_directories(
        &self,
        mut first: Option<Answer>,
        deadline: &Deadline,
    ) -> Result<Directories, PortalError> {
        let mut directories = Directories::default();
        let mut start = None;
        for _ in 0..MAX_PAGES {
            let mut parameters = Map::from_iter([("order".to_owned(), json!({"SORT": "ASC"}))]);
            if let Some(start) = start {
                parameters.insert("start".to_owned(), json!(start));
            }
            let page = match first.take() {
                Some(page) => page,
                None => self.portal.fetch("crm.status.list", &parameters, deadline).await?,
            };
            for status in list(Some(&page.result)) {
                let entry = Entry {
                    code: text_of(status, "STATUS_ID"),
                    name: text_of(status, "NAME"),
                    semantics: match text_of(status, "SEMANTICS").as_str() {
                        "S" => Some("success"),
                        "F" => Some("failure"),
                        _ => None,
                    },
                };
                directories.by_id.entry(text_of(status, "ENTITY_ID")).or_default().push(entry);
            }
            match page.next {
                Some(next) if start.is_none_or(|start| next > start) => start = Some(next),
                _ => return Ok(directories),
            }
        }
        directories.is_cut = true;
        Ok(directories)
    }

    /// The stages of a pipeline.
    ///
    /// # Errors
    ///
    /// See [`Self::field_list`].
    pub async fn stages(
        &self,
        entity: EntityType,
        pipeline: i64,
        deadline: &Deadline,
    ) -> Result<Vec<Entry>, PortalError> {
        match stage::directory(entity, pipeline) {
            Some(directory) => Ok(self.directories(deadline).await?.get(&directory).to_vec()),
            None => Ok(Vec::new()),
        }
    }

    /// The currencies of the portal.
    ///
    /// # Errors
    ///
    /// See [`Self::field_list`].
    pub async fn currencies(&self, deadline: &Deadline) -> Result<Arc<Vec<Currency>>, PortalError> {
        let fetch = async {
            let result = self.ask("crm.currency.list", Map::new(), deadline).await?;
            let read = |currency: &Value| Currency {
                code: text_of(currency, "CURRENCY"),
                name: text_of(currency, "FULL_NAME"),
            };
            Ok(list(Some(&result)).map(read).collect())
        };
        self.currencies.get((), deadline, fetch).await
    }

    /// The smart processes of the portal. Only administrators may list them by the newer method.
    ///
    /// # Errors
    ///
    /// See [`Self::field_list`].
    pub async fn smart_processes(
        &self,
        deadline: &Deadline,
    ) -> Result<Arc<Vec<TypeName>>, PortalError> {
        let fetch = async {
            let listed = match self.ask("crm.type.list", Map::new(), deadline).await {
                Ok(result) => list(result.get("types"))
                    .filter_map(|it| type_name(it, "entityTypeId", "title"))
                    .collect::<Vec<_>>(),
                Err(PortalError::Refused(refusal))
                    if matches!(
                        refusal.kind(),
                        ErrorKind::AccessDenied | ErrorKind::WrongAddress | ErrorKind::Refused
                    ) =>
                {
                    let result = self.ask("crm.enum.ownertype", Map::new(), deadline).await?;
                    list(Some(&result)).filter_map(|it| type_name(it, "ID", "NAME")).collect()
                }
                Err(error) => return Err(error),
            };
            let is_smart = |it: &TypeName| it.entity.family() == Some(Family::SmartProcess);
            Ok(listed.into_iter().filter(is_smart).collect())
        };
        self.types.get((), deadline, fetch).await
    }

    async fn ask(
        &self,
        method: &str,
        parameters: Map<String, Value>,
        deadline: &Deadline,
    ) -> Result<Value, PortalError> {
        self.portal.call(method, &parameters, deadline).await
    }
}

/// The result of `crm.category.list`.
fn read_pipelines(result: &Value) -> Vec<Pipeline> {
    let read = |category: &Value| {
        let id = kind::whole_number(category.get("id")?)?;
        Some(Pipeline { id, name: text_of(category, "name") })
    };
    list(result.get("categories")).filter_map(read).collect()
}

fn of_type(entity: EntityType) -> Map<String, Value> {
    Map::from_iter([("entityTypeId".to_owned(), json!(entity.id()))])
}

fn type_name(value: &Value, id: &str, title: &str) -> Option<TypeName> {
    let id = u32::try_from(kind::whole_number(value.get(id)?)?).ok()?;
    Some(TypeName { entity: EntityType::new(id), title: text_of(value, title) })
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn text_of(object: &Value, key: &str) -> String {
    match object.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}
