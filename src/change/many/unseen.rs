//! Items that a list does not show: deleted ones, and those that the user may not see.

use super::{changes::Changes, tally::Reason};
use crate::{
    account::Call,
    change::explain,
    crm::{Item, ItemRef},
    error::Code,
};

/// Reads a few of them one by one, which tells why.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    read: usize,
}

impl Unseen {
    /// The item after all, or why it is not shown.
    pub(super) async fn read(
        &mut self,
        call: &Call<'_>,
        changes: &Changes,
        id: u64,
    ) -> Result<Item, Reason> {
        /// So many are asked for in one call.
        const MOST: usize = 10;
        if self.read >= MOST {
            let message = "the portal does not list the item: it is deleted, or may not be seen";
            return Err(Reason::new(Code::ItemNotFound, message));
        }
        self.read += 1;
        let item = ItemRef { entity: changes.entity, id };
        match call.read(item, changes.naming).await {
            Ok(item) => Ok(item),
            Err(error) => {
                let failure = explain::unread(call, item, &error).await;
                let message = match failure.code {
                    // The message names the one item, and the group names them all.
                    Code::ItemNotFound => "there is no such item".to_owned(),
                    _ => failure.message,
                };
                Err(Reason::new(failure.code, message))
            }
        }
    }
}
