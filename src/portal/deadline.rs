//! How long a tool call may go on, and whether its client has cancelled it.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::rate_limit::Caller;

/// When a tool call has to end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Deadline {
    ends: Instant,
    /// Kept back for a final read after a lost answer.
    reserve: Duration,
    /// What a call needs for its own work, beside waiting for others.
    work: Duration,
    /// Whether one request may take all of the time.
    allows_long_requests: bool,
    /// Whose turn its requests wait for.
    caller: Caller,
    cancellation: CancellationToken,
    /// How many requests its call has sent.
    requests: Arc<AtomicU32>,
}

/// Why a wait ended without what it waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// The time is over.
    Time,
    /// The client has cancelled the call.
    Cancelled,
}

impl Deadline {
    /// A deadline so much time from now on. Cancelling ends the call's waiting and repeating; a
    /// request that is under way is finished.
    pub fn new(time: Duration, cancellation: CancellationToken) -> Self {
        // Smaller for short deadlines, which are a setting.
        let reserve = (time / 5).min(Duration::from_secs(5));
        Self {
            ends: Instant::now() + time,
            reserve,
            work: time / 4,
            allows_long_requests: false,
            caller: Caller::Single,
            cancellation,
            requests: Arc::default(),
        }
    }

    /// The same for the final read after a lost answer: with the reserve, and also for a call that
    /// was cancelled.
    #[must_use]
    pub fn for_final_read(&self) -> Self {
        Self { reserve: Duration::ZERO, cancellation: CancellationToken::new(), ..self.clone() }
    }

    /// The same for waiting for a task that works until this deadline, so that its report of the
    /// end is received.
    #[must_use]
    pub fn for_an_answer(&self) -> Self {
        const GRACE: Duration = Duration::from_millis(200);
        Self { ends: self.ends + GRACE, ..self.clone() }
    }

    /// The latest deadline, for a request that serves several calls; cancelling one of them does
    /// not end it.
    pub fn latest<'a>(deadlines: impl Iterator<Item = &'a Self>) -> Option<Self> {
        let latest = deadlines.max_by_key(|deadline| deadline.instant())?;
        Some(Self { cancellation: CancellationToken::new(), ..latest.clone() })
    }

    /// The same for a request that does much: it may take all of the time that is left.
    #[must_use]
    pub fn for_a_long_request(&self) -> Self {
        // What it takes beyond its time is lost; a final read needs less than is kept back for it.
        Self { allows_long_requests: true, reserve: self.reserve / 2, ..self.clone() }
    }

    /// The same for a call that changes many items: its requests leave the request limit to others, as
    /// [`Limiter`](super::rate_limit::Limiter) says.
    #[must_use]
    pub fn beside_others(self) -> Self {
        Self { caller: Caller::Bulk, ..self }
    }

    /// Whose turn its requests wait for.
    pub(super) const fn caller(&self) -> Caller {
        self.caller
    }

    /// How many requests its call has sent so far.
    pub fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Counts one that is sent.
    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether one request may take all of the time that is left.
    pub(super) const fn allows_long_requests(&self) -> bool {
        self.allows_long_requests
    }

    /// Whether the client has cancelled the call.
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    /// Waits until the client cancels the call.
    pub async fn cancelled(&self) {
        self.cancellation.cancelled().await;
    }

    /// How much time is left for what is begun now.
    pub fn left(&self) -> Duration {
        self.instant().saturating_duration_since(Instant::now())
    }

    /// When what is begun now has to end.
    pub fn instant(&self) -> Instant {
        self.ends - self.reserve
    }

    /// Whether so much time is left.
    pub fn has(&self, time: Duration) -> bool {
        Instant::now() + time < self.instant()
    }

    /// Whether so much time is left beside what the call's own work needs.
    pub fn has_besides_work(&self, time: Duration) -> bool {
        self.has(time + self.work)
    }

    /// Waits for a future that may be dropped at any time.
    ///
    /// # Errors
    ///
    /// When the time is over or the call is cancelled.
    pub async fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T, Expired> {
        tokio::select! {
            biased;
            () = self.cancellation.cancelled() => Err(Expired::Cancelled),
            result = timeout_at(self.instant(), future) => result.map_err(|_| Expired::Time),
        }
    }
}
