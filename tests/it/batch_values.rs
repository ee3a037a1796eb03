//! What the commands of a batch carry, and what the embedded portal makes of it as a portal does.

use std::sync::Arc;

use bitrix24_crm_mcp::{
    portal::{Commands, Connection, Endpoint, Portal, Rate, SignIn},
    sandbox::Sandbox,
};
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::select,
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    portal_time::ran,
    properties::{run, runtime},
    vendor_sandbox::ask,
};

#[tokio::test]
async fn commands_refer_to_earlier_ones() {
    let sandbox = Sandbox::start().await.unwrap();
    let update = |id: &str, title: &str| {
        json!(format!("crm.item.update?entityTypeId=2&id={id}&fields[title]={title}"))
    };
    let batch = json!({"cmd": {
        "first": "crm.item.get?entityTypeId=2&id=351",
        "copy": update("101", "%24result[first][item][title]"),
        "own": update("%24result[first][item][id]", "%24price[1]"),
        "within": update("102", "Deal%20%24result[first][item][id]"),
    }});
    let (_, answer) = ask(&sandbox.webhook_url(), "batch", &batch).await;
    assert_eq!(ran(&answer), (4, vec![]));
    let [first, copy, own, within] = ["first", "copy", "own", "within"]
        .map(|key| answer["result"]["result"][key]["item"]["title"].clone());
    assert_eq!([copy, own, within], [first, json!("$price[1]"), json!("Deal 351")]);
}

/// Values of texts and numbers, nested; what cannot travel in a batch is not among them.
fn any_for_a_batch() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => any::<String>().prop_map(|text| Value::from(text.replace('$', "S"))),
        1 => select(vec!["a#b?c&d=e[f]+%41", "a\r\n\0\t", "//x:y", "", " ", "😀\u{202e}", "null"])
            .prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(Value::from),
            btree_map("[@!<>=%]{0,2}[A-Za-z]{1,6}[. ]?", inner, 1..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// What is left of a value when all are texts.
fn as_texts(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(as_texts).collect(),
        Value::Object(entries) => {
            entries.iter().map(|(name, value)| (name.clone(), as_texts(value))).collect()
        }
        Value::String(text) => json!(text),
        other => json!(other.to_string()),
    }
}

#[test]
fn what_a_batch_carries_arrives_as_it_was() {
    let runtime = runtime();
    let sandbox = runtime.block_on(Sandbox::start()).unwrap();
    let sign_in = SignIn::webhook(&sandbox.webhook_url()).unwrap();
    let rate = Rate { burst: 1e9, per_second: 1e9 };
    let endpoint = Endpoint::new(Connection { rate, ..Connection::STANDARD });
    let client = Portal::new(Arc::new(endpoint), sign_in);
    run(300, &btree_map("[A-Za-z_]{1,8}", any_for_a_batch(), 1..4), |parameters| {
        let parameters: Map<String, Value> = parameters.into_iter().collect();
        runtime.block_on(async {
            let deadline = client.deadline(CancellationToken::new());
            let permit = client.permit(&deadline).await.unwrap();
            let mut commands = Commands::default();
            commands.add("key", "scope", &parameters);
            client.batch(permit, &commands, &deadline).await.unwrap();
        });
        let arrived = sandbox.commands().pop().unwrap().parameters;
        assert_eq!(arrived, as_texts(&parameters.into()));
    });
}
