//! Who has a phone or an e-mail: leads, contacts and companies.

use serde_json::{Map, Value, json};

use super::Items;
use crate::{
    crm::{EntityType, Family, kind},
    portal::{Deadline, PortalError},
};

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Communication {
    /// A phone number.
    Phone,
    /// An e-mail address.
    Email,
}

/// The items that have it.
#[derive(Debug)]
pub struct Holders(Value);

impl Holders {
    /// The ids of those of one entity type.
    pub fn of(&self, entity: EntityType) -> Vec<u64> {
        let ids = entity.family().and_then(name).and_then(|name| self.0.get(name));
        let ids = ids.and_then(Value::as_array).into_iter().flatten();
        ids.filter_map(kind::whole_number).filter_map(|id| u64::try_from(id).ok()).collect()
    }
}

impl Items {
    /// The method that finds holders, for errors that depend on it.
    pub const HOLDERS: &str = "crm.duplicate.findbycomm";

    /// Finds who has one of the values, which portals compare letter by letter; where the entity
    /// type can have any, among its items alone.
    ///
    /// # Errors
    ///
    /// Whatever kept the portal from answering.
    pub async fn holders(
        &self,
        entity: EntityType,
        what: Communication,
        values: &[String],
        deadline: &Deadline,
    ) -> Result<Holders, PortalError> {
        let what = match what {
            Communication::Phone => "PHONE",
            Communication::Email => "EMAIL",
        };
        let mut parameters = Map::from_iter([
            ("type".to_owned(), json!(what)),
            ("values".to_owned(), json!(values)),
        ]);
        if let Some(own) = entity.family().and_then(name) {
            parameters.insert("entity_type".to_owned(), json!(own));
        }
        self.portal.call(Self::HOLDERS, &parameters, deadline).await.map(Holders)
    }
}

/// What the portal calls the families that have phones and e-mails.
const fn name(family: Family) -> Option<&'static str> {
    match family {
        Family::Lead => Some("LEAD"),
        Family::Contact => Some("CONTACT"),
        Family::Company => Some("COMPANY"),
        _ => None,
    }
}
