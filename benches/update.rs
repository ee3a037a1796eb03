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

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use bitrix24_crm_mcp::sandbox::Sandbox;
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_bitrix24-crm-mcp");
const STARTS: usize = 40;
const CALLS: usize = 1_000;

fn main() {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let sandbox = Sandbox::start().await.unwrap();
            sender.send(sandbox.webhook_url()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let webhook = receiver.recv().unwrap();

    let starts = (0..STARTS).map(|_| {
        let began = Instant::now();
        let server = Server::start(&webhook);
        let time = began.elapsed();
        drop(server);
        time
    });
    println!(
        "start to first answer   {:>8.2} ms (median of {STARTS})",
        millis(median(starts.collect()))
    );

    let mut server = Server::start(&webhook);
    let kilobytes = u32::try_from(std::fs::metadata(PROGRAM).unwrap().len() / 1000).unwrap();
    for number in 0..100 {
        server.update(number);
    }
    if let Some(memory) = server.memory() {
        println!("memory after 100 calls  {memory:>8.2} MiB");
    }
    println!("program                 {:>8.2} MB", f64::from(kilobytes) / 1e3);
    let ours = median((0..CALLS).map(|number| server.update(number)).collect());
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

/// The program, driven as an MCP client drives it.
struct Server {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Server {
    fn start(webhook: &str) -> Self {
        let mut child = Command::new(PROGRAM)
            .env("BITRIX24_WEBHOOK_URL", webhook)
            .env("BITRIX24_RATE", "1000000/1000000")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, stdin, stdout };
        server.ask(
            "initialize",
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}),
        );
        server
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        writeln!(self.stdin, "{message}").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn update(&mut self, number: usize) -> Duration {
        let arguments =
            json!({"entityTypeId": 2, "id": 351, "fields": {"title": format!("bench {number}")}});
        let began = Instant::now();
        let answer =
            self.ask("tools/call", json!({"name": "update_crm_item", "arguments": arguments}));
        let time = began.elapsed();
        assert_eq!(answer["result"]["structuredContent"]["status"], "updated", "{answer}");
        time
    }

    /// Resident memory in MiB, where the system tells.
    fn memory(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kilobytes / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
