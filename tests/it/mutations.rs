//! Lines of clients and answers of portals with bytes changed at random: the program stays alive,
//! answers each id once, tells no secret and no panic, and takes a bounded amount of memory.
//!
//! The same inputs on every run; `MUTATIONS=100000` tries more of them, `MUTATION_SEED=7` others.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{DESCRIBE, FIND, GET, Server, on_sandbox},
};

/// A small generator: what counts is that runs repeat.
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        Self(number("MUTATION_SEED", 24).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(below.max(1)).unwrap()).unwrap()
    }
}

fn number(variable: &str, standard: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(standard)
}

/// What is put in the place of something else.
const PIECES: [&str; 18] = [
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "1e400",
    "-0",
    "\\ud83d",
    "\u{202e}",
    "é",
    "true",
    "\"\":\"\"",
    "[[[[[[[[",
    "99999999999999999999",
];

fn mutated(text: &str, random: &mut Random) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=random.next(4) {
        let at = random.next(bytes.len());
        match random.next(5) {
            0 => bytes.truncate(at),
            1 => {
                let end = (at + 1 + random.next(20)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 => {
                let end = (at + random.next(30)).min(bytes.len());
                let copied = bytes[at..end].to_vec();
                bytes.splice(at..at, copied);
            }
            3 if !bytes.is_empty() => bytes[at] = u8::try_from(random.next(256)).unwrap(),
            _ => {
                let piece = PIECES[random.next(PIECES.len())].bytes();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes.retain(|byte| *byte != b'\n');
    bytes
}

/// The most memory that the program has taken, in kilobytes, where the system tells.
fn peak_memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid()));
    let status = status.unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}

const MAX_MEMORY: u64 = 120 * 1024;

#[tokio::test]
async fn mutated_lines_are_answered_or_dropped() {
    let (_sandbox, mut server) = on_sandbox().await;
    let call = |name: &str, arguments: Value| {
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}).to_string()
    };
    let fields =
        json!({"title": "b", "opportunity": 12.5, "begindate": "2026-07-31", "observers": [1, 2]});
    let fm = json!({"n0": {"typeId": "PHONE", "valueType": "WORK", "value": "+1"}});
    let lines = [
        call(
            "update_crm_item",
            json!({"entityTypeId": 2, "id": 351, "fields": fields, "dryRun": true}),
        ),
        call(
            "update_crm_item",
            json!({"entityTypeId": 3, "id": 5, "fields": {"fm": fm}, "dryRun": true}),
        ),
        call(GET, json!({"entityTypeId": 2, "id": 351, "select": ["title"]})),
        call(
            FIND,
            json!({"entityTypeId": 2, "filter": {">=opportunity": 5, "0": {"logic": "OR"}}}),
        ),
        call(DESCRIBE, json!({"entityTypeId": 2, "query": "stage"})),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string(),
        json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string(),
    ];
    let mut random = Random::seeded();
    let count = number("MUTATIONS", 5_000);
    for number in 0..count {
        let line = &lines[random.next(lines.len())];
        server.send_bytes(&mutated(line, &mut random)).await;
        server.send_bytes(b"\n").await;
        // A ping in between tells that the program is alive and which answers have come.
        if number % 100 == 99 || number + 1 == count {
            let id = json!(format!("ping {number}"));
            server.send(&json!({"jsonrpc": "2.0", "id": id, "method": "ping"})).await;
            loop {
                let answer = server.receive().await.unwrap();
                let text = answer.to_string();
                assert!(!text.contains("panicked") && !text.contains("/rest/"), "{text}");
                if answer["id"] == id {
                    break;
                }
            }
        }
    }
    assert!(peak_memory(&server) < MAX_MEMORY, "{} kB", peak_memory(&server));
    let finished = server.finish().await;
    assert_eq!(finished.code, Some(0));
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
}

#[tokio::test]
async fn mutated_answers_of_a_portal_end_no_call_without_an_answer() {
    let item = json!({"result": {"item": {
        "id": 351, "title": "a", "stageId": "NEW", "begindate": "2026-07-31T02:00:00+02:00",
        "fm": [{"id": "1", "typeId": "PHONE", "valueType": "WORK", "value": "+1"}],
    }}, "time": {"operating": 0.1, "operating_reset_at": 1}});
    let fields = json!({"result": {"fields": {
        "title": {"type": "string", "title": "Title", "isReadOnly": false},
        "ufCrm_1": {"type": "enumeration", "items": [{"ID": "1", "VALUE": "x"}]},
    }}});
    let list = json!({"result": {"items": [{"id": 1, "title": "x"}]}, "total": 1, "next": 50});
    let error = json!({"error": "NOT_FOUND", "error_description": "gone"});
    let statuses =
        json!({"result": [{"ENTITY_ID": "DEAL_STAGE", "STATUS_ID": "NEW", "NAME": "New"}]});
    let mut random = Random::seeded();
    let mut replies = |original: &Value, count: usize| -> Vec<Reply> {
        (0..count)
            .map(|_| {
                let body = mutated(&original.to_string(), &mut random);
                let status = [200, 200, 200, 400, 404][random.next(5)];
                Reply::Body(status, "application/json", body)
            })
            .collect()
    };
    let count = usize::try_from(number("MUTATIONS", 2_000)).unwrap() / 4;
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", [replies(&item, count), replies(&error, count / 4)].concat()),
        ("crm.item.list", replies(&list, count)),
        ("crm.item.fields", replies(&fields, count)),
        ("crm.status.list", replies(&statuses, count)),
        (
            "crm.category.list",
            replies(&json!({"result": {"categories": [{"id": 0, "name": "x"}]}}), count),
        ),
        ("user.get", replies(&json!({"result": [{"ID": "1", "NAME": "x"}]}), count)),
    ])
    .await;
    let mut server = Server::with_settings(
        &portal.webhook(),
        &[("BITRIX24_RATE", "1000000/1000000"), ("BITRIX24_CALL_TIMEOUT", "5")],
    )
    .await;
    let mut ids = BTreeSet::new();
    for number in 0..count {
        let (tool, arguments) = match number % 4 {
            0 => (GET, json!({"entityTypeId": 2, "id": 351})),
            1 => (FIND, json!({"entityTypeId": 2, "filter": {"stageId": "New"}, "start": 0})),
            2 => (DESCRIBE, json!({"entityTypeId": 128 + number, "query": "x"})),
            _ => (GET, json!({"entityTypeId": 2, "id": number + 1, "select": ["titel"]})),
        };
        let params = json!({"name": tool, "arguments": arguments});
        let answer = server.request("tools/call", params).await;
        assert!(ids.insert(answer["id"].as_u64().unwrap()));
        let text = answer.to_string();
        assert!(text.len() < 40_000, "{text}");
        assert!(!text.contains("s3cretOfTheTests") && !text.contains("panicked"), "{text}");
        assert_ne!(
            answer["result"]["content"][0]["text"].as_str().map(|it| it.contains("INTERNAL")),
            Some(true)
        );
    }
    assert!(peak_memory(&server) < MAX_MEMORY, "{} kB", peak_memory(&server));
    assert_eq!(server.finish().await.code, Some(0));
}
