//! Reading arguments as assistants really send them.
//!
//! Clients pass objects as JSON text, numbers as strings and nulls for what is left out, or wrap
//! all arguments in an object; such things are repaired and noted. Ambiguous arguments become
//! problems, reported together. The tool's own schema says what is expected.

mod lists;
mod reader;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::raw_arguments::RawArguments;
use crate::{
    crm::{EntityType, Naming, kind},
    error::Problem,
    portal::address::Address,
    text,
};
use reader::Reader;

/// `useOriginalUfNames`: a letter, as the portal has it.
#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
pub(super) enum YesNo {
    Y,
    #[default]
    N,
}

impl YesNo {
    pub(super) const fn naming(self) -> Naming {
        match self {
            Self::Y => Naming::Original,
            Self::N => Naming::Camel,
        }
    }
}

/// The problem of a change of nothing.
pub(super) fn names_no_field() -> Problem {
    Problem::new("fields", "names no field; give at least one in `fields` or in `clear`")
}

/// Arguments that fit the tool, with what was repaired.
#[derive(Debug)]
pub(super) struct Parsed<T> {
    pub(super) arguments: T,
    pub(super) notes: Vec<String>,
}

/// Arguments that do not fit the tool.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) problems: Vec<Problem>,
    /// What could be read all the same.
    pub(super) readable: Map<String, Value>,
}

impl From<Vec<Problem>> for Unreadable {
    fn from(problems: Vec<Problem>) -> Self {
        Self { problems, readable: Map::new() }
    }
}

/// Reads arguments by the schema of the tool.
pub(super) fn parse<T: DeserializeOwned>(
    given: RawArguments,
    schema: &Map<String, Value>,
    portal: &Address,
) -> Result<Parsed<T>, Unreadable> {
    let no_properties = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&no_properties);
    let RawArguments { arguments, notes, repeated } = given;
    let mut reader = Reader { properties, portal, entity: None, notes, problems: Vec::new() };
    reader.note_repeated("", repeated);
    let Some(mut given) = reader.open(arguments) else {
        return Err(reader.problems.into());
    };
    given.values_mut().for_each(read_escapes_back);
    reader.entity = given.get("entityTypeId").and_then(|value| match value {
        Value::String(name) => EntityType::named(name).or_else(|| entity_of(value)),
        _ => entity_of(value),
    });
    let mut tidy = Map::new();
    for (name, value) in given {
        let is_flag =
            |name| properties.get(name).and_then(|it| it.get("type")) == Some(&json!("boolean"));
        // Assistants send these for an option that they leave out. A flag is left out by null
        // alone: whether anything is written must not depend on an empty value.
        let is_left_out =
            value.is_null() || ([json!(""), json!([])].contains(&value) && !is_flag(&name));
        if is_left_out {
            continue;
        }
        match properties.get(&name).and_then(Value::as_object) {
            Some(property) => {
                if let Some(value) = reader.repair(&name, property, value) {
                    tidy.insert(name, value);
                }
            }
            None => reader.unknown(&name),
        }
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        let is_reported = reader.problems.iter().any(|problem| problem.path == name);
        if !tidy.contains_key(name) && !is_reported {
            reader.problems.push(Problem::new(name, "is required and missing"));
        }
    }
    if !reader.problems.is_empty() {
        return Err(Unreadable { problems: reader.problems, readable: tidy });
    }
    match serde_json::from_value(Value::Object(tidy)) {
        Ok(arguments) => Ok(Parsed { arguments, notes: reader.notes }),
        Err(error) => {
            Err(vec![Problem::new("arguments", format!("cannot be read: {error}"))].into())
        }
    }
}

/// The escapes of invisible characters that answers show, read as the characters again.
fn read_escapes_back(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(read) = text::read_back(text) {
                *text = read;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(read_escapes_back),
        Value::Object(entries) => entries.values_mut().for_each(read_escapes_back),
        _ => {}
    }
}

fn entity_of(value: &Value) -> Option<EntityType> {
    let id = kind::whole_number(value)?;
    u32::try_from(id).ok().map(EntityType::new)
}
