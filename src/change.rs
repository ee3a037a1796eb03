//! How items are changed: read, plan, write, compare; and how a change is put back.
//!
//! It knows no MCP and no HTTP: patches come in parsed, the portal is reached through an account.

mod after;
mod apply;
mod asked;
mod attempts;
mod before;
mod codes;
mod compile;
mod earlier;
mod expected;
mod explain;
mod files;
mod intent;
mod links;
mod lists;
mod lookups;
mod many;
mod naming;
mod one;
mod patch;
mod plan;
mod prepare;
mod record;
mod required;
mod restore;
mod settle;
mod stages;
mod undo;
mod verify;

pub use compile::obvious_problems;
pub use many::{
    Detail, Details, Group, MAX_ITEMS, ManyOutcome, ManyRequest, Preview, Reason, Report, Row,
    Sample, Standing, Stopped, Tally, UNCONFIRMED, Which, change_many,
};
pub use one::change;
pub use patch::Patch;
pub use restore::{Cannot, Consequence, Kept, Recorded};
pub use undo::{UndoRequest, Undone, UndoneItem, recorded, undo};
pub use verify::{Change, NotApplied, Outcome, Status, Why};

use crate::{
    account::Call,
    crm::{Item, ItemRef, Naming},
    error::Failure,
};

/// Reads an item.
///
/// # Errors
///
/// Whatever kept the portal from answering it.
pub async fn read(call: &Call<'_>, item: ItemRef, naming: Naming) -> Result<Item, Failure> {
    match call.read(item, naming).await {
        Ok(item) => Ok(item),
        Err(error) => Err(explain::unread(call, item, &error).await),
    }
}
