//! The requests that change an item. What they may hold is decided by a plan: see `change`.

use serde_json::{Map, Value, json};

use super::{Items, item_in, parameters};
use crate::{
    crm::{Family, Item, ItemRef, Naming, names},
    portal::{Deadline, PortalError},
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

impl Items {
    /// The method that updates items, for errors that depend on it.
    pub const UPDATE: &str = "crm.item.update";

    /// Sends the fields of a plan; returns the item as the portal's answer shows it.
    pub(crate) async fn update(
        &self,
        item: ItemRef,
        naming: Naming,
        fields: WireFields,
        deadline: &Deadline,
    ) -> Result<Item, PortalError> {
        let mut parameters = parameters(item, naming);
        // The vendor's order: `fields` before `useOriginalUfNames`.
        parameters.shift_insert(2, "fields".to_owned(), Value::Object(fields.0));
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
