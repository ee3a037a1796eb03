//! `demo`: the main use on the embedded portal, with the lines that an MCP client would send.

use std::{process::ExitCode, sync::Arc};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines as InputLines};

use super::{embedded_portal, print, wrong_usage};
use crate::{
    account::Account,
    portal::{Connection, Endpoint, Timeouts},
    server::{self, StdioTransport},
    tools::{Registry, ToolSelection},
    uploads::Policy,
};

/// Large enough for every line of the conversation.
const PIPE_SIZE: usize = 256 * 1024;

pub(super) async fn run() -> ExitCode {
    let (_sandbox, sign_in) = match embedded_portal().await {
        Ok(started) => started,
        Err(failure) => return wrong_usage(&failure),
    };
    let endpoint = Arc::new(Endpoint::new(Connection::STANDARD));
    let account = Account::new(endpoint, sign_in, Policy::STANDARD);
    let registry = Registry::new(ToolSelection::default());
    let (ours, theirs) = tokio::io::duplex(PIPE_SIZE);
    let (input, output) = tokio::io::split(theirs);
    let (lines, _stop) = StdioTransport::new(input, output, Timeouts::STANDARD.call);
    let server = tokio::spawn(server::serve(registry, Ok(account), lines));
    let shown = show(ours).await;
    let ended = server.await;
    match (shown, ended) {
        (Some(()), Ok(Ok(()))) => ExitCode::SUCCESS,
        _ => super::wrong_call("the demonstration was cut short"),
    }
}

/// Talks to the server as an MCP client does, and shows what is said.
async fn show(pipe: DuplexStream) -> Option<()> {
    let (input, output) = tokio::io::split(pipe);
    let mut client = Client { answers: BufReader::new(input).lines(), output, next_id: 1 };
    print(
        "An AI assistant starts this program and talks to it in JSON lines. Here they are, sent to a\nreal server in this process, which calls an embedded Bitrix24 portal over HTTP.\n",
    );

    let initialize = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "demo", "version": "1"},
    });
    client.ask("initialize", initialize).await?;
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await?;

    print("1. Find the deal, and the code of the stage that people call \"Agreed\"\n");
    let answer = client
        .call("find_crm_items", json!({"entityTypeId": 2, "query": "service contract"}))
        .await?;
    for item in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
        print(&format!(
            "   ← {} {}: {}, {} in {}, {} {}",
            item["id"],
            item["title"],
            text(item, "stageId"),
            item["stageName"],
            item["categoryName"],
            item["opportunity"],
            text(item, "currencyId"),
        ));
    }
    let answer =
        client.call("describe_crm_fields", json!({"entityTypeId": 2, "query": "agreed"})).await?;
    print(&format!("   ← {}", answer.get("fields")?));

    print("\n2. Move it to that stage and set its amount\n");
    let answer = client
        .update(json!({"entityTypeId": 2, "id": 351, "fields": {
            "stageId": "C9:UC_NYL06U", "opportunity": 12000, "currencyId": "USD", "observers": [1, 2],
        }}))
        .await?;
    show_changes(&answer);

    print("\n3. A misspelt field: a portal would ignore it and still answer success\n");
    let answer = client
        .update(json!({"entityTypeId": 2, "id": 351, "fields": {"titel": "Acme: spring order"}}))
        .await?;
    show_error(&answer);

    print(
        "\n4. A stage that the pipeline does not have: the portal answers success and drops it\n",
    );
    let answer = client
        .update(json!({"entityTypeId": 2, "id": 351, "fields": {
            "title": "Acme: service contract", "stageId": "C9:NEGOTIATION",
        }}))
        .await?;
    show_error(&answer);
    for missed in answer.pointer("/notApplied").and_then(Value::as_array).into_iter().flatten() {
        print(&format!(
            "   not applied  {}: requested {}, now {}",
            text(missed, "field"),
            missed["asked"],
            missed["now"]
        ));
    }
    show_changes(&answer);
    Some(())
}

struct Client {
    answers: InputLines<BufReader<tokio::io::ReadHalf<DuplexStream>>>,
    output: tokio::io::WriteHalf<DuplexStream>,
    next_id: u32,
}

impl Client {
    async fn send(&mut self, message: &Value) -> Option<()> {
        self.output.write_all(format!("{message}\n").as_bytes()).await.ok()
    }

    async fn ask(&mut self, method: &str, params: Value) -> Option<Value> {
        let id = self.next_id;
        self.next_id += 1;
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.send(&message).await?;
        let answer = self.answers.next_line().await.ok()??;
        serde_json::from_str(&answer).ok()
    }

    async fn update(&mut self, arguments: Value) -> Option<Value> {
        self.call("update_crm_item", arguments).await
    }

    /// Calls a tool, shows the request, and returns the answer of the contract.
    async fn call(&mut self, tool: &str, arguments: Value) -> Option<Value> {
        let params = json!({"name": tool, "arguments": arguments});
        print(&format!("   → {}", json!({"method": "tools/call", "params": params})));
        let answer = self.ask("tools/call", params).await?;
        let text = answer.pointer("/result/content/0/text")?.as_str()?;
        // An error's JSON follows a sentence.
        let json = text.lines().last()?;
        serde_json::from_str(json).ok()
    }
}

fn show_changes(answer: &Value) {
    if let Some(status) = answer.get("status").and_then(Value::as_str) {
        print(&format!("   ← {status}"));
    }
    for change in answer.get("changes").and_then(Value::as_array).into_iter().flatten() {
        let cause = if change.get("askedFor").is_some() { "  (by the portal itself)" } else { "" };
        print(&format!(
            "     {:<14} {} → {}{cause}",
            text(change, "field"),
            change["before"],
            change["after"]
        ));
    }
}

fn show_error(answer: &Value) {
    let error = &answer["error"];
    print(&format!("   ← {}: {}", text(error, "code"), text(error, "message")));
    print(&format!("     written: {}, retry: {}", text(error, "written"), text(error, "retry")));
    for problem in error.get("problems").and_then(Value::as_array).into_iter().flatten() {
        if let Some(meant) = problem.get("didYouMean").and_then(Value::as_str) {
            print(&format!("     did you mean `{meant}`?"));
        }
    }
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}
