//! How one item is changed: look, plan, write, compare.
//!
//! The flow and what calls share. It knows no MCP and no HTTP: requests come in parsed, the portal
//! is called by method name.

mod compare;
mod field_lists;
mod look;
mod plan;
mod resolve;
mod stages;
mod turns;
mod write;

use serde_json::{Map, Value};
use tokio::time::Instant;

pub use compare::{Change, NotApplied, Outcome, Status, Why};
pub use plan::obvious_problems;
pub use stages::StageOption;

use crate::{
    crm::{EntityType, Naming, file},
    failure::Failure,
    portal::Portal,
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
    pub portal: Portal,
    /// Which files of this machine may be uploaded.
    pub files: file::Policy,
    turns: turns::Turns,
    field_lists: field_lists::FieldLists,
}

impl Session {
    /// Takes the portal; nothing is sent.
    pub fn new(portal: Portal, files: file::Policy) -> Self {
        Self {
            portal,
            files,
            turns: turns::Turns::default(),
            field_lists: field_lists::FieldLists::default(),
        }
    }
}

/// Changes an item, or says why not.
///
/// # Errors
///
/// Whatever kept the portal from being asked, or the portal from doing it. An update that the
/// portal accepted and carried out in part or not at all is an [`Outcome`].
pub async fn change(session: &Session, request: &Request) -> Result<Outcome, Failure> {
    let deadline = session.portal.deadline();
    let _turn = session.turns.take(request.item, deadline).await?;
    let before = look::look(session, request, deadline).await?;
    let mut plan = plan::draw(session, request, &before, deadline).await?;
    if let Some(item) = before.item() {
        if request.dry_run {
            return Ok(compare::planned(item, plan));
        }
        if plan.already_stands(item) {
            return Ok(compare::unchanged(item, plan));
        }
    }
    let (after, picture) = carry_out(session, request, &before, &mut plan, deadline).await?;
    let mut outcome = compare::compare(&before, plan, after, picture, request.item.entity);
    stages::offer(session, request.item.entity, &mut outcome, deadline).await;
    Ok(outcome)
}

/// Sends what has to be sent, and reads the item again where the answer is not to be believed.
async fn carry_out(
    session: &Session,
    request: &Request,
    before: &Before,
    plan: &mut Plan,
    deadline: Instant,
) -> Result<(After, Picture), Failure> {
    let fields = plan.wire_fields().map_err(|error| write::unreadable(&error))?;
    let has_fields = fields.is_some();
    let mut after = match fields {
        Some(fields) => write::write(session, request, plan, fields, deadline).await?,
        None => After(before.item().cloned().unwrap_or_default()),
    };
    if compare::is_doubtful(plan, &after, request.item.entity) {
        look_again(session, request, plan, &mut after, deadline).await;
    }
    let Some((name, upload)) = plan.picture() else {
        return Ok((after, Picture::NotAsked));
    };
    if !compare::all_but_pictures_stand(plan, before, &after) {
        return Ok((after, Picture::NotSent));
    }
    match write::write_picture(session, request.item, name, upload, deadline).await {
        Ok(()) => {
            look_again(session, request, plan, &mut after, deadline).await;
            Ok((after, Picture::Sent))
        }
        Err(failure) if has_fields => Ok((after, Picture::Refused(Box::new(failure)))),
        Err(failure) => Err(failure),
    }
}

/// Puts what a fresh look shows in the place of the answer.
async fn look_again(
    session: &Session,
    request: &Request,
    plan: &mut Plan,
    after: &mut After,
    deadline: Instant,
) {
    match look::look(session, request, deadline).await {
        Ok(Before::Item(item)) => *after = After(item),
        Ok(Before::Unread(_)) | Err(_) => {
            plan.notes.push("the item could not be read again to verify the update".to_owned());
        }
    }
}
