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
const MAY_RUN_FOR: Duration = Duration::from_secs(60);

/// The writes without an answer, by item.
#[derive(Debug, Default)]
pub(crate) struct Unanswered(Mutex<HashMap<ItemRef, Arc<Open>>>);

/// Whether an item shows that a write was carried out.
type Arrival = Box<dyn Fn(&Item) -> bool + Send + Sync>;

/// A write that may still run.
pub(crate) struct Open {
    /// When it can no longer run.
    pub(crate) until: Instant,
    /// Whether an item shows that it was carried out; none where that cannot be recognized.
    has_arrived: Option<Arrival>,
}

impl fmt::Debug for Open {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Open").field("until", &self.until).finish_non_exhaustive()
    }
}

impl Open {
    /// Whether the item shows that it was carried out.
    pub(crate) fn has_arrived(&self, now: &Item) -> bool {
        self.has_arrived.as_ref().is_some_and(|has_arrived| has_arrived(now))
    }
}

impl Unanswered {
    /// Remembers a write whose effect can be recognized.
    pub(crate) fn remember(
        &self,
        item: ItemRef,
        has_arrived: impl Fn(&Item) -> bool + Send + Sync + 'static,
    ) {
        self.insert(Instant::now(), item, Some(Box::new(has_arrived)));
    }

    /// The same for a write that was sent a while ago.
    pub(crate) fn remember_since(
        &self,
        sent: Instant,
        item: ItemRef,
        has_arrived: impl Fn(&Item) -> bool + Send + Sync + 'static,
    ) {
        self.insert(sent, item, Some(Box::new(has_arrived)));
    }

    /// Remembers a write whose effect cannot be recognized.
    pub(crate) fn remember_blindly(&self, item: ItemRef) {
        self.insert(Instant::now(), item, None);
    }

    fn insert(&self, sent: Instant, item: ItemRef, has_arrived: Option<Arrival>) {
        let open = Open { until: sent + MAY_RUN_FOR, has_arrived };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(item, Arc::new(open));
    }

    /// The write of an item that may still run.
    pub(crate) fn of(&self, item: ItemRef) -> Option<Arc<Open>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, open| open.until > Instant::now());
        all.get(&item).cloned()
    }

    /// Forgets the write of an item.
    pub(crate) fn forget(&self, item: ItemRef) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&item);
    }
}
