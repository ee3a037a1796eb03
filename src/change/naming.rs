//! The names that the answer of a change needs: asked for while the write is under way, never
//! before it, and the write does not wait for them.

use std::{collections::BTreeSet, future::Future, time::Duration};

use tokio::time::timeout;

use super::{
    asked::{Asked, Want},
    patch::Patch,
};
use crate::{
    account::Call,
    crm::{Item, catalog::KNOWN_BY},
    metadata::Question,
};

/// How long the answer waits for names when the write is done.
const AFTER_THE_WRITE: Duration = Duration::from_millis(400);
/// The same where nothing is written.
const WITHOUT_A_WRITE: Duration = Duration::from_secs(2);

/// What has to be asked in order to name what the answer will show.
pub(super) fn questions(
    call: &Call<'_>,
    patch: &Patch,
    item: Option<&Item>,
    asked: &[Asked],
) -> BTreeSet<Question> {
    let is_shown =
        |name: &str| KNOWN_BY.contains(&name) || asked.iter().any(|asked| asked.name == name);
    let of_item = item.into_iter().flat_map(Item::fields).filter(|(name, _)| is_shown(name));
    let of_asked = asked.iter().filter_map(|asked| match &asked.want {
        Want::Value(value) => Some((asked.name.as_str(), value)),
        _ => None,
    });
    let shown = of_item.chain(of_asked);
    call.account.metadata.open_questions(patch.item.entity, patch.naming, call.types, shown)
}

/// Writes, and asks for names meanwhile.
pub(super) async fn beside<T>(
    call: &Call<'_>,
    questions: BTreeSet<Question>,
    write: impl Future<Output = T>,
) -> T {
    if questions.is_empty() {
        return write.await;
    }
    let (metadata, deadline) = (call.account.metadata.clone(), call.deadline.clone());
    // On the one thread that there is, the task begins when the write first waits.
    let asking = tokio::spawn(async move { metadata.learn_by_the_way(questions, &deadline).await });
    let written = write.await;
    // What comes later is known to the next call.
    let _ = timeout(AFTER_THE_WRITE, asking).await;
    written
}

/// Asks for names where nothing is written.
pub(super) async fn ask(call: &Call<'_>, questions: BTreeSet<Question>) {
    let metadata = &call.account.metadata;
    metadata.learn_within(WITHOUT_A_WRITE, questions, &call.deadline).await;
}
