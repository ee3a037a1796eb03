//! The one table from what a portal says to what assistants are told.

use super::{Code, PortalWords, Retry};
use crate::{
    config::hints,
    portal::{ErrorKind, PortalError, error::readable},
};

/// What a failed request means: code, retry, message and hint.
pub(super) fn verdict(error: &PortalError) -> (Code, Retry, String, &'static str) {
    match error {
        PortalError::Refused(refusal) => {
            let (code, retry, message, hint) = verdict_on(refusal.kind());
            (code, retry, message.to_owned(), hint)
        }
        PortalError::Moved { to, .. } => {
            let message = match to {
                Some(to) => format!("the portal has moved to `{to}`"),
                None => "the portal answers with a redirect".to_owned(),
            };
            (Code::PortalAddress, Retry::No, message, hints::NEW_ADDRESS)
        }
        PortalError::NoSuchPage { .. } => {
            let message = "there is no REST interface at the portal's address".to_owned();
            (Code::PortalAddress, Retry::No, message, hints::ADDRESS)
        }
        PortalError::Unreachable { reason } => {
            let message = format!("the portal cannot be reached: {reason}");
            let hint = "check the network and the portal's address, then repeat the call";
            (Code::PortalUnreachable, Retry::Later, message, hint)
        }
        PortalError::Untrusted { reason } => {
            let message = format!("the portal's certificate is not trusted: {reason}");
            (Code::PortalUnreachable, Retry::Later, message, hints::CERTIFICATE)
        }
        PortalError::NoUsableAnswer { reason, .. } | PortalError::Cut { reason, .. } => {
            let message = format!("the portal gave no usable answer: {reason}");
            (Code::PortalFailed, Retry::Later, message, "repeat the call later")
        }
        PortalError::NotRenewed { reason, .. } => {
            let message = format!("the access token could not be renewed: {reason}");
            let is_refused = matches!(error, PortalError::NotRenewed { refusal: Some(_), .. });
            let (retry, hint) = if is_refused {
                (
                    Retry::No,
                    "a person has to sign in again and put the new tokens into the settings",
                )
            } else {
                (Retry::Later, hints::RENEWAL)
            };
            (Code::SignInFailed, retry, message, hint)
        }
        PortalError::Cancelled => {
            let message = "the call was cancelled before anything was sent".to_owned();
            (Code::Refused, Retry::Later, message, "repeat the call if it is still wanted")
        }
        PortalError::TimedOut => {
            let message = "the portal gave no answer in time".to_owned();
            (Code::PortalFailed, Retry::Later, message, "repeat the call later")
        }
        PortalError::DeadlineExceeded { waiting, .. } => {
            let message = match waiting {
                0 => "the portal's request limit allows no request before this call's time is over",
                _ => {
                    "other calls are waiting for the portal's request limit, and this call's time \
                      is over before its turn comes"
                }
            };
            let hint = "repeat the call after `retryAfterSeconds`";
            (Code::RateLimited, Retry::Later, message.to_owned(), hint)
        }
    }
}

const PERSON_HINT: &str = "no other call helps; a person has to resolve it in the portal";

#[rustfmt::skip] // a table: one meaning, one line
fn verdict_on(meaning: ErrorKind) -> (Code, Retry, &'static str, &'static str) {
    use Retry::{AfterFix, Later, No};
    match meaning {
        ErrorKind::InvalidValue => (Code::InvalidValue, AfterFix, "the portal refused a value", "correct the value that `portal.description` refers to and call again"),
        ErrorKind::RequiredField => (Code::RequiredField, AfterFix, "the portal requires a field that is empty", "ask the user for the value of the field that `portal.description` names, and send it in the same call"),
        ErrorKind::NotFound => (Code::ItemNotFound, AfterFix, "the portal has no such item", "check `entityTypeId` and `id`"),
        ErrorKind::TypeNotSupported => (Code::TypeNotSupported, AfterFix, "the portal's `crm.item.*` methods do not support this entity type", "use 1 lead, 2 deal, 3 contact, 4 company, 7 quote, 31 invoice or a smart process's own id"),
        ErrorKind::AccessDenied => (Code::AccessDenied, No, "the portal denies access", "tell the user: the assistant's rights in the portal do not allow this; an administrator of the portal can grant it in the CRM's access permissions"),
        ErrorKind::PlanRestricted => (Code::PlanRestricted, No, "the portal's plan does not include this", "no other call helps; a person has to change the portal's plan"),
        ErrorKind::Refused => (Code::Refused, AfterFix, "the portal refused the call", "read `portal.description`; call again only if it names something to correct, else tell the user"),
        ErrorKind::RefusedWithoutCode => (Code::Refused, No, "the portal refused the call without a code", PERSON_HINT),
        ErrorKind::Busy => (Code::Busy, Later, "an operation in the portal has to finish or be confirmed first", "repeat the call when it is done"),
        ErrorKind::RateLimited => (Code::RateLimited, Later, "the portal's request limit is reached", "repeat the call in a few seconds"),
        ErrorKind::OperationTimeLimit => (Code::OperationTimeLimit, Later, "the portal has temporarily blocked this method because it used too much time", "repeat the call after `retryAfterSeconds`"),
        ErrorKind::Blocked => (Code::PortalBlocked, No, "the vendor has blocked the portal's REST interface", "no other call helps; a person has to ask Bitrix24's support to lift the block"),
        ErrorKind::TokenExpired => (Code::SignInFailed, No, "the access token has expired", hints::TOKEN),
        ErrorKind::SignInFailed => (Code::SignInFailed, No, "the portal did not accept the sign-in", "a person has to make a new webhook or token and put it into the settings"),
        ErrorKind::SignInServerDown => (Code::SignInFailed, Later, "the portal could not reach its sign-in server", "repeat the call later"),
        ErrorKind::ScopeMissing => (Code::ScopeMissing, No, "the webhook or token lacks a scope", "a person has to give the webhook the scope `crm`"),
        ErrorKind::WrongAddress => (Code::PortalAddress, No, "the portal's address is wrong or not accessible", hints::ADDRESS),
        ErrorKind::Failed => (Code::PortalFailed, Later, "the portal failed while processing the call", "repeat the call later"),
    }
}

/// What the portal itself has said, if it has.
pub(super) fn portal_words(error: &PortalError) -> Option<PortalWords> {
    match error {
        PortalError::NotRenewed { refusal: Some(refusal), .. } => Some(PortalWords {
            http_status: refusal.http_status,
            code: Some(readable(&refusal.code)),
            description: readable(&refusal.description),
        }),
        PortalError::Refused(refusal) => Some(PortalWords {
            http_status: refusal.http_status,
            code: Some(readable(&refusal.code)),
            description: readable(&refusal.description),
        }),
        PortalError::Moved { http_status, .. } | PortalError::NoSuchPage { http_status } => {
            Some(PortalWords { http_status: *http_status, code: None, description: String::new() })
        }
        PortalError::NoUsableAnswer { http_status: Some(http_status), .. }
        | PortalError::Cut { http_status: Some(http_status), .. } => {
            Some(PortalWords { http_status: *http_status, code: None, description: String::new() })
        }
        PortalError::NoUsableAnswer { http_status: None, .. }
        | PortalError::Cut { http_status: None, .. }
        | PortalError::TimedOut
        | PortalError::NotRenewed { refusal: None, .. }
        | PortalError::Unreachable { .. }
        | PortalError::Untrusted { .. }
        | PortalError::Cancelled
        | PortalError::DeadlineExceeded { .. } => None,
    }
}
