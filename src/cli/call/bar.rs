//! How far a call has come: a bar on standard error, where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::watch;

use crate::account::Progress;

/// Shows what a call tells until it has ended; earlier calls have done so many items before. The bar
/// appears when there is something to tell, and goes at the end.
pub(super) async fn follow(mut told: watch::Receiver<Progress>, done_before: usize) {
    let done_before = u64::try_from(done_before).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len}") {
        bar.set_style(style);
    }
    while told.changed().await.is_ok() {
        let Progress { done, of } = *told.borrow_and_update();
        bar.set_length(done_before.saturating_add(of.into()));
        bar.set_position(done_before.saturating_add(done.into()));
    }
    bar.finish_and_clear();
}
