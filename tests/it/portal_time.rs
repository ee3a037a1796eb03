//! What the embedded portal takes for its commands, and what comes of it: other calls are served
//! meanwhile, answers are cut, the portal goes on, methods are blocked.

use std::time::Duration;

use bitrix24_crm_mcp::sandbox::{Cost, Rules, Sandbox};
use serde_json::{Map, Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::vendor_sandbox::{ask, post};

const DEALS: [u64; 4] = [101, 102, 103, 351];

/// A portal whose updates take so many milliseconds, with further rules.
async fn portal(millis: u64, rules: Rules) -> Sandbox {
    let sandbox = Sandbox::start().await.unwrap();
    let cost = Cost { update: Duration::from_millis(millis), other: Duration::ZERO };
    sandbox.set_rules(Rules { cost: Some(cost), ..rules });
    sandbox
}

/// A batch that renames deals.
fn renaming(title: &str) -> Value {
    let command = |id: u64| {
        let query = format!("crm.item.update?entityTypeId=2&id={id}&fields[title]={title}");
        (format!("u{id}"), json!(query))
    };
    json!({"halt": 0, "cmd": DEALS.into_iter().map(command).collect::<Map<_, _>>()})
}

async fn rename(webhook: &str, title: &str) -> (u16, Value) {
    let body = json!({"entityTypeId": 2, "id": 351, "fields": {"title": title}});
    ask(webhook, "crm.item.update", &body).await
}

/// How many of the deals have the title.
async fn renamed(sandbox: &Sandbox, title: &str) -> usize {
    let body = json!({"entityTypeId": 2, "filter": {"title": title}});
    let (_, answer) = ask(&sandbox.webhook_url(), "crm.item.list", &body).await;
    answer["result"]["items"].as_array().unwrap().len()
}

async fn all_are_renamed(sandbox: &Sandbox, title: &str) {
    let all = async {
        while renamed(sandbox, title).await < DEALS.len() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), all).await.unwrap();
}

/// Sends a request, and closes the connection as soon as the portal has it.
async fn ask_and_leave(sandbox: &Sandbox, method: &str, body: &Value) {
    let webhook = sandbox.webhook_url();
    let (host, path) = webhook.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let body = body.to_string();
    let request = format!(
        "POST /{path}{method} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    while sandbox.received().is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
}

/// How many commands of a batch ran, and the codes of the errors of the others.
pub(crate) fn ran(answer: &Value) -> (usize, Vec<String>) {
    let count = answer["result"]["result"].as_object().map_or(0, Map::len);
    let errors = answer["result"]["result_error"].as_object().cloned().unwrap_or_default();
    (count, errors.values().map(|it| it["error"].as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn others_are_served_between_the_commands_of_a_batch() {
    let sandbox = portal(40, Rules::default()).await;
    let webhook = sandbox.webhook_url();
    let batch = renaming("slow");
    let watching = async {
        let mut seen = vec![0];
        while *seen.last().unwrap() < DEALS.len() {
            seen.push(renamed(&sandbox, "slow").await);
        }
        seen
    };
    let ((status, answer), seen) = tokio::join!(ask(&webhook, "batch", &batch), watching);
    assert_eq!((status, ran(&answer)), (200, (4, vec![])));
    assert!(seen.iter().any(|count| (1..DEALS.len()).contains(count)), "{seen:?}");
    let log = sandbox.commands().into_iter().filter(|it| it.method == "crm.item.update");
    let ids: Vec<Value> = log.map(|it| it.parameters["id"].clone()).collect();
    assert_eq!(ids, ["101", "102", "103", "351"]);
}

#[tokio::test]
async fn what_takes_too_long_is_cut_and_goes_on() {
    let rules = Rules { cut_after: Duration::from_millis(60), ..Rules::default() };
    let sandbox = portal(40, rules).await;
    let url = format!("{}batch", sandbox.webhook_url());
    let (status, media, page) = post(url, renaming("cut").to_string()).await.unwrap();
    assert_eq!((status, media.as_str()), (504, "text/html"));
    assert!(page.starts_with(b"<html>"));
    assert!(sandbox.commands().len() < DEALS.len());
    all_are_renamed(&sandbox, "cut").await;
}

#[tokio::test]
async fn the_portal_goes_on_when_the_client_leaves() {
    let sandbox = portal(50, Rules::default()).await;
    ask_and_leave(&sandbox, "batch", &renaming("left")).await;
    assert!(sandbox.commands().len() < DEALS.len());
    all_are_renamed(&sandbox, "left").await;
}

#[tokio::test]
async fn single_and_batched_calls_have_operating_times_of_their_own() {
    let rules = Rules { operating_limit: Duration::from_millis(260), ..Rules::default() };
    let sandbox = portal(130, rules).await;
    let [webhook, other] = [1, 8].map(|user| sandbox.webhook_url_of(user));
    // The third command goes beyond the limit and still runs.
    let (status, answer) = ask(&webhook, "batch", &renaming("batched")).await;
    let limit = || "OPERATION_TIME_LIMIT".to_owned();
    assert_eq!((status, ran(&answer)), (200, (3, vec![limit()])));
    let times = &answer["result"]["result_time"];
    let operating = ["u101", "u102", "u103"].map(|key| times[key]["operating"].clone());
    assert_eq!(operating, [0.13, 0.26, 0.39].map(Value::from));
    assert_eq!(answer["time"]["operating"], 0);
    // Batches of all webhooks are blocked, and none of them moves a meter of single calls.
    let (_, answer) = ask(&other, "batch", &renaming("other")).await;
    assert_eq!(ran(&answer), (0, vec![limit(); 4]));
    for webhook in [&webhook, &other] {
        for operating in [0.13, 0.26, 0.39] {
            let (status, answer) = rename(webhook, "single").await;
            assert_eq!((status, &answer["time"]["operating"]), (200, &json!(operating)));
            let until_reset = answer["time"]["operating_reset_at"].as_f64().unwrap()
                - answer["time"]["finish"].as_f64().unwrap();
            assert!((500.0..=601.0).contains(&until_reset), "{answer}");
        }
        let (status, answer) = rename(webhook, "refused").await;
        assert_eq!((status, &answer["error"]), (429, &json!("OPERATION_TIME_LIMIT")));
        assert_eq!(answer.get("time"), None);
    }
    // Other methods are not blocked.
    assert_eq!(renamed(&sandbox, "refused").await, 0);
    // What was refused did not run.
    let log = sandbox.commands().into_iter().filter(|it| it.method == "crm.item.update");
    assert_eq!(log.count(), 9);
}

#[tokio::test]
async fn only_the_end_of_a_call_is_told_exactly() {
    let sandbox = portal(20, Rules::default()).await;
    let (_, single) = rename(&sandbox.webhook_url(), "exact").await;
    let (_, batch) = ask(&sandbox.webhook_url(), "batch", &renaming("exact")).await;
    for time in [&single["time"], &batch["time"], &batch["result"]["result_time"]["u101"]] {
        assert!(time["start"].is_i64() && time["processing"].is_i64(), "{time}");
        let [start, finish, duration] =
            ["start", "finish", "duration"].map(|name| time[name].as_f64().unwrap());
        assert!((finish - start - duration).abs() < 0.001, "{time}");
    }
}
