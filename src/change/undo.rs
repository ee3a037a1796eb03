//! Puts a recorded change back: what it wrote is compared with what stands now, and what is as the
//! change left it becomes an ordinary change to the values before. One item here, more of them as any
//! change of many items.

use crate::{
    account::Call,
    crm::{Item, ItemRef, Naming},
    error::{Code, Failure, Retry, Written},
    items::Repeated,
    journal::ChangeId,
};

use super::{
    before::{self, Before},
    earlier, explain,
    many::{ManyOutcome, ManyRequest, Which, change_many},
    one::{carry_out, lock},
    patch::Patch,
    plan::Plan,
    prepare,
    restore::{Cannot, Consequence, Kept, Recorded, RecordedItem, Restoration},
    verify::{Change, Outcome, Status},
};

/// What a call asks for that puts a change back.
#[derive(Debug)]
pub struct UndoRequest {
    /// Only show what would be restored.
    pub dry_run: bool,
    /// What a preview has returned.
    pub confirm: Option<String>,
}

/// How a change was put back.
#[derive(Debug)]
pub enum Undone {
    /// A change of one item.
    One(Box<UndoneItem>),
    /// A change of many items.
    Many {
        /// What was asked for, as a change of many items.
        request: Box<ManyRequest>,
        /// What became of it.
        outcome: ManyOutcome,
    },
}

/// How the change of one item was put back.
#[derive(Debug)]
pub struct UndoneItem {
    /// Which item.
    pub item: ItemRef,
    /// The item now, or as it was before a failed write.
    pub now: Item,
    /// Whether anything was sent; `Planned` when it is only shown.
    pub status: Status,
    /// What has the value from before the change again, or would have.
    pub restored: Vec<Change>,
    /// What holds another value than the change left.
    pub kept: Vec<Kept>,
    /// What cannot come back.
    pub cannot: Vec<Cannot>,
    /// What held the value from before the change already.
    pub already: Vec<String>,
    /// What the portal had changed by itself with the change, and what still differs from before.
    pub offered: Vec<Consequence>,
    /// What the portal has changed by itself now.
    pub also_changed: Vec<Change>,
    /// Whether an update that was sent has written anything, where not all of it was applied.
    pub written: Written,
    /// Effects, repairs and what could not be known.
    pub notes: Vec<String>,
}

/// The recorded change that a call means: by its id, by what is confirmed, or the last one. Putting many
/// items back that has begun is the last one itself.
///
/// # Errors
///
/// When there is none, or its values are not recorded.
pub async fn recorded(
    call: &Call<'_>,
    change: Option<ChangeId>,
    confirm: Option<&str>,
) -> Result<Recorded, Failure> {
    let confirmed = || {
        let repeated = Repeated::read(confirm?)?;
        call.account.items.confirmations.items_of(&repeated)?.restores
    };
    let change = change.or_else(confirmed);
    let found = match change.clone() {
        None => call.account.journal.last_change(),
        Some(id) => call.in_journal(move |journal| journal.change(&id)).await?,
    };
    let Some(found) = found else {
        let (message, hint) = if change.is_some() {
            ("no change with this `changeId` is recorded here", "check the id")
        } else {
            let message = "this server has changed nothing since it was started";
            (message, "name an earlier change by `changeId`")
        };
        let hint =
            format!("{hint}; with `history`, get_crm_item lists the recorded changes of an item");
        return Err(Failure::new(Code::InvalidArguments, Retry::AfterFix, message, hint));
    };
    Recorded::of(&found).ok_or_else(|| {
        let message = "the journal keeps no values of that change, only names of fields";
        let hint = "tell the user that it can be put back by hand alone";
        Failure::new(Code::Conflict, Retry::No, message, hint)
    })
}

/// Puts a change back, or shows what would be restored.
///
/// # Errors
///
/// Whatever prevented the request or made the portal reject it.
pub async fn undo(
    call: &Call<'_>,
    recorded: Recorded,
    request: UndoRequest,
) -> Result<Undone, Failure> {
    let entity = recorded.entity;
    call.account.policy.allows_writing(entity)?;
    if let Some((id, only)) = recorded.only() {
        let item = ItemRef { entity, id };
        return undo_one(call, item, only, request.dry_run)
            .await
            .map(|it| Undone::One(Box::new(it)));
    }
    let request = Box::new(ManyRequest {
        entity,
        which: Which::Recorded(recorded),
        fields: serde_json::Map::new(),
        clear: Vec::new(),
        expect: serde_json::Map::new(),
        dry_run: request.dry_run,
        naming: Naming::Camel,
        confirm: request.confirm,
    });
    let outcome = change_many(call, &request).await?;
    Ok(Undone::Many { request, outcome })
}

async fn undo_one(
    call: &Call<'_>,
    item: ItemRef,
    recorded: &RecordedItem,
    dry_run: bool,
) -> Result<UndoneItem, Failure> {
    let _lock = lock(call, item).await?;
    let notes = call.take_notes();
    let mut patch = Patch { dry_run, ..Patch::of_item(item, Naming::Camel) };
    earlier::wait(call, &patch).await;
    let before = before::read(call, &patch).await?;
    let held = match &before {
        Before::Item(held) => held.clone(),
        Before::Unread(error) => return Err(explain::unread(call, item, error).await),
    };
    let mut restoration = recorded.against(&held);
    let plan = plan(call, &mut patch, &mut restoration, &before).await?;
    let Restoration { kept, cannot, already, notes: effects, .. } = restoration;
    let mut undone = UndoneItem {
        item,
        now: held.clone(),
        status: if dry_run { Status::Planned } else { Status::Unchanged },
        restored: Vec::new(),
        kept,
        cannot,
        already,
        offered: Vec::new(),
        also_changed: Vec::new(),
        written: Written::No,
        notes: effects,
    };
    let Some(plan) = plan else {
        undone.notes.extend(notes.into_iter().chain(call.take_notes()));
        undone.offered = recorded.still_changed(&held);
        return Ok(undone);
    };
    let asked: Vec<String> = plan.asked.iter().map(|asked| asked.name.clone()).collect();
    let outcome = carry_out(call, &patch, before, plan, notes).await?;
    undone.take(outcome, asked);
    undone.offered = recorded.still_changed(&with_changes(held, &undone));
    Ok(undone)
}

impl UndoneItem {
    /// Takes what became of the fields that were to be restored.
    fn take(&mut self, outcome: Outcome, asked: Vec<String>) {
        let (changes, notes) = match outcome {
            Outcome::Succeeded { status, changes, notes, item, .. } => {
                self.status = status;
                if status == Status::Updated {
                    self.written = Written::Yes;
                }
                self.now = item;
                (changes, notes)
            }
            Outcome::Missed { failure, not_applied, changes, notes, item, .. } => {
                self.status = Status::Updated;
                self.written = failure.written;
                self.cannot.extend(not_applied.into_iter().map(|missed| Cannot {
                    why: format!("the portal did not take it: {}", missed.hint),
                    field: missed.field,
                }));
                self.now = item;
                (changes, notes)
            }
        };
        self.notes.extend(notes);
        let (restored, others) = changes.into_iter().partition(|change| change.asked_for);
        (self.restored, self.also_changed) = (restored, others);
        self.restored.retain(|it| !self.cannot.iter().any(|cannot| cannot.field == it.field));
        let told = self.restored.iter().map(|it| &it.field);
        let told: Vec<&String> = told.chain(self.cannot.iter().map(|it| &it.field)).collect();
        let is_told = |name: &String| {
            told.iter().any(|field| {
                // The field, or one record of it.
                field
                    .strip_prefix(name.as_str())
                    .is_some_and(|it| it.is_empty() || it.starts_with('.'))
            })
        };
        self.already.extend(asked.into_iter().filter(|name| !is_told(name)));
    }
}

/// The item as it was read before with what the undoing has changed, asked for or not.
fn with_changes(held: Item, undone: &UndoneItem) -> Item {
    let changes = undone.restored.iter().chain(&undone.also_changed);
    let changes: Vec<_> = changes.map(|it| (it.field.as_str(), &it.after)).collect();
    held.map(|name, value| {
        let found = changes.iter().find(|(field, _)| *field == name);
        found.map_or(value, |(_, after)| (*after).clone())
    })
}

/// The plan that restores what can be restored; nothing where that is nothing. What the fields of the
/// entity type or the portal's codes forbid today is left as it is.
async fn plan(
    call: &Call<'_>,
    patch: &mut Patch,
    restoration: &mut Restoration,
    before: &Before,
) -> Result<Option<Plan>, Failure> {
    loop {
        if restoration.is_empty() {
            return Ok(None);
        }
        patch.fields.clone_from(&restoration.fields);
        patch.clear.clone_from(&restoration.clear);
        let failure = match prepare::plan(call, patch, before).await {
            Ok(plan) => return Ok(Some(plan)),
            Err(failure) => failure,
        };
        if !restoration.leave_out(&failure.problems) {
            return Err(failure);
        }
    }
}
