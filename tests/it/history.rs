//! The command `history`: what it shows people and programs of a journal's file.

use std::{fs, path::PathBuf};

use insta::assert_snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::{Finished, program, run};

/// A file as version 1 writes it: later versions have to read it.
fn journal() -> (TempDir, PathBuf) {
    let origin = json!({
        "tool": "update_crm_item", "client": {"name": "claude-code", "version": "2.1.76"},
        "portal": "acme.example", "user": "7",
    });
    let line = |record: &str, time: &str, seq: u64, change: &str, more: Value| {
        let mut line = json!({
            "v": 1, "record": record, "time": time, "run": "r1", "seq": seq, "change": change,
        });
        let origin = if record == "begin" { &origin } else { &Value::Null };
        for (name, value) in origin.as_object().into_iter().chain(more.as_object()).flatten() {
            line[name.as_str()] = value.clone();
        }
        line.to_string()
    };
    let many: Vec<u64> = (1_000..1_020).collect();
    let asked: Value = many
        .iter()
        .map(|id| (id.to_string(), json!({"stageId": "C9:WON", "title": format!("Deal {id}")})))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let lines = [
        line(
            "begin",
            "2026-11-24T09:15:00.000Z",
            1,
            "c0000000001",
            json!({
                "part": 1, "entityTypeId": 2, "ids": [351], "called": {"351": "Acme"},
                "kinds": {"stageId": "stage", "opportunity": "amount", "observers": "users"},
                "before": {"351": {"stageId": "NEW", "opportunity": 1000, "observers": []}},
                "request": {"351": {"stageId": "C9:WON", "opportunity": 1200, "observers": [7, 8]}},
            }),
        ),
        line(
            "end",
            "2026-11-24T09:15:00.300Z",
            2,
            "c0000000001",
            json!({
                "of": 1, "outcome": "updated", "written": "yes", "requests": 2, "ms": 300,
                "after": {"351": {"stageId": "C9:WON", "opportunity": 1200.0, "observers": [7, 8], "closedate": "2026-11-24"}},
                "consequences": {"351": {"closedate": ""}},
                "names": {"stageId": {"NEW": "New", "C9:WON": "Won"}, "observers": {"7": "Ann"}},
            }),
        ),
        line(
            "begin",
            "2026-11-24T10:00:00.000Z",
            3,
            "c0000000002",
            json!({
                "part": 1, "entityTypeId": 3, "ids": [5], "called": {"5": "Eve\u{1b}[31m\u{202e}\nil"},
                "kinds": {"photo": "picture", "comments": "markup"},
                "before": {"5": {"photo": {"id": 9}, "comments": "x".repeat(200)}},
                "request": {"5": {"photo": {"name": "eve.png", "leftOut": true}, "comments": "\u{1b}]0;bad\u{7}"}},
            }),
        ),
        line(
            "end",
            "2026-11-24T10:00:01.000Z",
            4,
            "c0000000002",
            json!({
                "of": 3, "outcome": "NOT_APPLIED", "written": "no", "requests": 2, "ms": 300,
                "after": {"5": {"photo": {"id": 9}, "comments": "x".repeat(200)}},
            }),
        ),
        line(
            "begin",
            "2026-11-25T08:00:00.000Z",
            5,
            "c0000000003",
            json!({
                "part": 1, "entityTypeId": 1220, "ids": [2], "before": {"2": {"title": "Old"}}, "request": {"2": {"title": "New"}},
                "kinds": {"title": "hologram"},
            }),
        ),
        line(
            "begin",
            "2026-11-25T23:30:00.000Z",
            6,
            "c0000000004",
            json!({
                "tool": "update_crm_items", "part": 1, "entityTypeId": 2, "ids": many, "request": asked, "client": null,
                "user": null,
            }),
        ),
        line(
            "end",
            "2026-11-25T23:30:09.000Z",
            7,
            "c0000000004",
            json!({
                "of": 6, "outcome": "updated", "written": "yes", "requests": 2, "ms": 9000,
                "exceptions": {"1003": "ACCESS_DENIED", "1004": "unchanged", "1007": "ACCESS_DENIED"},
                "names": {"stageId": {"C9:WON": "Won"}},
            }),
        ),
        line(
            "begin",
            "2026-11-26T08:00:00.000Z",
            8,
            "c0000000005",
            json!({
                "part": 1, "entityTypeId": 2, "ids": [351], "values": "names", "before": {"351": {"title": null}},
                "request": {"351": {"title": null}}, "kinds": {"title": "text"}, "portal": "other.example",
            }),
        ),
        line(
            "end",
            "2026-11-26T08:00:00.000Z",
            9,
            "c0000000005",
            json!({
                "of": 8, "outcome": "updated", "written": "yes", "requests": 2, "ms": 9,
                "after": {"351": {"title": null}}, "consequences": {"351": {"movedTime": null}},
            }),
        ),
        "{\"v\":1,\"rec".to_owned(),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.jsonl");
    fs::write(&file, lines.join("\n")).unwrap();
    (folder, file)
}

fn history(file: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = program();
    command.arg("history").args(arguments).env("BITRIX24_JOURNAL", file).env("TZ", "Europe/Berlin");
    command
}

/// What is printed, without the folder of the file.
async fn shown(folder: &TempDir, mut command: Command) -> String {
    let Finished { code, stdout, stderr } = run(&mut command).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    stdout.replace(folder.path().to_str().unwrap(), "/folder")
}

#[tokio::test]
async fn people_see_what_was_changed_and_what_is_not_known() {
    let (folder, file) = journal();
    assert_snapshot!(shown(&folder, history(&file, &[])).await, @r"
    changes in `/folder/journal.jsonl`, the newest first, times in Europe/Berlin

    2026-11-26 09:00:00  updated  deal 351
      c0000000005, update_crm_item by claude-code 2.1.76, with the rights of user 7, at other.example
        title
        movedTime (by the portal itself)
        values were not recorded

    2026-11-26 00:30:00  partial  deal: 20 items
      c0000000004, update_crm_items, at acme.example
        updated: 17 items
        ACCESS_DENIED: 2 items (1003, 1007)
        unchanged: 1 item (1004)
        stageId: → C9:WON (Won)
        title: a value for each item

    2026-11-25 09:00:00  unknown  smart process 1220, item 2
      c0000000003, update_crm_item by claude-code 2.1.76, with the rights of user 7, at acme.example
        title: Old; New was asked for
        it is not known whether the portal has carried it out

    2026-11-24 11:00:00  NOT_APPLIED  contact 5 “Eve\u{1b}[31m\u{202e}\u{a}il”
      c0000000002, update_crm_item by claude-code 2.1.76, with the rights of user 7, at acme.example
        photo: id 9; eve.png was asked for
        comments: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…; \u{1b}]0;bad\u{7} was asked for

    2026-11-24 10:15:00  updated  deal 351 “Acme”
      c0000000001, update_crm_item by claude-code 2.1.76, with the rights of user 7, at acme.example
        stageId: NEW (New) → C9:WON (Won)
        opportunity: 1000 → 1200.0
        observers: (empty) → 7 (Ann), 8
        closedate: (empty) → 2026-11-24 (by the portal itself)

    1 line of the file could not be read, such as one that was not written to its end
    ");
}

#[tokio::test]
async fn changes_are_chosen_by_item_time_and_outcome() {
    let (folder, file) = journal();
    for (arguments, changes) in [
        (vec!["--item", "deal:351"], vec![5, 1]),
        (vec!["--item", "2:1003"], vec![4]),
        (vec!["--item", "https://acme.example/crm/type/1220/details/2/"], vec![3]),
        // In Berlin this day begins an hour before.
        (vec!["--since", "2026-11-26"], vec![5, 4]),
        (vec!["--since", "2026-11-26T00:00:00Z"], vec![5]),
        (vec!["--failed"], vec![4, 3, 2]),
        (vec!["--failed", "--since", "2026-11-25", "--item", "deal:1007"], vec![4]),
    ] {
        let mut command = history(&file, &arguments);
        command.arg("--json");
        let finished = run(&mut command).await;
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
        let ids: Vec<String> = finished
            .stdout
            .lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["change"].as_str().unwrap().to_owned()
            })
            .collect();
        let expected: Vec<String> = changes.iter().map(|id| format!("c{id:010}")).collect();
        assert_eq!(ids, expected, "{arguments:?}");
    }
    let nothing = shown(&folder, history(&file, &["--item", "lead:1"])).await;
    assert_eq!(
        nothing,
        "no such change is recorded in `/folder/journal.jsonl`\n\n1 line of the file could not be read, such \
         as one that was not written to its end\n"
    );
}

#[tokio::test]
async fn programs_get_a_change_on_each_line() {
    let (_folder, file) = journal();
    let finished = run(history(&file, &["--item", "deal:351", "--json"]).arg("--failed")).await;
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""));
    let finished = run(&mut history(&file, &["--item", "1220:2", "--json"])).await;
    let change: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(
        change,
        json!({
            "change": "c0000000003", "time": "2026-11-25T08:00:00.000Z", "outcome": "unknown",
            "written": "unknown", "isComplete": false, "tool": "update_crm_item",
            "client": {"name": "claude-code", "version": "2.1.76"}, "portal": "acme.example", "user": "7",
            "run": "r1",
            "parts": [{
                "time": "2026-11-25T08:00:00.000Z", "hasValues": true, "end": null, "ms": null,
                "begin": {
                    "entityTypeId": 1220, "ids": [2], "kinds": {"title": "any"},
                    "before": {"2": {"title": "Old"}}, "request": {"2": {"title": "New"}},
                },
            }],
        })
    );
}

#[tokio::test]
async fn what_cannot_be_shown_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.jsonl");
    let told = shown(&folder, history(&file, &[])).await;
    assert_eq!(told, "there is no file `/folder/journal.jsonl` yet; the first change makes it\n");
    fs::write(&file, "").unwrap();
    let told = shown(&folder, history(&file, &[])).await;
    assert_eq!(told, "no change is recorded in `/folder/journal.jsonl`\n");

    let unset = run(program().arg("history")).await;
    assert_eq!(
        (unset.code, unset.stderr.as_str()),
        (
            Some(2),
            "error: no journal is set; set `BITRIX24_JOURNAL` or name its file with `--journal`\n"
        )
    );
    let by_flag = run(program().args(["history", "--journal", file.to_str().unwrap()])).await;
    assert_eq!(by_flag.code, Some(0));
    let unusable = run(&mut history(folder.path(), &[])).await;
    assert_eq!(unusable.code, Some(2));
    assert!(unusable.stderr.contains("`BITRIX24_JOURNAL` must name a file"), "{}", unusable.stderr);
    for wrong in [["--item", "351"], ["--item", "order:1"], ["--since", "yesterday"]] {
        let refused = run(&mut history(&file, &wrong)).await;
        assert_eq!(refused.code, Some(2), "{wrong:?}");
        assert!(refused.stderr.contains("such as `"), "{}", refused.stderr);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_terminal_gets_colours_unless_they_are_not_wanted() {
    use tokio::io::AsyncReadExt;
    let (_folder, file) = journal();
    for (no_color, has_colours) in [("", true), ("1", false)] {
        let (mut pty, pts) = pty_process::open().unwrap();
        let mut child = pty_process::Command::new(env!("CARGO_BIN_EXE_bitrix24-crm-mcp"))
            .args(["history", "--failed", "--journal", file.to_str().unwrap()])
            .env("TERM", "xterm")
            .env("NO_COLOR", no_color)
            .spawn(pts)
            .unwrap();
        let mut screen = Vec::new();
        // The end of a terminal is an error.
        let _ = pty.read_to_end(&mut screen).await;
        assert!(child.wait().await.unwrap().success());
        let screen = String::from_utf8(screen).unwrap();
        assert!(screen.contains("NOT_APPLIED"), "{screen}");
        assert_eq!(screen.contains("\x1b[31mNOT_APPLIED\x1b[0m"), has_colours, "{screen}");
        assert_eq!(screen.contains('\x1b'), has_colours, "{screen}");
    }
}
