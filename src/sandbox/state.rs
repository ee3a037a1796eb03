//! What the sandbox holds: entity types, their own fields, pipelines and items.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use serde_json::{Map, Value, json};

use super::{Command, Received, Rules, files::Files, operating::Meters};
use crate::crm::{
    EntityType, Family, Kind, Naming,
    catalog::{self, Access},
    names,
};

pub(super) type Shared = Arc<Mutex<State>>;

pub(super) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) types: BTreeMap<u32, TypeData>,
    pub(super) common: Common,
    pub(super) users: Vec<User>,
    /// External users, whom the CRM is closed to.
    pub(super) extranet_users: BTreeSet<u32>,
    pub(super) received: Vec<Received>,
    pub(super) commands: Vec<Command>,
    pub(super) meters: Meters,
    pub(super) bucket: Option<(f64, Instant)>,
}

impl State {
    /// Whether the request limit lets one more request pass.
    pub(super) fn lets_pass(&mut self) -> bool {
        let Some((burst, per_second)) = self.common.rules.limit else {
            return true;
        };
        let now = Instant::now();
        let (level, before) = self.bucket.unwrap_or((0.0, now));
        let leaked = now.duration_since(before).as_secs_f64() * per_second;
        let level = (level - leaked).max(0.0);
        let passes = level + 1.0 <= burst;
        self.bucket = Some((if passes { level + 1.0 } else { level }, now));
        passes
    }
}

/// A user of the portal.
#[derive(Debug, Clone, Copy)]
pub(super) struct User {
    pub(super) id: u32,
    pub(super) name: &'static str,
    pub(super) last_name: &'static str,
    pub(super) email: &'static str,
    pub(super) position: &'static str,
    pub(super) is_active: bool,
}

/// What all entity types share.
#[derive(Debug, Default)]
pub(super) struct Common {
    /// Currencies that the portal has.
    pub(super) currencies: BTreeSet<&'static str>,
    pub(super) files: Files,
    /// The id of the next phone or e-mail.
    pub(super) next_record: i64,
    /// How often items were read; links are signed with it.
    pub(super) reads: u64,
    pub(super) rules: Rules,
}

#[derive(Debug)]
pub(super) struct TypeData {
    pub(super) entity: EntityType,
    /// The name of a smart process.
    pub(super) title: &'static str,
    pub(super) custom: Vec<CustomField>,
    /// Entity types whose items can be parents.
    pub(super) parents: Vec<u32>,
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) items: BTreeMap<u64, Map<String, Value>>,
    /// Standard fields that this type has switched off.
    pub(super) switched_off: &'static [&'static str],
    /// Items that webhooks may not touch.
    pub(super) closed_items: BTreeSet<u64>,
    /// Whether the portal's plan forbids changing its items.
    pub(super) is_restricted_by_plan: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct CustomField {
    pub(super) upper_name: &'static str,
    pub(super) title: &'static str,
    pub(super) portal_type: &'static str,
    pub(super) is_multiple: bool,
    /// Options of an enumeration: id and text.
    pub(super) options: &'static [(i64, &'static str)],
}

#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub(super) id: i64,
    pub(super) name: &'static str,
    pub(super) stages: &'static [Stage],
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) semantics: Semantics,
    /// Whether webhooks lack the right to move items here.
    pub(super) is_locked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Semantics {
    Process,
    Success,
    Failure,
}

impl Semantics {
    pub(super) const fn letter(self) -> &'static str {
        match self {
            Self::Process => "P",
            Self::Success => "S",
            Self::Failure => "F",
        }
    }
}

/// A field as the sandbox sees it: a row of the catalogue, a custom field or a relation.
#[derive(Debug, Clone, Copy)]
pub(super) enum AnyField {
    Standard(&'static catalog::Field),
    Custom(CustomField),
    Parent(u32),
}

impl AnyField {
    pub(super) fn upper_name(self) -> String {
        match self {
            Self::Standard(row) => names::to_upper(row.name),
            Self::Custom(field) => field.upper_name.to_owned(),
            Self::Parent(entity_type_id) => format!("PARENT_ID_{entity_type_id}"),
        }
    }

    /// The name under which items hold the value: the camelCase one.
    pub(super) fn camel_name(self) -> String {
        match self {
            Self::Standard(row) => row.name.to_owned(),
            Self::Custom(field) => names::to_camel(field.upper_name),
            Self::Parent(entity_type_id) => format!("parentId{entity_type_id}"),
        }
    }

    pub(super) fn is_writable(self) -> bool {
        match self {
            Self::Standard(row) => matches!(row.access, Access::Writable),
            Self::Custom(_) | Self::Parent(_) => true,
        }
    }
}

impl TypeData {
    pub(super) fn new(id: u32, title: &'static str) -> Self {
        Self {
            entity: EntityType::new(id),
            title,
            custom: Vec::new(),
            parents: Vec::new(),
            pipelines: Vec::new(),
            items: BTreeMap::new(),
            switched_off: &[],
            closed_items: BTreeSet::new(),
            is_restricted_by_plan: false,
        }
    }

    /// Columns of answers that hold nothing.
    fn unused_columns(&self) -> &'static [&'static str] {
        match self.entity.family() {
            Some(Family::Lead) => &[
                "dateCreateShort",
                "dateModifyShort",
                "isConvert",
                "productId",
                "shortName",
                "address",
                "dateClosed",
                "login",
                "skype",
                "icq",
            ],
            Some(Family::Deal) => &[
                "dateCreateShort",
                "dateModifyShort",
                "productId",
                "begindateShort",
                "closedateShort",
                "eventDate",
                "eventDateShort",
                "eventId",
                "eventDescription",
                "orderStage",
                "isWork",
                "isWon",
                "isLose",
                "receivedAmount",
                "lostAmount",
                "hasProducts",
            ],
            _ => &[],
        }
    }

    /// Every field of the type that answers show.
    pub(super) fn fields(&self) -> impl Iterator<Item = AnyField> {
        let family = self.entity.family();
        let standard = catalog::FIELDS
            .iter()
            .filter(move |row| family.is_some_and(|family| row.belongs_to(family)))
            .filter(|row| row.access != Access::Hidden && !self.switched_off.contains(&row.name))
            .map(AnyField::Standard);
        let custom = self.custom.iter().copied().map(AnyField::Custom);
        standard.chain(custom).chain(self.parents.iter().copied().map(AnyField::Parent))
    }

    /// The field that an input key reaches, by the portal's own conversion.
    pub(super) fn field(&self, key: &str, naming: Naming) -> Option<AnyField> {
        let by_upper = |upper: &str| self.fields().find(|field| field.upper_name() == upper);
        // `FM` is not converted: only the lower-case name reaches the multifields.
        if key == "FM" {
            return None;
        }
        if naming == Naming::Original && key.starts_with("UF_") {
            return by_upper(key);
        }
        let is_system = |field: &AnyField| !matches!(field, AnyField::Custom(_));
        if let Some(field) = by_upper(key).filter(is_system) {
            return Some(field);
        }
        let known = self.fields().find(|field| field.camel_name() == key);
        known.or_else(|| by_upper(&names::to_upper(key)))
    }

    pub(super) fn stages_of(&self, pipeline: i64) -> &'static [Stage] {
        self.pipelines.iter().find(|candidate| candidate.id == pipeline).map_or(&[], |it| it.stages)
    }

    /// Adds an item that holds these values and is empty otherwise.
    pub(super) fn add(&mut self, id: u64, values: Value) {
        let columns = self.fields().map(|field| (field.camel_name(), empty_column(field)));
        let mut item: Map<String, Value> =
            std::iter::once(("id".to_owned(), Value::Null)).chain(columns).collect();
        for column in self.unused_columns() {
            item.insert((*column).to_owned(), Value::Null);
        }
        if self.entity.family() == Some(Family::Deal) {
            item.insert("webformId".to_owned(), json!(0));
        }
        let made = json!({
            "id": id,
            "entityTypeId": self.entity.id(),
            "createdTime": "2026-09-01T09:00:00+02:00",
            "createdBy": 1,
            "updatedTime": "2026-09-01T09:00:00+02:00",
            "updatedBy": 1,
            "lastActivityTime": "2026-09-01T09:00:00+02:00",
            "lastActivityBy": 1,
            "assignedById": 1,
            "opened": "Y",
        });
        for values in [made, values] {
            if let Value::Object(values) = values {
                item.extend(values);
            }
        }
        let stage = item.get("stageId").and_then(Value::as_str).map(str::to_owned);
        if let Some(stage) = stage {
            let pipeline = self.pipeline_of(&item);
            let semantics = self
                .stages_of(pipeline)
                .iter()
                .find(|candidate| candidate.code == stage)
                .map_or(Semantics::Process, |stage| stage.semantics);
            item.insert("stageSemanticId".to_owned(), semantics.letter().into());
        }
        if item.contains_key("fm") {
            super::records::set_flags(&mut item);
        }
        let title = item.get("title").and_then(Value::as_str).unwrap_or_default();
        let search = format!("{id} {title}");
        item.insert("searchContent".to_owned(), search.into());
        self.items.insert(id, item);
    }

    /// The pipeline of an item; types without `categoryId` have one.
    pub(super) fn pipeline_of(&self, item: &Map<String, Value>) -> i64 {
        let only = self.pipelines.first().map_or(0, |pipeline| pipeline.id);
        match self.entity.family() {
            Some(Family::Deal | Family::SmartProcess) => {
                item.get("categoryId").and_then(Value::as_i64).unwrap_or(only)
            }
            _ => only,
        }
    }
}

/// What a column holds before anything was put into it.
fn empty_column(field: AnyField) -> Value {
    match field {
        AnyField::Standard(row) => match row.kind {
            Kind::YesNo => json!("N"),
            // Of the items that one item comes from, answers say null.
            Kind::Link if ["leadId", "dealId", "quoteId"].contains(&row.name) => Value::Null,
            Kind::Amount | Kind::Link => json!(0),
            _ if row.zero_means_none => json!(0),
            Kind::Users | Kind::Links | Kind::Integers | Kind::Multifield => json!([]),
            Kind::Picture => json!(0),
            _ => Value::Null,
        },
        AnyField::Custom(field) if field.is_multiple => json!([]),
        AnyField::Custom(_) | AnyField::Parent(_) => Value::Null,
    }
}
