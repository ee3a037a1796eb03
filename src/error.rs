//! The one error that assistants see: a stable code, whether anything was written, whether to try
//! again, and what to do next.
//!
//! The portal's errors are translated here, in one table. Messages are our own; the portal's texts
//! have fields of their own and never appear in our messages.

mod verdict;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    crm::{EntityType, Kind, Wrong},
    portal::{ErrorKind, PortalError},
};
use verdict::{portal_words, verdict};

/// The stable codes, in the order of the README's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "each code's meaning is its text in `meaning`")]
pub enum Code {
    InvalidArguments,
    UnknownField,
    InvalidValue,
    RequiredField,
    Conflict,
    PartlyApplied,
    NotApplied,
    ChangedByPortal,
    ItemNotFound,
    TypeNotFound,
    TypeNotSupported,
    AccessDenied,
    PlanRestricted,
    Refused,
    Busy,
    RateLimited,
    OperationTimeLimit,
    PortalBlocked,
    SignInFailed,
    ScopeMissing,
    PortalAddress,
    PortalFailed,
    PortalUnreachable,
    Configuration,
    JournalUnavailable,
    ReadOnly,
    PolicyDenied,
    Internal,
}

/// Whether the failed call changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Written {
    /// Nothing was changed.
    No,
    /// Something was changed.
    Yes,
    /// The write may or may not have been applied.
    Unknown,
}

impl Written {
    /// The same as a part of a sentence.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::No => "nothing was written",
            Self::Yes => "something was written",
            Self::Unknown => "the write may or may not have been applied",
        }
    }
}

/// Whether another call can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// No; a person has to act at the portal or in the settings.
    No,
    /// A call with other arguments.
    AfterFix,
    /// The same call, later.
    Later,
}

/// The portal's data for a problem: in no message of ours, because outsiders wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PortalData {
    /// The allowed values, up to a maximum.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
    /// How many more there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_options: usize,
    /// What the item holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Value>,
    /// What people call the field.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
}

/// An allowed value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// What is sent.
    pub code: String,
    /// What people see.
    pub name: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// One thing that is wrong with the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Where, for instance `fields.titel`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// The name or value that is probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<String>,
    /// The portal's data for it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<PortalData>>,
    /// The code of the whole failure when this is its only problem.
    #[serde(skip)]
    pub code: Code,
    /// Whether what is meant can be found among the portal's items, fields and people.
    #[serde(skip)]
    pub can_be_looked_up: bool,
    /// What to do where no other form of the call helps, because only the user can decide.
    #[serde(skip)]
    pub for_the_user: Option<&'static str>,
    /// Whether newer metadata might make it valid.
    #[serde(skip)]
    pub depends_on_metadata: bool,
}

impl Problem {
    /// A problem without a suggestion.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
            did_you_mean: None,
            data: None,
            code: Code::InvalidArguments,
            can_be_looked_up: false,
            for_the_user: None,
            depends_on_metadata: false,
        }
    }

    /// The same, marked as resting on metadata alone.
    #[must_use]
    pub fn by_metadata(self) -> Self {
        Self { depends_on_metadata: true, ..self }
    }

    /// The same where no other form of the call helps, with what to do instead.
    #[must_use]
    pub fn for_the_user(self, hint: &'static str) -> Self {
        Self { for_the_user: Some(hint), ..self }
    }

    /// What is wrong with the value at a path.
    pub fn of(path: &str, wrong: impl Into<Wrong>) -> Self {
        let Wrong { at, message, meant, options } = wrong.into();
        let path = at.map_or_else(|| path.to_owned(), |part| format!("{path}.{part}"));
        Self::new(path, message).suggest(meant).among(options)
    }

    /// The same for the value of a field of that kind.
    pub fn of_field(path: &str, wrong: impl Into<Wrong>, kind: Kind) -> Self {
        let problem = Self::of(path, wrong);
        let can_be_looked_up = kind.holds_ids_of_others() && problem.did_you_mean.is_none();
        Self { can_be_looked_up, ..problem }
    }

    /// The same with the allowed values.
    #[must_use]
    pub fn among(self, options: Vec<(String, String)>) -> Self {
        const MAX_OPTIONS: usize = 20;
        if options.is_empty() {
            return self;
        }
        let more_options = options.len().saturating_sub(MAX_OPTIONS);
        let first = options.into_iter().take(MAX_OPTIONS);
        let options = first.map(|(code, name)| Choice { code, name }).collect();
        self.with(|data| PortalData { options, more_options, ..data })
    }

    /// The same with what the item holds.
    #[must_use]
    pub fn holding(self, now: Value) -> Self {
        self.with(|data| PortalData { now: Some(now), ..data })
    }

    /// The same with what people call the field.
    #[must_use]
    pub fn titled(self, title: &str) -> Self {
        self.with(|data| PortalData { title: title.to_owned(), ..data })
    }

    fn with(self, change: impl FnOnce(PortalData) -> PortalData) -> Self {
        let data = self.data.map(|data| *data).unwrap_or_default();
        Self { data: Some(Box::new(change(data))), ..self }
    }

    /// A name that is no field of the item.
    pub fn unknown_field(path: impl Into<String>, message: impl Into<String>) -> Self {
        let code = Code::UnknownField;
        Self { code, can_be_looked_up: true, ..Self::new(path, message).by_metadata() }
    }

    /// The same with the name or value that is probably meant.
    #[must_use]
    pub fn suggest(self, meant: Option<impl Into<String>>) -> Self {
        Self {
            can_be_looked_up: self.can_be_looked_up && meant.is_none(),
            for_the_user: self.for_the_user.filter(|_| meant.is_none()),
            did_you_mean: meant.map(Into::into),
            ..self
        }
    }
}

/// The portal's own error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PortalWords {
    /// The answer's status.
    pub http_status: u16,
    /// The error code as it came, also `""` and `"0"`; absent when the answer held none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The text as it came.
    pub description: String,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The stable code.
    pub code: Code,
    /// What happened, in our own words.
    pub message: String,
    /// Whether anything was changed.
    pub written: Written,
    /// Whether another call can help.
    pub retry: Retry,
    /// How long to wait before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// What to do next.
    pub hint: String,
    /// What is wrong, one problem at a time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// What the portal said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portal: Option<Box<PortalWords>>,
}

/// What the failed request was for; it decides what may have been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To read.
    Reading,
    /// To change an item.
    Writing,
}

impl Failure {
    /// A failure of our own, before anything was written.
    pub fn new(
        code: Code,
        retry: Retry,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            written: Written::No,
            retry,
            retry_after_seconds: None,
            hint: hint.into(),
            problems: Vec::new(),
            portal: None,
        }
    }

    /// Arguments that were rejected before any request, with all their problems.
    pub fn refused_arguments(problems: Vec<Problem>) -> Self {
        let (code, message) = match problems.as_slice() {
            [one] => (one.code, format!("`{}` {}", one.path, one.message)),
            several => {
                let is_denied = several.iter().any(|it| it.code == Code::PolicyDenied);
                let code = if is_denied { Code::PolicyDenied } else { Code::InvalidArguments };
                (code, format!("{} arguments are invalid", several.len()))
            }
        };
        let for_the_user: Option<BTreeSet<&str>> =
            problems.iter().map(|problem| problem.for_the_user).collect();
        let (retry, hint) = match for_the_user {
            Some(hints) if !hints.is_empty() => {
                (Retry::No, hints.into_iter().collect::<Vec<_>>().join("; "))
            }
            _ => {
                let hint = "correct the arguments listed in `problems` and call again";
                (Retry::AfterFix, hint.to_owned())
            }
        };
        Self { problems, ..Self::new(code, retry, message, hint) }
    }

    /// One argument that was rejected before any request.
    pub fn refused_argument(problem: Problem) -> Self {
        Self::refused_arguments(vec![problem])
    }

    /// Whether newer metadata might avoid it.
    pub fn depends_on_metadata(&self) -> bool {
        self.problems.iter().any(|problem| problem.depends_on_metadata)
    }

    /// What a failed request means for the assistant: the table of the README.
    pub fn from_portal(error: &PortalError, purpose: Purpose) -> Self {
        let (code, retry, message, hint) = verdict(error);
        let may_have_run = match error {
            PortalError::NoUsableAnswer { .. } | PortalError::Cut { .. } => true,
            PortalError::Refused(refusal) => refusal.kind() == ErrorKind::Failed,
            _ => false,
        };
        let is_unknown = may_have_run && purpose == Purpose::Writing;
        let failure = Self::new(code, retry, message, hint);
        Self {
            written: if is_unknown { Written::Unknown } else { Written::No },
            hint: if is_unknown {
                "read the item before repeating the call: the change may already be applied or may \
                 still be, because a portal can process a request for up to a minute"
                    .to_owned()
            } else {
                failure.hint
            },
            retry_after_seconds: match error {
                PortalError::DeadlineExceeded { seconds, .. } => Some(*seconds),
                _ => (code == Code::OperationTimeLimit).then_some(60),
            },
            portal: portal_words(error).map(Box::new),
            ..failure
        }
    }

    /// The same, where what the portal does not have is the entity type.
    #[must_use]
    pub fn of_missing_type(self, entity: EntityType) -> Self {
        Self {
            code: Code::TypeNotFound,
            message: format!("the portal has no entity type {}", entity.id()),
            hint: "check `entityTypeId`; a smart process has its own, an even number from 1030 on \
                   or one from 128 to 191"
                .to_owned(),
            ..self
        }
    }

    /// The error's part of an answer. A single problem leaves out its message where the failure's own
    /// ends with it.
    pub fn to_json(&self) -> Value {
        let mut json = serde_json::to_value(self).unwrap_or_else(|_| json!({"code": "INTERNAL"}));
        let is_said_above =
            matches!(self.problems.as_slice(), [one] if self.message.ends_with(&one.message));
        let only = json.pointer_mut("/problems/0").and_then(Value::as_object_mut);
        if let Some(only) = only.filter(|_| is_said_above) {
            only.shift_remove("message");
        }
        json
    }
}
