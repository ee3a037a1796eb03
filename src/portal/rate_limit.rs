//! The portal's request limit, as a token bucket with two classes of caller.
//!
//! A portal refuses above 50 requests at once and 2 per second after that, 250 and 5 on the
//! Enterprise plan (docs/bitrix24.md, "Limits").

use std::{
    str::FromStr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, Notify},
    time::Instant,
};

/// How many requests may go out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// At once, after a pause.
    pub burst: f64,
    /// Per second, sustained.
    pub per_second: f64,
}

impl Rate {
    /// What all plans but the largest allow.
    pub const STANDARD: Self = Self { burst: 50.0, per_second: 2.0 };
    /// What the Enterprise plan allows.
    pub const ENTERPRISE: Self = Self { burst: 250.0, per_second: 5.0 };
}

impl FromStr for Rate {
    type Err = String;

    /// Reads `standard`, `enterprise` or `BURST/PER_SECOND`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "standard" => return Ok(Self::STANDARD),
            "enterprise" => return Ok(Self::ENTERPRISE),
            _ => {}
        }
        let numbers = text.split_once('/').and_then(|(burst, per_second)| {
            let burst: u32 = burst.trim().parse().ok()?;
            let per_second: f64 = per_second.trim().parse().ok()?;
            let is_usable = burst >= 1 && per_second.is_finite() && per_second > 0.0;
            is_usable.then(|| Self { burst: f64::from(burst), per_second })
        });
        numbers.ok_or_else(|| {
            "must be `standard`, `enterprise` or two numbers such as `250/5`".to_owned()
        })
    }
}

/// Who asks for a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A call about one item, and all that reads.
    Single,
    /// A call that changes many items.
    Bulk,
}

/// A permit to send one request.
#[derive(Debug)]
pub struct Permit(());

/// When a caller would get its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// How long that takes.
    pub wait: Duration,
    /// How many requests wait before it.
    pub waiting: u32,
}

/// A token bucket, for each class of caller first come, first served.
///
/// A single caller takes a token as soon as there is one. A bulk caller takes one when no single
/// caller waits and a fifth of what goes out at once, at least one token, stays in the bucket; a
/// bucket that holds no more than that has to be full.
///
/// While a bulk caller waits, at most nine tokens in a row go to single callers; the next one is its
/// own. So bulk callers take at most every tenth token of a bucket that single callers keep empty,
/// and neither class waits for ever.
#[derive(Debug)]
pub struct Limiter {
    bucket: Mutex<Bucket>,
    /// Held by the first in each queue: the lock is fair, so it is the queue.
    singles: AsyncMutex<()>,
    bulk: AsyncMutex<()>,
    /// Wakes the first in each queue when somebody has taken a token or has left.
    changed: Notify,
}

/// How long the bucket stays empty when the portal has refused.
const AFTER_A_REFUSAL: Duration = Duration::from_secs(1);

/// How many tokens in a row go to single callers while a bulk caller waits.
const SINGLES_IN_A_ROW: u32 = 9;

/// Longer than any call waits, and short enough for a clock.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

impl Limiter {
    /// A full bucket.
    pub fn new(rate: Rate) -> Self {
        Self {
            bucket: Mutex::new(Bucket {
                rate,
                tokens: rate.burst,
                filled_at: Instant::now(),
                singles: 0,
                bulk: 0,
                singles_in_a_row: 0,
            }),
            singles: AsyncMutex::default(),
            bulk: AsyncMutex::default(),
            changed: Notify::new(),
        }
    }

    /// Takes a token if there is one and nobody waits for it.
    pub fn try_permit(&self) -> Option<Permit> {
        self.permit_beside(0.0)
    }

    /// Takes a token if half of what goes out at once is left for others.
    pub fn spare_permit(&self) -> Option<Permit> {
        let half = self.bucket().rate.burst / 2.0;
        self.permit_beside(half)
    }

    fn permit_beside(&self, left: f64) -> Option<Permit> {
        let permit = {
            let mut bucket = self.bucket();
            if bucket.singles > 0 {
                return None;
            }
            bucket.take(Caller::Single, left, Instant::now()).ok()?
        };
        self.changed.notify_waiters();
        Some(permit)
    }

    /// When a caller that comes now gets its turn at the earliest, by those who wait already.
    pub fn turn(&self, caller: Caller) -> Turn {
        self.bucket().turn(caller, Instant::now())
    }

    /// Waits for a token and takes it. Dropping the future gives up the place in the queue.
    pub async fn permit(&self, caller: Caller) -> Permit {
        let _place = Place::taken(self, caller);
        let queue = match caller {
            Caller::Single => &self.singles,
            Caller::Bulk => &self.bulk,
        };
        let _first = queue.lock().await;
        loop {
            // Made before looking, so that no change in between is missed.
            let changed = self.changed.notified();
            let taken = self.bucket().take(caller, 0.0, Instant::now());
            let not_before = match taken {
                Ok(permit) => return permit,
                Err(not_before) => not_before,
            };
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(not_before) => {}
            }
        }
    }

    /// Empties the bucket after a refusal: nothing is sent for at least a second.
    pub fn pause(&self) {
        let mut bucket = self.bucket();
        bucket.tokens = 0.0;
        bucket.filled_at = Instant::now() + AFTER_A_REFUSAL;
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a queue, until it is dropped.
struct Place<'a> {
    limiter: &'a Limiter,
    caller: Caller,
}

impl<'a> Place<'a> {
    fn taken(limiter: &'a Limiter, caller: Caller) -> Self {
        *limiter.bucket().waiting(caller) += 1;
        Self { limiter, caller }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.limiter.bucket().waiting(self.caller) -= 1;
        self.limiter.changed.notify_waiters();
    }
}

#[derive(Debug)]
struct Bucket {
    rate: Rate,
    tokens: f64,
    /// When it held so many tokens; in the future while nothing may be sent.
    filled_at: Instant,
    /// How many single callers wait.
    singles: u32,
    /// How many bulk callers wait.
    bulk: u32,
    /// How many tokens single callers have taken since a bulk caller began to wait or took one, up
    /// to as many as make it its turn.
    singles_in_a_row: u32,
}

impl Bucket {
    const fn waiting(&mut self, caller: Caller) -> &mut u32 {
        match caller {
            Caller::Single => &mut self.singles,
            Caller::Bulk => &mut self.bulk,
        }
    }

    /// Takes a token where so many are left; otherwise says when to look again, unless
    /// something changes before.
    fn take(&mut self, caller: Caller, left: f64, now: Instant) -> Result<Permit, Instant> {
        self.fill(now);
        let needed = left + self.needed(caller);
        if self.tokens < needed {
            return Err(self.holds_at(needed));
        }
        self.tokens -= 1.0;
        self.singles_in_a_row = match caller {
            Caller::Single if self.bulk > 0 => (self.singles_in_a_row + 1).min(SINGLES_IN_A_ROW),
            Caller::Single | Caller::Bulk => 0,
        };
        Ok(Permit(()))
    }

    /// How many tokens there have to be for a caller to take one.
    fn needed(&self, caller: Caller) -> f64 {
        let is_turn_of_bulk = self.bulk > 0 && self.singles_in_a_row >= SINGLES_IN_A_ROW;
        match caller {
            Caller::Single if is_turn_of_bulk => 2.0,
            Caller::Single => 1.0,
            Caller::Bulk if is_turn_of_bulk => 1.0,
            Caller::Bulk if self.singles > 0 => f64::INFINITY,
            Caller::Bulk => self.needed_beside_reserve(),
        }
    }

    fn needed_beside_reserve(&self) -> f64 {
        let reserve = (self.rate.burst / 5.0).max(1.0);
        (1.0 + reserve).min(self.rate.burst)
    }

    fn turn(&mut self, caller: Caller, now: Instant) -> Turn {
        self.fill(now);
        let tokens = match caller {
            Caller::Single => {
                let turns_of_bulk = (self.singles_in_a_row + self.singles) / SINGLES_IN_A_ROW;
                f64::from(self.singles + turns_of_bulk.min(self.bulk) + 1)
            }
            Caller::Bulk => {
                let when_others_are_served = f64::from(self.singles + self.bulk);
                let by_turns = (SINGLES_IN_A_ROW + 1) * (self.bulk + 1) - self.singles_in_a_row;
                (when_others_are_served + self.needed_beside_reserve()).min(f64::from(by_turns))
            }
        };
        let waiting = match caller {
            Caller::Single => self.singles,
            Caller::Bulk => self.singles + self.bulk,
        };
        Turn { wait: self.holds_at(tokens).saturating_duration_since(now), waiting }
    }

    /// When it holds so many tokens, or would without its upper limit.
    fn holds_at(&self, tokens: f64) -> Instant {
        let missing = tokens - self.tokens;
        if missing <= 0.0 {
            return self.filled_at;
        }
        let time = Duration::try_from_secs_f64(missing / self.rate.per_second);
        // Rounded up: a look that comes too early would be repeated at once.
        self.filled_at + time.unwrap_or(MAX_WAIT).min(MAX_WAIT) + Duration::from_nanos(1)
    }

    fn fill(&mut self, now: Instant) {
        let grown = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + grown * self.rate.per_second).min(self.rate.burst);
        self.filled_at = self.filled_at.max(now);
    }
}

#[cfg(test)]
mod tests;
