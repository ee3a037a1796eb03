//! The portal's request limit, as a token bucket.
//!
//! A portal refuses above 50 requests at once and 2 per second after that, 250 and 5 on the
//! Enterprise plan (docs/bitrix24.md, "Limits").

use std::{
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Mutex as AsyncMutex, time::Instant};

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

/// A permit to send one request.
#[derive(Debug)]
pub struct Permit(());

/// A token bucket, first come, first served.
#[derive(Debug)]
pub struct Limiter {
    rate: Rate,
    bucket: AsyncMutex<Bucket>,
    paused_until: Mutex<Option<Instant>>,
}

/// How long the bucket stays empty when the portal has refused.
const AFTER_A_REFUSAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Option<Instant>,
}

impl Limiter {
    /// A full bucket.
    pub fn new(rate: Rate) -> Self {
        let bucket = Bucket { tokens: rate.burst, filled_at: None };
        Self { rate, bucket: AsyncMutex::new(bucket), paused_until: Mutex::default() }
    }

    /// Takes a token if there is one and nobody waits for it.
    pub fn try_permit(&self) -> Option<Permit> {
        self.permit_beside(0.0)
    }

    /// Takes a token if half of what goes out at once is left for others.
    pub fn spare_permit(&self) -> Option<Permit> {
        self.permit_beside(self.rate.burst / 2.0)
    }

    fn permit_beside(&self, left: f64) -> Option<Permit> {
        let mut bucket = self.bucket.try_lock().ok()?;
        let now = Instant::now();
        let paused_until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        if paused_until
            .is_some_and(|until| until > now || bucket.filled_at.is_none_or(|at| at < until))
        {
            return None;
        }
        bucket.fill(self.rate, now);
        (bucket.tokens >= 1.0 + left).then(|| {
            bucket.tokens -= 1.0;
            Permit(())
        })
    }

    /// Waits for a token and takes it. Dropping the future gives up the place in the queue.
    pub async fn permit(&self) -> Permit {
        // The lock is held while waiting: it is fair, so it is the queue.
        let mut bucket = self.bucket.lock().await;
        loop {
            let now = Instant::now();
            let paused_until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(until) = paused_until {
                if until > now {
                    tokio::time::sleep_until(until).await;
                    continue;
                }
                if bucket.filled_at.is_none_or(|filled_at| filled_at < until) {
                    *bucket = Bucket { tokens: 0.0, filled_at: Some(until) };
                }
            }
            bucket.fill(self.rate, now);
            if bucket.tokens >= 1.0 {
                bucket.tokens -= 1.0;
                return Permit(());
            }
            let missing = (1.0 - bucket.tokens) / self.rate.per_second;
            tokio::time::sleep(Duration::from_secs_f64(missing)).await;
        }
    }
}

impl Limiter {
    /// Empties the bucket after a refusal: nothing is sent for at least a second.
    pub fn pause(&self) {
        let empty_until = Instant::now() + AFTER_A_REFUSAL;
        *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(empty_until);
    }
}

impl Bucket {
    fn fill(&mut self, rate: Rate, now: Instant) {
        if let Some(before) = self.filled_at.replace(now) {
            let grown = now.duration_since(before).as_secs_f64() * rate.per_second;
            self.tokens = (self.tokens + grown).min(rate.burst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_or_refused() {
        assert_eq!("standard".parse(), Ok(Rate::STANDARD));
        assert_eq!("250/5".parse(), Ok(Rate::ENTERPRISE));
        for text in ["", "fast", "0/1", "5/0", "5/-1", "5/inf", "5", "5/NaN"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let limiter = Limiter::new(Rate::STANDARD);
        let start = Instant::now();
        for _ in 0..50 {
            limiter.permit().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..4 {
            limiter.permit().await;
        }
        assert!(start.elapsed() >= Duration::from_millis(1_990));
        assert!(start.elapsed() <= Duration::from_millis(2_010));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_empties_the_bucket_for_a_second() {
        let limiter = Limiter::new(Rate::STANDARD);
        limiter.permit().await;
        let start = Instant::now();
        limiter.pause();
        limiter.permit().await;
        assert!(start.elapsed() >= Duration::from_millis(1_400), "{:?}", start.elapsed());
        limiter.permit().await;
        assert!(start.elapsed() >= Duration::from_millis(1_900), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_gives_up_takes_no_token() {
        let limiter = Limiter::new(Rate { burst: 1.0, per_second: 1.0 });
        limiter.permit().await;
        let gave_up = tokio::time::timeout(Duration::from_millis(100), limiter.permit()).await;
        assert!(gave_up.is_err());
        let start = Instant::now();
        limiter.permit().await;
        assert!(start.elapsed() <= Duration::from_millis(910));
    }
}
