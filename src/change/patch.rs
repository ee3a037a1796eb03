//! What a call asks for: parsed, but with names and values as they were typed.

use serde_json::{Map, Value};

use crate::{
    crm::{ItemRef, Naming},
    error::Problem,
    policy::{ToWrite, WritePolicy},
};

/// A requested change of one item.
#[derive(Debug, Clone)]
pub struct Patch {
    /// Which item.
    pub item: ItemRef,
    /// Field names and new values.
    pub fields: Map<String, Value>,
    /// Field names to empty.
    pub clear: Vec<String>,
    /// Field names and the values that they must have now.
    pub expect: Map<String, Value>,
    /// Only show what would change.
    pub dry_run: bool,
    /// The spelling of custom fields in the call and its answer.
    pub naming: Naming,
}

impl Patch {
    /// The patch of an item whose plan was made from another one.
    pub(super) fn of_item(item: ItemRef, naming: Naming) -> Self {
        Self {
            item,
            fields: Map::new(),
            clear: Vec::new(),
            expect: Map::new(),
            dry_run: false,
            naming,
        }
    }

    /// What the policy denies of it whatever the item holds.
    pub(super) fn denied_by(&self, policy: &WritePolicy) -> Vec<Problem> {
        let fields = self.fields.iter().map(|(name, value)| (name, Some(value), "fields"));
        let clear = self.clear.iter().map(|name| (name, None, "clear"));
        let typed: Vec<(String, &String, Option<&Value>)> = fields
            .chain(clear)
            .map(|(name, value, part)| (format!("{part}.{name}"), name, value))
            .collect();
        let to_write =
            typed.iter().map(|(path, name, value)| ToWrite { path, name, value: *value });
        policy.problems(self.item.entity, None, to_write)
    }

    /// Every name that it uses, with whether the field is to be written.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, bool)> + Clone {
        let written = self.fields.keys().chain(&self.clear).map(|name| (name.as_str(), true));
        written.chain(self.expect.keys().map(|name| (name.as_str(), false)))
    }

    /// Every path of the call, in order.
    pub(super) fn paths(&self) -> Vec<String> {
        let fields = self.fields.keys().map(|name| format!("fields.{name}"));
        let clear = self.clear.iter().map(|name| format!("clear.{name}"));
        let expect = self.expect.keys().map(|name| format!("expect.{name}"));
        fields.chain(clear).chain(expect).collect()
    }
}
