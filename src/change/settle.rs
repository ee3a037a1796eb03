//! Handles a write that fails: checks its effect and sends it again where that is safe, until its
//! outcome is known or the time is over. The next step is decided by `attempts`.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    asked::Asked,
    attempts::{Attempts, Seen, Step},
    before::Before,
    explain,
    patch::Patch,
    plan::Plan,
    verify,
};
use crate::{
    account::Call,
    crm::{Item, ItemRef},
    error::{Code, Failure, Purpose, Retry, Written},
    items::Items,
    portal::{Disposition, PortalError},
};

/// The note of a success whose answer was lost.
pub(super) const LOST_ANSWER: &str =
    "the portal's answer was lost; reading the item showed that the update was applied";

/// Sends the fields of a plan until the outcome is known. `None` when there are none to send.
///
/// # Errors
///
/// What is known when the write was not applied.
pub(super) async fn write_fields(
    call: &Call<'_>,
    patch: &Patch,
    before: &Before,
    plan: &Plan,
) -> Result<Option<Item>, Failure> {
    let items = &call.account.items;
    let mut attempts = Attempts::new(plan.can_be_repeated());
    let mut has_failed = false;
    let (error, seen) = 'sending: loop {
        let fields = plan.wire_fields().await.map_err(|error| unreadable(&error))?;
        let Some(fields) = fields else {
            return Ok(None);
        };
        if std::mem::replace(&mut has_failed, true) {
            attempts.sent_again();
        }
        let error = match items.update(patch.item, patch.naming, fields, &call.deadline).await {
            Ok(after) => return Ok(Some(after)),
            Err(error) => error,
        };
        attempts.failed(error.disposition());
        if !attempts.needs_a_read() {
            break (error, None);
        }
        let failed_at = Instant::now();
        loop {
            let seen = match read(call, patch, before, plan).await {
                Ok(after) => {
                    call.note(LOST_ANSWER);
                    return Ok(Some(after));
                }
                Err(seen) => seen,
            };
            let (pause, is_to_be_sent) = match attempts.next(&seen, failed_at.elapsed()) {
                Step::SendAgain(pause) => (pause, true),
                Step::ReadAgain(pause) => (pause, false),
                Step::Stop => break 'sending (error, Some(seen)),
            };
            let has_time = call.deadline.has(pause);
            if !has_time || call.deadline.wait(tokio::time::sleep(pause)).await.is_err() {
                break 'sending (error, Some(seen));
            }
            if is_to_be_sent {
                continue 'sending;
            }
        }
    };
    if attempts.is_open() {
        let (before, asked) = (before.item().cloned(), Arc::clone(&plan.asked));
        items.unanswered.remember(patch.item, move |now| {
            asked.iter().all(|asked| asked.is_applied(before.as_ref(), now))
        });
    }
    Err(failure(call, patch, plan, &error, attempts, seen.as_ref()).await)
}

/// The outcome of a picture, which is never sent again.
pub(super) async fn await_photo(
    call: &Call<'_>,
    patch: &Patch,
    before: &Before,
    plan: &Plan,
    error: &PortalError,
) -> Option<Item> {
    let mut attempts = Attempts::new(false);
    attempts.failed(error.disposition());
    if !attempts.needs_a_read() {
        return None;
    }
    let failed_at = Instant::now();
    loop {
        let seen = match call.read_finally(patch.item, patch.naming).await {
            Ok(after) if verify::photos_are_applied(&plan.asked, before.item(), &after) => {
                return Some(after);
            }
            _ => Seen::Nothing,
        };
        let Step::ReadAgain(pause) = attempts.next(&seen, failed_at.elapsed()) else {
            return None;
        };
        if !call.deadline.has(pause) || call.deadline.wait(tokio::time::sleep(pause)).await.is_err()
        {
            return None;
        }
    }
}

/// Reads the item after a failed write: applied, or what is seen instead.
async fn read(call: &Call<'_>, patch: &Patch, before: &Before, plan: &Plan) -> Result<Item, Seen> {
    let after = match call.read_finally(patch.item, patch.naming).await {
        Ok(item) => item,
        Err(error) => {
            return Err(Seen::Other(format!("the item could not be read afterwards: {error}")));
        }
    };
    if verify::all_but_photos_are_applied(&plan.asked, before.item(), &after) {
        return Ok(after);
    }
    let is_unchanged = before.item().is_some_and(|before| {
        !after.was_saved_since(before) && verify::has_no_changes(before, &after, &plan.asked)
    });
    Err(if is_unchanged {
        Seen::Nothing
    } else {
        Seen::Other(differing(&plan.asked, before.item(), &after))
    })
}

/// The failure of a write that is not known to be applied.
async fn failure(
    call: &Call<'_>,
    patch: &Patch,
    plan: &Plan,
    error: &PortalError,
    attempts: Attempts,
    seen: Option<&Seen>,
) -> Failure {
    let failure = call.failure(Items::UPDATE, error, Purpose::Writing);
    let written = attempts.written(seen);
    if written == Written::No {
        let problems = explain::suspects(&plan.asked, error);
        let hint = match error.disposition() {
            Disposition::FailedInside => {
                "reading the item showed that nothing was written; repeat the call later".to_owned()
            }
            _ => failure.hint,
        };
        let failure = Failure { written, hint, problems, ..failure };
        return explain::unwritten(call, patch, error, failure).await;
    }
    let ItemRef { entity, id } = patch.item;
    let link = call.account.address().page(&entity.item_path(id));
    let known = match seen {
        Some(Seen::Other(known)) => known.as_str(),
        _ => "the item shows no change so far, but the portal may process the request for a minute",
    };
    let message = match error.disposition() {
        Disposition::Final | Disposition::NotExecuted => {
            format!("{}, after an earlier request of this call got no answer", failure.message)
        }
        _ => failure.message,
    };
    Failure {
        written,
        retry: Retry::Later,
        message,
        hint: format!("{known}; check {link} before repeating the call"),
        ..failure
    }
}

/// Which of the asked fields have the requested value in an item that has changed.
fn differing(asked: &[Asked], before: Option<&Item>, now: &Item) -> String {
    let (applied, missing): (Vec<&Asked>, Vec<&Asked>) =
        asked.iter().partition(|asked| asked.is_applied(before, now));
    let names = |asked: &[&Asked]| {
        let names = asked.iter().map(|asked| format!("`{}`", asked.name));
        names.collect::<Vec<_>>().join(", ")
    };
    let (have, do_not) = (
        if applied.len() == 1 { "has" } else { "have" },
        if missing.len() == 1 { "does not" } else { "do not" },
    );
    match applied.as_slice() {
        [] => format!(
            "the item has changed since, and {} {do_not} have the requested value",
            names(&missing)
        ),
        _ => {
            format!("{} {have} the requested value; {} {do_not}", names(&applied), names(&missing))
        }
    }
}

/// A file that could be opened but cannot be read to its end.
pub(super) fn unreadable(error: &std::io::Error) -> Failure {
    let message = format!("a file could not be read: {}", error.kind());
    let hint = "check the file and call again";
    Failure::new(Code::InvalidArguments, Retry::AfterFix, message, hint)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{change::asked::Want, crm::Shape};

    #[test]
    fn what_was_applied_is_told_from_what_was_not() {
        let item = |fields: Value| fields.as_object().cloned().map(Item::from).unwrap_or_default();
        let asked = ["title", "comments"].map(|name| Asked {
            name: name.to_owned(),
            shape: Shape::one(crate::crm::Kind::Text),
            row: None,
            want: Want::Value(json!("b")),
        });
        let cases = [
            (
                json!({"title": "b", "comments": "a"}),
                "`title` has the requested value; `comments` does not",
            ),
            (
                json!({"title": "c", "comments": "c"}),
                "the item has changed since, and `title`, `comments` do not have the requested value",
            ),
        ];
        for (now, told) in cases {
            assert_eq!(differing(&asked, Some(&item(json!({}))), &item(now)), told);
        }
    }
}
