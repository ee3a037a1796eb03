//! A cache of fetched metadata; one request serves all calls that wait for it.

use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use crate::portal::{Deadline, PortalError};

/// Fields, stages and types change when somebody edits the portal's settings, which is rare.
const TTL: Duration = Duration::from_secs(600);
/// Nothing is refused because of older metadata: people try a new setting at once.
const RECENT_FOR: Duration = Duration::from_secs(5);

/// More keys than that are forgotten together: queries for people are keys, too.
const MAX_FACTS: usize = 200;

type Slot<T> = Arc<AsyncMutex<Option<(Instant, Arc<T>)>>>;

/// Metadata by key.
#[derive(Debug)]
pub(super) struct Cache<K, T> {
    slots: Arc<Mutex<HashMap<K, Slot<T>>>>,
    ttl: Duration,
}

impl<K, T> Default for Cache<K, T> {
    fn default() -> Self {
        Self { slots: Arc::default(), ttl: TTL }
    }
}

impl<K, T> Clone for Cache<K, T> {
    fn clone(&self) -> Self {
        Self { slots: Arc::clone(&self.slots), ttl: self.ttl }
    }
}

impl<K, T> Cache<K, T> {
    /// The same metadata, where only those of the last seconds count.
    pub(super) fn recent(&self) -> Self {
        Self { slots: Arc::clone(&self.slots), ttl: RECENT_FOR }
    }

    /// The same metadata, where those that are kept do not count.
    pub(super) fn renewed(&self) -> Self {
        Self { slots: Arc::clone(&self.slots), ttl: Duration::ZERO }
    }
}

impl<K: Eq + Hash, T> Cache<K, T> {
    /// What is cached under the key, without waiting for anything.
    pub(super) fn peek(&self, key: &K) -> Option<Arc<T>> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = slots.get(key)?.try_lock().ok()?;
        let (fetched_at, fact) = kept.as_ref()?;
        (fetched_at.elapsed() < self.ttl).then(|| Arc::clone(fact))
    }

    /// Caches what came by another way; what is being fetched at this moment is newer.
    pub(super) fn put(&self, key: K, fact: T) {
        let slot = self.slot(key);
        if let Ok(mut kept) = slot.try_lock() {
            *kept = Some((Instant::now(), Arc::new(fact)));
        }
    }

    fn slot(&self, key: K) -> Slot<T> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_FACTS && !slots.contains_key(&key) {
            // Those that nobody waits for at this moment.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(key).or_default())
    }

    /// What is cached under the key, or what `fetch` returns.
    pub(super) async fn get(
        &self,
        key: K,
        deadline: &Deadline,
        fetch: impl Future<Output = Result<T, PortalError>>,
    ) -> Result<Arc<T>, PortalError> {
        let slot = self.slot(key);
        let mut kept = deadline.wait(slot.lock()).await?;
        if let Some((fetched_at, fact)) = kept.as_ref()
            && fetched_at.elapsed() < self.ttl
        {
            return Ok(Arc::clone(fact));
        }
        let fact = Arc::new(fetch.await?);
        *kept = Some((Instant::now(), Arc::clone(&fact)));
        Ok(fact)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn facts_are_kept_and_fetched_again_when_they_are_too_old() {
        let fetched = AtomicUsize::new(0);
        let cache: Cache<(), usize> = Cache::default();
        let deadline = Deadline::new(Duration::from_secs(3_600), CancellationToken::new());
        let get = async |cache: &Cache<(), usize>| {
            let fetch = async { Ok(fetched.fetch_add(1, Ordering::Relaxed) + 1) };
            *cache.get((), &deadline, fetch).await.unwrap()
        };
        assert_eq!(get(&cache).await, 1);
        assert_eq!(get(&cache.recent()).await, 1);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(get(&cache).await, 1);
        // One request for all who want newer metadata at once.
        let recent = cache.recent();
        let (one, other) = tokio::join!(get(&recent), get(&recent));
        assert_eq!((one, other, get(&cache).await), (2, 2, 2));
        assert_eq!(get(&cache.renewed()).await, 3);
        tokio::time::advance(Duration::from_secs(601)).await;
        assert_eq!(get(&cache).await, 4);
    }
}
