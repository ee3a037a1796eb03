//! The error of an update that the portal accepted and did not carry out in full.

use serde::Serialize;
use serde_json::Value;

use super::why::Why;
use crate::{
    change::{after::PhotoUpload, asked::Asked, before::Before},
    crm::{Item, Kind, text},
    error::{Choice, Code, Failure, Retry, Written},
};

/// A field that does not have the requested value.
#[derive(Debug, Clone, Serialize)]
pub struct NotApplied {
    /// The field, or one record of it.
    pub field: String,
    /// The requested value.
    pub asked: Value,
    /// The current value.
    pub now: Value,
    /// Why, as far as can be told.
    pub why: Why,
    /// What to do.
    pub hint: String,
    /// The values that the portal accepts, where they were looked up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
}

impl NotApplied {
    pub(super) fn new(field: String, asked: Value, now: Value, why: Why) -> Self {
        Self { field, asked, now, why, hint: why.hint().to_owned(), options: Vec::new() }
    }
}

/// What has the requested value.
#[derive(Default)]
pub(super) struct AppliedFields {
    pub(super) names: Vec<String>,
    /// Whether some of it was different before, or may have been.
    pub(super) has_new: bool,
}

impl AppliedFields {
    pub(super) fn add(&mut self, asked: &Asked, before: Option<&Item>) {
        self.names.push(asked.name.clone());
        self.has_new |= before.is_none_or(|before| !asked.is_applied(Some(before), before));
    }
}

/// How an amount that follows the product rows can be set (docs/bitrix24.md, "Silent drops").
pub(super) const MANUAL_AMOUNT: &str = "`isManualOpportunity` is N, so the amount is the sum of the \
    product rows, which these tools cannot edit; to set it by hand, send `isManualOpportunity: \"Y\"` \
    with it, after which it no longer follows the rows; ask the user";

/// The error, with the fields that were missed and those that were not.
pub(super) fn failure(
    asked: &[Asked],
    before: &Before,
    not_applied: &[NotApplied],
    applied: &AppliedFields,
    written: Written,
    photo: &PhotoUpload,
) -> Failure {
    let missing = name_list(not_applied.iter().map(|missed| missed.field.as_str()));
    let are_all = |why: Why| not_applied.iter().all(|missed| missed.why == why);
    let is_seen_saved = written == Written::Yes && before.item().is_some();
    if is_seen_saved && are_all(Why::PortalSetAnotherValue) {
        return changed_by_portal(asked, not_applied, &missing);
    }
    let code = if applied.has_new { Code::PartlyApplied } else { Code::NotApplied };
    let message = if are_all(Why::UnknownToPortal) {
        format!(
            "the portal answered success but does not show {missing}: it may or may not have been applied"
        )
    } else if are_all(Why::NoAnswer) {
        format!("the portal gave no answer to {missing}: it may or may not have been applied")
    } else if are_all(Why::Refused) {
        format!("the portal refused {missing} and applied the rest")
    } else {
        format!("the portal answered success but did not apply {missing}")
    };
    let (to_fix, to_tell): (Vec<&NotApplied>, Vec<&NotApplied>) =
        not_applied.iter().partition(|missed| missed.why.can_be_fixed(photo));
    let names = |missed: &[&NotApplied]| name_list(missed.iter().map(|it| it.field.as_str()));
    let rest = match (to_fix.as_slice(), to_tell.as_slice()) {
        ([], _) => "see `notApplied` for the reason, and tell the user".to_owned(),
        (_, []) if applied.names.is_empty() => "see `notApplied` for what to correct".to_owned(),
        (_, []) => "resend only what `notApplied` lists".to_owned(),
        (to_fix, to_tell) => format!(
            "see `notApplied` for what to correct in {}; tell the user about {}",
            names(to_fix),
            names(to_tell)
        ),
    };
    let retry = if to_fix.is_empty() { Retry::No } else { Retry::AfterFix };
    let hint = if applied.names.is_empty() {
        rest
    } else {
        let was = if applied.names.len() == 1 { "was" } else { "were" };
        let applied = name_list(applied.names.iter().map(String::as_str));
        format!("{applied} {was} applied; {rest}")
    };
    Failure { written, ..Failure::new(code, retry, message, hint) }
}

/// The error when all that was asked for was saved, and what is missed has been changed since.
fn changed_by_portal(asked: &[Asked], not_applied: &[NotApplied], missing: &str) -> Failure {
    let code = match not_applied {
        [only] => code_now(asked, only),
        _ => None,
    };
    let to_code = code.map(|code| format!(" to `{code}`")).unwrap_or_default();
    let message = format!("saved, then the portal changed {missing}{to_code}");
    let hint = "tell the user; do not send it again";
    let failure = Failure::new(Code::ChangedByPortal, Retry::No, message, hint);
    Failure { written: Written::Yes, ..failure }
}

/// The code or id that a missed field holds now; of any other text nothing is said in our sentences.
fn code_now(asked: &[Asked], missed: &NotApplied) -> Option<String> {
    let kind = asked.iter().find(|asked| asked.name == missed.field)?.shape.kind;
    let holds_codes = matches!(kind, Kind::Stage | Kind::Status | Kind::Currency);
    match &missed.now {
        Value::Number(number) => Some(number.to_string()),
        Value::String(code) if holds_codes && text::is_code(code) => Some(code.clone()),
        _ => None,
    }
}

fn name_list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
