//! Work in progress: it has to be finished before the process may end, and too much of it stops the
//! reading of more.
//!
//! A `TaskTracker` counts no bytes, and a semaphore's permit for a line's size could only be awaited after
//! the line was taken, where dropping the future would lose it.

use std::sync::Arc;

use tokio::sync::watch;

/// So many messages may be unanswered, and take so many bytes, before no more are read.
const MAX_MESSAGES: usize = 512;
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Counts what has to be finished before the process may end, and what it holds.
#[derive(Debug, Clone)]
pub(super) struct InFlight(Arc<watch::Sender<Load>>);

#[derive(Debug, Default)]
struct Load {
    /// Everything that has to be finished.
    things: usize,
    /// Messages whose answers are not written yet.
    messages: usize,
    /// What these messages take, in bytes.
    bytes: usize,
}

/// One thing that has to be finished; dropping it says that it is.
#[derive(Debug)]
pub(super) struct InFlightGuard {
    in_flight: InFlight,
    messages: usize,
    bytes: usize,
}

impl InFlight {
    pub(super) fn new() -> Self {
        let (load, _) = watch::channel(Load::default());
        Self(Arc::new(load))
    }

    pub(super) fn begin(&self) -> InFlightGuard {
        self.begin_with(0, 0)
    }

    /// Begins to answer a message of so many bytes.
    pub(super) fn begin_message(&self, bytes: usize) -> InFlightGuard {
        self.begin_with(1, bytes)
    }

    fn begin_with(&self, messages: usize, bytes: usize) -> InFlightGuard {
        self.0.send_modify(|load| {
            load.things += 1;
            load.messages += messages;
            load.bytes += bytes;
        });
        InFlightGuard { in_flight: self.clone(), messages, bytes }
    }

    pub(super) async fn idle(&self) {
        self.has_come_to(|load| load.things == 0).await;
    }

    /// Waits until another message may be read: unanswered ones take memory.
    pub(super) async fn has_capacity(&self) {
        self.has_come_to(|load| load.messages < MAX_MESSAGES && load.bytes < MAX_BYTES).await;
    }

    async fn has_come_to(&self, state: impl FnMut(&Load) -> bool) {
        // The sender lives as long as this value, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(state).await;
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.in_flight.0.send_modify(|load| {
            load.things = load.things.saturating_sub(1);
            load.messages = load.messages.saturating_sub(self.messages);
            load.bytes = load.bytes.saturating_sub(self.bytes);
        });
    }
}
