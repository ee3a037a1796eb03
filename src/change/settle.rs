//! A write that goes wrong on its way: it is sent, looked for, sent again where that is safe, until it
//! is known what became of it or the time is over. What follows what is decided by `attempts`.

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    ItemRef, Request, Session,
    attempts::{Attempts, Seen, Step},
    compare,
    look::Before,
    plan::{Asked, Plan},
    write::{self, After},
};
use crate::{
    error::{Failure, Purpose, Retry, Written},
    portal::{Budget, Disposition, PortalError},
};

/// What is said of a success that no answer reported.
pub(super) const LOST_ANSWER: &str =
    "the portal's answer was lost; a look showed that the update was done";

/// Sends the fields of a plan until it is known what became of them. `None` when there are none to
/// send.
///
/// # Errors
///
/// What is known when the write does not stand.
pub(super) async fn write_fields(
    session: &Session,
    request: &Request,
    before: &Before,
    plan: &mut Plan,
    budget: &Budget,
) -> Result<Option<After>, Failure> {
    let mut attempts = Attempts::new(plan.can_be_repeated());
    let mut has_failed = false;
    let (error, seen) = 'sending: loop {
        let fields = plan.wire_fields().await.map_err(|error| write::unreadable(&error))?;
        let Some(fields) = fields else {
            return Ok(None);
        };
        if std::mem::replace(&mut has_failed, true) {
            attempts.sent_again();
        }
        let error = match write::write(session, request, fields, budget).await {
            Ok(after) => return Ok(Some(after)),
            Err(error) => error,
        };
        attempts.failed(error.disposition());
        if !attempts.is_to_be_looked_at() {
            break (error, None);
        }
        let failed_at = Instant::now();
        loop {
            let seen = match look(session, request, before, plan, budget).await {
                Ok(after) => {
                    plan.notes.push(LOST_ANSWER.to_owned());
                    return Ok(Some(after));
                }
                Err(seen) => seen,
            };
            let (pause, is_to_be_sent) = match attempts.next(&seen, failed_at.elapsed()) {
                Step::SendAgain(pause) => (pause, true),
                Step::LookAgain(pause) => (pause, false),
                Step::Stop => break 'sending (error, Some(seen)),
            };
            let has_time = budget.has(pause);
            if !has_time || budget.wait(tokio::time::sleep(pause)).await.is_err() {
                break 'sending (error, Some(seen));
            }
            if is_to_be_sent {
                continue 'sending;
            }
        }
    };
    if attempts.is_open() {
        session.unanswered.remember(request.item, before.item(), plan);
    }
    Err(failure(session, request, plan, &error, attempts, seen.as_ref()))
}

/// What became of a picture, which is never sent again.
pub(super) async fn look_for_picture(
    session: &Session,
    request: &Request,
    before: &Before,
    plan: &Plan,
    error: &PortalError,
    budget: &Budget,
) -> Option<After> {
    let mut attempts = Attempts::new(false);
    attempts.failed(error.disposition());
    if !attempts.is_to_be_looked_at() {
        return None;
    }
    let failed_at = Instant::now();
    loop {
        let look = session.looks.look(request.item, request.naming, &budget.for_last_look()).await;
        let seen = match look.map(After) {
            Ok(after) if compare::pictures_stand(plan, before, &after) => return Some(after),
            _ => Seen::Nothing,
        };
        let Step::LookAgain(pause) = attempts.next(&seen, failed_at.elapsed()) else {
            return None;
        };
        if !budget.has(pause) || budget.wait(tokio::time::sleep(pause)).await.is_err() {
            return None;
        }
    }
}

/// ItemReader at the item after a write that did not succeed: done, or what is seen instead.
async fn look(
    session: &Session,
    request: &Request,
    before: &Before,
    plan: &Plan,
    budget: &Budget,
) -> Result<After, Seen> {
    let look = session.looks.look(request.item, request.naming, &budget.for_last_look()).await;
    let after = match look {
        Ok(item) => After(item),
        Err(error) => {
            return Err(Seen::Other(format!("the item could not be read since: {error}")));
        }
    };
    if compare::all_but_pictures_stand(plan, before, &after) {
        return Ok(after);
    }
    let is_unchanged = before.item().is_some_and(|before| {
        before.get("updatedTime") == after.0.get("updatedTime")
            && compare::has_no_changes(before, &after, plan)
    });
    Err(if is_unchanged {
        Seen::Nothing
    } else {
        Seen::Other(differing(plan, before.item(), &after.0))
    })
}

/// Which of the asked fields stand in an item that has changed.
fn differing(plan: &Plan, before: Option<&Map<String, Value>>, now: &Map<String, Value>) -> String {
    let (standing, missing): (Vec<&Asked>, Vec<&Asked>) =
        plan.asked.iter().partition(|asked| asked.stands(before, now));
    let names = |asked: Vec<&Asked>| {
        let names = asked.iter().map(|asked| format!("`{}`", asked.name));
        names.collect::<Vec<_>>().join(", ")
    };
    match standing.as_slice() {
        [] => format!("the item has changed since, and {} do not stand as asked", names(missing)),
        _ => format!("{} stand as asked, and {} do not", names(standing), names(missing)),
    }
}

/// The failure of a write that is not known to stand.
fn failure(
    session: &Session,
    request: &Request,
    plan: &Plan,
    error: &PortalError,
    attempts: Attempts,
    seen: Option<&Seen>,
) -> Failure {
    let failure = session.failure("crm.item.update", error, Purpose::Writing);
    let written = attempts.written(seen);
    if written == Written::No {
        let problems = write::suspects(plan, error);
        let hint = match error.disposition() {
            Disposition::FailedInside => {
                "a look showed that nothing was written; repeat the call later".to_owned()
            }
            _ => failure.hint,
        };
        return Failure { written, hint, problems, ..failure };
    }
    let ItemRef { entity, id } = request.item;
    let link = session.portal.address().page(&entity.item_path(id));
    let known = match seen {
        Some(Seen::Other(known)) => known.as_str(),
        _ => "looks showed no change so far, but the portal may still be at work for a minute",
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
        hint: format!("{known}; look at {link} before repeating the call"),
        ..failure
    }
}
