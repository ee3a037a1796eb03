//! The item before the write, or why it could not be read.

use super::{explain, patch::Patch};
use crate::{
    account::Call,
    crm::Item,
    error::Failure,
    portal::{ErrorKind, PortalError},
};

/// What is known of the item before the write.
#[derive(Debug)]
pub(super) enum Before {
    /// The item as it is.
    Item(Item),
    /// It could not be read, for a reason that need not affect the write.
    Unread(PortalError),
}

impl Before {
    /// The item, if it could be read.
    pub(super) const fn item(&self) -> Option<&Item> {
        match self {
            Self::Item(item) => Some(item),
            Self::Unread(_) => None,
        }
    }
}

/// Reads the item; fails when the write would fail for the same reason.
pub(super) async fn read(call: &Call<'_>, patch: &Patch) -> Result<Before, Failure> {
    match call.read(patch.item, patch.naming).await {
        Ok(item) => Ok(Before::Item(item)),
        Err(error) if !prevents_writing(&error) => Ok(Before::Unread(error)),
        Err(error) => Err(explain::unread(call, patch.item, &error).await),
    }
}

fn prevents_writing(error: &PortalError) -> bool {
    match error {
        PortalError::Refused(error) => always_prevents_writing(error.kind()),
        PortalError::Moved { .. }
        | PortalError::NoSuchPage { .. }
        | PortalError::Unreachable { .. }
        | PortalError::Untrusted { .. }
        | PortalError::NotRenewed { .. }
        | PortalError::Cancelled
        | PortalError::DeadlineExceeded { .. }
        | PortalError::TimedOut => true,
        PortalError::NoUsableAnswer { .. } | PortalError::Cut { .. } => false,
    }
}

const fn always_prevents_writing(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::NotFound
        | ErrorKind::TypeNotSupported
        | ErrorKind::AccessDenied
        | ErrorKind::PlanRestricted
        | ErrorKind::TokenExpired
        | ErrorKind::SignInFailed
        | ErrorKind::SignInServerDown
        | ErrorKind::ScopeMissing
        | ErrorKind::Blocked
        | ErrorKind::WrongAddress => true,
        ErrorKind::InvalidValue
        | ErrorKind::RequiredField
        | ErrorKind::Refused
        | ErrorKind::RefusedWithoutCode
        | ErrorKind::Busy
        | ErrorKind::RateLimited
        | ErrorKind::OperationTimeLimit
        | ErrorKind::Failed => false,
    }
}
