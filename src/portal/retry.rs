//! What may follow a failed request: the one table of fates, and the pauses between attempts.
//!
//! Nothing is repeated unless it provably did not run. Callers settle what may have run by
//! reading the item.

use std::time::Duration;

use super::{ErrorKind, PortalError};
use crate::random;

/// What is known of a failed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It did not run: it may be sent again.
    NotExecuted,
    /// The portal failed while it worked on it, and said so: it has stopped.
    FailedInside,
    /// The connection was cut before an answer: it may have run, and the portal has most likely
    /// stopped.
    Cut,
    /// No answer came in time, or one that is not the portal's own: it may be running still.
    MayRun,
    /// It did not run and would not the next time.
    Final,
}

impl PortalError {
    /// What is known of the failed request.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Unreachable { .. } => Disposition::NotExecuted,
            Self::Cut { .. } => Disposition::Cut,
            Self::NoUsableAnswer { .. } => Disposition::MayRun,
            Self::Refused(refusal) => match refusal.kind() {
                ErrorKind::RateLimited => Disposition::NotExecuted,
                ErrorKind::Failed => Disposition::FailedInside,
                ErrorKind::InvalidValue
                | ErrorKind::RequiredField
                | ErrorKind::NotFound
                | ErrorKind::TypeNotSupported
                | ErrorKind::AccessDenied
                | ErrorKind::PlanRestricted
                | ErrorKind::Refused
                | ErrorKind::RefusedWithoutCode
                | ErrorKind::Busy
                | ErrorKind::OperationTimeLimit
                | ErrorKind::Blocked
                | ErrorKind::TokenExpired
                | ErrorKind::SignInFailed
                | ErrorKind::SignInServerDown
                | ErrorKind::ScopeMissing
                | ErrorKind::WrongAddress => Disposition::Final,
            },
            Self::Moved { .. }
            | Self::Untrusted { .. }
            | Self::NoSuchPage { .. }
            | Self::NotRenewed { .. }
            | Self::DeadlineExceeded { .. }
            | Self::TimedOut
            | Self::Cancelled => Disposition::Final,
        }
    }
}

/// The pauses before the next attempts after a request that did not run. They double, and a random part
/// keeps programs that were refused together from coming back together.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    refusals: u32,
    missing_connections: u32,
}

impl Pauses {
    /// The pause before the next attempt; `None` when there is to be none.
    pub(super) fn next(&mut self, error: &PortalError) -> Option<Duration> {
        /// A network that is down stays down for longer than a person waits.
        const MAX_CONNECTION_ATTEMPTS: u32 = 3;
        match error {
            PortalError::Unreachable { .. } => {
                let count = next_count(&mut self.missing_connections);
                (count < MAX_CONNECTION_ATTEMPTS)
                    .then(|| growing(Duration::from_millis(250), Duration::from_secs(2), count))
            }
            // As often as the deadline allows: others are being served meanwhile.
            error if error.disposition() == Disposition::NotExecuted => {
                let count = next_count(&mut self.refusals);
                Some(growing(Duration::from_secs(1), Duration::from_secs(8), count))
            }
            _ => None,
        }
    }
}

fn next_count(count: &mut u32) -> u32 {
    let before = *count;
    *count = before.saturating_add(1);
    before
}

/// A pause that has doubled so often, at most `max`, and up to as much again.
fn growing(first: Duration, max: Duration, doubled: u32) -> Duration {
    let pause = first.saturating_mul(2_u32.saturating_pow(doubled)).min(max);
    pause.mul_f64(1.0 + random::fraction())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let bounds = |doubled| {
            let pauses =
                (0..50).map(|_| growing(Duration::from_secs(1), Duration::from_secs(8), doubled));
            let pauses: Vec<Duration> = pauses.collect();
            (pauses.iter().min().unwrap().as_secs(), pauses.iter().max().unwrap().as_secs_f64())
        };
        for (doubled, seconds) in [(0, 1), (1, 2), (2, 4), (3, 8), (4, 8), (40, 8)] {
            let (least, most) = bounds(doubled);
            assert!(least >= seconds && most < f64::from(u32::try_from(seconds).unwrap() * 2));
        }
    }

    #[test]
    fn a_missing_connection_is_tried_three_times_more() {
        let error = PortalError::Unreachable { reason: String::new() };
        let mut pauses = Pauses::default();
        let count = std::iter::from_fn(|| pauses.next(&error)).take(10).count();
        assert_eq!(count, 3);
        assert_eq!(pauses.next(&PortalError::TimedOut), None);
    }
}
