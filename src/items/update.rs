//! The requests that change an item. What they may hold is decided by a plan: see `change`.

use serde_json::{Map, Value, json};

use super::{Items, item_in, parameters};
use crate::{
    crm::{Family, Item, ItemRef, Naming, names},
    portal::{BatchAnswer, Commands, Deadline, Permit, PortalError, batch::batched},
};

/// Fields that were checked and encoded for the portal; only `change` makes them.
#[derive(Debug)]
pub(crate) struct WireFields(Map<String, Value>);

impl WireFields {
    /// Takes what a plan has checked and encoded.
    pub(crate) const fn checked(fields: Map<String, Value>) -> Self {
        Self(fields)
    }
}

/// Updates that are sent together and carried out one after the other.
#[derive(Debug, Default)]
pub(crate) struct Updates(Commands);

impl Updates {
    /// Adds an update; `false` when its values would not arrive as they are, so that it has to be
    /// sent by itself.
    pub(crate) fn add(&mut self, item: ItemRef, naming: Naming, fields: WireFields) -> bool {
        let mut parameters = update_parameters(item, naming, fields);
        let fields = parameters.get_mut("fields").and_then(Value::as_object_mut);
        for value in fields.into_iter().flat_map(Map::values_mut) {
            // A batch knows no empty list, and an empty text empties (docs/bitrix24.md, "Batch").
            if value.as_array().is_some_and(Vec::is_empty) {
                *value = "".into();
            }
        }
        self.0.add(key(item), Items::UPDATE, &parameters)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// What several updates have answered.
#[derive(Debug)]
pub(crate) struct UpdatesAnswer(BatchAnswer);

impl UpdatesAnswer {
    /// Takes the item as the answer of its update shows it.
    pub(crate) fn take(&mut self, item: ItemRef) -> Result<Item, PortalError> {
        self.0.take(&key(item)).and_then(|mut answer| item_in(&mut answer.result))
    }
}

/// The name of an update in a batch, and of its answer.
fn key(item: ItemRef) -> String {
    format!("update{}", item.id)
}

fn update_parameters(item: ItemRef, naming: Naming, fields: WireFields) -> Map<String, Value> {
    let mut parameters = parameters(item, naming);
    // The vendor's order: `fields` before `useOriginalUfNames`.
    parameters.shift_insert(2, "fields".to_owned(), Value::Object(fields.0));
    parameters
}

impl Items {
    /// The method that updates items, for errors that depend on it.
    pub const UPDATE: &str = "crm.item.update";

    /// The same within a batch, where its time is counted apart.
    pub(crate) fn update_in_batch() -> String {
        batched(Self::UPDATE)
    }

    /// Whether updates can be sent together, as far as is known.
    pub(crate) fn can_update_together(&self) -> bool {
        self.portal.has_batches()
    }

    /// Waits until updates may be sent together.
    pub(crate) async fn permit(&self, deadline: &Deadline) -> Result<Permit, PortalError> {
        self.portal.permit(deadline).await
    }

    /// Sends updates together. The answer may take the rest of the call's time.
    pub(crate) async fn update_together(
        &self,
        permit: Permit,
        updates: &Updates,
        deadline: &Deadline,
    ) -> Result<UpdatesAnswer, PortalError> {
        let deadline = deadline.for_a_long_request();
        self.portal.batch(permit, &updates.0, &deadline).await.map(UpdatesAnswer)
    }

    /// Sends the fields of a plan; returns the item as the portal's answer shows it.
    pub(crate) async fn update(
        &self,
        item: ItemRef,
        naming: Naming,
        fields: WireFields,
        deadline: &Deadline,
    ) -> Result<Item, PortalError> {
        let parameters = update_parameters(item, naming, fields);
        let mut result = self.portal.call(Self::UPDATE, &parameters, deadline).await?;
        item_in(&mut result)
    }

    /// Sends a new photo or logo by the method of the entity type: `crm.item.update` would cast it
    /// to the number 1 (docs/bitrix24.md, "Files").
    pub(crate) async fn update_photo(
        &self,
        item: ItemRef,
        field: &str,
        file: Value,
        deadline: &Deadline,
    ) -> Result<(), PortalError> {
        let fields = Map::from_iter([(names::to_upper(field), json!({"fileData": file}))]);
        let parameters = Map::from_iter([
            ("id".to_owned(), json!(item.id)),
            ("fields".to_owned(), Value::Object(fields)),
        ]);
        self.portal.call(Self::photo_method(item), &parameters, deadline).await.map(|_| ())
    }

    /// The method that takes an item's photo or logo.
    pub(crate) const fn photo_method(item: ItemRef) -> &'static str {
        match item.entity.family() {
            Some(Family::Contact) => "crm.contact.update",
            _ => "crm.company.update",
        }
    }
}
