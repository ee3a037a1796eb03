//! The program as an MCP client sees it.

use std::{process::Stdio, time::Duration};

use bitrix24_crm_mcp::{
    journal::ChangeId,
    sandbox::{Received, Sandbox},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::scripted_portal::{Reply, ScriptedPortal};

/// Longer than anything here takes, so that a hanging program fails its test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const FIND: &str = "find_crm_items";
pub(crate) const GET: &str = "get_crm_item";
pub(crate) const DESCRIBE: &str = "describe_crm_fields";

/// An embedded portal and a server that works on it.
pub(crate) async fn on_sandbox() -> (Sandbox, Server) {
    let sandbox = Sandbox::start().await.unwrap();
    let server = Server::connected_to(&sandbox.webhook_url()).await;
    (sandbox, server)
}

/// A portal that answers these methods, and a server that works on it.
pub(crate) async fn on_portal(replies: &[(&str, Vec<Reply>)]) -> (ScriptedPortal, Server) {
    let portal = ScriptedPortal::start(replies).await;
    let server = Server::connected_to(&portal.webhook()).await;
    (portal, server)
}

/// A portal with one item, as it is before and after an update, and a server that works on it.
pub(crate) async fn on_item(before: Value, after: Value) -> (ScriptedPortal, Server) {
    let portal = ScriptedPortal::with_item(before, after).await;
    let server = Server::connected_to(&portal.webhook()).await;
    (portal, server)
}

/// The stages of the sandbox's pipeline 9, as options are listed.
pub(crate) fn service_stages() -> Value {
    let stages = [
        ("C9:NEW", "Request"),
        ("C9:UC_NYL06U", "Agreed"),
        ("C9:UC_LEGAL", "Approved by legal"),
        ("C9:WON", "Served"),
        ("C9:LOSE", "Declined"),
    ];
    stages.iter().map(|(code, name)| json!({"code": code, "name": name})).collect()
}

/// The methods that a portal was asked for.
pub(crate) fn methods(sandbox: &Sandbox) -> Vec<String> {
    received(sandbox).into_iter().map(|request| request.method).collect()
}

/// The ids of the items that an answer shows.
pub(crate) fn ids(answer: &Value) -> Vec<u64> {
    let items = answer["items"].as_array().unwrap_or_else(|| panic!("no items: {answer}"));
    // Many items are a table, whose first column is the id.
    let id = |item: &Value| item.get("id").or_else(|| item.get(0)).and_then(Value::as_u64);
    items.iter().map(|item| id(item).unwrap()).collect()
}

/// How long an answer is, in characters.
pub(crate) fn length(answer: &Value) -> usize {
    answer.to_string().chars().count()
}

/// A deal as scripted portals answer it.
pub(crate) fn deal(title: &str) -> Value {
    json!({"id": 351, "title": title, "updatedTime": "2026-11-24T10:00:00+02:00"})
}

/// An answer that holds it.
pub(crate) fn item(title: &str) -> Reply {
    Reply::item(deal(title))
}

/// A call that renames it to `b`.
pub(crate) fn rename() -> Value {
    json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}})
}

/// Sends updates without waiting in between, then collects their answers.
pub(crate) async fn at_once(server: &mut Server, calls: Vec<Value>) -> Vec<Answered> {
    let count = calls.len();
    for (id, arguments) in calls.into_iter().enumerate() {
        server.send_call(json!(id + 1000), "update_crm_item", arguments).await;
    }
    let mut answers = Vec::new();
    for _ in 0..count {
        answers.push(answered(&server.receive().await.unwrap()));
    }
    answers
}

/// What a sandbox has received, without the batches that ask for names beside a call: these are
/// tested in `naming.rs`.
pub(crate) fn received(sandbox: &Sandbox) -> Vec<Received> {
    let asks_for_names = |request: &Received| {
        request.method == "batch" && !request.body.to_string().contains("crm.item.get")
    };
    sandbox.received().into_iter().filter(|request| !asks_for_names(request)).collect()
}

/// What the last update sent as `fields`; null when the last request was none.
pub(crate) fn sent(sandbox: &Sandbox) -> Value {
    let last = received(sandbox).pop().unwrap();
    if last.method == "crm.item.update" { last.body["fields"].clone() } else { Value::Null }
}

/// Updates fields of a contact of the sandbox.
pub(crate) async fn update_contact(server: &mut Server, fields: Value) -> Answered {
    server.update(json!({"entityTypeId": 3, "id": 5, "fields": fields})).await
}

/// What every update sent as `fields`.
pub(crate) fn updates(sandbox: &Sandbox) -> Vec<Value> {
    let received = received(sandbox).into_iter();
    received
        .filter(|it| it.method == "crm.item.update")
        .map(|it| it.body["fields"].clone())
        .collect()
}

/// The problems of a refusal: path, message, suggestion.
pub(crate) fn problems(answer: &Answered) -> Vec<Value> {
    let problems = answer.json["error"]["problems"].as_array().cloned().unwrap_or_default();
    let message = |it: &Value| problem_message(&answer.json["error"], it);
    problems.iter().map(|it| json!([it["path"], message(it), it["didYouMean"]])).collect()
}

/// What a problem says: its own message, or that of the error, which is the same for a single one.
pub(crate) fn problem_message(error: &Value, problem: &Value) -> String {
    let own = problem["message"].as_str().map(str::to_owned);
    own.unwrap_or_else(|| {
        let named = format!("`{}` ", problem["path"].as_str().unwrap());
        error["message"].as_str().unwrap().strip_prefix(&named).unwrap().to_owned()
    })
}

/// The program with none of the settings of whoever runs the tests.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bitrix24-crm-mcp"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BITRIX24_")) {
        command.env_remove(name);
    }
    // What people are told is in the language of their locale.
    command.env("LC_ALL", "C").kill_on_drop(true);
    command
}

/// What a finished program left.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) async fn run(command: &mut Command) -> Finished {
    let output = timeout(PATIENCE, command.stdin(Stdio::null()).output()).await.unwrap().unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: ChildStderr,
    portal: String,
    next_id: u64,
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answered {
    pub(crate) is_error: bool,
    /// The sentence before the JSON of an error.
    pub(crate) sentence: Option<String>,
    /// The answer without the id of its change, which is another one each time.
    pub(crate) json: Value,
}

impl Answered {
    /// Takes the id of the change out of an answer.
    fn new(is_error: bool, sentence: Option<&str>, mut json: Value) -> Self {
        if let Some(id) = json.as_object_mut().and_then(|json| json.shift_remove("changeId")) {
            assert!(id.as_str().unwrap().parse::<ChangeId>().is_ok(), "{id}");
        }
        Self { is_error, sentence: sentence.map(str::to_owned), json }
    }
}

impl Server {
    /// Starts a server for the webhook and opens a session.
    pub(crate) async fn connected_to(webhook: &str) -> Self {
        Self::with_settings(webhook, &[]).await
    }

    /// Starts a server for the webhook with further settings and opens a session.
    pub(crate) async fn with_settings(webhook: &str, settings: &[(&str, &str)]) -> Self {
        let mut command = program();
        command.env("BITRIX24_WEBHOOK_URL", webhook).envs(settings.iter().copied());
        Self::opened(command, webhook).await
    }

    /// Starts a server by a command of one's own and opens a session.
    pub(crate) async fn opened(command: Command, webhook: &str) -> Self {
        let mut server = Self::started(command, webhook);
        server.initialize("2025-11-25").await;
        server
    }

    /// Starts a server and says nothing to it yet.
    pub(crate) fn started(mut command: Command, webhook: &str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let origin = webhook.split("/rest/").next().unwrap().to_owned();
        Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()).lines(),
            stderr: child.stderr.take().unwrap(),
            child,
            portal: origin,
            next_id: 0,
        }
    }

    pub(crate) async fn initialize(&mut self, version: &str) -> Value {
        self.initialize_with(version, json!({})).await
    }

    /// The same for a client that can do something.
    pub(crate) async fn initialize_with(&mut self, version: &str, capabilities: Value) -> Value {
        let params = json!({
            "protocolVersion": version,
            "capabilities": capabilities,
            "clientInfo": {"name": "tests", "version": "1"},
        });
        let answer = self.request("initialize", params).await;
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        answer
    }

    pub(crate) async fn send_text(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line.as_bytes()).await.unwrap();
        stdin.write_all(b"\n").await.unwrap();
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).await.unwrap();
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    /// The next line, which must be JSON; `None` at the end of output.
    pub(crate) async fn receive(&mut self) -> Option<Value> {
        let line = timeout(PATIENCE, self.stdout.next_line()).await.unwrap().unwrap()?;
        let line = match self.portal.as_str() {
            "" => line,
            portal => line.replace(portal, "https://portal.example"),
        };
        Some(serde_json::from_str(&line).unwrap())
    }

    /// Sends a request and returns the whole answer.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        let answer = self.receive().await.unwrap();
        assert_eq!(answer["id"], id);
        answer
    }

    /// Calls `update_crm_item`.
    pub(crate) async fn update(&mut self, arguments: Value) -> Answered {
        self.call("update_crm_item", arguments).await
    }

    /// Calls a tool.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Answered {
        let params = json!({"name": tool, "arguments": arguments});
        answered(&self.request("tools/call", params).await)
    }

    /// Sends a call of a tool and does not wait for the answer.
    pub(crate) async fn send_call(&mut self, id: Value, tool: &str, arguments: Value) {
        let params = json!({"name": tool, "arguments": arguments});
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}))
            .await;
    }

    /// Ends the input and waits for the program.
    pub(crate) async fn finish(mut self) -> Finished {
        drop(self.stdin.take());
        self.wait().await
    }

    /// Waits for the program without ending its input.
    pub(crate) async fn wait(&mut self) -> Finished {
        let mut stdout = String::new();
        while let Some(line) = timeout(PATIENCE, self.stdout.next_line()).await.unwrap().unwrap() {
            stdout.push_str(&line);
            stdout.push('\n');
        }
        let status = timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        let mut stderr = String::new();
        self.stderr.read_to_string(&mut stderr).await.unwrap();
        Finished { code: status.code(), stdout, stderr }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }
}

/// Takes a tool's answer out of the MCP envelope, and checks what the contract says of that.
pub(crate) fn answered(answer: &Value) -> Answered {
    let result = &answer["result"];
    let content = result["content"].as_array().unwrap_or_else(|| panic!("no result: {answer}"));
    assert_eq!(content.len(), 1);
    let text = content[0]["text"].as_str().unwrap();
    if result["isError"] == true {
        assert!(result.get("structuredContent").is_none());
        let (sentence, json) = text.split_once('\n').unwrap();
        assert!(sentence.starts_with("Error"));
        Answered::new(true, Some(sentence), serde_json::from_str(json).unwrap())
    } else {
        let json: Value = serde_json::from_str(text).unwrap();
        assert_eq!(result["structuredContent"], json);
        Answered::new(false, None, json)
    }
}
