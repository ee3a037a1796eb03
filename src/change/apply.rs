//! Sends a plan: its fields first, then a photo, which needs another method. Reads the item again
//! where the portal's answer is unreliable.

use super::{
    after::{Applied, PhotoUpload},
    before::Before,
    patch::Patch,
    plan::Plan,
    settle::{self, LOST_ANSWER},
    verify,
};
use crate::{
    account::Call,
    crm::Item,
    error::{Failure, Purpose},
    items::Items,
    portal::Disposition,
};

/// Carries a plan out.
///
/// # Errors
///
/// Whatever prevented the request or made the portal reject it.
pub(super) async fn apply(
    call: &Call<'_>,
    patch: &Patch,
    before: &Before,
    plan: &Plan,
) -> Result<Applied, Failure> {
    let item = patch.item;
    let written = settle::write_fields(call, patch, before, plan).await?;
    let has_fields = written.is_some();
    let mut after = written.unwrap_or_else(|| before.item().cloned().unwrap_or_default());
    if verify::may_be_misreported(&plan.asked, &after, item.entity) {
        read_again(call, patch, &mut after).await;
    }
    let Some((name, upload)) = plan.picture() else {
        return Ok(Applied { after, photo: PhotoUpload::NotAsked });
    };
    if !verify::all_but_photos_are_applied(&plan.asked, before.item(), &after) {
        return Ok(Applied { after, photo: PhotoUpload::NotSent });
    }
    let file = upload.wire().await.map_err(|error| settle::unreadable(&error))?;
    let error = match call.account.items.update_photo(item, name, file, &call.deadline).await {
        Ok(()) => {
            read_again(call, patch, &mut after).await;
            return Ok(Applied { after, photo: PhotoUpload::Sent });
        }
        Err(error) => error,
    };
    if let Some(after) = settle::await_photo(call, patch, before, plan, &error).await {
        call.note(LOST_ANSWER);
        return Ok(Applied { after, photo: PhotoUpload::Sent });
    }
    let failure = call.failure(Items::photo_method(item), &error, Purpose::Writing);
    let is_open = matches!(error.disposition(), Disposition::Cut | Disposition::MayRun);
    if is_open {
        call.account.items.unanswered.remember_blindly(item);
    }
    if !has_fields {
        return Err(failure);
    }
    let failure = Box::new(failure);
    let photo = if is_open { PhotoUpload::Lost(failure) } else { PhotoUpload::Refused(failure) };
    Ok(Applied { after, photo })
}

/// Replaces the portal's answer by what a new read shows.
async fn read_again(call: &Call<'_>, patch: &Patch, after: &mut Item) {
    match call.read_finally(patch.item, patch.naming).await {
        Ok(item) => *after = item,
        Err(_) => call.note("the item could not be read again to verify the update"),
    }
}
