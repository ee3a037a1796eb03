//! What this server may write: the read-only switch, the entity types, and the rules of a policy file.
//!
//! They meet here, and every write passes twice: each plan is checked field by field, and nothing is
//! recorded or sent of an entity type that may not be written. The rights of the webhook's user are the
//! boundary; this is a help. The file's grammar is in `file`.

mod file;

use std::collections::BTreeMap;

use serde_json::Value;

pub use file::Mistake;

use crate::{
    config::hints,
    crm::{
        EntityType, EntityTypes, Item, Kind, Naming, catalog, decimal::Decimal, kind, names, stage,
    },
    error::{Code, Failure, Problem, Retry},
};

/// What may be written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WritePolicy {
    /// The most items of one change of many.
    pub max_items: Option<usize>,
    /// A change of more items needs a confirmation.
    pub confirm_above: Option<usize>,
    rules: BTreeMap<EntityType, Rules>,
    read_only: bool,
    types: EntityTypes,
    is_unusable: bool,
}

/// The rules for items of one entity type. What one of them denies, no other allows.
#[derive(Debug, Clone, Default, PartialEq)]
struct Rules {
    /// How the file names the type.
    name: String,
    deny_fields: Vec<String>,
    deny_stages: Vec<String>,
    pipelines: Option<Vec<i64>>,
    max: BTreeMap<String, Decimal>,
    only_shows: bool,
}

/// A field that is to be written.
#[derive(Debug, Clone, Copy)]
pub struct ToWrite<'a> {
    /// Where it was typed.
    pub path: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The new value, where it is not made of parts such as files or phones.
    pub value: Option<&'a Value>,
}

/// Whom to ask.
const ASK_THE_ADMINISTRATOR: &str = "tell the user that the policy of this server, which its administrator has set, \
                         forbids it; no other call can do it";

impl WritePolicy {
    /// Reads a policy file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn read(text: &str) -> Result<Self, Vec<Mistake>> {
        file::read(text)
    }

    /// That of a file that cannot be used: nothing may be written.
    pub fn unusable() -> Self {
        Self { is_unusable: true, ..Self::default() }
    }

    /// The same with the other settings that limit what is written.
    #[must_use]
    pub fn limited_to(self, types: EntityTypes, read_only: bool) -> Self {
        Self { read_only, types, ..self }
    }

    /// Whether items of the type may be written at all.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn allows_writing(&self, entity: EntityType) -> Result<(), Failure> {
        if self.is_unusable {
            let message =
                "the policy file of this server cannot be used, so nothing may be written";
            return Err(Failure::new(Code::Configuration, Retry::No, message, hints::POLICY));
        }
        if self.read_only {
            let message = "this server is read-only";
            return Err(Failure::new(Code::ReadOnly, Retry::No, message, hints::READ_ONLY));
        }
        if !self.types.contains(entity) {
            let message = format!("this server only allows {}", self.types);
            return Err(denied(message));
        }
        Ok(())
    }

    /// Whether changes of items of the type are only shown.
    pub fn only_shows(&self, entity: EntityType) -> bool {
        self.rules.get(&entity).is_some_and(|rules| rules.only_shows)
    }

    /// The note of an answer whose change was only shown for that reason.
    pub fn only_shown(&self, entity: EntityType) -> Option<String> {
        let rules = self.rules.get(&entity).filter(|rules| rules.only_shows)?;
        Some(format!(
            "nothing was written: the policy's `{}.mode` lets this server only show such changes",
            rules.name
        ))
    }

    /// Whether a field of the type may never be written.
    pub fn denies_field(&self, entity: EntityType, name: &str) -> bool {
        self.rules.get(&entity).is_some_and(|rules| rules.denies(entity, name))
    }

    /// Whether it denies any field.
    pub fn denies_fields(&self) -> bool {
        self.rules.values().any(|rules| !rules.deny_fields.is_empty())
    }

    /// Refuses a change of too many items.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn allows_count(&self, count: u64) -> Result<(), Failure> {
        match self.max_items {
            Some(most) if count > most as u64 => Err(denied(format!(
                "the policy's `max_items` allows {most} items in one change, and these are {count}"
            ))),
            _ => Ok(()),
        }
    }

    /// What is wrong with writing an item that could not be read, where a rule depends on what it is.
    pub fn problem_with_unread(&self, entity: EntityType) -> Option<Problem> {
        let rules = self.rules.get(&entity)?;
        (rules.pipelines.is_some() || !rules.deny_stages.is_empty()).then(|| {
            let message = "names an item that could not be read, and rules of the policy depend on its \
                           pipeline and stage";
            Problem { code: Code::PolicyDenied, ..Problem::new("id", message) }
        })
    }

    /// What is wrong with writing these fields of an item; with no item, as far as it is known without.
    pub fn problems<'a>(
        &self,
        entity: EntityType,
        item: Option<&Item>,
        fields: impl Iterator<Item = ToWrite<'a>>,
    ) -> Vec<Problem> {
        let Some(rules) = self.rules.get(&entity) else { return Vec::new() };
        let mut problems = Vec::new();
        if let (Some(item), Some(pipelines)) = (item, &rules.pipelines) {
            let pipeline = item.pipeline(entity);
            if pipeline.is_none_or(|pipeline| !pipelines.contains(&pipeline)) {
                let message = format!(
                    "is of a pipeline whose items the policy's `{}` does not let be changed",
                    rules.key("pipelines")
                );
                problems.push(Problem::new("id", message));
            }
        }
        let fields: Vec<ToWrite<'_>> = fields.collect();
        for field in &fields {
            let message = rules.refusal(entity, item, field);
            problems.extend(message.map(|message| Problem::new(field.path, message)));
        }
        let denied = |problem: Problem| Problem { code: Code::PolicyDenied, ..problem };
        let for_the_user = |problem: Problem| denied(problem.for_the_user(ASK_THE_ADMINISTRATOR));
        let another_call_helps = rules.stage_is_left_open(entity, item, &fields).map(denied);
        problems.into_iter().map(for_the_user).chain(another_call_helps).collect()
    }
}

impl Rules {
    /// How the file names a rule.
    fn key(&self, rule: &str) -> String {
        format!("{}.{rule}", self.name)
    }

    /// Whether a field is denied, in whatever spelling; a single link is the first of its list.
    fn denies(&self, entity: EntityType, name: &str) -> bool {
        let form = |name: &str| match catalog::spelt(entity, name) {
            Some(row) => catalog::list_of(entity, row.name).unwrap_or(row.name).to_owned(),
            None => names::folded(&names::in_naming(name, Naming::Camel)),
        };
        self.deny_fields.iter().any(|denied| form(denied) == form(name))
    }

    fn refusal(
        &self,
        entity: EntityType,
        item: Option<&Item>,
        field: &ToWrite<'_>,
    ) -> Option<String> {
        if self.denies(entity, field.name) {
            let key = self.key("deny_fields");
            return Some(format!("must not be written: the policy's `{key}` forbids it"));
        }
        let value = field.value?;
        let kind_of = |name: &str| catalog::spelt(entity, name).map(|row| row.kind);
        if kind_of(field.name) == Some(Kind::Stage) {
            return self.stage_refusal(entity, item, value.as_str()?);
        }
        if kind_of(field.name) == Some(Kind::Category) {
            let stays = item.and_then(|item| item.pipeline(entity)) == kind::whole_number(value);
            let mut denied = self.deny_fields.iter();
            if denied.any(|name| kind_of(name) == Some(Kind::Stage)) && !stays {
                let key = self.key("deny_fields");
                return Some(format!(
                    "would change the stage too, which the policy's `{key}` forbids"
                ));
            }
            let key = self.key("pipelines");
            let allowed = self.pipelines.as_ref()?;
            let is_allowed = kind::whole_number(value).is_none_or(|id| allowed.contains(&id));
            return (!is_allowed)
                .then(|| format!("is a pipeline that the policy's `{key}` does not allow"));
        }
        let folded = names::folded(&names::in_naming(field.name, Naming::Camel));
        let (_, most) = self.max.iter().find(|(limited, _)| names::folded(limited) == folded)?;
        let amount = |value: &Value| match value {
            Value::String(text) => Decimal::read(text.split('|').next().unwrap_or_default().trim()),
            other => Decimal::of(other),
        };
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        let largest = values.iter().filter_map(amount).max();
        let key = self.key("max");
        largest
            .is_some_and(|amount| amount > *most)
            .then(|| format!("is larger than the policy's `{key}` allows for this field"))
    }

    /// What is wrong with a pipeline without a stage, where stages are denied: the portal would choose one.
    fn stage_is_left_open(
        &self,
        entity: EntityType,
        item: Option<&Item>,
        fields: &[ToWrite<'_>],
    ) -> Option<Problem> {
        let of_kind = |kind: Kind| {
            let is_of = |field: &&ToWrite<'_>| {
                catalog::spelt(entity, field.name).is_some_and(|row| row.kind == kind)
            };
            fields.iter().find(is_of)
        };
        let category = of_kind(Kind::Category)?;
        let stays = item?.pipeline(entity) == kind::whole_number(category.value?);
        if self.deny_stages.is_empty() || of_kind(Kind::Stage).is_some() || stays {
            return None;
        }
        let key = self.key("deny_stages");
        let message = format!(
            "needs `stageId` beside it: the portal would choose the stage, and the policy's `{key}` forbids some"
        );
        Some(Problem::new(category.path, message))
    }

    fn stage_refusal(&self, entity: EntityType, item: Option<&Item>, code: &str) -> Option<String> {
        // What is there already is no move into it.
        if item.and_then(|item| item.get("stageId")).and_then(Value::as_str) == Some(code) {
            return None;
        }
        let own_name =
            |code: &str| code.rsplit(':').next().unwrap_or_default().to_ascii_uppercase();
        let is_denied = |denied: &String| match denied.strip_prefix("*:") {
            Some(name) => own_name(name) == own_name(code),
            // `C0:NEW` and `NEW` are one stage.
            None => {
                own_name(denied) == own_name(code)
                    && stage::pipeline(entity, denied).ok() == stage::pipeline(entity, code).ok()
            }
        };
        if self.deny_stages.iter().any(is_denied) {
            let key = self.key("deny_stages");
            return Some(format!("is a stage that the policy's `{key}` forbids"));
        }
        // What is typed may be the name of a stage until the item is known.
        if item.is_none() && !code.contains(':') {
            return None;
        }
        let pipeline = stage::pipeline(entity, code).ok()??;
        let is_allowed = self.pipelines.as_ref()?.contains(&pipeline);
        let key = self.key("pipelines");
        (!is_allowed).then(|| format!("is of a pipeline that the policy's `{key}` does not allow"))
    }
}

fn denied(message: String) -> Failure {
    Failure::new(Code::PolicyDenied, Retry::No, message, ASK_THE_ADMINISTRATOR)
}

#[cfg(test)]
mod tests;
