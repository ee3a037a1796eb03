//! A canary in the place of every secret, driven through every command, failure and log level.

use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{Server, program, run},
};

const CANARY: &str = "c4n4ryInTheMine42";

/// Replies that echo the secret, as portals do, or that make errors speak of addresses.
fn failures(origin: &str) -> Vec<Reply> {
    let echo = format!("{origin}/rest/1/{CANARY}/crm.item.update");
    vec![
        Reply::item(
            json!({"id": 351, "title": "b", "comments": echo, "ufCrm_1": {"id": 1, "url": echo, "urlMachine": echo}}),
        ),
        Reply::item(json!({"id": 351, "title": echo})),
        Reply::error(400, "ERROR_CORE", &echo),
        Reply::error(400, &echo, &echo),
        Reply::Body(502, "text/html", echo.clone().into_bytes()),
        Reply::Redirect(echo.clone()),
        Reply::Redirect(format!("https://elsewhere.example/{CANARY}/rest/1/{CANARY}/")),
        Reply::Cut,
        Reply::CutInside,
        Reply::Stall,
    ]
}

#[tokio::test]
async fn no_failure_tells_the_secret() {
    for with_token in [false, true] {
        let count = failures("").len();
        for at in 0..count {
            for failing in ["crm.item.get", "crm.item.update", "crm.item.fields"] {
                let portal = ScriptedPortal::start(&[]).await;
                let origin = portal.origin().to_owned();
                drop(portal);
                let good = Reply::item(json!({"id": 351, "title": "a", "ufCrm_1": 1}));
                let mut replies: Vec<(&str, Vec<Reply>)> = ["crm.item.get", "crm.item.update"]
                    .map(|method| (method, vec![good.clone()]))
                    .to_vec();
                replies.retain(|(method, _)| *method != failing);
                replies.push((failing, vec![failures(&origin).swap_remove(at)]));
                let portal = ScriptedPortal::start(&replies).await;

                let mut command = program();
                if with_token {
                    command.env("BITRIX24_PORTAL_URL", portal.origin());
                    command.env("BITRIX24_ACCESS_TOKEN", CANARY);
                } else {
                    command.env("BITRIX24_WEBHOOK_URL", portal.webhook_with(CANARY));
                }
                command.env("BITRIX24_LOG", "trace").env("BITRIX24_REQUEST_TIMEOUT", "0.2");
                command.env("BITRIX24_CALL_TIMEOUT", "1");
                let mut server = Server::opened(command, "").await;
                let arguments = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b", "ufCrm_1": 2, "ufCrm_2": 3}});
                let params = json!({"name": "update_crm_item", "arguments": arguments});
                let answer = server.request("tools/call", params).await;
                let finished = server.finish().await;
                let place = format!("{failing}, reply {at}, token {with_token}");
                assert!(!answer.to_string().contains(CANARY), "{place}: {answer}");
                assert!(!finished.stderr.contains(CANARY), "{place}: {}", finished.stderr);
                assert!(finished.stderr.contains("portal call"), "{place}: nothing was logged");
            }
        }
    }
}

/// A portal that puts the secret into whatever it answers, and into its refusals.
#[tokio::test]
async fn no_lookup_tells_the_secret() {
    let echo = format!("https://acme.example/rest/1/{CANARY}/crm.item.get");
    let file = json!({"id": 7, "name": "a.pdf", "url": echo, "urlMachine": echo});
    let item =
        json!({"id": 351, "title": echo, "stageId": "NEW", "ufCrm_1": file, "ufCrm_2": [file]});
    let field =
        json!({"type": "enumeration", "title": echo, "items": [{"ID": "1", "VALUE": echo}]});
    let stage = json!({"ENTITY_ID": "DEAL_STAGE", "STATUS_ID": "NEW", "NAME": echo});
    let category = json!({"id": 0, "name": echo});
    let good = [
        ("crm.item.get", json!({"item": item})),
        ("crm.item.list", json!({"items": [item]})),
        ("crm.item.fields", json!({"fields": {"ufCrm_1": field, "title": {"title": echo}}})),
        ("crm.status.list", json!([stage])),
        ("crm.category.list", json!({"categories": [category]})),
        ("crm.currency.list", json!([{"CURRENCY": "EUR", "FULL_NAME": echo}])),
        ("crm.type.list", json!({"types": [{"entityTypeId": 1220, "title": echo}]})),
        ("user.search", json!([{"ID": "1", "NAME": echo}])),
    ];
    let calls = [
        ("get_crm_item", json!({"entityTypeId": 2, "id": 351})),
        ("find_crm_items", json!({"entityTypeId": 2, "select": ["ufCrm_1", "*"]})),
        (
            "find_crm_items",
            json!({"entityTypeId": 2, "filter": {"stageId": "Nwe", "ufCrm_1": "x"}}),
        ),
        ("describe_crm_fields", json!({})),
        ("describe_crm_fields", json!({"entityTypeId": 2})),
        ("describe_crm_fields", json!({"entityTypeId": 2, "field": "stageId"})),
        ("describe_crm_fields", json!({"entityTypeId": 2, "query": "Nobody"})),
    ];
    for is_refusing in [false, true] {
        let replies = good.clone().map(|(method, result)| {
            let reply = Reply::Json(200, json!({"result": result}));
            let refusal = Reply::error(400, &echo, &echo);
            (method, vec![if is_refusing { refusal } else { reply }])
        });
        let portal = ScriptedPortal::start(&replies).await;
        let mut command = program();
        command.env("BITRIX24_WEBHOOK_URL", portal.webhook_with(CANARY));
        command.env("BITRIX24_LOG", "trace");
        let mut server = Server::opened(command, "").await;
        for (tool, arguments) in &calls {
            let params = json!({"name": tool, "arguments": arguments});
            let answer = server.request("tools/call", params).await.to_string();
            assert!(!answer.contains(CANARY), "{tool} {arguments}: {answer}");
            assert!(!answer.contains("urlMachine"), "{tool} {arguments}: {answer}");
        }
        let finished = server.finish().await;
        assert!(!finished.stderr.contains(CANARY), "{}", finished.stderr);
    }
}

#[tokio::test]
async fn no_setting_is_repeated() {
    let malformed = [
        format!("http://acme.example/rest/1/{CANARY}/"),
        format!("acme.example/rest/1/{CANARY}/"),
        format!("https://{CANARY}@acme.example/rest/1/{CANARY}/"),
        format!("https://acme.example/rest/{CANARY}/"),
        format!("https://acme.example/rest/1/{CANARY}/profile.json?{CANARY}"),
        format!("https://[{CANARY}/rest/1/x"),
    ];
    for webhook in malformed {
        for arguments in [vec!["call", "update_crm_item", "{}"], vec!["schema"], vec!["--help"]] {
            let mut command = program();
            command.args(&arguments);
            command.env("BITRIX24_WEBHOOK_URL", &webhook).env("BITRIX24_LOG", "trace");
            command.env("BITRIX24_ACCESS_TOKEN", CANARY);
            let finished = run(&mut command).await;
            let told = finished.stdout + &finished.stderr;
            assert!(!told.contains(CANARY), "{arguments:?} {webhook}: {told}");
        }
        let mut command = program();
        command.env("BITRIX24_WEBHOOK_URL", &webhook).env("BITRIX24_LOG", "trace");
        let mut server = Server::opened(command, "").await;
        let answer: Value =
            server.update(json!({"entityTypeId": 2, "id": 1, "fields": {"title": "b"}})).await.json;
        assert_eq!(answer["error"]["code"], "CONFIGURATION");
        let finished = server.finish().await;
        assert!(!answer.to_string().contains(CANARY));
        assert!(!finished.stderr.contains(CANARY), "{}", finished.stderr);
    }
}
