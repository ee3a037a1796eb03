//! The items of a portal: read, listed and updated. The only callers of `crm.item.*`.
//!
//! What may be written is decided by `change`; here are the requests, and the state that calls on
//! the same item share.

mod confirmations;
mod get;
mod holders;
mod list;
mod locks;
mod pace;
mod unanswered;
mod update;

use std::sync::Arc;

use serde_json::{Map, Value, json};

pub(crate) use confirmations::{Confirmations, Kept, Repeated};
pub use holders::{Communication, Holders};
pub use list::{Page, Query, free_number, with_condition};
pub(crate) use pace::Pace;
pub(crate) use unanswered::{Arrival, MAY_RUN_FOR, Open, Unanswered};
pub(crate) use update::{Updates, WireFields};

use crate::{
    crm::{Item, ItemRef, Naming},
    portal::{Deadline, Portal, PortalError},
};
use get::ItemReader;
pub(crate) use locks::{ItemLock, ItemLocks};

/// The items that one user of a portal can reach.
#[derive(Debug)]
pub struct Items {
    portal: Arc<Portal>,
    reader: Arc<ItemReader>,
    /// Which items calls are changing.
    pub(crate) locks: ItemLocks,
    /// Which items have writes without an answer.
    pub(crate) unanswered: Unanswered,
    /// What calls for many items repeat.
    pub(crate) confirmations: Confirmations,
    /// How long the portal takes for an item.
    pub(crate) pace: Pace,
}

impl Items {
    /// Takes the portal; nothing is sent.
    pub fn new(portal: Arc<Portal>) -> Self {
        Self {
            reader: ItemReader::new(Arc::clone(&portal)),
            portal,
            locks: ItemLocks::default(),
            unanswered: Unanswered::default(),
            confirmations: Confirmations::new(),
            pace: Pace::default(),
        }
    }

    /// The method that reads an item, for errors that depend on it.
    pub const GET: &str = "crm.item.get";

    /// Reads an item.
    ///
    /// # Errors
    ///
    /// Why the item could not be read.
    pub async fn get(
        &self,
        item: ItemRef,
        naming: Naming,
        deadline: &Deadline,
    ) -> Result<Item, PortalError> {
        self.reader.read(item, naming, deadline).await
    }
}

/// The parameters that name an item.
fn parameters(item: ItemRef, naming: Naming) -> Map<String, Value> {
    let mut parameters = Map::new();
    parameters.insert("entityTypeId".to_owned(), json!(item.entity.id()));
    parameters.insert("id".to_owned(), json!(item.id));
    if naming == Naming::Original {
        parameters.insert("useOriginalUfNames".to_owned(), json!(naming.wire()));
    }
    parameters
}

/// The item of a `result`.
fn item_in(result: &mut Value) -> Result<Item, PortalError> {
    match result.get_mut("item").map(Value::take) {
        Some(Value::Object(item)) => Ok(item.into()),
        _ => Err(PortalError::NoUsableAnswer {
            reason: "an answer without an item".to_owned(),
            http_status: None,
        }),
    }
}
