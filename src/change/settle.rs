//! After a write whose answer was lost: a look tells what became of it.

use super::{
    ItemRef, Request, Session, compare,
    look::Before,
    plan::{Asked, Plan},
    write::After,
};
use crate::{
    failure::{Failure, Purpose, Retry, Written},
    portal::{Budget, PortalError},
};

/// What became of a write.
pub(super) enum Settled {
    /// Every asked value stands.
    Stands(After),
    /// Nothing has changed, and the portal is no longer at work on it.
    NotWritten,
    /// Nothing has changed so far; the portal may still be at work.
    NothingYet,
    /// Something else, or it could not be read: in words.
    Unknown(String),
}

/// Looks at the item after a failed write. As long as one of its requests got no answer, the portal
/// may still be at work.
pub(super) async fn settle(
    session: &Session,
    request: &Request,
    before: &Before,
    plan: &Plan,
    is_one_lost: bool,
    budget: &Budget,
) -> Settled {
    let budget = budget.for_last_look();
    let item = match session.looks.look(request.item, request.naming, &budget).await {
        Ok(item) => item,
        Err(error) => {
            return Settled::Unknown(format!("the item could not be read since: {error}"));
        }
    };
    let after = After(item);
    if compare::all_but_pictures_stand(plan, before, &after) {
        return Settled::Stands(after);
    }
    let is_unchanged = before.item().is_some_and(|before| {
        before.get("updatedTime") == after.0.get("updatedTime")
            && compare::has_no_changes(before, &after, plan)
    });
    match (is_unchanged, is_one_lost) {
        (true, false) => Settled::NotWritten,
        (true, true) => Settled::NothingYet,
        (false, _) => {
            let (standing, missing): (Vec<&Asked>, Vec<&Asked>) =
                plan.asked.iter().partition(|asked| asked.stands(before.item(), &after.0));
            let names = |asked: Vec<&Asked>| {
                let names = asked.iter().map(|asked| format!("`{}`", asked.name));
                names.collect::<Vec<_>>().join(", ")
            };
            Settled::Unknown(match standing.as_slice() {
                [] => format!(
                    "the item has changed since, and {} do not stand as asked",
                    names(missing)
                ),
                _ => format!("{} stand as asked, and {} do not", names(standing), names(missing)),
            })
        }
    }
}

/// The failure of a write that could not be settled as done.
pub(super) fn failure(
    session: &Session,
    item: ItemRef,
    error: &PortalError,
    settled: &Settled,
) -> Failure {
    let failure = session.failure("crm.item.update", error, Purpose::Writing);
    let link = session.portal.address().page(&item.entity.item_path(item.id));
    match settled {
        Settled::NotWritten => Failure {
            written: Written::No,
            hint: "a look showed that nothing was written; repeat the call later".to_owned(),
            ..failure
        },
        Settled::NothingYet => Failure {
            written: Written::Unknown,
            retry: Retry::Later,
            hint: format!(
                "a look showed no change so far, but the portal may still be at work for a minute; \
                 look at {link} before repeating the call"
            ),
            ..failure
        },
        Settled::Unknown(known) => Failure {
            written: Written::Unknown,
            retry: Retry::Later,
            hint: format!("{known}; look at {link} before repeating the call"),
            ..failure
        },
        Settled::Stands(_) => failure,
    }
}
