//! What a tool is given when it is called.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{arguments, raw_arguments::RawArguments};
use crate::{
    account::Call,
    crm::EntityType,
    error::{Failure, Problem, Purpose},
    metadata::{Metadata, named},
    portal::{ErrorKind, PortalError},
};

/// A call of a tool.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The call: its account, deadline and notes.
    pub(super) call: &'a Call<'a>,
    /// The portal's metadata, as fresh as the call needs them.
    pub(super) metadata: &'a Metadata,
    /// What the tool's calls may hold.
    pub(super) schema: &'a Map<String, Value>,
}

impl<'a> Context<'a> {
    /// The arguments of a tool that reads, and what was repaired in them.
    pub(super) fn arguments<T: DeserializeOwned>(
        &self,
        raw: RawArguments,
    ) -> Result<(T, Vec<String>), Failure> {
        match arguments::parse(raw, self.schema, self.call.account.address()) {
            Ok(parsed) => Ok((parsed.arguments, parsed.notes)),
            Err(unreadable) => Err(Failure::refused_arguments(unreadable.problems)),
        }
    }

    /// The arguments with a smart process's number in the place of its exact title.
    pub(super) async fn with_type_number(&self, mut raw: RawArguments) -> RawArguments {
        let given = raw.arguments.get("entityTypeId").and_then(Value::as_str);
        let is_title = |typed: &&str| {
            let is_number = typed.trim().parse::<u64>().is_ok();
            !typed.trim().is_empty() && !is_number && EntityType::named(typed).is_none()
        };
        let Some(title) = given.filter(is_title) else { return raw };
        let Ok(processes) = self.metadata.smart_processes(&self.call.deadline).await else {
            return raw;
        };
        if let Some(one) = named(title, &processes, |it| &it.title) {
            let number = one.entity.id();
            raw.notes.push(format!("`entityTypeId` was read as {number}"));
            if let Some(place) = raw.arguments.get_mut("entityTypeId") {
                *place = number.into();
            }
        }
        raw
    }

    /// The same with other metadata: newer ones, when the cached ones were not enough.
    pub(super) const fn with_metadata<'b>(self, metadata: &'b Metadata) -> Context<'b>
    where
        'a: 'b,
    {
        Context { metadata, ..self }
    }

    /// The entity type of that number, if this server works on it.
    pub(super) fn entity(&self, id: u64) -> Result<EntityType, Problem> {
        let path = "entityTypeId";
        let Ok(id) = u32::try_from(id) else {
            return Err(Problem::new(path, "is larger than any entity type's number"));
        };
        let entity = EntityType::new(id);
        if self.call.types.contains(entity) {
            Ok(entity)
        } else {
            let message = format!("is {entity}; this server only allows {}", self.call.types);
            Err(Problem::new(path, message))
        }
    }

    /// Whether changes of items of the type are only shown, with a note that says so.
    pub(super) fn only_shows(&self, entity: EntityType) -> bool {
        let note = self.call.account.policy.only_shown(entity);
        let is_only_shown = note.is_some();
        if let Some(note) = note {
            self.call.note(note);
        }
        is_only_shown
    }

    /// Why items or fields of an entity type cannot be read.
    pub(super) fn unreadable(
        &self,
        entity: EntityType,
        method: &str,
        error: &PortalError,
    ) -> Failure {
        let failure = self.call.failure(method, error, Purpose::Reading);
        match error {
            PortalError::Refused(error) if error.kind() == ErrorKind::NotFound => {
                failure.of_missing_type(entity)
            }
            _ => failure,
        }
    }
}
