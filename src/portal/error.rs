//! What can go wrong between a request and its answer, and what a portal's codes mean.
//!
//! Meanings are decided by code, not by status, because documentation, servers and clients
//! disagree on statuses (docs/bitrix24.md, "Errors"). What assistants are told is decided
//! elsewhere.

use serde_json::Value;

use super::{deadline::Expired, plan_texts::speaks_of_the_plan};

/// A call that brought no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PortalError {
    /// The portal answered with an error of its own.
    #[error("the portal answered the error {} (HTTP {})", code(&.0.code), .0.http_status)]
    Refused(ApiError),
    /// The portal answered with a redirect, which is never followed: it would carry the secret.
    #[error("the portal answered with a redirect")]
    Moved {
        /// The new host and path prefix, when the answer names one.
        to: Option<String>,
        /// The answer's status.
        http_status: u16,
    },
    /// A web page instead of a REST interface: there is no portal at this address.
    #[error("no REST interface at this address (HTTP {http_status})")]
    NoSuchPage {
        /// The answer's status.
        http_status: u16,
    },
    /// No connection was made, so nothing was sent.
    #[error("no connection: {reason}")]
    Unreachable {
        /// Why, in words that hold no address.
        reason: String,
    },
    /// The other end's certificate is not trusted, so nothing was sent.
    #[error("the certificate is not trusted: {reason}")]
    Untrusted {
        /// Why, in words that hold no address.
        reason: String,
    },
    /// The request went out and no usable answer came back: it may have been carried out.
    #[error("no usable answer: {reason}")]
    NoUsableAnswer {
        /// What came instead.
        reason: String,
        /// The answer's status, when there was an answer.
        http_status: Option<u16>,
    },
    /// The request went out and the connection was cut before the answer was whole: it may have
    /// been carried out.
    #[error("no usable answer: {reason}")]
    Cut {
        /// How.
        reason: String,
        /// The answer's status, when it had begun.
        http_status: Option<u16>,
    },
    /// There is no valid access token and no new one could be obtained.
    #[error("the access token could not be renewed: {reason}")]
    NotRenewed {
        /// Why, in our own words.
        reason: String,
        /// What the sign-in server said.
        refusal: Option<Box<ApiError>>,
    },
    /// The client cancelled the call before the request was sent.
    #[error("the call was cancelled")]
    Cancelled,
    /// The request limit allows no request before the deadline, so nothing was sent.
    #[error("the request limit allows no request before the deadline, but in {seconds} s")]
    DeadlineExceeded {
        /// How many requests wait before this one.
        waiting: u32,
        /// After how many seconds it would be its turn.
        seconds: u64,
    },
    /// Earlier requests of the call took all its time, so this one was not sent.
    #[error("no answer in time")]
    TimedOut,
}

/// An error that the portal itself stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The answer's status.
    pub http_status: u16,
    /// The code as it came, also when it is `""` or `"0"`.
    pub code: String,
    /// The text as it came; localised, may hold HTML.
    pub description: String,
}

/// What a portal's refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A value or parameter is wrong.
    InvalidValue,
    /// A required field is empty.
    RequiredField,
    /// There is no such item, or no such smart process.
    NotFound,
    /// `crm.item.*` does not serve this entity type.
    TypeNotSupported,
    /// The webhook's or token's user lacks the right.
    AccessDenied,
    /// The portal's plan does not include it.
    PlanRestricted,
    /// A refusal that another call may avoid.
    Refused,
    /// A refusal without a code, which does not tell what to change.
    RefusedWithoutCode,
    /// Something has to finish or be confirmed first.
    Busy,
    /// Too many requests.
    RateLimited,
    /// The method has used up its time for now.
    OperationTimeLimit,
    /// The vendor has blocked the portal's REST interface by hand.
    Blocked,
    /// The access token has expired.
    TokenExpired,
    /// The sign-in was not accepted.
    SignInFailed,
    /// The portal could not reach the vendor's sign-in server.
    SignInServerDown,
    /// The webhook or application lacks a scope.
    ScopeMissing,
    /// This is not the address of a portal's REST interface.
    WrongAddress,
    /// The portal failed while processing: the request may have been carried out.
    Failed,
}

impl ApiError {
    /// Reads the error of an answer's body; `None` when the body states none.
    ///
    /// Codes come as words, numbers or empty strings, and in the newest interface as an object.
    pub fn read(http_status: u16, body: &Value) -> Option<Self> {
        let error = body.get("error").filter(|error| !error.is_null())?;
        let text = |value: Option<&Value>| match value {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        };
        let (code, description) = match error {
            Value::Object(error) => (text(error.get("code")), text(error.get("message"))),
            code => (text(Some(code)), text(body.get("error_description"))),
        };
        Some(Self { http_status, code, description })
    }

    /// What the refusal means.
    pub fn kind(&self) -> ErrorKind {
        match self.code.trim().to_ascii_uppercase().as_str() {
            "100" | "ERROR_ARGUMENT" | "MAIN_CONTROLLER_22001" => ErrorKind::InvalidValue,
            // A list's filter or order that the portal does not take.
            "INVALID_ARG_VALUE" => ErrorKind::InvalidValue,
            "CRM_FIELD_ERROR_VALUE_NOT_VALID" | "CRM_FIELD_ERROR_VALUE_NOT_UNIQUE" => {
                ErrorKind::InvalidValue
            }
            // The same code names invalid e-mails (400) and database failures (500).
            "ERROR_CORE" if self.http_status < 500 => ErrorKind::InvalidValue,
            "CRM_FIELD_ERROR_REQUIRED" => ErrorKind::RequiredField,
            "NOT_FOUND" => ErrorKind::NotFound,
            "ENTITY_TYPE_NOT_SUPPORTED" => ErrorKind::TypeNotSupported,
            // With 400 it is about the item (docs/bitrix24.md, "Error codes").
            "ACCESS_DENIED" if self.http_status != 400 && speaks_of_the_plan(&self.description) => {
                ErrorKind::PlanRestricted
            }
            "ACCESS_DENIED"
            | "CRM_ITEM_UPDATE_ACCESS_DENIED"
            | "ALLOWED_ONLY_INTRANET_USER"
            | "USER_ACCESS_ERROR" => ErrorKind::AccessDenied,
            "UPDATE_DYNAMIC_ITEM_RESTRICTED"
            | "CRM_FIELD_ERROR_CATEGORY_NOT_AVAILABLE"
            | "WRONG_LICENSE"
            | "PAYMENT_REQUIRED" => ErrorKind::PlanRestricted,
            "" if self.http_status >= 500 => ErrorKind::Failed,
            "" if speaks_of_the_plan(&self.description) => ErrorKind::PlanRestricted,
            "" => ErrorKind::RefusedWithoutCode,
            "CRM_ITEM_HAS_RUNNING_WORKFLOWS" | "METHOD_CONFIRM_WAITING" => ErrorKind::Busy,
            "QUERY_LIMIT_EXCEEDED" => ErrorKind::RateLimited,
            "OPERATION_TIME_LIMIT" => ErrorKind::OperationTimeLimit,
            "OVERLOAD_LIMIT" => ErrorKind::Blocked,
            "INVALID_TOKEN" | "EXPIRED_TOKEN" => ErrorKind::TokenExpired,
            "NO_AUTH_FOUND"
            | "INVALID_CREDENTIALS"
            | "AUTHORIZATION_ERROR"
            | "APPLICATION_NOT_FOUND"
            | "ERROR_OAUTH"
            | "NOT_INSTALLED"
            | "WRONG_AUTH_TYPE"
            | "METHOD_CONFIRM_DENIED" => ErrorKind::SignInFailed,
            "CONNECTION_ERROR" => ErrorKind::SignInServerDown,
            "INSUFFICIENT_SCOPE" => ErrorKind::ScopeMissing,
            "INVALID_REQUEST" | "ERROR_METHOD_NOT_FOUND" | "PORTAL_DELETED" => {
                ErrorKind::WrongAddress
            }
            // "The response could not be encoded": the method had run.
            "WRONG_ENCODING" => ErrorKind::Failed,
            code if code.starts_with("BX_") => ErrorKind::InvalidValue,
            _ if self.http_status >= 500 => ErrorKind::Failed,
            _ => ErrorKind::Refused,
        }
    }
}

impl From<Expired> for PortalError {
    fn from(spent: Expired) -> Self {
        match spent {
            Expired::Time => Self::TimedOut,
            Expired::Cancelled => Self::Cancelled,
        }
    }
}

/// A code as messages show it: only when it has the form of one.
fn code(code: &str) -> String {
    const MAX_BYTES: usize = 64;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-' | '.');
    if code.len() <= MAX_BYTES && code.chars().all(is_plain) {
        format!("`{code}`")
    } else {
        "(a code of other characters)".to_owned()
    }
}

/// A text from outside, cut. Invisible characters in it are escaped where it leaves the program.
pub fn readable(text: &str) -> String {
    const MAX: usize = 500;
    match text.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
