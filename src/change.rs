//! How one item is changed: look, plan, write, compare.
//!
//! The flow and what calls share. It knows no MCP and no HTTP: requests come in parsed, the portal
//! is called by method name.

mod codes;
mod compare;
mod look;
mod looks;
mod plan;
mod settle;
mod turns;
mod write;

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

pub use codes::StageOption;
pub use compare::{Change, NotApplied, Outcome, Status, Why};
pub use plan::obvious_problems;

use crate::{
    crm::{EntityType, Naming, file},
    facts::Facts,
    failure::{Failure, Purpose},
    portal::{Budget, Fate, Portal, PortalError},
};
use compare::Picture;
use look::Before;
use plan::Plan;
use settle::Settled;
use write::After;

/// What is asked for: parsed, but with names and values as they were typed.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which item.
    pub item: ItemRef,
    /// Field names and new values.
    pub fields: Map<String, Value>,
    /// Field names to empty.
    pub clear: Vec<String>,
    /// Field names and the values that they must have now.
    pub expect: Map<String, Value>,
    /// Only say what would happen.
    pub dry_run: bool,
    /// The spelling of custom fields in the call and its answer.
    pub naming: Naming,
    /// What was repaired when the call was read.
    pub notes: Vec<String>,
}

/// One item of one entity type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ItemRef {
    /// The type.
    pub entity: EntityType,
    /// The item's id in it.
    pub id: u64,
}

/// What the calls of one process share.
#[derive(Debug)]
pub struct Session {
    /// The portal.
    pub portal: Arc<Portal>,
    /// Which files of this machine may be uploaded.
    pub files: file::Policy,
    turns: turns::Turns,
    looks: Arc<looks::Looks>,
    /// What the portal knows of itself.
    pub facts: Facts,
}

impl Session {
    /// Takes the portal; nothing is sent.
    pub fn new(portal: Portal, files: file::Policy) -> Self {
        let portal = Arc::new(portal);
        let facts = Facts::new(Arc::clone(&portal));
        Self {
            looks: looks::Looks::new(Arc::clone(&portal)),
            portal,
            files,
            turns: turns::Turns::default(),
            facts,
        }
    }

    /// What a failed request means, with how long to wait where the portal has said so.
    pub fn failure(&self, method: &str, error: &PortalError, purpose: Purpose) -> Failure {
        let failure = Failure::from_portal(error, purpose);
        let told =
            failure.retry_after_seconds.and_then(|_| self.portal.seconds_until_reset(method));
        Failure { retry_after_seconds: told.or(failure.retry_after_seconds), ..failure }
    }
}

/// Reads an item.
///
/// # Errors
///
/// Whatever kept the portal from answering it.
pub async fn read(
    session: &Session,
    item: ItemRef,
    naming: Naming,
    budget: &Budget,
) -> Result<Map<String, Value>, Failure> {
    match session.looks.look(item, naming, budget).await {
        Ok(item) => Ok(item),
        Err(error) => Err(look::explain(session, item, &error, budget).await),
    }
}

/// Changes an item, or says why not.
///
/// # Errors
///
/// Whatever kept the portal from being asked, or the portal from doing it. An update that the
/// portal accepted and carried out in part or not at all is an [`Outcome`].
pub async fn change(
    session: &Session,
    request: &Request,
    budget: &Budget,
) -> Result<Outcome, Failure> {
    let _turn = session.turns.take(request.item, budget).await?;
    let before = look::look(session, request, budget).await?;
    let mut plan = plan::draw(session, request, &before, budget).await?;
    if let Some(item) = before.item() {
        if request.dry_run {
            return Ok(compare::planned(item, plan));
        }
        if plan.already_stands(item) {
            return Ok(compare::unchanged(item, plan));
        }
    }
    let (after, picture) = carry_out(session, request, &before, &mut plan, budget).await?;
    let mut outcome = compare::compare(&before, plan, after, picture);
    codes::offer(session, request.item.entity, &mut outcome, budget).await;
    Ok(outcome)
}

/// Sends what has to be sent, and reads the item again where the answer is not to be believed.
async fn carry_out(
    session: &Session,
    request: &Request,
    before: &Before,
    plan: &mut Plan,
    budget: &Budget,
) -> Result<(After, Picture), Failure> {
    let written = write_fields(session, request, before, plan, budget).await?;
    let has_fields = written.is_some();
    let mut after = written.unwrap_or_else(|| After(before.item().cloned().unwrap_or_default()));
    if compare::is_doubtful(plan, &after, request.item.entity) {
        look_again(session, request, plan, &mut after, budget).await;
    }
    let Some((name, upload)) = plan.picture() else {
        return Ok((after, Picture::NotAsked));
    };
    if !compare::all_but_pictures_stand(plan, before, &after) {
        return Ok((after, Picture::NotSent));
    }
    let file = upload.wire().map_err(|error| write::unreadable(&error))?;
    let item = request.item;
    let sent = write::write_picture(session, item, name, file, budget).await;
    let is_open = sent
        .as_ref()
        .err()
        .is_none_or(|error| matches!(error.fate(), Fate::Lost | Fate::FailedInside));
    if is_open {
        look_again(session, request, plan, &mut after, budget).await;
    }
    match sent {
        Ok(()) => Ok((after, Picture::Sent)),
        Err(_) if is_open && compare::pictures_stand(plan, before, &after) => {
            plan.notes.push(LOST_ANSWER.to_owned());
            Ok((after, Picture::Sent))
        }
        Err(error) => {
            let method = write::picture_method(item);
            let failure = session.failure(method, &error, Purpose::Writing);
            if has_fields { Ok((after, Picture::Refused(Box::new(failure)))) } else { Err(failure) }
        }
    }
}

const LOST_ANSWER: &str = "the portal's answer was lost; a look showed that the update was done";

/// Sends the fields, and settles what became of them when the answer is lost. `None` when there are
/// none to send.
async fn write_fields(
    session: &Session,
    request: &Request,
    before: &Before,
    plan: &mut Plan,
    budget: &Budget,
) -> Result<Option<After>, Failure> {
    let mut repeats = 0;
    let mut is_one_lost = false;
    loop {
        let fields = plan.wire_fields().map_err(|error| write::unreadable(&error))?;
        let Some(fields) = fields else {
            return Ok(None);
        };
        let error = match write::write(session, request, fields, budget).await {
            Ok(after) => return Ok(Some(after)),
            Err(error) => error,
        };
        if !matches!(error.fate(), Fate::Lost | Fate::FailedInside) {
            let problems = write::suspects(plan, &error);
            let failure = session.failure("crm.item.update", &error, Purpose::Writing);
            return Err(Failure { problems, ..failure });
        }
        is_one_lost |= error.fate() == Fate::Lost;
        let settled = settle::settle(session, request, before, plan, is_one_lost, budget).await;
        match settled {
            Settled::Stands(after) => {
                plan.notes.push(LOST_ANSWER.to_owned());
                return Ok(Some(after));
            }
            Settled::NotWritten | Settled::NothingYet
                if repeats < MOST_REPEATS
                    && plan.can_be_repeated()
                    && budget.has(BEFORE_A_REPEAT)
                    && budget.wait(tokio::time::sleep(BEFORE_A_REPEAT)).await.is_ok() =>
            {
                repeats += 1;
            }
            settled => return Err(settle::failure(session, request.item, &error, &settled)),
        }
    }
}

/// How often a write that had no effect is sent again.
const MOST_REPEATS: u32 = 2;
/// A portal that has just failed is given a moment.
const BEFORE_A_REPEAT: Duration = Duration::from_secs(1);

/// Puts what a fresh look shows in the place of the answer.
async fn look_again(
    session: &Session,
    request: &Request,
    plan: &mut Plan,
    after: &mut After,
    budget: &Budget,
) {
    match session.looks.look(request.item, request.naming, &budget.for_last_look()).await {
        Ok(item) => *after = After(item),
        Err(_) => {
            plan.notes.push("the item could not be read again to verify the update".to_owned());
        }
    }
}
