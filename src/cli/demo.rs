//! `demo`: the main use on the embedded portal, with the calls that an MCP client would send.

mod card;
mod screen;

use std::{path::Path, process::ExitCode, sync::Arc};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines as InputLines};

use self::screen::{
    Moment::{Caught, Changed, Found},
    Screen,
};
use super::{
    embedded_portal,
    language::Language,
    print,
    words::{changes, group, list, named, number, so_many, text},
    wrong_usage,
};
use crate::{
    account::Account,
    card::{EXTENSION, MIME},
    portal::{Connection, Endpoint, Timeouts},
    sandbox::{Rules, Sandbox},
    server::{self, StdioTransport},
    tools::{Registry, ToolSelection, UPDATE_MANY},
    uploads::Policy,
};

/// Large enough for every line of the conversation.
const PIPE_SIZE: usize = 256 * 1024;

/// Shows the demonstration, or writes its changes to a file that a browser shows.
pub(super) async fn run(language: Language, file: Option<&Path>) -> ExitCode {
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
    let screen = Screen::new(language);
    let screen = if file.is_some() { screen.silent() } else { screen };
    let shown = show(ours, screen, language).await;
    let ended = server.await;
    let (Some(calls), Ok(Ok(()))) = (shown, ended) else {
        return super::wrong_call(
            language.text("the demonstration was cut short", "показ прерван"),
        );
    };
    match file.map(|file| (file, card::write(file, language, &calls))) {
        None => {}
        Some((_, Ok(path))) => {
            let path = path.display();
            print(&language.text(
                format!("Written to {path}: open it in a browser"),
                format!("Записано в {path}: откройте этот файл в браузере"),
            ));
        }
        Some((file, Err(error))) => {
            let file = file.display();
            return super::wrong_call(&language.text(
                format!("{file} cannot be written: {error}"),
                format!("не удалось записать {file}: {error}"),
            ));
        }
    }
    ExitCode::SUCCESS
}

/// Forty deals, of which one lacks an amount that the portal requires in the next stage.
fn fill(sandbox: &Sandbox) {
    sandbox.add_deals(40);
    sandbox.empty_field_of_deal(1_017, "opportunity");
    let required = Some(("PREPARATION".to_owned(), "opportunity".to_owned()));
    sandbox.set_rules(Rules { required, ..Rules::default() });
}

/// Talks to the server as an MCP client does, shows what is said, and returns the calls that wrote or
/// would have.
async fn show(pipe: DuplexStream, screen: Screen, language: Language) -> Option<Vec<card::Call>> {
    let (input, output) = tokio::io::split(pipe);
    let answers = BufReader::new(input).lines();
    let mut client =
        Client { answers, output, next_id: 1, screen, step: String::new(), calls: Vec::new() };
    client.screen.say(language.text(
        "An AI assistant starts this program and calls its tools. Here are such calls, sent to a real\n\
         server in this process, which calls an embedded Bitrix24 portal over HTTP.",
        "ИИ-ассистент запускает эту программу и вызывает её инструменты. Вот такие вызовы: их получает\n\
         настоящий сервер в этом процессе, а он обращается по HTTP к встроенному порталу Битрикс24.\n\
         Вызовы и ошибки, как их видит ассистент, — на английском.",
    ));

    let initialize = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {"extensions": {(EXTENSION): {"mimeTypes": [MIME]}}},
        "clientInfo": {"name": "demo", "version": "1"},
    });
    client.ask("initialize", initialize).await?;
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await?;

    client.step(language.text(
        "1. Find the deal, and the code of the stage that people call \"Agreed\"",
        "1. Найти сделку и код стадии, которую люди называют «Agreed»",
    ));
    let answer = client
        .call("find_crm_items", json!({"entityTypeId": 2, "query": "service contract"}))
        .await?;
    client.screen.moment(Found, &items(&answer, language));
    let answer =
        client.call("describe_crm_fields", json!({"entityTypeId": 2, "query": "agreed"})).await?;
    client.screen.moment(Found, &stages(&answer, language));

    client.step(language.text(
        "2. Move it to that stage and set its amount",
        "2. Перевести её на эту стадию и задать сумму",
    ));
    let answer = client
        .update(json!({"entityTypeId": 2, "id": 351, "fields": {
            "stageId": "C9:UC_NYL06U", "opportunity": 12000, "currencyId": "USD",
        }}))
        .await?;
    client.screen.moment(Changed, &changes(&answer, &answer, language));

    client.step(language.text(
        "3. Misspell a field: a portal ignores it and still answers success",
        "3. Опечатка в имени поля: портал её пропускает и отвечает, что всё получилось",
    ));
    let answer = client
        .update(json!({"entityTypeId": 2, "id": 351, "fields": {"titel": "Acme: spring order"}}))
        .await?;
    client.screen.moment(Caught, &error(&answer, language));

    client.step(language.text(
        "4. Name a stage that the pipeline does not have: the portal drops it, and answers success",
        "4. Стадия, которой нет в воронке: портал её не ставит и отвечает, что всё получилось",
    ));
    let answer = client
        .update(json!({"entityTypeId": 2, "id": 351, "fields": {
            "title": "Acme: service contract", "stageId": "C9:NEGOTIATION",
        }}))
        .await?;
    client.screen.moment(Changed, &changes(&answer, &answer, language));
    client.screen.moment(Caught, &error(&answer, language));

    client.step(language.text(
        "5. Hand forty deals over and move them on: the first call shows it, the second one does it",
        "5. Передать сорок сделок и сменить им стадию: первый вызов показывает, второй выполняет",
    ));
    let mut many = json!({
        "entityTypeId": 2, "filter": {"%title": "Deal", "stageId": "NEW"},
        "fields": {"assignedById": "Marta Keller", "stageId": "PREPARATION"},
    });
    let preview = client.call(UPDATE_MANY, many.clone()).await?;
    client.screen.moment(Found, &would_change(&preview, language));
    let confirm = ("confirm".to_owned(), preview.get("confirm")?.clone());
    many.as_object_mut()?.extend([confirm]);
    let answer = client.call(UPDATE_MANY, many).await?;
    let (updated, count) = (number(&answer, "updated"), number(&answer, "count"));
    let updated =
        language.text(format!("{updated} of {}", so_many(count)), format!("{updated} из {count}"));
    client.screen.moment(Changed, &[updated]);
    client
        .screen
        .moment(Caught, &list(&answer, "failed").map(|it| group(it, language)).collect::<Vec<_>>());

    client.screen.say(language.text(
        "\nNext: connect your portal with `bitrix24-crm-mcp setup`, or as README.md says",
        "\nДальше подключите свой портал: `bitrix24-crm-mcp setup` (вручную — см. README.ru.md)",
    ));
    Some(client.calls)
}

struct Client {
    answers: InputLines<BufReader<tokio::io::ReadHalf<DuplexStream>>>,
    output: tokio::io::WriteHalf<DuplexStream>,
    next_id: u32,
    screen: Screen,
    /// What is being done.
    step: String,
    /// The calls that wrote or would have.
    calls: Vec<card::Call>,
}

impl Client {
    fn step(&mut self, heading: &str) {
        self.screen.heading(heading);
        let (_number, title) = heading.split_once(". ").unwrap_or(("", heading));
        title.clone_into(&mut self.step);
    }

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
        if tool.starts_with("update") {
            let (title, result) = (self.step.clone(), answer.get("result")?.clone());
            self.calls.push(card::Call { title, tool: tool.to_owned(), arguments, result });
        }
        let text = answer.pointer("/result/content/0/text")?.as_str()?;
        // An error's JSON follows a sentence.
        let json = text.lines().last()?;
        serde_json::from_str(json).ok()
    }
}

fn items(answer: &Value, language: Language) -> Vec<String> {
    list(answer, "items")
        .flat_map(|item| {
            let [stage, pipeline, responsible] = ["stageId", "categoryId", "assignedById"]
                .map(|field| named(answer, field, &item[field]));
            [
                format!(
                    "{} {}, {} {}",
                    item["id"],
                    item["title"],
                    item["opportunity"],
                    text(item, "currencyId")
                ),
                language.text(
                    format!("stage {stage} of the pipeline {pipeline}, responsible {responsible}"),
                    format!("стадия {stage}, воронка {pipeline}, ответственный {responsible}"),
                ),
            ]
        })
        .collect()
}

fn stages(answer: &Value, language: Language) -> Vec<String> {
    let mut lines = Vec::new();
    for pipeline in list(answer, "fields").flat_map(|field| list(field, "pipelines")) {
        for stage in list(pipeline, "stages") {
            let (pipeline, name, code) = (&pipeline["name"], &stage["name"], &stage["code"]);
            lines.push(language.text(
                format!("the stage {name} of the pipeline {pipeline} has the code {code}"),
                format!("у стадии {name} воронки {pipeline} код {code}"),
            ));
        }
    }
    lines
}

/// What a change of many items would do, with its first item.
fn would_change(preview: &Value, language: Language) -> Vec<String> {
    let (changed, count) = (&preview["toChange"], &preview["count"]);
    let mut lines = vec![language.text(
        format!("{changed} of {count} items would change, such as"),
        format!("изменились бы {changed} из {count}, например"),
    )];
    if let Some(sample) = list(preview, "samples").next() {
        lines.push(format!("{} {}", sample["id"], sample["title"]));
        lines.extend(changes(sample, preview, language));
    }
    lines
}

/// What went wrong and why, then what the assistant is to make of it.
fn error(answer: &Value, language: Language) -> Vec<String> {
    let error = &answer["error"];
    let mut lines = vec![format!("{}: {}", text(error, "code"), text(error, "message"))];
    for problem in list(error, "problems") {
        if let Some(meant) = problem.get("didYouMean").and_then(Value::as_str) {
            lines.push(language.text(
                format!("did you mean `{meant}`?"),
                format!("возможно, имелось в виду `{meant}`?"),
            ));
        }
    }
    for missed in list(answer, "notApplied") {
        let (asked, now) = (&missed["asked"], &missed["now"]);
        let (field, why) = (text(missed, "field"), text(missed, "why"));
        lines.push(language.text(
            format!("{asked} was not applied: {field} is {now} ({why})"),
            format!("{asked} не применено: {field} остаётся {now} ({why})"),
        ));
        let options: Vec<String> = list(missed, "options")
            .map(|option| format!("{} ({})", option["name"], text(option, "code")))
            .collect();
        let options = options.join(", ");
        lines.push(language.text(format!("there are {options}"), format!("есть {options}")));
    }
    lines.push(format!("written: {}, retry: {}", text(error, "written"), text(error, "retry")));
    lines
}
