//! How one item is changed: look, plan, write, compare.
//!
//! The flow and what calls share. It knows no MCP and no HTTP: requests come in parsed, the portal
//! is called by method name.

mod attempts;
mod codes;
mod compare;
mod files;
mod locks;
mod look;
mod looks;
mod plan;
mod settle;
mod unanswered;
mod write;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use codes::StageOption;
pub use compare::{Change, NotApplied, Outcome, Status, Why};
pub use plan::obvious_problems;

use crate::{
    crm::{EntityType, Naming},
    error::{Failure, Purpose},
    metadata::Metadata,
    portal::{Budget, Disposition, Portal, PortalError},
    uploads::Policy,
};
use compare::Picture;
use look::Before;
use plan::Plan;
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
    pub files: Policy,
    locks: locks::ItemLocks,
    unanswered: unanswered::Unanswered,
    looks: Arc<looks::ItemReader>,
    /// What the portal knows of itself.
    pub metadata: Metadata,
}

impl Session {
    /// Takes the portal; nothing is sent.
    pub fn new(portal: Portal, files: Policy) -> Self {
        let portal = Arc::new(portal);
        let metadata = Metadata::new(Arc::clone(&portal));
        Self {
            looks: looks::ItemReader::new(Arc::clone(&portal)),
            portal,
            files,
            locks: locks::ItemLocks::default(),
            unanswered: unanswered::Unanswered::default(),
            metadata,
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
    let _turn = session.locks.take(request.item, budget).await?;
    let earlier = unanswered::wait(session, request, budget).await;
    let before = look::look(session, request, budget).await?;
    let mut plan = plan::draw(session, request, &before, budget).await?;
    plan.notes.extend(earlier);
    if let Some(item) = before.item() {
        if request.dry_run {
            return Ok(compare::planned(item, plan));
        }
        if plan.already_stands(item) {
            return Ok(compare::unchanged(item, plan));
        }
    }
    let files: Vec<String> =
        plan.uploads().map(|(field, upload)| format!("{} for `{field}`", upload.named())).collect();
    let carried_out = carry_out(session, request, &before, &mut plan, budget).await;
    let (after, picture) = carried_out.map_err(|failure| {
        let hint = match files.as_slice() {
            [] => failure.hint,
            files => format!("{}; files of the call: {}", failure.hint, files.join(", ")),
        };
        Failure { hint, ..failure }
    })?;
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
    let written = settle::write_fields(session, request, before, plan, budget).await?;
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
    let file = upload.wire().await.map_err(|error| write::unreadable(&error))?;
    let item = request.item;
    let error = match write::write_picture(session, item, name, file, budget).await {
        Ok(()) => {
            look_again(session, request, plan, &mut after, budget).await;
            return Ok((after, Picture::Sent));
        }
        Err(error) => error,
    };
    if let Some(after) =
        settle::look_for_picture(session, request, before, plan, &error, budget).await
    {
        plan.notes.push(settle::LOST_ANSWER.to_owned());
        return Ok((after, Picture::Sent));
    }
    let failure = session.failure(write::picture_method(item), &error, Purpose::Writing);
    let is_open = matches!(error.disposition(), Disposition::Cut | Disposition::MayRun);
    if is_open {
        session.unanswered.remember_picture(item);
    }
    if !has_fields {
        return Err(failure);
    }
    let failure = Box::new(failure);
    Ok((after, if is_open { Picture::Lost(failure) } else { Picture::Refused(failure) }))
}

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
