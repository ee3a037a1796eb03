//! What an entry of a client's file is to say, given what it says now. Pure.

use serde_json::{Map, Value, json};

use super::clients::Client;
use crate::{
    cli::flags::without,
    config::variables::{OAUTH_URL, PORTAL_URL, SANDBOX, SECRETS, TOKEN_FILE},
};

/// How clients start this program: its path, and the variables that are set for it.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) program: String,
    pub(super) variables: Vec<(String, String)>,
}

/// The entry of that name starts another program, or is no entry at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Foreign;

/// The entry with everything that a person has added to it: other settings stay as they are.
///
/// # Errors
///
/// The entry is of another server, which is left alone.
pub(super) fn connected(
    client: Client,
    existing: Option<&Value>,
    start: &Start,
) -> Result<Map<String, Value>, Foreign> {
    let mut entry = match existing {
        None => Map::new(),
        Some(existing) if is_ours(existing) => existing.as_object().cloned().ok_or(Foreign)?,
        Some(_) => return Err(Foreign),
    };
    if client.names_transport() {
        entry.entry("type").or_insert_with(|| json!("stdio"));
    }
    // What is set anew, and which portal it is, is said by the variables; a flag would win over them.
    let set = start.variables.iter().map(|(name, _)| name.as_str());
    let set: Vec<&str> = set.chain([SANDBOX, PORTAL_URL, OAUTH_URL, TOKEN_FILE]).collect();
    let args = own_arguments(&entry);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let args = without(&args, &set).into_iter().map(Value::from).collect();
    let mut variables = match entry.get("env") {
        Some(Value::Object(variables)) => variables.clone(),
        _ => Map::new(),
    };
    variables.retain(|name, _| !chooses_portal(name));
    variables.extend(start.variables.iter().map(|(name, value)| (name.clone(), json!(value))));
    if let Some(Value::Array(passed_on)) = entry.get_mut("env_vars") {
        let name = |it: &Value| it.as_str().or_else(|| it.get("name")?.as_str()).map(str::to_owned);
        passed_on.retain(|it| !name(it).is_some_and(|name| chooses_portal(&name)));
    }
    entry.insert("command".to_owned(), json!(start.program));
    entry.insert("args".to_owned(), Value::Array(args));
    entry.insert("env".to_owned(), Value::Object(variables));
    Ok(entry)
}

/// Whether an entry starts this program, directly or by another one such as `npx`.
pub(super) fn is_ours(entry: &Value) -> bool {
    let command = entry.get("command").and_then(Value::as_str);
    let args = entry.get("args").and_then(Value::as_array).into_iter().flatten();
    let mut args = args.filter_map(Value::as_str).filter(|arg| !is_path(arg));
    entry.get("url").is_none() && (command.is_some_and(names_us) || args.any(names_us))
}

/// Whether an argument is the path of a file or folder, which another program may be given.
fn is_path(argument: &str) -> bool {
    argument.starts_with(['/', '.', '~']) || argument.contains('\\')
}

/// What follows the name of this program: the arguments that are its own.
fn own_arguments(entry: &Map<String, Value>) -> Vec<String> {
    let args = entry.get("args").and_then(Value::as_array).into_iter().flatten();
    let args = args.filter_map(|arg| match arg {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    if entry.get("command").and_then(Value::as_str).is_some_and(names_us) {
        return args.collect();
    }
    args.skip_while(|arg| !names_us(arg)).skip(1).collect()
}

/// Whether a text ends in this program's name, with a version or an ending of programs.
fn names_us(text: &str) -> bool {
    let name = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let rest = name.strip_prefix(env!("CARGO_PKG_NAME"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['@', ':', '.']))
}

/// The secrets that stand in an entry itself: in its variables, and addresses of webhooks anywhere.
pub(super) fn secrets(entry: &Value) -> Vec<&str> {
    let variables = entry.get("env").and_then(Value::as_object).into_iter().flatten();
    let is_secret = |name: &str| SECRETS.contains(&name);
    let of_variables =
        variables.filter(|(name, _)| is_secret(name)).filter_map(|(_, value)| value.as_str());
    let args = entry.get("args").and_then(Value::as_array).into_iter().flatten();
    let of_args = args.filter_map(|arg| {
        let arg = arg.as_str()?;
        let (name, value) = arg.split_once('=').unwrap_or(("", arg));
        let is_one = is_secret(name) || value.contains("/rest/");
        is_one.then_some(value)
    });
    of_variables.chain(of_args).collect()
}

/// Whether a variable says which portal is used or signs in there.
pub(super) fn chooses_portal(variable: &str) -> bool {
    let others = [PORTAL_URL, OAUTH_URL, TOKEN_FILE, SANDBOX];
    let mut names = SECRETS.into_iter().chain(others);
    names.any(|name| variable == name || variable.strip_suffix("_FILE") == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::variables::ENTITY_TYPES;

    fn start() -> Start {
        let variable = ("BITRIX24_WEBHOOK_URL_FILE".to_owned(), "/w".to_owned());
        Start { program: "/bin/bitrix24-crm-mcp".to_owned(), variables: vec![variable] }
    }

    #[test]
    fn what_a_person_added_stays() {
        let plain = json!({"command": "/bin/bitrix24-crm-mcp", "args": [], "env": {"BITRIX24_WEBHOOK_URL_FILE": "/w"}});
        for (existing, expected) in [
            (None, plain.clone()),
            (Some(plain.clone()), plain.clone()),
            (
                Some(json!({
                    "command": "bitrix24-crm-mcp", "args": ["--sandbox", "--read-only"], "timeout": 5,
                    "env": {
                        "BITRIX24_WEBHOOK_URL": "https://a.example/rest/1/s3cret/", "BITRIX24_RATE": "100/3",
                        "BITRIX24_ACCESS_TOKEN_FILE": "/t", "BITRIX24_TOKEN_FILE": "/t", "BITRIX24_CA_FILE": "/c",
                        "BITRIX24_SANDBOX": "1",
                    },
                    "env_vars": ["BITRIX24_WEBHOOK_URL", {"name": "BITRIX24_ACCESS_TOKEN"}, "HTTPS_PROXY"],
                })),
                json!({
                    "command": "/bin/bitrix24-crm-mcp", "args": ["--read-only"], "timeout": 5,
                    "env": {"BITRIX24_RATE": "100/3", "BITRIX24_CA_FILE": "/c", "BITRIX24_WEBHOOK_URL_FILE": "/w"},
                    "env_vars": ["HTTPS_PROXY"],
                }),
            ),
            (
                Some(json!({"command": "npx", "args": ["-y", "bitrix24-crm-mcp@0.1.0"]})),
                plain.clone(),
            ),
            (Some(json!({"command": r"C:\Tools\bitrix24-crm-mcp.exe"})), plain),
        ] {
            let entry = connected(Client::Gemini, existing.as_ref(), &start());
            assert_eq!(entry.map(Value::Object), Ok(expected), "{existing:?}");
        }
        assert_eq!(connected(Client::Cursor, None, &start()).unwrap()["type"], "stdio");
    }

    #[test]
    fn what_is_typed_replaces_the_flag_that_was_there() {
        let mut start = start();
        start.variables.push((ENTITY_TYPES.to_owned(), "contact".to_owned()));
        for (args, kept) in [
            (json!(["--entity-types", "deal", "--read-only"]), json!(["--read-only"])),
            (json!(["--entity-types=deal", "--rate", "100/3"]), json!(["--rate", "100/3"])),
            (json!(["--entity-types"]), json!([])),
            (json!(["--call-timeout", 60]), json!(["--call-timeout", "60"])),
            (json!(["--portal-url", "https://p.example"]), json!([])),
        ] {
            let existing = json!({"command": "bitrix24-crm-mcp", "args": args});
            let entry = connected(Client::Cursor, Some(&existing), &start).unwrap();
            assert_eq!(entry["args"], kept);
            assert_eq!(entry["env"][ENTITY_TYPES], "contact");
        }
    }

    #[test]
    fn entries_of_other_servers_are_left_alone() {
        for foreign in [
            json!({"url": "https://mcp.example/bitrix24"}),
            json!({"command": "npx", "args": ["-y", "another-bitrix24-server"]}),
            json!({"command": "my-bitrix24-crm-mcp"}),
            json!({"command": "bitrix24-crm-mcp-proxy"}),
            json!({"command": "npx", "args": ["-y", "files", "/home/me/bitrix24-crm-mcp"]}),
            json!({"command": "bitrix24-crm-mcp", "type": "http", "url": "https://mcp.example"}),
            json!({}),
            json!("bitrix24-crm-mcp"),
            Value::Null,
        ] {
            assert_eq!(
                connected(Client::Cursor, Some(&foreign), &start()),
                Err(Foreign),
                "{foreign}"
            );
        }
    }
}
