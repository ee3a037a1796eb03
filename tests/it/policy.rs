//! A policy file limits what is written: by single calls, by calls for many items, and by putting a
//! change back. What it denies is not sent.

use std::path::PathBuf;

use bitrix24_crm_mcp::sandbox::Sandbox;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    faulty_proxy::{Fault, FaultyProxy},
    many::MANY,
    support::{Answered, GET, Server, program, run, updates},
};

const POLICY: &str = r#"
max_items = 3
confirm_above = 1

[deal]
deny_fields = ["assignedById"]
deny_stages = ["C9:WON", "*:LOSE"]
pipelines = [9]
max = { opportunity = 10000 }

[contact]
mode = "dry_run"
"#;

fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

async fn with_policy(text: &str) -> (Sandbox, Server, TempDir) {
    let (folder, path) = file(text);
    let sandbox = Sandbox::start().await.unwrap();
    let settings = [("BITRIX24_POLICY", path.to_str().unwrap())];
    let server = Server::with_settings(&sandbox.webhook_url(), &settings).await;
    (sandbox, server, folder)
}

/// The code of an answer's error and all that it says.
fn refused(answer: &Answered) -> (String, String) {
    let error = &answer.json["error"];
    assert_eq!(error["written"], "no", "{}", answer.json);
    (error["code"].as_str().unwrap_or_default().to_owned(), answer.json.to_string())
}

#[tokio::test]
async fn what_a_rule_denies_is_refused_by_its_key_and_not_sent() {
    let (sandbox, mut server, _folder) = with_policy(POLICY).await;
    let cases = [
        (351, json!({"assignedById": 7}), "deal.deny_fields"),
        (351, json!({"title": "b", "ASSIGNED_BY_ID": 7}), "deal.deny_fields"),
        (351, json!({"stageId": "C9:WON"}), "deal.deny_stages"),
        // By its name.
        (351, json!({"stageId": "Served"}), "deal.deny_stages"),
        (351, json!({"stageId": "C9:LOSE"}), "deal.deny_stages"),
        (351, json!({"categoryId": 0, "stageId": "NEW"}), "deal.pipelines"),
        (101, json!({"title": "b"}), "deal.pipelines"),
        (351, json!({"opportunity": "10000.01"}), "deal.max"),
    ];
    for (id, fields, key) in cases {
        let call = json!({"entityTypeId": 2, "id": id, "fields": fields});
        let (code, told) = refused(&server.update(call).await);
        assert_eq!(code, "POLICY_DENIED", "{told}");
        assert!(told.contains(key), "{told}");
        let call = json!({"entityTypeId": 2, "ids": [id], "fields": fields});
        let (code, told) = refused(&server.call(MANY, call).await);
        assert_eq!(code, "POLICY_DENIED", "{told}");
        assert!(told.contains(key), "{told}");
    }
    assert_eq!(updates(&sandbox), Vec::<Value>::new());
    let allowed = json!({"stageId": "C9:UC_NYL06U", "opportunity": 10000});
    let call = json!({"entityTypeId": 2, "id": 351, "fields": allowed});
    assert_eq!(server.update(call).await.json["status"], "updated");
}

#[tokio::test]
async fn putting_back_is_limited_too() {
    let (sandbox, _, folder) = with_policy(POLICY).await;
    let journal = folder.path().join("journal.jsonl");
    let journal = [("BITRIX24_JOURNAL", journal.to_str().unwrap())];
    let mut free = Server::with_settings(&sandbox.webhook_url(), &journal).await;
    let fields = json!({"assignedById": 7, "title": "b"});
    free.update(json!({"entityTypeId": 2, "id": 351, "fields": fields})).await;
    let sent = updates(&sandbox).len();
    let path = folder.path().join("policy.toml");
    let settings = [journal[0], ("BITRIX24_POLICY", path.to_str().unwrap())];
    let mut limited = Server::with_settings(&sandbox.webhook_url(), &settings).await;
    let shown = json!({"entityTypeId": 2, "id": 351, "history": true, "select": ["id"]});
    let change = limited.call(GET, shown).await.json["history"][0]["changeId"].clone();
    let (code, told) = refused(&limited.call("undo_crm_update", json!({"changeId": change})).await);
    assert_eq!(code, "POLICY_DENIED", "{told}");
    assert!(told.contains("deal.deny_fields"), "{told}");
    assert_eq!(updates(&sandbox).len(), sent);
}

#[tokio::test]
async fn of_many_items_only_so_many_and_from_so_many_on_with_a_confirmation() {
    let (sandbox, mut server, _folder) = with_policy(POLICY).await;
    let fields = json!({"title": "b"});
    let call = json!({"entityTypeId": 2, "ids": [351, 355, 101, 102], "fields": fields});
    let (code, told) = refused(&server.call(MANY, call).await);
    assert_eq!(code, "POLICY_DENIED", "{told}");
    assert!(told.contains("max_items"), "{told}");
    let call = json!({"entityTypeId": 2, "filter": {">id": 0}, "fields": fields});
    assert_eq!(refused(&server.call(MANY, call).await).0, "POLICY_DENIED");
    // An item that it forbids does not hold up the others.
    let mut call = json!({"entityTypeId": 2, "ids": [101, 351, 355], "fields": fields});
    let shown = server.call(MANY, call.clone()).await;
    assert_eq!(shown.json["status"], "confirm", "{}", shown.json);
    assert_eq!(updates(&sandbox), Vec::<Value>::new());
    call["confirm"] = shown.json["confirm"].clone();
    let done = server.call(MANY, call).await;
    assert_eq!(done.json["updated"], 2, "{}", done.json);
    assert_eq!(done.json["failed"][0]["ids"], json!([101]));
    assert_eq!(done.json["failed"][0]["code"], "POLICY_DENIED");
}

#[tokio::test]
async fn a_forbidden_row_does_not_hold_up_the_others() {
    let (sandbox, mut server, _folder) = with_policy(POLICY).await;
    let rows = json!([{"id": 351, "title": "b"}, {"id": 355, "assignedById": 7}]);
    let mut call = json!({"entityTypeId": 2, "items": rows});
    let shown = server.call(MANY, call.clone()).await;
    assert_eq!(shown.json["cannot"][0]["code"], "POLICY_DENIED", "{}", shown.json);
    call["confirm"] = shown.json["confirm"].clone();
    let done = server.call(MANY, call).await;
    assert_eq!(done.json["updated"], 1, "{}", done.json);
    assert_eq!(done.json["failed"][0]["ids"], json!([355]));
    assert_eq!(updates(&sandbox).len(), 1);
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_not_written_where_rules_depend_on_it() {
    let (folder, path) = file(POLICY);
    let sandbox = Sandbox::start().await.unwrap();
    let proxy = FaultyProxy::before(&sandbox).await;
    let settings = [("BITRIX24_POLICY", path.to_str().unwrap())];
    let mut server = Server::with_settings(&proxy.webhook(), &settings).await;
    for _ in 0..6 {
        proxy.on(1, |request| request.method() == "crm.item.get", Fault::Page(502));
    }
    let call = json!({"entityTypeId": 2, "id": 101, "fields": {"title": "b"}});
    let (code, told) = refused(&server.update(call).await);
    assert_eq!(code, "POLICY_DENIED", "{told}");
    assert_eq!(updates(&sandbox), Vec::<Value>::new());
    drop(folder);
}

#[tokio::test]
async fn what_may_only_be_shown_is_not_written() {
    let (sandbox, mut server, _folder) = with_policy(POLICY).await;
    let note =
        "nothing was written: the policy's `contact.mode` lets this server only show such changes";
    let fields = json!({"post": "Director"});
    let call = json!({"entityTypeId": 3, "id": 5, "fields": fields});
    let shown = server.update(call).await;
    assert_eq!(shown.json["status"], "planned", "{}", shown.json);
    assert_eq!(shown.json["notes"], json!([note]));
    let call = json!({"entityTypeId": 3, "ids": [5, 6], "fields": fields});
    let shown = server.call(MANY, call).await;
    assert_eq!(shown.json["status"], "planned", "{}", shown.json);
    assert_eq!(shown.json.get("confirm"), None);
    assert_eq!(shown.json["notes"], json!([note]));
    assert_eq!(sandbox.commands().iter().filter(|it| it.method.contains("update")).count(), 0);
}

#[tokio::test]
async fn fields_that_are_never_written_are_in_no_schema() {
    let fields = async |policy: &str| {
        let (_sandbox, mut server, _folder) = with_policy(policy).await;
        let listed = server.request("tools/list", json!({})).await;
        listed["result"]["tools"][0]["inputSchema"]["properties"]["fields"]["properties"].clone()
    };
    let (all, some) = (fields("").await, fields(POLICY).await);
    assert!(all["assignedById"]["description"].as_str().unwrap().contains('D'));
    assert!(!some["assignedById"]["description"].as_str().unwrap().contains('D'));
    assert_eq!(all["title"], some["title"]);
    let none = fields("[deal]\ndeny_fields = [\"probability\"]").await;
    assert_eq!(none.get("probability"), None);
}

#[tokio::test]
async fn a_file_that_cannot_be_used_stops_writing_alone() {
    for text in ["[deal]\n\ndeny = 5", "max_items = x", "[deal]\ndeny_fields = [\"titel\"]"] {
        let (sandbox, mut server, folder) = with_policy(text).await;
        let calls = [
            ("update_crm_item", json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}})),
            (MANY, json!({"entityTypeId": 2, "ids": [351], "fields": {"title": "b"}})),
        ];
        for (tool, call) in calls {
            let (code, told) = refused(&server.call(tool, call).await);
            assert_eq!(code, "CONFIGURATION", "{told}");
        }
        let read = server.call(GET, json!({"entityTypeId": 2, "id": 351})).await;
        assert!(!read.is_error);
        assert_eq!(updates(&sandbox), Vec::<Value>::new());
        let path = folder.path().join("policy.toml");
        let mut check = program();
        check.arg("check").env("BITRIX24_WEBHOOK_URL", sandbox.webhook_url());
        let checked = run(check.env("BITRIX24_POLICY", &path)).await;
        assert_eq!(checked.code, Some(1));
        let line = 1 + text.rfind('\n').map_or(0, |at| text[..=at].matches('\n').count());
        assert!(checked.stdout.contains(&format!("line {line}: ")), "{}", checked.stdout);
    }
}
