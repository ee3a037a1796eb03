//! Looks that travel together: one request is under way at a time, and looks that are asked for
//! meanwhile go as one batch. A lone look never waits for others.
//!
//! A hundred calls at once cost about a hundred writes and three looks, so that they fit into what
//! a portal allows. Only whole numbers travel in a batch, so none of its encoding traps apply
//! (fact sheet §5.4).

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::ItemRef;
use crate::{
    crm::Naming,
    portal::{Budget, Meaning, Portal, PortalError, Refusal},
};

/// What the portal takes in one batch.
const LARGEST_BATCH: usize = 50;

type Item = Map<String, Value>;

/// The looks of one process.
#[derive(Debug)]
pub(super) struct Looks {
    portal: Arc<Portal>,
    queue: Mutex<Queue>,
    /// Whether the portal refuses batches.
    goes_alone: AtomicBool,
}

#[derive(Debug, Default)]
struct Queue {
    is_travelling: bool,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    item: ItemRef,
    naming: Naming,
    budget: Budget,
    answer: oneshot::Sender<Result<Item, PortalError>>,
}

impl Looks {
    pub(super) fn new(portal: Arc<Portal>) -> Arc<Self> {
        Arc::new(Self { portal, queue: Mutex::default(), goes_alone: AtomicBool::new(false) })
    }

    /// Reads an item.
    pub(super) async fn look(
        self: &Arc<Self>,
        item: ItemRef,
        naming: Naming,
        budget: &Budget,
    ) -> Result<Item, PortalError> {
        let (answer, answered) = oneshot::channel();
        let starts = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.waiting.push(Waiting { item, naming, budget: budget.clone(), answer });
            !std::mem::replace(&mut queue.is_travelling, true)
        };
        if starts {
            tokio::spawn(Arc::clone(self).travel());
        }
        let lost = || PortalError::Unclear {
            reason: "the look was not finished".to_owned(),
            http_status: None,
        };
        budget.wait(answered).await?.unwrap_or_else(|_| Err(lost()))
    }

    /// Sends what waits until nothing does.
    async fn travel(self: Arc<Self>) {
        loop {
            let batch = {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                let most = if self.goes_alone.load(Ordering::Relaxed) { 1 } else { LARGEST_BATCH };
                let count = queue.waiting.len().min(most);
                if count == 0 {
                    queue.is_travelling = false;
                    return;
                }
                queue.waiting.drain(..count).collect::<Vec<_>>()
            };
            if batch.len() == 1 {
                for alone in batch {
                    self.look_alone(alone).await;
                }
            } else {
                self.look_together(batch).await;
            }
        }
    }

    async fn look_alone(&self, look: Waiting) {
        let parameters = parameters(look.item, look.naming);
        let answer = self.portal.call("crm.item.get", &parameters, &look.budget).await;
        let answer = answer.and_then(|mut result| item_in(&mut result));
        // Who no longer waits needs no answer.
        let _ = look.answer.send(answer);
    }

    async fn look_together(&self, looks: Vec<Waiting>) {
        let commands = looks.iter().enumerate().map(|(at, look)| {
            let (entity, id) = (look.item.entity.id(), look.item.id);
            let mut command = format!("crm.item.get?entityTypeId={entity}&id={id}");
            if look.naming == Naming::Original {
                command.push_str("&useOriginalUfNames=Y");
            }
            (key(at), command.into())
        });
        let commands: Map<String, Value> = commands.collect();
        let parameters =
            Map::from_iter([("halt".to_owned(), json!(0)), ("cmd".to_owned(), commands.into())]);
        let Some(budget) = Budget::longest(looks.iter().map(|look| &look.budget)) else {
            return;
        };
        match self.portal.call("batch", &parameters, &budget).await {
            Ok(mut answer) => {
                for (at, look) in looks.into_iter().enumerate() {
                    let _ = look.answer.send(answer_of(&mut answer, at));
                }
            }
            Err(error) if refuses_batches(&error) => {
                self.goes_alone.store(true, Ordering::Relaxed);
                for look in looks {
                    self.look_alone(look).await;
                }
            }
            Err(error) => {
                for look in looks {
                    let _ = look.answer.send(Err(error.clone()));
                }
            }
        }
    }
}

/// The parameters that name an item.
pub(super) fn parameters(item: ItemRef, naming: Naming) -> Map<String, Value> {
    let mut parameters = Map::new();
    parameters.insert("entityTypeId".to_owned(), json!(item.entity.id()));
    parameters.insert("id".to_owned(), json!(item.id));
    if naming == Naming::Original {
        parameters.insert("useOriginalUfNames".to_owned(), json!(naming.wire()));
    }
    parameters
}

/// The item of a `result`.
pub(super) fn item_in(result: &mut Value) -> Result<Item, PortalError> {
    match result.get_mut("item").map(Value::take) {
        Some(Value::Object(item)) => Ok(item),
        _ => Err(PortalError::Unclear {
            reason: "an answer that holds no item".to_owned(),
            http_status: None,
        }),
    }
}

fn key(at: usize) -> String {
    format!("look{at}")
}

/// One command's part of a batch's answer.
fn answer_of(answer: &mut Value, at: usize) -> Result<Item, PortalError> {
    let key = key(at);
    let error = answer.pointer(&format!("/result_error/{key}"));
    // Errors inside a batch carry no status of their own.
    if let Some(refusal) = error.and_then(|error| Refusal::read(400, error)) {
        return Err(PortalError::Refused(refusal));
    }
    let nothing = &mut Value::Null;
    item_in(answer.pointer_mut(&format!("/result/{key}")).unwrap_or(nothing))
}

/// Whether the portal does not know batches, or not this one.
fn refuses_batches(error: &PortalError) -> bool {
    match error {
        PortalError::NoSuchPage { .. } => true,
        PortalError::Refused(refusal) => matches!(
            refusal.meaning(),
            Meaning::WrongAddress | Meaning::Refused | Meaning::InvalidValue
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batchs_answer_is_read_by_command() {
        let mut answer = json!({
            "result": {"look0": {"item": {"id": 1}}, "look2": {"item": []}},
            "result_error": {"look1": {"error": "NOT_FOUND", "error_description": "gone"}},
        });
        assert_eq!(answer_of(&mut answer, 0).unwrap(), *json!({"id": 1}).as_object().unwrap());
        let missing = answer_of(&mut answer, 1).unwrap_err();
        assert!(matches!(missing, PortalError::Refused(it) if it.code == "NOT_FOUND"));
        assert!(matches!(answer_of(&mut answer, 2), Err(PortalError::Unclear { .. })));
        assert!(matches!(answer_of(&mut answer, 3), Err(PortalError::Unclear { .. })));
        // Empty maps come as lists.
        let mut empty = json!({"result": [], "result_error": []});
        assert!(matches!(answer_of(&mut empty, 0), Err(PortalError::Unclear { .. })));
    }
}
