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
/// Nothing is refused because of older facts: whoever has just edited the settings tries at once.
const RECENT_FOR: Duration = Duration::from_secs(5);

type Slot<T> = Arc<AsyncMutex<Option<(Instant, Arc<T>)>>>;

/// Facts by key.
#[derive(Debug)]
pub(super) struct Shelf<K, T> {
    slots: Arc<Mutex<HashMap<K, Slot<T>>>>,
    fresh_for: Duration,
}

impl<K, T> Default for Shelf<K, T> {
    fn default() -> Self {
        Self { slots: Arc::default(), fresh_for: FRESH_FOR }
    }
}

impl<K, T> Shelf<K, T> {
    /// The same facts, where only those of the last seconds count.
    pub(super) fn recent(&self) -> Self {
        Self { slots: Arc::clone(&self.slots), fresh_for: RECENT_FOR }
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
            && fetched_at.elapsed() < self.fresh_for
        {
            return Ok(Arc::clone(fact));
        }
        let fact = Arc::new(fetch.await?);
        *kept = Some((Instant::now(), Arc::clone(&fact)));
        Ok(fact)
    }
}
