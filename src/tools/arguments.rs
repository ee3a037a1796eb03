//! Reading arguments as assistants really send them.
//!
//! Clients pass objects as JSON text, numbers as strings and nulls for what is left out, or wrap
//! all arguments in an object; such things are repaired and noted. Ambiguous arguments become
//! problems, reported together. The tool's own schema says what is expected.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::raw_arguments::RawArguments;
use crate::{
    crm::{EntityType, Naming, catalog, kind, names},
    error::Problem,
    json,
    portal::address::Address,
    text,
};

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

struct Reader<'a> {
    properties: &'a Map<String, Value>,
    portal: &'a Address,
    /// The entity type that the call names.
    entity: Option<EntityType>,
    notes: Vec<String>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn note_repeated(&mut self, within: &str, repeated: Vec<String>) {
        let problems = repeated.into_iter().map(|path| {
            let path = if within.is_empty() { path } else { format!("{within}.{path}") };
            Problem::new(path, "is given twice; send it once")
        });
        self.problems.extend(problems);
    }

    /// Unwraps the arguments where a client wrapped them.
    fn open(&mut self, raw: Value) -> Option<Map<String, Value>> {
        let mut given = match raw {
            Value::Null => Map::new(),
            raw => self.object("arguments", raw)?,
        };
        let wrapper = ["arguments", "input", "params"]
            .into_iter()
            .find(|name| given.len() == 1 && given.contains_key(*name));
        if let Some(wrapper) = wrapper.filter(|name| !self.properties.contains_key(*name)) {
            let inner = given.remove(wrapper).unwrap_or_default();
            if !inner.is_object() && !inner.is_string() {
                self.expected("arguments", "a JSON object", &inner);
                return None;
            }
            given = self.object("arguments", inner)?;
            self.notes.push("the arguments were unwrapped".to_owned());
        }
        Some(given)
    }

    fn repair(&mut self, name: &str, property: &Map<String, Value>, value: Value) -> Option<Value> {
        match property.get("type").and_then(Value::as_str) {
            Some("integer") => {
                let least = property.get("minimum").and_then(Value::as_i64).unwrap_or(i64::MIN);
                self.integer(name, least, &value)
            }
            Some("object") => self.object(name, value).map(Value::Object),
            Some("boolean") => self.boolean(name, value),
            Some("array") => self.strings(name, &value),
            _ => self.letter(name, property, value),
        }
    }

    fn integer(&mut self, name: &str, least: i64, value: &Value) -> Option<Value> {
        let number = match value {
            Value::String(text) => match text.trim().parse::<i64>() {
                Ok(number) => Some(number),
                Err(_) if name == "id" && self.entity.is_some() => {
                    return self.item_id(text);
                }
                Err(_) if name == "entityTypeId" => {
                    EntityType::named(text).map(|entity| i64::from(entity.id()))
                }
                Err(_) => None,
            },
            Value::Number(number) => number.as_i64().or_else(|| {
                let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
                // Beyond this a float does not say which whole number is meant.
                (number.abs() < 9e15).then(|| format!("{number:.0}").parse().ok())?
            }),
            _ => None,
        };
        match number {
            Some(number) if number >= least => {
                if !value.is_i64() && !value.is_u64() {
                    self.notes.push(format!("`{name}` was read as {number}"));
                }
                Some(number.into())
            }
            Some(_) => {
                self.expected(name, &format!("a whole number of at least {least}"), value);
                None
            }
            None if name == "entityTypeId" => {
                let expected = "the number of an entity type (1 lead, 2 deal, 3 contact, \
                                4 company, 7 quote, 31 invoice, or a smart process's own)";
                self.expected(name, expected, value);
                None
            }
            None => {
                self.expected(name, "a whole number", value);
                None
            }
        }
    }

    /// The id of an item as people pass it on.
    fn item_id(&mut self, text: &str) -> Option<Value> {
        let entity = self.entity?;
        let is_elsewhere = text.contains("://") && {
            let address = self.portal.to_string();
            let rest = text
                .trim()
                .get(..address.len())
                .map(|start| (start, text.trim().get(address.len()..)));
            !rest.is_some_and(|(start, rest)| {
                start.eq_ignore_ascii_case(&address)
                    && rest.is_some_and(|rest| rest.starts_with('/'))
            })
        };
        let id = if is_elsewhere {
            Err(format!("is a link to a portal other than {}", self.portal).into())
        } else {
            entity.item_in(text)
        };
        match id {
            Ok(id) => {
                self.notes.push(format!("`id` was read as {id}"));
                Some(id.into())
            }
            Err(wrong) => {
                self.problems.push(Problem::of("id", wrong));
                None
            }
        }
    }

    /// An object, or JSON text of one, up to two layers deep.
    fn object(&mut self, name: &str, value: Value) -> Option<Map<String, Value>> {
        let mut value = value;
        let mut layers = 0;
        loop {
            match value {
                Value::Object(object) => {
                    if layers > 0 {
                        self.notes
                            .push(format!("`{name}` was JSON text and was read as an object"));
                    }
                    return Some(object);
                }
                Value::String(text)
                    if layers < 2 && text.trim_start().starts_with(['{', '"', '[']) =>
                {
                    match json::parse(text.as_bytes()) {
                        Ok(parsed) => {
                            value = parsed.value;
                            self.notes.extend(parsed.notes);
                            self.note_repeated(name, parsed.repeated);
                            layers += 1;
                        }
                        Err(error) => {
                            let message =
                                format!("must be a JSON object; parsing it failed: {error}");
                            self.problems.push(Problem::new(name, message));
                            return None;
                        }
                    }
                }
                other => {
                    self.expected(name, "a JSON object", &other);
                    return None;
                }
            }
        }
    }

    fn boolean(&mut self, name: &str, value: Value) -> Option<Value> {
        if value.is_boolean() {
            return Some(value);
        }
        let Some(truth) = kind::truth(&value) else {
            self.expected(name, "true or false", &value);
            return None;
        };
        self.notes.push(format!("`{name}` was read as {truth}"));
        Some(truth.into())
    }

    /// A list of texts: the list itself, JSON text of one, or a single text: names with commas
    /// between them, or what to search for, which may hold commas.
    fn strings(&mut self, name: &str, value: &Value) -> Option<Value> {
        let is_query = name == "query";
        let mut list = match value {
            Value::Array(list) => list.clone(),
            Value::String(text) => match json::parse(text.as_bytes()).map(|parsed| parsed.value) {
                Ok(Value::Array(list)) => list,
                _ if is_query => vec![value.clone()],
                _ => text.split(',').map(|part| part.trim().into()).collect(),
            },
            Value::Number(_) if is_query => vec![value.clone()],
            _ => Vec::new(),
        };
        if value.is_string() && !(is_query && list.first() == Some(value)) {
            self.notes.push(format!("`{name}` was read as a list"));
        }
        // People search for ids, too.
        for number in list.iter_mut().filter(|it| is_query && (it.is_i64() || it.is_u64())) {
            *number = number.to_string().into();
        }
        if list.is_empty() && *value != Value::Array(Vec::new())
            || !list.iter().all(Value::is_string)
        {
            self.expected(name, "a list of strings", value);
            return None;
        }
        Some(list.into())
    }

    /// A text that must be one of a few; letters vary in case, and flags come as booleans.
    fn letter(&mut self, name: &str, property: &Map<String, Value>, value: Value) -> Option<Value> {
        let Some(allowed) = property.get("enum").and_then(Value::as_array) else {
            match value {
                Value::String(_) => return Some(value),
                // People search for ids, too.
                Value::Number(number) if !number.is_f64() => {
                    return Some(number.to_string().into());
                }
                Value::Number(_) => {
                    let message =
                        "must be text; put the number in quotes, so that each digit is kept";
                    self.problems.push(Problem::new(name, message));
                    return None;
                }
                _ => {}
            }
            self.expected(name, "text", &value);
            return None;
        };
        if allowed.contains(&value) {
            return Some(value);
        }
        let meant = kind::truth(&value).map(|truth| if truth { "Y" } else { "N" });
        if let Some(letter) = meant.filter(|letter| allowed.iter().any(|it| it == letter)) {
            self.notes.push(format!("`{name}` was read as \"{letter}\""));
            return Some(letter.into());
        }
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        self.expected(name, &allowed.join(" or "), &value);
        None
    }

    fn unknown(&mut self, name: &str) {
        let names: Vec<&str> = self.properties.keys().map(String::as_str).collect();
        let is_field = catalog::named(name).is_some() || names::is_custom(name);
        let problem = if is_field && self.properties.contains_key("fields") {
            Problem::new(name, "is a field; put it into `fields`")
                .suggest(Some(format!("fields.{name}")))
        } else {
            let message = format!("is not an argument; use `{}`", names.join("`, `"));
            Problem::new(name, message).suggest(names::nearest(name, names))
        };
        self.problems.push(problem);
    }

    fn expected(&mut self, name: &str, expected: &str, value: &Value) {
        let message = format!("must be {expected}, not {}", kind::shown(value));
        self.problems.push(Problem::new(name, message));
    }
}
