//! How long a tool call may go on: its deadline, and whether its client has given it up.

use std::{future::Future, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// What a tool call may spend. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Budget {
    ends: Instant,
    /// Kept back for a last look after a lost answer.
    reserve: Duration,
    /// What a call needs for its own work, beside waiting for others.
    work: Duration,
    given_up: watch::Receiver<bool>,
}

/// Gives a call up. When it is dropped without that, the call goes on.
#[derive(Debug)]
pub struct GiveUp(watch::Sender<bool>);

impl GiveUp {
    /// A switch for one call, and what its budget listens to.
    pub fn new() -> (Self, watch::Receiver<bool>) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), receiver)
    }

    /// Ends the call's waiting and repeating; a request that is under way is finished.
    pub fn now(&self) {
        self.0.send_replace(true);
    }
}

/// Why a wait ended without what it waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// The time is over.
    Time,
    /// The client has given the call up.
    GivenUp,
}

impl Budget {
    /// A budget of so much time from now on.
    pub fn new(time: Duration, given_up: watch::Receiver<bool>) -> Self {
        // Small for short deadlines, which are somebody's wish.
        let reserve = (time / 5).min(Duration::from_secs(5));
        Self { ends: Instant::now() + time, reserve, work: time / 4, given_up }
    }

    /// The same for the last look after a lost answer: with the reserve, and also for a call that
    /// was given up.
    #[must_use]
    pub fn for_last_look(&self) -> Self {
        let (_, never) = GiveUp::new();
        Self { reserve: Duration::ZERO, given_up: never, ..self.clone() }
    }

    /// The same for waiting on somebody who works within this budget, so that what they say of its end
    /// is heard.
    #[must_use]
    pub fn for_an_answer(&self) -> Self {
        const GRACE: Duration = Duration::from_millis(200);
        Self { ends: self.ends + GRACE, ..self.clone() }
    }

    /// The budget that lasts longest, for a request that serves several calls; giving one of them
    /// up does not end it.
    pub fn longest<'a>(budgets: impl Iterator<Item = &'a Self>) -> Option<Self> {
        let (_, never) = GiveUp::new();
        let longest = budgets.max_by_key(|budget| budget.deadline())?;
        Some(Self { given_up: never, ..longest.clone() })
    }

    /// When what is begun now has to end.
    pub fn deadline(&self) -> Instant {
        self.ends - self.reserve
    }

    /// Whether so much time is left.
    pub fn has(&self, time: Duration) -> bool {
        Instant::now() + time < self.deadline()
    }

    /// Whether so much time is left beside what the call's own work needs.
    pub fn has_besides_work(&self, time: Duration) -> bool {
        self.has(time + self.work)
    }

    /// Waits for a future that may be dropped at any time.
    ///
    /// # Errors
    ///
    /// When the time is over or the call is given up.
    pub async fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T, Spent> {
        let mut given_up = self.given_up.clone();
        let given_up = async {
            // A switch that is gone was never used.
            if given_up.wait_for(|given_up| *given_up).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = given_up => Err(Spent::GivenUp),
            result = timeout_at(self.deadline(), future) => result.map_err(|_| Spent::Time),
        }
    }
}
