//! References to earlier commands in the values of a batch, such as `$result[a][item][id]`
//! (docs/bitrix24.md, "Batch"). What is one, and what it becomes, is odd in the way that portals
//! are: a reference reaches to the next white space, and what is not found becomes more than asked.

use serde_json::{Map, Value};

use super::cast;

const WORDS: [&str; 5] = ["result", "next", "total", "time", "error"];

/// What the commands of a batch have brought so far: by these words, then by command.
#[derive(Debug)]
pub(super) struct Earlier(Map<String, Value>);

impl Default for Earlier {
    fn default() -> Self {
        Self(WORDS.map(|word| (word.to_owned(), Map::new().into())).into_iter().collect())
    }
}

impl Earlier {
    pub(super) fn add(&mut self, word: &str, command: &str, value: impl Into<Value>) {
        if let Some(Value::Object(commands)) = self.0.get_mut(word) {
            commands.insert(command.to_owned(), value.into());
        }
    }

    /// What there is of one word, as answers show it.
    pub(super) fn take(&mut self, word: &str) -> Value {
        self.0.get_mut(word).map(Value::take).map_or(Value::Null, cast::php_array)
    }

    /// The parameters of a command with values in the place of references. Names are left alone.
    pub(super) fn fill(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.fill_text(&text),
            Value::Array(values) => values.into_iter().map(|value| self.fill(value)).collect(),
            Value::Object(entries) => {
                entries.into_iter().map(|(name, value)| (name, self.fill(value))).collect()
            }
            other => other,
        }
    }

    fn fill_text(&self, text: &str) -> Value {
        let mut filled = text.to_owned();
        for Reference { whole, word, path } in references(text) {
            let keys = keys(path);
            if keys.is_empty() {
                continue;
            }
            let found = self.find(word, &keys);
            let found = match found {
                found if whole == filled => return cast::php_array(found.clone()),
                Value::String(text) => text,
                Value::Number(number) => &number.to_string(),
                _ => continue,
            };
            filled = filled.replace(whole, found);
        }
        filled.into()
    }

    /// The last place on the way that exists. Words have no other case here.
    fn find(&self, word: &str, keys: &[&str]) -> &Value {
        let mut place = self.0.get(word).unwrap_or(&Value::Null);
        for key in keys {
            let next = match place {
                Value::Object(entries) => entries.get(*key),
                Value::Array(values) => key.parse().ok().and_then(|at: usize| values.get(at)),
                _ => None,
            };
            match next {
                Some(next) if !next.is_null() => place = next,
                _ => break,
            }
        }
        place
    }
}

struct Reference<'a> {
    whole: &'a str,
    word: &'a str,
    path: &'a str,
}

/// Each `$` with one of the words behind it, in any case, and all up to the next white space.
fn references(text: &str) -> Vec<Reference<'_>> {
    let mut references = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        let (_, here) = rest.split_at(start);
        let is_there = |word: &&str| {
            here.get(1..=word.len()).is_some_and(|given| given.eq_ignore_ascii_case(word))
        };
        if let Some(word) = WORDS.into_iter().find(is_there) {
            let is_end = |c: char| c.is_ascii_whitespace() || c == '\u{b}';
            let (whole, behind) = here.split_at(here.find(is_end).unwrap_or(here.len()));
            let (_, named) = whole.split_at(1);
            let (word, path) = named.split_at(word.len());
            references.push(Reference { whole, word, path });
            rest = behind;
        } else {
            rest = here.get(1..).unwrap_or_default();
        }
    }
    references
}

/// What stands in brackets, wherever it is.
fn keys(path: &str) -> Vec<&str> {
    let mut keys = Vec::new();
    let mut rest = path;
    while let Some((_, inside)) = rest.split_once('[')
        && let Some((key, behind)) = inside.split_once(']')
    {
        rest = if key.is_empty() { inside } else { behind };
        keys.extend(Some(key).filter(|key| !key.is_empty()));
    }
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_become_what_portals_make_of_them() {
        let item = json!({"item": {"id": 7, "title": "A deal", "none": null, "tags": ["x", "y"]}});
        let mut earlier = Earlier::default();
        earlier.add("result", "a", item.clone());
        earlier.add("total", "list", 120);
        earlier.add("time", "a", json!({"start": 1_764_000_000}));
        earlier.add("error", "b", json!({"error": "NOT_FOUND", "error_description": "gone"}));
        let cases = [
            // A whole value keeps its type.
            ("$result[a][item][id]", json!(7)),
            ("$result[a][item][title]", json!("A deal")),
            ("$result[a][item][tags]", json!(["x", "y"])),
            ("$result[a][item][tags][1]", json!("y")),
            ("$result[a][item]", item["item"].clone()),
            ("$total[list]", json!(120)),
            ("$time[a][start]", json!(1_764_000_000)),
            ("$error[b][error]", json!("NOT_FOUND")),
            // What is not found becomes what was found before it, at last the whole map.
            ("$result[a][item][none]", item["item"].clone()),
            ("$result[x]", json!({"a": item})),
            ("$results…[1]", json!({"a": item})),
            ("$total[x]", json!({"list": 120})),
            ("$timesheet[1]", json!({"a": {"start": 1_764_000_000}})),
            ("$next[x]", json!([])),
            ("$RESULT[a][item][id]", json!(null)),
            ("$Time[1]", json!(null)),
            // Text behind a reference belongs to it.
            ("$result[a][item][id]/$result[a][item][title]", json!(7)),
            // Inside of other text, only texts and numbers are taken.
            ("Deal $result[a][item][id]", json!("Deal 7")),
            ("Deal $result[a][item][id]: $total[list] of them", json!("Deal 7 120 of them")),
            ("no$result[a][item][id]\nmore", json!("no7\nmore")),
            ("see $result[a][item] here", json!("see $result[a][item] here")),
            ("see $RESULT[a] here", json!("see $RESULT[a] here")),
            ("$5 and $total[list]", json!("$5 and 120")),
            ("a bill for $time", json!("a bill for $time")),
            ("$result", json!("$result")),
            ("$result[]", json!("$result[]")),
            ("$result[a", json!("$result[a")),
            ("$ result[a]", json!("$ result[a]")),
            ("result[a]", json!("result[a]")),
            ("$price[a]", json!("$price[a]")),
            ("$é[a] $", json!("$é[a] $")),
        ];
        for (text, becomes) in cases {
            assert_eq!(earlier.fill(text.into()), becomes, "{text}");
        }
        let nested = json!({"$result[a]": ["$total[list]", {"b": "$total[list]"}], "c": 1});
        let filled = json!({"$result[a]": [120, {"b": 120}], "c": 1});
        assert_eq!(earlier.fill(nested), filled);
    }
}
