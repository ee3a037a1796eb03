//! What a repeated confirmation is for, and whether that is still so.

use std::sync::Arc;

use super::{look::Look, request::MAX_ITEMS};
use crate::{
    account::Call,
    error::{Failure, Purpose},
    items::{Items, Kept, Repeated},
    journal::ChangeId,
    portal::PortalError,
};

/// The items that a change may be carried out for, in ascending order.
pub(super) struct Approved {
    /// Those that are to be changed.
    pub(super) to_do: Arc<[u64]>,
    /// All that were approved.
    pub(super) all: Arc<[u64]>,
    /// The change has been carried out up to this id.
    pub(super) position: u64,
    /// The change as it is recorded, where it has begun.
    pub(super) change: Option<ChangeId>,
}

impl Approved {
    /// Items that need no confirmation.
    pub(super) fn of(ids: Vec<u64>) -> Self {
        let ids: Arc<[u64]> = ids.into();
        Self { to_do: Arc::clone(&ids), all: ids, position: 0, change: None }
    }
}

/// What a confirmation is for; nothing when it does not hold. `given` are the items that the call
/// names itself.
pub(super) async fn approved(
    call: &Call<'_>,
    look: &Look<'_>,
    request_text: &str,
    confirm: &str,
    given: &[u64],
) -> Result<Option<Approved>, Failure> {
    let confirmations = &call.account.items.confirmations;
    let Some(repeated) = Repeated::read(confirm) else { return Ok(None) };
    let position = repeated.position;
    let kept = confirmations.items_of(&repeated);
    let kept = kept.filter(|kept| confirmations.holds(&repeated, request_text, &kept.to_do));
    let unread = |error: PortalError| call.failure(Items::LIST, &error, Purpose::Reading);
    let is_the_same = match &kept {
        None => false,
        Some(kept) if !look.has_filter() => *given == *kept.all,
        // What was changed may no longer match the filter, and each chunk is looked at again.
        Some(kept) if kept.has_begun => true,
        Some(kept) => look.finds_just(&kept.to_do).await.map_err(unread)?,
    };
    if let Some(Kept { to_do, all, change, .. }) = kept {
        return Ok(is_the_same.then_some(Approved { to_do, all, position, change }));
    }
    let ids: Vec<u64> = if look.has_filter() {
        look.ids_after(position, MAX_ITEMS).await.map_err(unread)?
    } else {
        given.iter().copied().filter(|id| *id > position).collect()
    };
    let holds = confirmations.holds(&repeated, request_text, &ids);
    Ok(holds.then(|| Approved { position, ..Approved::of(ids) }))
}
