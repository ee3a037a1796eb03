//! What the tests of many items have in common: deals to change, and how an account is read.

use bitrix24_crm_mcp::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::support::{Server, on_sandbox};

pub(crate) const MANY: &str = "update_crm_items";

/// The first deal that is added to a sandbox.
pub(crate) const FIRST: u64 = 1_001;

/// A sandbox with so many deals more, and a server that works on it.
pub(crate) async fn on_deals(count: u64) -> (Sandbox, Server) {
    let (sandbox, server) = on_sandbox().await;
    sandbox.add_deals(count);
    (sandbox, server)
}

/// The added deals, handed over to user 7.
pub(crate) fn hand_over() -> Value {
    json!({
        "entityTypeId": 2, "filter": {"%title": "Deal ", "assignedById": 1},
        "fields": {"assignedById": 7},
    })
}

/// The same arguments with one more.
pub(crate) fn with(arguments: &Value, name: &str, value: Value) -> Value {
    let mut arguments = arguments.clone();
    arguments[name] = value;
    arguments
}

/// How many items became what; together they are all.
pub(crate) fn counts(answer: &Value) -> [usize; 6] {
    let number =
        |name: &str| answer[name].as_u64().map_or(0, |count| usize::try_from(count).unwrap());
    let of_groups = |name: &str| {
        let groups = answer[name].as_array().into_iter().flatten();
        groups.map(|group| usize::try_from(group["count"].as_u64().unwrap()).unwrap()).sum()
    };
    let unknown = answer["unknown"].as_array().map_or(0, Vec::len) + number("moreUnknown");
    let counts = [
        number("updated"),
        number("unchanged"),
        of_groups("failed"),
        of_groups("conflicts"),
        unknown,
        number("left"),
    ];
    assert_eq!(counts.iter().sum::<usize>(), number("count"), "{answer}");
    counts
}

/// The ids that were written, in the order in which the portal was sent them, and how many at once.
pub(crate) fn written(sandbox: &Sandbox) -> Vec<Vec<u64>> {
    let id_in = |command: &str| {
        let id = command.split("&id=").nth(1)?.split('&').next()?;
        command.starts_with("crm.item.update?").then(|| id.parse::<u64>().unwrap())
    };
    let of_request = |method: &str, body: &Value| match method {
        "crm.item.update" => vec![body["id"].as_u64().unwrap()],
        "batch" => {
            let commands = body["cmd"].as_object().unwrap();
            commands.values().filter_map(|command| id_in(command.as_str().unwrap())).collect()
        }
        _ => Vec::new(),
    };
    let requests = sandbox.received();
    let written = requests.iter().map(|request| of_request(&request.method, &request.body));
    written.filter(|ids| !ids.is_empty()).collect()
}
