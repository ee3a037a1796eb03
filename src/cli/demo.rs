//! `demo`: the main use on the embedded portal, with the calls that an MCP client would send.

mod screen;

use std::{process::ExitCode, sync::Arc};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines as InputLines};

use self::screen::{
    Moment::{Caught, Changed, Found},
    Screen,
};
use super::{
    embedded_portal, print,
    words::{changes, group, list, named, number, so_many, text},
    wrong_usage,
};
use crate::{
    account::Account,
    portal::{Connection, Endpoint, Timeouts},
    sandbox::{Rules, Sandbox},
    server::{self, StdioTransport},
    tools::{Registry, ToolSelection, UPDATE_MANY},
    uploads::Policy,
};

/// Large enough for every line of the conversation.
const PIPE_SIZE: usize = 256 * 1024;

pub(super) async fn run() -> ExitCode {
    let (sandbox, sign_in) = match embedded_portal().await {
        Ok(started) => started,
        Err(failure) => return wrong_usage(&failure),
    };
    fill(&sandbox);
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

/// Forty deals, of which one lacks an amount that the portal requires in the next stage.
fn fill(sandbox: &Sandbox) {
    sandbox.add_deals(40);
    sandbox.empty_field_of_deal(1_017, "opportunity");
    let required = Some(("PREPARATION".to_owned(), "opportunity".to_owned()));
    sandbox.set_rules(Rules { required, ..Rules::default() });
}

/// Talks to the server as an MCP client does, and shows what is said.
async fn show(pipe: DuplexStream) -> Option<()> {
    let (input, output) = tokio::io::split(pipe);
    let answers = BufReader::new(input).lines();
    let mut client = Client { answers, output, next_id: 1, screen: Screen::new() };
    print(
        "An AI assistant starts this program and calls its tools. Here are such calls, sent to a real\n\
         server in this process, which calls an embedded Bitrix24 portal over HTTP.",
    );

    let initialize = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "demo", "version": "1"},
    });
    client.ask("initialize", initialize).await?;
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await?;

    client
        .screen
        .heading("1. Find the deal, and the code of the stage that people call \"Agreed\"");
    let answer = client
        .call("find_crm_items", json!({"entityTypeId": 2, "query": "service contract"}))
        .await?;
    client.screen.moment(Found, &items(&answer));
    let answer =
        client.call("describe_crm_fields", json!({"entityTypeId": 2, "query": "agreed"})).await?;
    client.screen.moment(Found, &stages(&answer));

    client.screen.heading("2. Move it to that stage and set its amount");
    let answer = client
        .update(json!({"entityTypeId": 2, "id": 351, "fields": {
            "stageId": "C9:UC_NYL06U", "opportunity": 12000, "currencyId": "USD",
        }}))
        .await?;
    client.screen.moment(Changed, &changes(&answer, &answer));

    client.screen.heading("3. Misspell a field: a portal ignores it and still answers success");
    let answer = client
        .update(json!({"entityTypeId": 2, "id": 351, "fields": {"titel": "Acme: spring order"}}))
        .await?;
    client.screen.moment(Caught, &error(&answer));

    client.screen.heading(
        "4. Name a stage that the pipeline does not have: the portal drops it, and answers success",
    );
    let answer = client
        .update(json!({"entityTypeId": 2, "id": 351, "fields": {
            "title": "Acme: service contract", "stageId": "C9:NEGOTIATION",
        }}))
        .await?;
    client.screen.moment(Changed, &changes(&answer, &answer));
    client.screen.moment(Caught, &error(&answer));

    client.screen.heading(
        "5. Hand forty deals over and move them on: the first call shows it, the second one does it",
    );
    let mut many = json!({
        "entityTypeId": 2, "filter": {"%title": "Deal", "stageId": "NEW"},
        "fields": {"assignedById": "Marta Keller", "stageId": "PREPARATION"},
    });
    let preview = client.call(UPDATE_MANY, many.clone()).await?;
    client.screen.moment(Found, &would_change(&preview));
    let confirm = ("confirm".to_owned(), preview.get("confirm")?.clone());
    many.as_object_mut()?.extend([confirm]);
    let answer = client.call(UPDATE_MANY, many).await?;
    let updated =
        format!("{} of {}", number(&answer, "updated"), so_many(number(&answer, "count")));
    client.screen.moment(Changed, &[updated]);
    client.screen.moment(Caught, &list(&answer, "failed").map(group).collect::<Vec<_>>());

    print(
        "\nNext: connect your portal as README.md says, and try the settings: `bitrix24-crm-mcp check`",
    );
    Some(())
}

struct Client {
    answers: InputLines<BufReader<tokio::io::ReadHalf<DuplexStream>>>,
    output: tokio::io::WriteHalf<DuplexStream>,
    next_id: u32,
    screen: Screen,
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
        self.screen.call(tool, &arguments.to_string());
        let params = json!({"name": tool, "arguments": arguments});
        let answer = self.ask("tools/call", params).await?;
        let text = answer.pointer("/result/content/0/text")?.as_str()?;
        // An error's JSON follows a sentence.
        let json = text.lines().last()?;
        serde_json::from_str(json).ok()
    }
}

fn items(answer: &Value) -> Vec<String> {
    list(answer, "items")
        .flat_map(|item| {
            [
                format!(
                    "{} {}, {} {}",
                    item["id"],
                    item["title"],
                    item["opportunity"],
                    text(item, "currencyId")
                ),
                format!(
                    "stage {} of the pipeline {}, responsible {}",
                    named(answer, "stageId", &item["stageId"]),
                    named(answer, "categoryId", &item["categoryId"]),
                    named(answer, "assignedById", &item["assignedById"])
                ),
            ]
        })
        .collect()
}

fn stages(answer: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for pipeline in list(answer, "fields").flat_map(|field| list(field, "pipelines")) {
        for stage in list(pipeline, "stages") {
            lines.push(format!(
                "the stage {} of the pipeline {} has the code {}",
                stage["name"], pipeline["name"], stage["code"]
            ));
        }
    }
    lines
}

/// What a change of many items would do, with its first item.
fn would_change(preview: &Value) -> Vec<String> {
    let count =
        format!("{} of {} items would change, such as", preview["toChange"], preview["count"]);
    let mut lines = vec![count];
    if let Some(sample) = list(preview, "samples").next() {
        lines.push(format!("{} {}", sample["id"], sample["title"]));
        lines.extend(changes(sample, preview));
    }
    lines
}

/// What went wrong and why, then what the assistant is to make of it.
fn error(answer: &Value) -> Vec<String> {
    let error = &answer["error"];
    let mut lines = vec![format!("{}: {}", text(error, "code"), text(error, "message"))];
    for problem in list(error, "problems") {
        if let Some(meant) = problem.get("didYouMean").and_then(Value::as_str) {
            lines.push(format!("did you mean `{meant}`?"));
        }
    }
    for missed in list(answer, "notApplied") {
        lines.push(format!(
            "{} was not applied: {} is {} ({})",
            missed["asked"],
            text(missed, "field"),
            missed["now"],
            text(missed, "why")
        ));
        let options: Vec<String> = list(missed, "options")
            .map(|option| format!("{} ({})", option["name"], text(option, "code")))
            .collect();
        lines.push(format!("there are {}", options.join(", ")));
    }
    lines.push(format!("written: {}, retry: {}", text(error, "written"), text(error, "retry")));
    lines
}
