//! How fast the program is: start, memory, and the time of an update beside a plain client's.
//!
//! The portal is the sandbox, on a thread of its own, without a request limit. Both clients send
//! the same two requests, `crm.item.get` and `crm.item.update`, over a kept connection.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::needless_pass_by_value,
    reason = "a benchmark prints and ends where something is wrong"
)]

#[path = "support/server.rs"]
mod server;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::{PROGRAM, Server, portal};

/// No request limit.
const RATE: &str = "1000000/1000000";
const STARTS: usize = 40;
const CALLS: usize = 1_000;

fn main() {
    let webhook = portal().webhook_url();
    let starts = (0..STARTS).map(|_| {
        let began = Instant::now();
        let server = Server::start(&webhook, RATE);
        let time = began.elapsed();
        drop(server);
        time
    });
    println!(
        "start to first answer   {:>8.2} ms (median of {STARTS})",
        millis(median(starts.collect()))
    );

    let mut server = Server::start(&webhook, RATE);
    let kilobytes = u32::try_from(std::fs::metadata(PROGRAM).unwrap().len() / 1000).unwrap();
    for number in 0..100 {
        update(&mut server, number);
    }
    if let Some(memory) = server.memory("VmRSS:") {
        println!("memory after 100 calls  {memory:>8.2} MiB");
    }
    println!("program                 {:>8.2} MB", f64::from(kilobytes) / 1e3);
    let ours = median((0..CALLS).map(|number| update(&mut server, number)).collect());
    let plain = plain_client(&webhook);
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!("an update               {:>8.0} µs (median of {CALLS}, two requests)", micros(ours));
    println!("the same by plain HTTP  {:>8.0} µs", micros(plain));
    println!("ratio                   {:>8.2}", ours.as_secs_f64() / plain.as_secs_f64());
    println!("our part of a request   {:>8.0} µs", micros(ours.saturating_sub(plain)) / 2.0);
}

/// The time of the two requests by a client that does nothing else.
fn plain_client(webhook: &str) -> Duration {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut times = Vec::new();
        for number in 0..CALLS {
            let began = Instant::now();
            for (method, body) in [
                ("crm.item.get", json!({"entityTypeId": 2, "id": 351})),
                ("crm.item.update", json!({"entityTypeId": 2, "id": 351, "fields": {"title": format!("plain {number}")}})),
            ] {
                let request = client.post(format!("{webhook}{method}"));
                let request = request.header("Content-Type", "application/json");
                let answer = request.body(body.to_string()).send().await.unwrap();
                let answer = answer.bytes().await.unwrap();
                assert!(serde_json::from_slice::<Value>(&answer).unwrap()["result"].is_object());
            }
            times.push(began.elapsed());
        }
        median(times)
    })
}

/// An update and its time.
fn update(server: &mut Server, number: usize) -> Duration {
    let fields = json!({"title": format!("bench {number}")});
    let began = Instant::now();
    let answer =
        server.call("update_crm_item", json!({"entityTypeId": 2, "id": 351, "fields": fields}));
    let time = began.elapsed();
    assert_eq!(answer["status"], "updated", "{answer}");
    time
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
