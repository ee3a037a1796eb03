//! JSON as clients send it: what can be read is read, with what was repaired, and a key that is
//! given twice in one object is told, because the rest of the program would see the last one alone.

use std::{cell::RefCell, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value, map::Entry};

/// A JSON text that was read.
#[derive(Debug, Default, PartialEq)]
pub struct Parsed {
    /// What it says.
    pub value: Value,
    /// What was repaired.
    pub notes: Vec<String>,
    /// Where a key is given twice: `fields.title`.
    pub repeated: Vec<String>,
}

/// Why a text cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is not JSON.
    #[error("{0}")]
    NotJson(serde_json::Error),
    /// It holds more values than are read.
    #[error("it holds more than {MAX_VALUES} values")]
    TooMany,
    /// Its lists and objects are nested too deeply.
    #[error("lists and objects are nested more than 128 deep")]
    TooDeep,
}

/// Fifty items with a thousand fields each are fewer: a few bytes of a value become many in memory.
pub const MAX_VALUES: usize = 200_000;

/// Whether a text holds more values than anything that this program reads.
pub fn has_too_many_values(text: &[u8]) -> bool {
    let (mut values, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in text {
        match (is_text, byte) {
            (true, _) if is_escaped => is_escaped = false,
            (true, b'\\') => is_escaped = true,
            (_, b'"') => is_text = !is_text,
            (false, b',' | b'[' | b'{') => values += 1,
            _ => {}
        }
    }
    values > MAX_VALUES
}

/// Reads a text. What is no JSON to the letter is repaired where its meaning is plain: half of a
/// character, bytes that are no UTF-8, a number beyond every float.
///
/// # Errors
///
/// When it cannot be read all the same.
pub fn parse(text: &[u8]) -> Result<Parsed, Unreadable> {
    if has_too_many_values(text) {
        return Err(Unreadable::TooMany);
    }
    let error = match read(text) {
        Ok((value, repeated)) => return Ok(Parsed { value, notes: Vec::new(), repeated }),
        Err(error) => error,
    };
    let (repaired, notes) = repair(&String::from_utf8_lossy(text));
    match read(repaired.as_bytes()) {
        Ok((value, repeated)) => {
            let was_utf8 = std::str::from_utf8(text).is_ok();
            let other_bytes = (!was_utf8).then_some("bytes that are no UTF-8 were replaced by `�`");
            let notes = other_bytes.into_iter().chain(notes).map(str::to_owned).collect();
            Ok(Parsed { value, notes, repeated })
        }
        // The parser has no code of its own for it.
        Err(error) if error.to_string().contains("recursion limit") => Err(Unreadable::TooDeep),
        Err(_) => Err(Unreadable::NotJson(error)),
    }
}

/// The id of a message of which nothing else can be read. Other values may be nested to any depth.
pub fn id_of(text: &[u8]) -> Option<Value> {
    #[derive(Deserialize)]
    struct Envelope {
        id: Value,
    }
    let text = String::from_utf8_lossy(text);
    // A list would be read as the fields in their order.
    let object = Some(text.trim_start()).filter(|text| text.starts_with('{'))?;
    let envelope: Envelope = serde_json::from_str(object).ok()?;
    Some(envelope.id)
}

fn read(text: &[u8]) -> serde_json::Result<(Value, Vec<String>)> {
    let repeated = RefCell::default();
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Seed(&repeated).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((value, repeated.into_inner()))
}

/// Reads one value and notes the paths of repeated keys.
#[derive(Clone, Copy)]
struct Seed<'a>(&'a RefCell<Vec<String>>);

impl Seed<'_> {
    /// Puts a step before the paths that were found within a value.
    fn within(self, found_before: usize, step: &dyn fmt::Display) {
        for path in self.0.borrow_mut().iter_mut().skip(found_before) {
            *path = format!("{step}.{path}");
        }
    }

    fn count(self) -> usize {
        self.0.borrow().len()
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            let found_before = self.count();
            let Some(value) = list.next_element_seed(self)? else { break };
            self.within(found_before, &values.len());
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut entries = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            let found_before = self.count();
            let value = object.next_value_seed(self)?;
            self.within(found_before, &key);
            match entries.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(value);
                }
                Entry::Occupied(mut place) => {
                    self.0.borrow_mut().push(place.key().clone());
                    place.insert(value);
                }
            }
        }
        Ok(entries.into())
    }
}

const HALF_A_CHARACTER: &str = "half of a character was replaced by `�`";
const NUMBER_AS_TEXT: &str = "a number outside the supported range was read as text";

/// The text with halves of characters replaced and too large numbers in quotes.
fn repair(text: &str) -> (String, Vec<&'static str>) {
    let mut repaired = String::with_capacity(text.len() + 16);
    let (mut has_halves, mut has_numbers) = (false, false);
    let mut rest = text;
    let mut is_text = false;
    while let Some(first) = rest.chars().next() {
        let length = if is_text {
            if let Some((length, is_half)) = escape(rest) {
                if is_half {
                    has_halves = true;
                    repaired.push_str("\\ufffd");
                    rest = rest.get(length..).unwrap_or_default();
                    continue;
                }
                length
            } else {
                is_text = first != '"';
                first.len_utf8()
            }
        } else if first == '-' || first.is_ascii_digit() {
            let is_of_number = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
            let length = rest.find(|c| !is_of_number(c)).unwrap_or(rest.len());
            let number = rest.get(..length).unwrap_or_default();
            if number.parse::<f64>().is_ok_and(f64::is_infinite) {
                has_numbers = true;
                repaired.extend(["\"", number, "\""]);
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            length
        } else {
            is_text = first == '"';
            first.len_utf8()
        };
        let (done, left) = rest.split_at_checked(length).unwrap_or((rest, ""));
        repaired.push_str(done);
        rest = left;
    }
    let notes = [(has_halves, HALF_A_CHARACTER), (has_numbers, NUMBER_AS_TEXT)];
    let notes = notes.into_iter().filter_map(|(is_so, note)| is_so.then_some(note)).collect();
    (repaired, notes)
}

/// The escape that a text begins with: its length, and whether it is half of a character.
fn escape(text: &str) -> Option<(usize, bool)> {
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        u32::from_str_radix(digits, 16).ok()
    };
    if !text.starts_with('\\') {
        return None;
    }
    let Some(first) = unit(text) else {
        return Some((text.chars().take(2).map(char::len_utf8).sum(), false));
    };
    Some(match first {
        0xd800..=0xdbff => match text.get(6..).and_then(unit) {
            Some(0xdc00..=0xdfff) => (12, false),
            _ => (6, true),
        },
        0xdc00..=0xdfff => (6, true),
        _ => (6, false),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_json_is_read_as_it_is() {
        let texts = [
            r#"{"a":[1,-2,1.5,1e3,true,null,"é\u00e9\ud83d\ude00\n\\"],"b":{"c":{}}}"#,
            "12345678901234567890",
            "\"\"",
            "[]",
        ];
        for text in texts {
            let parsed = parse(text.as_bytes()).unwrap();
            let value = serde_json::from_str(text).unwrap();
            assert_eq!(parsed, Parsed { value, ..Parsed::default() }, "{text}");
        }
    }

    #[test]
    fn a_key_that_is_given_twice_is_told_with_its_path() {
        let cases = [
            (r#"{"a":1,"a":2}"#, &["a"][..]),
            (r#"{"a":{"b":1,"b":2},"c":3}"#, &["a.b"]),
            (r#"{"a":[{"b":1},{"b":1,"b":1}]}"#, &["a.1.b"]),
            (r#"{"a":{"x":1,"x":1},"a":{"y":1,"y":1}}"#, &["a.x", "a.y", "a"]),
            (r#"{"a":1,"A":2}"#, &[]),
        ];
        for (text, repeated) in cases {
            assert_eq!(parse(text.as_bytes()).unwrap().repeated, repeated, "{text}");
        }
    }

    #[test]
    fn what_is_nearly_json_is_repaired_with_a_note() {
        let cases = [
            (r#"["a\ud83d"]"#, json!(["a\u{fffd}"]), HALF_A_CHARACTER),
            (r#"["\ude00a"]"#, json!(["\u{fffd}a"]), HALF_A_CHARACTER),
            (r#"["\ud83d\ud83d\ude00"]"#, json!(["\u{fffd}😀"]), HALF_A_CHARACTER),
            (r#"{"\ud83d":"\\ud83d"}"#, json!({"\u{fffd}": "\\ud83d"}), HALF_A_CHARACTER),
            (r#"[1e400,-1E999,"1e400"]"#, json!(["1e400", "-1E999", "1e400"]), NUMBER_AS_TEXT),
        ];
        for (text, value, note) in cases {
            let parsed = parse(text.as_bytes()).unwrap();
            assert_eq!((parsed.value, parsed.notes), (value, vec![note.to_owned()]), "{text}");
        }
        let parsed = parse(b"[\"a\xff\"]").unwrap();
        assert_eq!(parsed.value, json!(["a\u{fffd}"]));
        assert_eq!(parsed.notes, ["bytes that are no UTF-8 were replaced by `�`"]);
    }

    #[test]
    fn what_is_no_json_is_refused_and_its_id_is_known() {
        for text in ["", "{", "{\"a\":}", "[1,]", "nothing", "\"\\x\"", "\"\\", "1 2", "--1"] {
            assert!(matches!(parse(text.as_bytes()), Err(Unreadable::NotJson(_))), "{text}");
        }
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(deep(100).as_bytes()).is_ok());
        assert!(matches!(parse(deep(150_000).as_bytes()), Err(Unreadable::TooDeep)));
        assert!(matches!(parse(deep(1_000_000).as_bytes()), Err(Unreadable::TooMany)));
        let message = format!("{{\"params\":{},\"id\":7}}", deep(1_000_000));
        assert_eq!(id_of(message.as_bytes()), Some(json!(7)));
        assert_eq!(id_of(br#"{"a":"\ud83d","b":1e999,"id":"x"}"#), Some(json!("x")));
        assert_eq!(id_of(b"[1]"), None);
    }
}
