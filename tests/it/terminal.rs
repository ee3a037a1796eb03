//! `call --confirm` as a person at a terminal uses it.

use std::{process::Stdio, time::Duration};

use bitrix24_crm_mcp::sandbox::{Cost, Rules, Sandbox};
use jiff::Timestamp;
use pty_process::{OwnedReadPty, OwnedWritePty, Pts};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Child,
    time::timeout,
};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{PATIENCE, program, run, updates},
};

const QUESTION: &str = "[y/N] ";

/// The program at a terminal of its own, with its standard output in a pipe.
struct Terminal {
    screen: OwnedReadPty,
    keys: OwnedWritePty,
    shown: String,
    child: Child,
}

impl Terminal {
    /// Starts `call --confirm update_crm_items`; the terminal is standard input too, unless there is
    /// something to send there.
    async fn started(webhook: &str, arguments: &Value) -> Self {
        Self::calling("update_crm_items", webhook, &arguments.to_string(), None).await
    }

    async fn calling(tool: &str, webhook: &str, arguments: &str, input: Option<&str>) -> Self {
        Self::with_flags(&[], tool, webhook, arguments, input).await
    }

    async fn with_flags(
        flags: &[&str],
        tool: &str,
        webhook: &str,
        arguments: &str,
        input: Option<&str>,
    ) -> Self {
        let (pty, pts): (_, Pts) = pty_process::open().unwrap();
        let mut command = pty_process::Command::new(env!("CARGO_BIN_EXE_bitrix24-crm-mcp"))
            .args(flags)
            .args(["call", "--confirm", tool, arguments])
            .env("BITRIX24_WEBHOOK_URL", webhook)
            .env("TERM", "xterm")
            .kill_on_drop(true)
            .stdout(Stdio::piped());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BITRIX24_")) {
            command = command.env_remove(name);
        }
        if input.is_some() {
            command = command.stdin(Stdio::piped());
        }
        let mut child = command.spawn(pts).unwrap();
        if let Some(input) = input {
            child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        }
        let (screen, keys) = pty.into_split();
        Self { screen, keys, shown: String::new(), child }
    }

    async fn read_until(&mut self, text: &str) {
        let mut bytes = [0; 1024];
        while !self.shown.contains(text) {
            let read = timeout(PATIENCE, self.screen.read(&mut bytes)).await.unwrap().unwrap();
            assert!(read > 0, "{}", self.shown);
            self.shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }

    async fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).await.unwrap();
    }

    /// Waits for the end; the exit code and what was printed, null where that is nothing.
    async fn finish(mut self) -> (Option<i32>, Value, String) {
        let mut printed = String::new();
        let mut stdout = self.child.stdout.take().unwrap();
        let shown = async {
            let mut bytes = [0; 1024];
            // A terminal whose other side is closed cannot be read.
            while let Ok(read @ 1..) = self.screen.read(&mut bytes).await {
                self.shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        };
        let read = async { tokio::join!(stdout.read_to_string(&mut printed), shown) };
        timeout(PATIENCE, read).await.unwrap().0.unwrap();
        let status = timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        let mut json: Value = serde_json::from_str(&printed).unwrap_or_default();
        // Another one each time.
        json.as_object_mut().map(|json| json.remove("changeId"));
        (status.code(), json, self.shown)
    }
}

fn hand_over() -> Value {
    json!({"entityTypeId": 2, "filter": {"%title": "Deal"}, "fields": {"assignedById": 8}})
}

/// How many updates were sent, alone or in batches.
fn sent(sandbox: &Sandbox) -> usize {
    let in_batches = sandbox.received().into_iter().filter(|it| it.method == "batch");
    let in_batches = in_batches.map(|it| it.body.to_string().matches("crm.item.update?").count());
    updates(sandbox).len() + in_batches.sum::<usize>()
}

#[tokio::test]
async fn a_person_sees_what_would_change_before_it_is_changed() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.add_deals(120);
    let mut terminal = Terminal::started(&sandbox.webhook_url(), &hand_over()).await;
    terminal.read_until(QUESTION).await;
    assert_eq!(sent(&sandbox), 0);
    let shown = terminal.shown.replace("\r\n", "\n");
    assert!(shown.contains("120 of 120 items would change.\n\n  1001 \"Deal 1\"\n"), "{shown}");
    assert!(shown.contains("\"Sandbox User\" (1) → \"Marta Keller\" (8)\n"), "{shown}");
    assert!(shown.contains("  and 117 more\n"), "{shown}");
    assert!(shown.contains("Change 120 items? [y/N] "), "{shown}");
    terminal.press("y\n").await;
    let (code, json, shown) = terminal.finish().await;
    // The first chunk; later ones may come faster than the screen is drawn.
    assert!(shown.contains(" 5 of 120"), "{shown}");
    assert_eq!(
        json,
        json!({
            "ok": true, "status": "updated", "entityTypeId": 2, "count": 120, "updated": 120,
            "unchanged": 0, "notes": [],
        })
    );
    assert_eq!((code, sent(&sandbox)), (Some(0), 120));
}

#[tokio::test]
async fn the_readme_shows_what_a_person_sees() {
    let readme = include_str!("../../README.md");
    let (_, command) = readme.split_once("call --sandbox --confirm update_crm_items '").unwrap();
    let (arguments, rest) = command.split_once("'\n```\n\n```text\n").unwrap();
    let (shown, _) = rest.split_once("\n```").unwrap();
    let sandbox = Sandbox::start().await.unwrap();
    let arguments = serde_json::from_str(arguments).unwrap();
    let mut terminal = Terminal::started(&sandbox.webhook_url(), &arguments).await;
    terminal.read_until(QUESTION).await;
    assert!(terminal.shown.replace("\r\n", "\n").contains(shown), "{}", terminal.shown);
}

#[tokio::test]
async fn who_does_not_say_yes_changes_nothing() {
    for keys in ["n\n", "\n", "\u{3}"] {
        let sandbox = Sandbox::start().await.unwrap();
        // Few items, which a call without `--confirm` would change at once.
        let few = json!({"entityTypeId": 2, "ids": [101, 102], "fields": {"assignedById": 8}});
        let mut terminal = Terminal::started(&sandbox.webhook_url(), &few).await;
        terminal.read_until(QUESTION).await;
        terminal.press(keys).await;
        terminal.read_until("Nothing was changed.").await;
        let (code, json, _) = terminal.finish().await;
        assert_eq!((code, json), (Some(1), Value::Null), "{keys:?}");
        assert_eq!(sent(&sandbox), 0, "{keys:?}");
    }
}

#[tokio::test]
async fn the_person_is_asked_at_the_terminal_when_the_arguments_come_from_standard_input() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.add_deals(3);
    let input = hand_over().to_string();
    let mut terminal =
        Terminal::calling("update_crm_items", &sandbox.webhook_url(), "-", Some(&input)).await;
    terminal.read_until(QUESTION).await;
    terminal.press("yes\n").await;
    let (code, json, _) = terminal.finish().await;
    assert_eq!((code, &json["updated"]), (Some(0), &json!(3)), "{json}");
}

#[tokio::test]
async fn a_set_that_has_changed_is_shown_again() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.add_deals(2);
    let mut terminal = Terminal::started(&sandbox.webhook_url(), &hand_over()).await;
    terminal.read_until(QUESTION).await;
    sandbox.add_deals(3);
    terminal.press("y\n").await;
    terminal.read_until("Change 3 items? [y/N] ").await;
    assert!(terminal.shown.contains("Nothing was changed: "), "{}", terminal.shown);
    assert_eq!(sent(&sandbox), 0);
    terminal.press("y\n").await;
    let (code, json, _) = terminal.finish().await;
    assert_eq!((code, &json["count"], &json["updated"]), (Some(0), &json!(3), &json!(3)));
}

/// A deal as a list and an update show it.
fn deal(id: u64, person: u64) -> Value {
    let time = format!("2026-11-24T10:0{person}:00+02:00");
    json!({"id": id, "title": "a", "assignedById": person, "updatedTime": time})
}

fn listed(deals: &[(u64, u64)]) -> Reply {
    let deals: Vec<Value> = deals.iter().map(|(id, person)| deal(*id, *person)).collect();
    Reply::Json(200, json!({"result": {"items": deals}, "total": 3, "time": {"operating": 0.1}}))
}

/// The answer of a batch: the ids that were updated, and those that the portal refused for its limit,
/// which ends in a moment.
fn updated(done: &[u64], refused: &[u64]) -> Reply {
    let key = |id: &u64| format!("update{id}");
    let results = done.iter().map(|id| (key(id), json!({"item": deal(*id, 8)})));
    let error = json!({"error": "OPERATION_TIME_LIMIT", "error_description": "Blocked"});
    let errors = refused.iter().map(|id| (key(id), error.clone()));
    let reset = json!({"operating": 480, "operating_reset_at": Timestamp::now().as_second() + 2});
    let times = done.iter().map(|id| (key(id), reset.clone()));
    let result = json!({
        "result": results.collect::<Value>(), "result_error": errors.collect::<Value>(),
        "result_total": [], "result_next": [], "result_time": times.collect::<Value>(),
    });
    Reply::Json(200, json!({"result": result, "time": {"operating": 0.1}}))
}

/// Three deals, of which the portal updates only the first one before its limit is reached.
async fn limited_portal() -> ScriptedPortal {
    let names = Reply::Json(200, json!({"result": {"result": [], "result_error": []}}));
    let first =
        Reply::IfBody("update5", Box::new(updated(&[5], &[6, 7])), Box::new(updated(&[6, 7], &[])));
    let batch = Reply::IfBody("crm.item.update", Box::new(first), Box::new(names));
    let before = listed(&[(5, 1), (6, 1), (7, 1)]);
    let rest = listed(&[(6, 1), (7, 1)]);
    ScriptedPortal::start(&[
        ("crm.item.list", vec![before.clone(), before, rest]),
        ("batch", vec![batch]),
    ])
    .await
}

fn three() -> Value {
    json!({"entityTypeId": 2, "ids": [5, 6, 7], "fields": {"assignedById": 8}})
}

#[tokio::test]
async fn a_change_that_pauses_is_gone_on_with_to_its_end() {
    let portal = limited_portal().await;
    let mut terminal = Terminal::started(&portal.webhook(), &three()).await;
    terminal.read_until(QUESTION).await;
    terminal.press("y\n").await;
    let (code, json, shown) = terminal.finish().await;
    assert!(shown.contains("The portal is busy. Going on in "), "{shown}");
    assert_eq!(
        json,
        json!({
            "ok": true, "status": "updated", "entityTypeId": 2, "count": 3, "updated": 3,
            "unchanged": 0, "notes": [],
        }),
        "{shown}"
    );
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn an_interrupted_change_tells_what_was_done() {
    let portal = limited_portal().await;
    let mut terminal = Terminal::started(&portal.webhook(), &three()).await;
    terminal.read_until(QUESTION).await;
    terminal.press("y\n").await;
    terminal.read_until("Going on in").await;
    terminal.press("\u{3}").await;
    let (code, json, shown) = terminal.finish().await;
    assert_eq!(
        json,
        json!({
            "ok": true, "status": "paused", "entityTypeId": 2, "count": 3, "updated": 1,
            "unchanged": 0, "left": 2,
            "notes": ["to go on, repeat the command: what was changed is left as it is"],
        }),
        "{shown}"
    );
    assert_eq!(code, Some(1));
}

#[tokio::test]
async fn an_interruption_ends_a_change_between_two_requests() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.add_deals(300);
    let cost = Cost { update: Duration::from_millis(20), other: Duration::ZERO };
    sandbox.set_rules(Rules { cost: Some(cost), ..Rules::default() });
    let mut terminal = Terminal::started(&sandbox.webhook_url(), &hand_over()).await;
    terminal.read_until(QUESTION).await;
    terminal.press("y\n").await;
    terminal.read_until(" 5 of 300").await;
    terminal.press("\u{3}").await;
    let (code, json, shown) = terminal.finish().await;
    assert_eq!((code, &json["status"]), (Some(1), &json!("paused")), "{json} {shown}");
    let (updated, left) = (json["updated"].as_u64().unwrap(), json["left"].as_u64().unwrap());
    assert_eq!((updated + left, updated), (300, sent(&sandbox) as u64), "{json}");
    assert!(left > 0);
}

#[tokio::test]
async fn only_a_change_of_many_items_is_asked_about_and_as_a_whole() {
    let sandbox = Sandbox::start().await.unwrap();
    let cases = [
        ("update_crm_item", "{}", "`--confirm` is for `update_crm_items` and `undo_crm_update`"),
        ("delete_it", "{}", "there is no tool `delete_it`"),
        ("update_crm_items", "[]", "with `--confirm` the arguments are a JSON object"),
        ("update_crm_items", r#"{"dry_run":false}"#, "leave out `dry_run`"),
        ("update_crm_items", r#"{"confirm":"340.7f.0"}"#, "leave out `confirm`"),
    ];
    for (tool, arguments, message) in cases {
        let terminal = Terminal::calling(tool, &sandbox.webhook_url(), arguments, None).await;
        let (code, json, shown) = terminal.finish().await;
        assert_eq!((code, json), (Some(2), Value::Null), "{tool} {arguments}");
        assert!(shown.starts_with(&format!("error: {message}")), "{shown}");
    }
    assert!(sandbox.received().is_empty());
    // What is wrong with the call itself is answered as always.
    let wrong = json!({"entityTypeId": 2, "ids": [101], "fields": {"titel": "A"}});
    let terminal = Terminal::started(&sandbox.webhook_url(), &wrong).await;
    let (code, json, _) = terminal.finish().await;
    assert_eq!((code, &json["error"]["code"]), (Some(1), &json!("UNKNOWN_FIELD")));
}

#[tokio::test]
async fn without_a_terminal_nobody_is_asked() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut command = program();
    command.args(["call", "--confirm", "update_crm_items", &hand_over().to_string()]);
    let finished = run(command.env("BITRIX24_WEBHOOK_URL", sandbox.webhook_url())).await;
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        finished.stderr,
        "error: `--confirm` asks a person, and there is no terminal to ask at\n"
    );
    assert!(sandbox.received().is_empty());
}

#[tokio::test]
async fn a_change_is_put_back_after_its_preview_and_a_question() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.add_deals(60);
    let webhook = sandbox.webhook_url();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.jsonl");
    let flags = ["--journal", file.to_str().unwrap()];
    let many = hand_over().to_string();
    let mut terminal =
        Terminal::with_flags(&flags, "update_crm_items", &webhook, &many, None).await;
    terminal.read_until(QUESTION).await;
    terminal.press("y\n").await;
    assert_eq!(terminal.finish().await.0, Some(0));
    let one = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "Renewal"}}).to_string();
    let mut single = program();
    single.args(flags).args(["call", "update_crm_item", &one]);
    assert_eq!(run(single.env("BITRIX24_WEBHOOK_URL", &webhook)).await.code, Some(0));
    let text = std::fs::read_to_string(&file).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut changes: Vec<Value> = lines.map(|line| line["change"].clone()).collect();
    changes.dedup();
    let cases = [
        (0, "60 of 60 items would change.", "Put back 60 items? [y/N] "),
        (1, "Of item 351 this would be put back:", "Put this back? [y/N] "),
    ];
    for (at, preview, question) in cases {
        let arguments = json!({"changeId": changes[at]}).to_string();
        let mut terminal =
            Terminal::with_flags(&flags, "undo_crm_update", &webhook, &arguments, None).await;
        terminal.read_until(QUESTION).await;
        let shown = terminal.shown.replace("\r\n", "\n");
        assert!(shown.contains(preview) && shown.contains(question), "{shown}");
        terminal.press("y\n").await;
        let (code, json, _) = terminal.finish().await;
        assert_eq!((code, &json["status"]), (Some(0), &json!("restored")), "{json}");
        assert_eq!(json["undone"], changes[at]);
    }
    assert_eq!(sandbox.item(2, 1_001).unwrap()["assignedById"], 1);
    assert_eq!(sandbox.item(2, 351).unwrap()["title"], "Service contract");
}
