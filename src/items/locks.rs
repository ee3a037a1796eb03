//! One change at a time for one item: two calls never see each other's unfinished work.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::{
    crm::ItemRef,
    portal::{Deadline, Expired},
};

/// The items that calls are changing.
#[derive(Debug, Default)]
pub(crate) struct ItemLocks {
    locks: Mutex<HashMap<ItemRef, Weak<AsyncMutex<()>>>>,
}

/// Keeps an item for one call; dropping it lets the next one begin.
pub(crate) type ItemLock = OwnedMutexGuard<()>;

impl ItemLocks {
    /// Waits until no other call changes the item.
    pub(crate) async fn lock(
        &self,
        item: ItemRef,
        deadline: &Deadline,
    ) -> Result<ItemLock, Expired> {
        deadline.wait(self.lock_of(item).lock_owned()).await
    }

    fn lock_of(&self, item: ItemRef) -> Arc<AsyncMutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&item).and_then(Weak::upgrade) {
            return lock;
        }
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::default();
        locks.insert(item, Arc::downgrade(&lock));
        lock
    }
}
