//! An earlier write of the same item that got no answer: the next change waits until it is applied
//! or can no longer be.

use std::time::Duration;

use tokio::time::Instant;

use super::patch::Patch;
use crate::account::Call;

/// The pause between reads that check whether it was applied.
const BETWEEN_READS: Duration = Duration::from_secs(2);

/// Waits for it as long as the call's time allows; its outcome becomes a note.
pub(super) async fn wait(call: &Call<'_>, patch: &Patch) {
    let unanswered = &call.account.items.unanswered;
    let Some(open) = unanswered.of(patch.item) else { return };
    let still_open = || {
        call.note(
            "an earlier write of this item got no answer and may still be running at the portal: it \
             may change the item after this call",
        );
    };
    if patch.dry_run {
        return still_open();
    }
    loop {
        if let Ok(now) = call.read(patch.item, patch.naming).await
            && open.has_arrived(&now)
        {
            unanswered.forget(patch.item);
            call.note(
                "an earlier write of this item, whose answer was lost, has since been applied",
            );
            return;
        }
        if open.until <= Instant::now() {
            unanswered.forget(patch.item);
            return;
        }
        let pause = BETWEEN_READS.min(open.until.saturating_duration_since(Instant::now()));
        let has_time = call.deadline.has_besides_work(pause);
        if !has_time || call.deadline.wait(tokio::time::sleep(pause)).await.is_err() {
            return still_open();
        }
    }
}
