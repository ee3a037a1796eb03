//! Judges how an assistant does a task of `tasks.json`.
//!
//! An MCP client starts this program in the place of the server. It starts the server on an
//! embedded portal, hands each line on, counts the calls, and compares what the portal holds
//! afterwards with what the task expects. See `README.md` beside this file.
#![expect(clippy::indexing_slicing, reason = "a member that a JSON value does not have is null")]

use std::{
    collections::BTreeSet,
    env,
    error::Error,
    fs,
    io::Write as _,
    path::PathBuf,
    process::{ExitCode, Stdio},
};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin, Stdout},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// The id of the judge's own requests, of which one runs at a time.
const OWN_ID: &str = "judge";

#[derive(Deserialize)]
struct Task {
    id: String,
    prompt: String,
    items: Vec<Item>,
    most: Most,
}

/// What an item holds in the end. What is not among its fields is as it was.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    entity_type_id: u32,
    id: u32,
    #[serde(default)]
    fields: Map<String, Value>,
}

/// What a good run takes at most.
#[derive(Deserialize)]
struct Most {
    calls: usize,
    bytes: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let judged = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let judged = runtime.block_on(run(&arguments));
            // Standard input is read by a thread that nothing interrupts.
            runtime.shutdown_background();
            judged
        }
        Err(error) => Err(error.into()),
    };
    match judged {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: &[String]) -> Result<bool, Box<dyn Error>> {
    let tasks: Vec<Task> = serde_json::from_str(include_str!("tasks.json"))?;
    let (id, verdict_file, server) = match arguments {
        [] => {
            for task in tasks {
                writeln!(std::io::stdout(), "{}\t{}", task.id, task.prompt)?;
            }
            return Ok(true);
        }
        [id, verdict_file] => (id, verdict_file, server_beside_this_program()?),
        [id, verdict_file, server] => (id, verdict_file, PathBuf::from(server)),
        _ => return Err("usage: judge [TASK VERDICT_FILE [SERVER]]".into()),
    };
    let task = tasks.into_iter().find(|task| task.id == *id);
    let task = task.ok_or_else(|| format!("there is no task `{id}`"))?;
    let child = Command::new(&server)
        .arg("--sandbox")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{} cannot be started: {error}", server.display()))?;
    Judge::new(task, child)?.run(verdict_file).await
}

/// Cargo puts examples into a folder below the one with the programs.
fn server_beside_this_program() -> Result<PathBuf, Box<dyn Error>> {
    let this = env::current_exe()?;
    let folder = this.ancestors().nth(2).ok_or("this program is in no folder")?;
    Ok(folder.join(format!("bitrix24-crm-mcp{}", env::consts::EXE_SUFFIX)))
}

struct Judge {
    task: Task,
    _server: Child,
    to_server: ChildStdin,
    from_server: Lines<BufReader<ChildStdout>>,
    from_client: Lines<BufReader<Stdin>>,
    to_client: Stdout,
    /// What the client sends beside each call; without handshake the server asks for it.
    meta: Map<String, Value>,
    /// The items before the first call.
    before: Option<Vec<Value>>,
    /// The ids of the calls that are not answered, as JSON.
    unanswered: BTreeSet<String>,
    calls: usize,
    bytes: usize,
    judged_calls: usize,
}

impl Judge {
    fn new(task: Task, mut server: Child) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            task,
            to_server: server.stdin.take().ok_or("the server has no input")?,
            from_server: BufReader::new(server.stdout.take().ok_or("the server has no output")?)
                .lines(),
            from_client: BufReader::new(tokio::io::stdin()).lines(),
            to_client: tokio::io::stdout(),
            _server: server,
            meta: Map::new(),
            before: None,
            unanswered: BTreeSet::new(),
            calls: 0,
            bytes: 0,
            judged_calls: 0,
        })
    }

    /// Serves the client until it ends, and answers whether the task is done. The verdict is
    /// written after each call, because some clients end a server without a word.
    async fn run(mut self, verdict_file: &str) -> Result<bool, Box<dyn Error>> {
        // That of an earlier run would be taken for this one's.
        let _ = fs::remove_file(verdict_file);
        let mut is_open = true;
        loop {
            tokio::select! {
                line = self.from_client.next_line(), if is_open => match line? {
                    Some(line) => self.client_says(&line).await?,
                    None => is_open = false,
                },
                line = self.from_server.next_line() => {
                    self.server_says(&line?.ok_or("the server has ended")?).await?;
                }
            }
            let is_due = self.calls > self.judged_calls || !is_open;
            if is_due && self.unanswered.is_empty() {
                self.judged_calls = self.calls;
                let problems = self.problems().await?;
                self.write_verdict(verdict_file, &problems)?;
                if !is_open {
                    self.tell(&problems)?;
                    return Ok(problems.is_empty());
                }
            }
        }
    }

    async fn client_says(&mut self, line: &str) -> Result<(), Box<dyn Error>> {
        let message: Value = serde_json::from_str(line).unwrap_or_default();
        match message["method"].as_str() {
            Some("tools/call") => {
                self.meta = message["params"]["_meta"].as_object().cloned().unwrap_or_default();
                self.meta.remove("progressToken");
                if self.before.is_none() {
                    self.before = Some(self.items().await?);
                }
                self.calls += 1;
                self.unanswered.insert(message["id"].to_string());
            }
            // What is cancelled gets no answer.
            Some("notifications/cancelled") => {
                self.unanswered.remove(&message["params"]["requestId"].to_string());
            }
            _ => {}
        }
        self.to_server.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(())
    }

    async fn server_says(&mut self, line: &str) -> Result<(), Box<dyn Error>> {
        let message: Value = serde_json::from_str(line)?;
        if message.get("method").is_none() && self.unanswered.remove(&message["id"].to_string()) {
            // What a model reads of an answer; the rest is the envelope.
            let text = message.pointer("/result/content/0/text").and_then(Value::as_str);
            self.bytes += text.unwrap_or(line).len();
        }
        self.to_client.write_all(format!("{line}\n").as_bytes()).await?;
        self.to_client.flush().await?;
        Ok(())
    }

    async fn items(&mut self) -> Result<Vec<Value>, Box<dyn Error>> {
        let to_get = |item: &Item| json!({"entityTypeId": item.entity_type_id, "id": item.id});
        let requests: Vec<Value> = self.task.items.iter().map(to_get).collect();
        let mut items = Vec::new();
        for request in requests {
            items.push(self.item(request).await?);
        }
        Ok(items)
    }

    async fn item(&mut self, to_get: Value) -> Result<Value, Box<dyn Error>> {
        let params = json!({"name": "get_crm_item", "arguments": to_get, "_meta": self.meta});
        let request =
            json!({"jsonrpc": "2.0", "id": OWN_ID, "method": "tools/call", "params": params});
        self.to_server.write_all(format!("{request}\n").as_bytes()).await?;
        loop {
            let line = self.from_server.next_line().await?.ok_or("the server has ended")?;
            let answer: Value = serde_json::from_str(&line)?;
            if answer["id"] == OWN_ID {
                let text = answer.pointer("/result/content/0/text").and_then(Value::as_str);
                let item: Option<Value> = text.and_then(|text| serde_json::from_str(text).ok());
                let item = item.ok_or_else(|| format!("an item cannot be read: {answer}"))?;
                return Ok(item["item"].clone());
            }
            self.server_says(&line).await?;
        }
    }

    /// What is not as the task expects it.
    async fn problems(&mut self) -> Result<Vec<String>, Box<dyn Error>> {
        let Some(before) = self.before.clone() else {
            return Ok(vec!["no tool was called".to_owned()]);
        };
        let after = self.items().await?;
        let mut problems = Vec::new();
        for (item, (before, after)) in self.task.items.iter().zip(before.iter().zip(&after)) {
            let fields = [before, after].into_iter().filter_map(Value::as_object);
            let fields: BTreeSet<&String> =
                fields.flat_map(Map::keys).chain(item.fields.keys()).collect();
            for field in fields {
                let expected = item.fields.get(field).unwrap_or(&before[field]);
                if !holds(&after[field], expected) {
                    problems.push(format!(
                        "item {} of entity type {}: `{field}` is {}, expected {expected}",
                        item.id, item.entity_type_id, after[field]
                    ));
                }
            }
        }
        Ok(problems)
    }

    fn write_verdict(&self, file: &str, problems: &[String]) -> std::io::Result<()> {
        let Most { calls, bytes } = self.task.most;
        let verdict = json!({
            "task": self.task.id,
            "verdict": if problems.is_empty() { "passed" } else { "failed" },
            "problems": problems,
            "calls": self.calls,
            "bytes": self.bytes,
            "isWithinLimits": self.calls <= calls && self.bytes <= bytes,
        });
        fs::write(file, format!("{verdict}\n"))
    }

    fn tell(&self, problems: &[String]) -> std::io::Result<()> {
        let verdict = if problems.is_empty() { "passed" } else { "failed" };
        let Most { calls, bytes } = self.task.most;
        writeln!(
            std::io::stderr(),
            "{}: {verdict} with {} calls and {} bytes (a good run: at most {calls} and {bytes})",
            self.task.id,
            self.calls,
            self.bytes
        )?;
        problems.iter().try_for_each(|problem| writeln!(std::io::stderr(), "  {problem}"))
    }
}

/// Whether a value is what is expected: an object at least its members, a list the same elements
/// in any order, all else exactly.
fn holds(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => expected
            .iter()
            .all(|(key, value)| actual.get(key).is_some_and(|actual| holds(actual, value))),
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len()
                && expected.iter().all(|value| actual.iter().any(|actual| holds(actual, value)))
        }
        _ => actual == expected,
    }
}
