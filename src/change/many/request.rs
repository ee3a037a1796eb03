//! What a call that changes many items asks for, and what it is told.

use serde_json::{Map, Value};

use super::tally::Tally;
use crate::{
    change::{patch::Patch, restore::Recorded, verify::Change},
    crm::{EntityType, ItemRef, Naming},
    error::{Code, Failure},
    journal::ChangeId,
};

/// More items are not changed by one plan.
pub const MAX_ITEMS: usize = 1_000;
/// More items need a confirmation.
pub const UNCONFIRMED: usize = 50;

/// A requested change of many items.
#[derive(Debug)]
pub struct ManyRequest {
    /// Of which type.
    pub entity: EntityType,
    /// Which items.
    pub which: Which,
    /// The same new values for each, by field name.
    pub fields: Map<String, Value>,
    /// Field names to empty in each.
    pub clear: Vec<String>,
    /// The values that fields of each must have now.
    pub expect: Map<String, Value>,
    /// Only show what would change.
    pub dry_run: bool,
    /// The spelling of custom fields in the call and its answer.
    pub naming: Naming,
    /// What a preview has returned.
    pub confirm: Option<String>,
}

/// Which items a change is for.
#[derive(Debug)]
pub enum Which {
    /// Those with these ids, in ascending order.
    Ids(Vec<u64>),
    /// Those that match a filter in wire form.
    Filter(Map<String, Value>),
    /// Each with its own values, by ascending id.
    Rows(Vec<Row>),
    /// Those of a recorded change, each of which gets back what it held before.
    Recorded(Recorded),
}

impl Which {
    /// The change that is put back, if one is.
    pub(super) fn restores(&self) -> Option<ChangeId> {
        match self {
            Self::Recorded(recorded) => Some(recorded.change.clone()),
            Self::Ids(_) | Self::Filter(_) | Self::Rows(_) => None,
        }
    }

    /// The items that it names, in ascending order; none where a filter finds them.
    pub(super) fn named(&self) -> Vec<u64> {
        match self {
            Self::Filter(_) => Vec::new(),
            Self::Ids(ids) => ids.clone(),
            Self::Rows(rows) => rows.iter().map(|row| row.id).collect(),
            Self::Recorded(recorded) => recorded.ids().collect(),
        }
    }
}

/// One item and its own values.
#[derive(Debug)]
pub struct Row {
    /// Which item.
    pub id: u64,
    /// New values by field name.
    pub fields: Map<String, Value>,
    /// Where it stands, for messages.
    pub place: String,
}

impl ManyRequest {
    /// The change of one item.
    pub(super) fn patch(&self, item: ItemRef, fields: Option<&Map<String, Value>>) -> Patch {
        Patch {
            item,
            fields: fields.unwrap_or(&self.fields).clone(),
            clear: self.clear.clone(),
            expect: self.expect.clone(),
            dry_run: self.dry_run,
            naming: self.naming,
        }
    }

    /// All that a confirmation is for beside the items, in one form however it was typed.
    pub(super) fn text(&self, user: &str) -> String {
        let rows: Vec<Value> = match &self.which {
            Which::Rows(rows) => rows.iter().map(|row| sorted(&row.fields)).collect(),
            Which::Ids(_) | Which::Filter(_) | Which::Recorded(_) => Vec::new(),
        };
        let (filter, change) = match &self.which {
            Which::Filter(filter) => (sorted(filter), Value::Null),
            Which::Recorded(recorded) => (Value::Null, recorded.change.to_string().into()),
            Which::Ids(_) | Which::Rows(_) => (Value::Null, Value::Null),
        };
        let parts = [
            user.into(),
            self.entity.id().into(),
            filter,
            change,
            rows.into(),
            sorted(&self.fields),
            self.clear.clone().into(),
            sorted(&self.expect),
            self.naming.wire().into(),
        ];
        Value::from(parts.to_vec()).to_string()
    }
}

/// A map whose keys are in order, at every level.
fn sorted(map: &Map<String, Value>) -> Value {
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort();
    let value = |value: &Value| match value {
        Value::Object(inner) => sorted(inner),
        other => other.clone(),
    };
    keys.into_iter().filter_map(|key| Some((key.clone(), value(map.get(key)?)))).collect()
}

/// How a call has ended.
#[derive(Debug)]
pub enum ManyOutcome {
    /// Nothing was written: this is what would be.
    Shown(Box<Preview>),
    /// This was done.
    Done(Box<Report>),
}

/// What a change would do.
#[derive(Debug)]
pub struct Preview {
    /// How many items it is for.
    pub count: usize,
    /// How many would be written.
    pub to_change: usize,
    /// What would become of the others.
    pub tally: Tally,
    /// Some of those that would be written.
    pub samples: Vec<Sample>,
    /// How long it will take, in minutes, rounded up.
    pub minutes: u64,
    /// What the next call has to repeat, where something would be written.
    pub confirm: Option<String>,
    /// Why what was repeated does not hold any more.
    pub conflict: Option<Failure>,
    /// Repairs and what could not be known.
    pub notes: Vec<String>,
}

/// One item that would be written.
#[derive(Debug)]
pub struct Sample {
    /// Which.
    pub id: u64,
    /// What people call it.
    pub title: Option<String>,
    /// What would change.
    pub changes: Vec<Change>,
}

/// What a call did.
#[derive(Debug)]
pub struct Report {
    /// How many items it was for.
    pub count: usize,
    /// What became of them.
    pub tally: Tally,
    /// How many it did not come to.
    pub left: usize,
    /// Why it stopped before the end.
    pub stopped: Option<Stopped>,
    /// What the next call has to repeat in order to go on.
    pub next: Option<String>,
    /// Repairs and what could not be known.
    pub notes: Vec<String>,
}

/// Why a call stopped before the end.
#[derive(Debug)]
pub enum Stopped {
    /// Its time is over, or the request limit leaves it none; the next call can go on after so many
    /// seconds.
    Time {
        /// 0 for at once.
        seconds: u64,
    },
    /// The portal's own limit, for about so many seconds.
    OperationTime(u64),
    /// The client has cancelled it.
    Cancelled,
    /// An answer was lost, and what became of the last items is not known.
    Lost(Box<Failure>),
    /// The portal takes no more requests of this kind.
    Failed(Box<Failure>),
}

impl Stopped {
    /// Why a call cannot go on after this failure.
    pub(super) fn by_failure(failure: Failure) -> Self {
        match failure.code {
            Code::RateLimited => Self::Time { seconds: failure.retry_after_seconds.unwrap_or(1) },
            Code::OperationTimeLimit => {
                Self::OperationTime(failure.retry_after_seconds.unwrap_or_default())
            }
            _ => Self::Failed(Box::new(failure)),
        }
    }
}
