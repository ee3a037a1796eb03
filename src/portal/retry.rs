//! What may follow a failed request: the one table of fates, and the pauses between attempts.
//!
//! Nothing is repeated unless it provably did not run. Callers settle what may have run by
//! reading the item.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use super::{ErrorKind, PortalError};

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
            | Self::DeadlineExceeded
            | Self::TimedOut
            | Self::Cancelled => Disposition::Final,
        }
    }
}

/// The pauses before the next attempts after a request that did not run.
pub(super) struct Pauses {
    after_refusal: backon::ExponentialBackoff,
    after_no_connection: backon::ExponentialBackoff,
}

impl Pauses {
    pub(super) fn new() -> Self {
        let growing = ExponentialBuilder::new().with_jitter();
        Self {
            // As often as the deadline allows: others are being served meanwhile.
            after_refusal: growing
                .with_min_delay(Duration::from_secs(1))
                .with_max_delay(Duration::from_secs(8))
                .without_max_times()
                .build(),
            // A network failure lasts longer than a person waits.
            after_no_connection: growing
                .with_min_delay(Duration::from_millis(250))
                .with_max_delay(Duration::from_secs(2))
                .with_max_times(3)
                .build(),
        }
    }

    /// The pause before the next attempt; `None` when there is to be none.
    pub(super) fn next(&mut self, error: &PortalError) -> Option<Duration> {
        match error {
            PortalError::Unreachable { .. } => self.after_no_connection.next(),
            error if error.disposition() == Disposition::NotExecuted => self.after_refusal.next(),
            _ => None,
        }
    }
}
