//! `batch`: several calls in one request.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{cast, fault::PortalFault, methods, state::State};

const MAX_BATCH: usize = 50;

/// Runs the commands of a batch one after the other; parameters are plain ones, without brackets.
pub(super) fn run(
    state: &mut State,
    user: u32,
    secret_path: &str,
    parameters: &Map<String, Value>,
) -> Value {
    let commands: Vec<(String, &Value)> = match parameters.get("cmd") {
        Some(Value::Object(commands)) => {
            commands.iter().map(|(key, command)| (key.clone(), command)).collect()
        }
        Some(Value::Array(commands)) => {
            commands.iter().enumerate().map(|(at, command)| (at.to_string(), command)).collect()
        }
        _ => Vec::new(),
    };
    let halts = parameters.get("halt").is_some_and(|halt| !cast::php_empty(halt));
    let (mut results, mut errors) = (Map::new(), Map::new());
    let (mut totals, mut nexts, mut times) = (Map::new(), Map::new(), Map::new());
    for (at, (key, command)) in commands.into_iter().enumerate() {
        // What is no text is skipped without a word.
        let Some(command) = command.as_str() else { continue };
        let (method, query) = command.split_once('?').unwrap_or((command, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let parameters = pairs.map(|(name, value)| (name.to_owned(), value.into())).collect();
        let start = Timestamp::now();
        let called = match method {
            _ if at >= MAX_BATCH => {
                let text = "Max batch length exceeded";
                Err(PortalFault::new(400, "ERROR_BATCH_LENGTH_EXCEEDED", text))
            }
            "batch" => {
                let text = "Method is not allowed for batch usage";
                Err(PortalFault::new(405, "ERROR_BATCH_METHOD_NOT_ALLOWED", text))
            }
            method => methods::call(state, user, secret_path, method, &parameters),
        };
        match called {
            Ok(brought) => {
                results.insert(key.clone(), brought.result);
                for (numbers, number) in [(&mut totals, brought.total), (&mut nexts, brought.next)]
                {
                    if let Some(number) = number {
                        numbers.insert(key.clone(), number.into());
                    }
                }
                times.insert(key, Value::Object(cast::time(start)));
            }
            Err(fault) => {
                let error = json!({"error": fault.code, "error_description": fault.text});
                errors.insert(key, error);
                if halts {
                    break;
                }
            }
        }
    }
    json!({
        "result": answered(results), "result_error": answered(errors),
        "result_total": answered(totals), "result_next": answered(nexts),
        "result_time": answered(times),
    })
}

/// PHP's arrays: those without keys, or with the keys 0, 1, 2, …, are lists in JSON.
fn answered(map: Map<String, Value>) -> Value {
    if map.keys().enumerate().all(|(at, key)| *key == at.to_string()) {
        map.into_iter().map(|(_, value)| value).collect()
    } else {
        map.into()
    }
}
