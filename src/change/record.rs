//! What the journal is told of a write: before anything is sent, and when its outcome is known.

use super::{before::Before, plan::Plan, verify::Outcome};
use crate::{
    account::Call,
    crm::{EntityType, Item, ItemRef, Naming, names},
    error::{Code, Failure, Written},
    journal::{Begin, End, Entry, UNKNOWN},
};
use serde_json::{Map, Value};

/// The record of a write that is under way.
pub(super) struct Recording<'a> {
    entry: Entry<'a>,
    naming: Naming,
    items: Vec<ItemRef>,
    requests_before: u32,
    end: End,
    is_one_unknown: bool,
    is_one_written: bool,
}

impl<'a> Recording<'a> {
    /// Records that these plans are about to be sent.
    ///
    /// # Errors
    ///
    /// `JOURNAL_UNAVAILABLE`: then nothing may be sent.
    pub(super) fn begin<'p>(
        call: &'a Call<'_>,
        naming: Naming,
        entity: EntityType,
        writes: impl Iterator<Item = (ItemRef, &'p Before, &'p Plan)>,
    ) -> Result<Self, Failure> {
        let mut begin = Begin::of(entity);
        let mut items = Vec::new();
        for (item, before, plan) in writes {
            begin.ids.push(item.id);
            items.push(item);
            let known = before.item();
            begin.called.extend(known.and_then(Item::called).map(|name| (item.id, name)));
            let (mut held, mut asked_for) = (Map::new(), Map::new());
            for asked in &*plan.asked {
                let name = names::in_naming(&asked.name, Naming::Camel);
                let value = known.and_then(|item| item.get(&asked.name)).cloned();
                held.extend(value.map(|value| (name.clone(), value)));
                begin.kinds.insert(name.clone(), asked.shape.kind);
                asked_for.insert(name, asked.shown());
            }
            begin.before.insert(item.id, held);
            begin.request.insert(item.id, asked_for);
        }
        Ok(Self {
            entry: call.begin(begin)?,
            naming,
            items,
            requests_before: call.deadline.requests(),
            end: End::new("", Written::No),
            is_one_unknown: false,
            is_one_written: false,
        })
    }

    /// Takes what an item shows after its write.
    pub(super) fn outcome(
        &mut self,
        call: &Call<'_>,
        item: ItemRef,
        asked: &Plan,
        outcome: &Outcome,
    ) {
        let (written, changes, shown) = match outcome {
            Outcome::Succeeded { changes, item, .. } => (Written::Yes, changes, item),
            Outcome::Missed { failure, changes, item: shown, .. } => {
                self.end.exceptions.insert(item.id, word(failure.code));
                (failure.written, changes, shown)
            }
        };
        self.is_one_written |= written == Written::Yes;
        self.is_one_unknown |= written == Written::Unknown;
        let (mut after, mut consequences) = (Map::new(), Map::new());
        for asked in &*asked.asked {
            after.extend(in_camel_case(&asked.name, shown.get(&asked.name)));
        }
        for change in changes.iter().filter(|change| !change.asked_for) {
            after.extend(in_camel_case(&change.field, Some(&change.after)));
            consequences.extend(in_camel_case(&change.field, Some(&change.before)));
        }
        for change in changes {
            self.add_names(call, item, &change.field, [&change.before, &change.after]);
        }
        self.end.after.insert(item.id, after);
        if !consequences.is_empty() {
            self.end.consequences.insert(item.id, consequences);
        }
    }

    fn add_names(&mut self, call: &Call<'_>, item: ItemRef, field: &str, values: [&Value; 2]) {
        for value in values {
            let metadata = &call.account.metadata;
            let known = metadata.field_names(item.entity, self.naming, field, value).names;
            if !known.is_empty() {
                let field = names::in_naming(field, Naming::Camel);
                self.end.names.entry(field).or_default().extend(known);
            }
        }
    }

    /// Takes why an item was not written, or that nothing is known of it.
    pub(super) fn failed(&mut self, id: u64, code: Code, written: Written) {
        if self.end.after.contains_key(&id) {
            return;
        }
        self.is_one_unknown |= written == Written::Unknown;
        let word = if written == Written::Unknown { UNKNOWN.to_owned() } else { word(code) };
        self.end.exceptions.insert(id, word);
    }

    /// Records the end. Where that fails, the answer of the call stays what it is.
    pub(super) fn end(self, call: &Call<'_>) {
        /// An item that the call did not come to.
        const NOT_SENT: &str = "not_sent";
        let Self { entry, items, requests_before, mut end, is_one_unknown, is_one_written, .. } =
            self;
        for item in &items {
            if !end.after.contains_key(&item.id) {
                end.exceptions.entry(item.id).or_insert_with(|| NOT_SENT.to_owned());
            }
        }
        end.outcome = match (items.as_slice(), end.exceptions.len()) {
            (_, 0) => "updated".to_owned(),
            ([_only], _) => end.exceptions.values().next().cloned().unwrap_or_default(),
            (_, failed) if failed < items.len() => "partial".to_owned(),
            _ => "failed".to_owned(),
        };
        end.written = match (is_one_unknown, is_one_written) {
            (true, _) => Written::Unknown,
            (false, true) => Written::Yes,
            (false, false) => Written::No,
        };
        end.requests = call.deadline.requests().saturating_sub(requests_before);
        if let Err(unavailable) = entry.end(end) {
            call.note(unavailable.after_the_change());
        }
    }
}

/// A field that has a value, by its name in records.
fn in_camel_case(field: &str, value: Option<&Value>) -> Option<(String, Value)> {
    Some((names::in_naming(field, Naming::Camel), value?.clone()))
}

fn word(code: Code) -> String {
    serde_json::to_value(code)
        .ok()
        .and_then(|code| Some(code.as_str()?.to_owned()))
        .unwrap_or_default()
}
