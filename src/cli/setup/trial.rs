//! Starts the server as a client will, and lists its tools.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use serde_json::{Map, Value, json};

use crate::cli::words::{list, text};

/// What clients pass on to every server, also those that pass on little.
const PASSED_ON: [&str; 8] =
    ["HOME", "PATH", "USER", "APPDATA", "USERPROFILE", "SystemRoot", "TEMP", "TZ"];

/// The names of the tools that the server of an entry has; `None` when it does not answer.
pub(super) fn tools(entry: &Map<String, Value>) -> Option<Vec<String>> {
    let mut command = Command::new(entry.get("command")?.as_str()?);
    let args = entry.get("args").and_then(Value::as_array).into_iter().flatten();
    command.args(args.filter_map(Value::as_str)).env_clear();
    command.envs(PASSED_ON.into_iter().filter_map(|name| Some((name, env::var_os(name)?))));
    let variables = entry.get("env").and_then(Value::as_object).into_iter().flatten();
    command.envs(variables.filter_map(|(name, value)| Some((name, value.as_str()?))));
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = streams.spawn().ok()?;
    let answered = list_tools(server.stdin.take()?, server.stdout.take()?);
    // Its input has ended, which ends it.
    let ended = server.wait().ok()?;
    answered.filter(|_| ended.success())
}

fn list_tools(mut input: impl Write, output: impl std::io::Read) -> Option<Vec<String>> {
    let initialize = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "setup", "version": env!("CARGO_PKG_VERSION")},
    });
    for message in [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}),
    ] {
        writeln!(input, "{message}").ok()?;
    }
    drop(input);
    let answers = BufReader::new(output).lines().map_while(Result::ok);
    let mut answers = answers.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let answer = answers.find(|answer| answer.get("id") == Some(&json!(2)))?;
    let tools = list(answer.get("result")?, "tools").map(|tool| text(tool, "name").to_owned());
    Some(tools.collect())
}
