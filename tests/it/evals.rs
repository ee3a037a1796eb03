//! The tasks of `evals/`, each done as it should be and not at all, before their judge.

use std::{env::consts::EXE_SUFFIX, fs, path::Path, time::SystemTime};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{Finished, Server, program, run};

const TASKS: &str = include_str!("../../evals/tasks.json");

/// When a file was written; `None` when it is not there.
fn written_at(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|file| file.modified()).ok()
}

/// The judge with none of the settings of whoever runs the tests.
fn judge() -> Command {
    let program_file = Path::new(env!("CARGO_BIN_EXE_bitrix24-crm-mcp"));
    let judge = program_file.with_file_name("examples").join(format!("judge{EXE_SUFFIX}"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("evals");
    let sources = ["judge.rs", "tasks.json"].map(|source| folder.join(source));
    // `cargo test` with a name builds no examples.
    let is_built = sources.iter().all(|source| written_at(source) <= written_at(&judge));
    assert!(is_built, "run `cargo build --example judge` first");
    let mut command = Command::new(judge);
    for (name, _) in program().as_std().get_envs() {
        command.env_remove(name);
    }
    command.kill_on_drop(true);
    command
}

/// Makes calls for a task, and answers how the judge ended and which verdict it wrote.
async fn judged(task: &Value, calls: &[Value]) -> (Finished, Value) {
    let folder = tempfile::tempdir().unwrap();
    let verdict = folder.path().join("verdict.json");
    let mut command = judge();
    command.arg(task["id"].as_str().unwrap()).arg(&verdict);
    let mut client = Server::opened(command, "").await;
    for call in calls {
        let params = json!({"name": call["tool"], "arguments": call["arguments"]});
        client.request("tools/call", params).await;
    }
    let finished = client.finish().await;
    let text = fs::read_to_string(verdict).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    (finished, serde_json::from_str(&text).unwrap())
}

fn tasks() -> Vec<Value> {
    serde_json::from_str(TASKS).unwrap()
}

#[tokio::test]
async fn each_task_is_passed_by_its_solution_within_its_limits() {
    for task in tasks() {
        let (finished, verdict) = judged(&task, task["solution"].as_array().unwrap()).await;
        assert_eq!(verdict["problems"], json!([]), "{verdict}");
        assert_eq!(verdict["verdict"], "passed", "{verdict}");
        assert_eq!(verdict["isWithinLimits"], true, "{verdict}");
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    }
}

#[tokio::test]
async fn each_task_is_failed_without_a_call() {
    for task in tasks() {
        let (finished, verdict) = judged(&task, &[]).await;
        assert_eq!(verdict["problems"], json!(["no tool was called"]), "{verdict}");
        assert_eq!(verdict["verdict"], "failed", "{verdict}");
        assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    }
}

#[tokio::test]
async fn what_is_missing_and_what_nobody_asked_for_is_a_problem() {
    let find = json!({"tool": "find_crm_items", "arguments": {"entityTypeId": 2, "query": "a"}});
    let update = |entity_type: u32, id: u32, fields: Value| {
        let arguments = json!({"entityTypeId": entity_type, "id": id, "fields": fields});
        json!({"tool": "update_crm_item", "arguments": arguments})
    };
    for (id, call, problem) in [
        (
            "rename",
            find,
            "item 101 of entity type 2: `title` is \"Acme: spring order\", expected \"Acme: autumn order\"",
        ),
        (
            "ambiguous-name",
            update(31, 81, json!({"stageId": "DT31_2:P"})),
            "item 81 of entity type 31: `stageId` is \"DT31_2:P\", expected \"DT31_2:S\"",
        ),
        (
            "amount",
            update(2, 102, json!({"opportunity": 21500, "currencyId": "EUR", "probability": 90})),
            "item 102 of entity type 2: `probability` is 90, expected 10",
        ),
    ] {
        let task = tasks().into_iter().find(|task| task["id"] == id).unwrap();
        let (finished, verdict) = judged(&task, &[call]).await;
        assert_eq!(verdict["problems"], json!([problem]), "{verdict}");
        assert_eq!((finished.code, &verdict["calls"]), (Some(1), &json!(1)), "{verdict}");
    }
}

#[tokio::test]
async fn the_tasks_are_listed_with_their_prompts() {
    let finished = run(&mut judge()).await;
    let expected = tasks().into_iter().map(|task| {
        format!("{}\t{}\n", task["id"].as_str().unwrap(), task["prompt"].as_str().unwrap())
    });
    assert_eq!(finished.stdout, expected.collect::<String>());
    assert_eq!(tasks().len(), 12);
}
