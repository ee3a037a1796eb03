//! What is asked for in order to name codes, and the batch that asks it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::Metadata;
use crate::{
    crm::{EntityType, ItemRef, item::called_by},
    portal::Commands,
};

/// How many users a batch asks for; each is a command.
const MAX_USERS: usize = 20;
/// How many items of one type a batch asks for: a page.
const MAX_ITEMS: usize = 50;
/// How many entity types these may have; each is a command.
const MAX_TYPES: usize = 10;

/// What is asked for in order to name a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Question {
    /// Every directory, stages among them.
    Directories,
    /// The pipelines of an entity type.
    Pipelines(EntityType),
    /// The list of fields of an entity type: titles of custom fields, and what these hold.
    Fields(EntityType),
    /// A user's name.
    User(i64),
    /// An item's title or name.
    Item(ItemRef),
}

impl Question {
    /// The key of the command that asks it.
    pub(super) fn key(self) -> String {
        match self {
            Self::Directories => "directories".to_owned(),
            Self::Pipelines(entity) => format!("pipelines{}", entity.id()),
            Self::Fields(entity) => format!("fields{}", entity.id()),
            Self::User(id) => format!("user{id}"),
            Self::Item(ItemRef { entity, .. }) => format!("items{}", entity.id()),
        }
    }
}

/// Questions by the commands that ask them.
pub(super) struct Grouped {
    pub(super) lists: Vec<Question>,
    pub(super) users: Vec<i64>,
    pub(super) items: BTreeMap<EntityType, Vec<u64>>,
}

impl Grouped {
    /// As many as a batch takes.
    pub(super) fn of(questions: &BTreeSet<Question>) -> Self {
        let mut grouped = Self { lists: Vec::new(), users: Vec::new(), items: BTreeMap::new() };
        for question in questions {
            match question {
                Question::User(id) if grouped.users.len() < MAX_USERS => grouped.users.push(*id),
                Question::Item(item) => {
                    let has_room =
                        grouped.items.len() < MAX_TYPES || grouped.items.contains_key(&item.entity);
                    if has_room {
                        let ids = grouped.items.entry(item.entity).or_default();
                        ids.extend((ids.len() < MAX_ITEMS).then_some(item.id));
                    }
                }
                Question::User(_) => {}
                list => grouped.lists.push(*list),
            }
        }
        grouped
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Question> {
        let users = self.users.iter().map(|id| Question::User(*id));
        let items = self.items.iter().flat_map(|(entity, ids)| {
            ids.iter().map(|id| Question::Item(ItemRef { entity: *entity, id: *id }))
        });
        self.lists.iter().copied().chain(users).chain(items)
    }

    /// The commands that ask them.
    pub(super) fn commands(&self) -> Commands {
        let of_type = |entity: EntityType| json!({"entityTypeId": entity.id()});
        let lists = self.lists.iter().map(|asked| {
            let (method, parameters) = match *asked {
                Question::Pipelines(entity) => ("crm.category.list", of_type(entity)),
                Question::Fields(entity) => (Metadata::FIELDS, of_type(entity)),
                _ => ("crm.status.list", json!({"order": {"SORT": "ASC"}})),
            };
            (asked.key(), method, parameters)
        });
        let users = self
            .users
            .iter()
            .map(|id| (Question::User(*id).key(), "user.get", json!({"FILTER": {"ID": id}})));
        let items = self.items.iter().map(|(entity, ids)| {
            let select: Vec<&str> = std::iter::once("id").chain(called_by(*entity)).collect();
            let parameters = json!({
                "entityTypeId": entity.id(), "filter": {"@id": ids}, "select": select, "start": -1,
            });
            let item = ItemRef { entity: *entity, id: 0 };
            (Question::Item(item).key(), "crm.item.list", parameters)
        });
        let mut commands = Commands::default();
        for (key, method, parameters) in lists.chain(users).chain(items) {
            let parameters = parameters.as_object().cloned().unwrap_or_default();
            // Its name is not known then.
            let _is_asked = commands.add(key, method, &parameters);
        }
        commands
    }
}
