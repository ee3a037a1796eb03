//! Reads items: a few requests are sent at once on their own; more than that, and those that have
//! to wait for the request limit, are sent as one batch. A stalled read delays no other item's.
//!
//! A hundred calls at once cost about a hundred writes and seven reads, so that they fit into what
//! a portal allows.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use super::{Items, item_in, parameters};
use crate::{
    crm::{Item, ItemRef, Naming},
    portal::{
        Commands, Deadline, ErrorKind, Permit, Portal, PortalError,
        batch::{MAX_COMMANDS, has_no_batches},
    },
};

/// So many reads go out alone side by side.
const MAX_ALONE: usize = 4;
/// How long a read waits for others beyond that.
const GATHERING: Duration = Duration::from_millis(30);
/// How long a batch may take before its items are read alone.
const BATCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the items of one account.
#[derive(Debug)]
pub(super) struct ItemReader {
    portal: Arc<Portal>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    alone: usize,
    /// Whether a task gathers waiting reads.
    is_gathering: bool,
    waiting: Vec<Pending>,
}

#[derive(Debug)]
struct Pending {
    item: ItemRef,
    naming: Naming,
    deadline: Deadline,
    answer: oneshot::Sender<Result<Item, PortalError>>,
}

impl ItemReader {
    pub(super) fn new(portal: Arc<Portal>) -> Arc<Self> {
        Arc::new(Self { portal, queue: Mutex::default() })
    }

    /// Reads an item.
    pub(super) async fn read(
        self: &Arc<Self>,
        item: ItemRef,
        naming: Naming,
        deadline: &Deadline,
    ) -> Result<Item, PortalError> {
        let (answer, answered) = oneshot::channel();
        let pending = Pending { item, naming, deadline: deadline.clone(), answer };
        if let Some(alone) = Alone::begin(self) {
            tokio::spawn(alone.read(pending));
        } else {
            self.gather(pending);
        }
        let lost = || PortalError::NoUsableAnswer {
            reason: "the read was not finished".to_owned(),
            http_status: None,
        };
        // Dropping its sender, for whatever reason, ends the wait.
        deadline.for_an_answer().wait(answered).await?.unwrap_or_else(|_| Err(lost()))
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gather(self: &Arc<Self>, pending: Pending) {
        let starts = {
            let mut queue = self.queue();
            queue.waiting.push(pending);
            !std::mem::replace(&mut queue.is_gathering, true)
        };
        if starts {
            tokio::spawn(Gathering { reader: Arc::clone(self), has_ended: false }.run());
        }
    }

    /// Sends what was gathered, in a task of its own: what comes next does not wait for the answer.
    fn send(self: &Arc<Self>, mut together: Vec<Pending>, permit: Permit) {
        let reader = Arc::clone(self);
        if together.len() > 1 && self.portal.has_batches() {
            tokio::spawn(reader.read_together(together, permit));
        } else if let Some(one) = together.pop() {
            let alone = Arc::clone(self);
            tokio::spawn(async move { alone.read_alone(one, permit).await });
            tokio::spawn(async move { reader.read_one_by_one(together).await });
        }
    }

    async fn read_alone(&self, pending: Pending, permit: Permit) {
        let parameters = parameters(pending.item, pending.naming);
        let answer =
            self.portal.call_with(permit, Items::GET, &parameters, &pending.deadline).await;
        let answer = answer.and_then(|mut result| item_in(&mut result));
        // A caller that no longer waits needs no answer.
        let _ = pending.answer.send(answer);
    }

    /// One after the other as the request limit allows; none waits for another's answer.
    async fn read_one_by_one(self: &Arc<Self>, all: Vec<Pending>) {
        for pending in all {
            match self.portal.permit(&pending.deadline).await {
                Ok(permit) => {
                    let reader = Arc::clone(self);
                    tokio::spawn(async move { reader.read_alone(pending, permit).await });
                }
                Err(error) => {
                    let _ = pending.answer.send(Err(error));
                }
            }
        }
    }

    async fn read_together(self: Arc<Self>, all: Vec<Pending>, permit: Permit) {
        let mut commands = Commands::default();
        for (at, pending) in all.iter().enumerate() {
            // Numbers alone, which arrive as they are.
            let _is_asked =
                commands.add(key(at), Items::GET, &parameters(pending.item, pending.naming));
        }
        let Some(deadline) = Deadline::latest(all.iter().map(|pending| &pending.deadline)) else {
            return;
        };
        let answer = self.portal.batch(permit, &commands, &deadline);
        // One item may hold up all of a batch, but not for long: reading twice is safe.
        let Ok(answer) = timeout(BATCH_TIMEOUT, answer).await else {
            self.read_one_by_one(all).await;
            return;
        };
        match answer {
            Ok(mut answer) => {
                let mut unanswered = Vec::new();
                for (at, pending) in all.into_iter().enumerate() {
                    match answer.take(&key(at)).and_then(|mut it| item_in(&mut it.result)) {
                        // What the batch left out is asked for by itself, and what it says may be
                        // another command's error (docs/bitrix24.md, "Batch").
                        Err(error) if !is_of_the_item(&error) => unanswered.push(pending),
                        answer => {
                            let _ = pending.answer.send(answer);
                        }
                    }
                }
                self.read_one_by_one(unanswered).await;
            }
            Err(error) => {
                if has_failed_alone(&error) {
                    self.read_one_by_one(all).await;
                } else {
                    for pending in all {
                        let _ = pending.answer.send(Err(error.clone()));
                    }
                }
            }
        }
    }
}

/// A read that goes out alone; dropping it lets another one go.
struct Alone {
    reader: Arc<ItemReader>,
    permit: Option<Permit>,
}

impl Alone {
    /// Begins one where neither too many are under way nor the request limit is reached.
    fn begin(reader: &Arc<ItemReader>) -> Option<Self> {
        let mut queue = reader.queue();
        if queue.alone >= MAX_ALONE {
            return None;
        }
        let permit = reader.portal.try_permit()?;
        queue.alone += 1;
        drop(queue);
        Some(Self { reader: Arc::clone(reader), permit: Some(permit) })
    }

    async fn read(mut self, pending: Pending) {
        if let Some(permit) = self.permit.take() {
            self.reader.read_alone(pending, permit).await;
        }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.reader.queue().alone -= 1;
    }
}

/// The task that gathers waiting reads. However it ends, no caller is left waiting for it.
struct Gathering {
    reader: Arc<ItemReader>,
    has_ended: bool,
}

impl Gathering {
    async fn run(mut self) {
        tokio::time::sleep(GATHERING).await;
        while !self.has_ended {
            let longest = {
                let queue = self.reader.queue();
                Deadline::latest(queue.waiting.iter().map(|pending| &pending.deadline))
            };
            let Some(longest) = longest else { return };
            let permit = self.reader.portal.permit(&longest).await;
            let together: Vec<Pending> = {
                let mut queue = self.reader.queue();
                queue.waiting.retain(|pending| !pending.answer.is_closed());
                let count = queue.waiting.len().min(MAX_COMMANDS);
                let together = queue.waiting.drain(..count).collect();
                // Under one lock with the last read: the next one starts a task of its own.
                self.has_ended = queue.waiting.is_empty();
                queue.is_gathering = !self.has_ended;
                together
            };
            match permit {
                Ok(permit) => self.reader.send(together, permit),
                Err(error) => {
                    for pending in together {
                        let _ = pending.answer.send(Err(error.clone()));
                    }
                }
            }
        }
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        if !self.has_ended {
            let mut queue = self.reader.queue();
            queue.is_gathering = false;
            queue.waiting.clear();
        }
    }
}

/// The name of a command in a batch, and of its answer.
fn key(at: usize) -> String {
    format!("read{at}")
}

/// Whether this batch failed for a reason that may not affect its parts: reading twice is safe.
fn has_failed_alone(error: &PortalError) -> bool {
    match error {
        PortalError::NoUsableAnswer { .. } | PortalError::Cut { .. } => true,
        PortalError::Refused(refusal) => matches!(
            refusal.kind(),
            ErrorKind::Refused
                | ErrorKind::RefusedWithoutCode
                | ErrorKind::InvalidValue
                | ErrorKind::Failed
                | ErrorKind::WrongAddress
        ),
        _ => has_no_batches(error),
    }
}

/// Whether an error within a batch is surely the item's own.
fn is_of_the_item(error: &PortalError) -> bool {
    matches!(error, PortalError::Refused(refusal) if matches!(
        refusal.kind(),
        ErrorKind::NotFound
            | ErrorKind::TypeNotSupported
            | ErrorKind::AccessDenied
            | ErrorKind::OperationTimeLimit
    ))
}
