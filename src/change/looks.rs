//! ItemReader at items: a few go out at once and alone; more than that, and those that have to wait for the
//! pace, travel as one batch. A look that stalls holds up no other item's.
//!
//! A hundred calls at once cost about a hundred writes and seven looks, so that they fit into what a
//! portal allows. Only whole numbers travel in a batch, so none of its encoding traps apply (fact
//! sheet §5.4).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value, json};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use super::ItemRef;
use crate::{
    crm::Naming,
    portal::{ApiError, Budget, ErrorKind, Portal, PortalError, Turn},
};

/// What the portal takes in one batch.
const MAX_BATCH: usize = 50;
/// So many looks go out alone side by side.
const MAX_ALONE: usize = 4;
/// How long a look waits for others beyond that.
const GATHERING: Duration = Duration::from_millis(30);
/// How long a batch may take before its items are looked at alone.
const PATIENCE_WITH_A_BATCH: Duration = Duration::from_secs(5);
/// How long batches are not tried after the portal has said that it has none.
const WITHOUT_BATCHES: Duration = Duration::from_secs(600);

type Item = Map<String, Value>;

/// The looks of one process.
#[derive(Debug)]
pub(super) struct ItemReader {
    portal: Arc<Portal>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    alone: usize,
    /// Whether a task gathers what waits.
    is_gathering: bool,
    waiting: Vec<Waiting>,
    no_batches_until: Option<Instant>,
}

#[derive(Debug)]
struct Waiting {
    item: ItemRef,
    naming: Naming,
    budget: Budget,
    answer: oneshot::Sender<Result<Item, PortalError>>,
}

impl ItemReader {
    pub(super) fn new(portal: Arc<Portal>) -> Arc<Self> {
        Arc::new(Self { portal, queue: Mutex::default() })
    }

    /// Reads an item.
    pub(super) async fn look(
        self: &Arc<Self>,
        item: ItemRef,
        naming: Naming,
        budget: &Budget,
    ) -> Result<Item, PortalError> {
        let (answer, answered) = oneshot::channel();
        let look = Waiting { item, naming, budget: budget.clone(), answer };
        if let Some(alone) = Alone::begin(self) {
            tokio::spawn(alone.look(look));
        } else {
            self.gather(look);
        }
        let lost = || PortalError::NoUsableAnswer {
            reason: "the look was not finished".to_owned(),
            http_status: None,
        };
        // Dropping its sender, for whatever reason, ends the wait.
        budget.for_an_answer().wait(answered).await?.unwrap_or_else(|_| Err(lost()))
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gather(self: &Arc<Self>, look: Waiting) {
        let starts = {
            let mut queue = self.queue();
            queue.waiting.push(look);
            !std::mem::replace(&mut queue.is_gathering, true)
        };
        if starts {
            tokio::spawn(Gathering { looks: Arc::clone(self), has_ended: false }.run());
        }
    }

    fn has_batches(&self) -> bool {
        self.queue().no_batches_until.is_none_or(|until| until <= Instant::now())
    }

    /// Sends what was gathered, in a task of its own: what comes next does not wait for the answer.
    fn send(self: &Arc<Self>, mut together: Vec<Waiting>, turn: Turn) {
        let looks = Arc::clone(self);
        if together.len() > 1 && self.has_batches() {
            tokio::spawn(looks.look_together(together, turn));
        } else if let Some(one) = together.pop() {
            let alone = Arc::clone(self);
            tokio::spawn(async move { alone.look_alone(one, turn).await });
            tokio::spawn(async move { looks.look_one_by_one(together).await });
        }
    }

    async fn look_alone(&self, look: Waiting, turn: Turn) {
        let parameters = parameters(look.item, look.naming);
        let answer = self.portal.call_in(turn, "crm.item.get", &parameters, &look.budget).await;
        let answer = answer.and_then(|mut result| item_in(&mut result));
        // Who no longer waits needs no answer.
        let _ = look.answer.send(answer);
    }

    /// One after the other as the pace allows; none waits for another's answer.
    async fn look_one_by_one(self: &Arc<Self>, looks: Vec<Waiting>) {
        for look in looks {
            match self.portal.turn(&look.budget).await {
                Ok(turn) => {
                    let looks = Arc::clone(self);
                    tokio::spawn(async move { looks.look_alone(look, turn).await });
                }
                Err(error) => {
                    let _ = look.answer.send(Err(error));
                }
            }
        }
    }

    async fn look_together(self: Arc<Self>, looks: Vec<Waiting>, turn: Turn) {
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
        let answer = self.portal.call_in(turn, "batch", &parameters, &budget);
        // One item may hold up all of a batch, but not for long: reading twice is safe.
        let Ok(answer) = timeout(PATIENCE_WITH_A_BATCH, answer).await else {
            self.look_one_by_one(looks).await;
            return;
        };
        match answer {
            Ok(mut answer) => {
                let mut unanswered = Vec::new();
                for (at, look) in looks.into_iter().enumerate() {
                    match answer_of(&mut answer, at) {
                        // What the batch left out is asked for by itself, and what it says may be
                        // another command's error (fact sheet §4.4).
                        Err(error) if !is_of_the_item(&error) => unanswered.push(look),
                        answer => {
                            let _ = look.answer.send(answer);
                        }
                    }
                }
                self.look_one_by_one(unanswered).await;
            }
            Err(error) => {
                if has_no_batches(&error) {
                    let until = Instant::now() + WITHOUT_BATCHES;
                    self.queue().no_batches_until = Some(until);
                }
                if has_failed_alone(&error) {
                    self.look_one_by_one(looks).await;
                } else {
                    for look in looks {
                        let _ = look.answer.send(Err(error.clone()));
                    }
                }
            }
        }
    }
}

/// A look that goes out alone; dropping it makes room for another.
struct Alone {
    looks: Arc<ItemReader>,
    turn: Option<Turn>,
}

impl Alone {
    /// Begins one when there is room, both here and in the pace.
    fn begin(looks: &Arc<ItemReader>) -> Option<Self> {
        let mut queue = looks.queue();
        if queue.alone >= MAX_ALONE {
            return None;
        }
        let turn = looks.portal.free_turn()?;
        queue.alone += 1;
        drop(queue);
        Some(Self { looks: Arc::clone(looks), turn: Some(turn) })
    }

    async fn look(mut self, look: Waiting) {
        if let Some(turn) = self.turn.take() {
            self.looks.look_alone(look, turn).await;
        }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.looks.queue().alone -= 1;
    }
}

/// The task that gathers what waits. When it ends, whyever, nobody is left waiting for it.
struct Gathering {
    looks: Arc<ItemReader>,
    has_ended: bool,
}

impl Gathering {
    async fn run(mut self) {
        tokio::time::sleep(GATHERING).await;
        while !self.has_ended {
            let longest = {
                let queue = self.looks.queue();
                Budget::longest(queue.waiting.iter().map(|look| &look.budget))
            };
            let Some(longest) = longest else { return };
            let turn = self.looks.portal.turn(&longest).await;
            let together: Vec<Waiting> = {
                let mut queue = self.looks.queue();
                queue.waiting.retain(|look| !look.answer.is_closed());
                let count = queue.waiting.len().min(MAX_BATCH);
                let together = queue.waiting.drain(..count).collect();
                // Under one lock with the last look: the next one starts a task of its own.
                self.has_ended = queue.waiting.is_empty();
                queue.is_gathering = !self.has_ended;
                together
            };
            match turn {
                Ok(turn) => self.looks.send(together, turn),
                Err(error) => {
                    for look in together {
                        let _ = look.answer.send(Err(error.clone()));
                    }
                }
            }
        }
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        if !self.has_ended {
            let mut queue = self.looks.queue();
            queue.is_gathering = false;
            queue.waiting.clear();
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
        _ => Err(PortalError::NoUsableAnswer {
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
    if let Some(refusal) = error.and_then(|error| ApiError::read(400, error)) {
        return Err(PortalError::Refused(refusal));
    }
    let nothing = &mut Value::Null;
    item_in(answer.pointer_mut(&format!("/result/{key}")).unwrap_or(nothing))
}

/// Whether the portal has no such method.
fn has_no_batches(error: &PortalError) -> bool {
    match error {
        PortalError::NoSuchPage { .. } => true,
        PortalError::Refused(refusal) => refusal.kind() == ErrorKind::WrongAddress,
        _ => false,
    }
}

/// Whether this batch failed, for whatever odd reason, and its parts may not: reading twice is safe.
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
        assert!(matches!(answer_of(&mut answer, 2), Err(PortalError::NoUsableAnswer { .. })));
        assert!(matches!(answer_of(&mut answer, 3), Err(PortalError::NoUsableAnswer { .. })));
        // Empty maps come as lists.
        let mut empty = json!({"result": [], "result_error": []});
        assert!(matches!(answer_of(&mut empty, 0), Err(PortalError::NoUsableAnswer { .. })));
    }
}
