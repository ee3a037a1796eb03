//! Writes that got no answer: the portal may still be at work on them, so the next change of the item
//! waits for them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    ItemRef, Request, Session,
    plan::{Asked, Plan},
};
use crate::portal::Budget;

/// Portals end a request after a minute (fact sheet §5.1).
const MAY_RUN_FOR: Duration = Duration::from_secs(60);
/// How often to look whether it has arrived.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// The writes without an answer, by item.
#[derive(Debug, Default)]
pub(super) struct Unanswered(Mutex<HashMap<ItemRef, Arc<Open>>>);

/// A write that may still run.
#[derive(Debug)]
struct Open {
    until: Instant,
    /// None where its arrival cannot be recognized.
    change: Option<Change>,
}

/// What a write asks for, and what the item was like before.
#[derive(Debug)]
struct Change {
    before: Option<Map<String, Value>>,
    asked: Vec<Asked>,
}

impl Open {
    fn has_arrived(&self, now: &Map<String, Value>) -> bool {
        self.change.as_ref().is_some_and(|Change { before, asked }| {
            asked.iter().all(|asked| asked.stands(before.as_ref(), now))
        })
    }
}

impl Unanswered {
    /// Remembers that a plan may still be carried out.
    pub(super) fn remember(
        &self,
        item: ItemRef,
        before: Option<&Map<String, Value>>,
        plan: &mut Plan,
    ) {
        let asked = std::mem::take(&mut plan.asked);
        self.insert(item, Some(Change { before: before.cloned(), asked }));
    }

    /// Remembers that a picture may still be stored.
    pub(super) fn remember_picture(&self, item: ItemRef) {
        self.insert(item, None);
    }

    fn insert(&self, item: ItemRef, change: Option<Change>) {
        let open = Open { until: Instant::now() + MAY_RUN_FOR, change };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(item, Arc::new(open));
    }

    fn of(&self, item: ItemRef) -> Option<Arc<Open>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, open| open.until > Instant::now());
        all.get(&item).cloned()
    }

    fn forget(&self, item: ItemRef) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&item);
    }
}

/// Waits until an earlier write of the item has arrived or can no longer arrive, as far as the call's
/// time allows. Returns what there is to say when it still may.
pub(super) async fn wait(session: &Session, request: &Request, budget: &Budget) -> Option<String> {
    let open = session.unanswered.of(request.item)?;
    let still_open = || {
        Some(
            "an earlier write of this item got no answer and may still be running at the portal: it \
             may change the item after this call"
                .to_owned(),
        )
    };
    if request.dry_run {
        return still_open();
    }
    loop {
        if let Ok(now) = session.looks.look(request.item, request.naming, budget).await
            && open.has_arrived(&now)
        {
            session.unanswered.forget(request.item);
            let note = "an earlier write of this item, whose answer was lost, has been carried out \
                        meanwhile";
            return Some(note.to_owned());
        }
        if open.until <= Instant::now() {
            session.unanswered.forget(request.item);
            return None;
        }
        let pause = BETWEEN_LOOKS.min(open.until.saturating_duration_since(Instant::now()));
        if !budget.has_besides_work(pause) || budget.wait(tokio::time::sleep(pause)).await.is_err()
        {
            return still_open();
        }
    }
}
