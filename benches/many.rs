//! Many items by one call and by single ones: requests, time and memory, by the time that the portal
//! takes for a command.
//!
//! Each pair has a portal and two programs of its own, and all run side by side: they mostly wait. The
//! request limit is the standard one. Costs may be named (`cargo bench --bench many -- 0.02`); all of
//! them take a quarter of an hour.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::needless_pass_by_value,
    reason = "a benchmark prints and ends where something is wrong"
)]

#[path = "support/server.rs"]
mod server;

use std::{
    thread,
    time::{Duration, Instant},
};

use bitrix24_crm_mcp::sandbox::{Cost, Rules, Sandbox};
use serde_json::{Value, json};
use server::{PROGRAM, Server, portal};

const COSTS: [f64; 3] = [0.02, 0.2, 0.5];
const COUNTS: [u64; 3] = [10, 100, 1_000];
/// The first deal that is added to a portal.
const FIRST: u64 = 1_001;

/// What one way took.
struct Measured {
    calls: usize,
    requests: usize,
    time: Duration,
    /// At most resident, in MiB.
    memory: Option<f64>,
}

fn main() {
    let chosen: Vec<f64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let costs = COSTS.into_iter().filter(|cost| chosen.is_empty() || chosen.contains(cost));
    let pairs: Vec<(f64, u64)> = costs.flat_map(|cost| COUNTS.map(|count| (cost, count))).collect();
    println!("{PROGRAM}");
    println!("                        by update_crm_items              by update_crm_item");
    println!(
        "s a command  items  calls  requests      s    MiB    requests      s    ratio of time"
    );
    let running: Vec<_> = pairs
        .into_iter()
        .map(|(cost, count)| {
            let many = thread::spawn(move || together(&portal_with(cost, count), count));
            let single = thread::spawn(move || one_by_one(&portal_with(cost, count), count));
            (cost, count, many, single)
        })
        .collect();
    for (cost, count, many, single) in running {
        let (many, single) = (many.join().unwrap(), single.join().unwrap());
        println!(
            "{cost:>11.2}  {count:>5}  {:>5}  {:>8}  {:>5.1}  {:>5.1}    {:>8}  {:>5.1}    {:>13.2}",
            many.calls,
            many.requests,
            many.time.as_secs_f64(),
            many.memory.unwrap_or_default(),
            single.requests,
            single.time.as_secs_f64(),
            many.time.as_secs_f64() / single.time.as_secs_f64(),
        );
    }
}

/// A portal with so many deals more, which takes so many seconds for an update.
fn portal_with(cost: f64, count: u64) -> std::sync::Arc<Sandbox> {
    let portal = portal();
    portal.add_deals(count);
    portal.set_rules(Rules {
        cost: Some(Cost { update: Duration::from_secs_f64(cost), other: Duration::ZERO }),
        // It would stop a thousand items at half a second each, whichever way they are changed.
        operating_limit: Duration::MAX,
        limit: Some((50.0, 2.0)),
        ..Rules::default()
    });
    portal
}

/// Changes the deals by one call after the other until all are done, the preview included.
fn together(portal: &Sandbox, count: u64) -> Measured {
    let mut server = Server::start(&portal.webhook_url(), "standard");
    let began = Instant::now();
    let mut arguments = json!({
        "entityTypeId": 2, "filter": {"%title": "Deal "}, "fields": {"assignedById": 7},
    });
    let mut calls = 0;
    let mut updated = 0;
    loop {
        let answer = server.call("update_crm_items", arguments.clone());
        calls += 1;
        updated += answer["updated"].as_u64().unwrap_or_default();
        let next = [&answer["confirm"], &answer["next"]["confirm"]].map(Value::clone);
        match next.into_iter().find(Value::is_string) {
            Some(confirm) => arguments["confirm"] = confirm,
            None => break,
        }
    }
    assert_eq!(updated, count);
    measured(portal, &server, calls, began)
}

/// Changes the deals by a call for each.
fn one_by_one(portal: &Sandbox, count: u64) -> Measured {
    let mut server = Server::start(&portal.webhook_url(), "standard");
    let began = Instant::now();
    for id in FIRST..FIRST + count {
        let arguments = json!({"entityTypeId": 2, "id": id, "fields": {"assignedById": 7}});
        let answer = server.call("update_crm_item", arguments);
        assert_eq!(answer["status"], "updated");
    }
    measured(portal, &server, usize::try_from(count).unwrap(), began)
}

fn measured(portal: &Sandbox, server: &Server, calls: usize, began: Instant) -> Measured {
    Measured {
        calls,
        requests: portal.received().len(),
        time: began.elapsed(),
        memory: server.memory("VmHWM:"),
    }
}
