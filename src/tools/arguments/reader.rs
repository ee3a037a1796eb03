//! The parts of arguments that are no lists: objects, numbers, flags and letters, with what was repaired
//! in them and what is wrong.

use serde_json::{Map, Value};

use crate::{
    crm::{EntityType, catalog, kind, names},
    error::Problem,
    json,
    portal::address::Address,
};

/// Reads the arguments of one call.
pub(super) struct Reader<'a> {
    pub(super) properties: &'a Map<String, Value>,
    pub(super) portal: &'a Address,
    /// The entity type that the call names.
    pub(super) entity: Option<EntityType>,
    pub(super) notes: Vec<String>,
    pub(super) problems: Vec<Problem>,
}

impl Reader<'_> {
    pub(super) fn note_repeated(&mut self, within: &str, repeated: Vec<String>) {
        let problems = repeated.into_iter().map(|path| {
            let path = if within.is_empty() { path } else { format!("{within}.{path}") };
            Problem::new(path, "is given twice; send it once")
        });
        self.problems.extend(problems);
    }

    /// Unwraps the arguments where a client wrapped them.
    pub(super) fn open(&mut self, raw: Value) -> Option<Map<String, Value>> {
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

    pub(super) fn repair(
        &mut self,
        name: &str,
        property: &Map<String, Value>,
        value: Value,
    ) -> Option<Value> {
        match property.get("type").and_then(Value::as_str) {
            Some("integer") => {
                let least = property.get("minimum").and_then(Value::as_i64).unwrap_or(i64::MIN);
                self.integer(name, least, &value)
            }
            Some("object") => self.object(name, value).map(Value::Object),
            Some("boolean") => self.boolean(name, value),
            Some("array") => self.list(name, property, value),
            _ => self.letter(name, property, value),
        }
    }

    pub(super) fn integer(&mut self, name: &str, least: i64, value: &Value) -> Option<Value> {
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

    pub(super) fn unknown(&mut self, name: &str) {
        let names: Vec<&str> = self.properties.keys().map(String::as_str).collect();
        let is_field = catalog::named(name).is_some() || names::is_custom(name);
        let problem = if name == "id" && self.properties.contains_key("ids") {
            Problem::new(name, "is not an argument; name the items in `ids`").suggest(Some("ids"))
        } else if is_field && self.properties.contains_key("fields") {
            Problem::new(name, "is a field; put it into `fields`")
                .suggest(Some(format!("fields.{name}")))
        } else {
            let message = format!("is not an argument; use `{}`", names.join("`, `"));
            Problem::new(name, message).suggest(names::nearest(name, names))
        };
        self.problems.push(problem);
    }

    pub(super) fn expected(&mut self, name: &str, expected: &str, value: &Value) {
        let message = format!("must be {expected}, not {}", kind::shown(value));
        self.problems.push(Problem::new(name, message));
    }
}
