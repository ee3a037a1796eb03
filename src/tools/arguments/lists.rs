//! Lists as assistants really send them: JSON text of one, a single value, or values with commas
//! between them.

use serde_json::{Map, Value};

use super::reader::Reader;
use crate::json;

impl Reader<'_> {
    /// A list, whose values are of the type that the schema names.
    pub(super) fn list(
        &mut self,
        name: &str,
        property: &Map<String, Value>,
        value: Value,
    ) -> Option<Value> {
        match property.get("items").and_then(|items| items.get("type")).and_then(Value::as_str) {
            Some("integer") => self.integers(name, value),
            Some("object") => self.objects(name, value),
            _ => self.strings(name, &value),
        }
    }

    /// A list of whole numbers, which may be links to items.
    fn integers(&mut self, name: &str, value: Value) -> Option<Value> {
        let list = match value {
            Value::Array(list) => list,
            Value::String(text) => {
                let list = match json::parse(text.as_bytes()).map(|parsed| parsed.value) {
                    Ok(Value::Array(list)) => list,
                    _ => text.split(',').map(|part| part.trim().into()).collect(),
                };
                self.notes.push(format!("`{name}` was read as a list"));
                list
            }
            number @ Value::Number(_) => vec![number],
            other => {
                self.expected(name, "a list of whole numbers", &other);
                return None;
            }
        };
        let notes = self.notes.len();
        // The ids of items, also where they are links.
        let mut numbers = Some(Vec::with_capacity(list.len()));
        for (at, one) in list.iter().enumerate() {
            let problems = self.problems.len();
            match (self.integer("id", 1, one), &mut numbers) {
                (Some(number), Some(numbers)) => numbers.push(number),
                (Some(_), None) => {}
                (None, _) => numbers = None,
            }
            for problem in self.problems.iter_mut().skip(problems) {
                problem.path = format!("{name}.{at}");
            }
        }
        // A note for each of a thousand would bury the others.
        if self.notes.len() > notes {
            self.notes.truncate(notes);
            self.notes.push(format!("`{name}` was read as numbers"));
        }
        numbers.map(Value::from)
    }

    /// A list of objects, or a single one.
    fn objects(&mut self, name: &str, value: Value) -> Option<Value> {
        let value = match value {
            Value::String(text) => {
                let parsed = match json::parse(text.as_bytes()) {
                    Ok(parsed) => parsed,
                    Err(error) => {
                        let message =
                            format!("must be a list of objects; parsing it failed: {error}");
                        self.problems.push(crate::error::Problem::new(name, message));
                        return None;
                    }
                };
                self.notes.extend(parsed.notes);
                self.note_repeated(name, parsed.repeated);
                self.notes.push(format!("`{name}` was JSON text and was read as a list"));
                parsed.value
            }
            other => other,
        };
        match value {
            Value::Array(list) if list.iter().all(Value::is_object) => Some(list.into()),
            one @ Value::Object(_) => Some(vec![one].into()),
            other => {
                self.expected(name, "a list of objects", &other);
                None
            }
        }
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
}
