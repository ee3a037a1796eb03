//! One call at a time for one item: two calls never see each other's half-done work.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::ItemRef;
use crate::{
    error::{Code, Failure, Retry},
    portal::Budget,
};

/// The items that calls are at work on.
#[derive(Debug, Default)]
pub(super) struct ItemLocks {
    busy: Mutex<HashMap<ItemRef, Weak<AsyncMutex<()>>>>,
}

impl ItemLocks {
    /// Waits until no other call works on the item; the turn ends when the guard is dropped.
    pub(super) async fn take(
        &self,
        item: ItemRef,
        budget: &Budget,
    ) -> Result<OwnedMutexGuard<()>, Failure> {
        let queue = self.queue(item);
        budget.wait(queue.lock_owned()).await.map_err(|_| {
            let message = "other calls are still at work on the same item";
            Failure::new(Code::Busy, Retry::Later, message, "repeat the call when they have ended")
        })
    }

    fn queue(&self, item: ItemRef) -> Arc<AsyncMutex<()>> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = busy.get(&item).and_then(Weak::upgrade) {
            return queue;
        }
        busy.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::default();
        busy.insert(item, Arc::downgrade(&queue));
        queue
    }
}
