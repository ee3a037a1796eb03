//! Writes that got no answer: the portal may still be carrying them out, so the next change of the
//! item has to wait for them.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::crm::{Item, ItemRef};

/// Portals end a request after a minute (docs/bitrix24.md, "Limits").
pub(crate) const MAY_RUN_FOR: Duration = Duration::from_secs(60);
/// So long it is remembered that a batch was lost, in order to look at it once more: a portal may go
/// on with it for longer than a minute.
const BATCHES_ARE_KNOWN_FOR: Duration = Duration::from_secs(900);

/// The writes without an answer, by item.
#[derive(Debug, Default)]
pub(crate) struct Unanswered(Mutex<HashMap<ItemRef, Arc<Open>>>);

/// Whether an item shows that a write was carried out.
pub(crate) type Arrival = Box<dyn Fn(&Item) -> bool + Send + Sync>;

/// A write that may still run.
pub(crate) struct Open {
    sent: Instant,
    /// Whether an item shows that it was carried out; none where that cannot be recognized.
    has_arrived: Option<Arrival>,
    /// The batch that it was sent in.
    batch: Option<Arc<Batch>>,
}

/// Writes that a portal carries out one after the other.
struct Batch {
    /// How long nothing must have arrived before the portal has come to its end.
    standstill: Duration,
    /// When one of them was last seen to have arrived.
    moved_at: Mutex<Instant>,
}

impl fmt::Debug for Open {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Open").field("until", &self.until()).finish_non_exhaustive()
    }
}

impl Open {
    /// When it can no longer run, by what has been seen.
    pub(crate) fn until(&self) -> Instant {
        let end = self.sent + MAY_RUN_FOR;
        self.batch.as_ref().map_or(end, |batch| {
            let moved_at = *batch.moved_at.lock().unwrap_or_else(PoisonError::into_inner);
            end.max(moved_at + batch.standstill)
        })
    }

    /// Whether the item shows that it was carried out. Of a batch, it has names in camelCase.
    pub(crate) fn has_arrived(&self, now: &Item) -> bool {
        self.has_arrived.as_ref().is_some_and(|has_arrived| has_arrived(now))
    }

    /// Whether it was sent together with others.
    pub(crate) const fn is_of_a_batch(&self) -> bool {
        self.batch.is_some()
    }

    fn is_known_until(&self) -> Instant {
        if self.batch.is_some() { self.sent + BATCHES_ARE_KNOWN_FOR } else { self.until() }
    }
}

impl Unanswered {
    /// Remembers a write whose effect can be recognized.
    pub(crate) fn remember(
        &self,
        item: ItemRef,
        has_arrived: impl Fn(&Item) -> bool + Send + Sync + 'static,
    ) {
        self.insert(item, Some(Box::new(has_arrived)));
    }

    /// Remembers a write whose effect cannot be recognized.
    pub(crate) fn remember_blindly(&self, item: ItemRef) {
        self.insert(item, None);
    }

    fn insert(&self, item: ItemRef, has_arrived: Option<Arrival>) {
        let open = Open { sent: Instant::now(), has_arrived, batch: None };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(item, Arc::new(open));
    }

    /// Remembers the open writes of a batch that was sent and seen to move a while ago.
    pub(crate) fn remember_batch(
        &self,
        sent: Instant,
        moved_at: Instant,
        standstill: Duration,
        writes: impl IntoIterator<Item = (ItemRef, Arrival)>,
    ) {
        let batch = Arc::new(Batch { standstill, moved_at: Mutex::new(moved_at) });
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (item, has_arrived) in writes {
            let (has_arrived, batch) = (Some(has_arrived), Some(Arc::clone(&batch)));
            all.insert(item, Arc::new(Open { sent, has_arrived, batch }));
        }
    }

    /// The write of an item that may still run, or has to be looked at once more.
    pub(crate) fn of(&self, item: ItemRef) -> Option<Arc<Open>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, open| open.is_known_until() > Instant::now());
        all.get(&item).cloned()
    }

    /// All open writes of the batch that this one was sent in.
    pub(crate) fn sent_with(&self, open: &Open) -> Vec<(ItemRef, Arc<Open>)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of_it = |other: &Open| {
            let batches = open.batch.as_ref().zip(other.batch.as_ref());
            batches.is_some_and(|(one, other)| Arc::ptr_eq(one, other))
        };
        let of_it = all.iter().filter(|(_, other)| is_of_it(other));
        of_it.map(|(item, open)| (*item, Arc::clone(open))).collect()
    }

    /// Takes note that a write has arrived: the portal goes on with those that were sent with it.
    pub(crate) fn arrived(&self, item: ItemRef, open: &Open) {
        if let Some(batch) = &open.batch {
            *batch.moved_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        self.forget(item);
    }

    /// Forgets the write of an item.
    pub(crate) fn forget(&self, item: ItemRef) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::EntityType;

    #[tokio::test(start_paused = true)]
    async fn a_batch_may_run_as_long_as_it_moves() {
        let unanswered = Unanswered::default();
        let item = |id| ItemRef { entity: EntityType::new(2), id };
        let now = Instant::now();
        let arrival = || -> Arrival { Box::new(|_| true) };
        let writes = (1..=3).map(|id| (item(id), arrival()));
        unanswered.remember_batch(now, now, Duration::from_secs(10), writes);
        tokio::time::advance(Duration::from_secs(70)).await;
        // It is known longer than a minute, to be looked at once more.
        let first = unanswered.of(item(1)).unwrap();
        assert!(first.until() < Instant::now());
        assert_eq!(unanswered.sent_with(&first).len(), 3);
        unanswered.arrived(item(1), &first);
        let second = unanswered.of(item(2)).unwrap();
        assert_eq!(second.until(), Instant::now() + Duration::from_secs(10));
        assert!(unanswered.of(item(1)).is_none());
        tokio::time::advance(Duration::from_secs(900)).await;
        assert!(unanswered.of(item(2)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_write_is_forgotten_after_a_minute() {
        let unanswered = Unanswered::default();
        let item = ItemRef { entity: EntityType::new(2), id: 1 };
        unanswered.remember_blindly(item);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(unanswered.of(item).is_some());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(unanswered.of(item).is_none());
    }
}
