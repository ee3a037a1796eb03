//! How long a portal took for one item of a batch when it was last seen: for the first chunk of the next
//! call, and for saying how long a change will take.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// What was seen last.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<Option<Duration>>);

impl Pace {
    /// Takes note of how long an item took.
    pub(crate) fn remember(&self, each: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(each);
    }

    /// How long an item took when that was last seen.
    pub(crate) fn seen(&self) -> Option<Duration> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
