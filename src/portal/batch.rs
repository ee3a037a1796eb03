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
pub struct Commands(Map<String, Value>);

/// What a batch has answered.
#[derive(Debug)]
pub struct BatchAnswer(Value);

impl Commands {
    /// Adds a command; its answer has the same key. Values become texts on the way, whatever they
    /// are.
    pub fn add(&mut self, key: impl Into<String>, method: &str, parameters: &Map<String, Value>) {
        let start = format!("{method}?");
        let length = start.len();
        let mut query = form_urlencoded::Serializer::for_suffix(start, length);
        for (name, value) in parameters {
            append(&mut query, name, value);
        }
        self.0.insert(key.into(), query.finish().into());
    }
}

/// A value in PHP's notation: `filter[@id][0]=11`.
fn append(query: &mut form_urlencoded::Serializer<'_, String>, name: &str, value: &Value) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                append(query, &format!("{name}[{key}]"), value);
            }
        }
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                append(query, &format!("{name}[{at}]"), value);
            }
        }
        Value::String(text) => {
            query.append_pair(name, text);
        }
        other => {
            query.append_pair(name, &other.to_string());
        }
    }
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
        commands: Commands,
        deadline: &Deadline,
    ) -> Result<BatchAnswer, PortalError> {
        let parameters =
            Map::from_iter([("halt".to_owned(), json!(0)), ("cmd".to_owned(), commands.0.into())]);
        let answer = self.call_with(permit, "batch", &parameters, deadline).await;
        if answer.as_ref().is_err_and(has_no_batches) {
            self.remember_no_batches();
        }
        answer.map(BatchAnswer)
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
            commands.add("key", "m", parameters.as_object().unwrap());
            assert_eq!(commands.0["key"], written, "{parameters}");
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
