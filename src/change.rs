//! How one item is changed: look, plan, write, compare.
//!
//! The flow and what calls share. It knows no MCP and no HTTP: requests come in parsed, the portal
//! is called by method name.

mod compare;
mod field_lists;
mod look;
mod plan;
mod resolve;
mod turns;
mod write;

use serde_json::{Map, Value};

pub use compare::{Change, NotApplied, Outcome, Status, Why};
pub use plan::obvious_problems;

use crate::{
    crm::{EntityType, Naming},
    failure::Failure,
    portal::Portal,
};

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
    turns: turns::Turns,
    field_lists: field_lists::FieldLists,
}

impl Session {
    /// Takes the portal; nothing is sent.
    pub fn new(portal: Portal) -> Self {
        Self {
            portal,
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
    let plan = plan::draw(session, request, &before, deadline).await?;
    if let Some(item) = before.item() {
        if request.dry_run {
            return Ok(compare::planned(item, plan));
        }
        if plan.already_stands(item) {
            return Ok(compare::unchanged(item, plan));
        }
    }
    let after = write::write(session, request, &plan, deadline).await?;
    Ok(compare::compare(&before, plan, after, request.item.entity))
}
