//! The embedded portal against what the vendor publishes: requests as published get answers of the
//! published form. Both sides of the program read and compare with the same code, so what is right
//! has to come from outside.

use bitrix24_crm_mcp::sandbox::{Rules, Sandbox};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::vendor::{READING, published};

/// Sends JSON and returns the status, the media type and the body of the answer.
pub(crate) async fn post(url: String, json: String) -> reqwest::Result<(u16, String, Vec<u8>)> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Reading the machine's certificates takes most of a short test.
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
    let request = client.post(url).header("Content-Type", "application/json");
    let answer = request.body(json).send().await?;
    let media = answer.headers()["content-type"].to_str().unwrap().to_owned();
    Ok((answer.status().as_u16(), media, answer.bytes().await?.to_vec()))
}

/// Sends JSON to a method by a webhook and returns the status and the JSON of the answer.
pub(crate) async fn ask(webhook: &str, method: &str, body: &Value) -> (u16, Value) {
    let (status, _, body) = post(format!("{webhook}{method}"), body.to_string()).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// Where the form of an answer is another one than the published: its keys, and the JSON type under
/// each. Custom fields are a portal's own, and the pages do not show when the operating time is reset.
fn differences(published: &Value, ours: &Value, path: &str, found: &mut Vec<String>) {
    match (published, ours) {
        (Value::Object(published), Value::Object(ours)) => {
            for (key, value) in published {
                match ours.get(key) {
                    Some(own) => differences(value, own, &format!("{path}.{key}"), found),
                    None => found.push(format!("{path}.{key}: missing")),
                }
            }
            let is_own = |key: &&String| {
                let is_expected = key.starts_with("ufCrm") || *key == "operating_reset_at";
                !published.contains_key(*key) && !is_expected
            };
            for key in ours.keys().filter(is_own) {
                found.push(format!("{path}.{key}: not published"));
            }
        }
        (Value::Array(published), Value::Array(ours)) => {
            for own in ours {
                let lists = published.iter().map(|element| {
                    let mut found = Vec::new();
                    differences(element, own, &format!("{path}[]"), &mut found);
                    found
                });
                // What is so in any published element is published.
                let common = lists.reduce(|mut one, other| {
                    one.retain(|line| other.contains(line));
                    one
                });
                found.extend(common.unwrap_or_default());
            }
            if published.is_empty() != ours.is_empty() {
                found.push(format!("{path}: {} elements", ours.len()));
            }
        }
        (published, ours) if json_type(published) != json_type(ours) => {
            found.push(format!("{path}: {} for {}", json_type(ours), json_type(published)));
        }
        _ => {}
    }
}

/// The differences of one answer, a line each.
fn compared(name: &str, published: &Value, ours: &Value) -> Vec<String> {
    let mut found = Vec::new();
    differences(published, ours, name, &mut found);
    found
}

#[tokio::test]
async fn answers_have_the_published_form() {
    let sandbox = Sandbox::start().await.unwrap();
    let webhook = sandbox.webhook_url();
    // A lead that is filled as the published one is.
    let lead = published("crm.item.get")["answer"]["result"]["item"].clone();
    let body = json!({"entityTypeId": 1, "id": 21, "fields": lead});
    assert_eq!(ask(&webhook, "crm.item.update", &body).await.0, 200);
    let mut found = Vec::new();
    let names = ["crm.item.update"].into_iter().chain(READING);
    for name in names.chain(["profile", "scope", "method.get"]) {
        let page = published(name);
        let (status, answer) = ask(&webhook, name, &page["request"]).await;
        assert_eq!(status, page["status"], "{name}: {answer}");
        found.extend(compared(name, &page["answer"], &answer));
    }
    // What newer portals answer beside what the pages show.
    assert_snapshot!(found.join("\n"), @"
    crm.item.update.result.item.lastCommunicationTime: not published
    crm.item.update.result.item.previousStageId: not published
    crm.item.get.result.item.lastCommunicationTime: not published
    crm.item.get.result.item.previousStageId: not published
    crm.item.fields.result.fields.lastCommunicationTime: not published
    crm.item.fields.result.fields.stageSemanticId: not published
    ");
}

#[tokio::test]
async fn batches_are_answered_as_published() {
    let sandbox = Sandbox::start().await.unwrap();
    let page = published("batch");
    let mut found = Vec::new();
    for part in [&page, &page["refused"], &page["halted"]] {
        let (status, mut answer) = ask(&sandbox.webhook_url(), "batch", &part["request"]).await;
        assert_eq!(status, 200);
        // What the commands themselves answer is compared elsewhere.
        if let Some(results) = answer["result"]["result"].as_object_mut() {
            results.values_mut().for_each(|result| *result = json!("as the method answers"));
        }
        found.extend(compared("batch", &part["answer"], &answer));
    }
    // The page was written before portals told the operating time.
    assert_snapshot!(found.join("\n"), @"
    batch.result.result_time.get_user.operating: not published
    batch.result.result_time.get_lead.operating: not published
    batch.time.operating: not published
    batch.time.operating: not published
    batch.time.operating: not published
    ");
}

/// Every value of the answer to the published update that is another one than the published.
#[tokio::test]
async fn the_published_update_leaves_the_published_item() {
    let sandbox = Sandbox::start().await.unwrap();
    let page = published("crm.item.update");
    let (_, answer) = ask(&sandbox.webhook_url(), "crm.item.update", &page["request"]).await;
    let item = page["answer"]["result"]["item"].as_object().unwrap();
    let others = item.iter().filter(|(name, value)| {
        answer["result"]["item"][name.as_str()] != **value && !name.ends_with("Time")
    });
    let others: Vec<String> = others
        .map(|(name, value)| format!("{name}: {} for {value}", answer["result"]["item"][name]))
        .collect();
    assert_snapshot!(others.join("\n"), @r#"
    begindate: "2026-07-23T02:00:00+02:00" for "2024-07-23T02:00:00+02:00"
    closedate: "2026-07-31T02:00:00+02:00" for "2024-07-31T02:00:00+02:00"
    searchContent: "351 Service contract" for "351 Deal #351 10200.00 US Dollar John Doe John Doe Sale Name2134234233 07/23/2024 07/31/2024"
    "#);
}

#[tokio::test]
async fn every_published_field_is_described_with_the_published_type() {
    let sandbox = Sandbox::start().await.unwrap();
    let page = published("crm.item.update-fields");
    let mut found = String::new();
    for (entity_type_id, fields) in page["fields"].as_object().unwrap() {
        let id = entity_type_id.parse().unwrap_or(1220);
        let body = json!({"entityTypeId": id});
        let (_, answer) = ask(&sandbox.webhook_url(), "crm.item.fields", &body).await;
        for (name, published) in fields.as_object().unwrap() {
            if name.ends_with("...") {
                continue;
            }
            let field = &answer["result"]["fields"][name];
            let many = if field["isMultiple"] == true { "[]" } else { "" };
            let described = format!("{}{many}", field["type"].as_str().unwrap_or("nothing"));
            if published != described.as_str() {
                let published = published.as_str().unwrap();
                found.push_str(&format!("{entity_type_id} {name}: {described} for {published}\n"));
            }
        }
    }
    // The page of the update and the list of fields differ: whether there are several values, and
    // two names.
    assert_snapshot!(found, @"
    1 fm: crm_multifield[] for multifield[]
    2 categoryId: crm_category for integer
    3 companyIds: crm_company[] for crm_company
    3 fm: crm_multifield[] for multifield[]
    4 fm: crm_multifield[] for multifield[]
    7 storageElementIds: integer[] for integer
    ");
}

#[tokio::test]
async fn errors_have_the_published_status_code_and_form() {
    let sandbox = Sandbox::start().await.unwrap();
    let page = published("errors");
    let update = |entity_type_id: u32, id: u32, fields: Value| json!({"entityTypeId": entity_type_id, "id": id, "fields": fields});
    let title = || json!({"title": "b"});
    let [admin, external] = [1, 77].map(|user| sandbox.webhook_url_of(user));
    let origin = admin.split("/rest/").next().unwrap().to_owned();
    let other_secret = format!("{origin}/rest/1/another/");
    let no_secret = format!("{origin}/rest/");
    let cases = [
        (&external, update(2, 351, title())),
        (&admin, update(1038, 1, title())),
        (&admin, update(2, 360, title())),
        (&admin, update(2, 351, json!({"currencyId": "XXX"}))),
        (&admin, update(2, 351, json!({"ufCrm_1730000000001": 44}))),
        (&admin, update(2, 351, json!({"stageId": "C9:UC_LEGAL"}))),
        (&admin, update(1048, 1, title())),
        (&other_secret, update(2, 351, title())),
        (&no_secret, update(2, 351, title())),
    ];
    let rows = ["ofTheMethod", "ofAnyMethod"].map(|rows| page[rows].as_array().unwrap().clone());
    let mut met = String::new();
    for (webhook, body) in cases {
        let (status, answer) = ask(webhook, "crm.item.update", &body).await;
        let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
        assert_eq!(keys, page["example"].as_object().unwrap().keys().collect::<Vec<_>>());
        // The page has a dash in the place of the number that portals send.
        let code = if answer["error"] == "0" { json!("-") } else { answer["error"].clone() };
        let row = rows.iter().flatten().find(|row| row[0] == status && row[1] == code);
        assert!(row.is_some(), "{status} {answer}");
        met.push_str(&format!("{status} {}\n", code.as_str().unwrap()));
    }
    sandbox.set_rules(Rules { limit: Some((0.0, 1.0)), ..Rules::default() });
    let (status, answer) = ask(&admin, "crm.item.update", &update(2, 351, title())).await;
    met.push_str(&format!("{status} {}\n", answer["error"].as_str().unwrap()));
    assert_snapshot!(met, @"
    403 allowed_only_intranet_user
    400 NOT_FOUND
    400 ACCESS_DENIED
    400 CRM_FIELD_ERROR_VALUE_NOT_VALID
    400 100
    400 -
    400 UPDATE_DYNAMIC_ITEM_RESTRICTED
    403 INVALID_CREDENTIALS
    401 NO_AUTH_FOUND
    503 QUERY_LIMIT_EXCEEDED
    ");
}
