//! The portal's field lists, fetched when a name or a custom field needs one, and kept for a while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Map, json};
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use crate::{
    crm::{EntityType, field_list::FieldList},
    portal::{Budget, Portal, PortalError},
};

/// Field lists change when somebody edits the portal's settings, which is rare.
const FRESH_FOR: Duration = Duration::from_secs(600);

type Slot = Arc<AsyncMutex<Option<(Instant, Arc<FieldList>)>>>;

/// The lists that were fetched, by entity type.
#[derive(Debug, Default)]
pub(super) struct FieldLists {
    slots: Mutex<HashMap<EntityType, Slot>>,
}

impl FieldLists {
    /// The list of an entity type: one request for all calls that wait for it.
    pub(super) async fn get(
        &self,
        portal: &Portal,
        entity: EntityType,
        budget: &Budget,
    ) -> Result<Arc<FieldList>, PortalError> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(entity).or_default())
        };
        let mut kept = budget.wait(slot.lock()).await?;
        if let Some((fetched_at, list)) = kept.as_ref()
            && fetched_at.elapsed() < FRESH_FOR
        {
            return Ok(Arc::clone(list));
        }
        let parameters = Map::from_iter([("entityTypeId".to_owned(), json!(entity.id()))]);
        let result = portal.call("crm.item.fields", &parameters, budget).await?;
        let list = FieldList::read(&result).ok_or_else(|| PortalError::Unclear {
            reason: "an answer that holds no field list".to_owned(),
            http_status: None,
        })?;
        let list = Arc::new(list);
        *kept = Some((Instant::now(), Arc::clone(&list)));
        Ok(list)
    }
}
