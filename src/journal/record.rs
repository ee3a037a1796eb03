//! What the journal keeps of a change: what was to be written and what had been there, and what
//! came of it. How it is written to a file is said in `line`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::change_id::ChangeId;
use crate::{
    crm::{EntityType, ItemRef, Kind},
    error::Written,
};

/// Fields of items, by the items' ids. The names are those of the wire in camelCase.
pub type ByItem = BTreeMap<u64, Map<String, Value>>;

/// The program that asked for a change, as it calls itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientName {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Who made a change, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The process, by a random text.
    pub run: String,
    /// The tool that was called.
    pub tool: String,
    /// Who called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientName>,
    /// The portal's host.
    pub portal: String,
    /// Whose rights it had: the user of the credentials, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// What is recorded before anything is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Begin {
    /// The type of the items.
    #[serde(rename = "entityTypeId", with = "entity_type_id")]
    pub entity: EntityType,
    /// The items.
    pub ids: Vec<u64>,
    /// What they are called.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub called: BTreeMap<u64, String>,
    /// The kind of each field.
    #[serde(default, with = "kind_names", skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<String, Kind>,
    /// What the fields held.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub before: ByItem,
    /// What is sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request: ByItem,
}

impl Begin {
    /// Of no items yet.
    pub fn of(entity: EntityType) -> Self {
        Self {
            entity,
            ids: Vec::new(),
            called: BTreeMap::new(),
            kinds: BTreeMap::new(),
            before: ByItem::new(),
            request: ByItem::new(),
        }
    }
}

/// What is recorded when the outcome is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// A status of answers such as `updated`, or the code of an error such as `NOT_APPLIED`.
    pub outcome: String,
    /// Whether anything was written.
    pub written: Written,
    /// What the fields hold now, as the portal answered them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub after: ByItem,
    /// What the fields held before that the portal changed of its own accord; `after` has what they
    /// hold now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub consequences: ByItem,
    /// The outcomes of those items whose own is another.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exceptions: BTreeMap<u64, String>,
    /// What codes are called, by field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, BTreeMap<String, String>>,
    /// How many requests it took.
    pub requests: u32,
}

impl End {
    /// Whether an item was certainly not written.
    pub fn has_not_written(&self, id: u64) -> bool {
        let is_unknown = match self.exceptions.get(&id) {
            Some(outcome) => outcome == UNKNOWN,
            None => self.written == Written::Unknown,
        };
        !is_unknown && !self.after.contains_key(&id)
    }

    /// An outcome of which nothing more is known.
    pub fn new(outcome: impl Into<String>, written: Written) -> Self {
        Self {
            outcome: outcome.into(),
            written,
            after: ByItem::new(),
            consequences: ByItem::new(),
            exceptions: BTreeMap::new(),
            names: BTreeMap::new(),
            requests: 0,
        }
    }
}

/// One attempt to write: an item, or a chunk of many.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// When it began.
    pub time: Timestamp,
    /// The number of its first record in its run.
    pub seq: u64,
    /// Its number among the attempts of its change, from 1 on.
    pub number: u32,
    /// What was recorded before.
    pub begin: Begin,
    /// What was recorded afterwards; `None` when the outcome is not known.
    pub end: Option<End>,
    /// How long it took, where it has an end.
    pub took: Option<Duration>,
    /// Whether values were recorded: without them there are names of fields only.
    pub has_values: bool,
}

/// The outcome of an attempt that has no end, of a change with such an attempt, and of an item whose
/// write got no answer.
pub const UNKNOWN: &str = "unknown";

/// The outcome of a change whose items have different ones.
const PARTIAL: &str = "partial";

impl Part {
    /// What became of an item of it.
    pub fn outcome_of(&self, id: u64) -> &str {
        match &self.end {
            None => UNKNOWN,
            Some(end) => end.exceptions.get(&id).unwrap_or(&end.outcome),
        }
    }
}

/// One change: what one call of a tool, or a call and those that went on with it, did.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its id.
    pub id: ChangeId,
    /// Its attempts, in order; never none.
    pub parts: Vec<Part>,
    pub(super) origin: Origin,
}

impl Change {
    /// The tool that made it.
    pub fn tool(&self) -> &str {
        &self.origin.tool
    }

    /// The program that asked for it.
    pub const fn client(&self) -> Option<&ClientName> {
        self.origin.client.as_ref()
    }

    /// Whose rights it had.
    pub fn user(&self) -> Option<&str> {
        self.origin.user.as_deref()
    }

    /// The portal's host.
    pub fn portal(&self) -> &str {
        &self.origin.portal
    }

    /// The process that made it, by a random text.
    pub fn run(&self) -> &str {
        &self.origin.run
    }

    /// When it began.
    pub fn started(&self) -> Timestamp {
        self.parts.first().map(|part| part.time).unwrap_or_default()
    }

    /// Its items, each once, in ascending order.
    pub fn items(&self) -> impl Iterator<Item = (EntityType, u64)> + use<> {
        let items = self.parts.iter().flat_map(|part| {
            let ids = part.begin.ids.iter();
            ids.map(|id| (part.begin.entity, *id))
        });
        items.collect::<BTreeSet<_>>().into_iter()
    }

    /// Whether it is about an item.
    pub fn is_of(&self, item: ItemRef) -> bool {
        let is_of =
            |part: &Part| part.begin.entity == item.entity && part.begin.ids.contains(&item.id);
        self.parts.iter().any(is_of)
    }

    /// The outcome in a word: that of all items, `partial` when they differ, `unknown` when an attempt
    /// has no end.
    pub fn outcome(&self) -> &str {
        let mut outcomes = BTreeSet::new();
        for part in &self.parts {
            let Some(end) = &part.end else {
                return UNKNOWN;
            };
            outcomes.extend(part.begin.ids.iter().map(|id| part.outcome_of(*id)));
            if part.begin.ids.is_empty() {
                outcomes.insert(&end.outcome);
            }
        }
        match outcomes.first() {
            Some(outcome) if outcomes.len() == 1 => outcome,
            _ => PARTIAL,
        }
    }

    /// Whether anything was written; unknown when an attempt has no end.
    pub fn written(&self) -> Written {
        let written = |part: &Part| part.end.as_ref().map_or(Written::Unknown, |end| end.written);
        let all: Vec<Written> = self.parts.iter().map(written).collect();
        let first = [Written::Unknown, Written::Yes].into_iter().find(|it| all.contains(it));
        first.unwrap_or(Written::No)
    }

    /// Whether an item of it is not as it was asked for, or that is not known: an outcome that is the
    /// code of an error is written in capitals.
    pub fn is_failed(&self) -> bool {
        let is_bad = |outcome: &str| {
            outcome == UNKNOWN || outcome == PARTIAL || outcome.starts_with(char::is_uppercase)
        };
        self.parts.iter().any(|part| match &part.end {
            None => true,
            Some(end) => {
                is_bad(&end.outcome) || end.exceptions.values().any(|outcome| is_bad(outcome))
            }
        })
    }

    /// Whether no attempt of it has been forgotten or is in another file.
    pub fn has_all_parts(&self) -> bool {
        self.parts.iter().zip(1..).all(|(part, number)| part.number == number)
    }

    /// The same with the attempts that only the other has, which is the same change.
    pub(super) fn with_parts_of(mut self, other: Self) -> Self {
        let is_new = |part: &Part| self.parts.iter().all(|known| known.number != part.number);
        let new: Vec<Part> = other.parts.into_iter().filter(is_new).collect();
        self.parts.extend(new);
        self.parts.sort_by_key(|part| part.number);
        self
    }

    /// Whether everything about it is known: every attempt has its end and its values, and none has
    /// been forgotten or is in another file.
    pub fn is_complete(&self) -> bool {
        let is_whole = |part: &Part| part.end.is_some() && part.has_values;
        self.has_all_parts() && self.parts.iter().all(is_whole)
    }
}

mod entity_type_id {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::crm::EntityType;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(entity: &EntityType, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(entity.id())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<EntityType, D::Error> {
        u32::deserialize(from).map(EntityType::new)
    }
}

mod kind_names {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::crm::Kind;

    pub(super) fn serialize<S: Serializer>(
        kinds: &BTreeMap<String, Kind>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_map(kinds.iter().map(|(field, kind)| (field, kind.name())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<String, Kind>, D::Error> {
        let names = BTreeMap::<String, String>::deserialize(from)?;
        Ok(names.into_iter().map(|(field, name)| (field, Kind::named(&name))).collect())
    }
}
