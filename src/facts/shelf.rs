//! Where fetched facts are kept for a while; one request serves all calls that wait for it.

use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use crate::portal::{Budget, PortalError};

/// Fields, stages and types change when somebody edits the portal's settings, which is rare.
const FRESH_FOR: Duration = Duration::from_secs(600);

type Slot<T> = Arc<AsyncMutex<Option<(Instant, Arc<T>)>>>;

/// Facts by key.
#[derive(Debug)]
pub(super) struct Shelf<K, T> {
    slots: Mutex<HashMap<K, Slot<T>>>,
}

impl<K, T> Default for Shelf<K, T> {
    fn default() -> Self {
        Self { slots: Mutex::default() }
    }
}

impl<K: Eq + Hash, T> Shelf<K, T> {
    /// What is kept under the key, or what `fetch` brings.
    pub(super) async fn get(
        &self,
        key: K,
        budget: &Budget,
        fetch: impl Future<Output = Result<T, PortalError>>,
    ) -> Result<Arc<T>, PortalError> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(key).or_default())
        };
        let mut kept = budget.wait(slot.lock()).await?;
        if let Some((fetched_at, fact)) = kept.as_ref()
            && fetched_at.elapsed() < FRESH_FOR
        {
            return Ok(Arc::clone(fact));
        }
        let fact = Arc::new(fetch.await?);
        *kept = Some((Instant::now(), Arc::clone(&fact)));
        Ok(fact)
    }
}
