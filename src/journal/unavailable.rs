//! Why the journal's file could not be written or read, for people and for assistants.

use std::{fmt, io};

use crate::{
    config::hints,
    error::{Code, Failure, Retry},
};

/// The journal's file could not be used. The reason names no path and no content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    reason: String,
    is_locked: bool,
}

impl Unavailable {
    pub(super) fn new(doing: &str, error: &io::Error) -> Self {
        Self { reason: format!("{doing}: {}", error.kind()), is_locked: false }
    }

    pub(super) fn locked() -> Self {
        let reason = "is locked by another program".to_owned();
        Self { reason, is_locked: true }
    }

    /// The note of an answer whose change could only be recorded in memory.
    pub fn after_the_change(&self) -> String {
        format!("how it ended could not be recorded in the journal, whose file {self}")
    }

    /// What a person can do about it.
    pub const fn hint(&self) -> &'static str {
        if self.is_locked { hints::JOURNAL_LOCKED } else { hints::JOURNAL }
    }
}

/// A sentence's part, such as `cannot be opened: permission denied`, to be read after a name of the
/// journal's file.
impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// The failure of a change that was not begun.
impl From<Unavailable> for Failure {
    fn from(unavailable: Unavailable) -> Self {
        let retry = if unavailable.is_locked { Retry::Later } else { Retry::No };
        let message = format!(
            "nothing was sent to the portal: the change could not be recorded in the journal, whose file \
             {unavailable}"
        );
        Self::new(Code::JournalUnavailable, retry, message, unavailable.hint())
    }
}
