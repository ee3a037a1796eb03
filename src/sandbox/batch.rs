//! `batch`: several calls in one request.

use serde_json::{Map, Value, json};

use super::{cast, fault::PortalFault, references::Earlier, runner::Runner};

const MAX_BATCH: usize = 50;

/// PHP drops the variables beyond this number, and those that are nested deeper.
const MAX_VARIABLES: usize = 1_000;
const MAX_NESTING: usize = 64;

/// Runs the commands of a batch one after the other.
pub(super) async fn run(runner: &mut Runner, parameters: &Map<String, Value>) -> Value {
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
    let mut earlier = Earlier::default();
    for (at, (key, command)) in commands.into_iter().enumerate() {
        // What is no text is skipped without a word.
        let Some(command) = command.as_str() else { continue };
        let (method, query) = command.split_once('?').unwrap_or((command, ""));
        let ran = match method {
            _ if at >= MAX_BATCH => {
                let text = "Max batch length exceeded";
                Err(PortalFault::new(400, "ERROR_BATCH_LENGTH_EXCEEDED", text))
            }
            "batch" => {
                let text = "Method is not allowed for batch usage";
                Err(PortalFault::new(405, "ERROR_BATCH_METHOD_NOT_ALLOWED", text))
            }
            method => {
                let parameters = decoded(query).into_iter();
                let parameters = parameters.map(|(name, value)| (name, earlier.fill(value)));
                runner.run(&method.to_ascii_lowercase(), &parameters.collect()).await
            }
        };
        match ran {
            Ok((brought, time)) => {
                earlier.add("result", &key, brought.result);
                for (word, number) in [("total", brought.total), ("next", brought.next)] {
                    if let Some(number) = number {
                        earlier.add(word, &key, number);
                    }
                }
                earlier.add("time", &key, time);
            }
            Err(fault) => {
                let error = json!({"error": fault.code, "error_description": fault.text});
                earlier.add("error", &key, error);
                if halts {
                    break;
                }
            }
        }
    }
    json!({
        "result": earlier.take("result"), "result_error": earlier.take("error"),
        "result_total": earlier.take("total"), "result_next": earlier.take("next"),
        "result_time": earlier.take("time"),
    })
}

/// The parameters of a command as PHP reads them (docs/bitrix24.md, "Batch"): `a[b][]=c`, where
/// every value is a text.
fn decoded(query: &str) -> Map<String, Value> {
    let query = query.split('#').next().unwrap_or_default();
    let query: String = query.chars().map(|c| if c.is_ascii_control() { '_' } else { c }).collect();
    let mut variables = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()).take(MAX_VARIABLES) {
        let (top, rest) = name.split_once('[').unwrap_or((&name, ""));
        let keys: Vec<&str> = rest.split_terminator(']').map(|it| it.trim_matches('[')).collect();
        let top = top.replace(['.', ' '], "_");
        if top.is_empty() || keys.len() > MAX_NESTING {
            continue;
        }
        let mut place = variables.entry(top).or_insert(Value::Null);
        for key in keys {
            if !place.is_object() {
                *place = json!({});
            }
            let Value::Object(entries) = place else { break };
            let key = if key.is_empty() { free_key(entries) } else { key.to_owned() };
            place = entries.entry(key).or_insert(Value::Null);
        }
        *place = value.into_owned().into();
    }
    variables.into_iter().map(|(name, value)| (name, with_lists(value))).collect()
}

/// The next number that is no key, which `[]` means.
fn free_key(entries: &Map<String, Value>) -> String {
    let numbers = entries.keys().filter_map(|key| key.parse::<usize>().ok());
    numbers.max().map_or(0, |last| last + 1).to_string()
}

fn with_lists(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let inner = entries.into_iter().map(|(key, value)| (key, with_lists(value)));
            cast::php_array(Value::Object(inner.collect()))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_php_does() {
        let cases = [
            ("entityTypeId=2&id=351", json!({"entityTypeId": "2", "id": "351"})),
            ("filter%5B%40id%5D%5B0%5D=1&filter[@id][1]=2", json!({"filter": {"@id": ["1", "2"]}})),
            ("a[]=1&a[]=2", json!({"a": ["1", "2"]})),
            ("a[]=", json!({"a": [""]})),
            ("a=", json!({"a": ""})),
            ("fields[comments]=50%25+%2B+1%23#rest", json!({"fields": {"comments": "50% + 1#"}})),
            ("fields[title]=a\nb%0Ac", json!({"fields": {"title": "a_b\nc"}})),
            ("fields[a.b]=1&c.d=2", json!({"fields": {"a.b": "1"}, "c_d": "2"})),
            ("a[x]=1&a[x]=2", json!({"a": {"x": "2"}})),
            ("", json!({})),
        ];
        for (query, parameters) in cases {
            assert_eq!(Value::Object(decoded(query)), parameters, "{query}");
        }
        let many: Vec<String> = (0..1_100).map(|at| format!("a{at}=1")).collect();
        assert_eq!(decoded(&many.join("&")).len(), MAX_VARIABLES);
    }
}
