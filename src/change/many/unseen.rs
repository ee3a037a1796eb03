//! Items that a list does not show: deleted ones, and those that the user may not see.

use super::{changes::Changes, tally::Reason};
use crate::{
    account::Call,
    change::explain,
    crm::{Item, ItemRef},
    error::Code,
    portal::{ErrorKind, PortalError},
};

/// Reads a few of them one by one, which tells why.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    read: usize,
}

impl Unseen {
    /// The item after all, or why it is not shown.
    ///
    /// # Errors
    ///
    /// Whatever kept the portal from telling.
    pub(super) async fn read(
        &mut self,
        call: &Call<'_>,
        changes: &Changes,
        id: u64,
    ) -> Result<Result<Item, Reason>, PortalError> {
        /// So many are asked for in one call.
        const MOST: usize = 10;
        if self.read >= MOST {
            let message = "the portal does not list the item: it is deleted, or may not be seen";
            return Ok(Err(Reason::new(Code::ItemNotFound, message)));
        }
        self.read += 1;
        let item = ItemRef { entity: changes.entity, id };
        let error = match call.read(item, changes.naming).await {
            Ok(item) => return Ok(Ok(item)),
            Err(error) => error,
        };
        let is_of_the_item = matches!(&error, PortalError::Refused(refusal)
            if matches!(refusal.kind(), ErrorKind::NotFound | ErrorKind::AccessDenied));
        if !is_of_the_item {
            return Err(error);
        }
        let failure = explain::unread(call, item, &error).await;
        let message = match failure.code {
            // The message names the one item, and the group names them all.
            Code::ItemNotFound => "there is no such item".to_owned(),
            _ => failure.message,
        };
        Ok(Err(Reason::new(failure.code, message)))
    }
}
