//! The first step: the item as it stands, or why it could not be read.

use serde_json::{Map, Value};

use super::{ItemRef, Request, Session};
use crate::{
    crm::Family,
    error::{Failure, Purpose},
    portal::{ApiError, Budget, ErrorKind, PortalError},
};

/// What is known of the item before the write.
#[derive(Debug)]
pub(super) enum Before {
    /// The item as it stands.
    Item(Map<String, Value>),
    /// It could not be read, for a reason that need not keep the write from succeeding.
    Unread(PortalError),
}

impl Before {
    /// The item, if it could be read.
    pub(super) const fn item(&self) -> Option<&Map<String, Value>> {
        match self {
            Self::Item(item) => Some(item),
            Self::Unread(_) => None,
        }
    }
}

/// Reads the item; fails when what went wrong would doom the write as well.
pub(super) async fn look(
    session: &Session,
    request: &Request,
    budget: &Budget,
) -> Result<Before, Failure> {
    let error = match session.looks.look(request.item, request.naming, budget).await {
        Ok(item) => return Ok(Before::Item(item)),
        Err(error) => error,
    };
    if !dooms_the_write(&error) {
        return Ok(Before::Unread(error));
    }
    Err(explain(session, request.item, &error, budget).await)
}

/// What it means that an item could not be read.
pub(super) async fn explain(
    session: &Session,
    item: ItemRef,
    error: &PortalError,
    budget: &Budget,
) -> Failure {
    let failure = session.failure("crm.item.get", error, Purpose::Reading);
    match error {
        PortalError::Refused(refusal) if refusal.kind() == ErrorKind::NotFound => {
            not_found(session, item, refusal, failure, budget).await
        }
        _ => failure,
    }
}

const fn always_dooms(meaning: ErrorKind) -> bool {
    match meaning {
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

fn dooms_the_write(error: &PortalError) -> bool {
    match error {
        PortalError::Refused(refusal) => always_dooms(refusal.kind()),
        PortalError::Moved { .. }
        | PortalError::NoSuchPage { .. }
        | PortalError::Unreachable { .. }
        | PortalError::Untrusted { .. }
        | PortalError::NotRenewed { .. }
        | PortalError::GivenUp
        | PortalError::DeadlineExceeded
        | PortalError::TimedOut => true,
        PortalError::NoUsableAnswer { .. } | PortalError::Cut { .. } => false,
    }
}

/// Tells a missing item from a missing smart process: the code is the same, the texts differ and
/// are localised (fact sheet §4.2), so in doubt the type's field list is asked for.
async fn not_found(
    session: &Session,
    item: ItemRef,
    refusal: &ApiError,
    failure: Failure,
    budget: &Budget,
) -> Failure {
    let text = refusal.description.to_lowercase();
    let type_is_missing = match item.entity.family() {
        Some(Family::SmartProcess) | None => {
            if text.contains("smart process") || text.contains("смарт-процесс") {
                true
            } else if text.contains("item") || text.contains("элемент") {
                false
            } else {
                session.metadata.field_list(item.entity, budget).await.is_err()
            }
        }
        Some(_) => false,
    };
    if type_is_missing {
        failure.of_missing_type(item.entity)
    } else {
        Failure {
            message: format!("there is no {} with the id {}", item.entity, item.id),
            ..failure
        }
    }
}
