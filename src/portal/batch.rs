//! Several commands in one request, and the answer of each (docs/bitrix24.md, "Batch").

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{
    ApiError, Deadline, ErrorKind, Permit, Portal, PortalError,
    answer::{Answer, unusable},
};

/// What a portal takes in one batch.
pub const MAX_COMMANDS: usize = 50;

/// Commands that are sent together; none depends on another.
#[derive(Debug, Default)]
pub struct Commands {
    by_key: Map<String, Value>,
    /// What they take together.
    bytes: usize,
}

/// What a batch has answered.
#[derive(Debug)]
pub struct BatchAnswer(Value);

impl Commands {
    /// Adds a command, whose answer has the same key. One that would not arrive as it is meant, or
    /// makes the request too large, is left out, and the answer is `false`: it has to be sent by
    /// itself.
    pub fn add(
        &mut self,
        key: impl Into<String>,
        method: &str,
        parameters: &Map<String, Value>,
    ) -> bool {
        /// Servers refuse larger requests, and this one is held several times.
        const MAX_BYTES: usize = 1024 * 1024;
        let start = format!("{method}?");
        let length = start.len();
        let mut query =
            Query { written: form_urlencoded::Serializer::for_suffix(start, length), variables: 0 };
        if !parameters.iter().all(|(name, value)| query.append(name, value)) {
            return false;
        }
        let command = query.written.finish();
        let is_added = self.bytes + command.len() <= MAX_BYTES;
        if is_added {
            self.bytes += command.len();
            self.by_key.insert(key.into(), command.into());
        }
        is_added
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The method of a command.
    fn method(&self, key: &str) -> Option<&str> {
        self.by_key.get(key)?.as_str()?.split('?').next()
    }
}

/// A command's parameters in PHP's notation: `filter[@id][0]=11`.
struct Query<'a> {
    written: form_urlencoded::Serializer<'a, String>,
    variables: usize,
}

impl Query<'_> {
    /// Writes a value; `false` when it would arrive as another one.
    fn append(&mut self, name: &str, value: &Value) -> bool {
        /// PHP drops what is beyond this number without an error.
        const MAX_VARIABLES: usize = 1_000;
        let text = match value {
            Value::Object(entries) if !entries.is_empty() => {
                return entries
                    .iter()
                    .all(|(key, value)| self.append(&format!("{name}[{key}]"), value));
            }
            Value::Array(values) if !values.is_empty() => {
                let mut values = values.iter().enumerate();
                return values.all(|(at, value)| self.append(&format!("{name}[{at}]"), value));
            }
            // Everything becomes a text: `true` would be the word, and no list is empty.
            Value::Object(_) | Value::Array(_) | Value::Bool(_) | Value::Null => return false,
            Value::String(text) => text.as_str(),
            number @ Value::Number(_) => &number.to_string(),
        };
        self.variables += 1;
        let is_carried = self.variables <= MAX_VARIABLES
            && !may_hold_a_reference(text)
            && !may_hold_a_reference(name);
        if is_carried {
            self.written.append_pair(name, text);
        }
        is_carried
    }
}

/// Whether a portal may replace a part of the text by the answer of an earlier command, or all of it:
/// `$result[…]` and its kin, in any case (docs/bitrix24.md, "Batch").
fn may_hold_a_reference(text: &str) -> bool {
    const NAMES: [&str; 5] = ["result", "next", "total", "time", "error"];
    text.split('$').skip(1).enumerate().any(|(at, rest)| {
        let begins_like_one = NAMES.iter().any(|name| {
            rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        });
        begins_like_one && text.split('$').skip(1 + at).any(|later| later.contains('['))
    })
}

impl BatchAnswer {
    /// Takes the answer of a command.
    ///
    /// # Errors
    ///
    /// The command's own error, or that the batch has left it out.
    pub fn take(&mut self, key: &str) -> Result<Answer, PortalError> {
        let error = self.0.get("result_error").and_then(|errors| errors.get(key));
        // Errors inside a batch carry no status of their own.
        if let Some(error) = error.and_then(|error| ApiError::read(400, error)) {
            return Err(PortalError::Refused(error));
        }
        let result = self.0.get_mut("result").and_then(|results| results.get_mut(key));
        let Some(result) = result.map(Value::take) else {
            return Err(unusable("a batch that leaves a command out"));
        };
        let number = |numbers: &str| self.0.get(numbers)?.get(key)?.as_u64();
        Ok(Answer::of(result, number("result_next"), number("result_total")))
    }

    /// When the methods' time starts anew, by the commands' keys.
    fn operating_resets(&self) -> impl Iterator<Item = (&str, i64)> {
        let times = self.0.get("result_time").and_then(Value::as_object).into_iter().flatten();
        times.filter_map(|(key, time)| {
            Some((key.as_str(), time.get("operating_reset_at")?.as_i64()?))
        })
    }
}

/// What a method in a batch is called where its time is counted: apart from the same webhook's single
/// calls (docs/bitrix24.md, "Limits").
pub fn batched(method: &str) -> String {
    format!("batch?{method}")
}

impl Portal {
    /// Whether the portal has the method, as far as is known.
    pub fn has_batches(&self) -> bool {
        self.no_batches_until().is_none_or(|until| until <= Instant::now())
    }

    /// Sends commands together.
    ///
    /// # Errors
    ///
    /// Why none of them has an answer.
    pub async fn batch(
        &self,
        permit: Permit,
        commands: &Commands,
        deadline: &Deadline,
    ) -> Result<BatchAnswer, PortalError> {
        let parameters = Map::from_iter([
            ("halt".to_owned(), json!(0)),
            ("cmd".to_owned(), commands.by_key.clone().into()),
        ]);
        let answer = self.call_with(permit, "batch", &parameters, deadline).await;
        if answer.as_ref().is_err_and(has_no_batches) {
            self.remember_no_batches();
        }
        let answer = BatchAnswer(answer?);
        for (key, reset_at) in answer.operating_resets() {
            if let Some(method) = commands.method(key) {
                self.remember_reset(&batched(method), reset_at);
            }
        }
        Ok(answer)
    }
}

/// Whether the portal has no such method.
pub fn has_no_batches(error: &PortalError) -> bool {
    match error {
        PortalError::NoSuchPage { .. } => true,
        PortalError::Refused(refusal) => refusal.kind() == ErrorKind::WrongAddress,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_written_as_php_reads_them() {
        let cases = [
            (json!({"entityTypeId": 2, "id": 351}), "m?entityTypeId=2&id=351"),
            (
                json!({"filter": {"@id": [11, 12]}, "start": -1}),
                "m?filter%5B%40id%5D%5B0%5D=11&filter%5B%40id%5D%5B1%5D=12&start=-1",
            ),
            (json!({"FIND": "a b&c=#+ж"}), "m?FIND=a+b%26c%3D%23%2B%D0%B6"),
            (json!({}), "m?"),
        ];
        for (parameters, written) in cases {
            let mut commands = Commands::default();
            assert!(commands.add("key", "m", parameters.as_object().unwrap()), "{parameters}");
            assert_eq!(commands.by_key["key"], written, "{parameters}");
        }
    }

    #[test]
    fn what_would_arrive_as_something_else_is_left_out() {
        let many: Vec<i64> = (0..1_001).collect();
        let cases = [
            (json!("$result[a][item][id]"), false),
            (json!("costs $TOTAL [net]"), false),
            (json!("$timesheet[1]"), false),
            (json!("$next and $5 [a]"), false),
            (json!({"$error": "[", "b": "$error["}), false),
            (json!(["a", ["$Result["]]), false),
            (json!(true), false),
            (json!(null), false),
            (json!([]), false),
            (json!({}), false),
            (json!(many), false),
            (json!("[$result]"), true),
            (json!("$price[1]"), true),
            (json!("a $ [result["), true),
            (json!("$ result["), true),
            (json!("\u{202e}#&=+%\n\u{0}🙂[x]"), true),
            (json!(12.5), true),
            (json!(""), true),
        ];
        for (value, is_carried) in cases {
            let mut commands = Commands::default();
            let parameters = Map::from_iter([("fields".to_owned(), value.clone())]);
            assert_eq!(commands.add("key", "m", &parameters), is_carried, "{value}");
            assert_eq!(commands.len(), usize::from(is_carried), "{value}");
        }
    }

    #[test]
    fn an_answer_is_taken_by_its_commands_key() {
        let mut answer = BatchAnswer(json!({
            "result": {"one": {"id": 1}, "three": []}, "result_next": {"three": 50},
            "result_error": {"two": {"error": "NOT_FOUND", "error_description": "gone"}},
            "result_total": [],
        }));
        assert_eq!(answer.take("one").unwrap().result, json!({"id": 1}));
        let missing = answer.take("two").unwrap_err();
        assert!(matches!(missing, PortalError::Refused(it) if it.code == "NOT_FOUND"));
        let three = answer.take("three").unwrap();
        assert_eq!((three.result, three.next, three.total), (json!([]), Some(50), None));
        assert!(matches!(answer.take("four"), Err(PortalError::NoUsableAnswer { .. })));
        // Empty maps come as lists.
        let mut empty = BatchAnswer(json!({"result": [], "result_error": []}));
        assert!(matches!(empty.take("one"), Err(PortalError::NoUsableAnswer { .. })));
    }
}
