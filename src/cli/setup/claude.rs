//! Claude Code's own command, which changes its file while it may be running.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Map, Value};

/// The arguments that add an entry for all of a person's projects.
pub(super) fn add(name: &str, entry: &Map<String, Value>, is_replaced: bool) -> Vec<String> {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    if is_replaced {
        // This form alone keeps what a person has added to the entry.
        let json = Value::Object(entry.clone()).to_string();
        return words(&["mcp", "add-json", name, &json, "-s", "user"]);
    }
    // The name comes first: `-e` takes every word up to `--`.
    let mut arguments = words(&["mcp", "add", name, "-s", "user"]);
    for (variable, value) in entry.get("env").and_then(Value::as_object).into_iter().flatten() {
        arguments
            .extend(words(&["-e", &format!("{variable}={}", value.as_str().unwrap_or_default())]));
    }
    arguments.push("--".to_owned());
    arguments.extend(entry.get("command").and_then(Value::as_str).map(str::to_owned));
    let args = entry.get("args").and_then(Value::as_array).into_iter().flatten();
    arguments.extend(args.filter_map(Value::as_str).map(str::to_owned));
    arguments
}

/// The arguments that take an entry out.
pub(super) fn remove(name: &str) -> Vec<String> {
    ["mcp", "remove", name, "-s", "user"].map(str::to_owned).to_vec()
}

/// Runs Claude Code's command.
///
/// # Errors
///
/// What it says itself.
pub(super) fn run(program: &Path, arguments: &[String]) -> Result<(), String> {
    let finished = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if finished.status.success() {
        return Ok(());
    }
    let said =
        [finished.stderr, finished.stdout].map(|it| String::from_utf8_lossy(&it).into_owned());
    let line = said.iter().flat_map(|text| text.lines()).find(|line| !line.trim().is_empty());
    Err(line.map_or_else(|| finished.status.to_string(), str::to_owned))
}
