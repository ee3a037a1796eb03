//! The record of changes as a server works with it: changes whose end is not known, a file that cannot be
//! written, a file without values.

use std::process::Command;

use bitrix24_crm_mcp::sandbox::Sandbox;
use serde_json::json;

use crate::{
    faulty_proxy::{Fault, FaultyProxy},
    many::MANY,
    scripted_portal::Request,
    support::{Server, updates},
    undo::{UNDO, deal, newest, state, undo},
};

#[tokio::test]
async fn a_change_whose_end_is_not_known_is_looked_up_first() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.jsonl");
    let journal = [("BITRIX24_JOURNAL", file.to_str().unwrap())];
    for is_carried_out in [true, false] {
        let sandbox = Sandbox::start().await.unwrap();
        let before = state(&sandbox, 2, 351);
        let proxy = FaultyProxy::before(&sandbox).await;
        let mut server = Server::with_settings(&proxy.webhook(), &journal).await;
        let pid = server.pid().to_string();
        // From there on nothing reaches the portal.
        let killed = async move {
            assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
            std::future::pending::<()>().await;
        };
        let is = |method: &'static str| move |request: &Request| request.method() == method;
        if is_carried_out {
            proxy.on(1, is("crm.item.update"), Fault::CutAfter);
            proxy.on(2, is("crm.item.get"), Fault::before(killed));
        } else {
            proxy.on(1, is("crm.item.update"), Fault::before(killed));
        }
        let change = deal(json!({"opportunity": 12000, "title": "Renewal"}));
        server.send_call(json!(7), "update_crm_item", change).await;
        server.wait().await;
        let mut server = Server::with_settings(&proxy.webhook(), &journal).await;
        let arguments = json!({"entityTypeId": 2, "id": 351, "history": true, "select": ["id"]});
        let seen = server.call("get_crm_item", arguments).await.json["history"][0].clone();
        assert_eq!(seen["outcome"], "unknown", "{seen}");
        let undone = server.call(UNDO, json!({"changeId": seen["changeId"]})).await;
        let status = if is_carried_out { "restored" } else { "unchanged" };
        assert_eq!(undone.json["status"], status, "{}", undone.json);
        assert_eq!(state(&sandbox, 2, 351), before);
    }
}

#[tokio::test]
async fn a_change_that_cannot_be_recorded_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let (sandbox, mut server) = {
        let sandbox = Sandbox::start().await.unwrap();
        let path = folder.path().join("gone").join("journal.jsonl");
        std::fs::create_dir(folder.path().join("gone")).unwrap();
        let journal = [("BITRIX24_JOURNAL", path.to_str().unwrap())];
        let server = Server::with_settings(&sandbox.webhook_url(), &journal).await;
        (sandbox, server)
    };
    server.update(deal(json!({"title": "Renewal"}))).await;
    assert_eq!(updates(&sandbox).len(), 1);
    std::fs::remove_dir_all(folder.path().join("gone")).unwrap();
    let calls = [
        ("update_crm_item", deal(json!({"title": "B"}))),
        (MANY, json!({"entityTypeId": 2, "ids": [351, 101], "fields": {"title": "B"}})),
        (UNDO, json!({})),
    ];
    for (tool, arguments) in calls {
        let refused = server.call(tool, arguments).await;
        let error = &refused.json["error"];
        assert_eq!(error["code"], "JOURNAL_UNAVAILABLE", "{}", refused.json);
        assert_eq!(error["written"], "no");
    }
    assert_eq!(updates(&sandbox).len(), 1);
}

#[tokio::test]
async fn a_change_whose_end_cannot_be_recorded_is_told_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let sandbox = Sandbox::start().await.unwrap();
    let proxy = FaultyProxy::before(&sandbox).await;
    let journal = [("BITRIX24_JOURNAL", path.to_str().unwrap())];
    let mut server = Server::with_settings(&proxy.webhook(), &journal).await;
    let gone = folder.path().to_owned();
    let is_update = |request: &Request| request.method() == "crm.item.update";
    proxy.on(1, is_update, Fault::before(async move { std::fs::remove_dir_all(gone).unwrap() }));
    let updated = server.update(deal(json!({"title": "Renewal"}))).await;
    assert_eq!(updated.json["status"], "updated");
    let note = "how it ended could not be recorded in the journal, whose file cannot be opened: entity \
                not found";
    assert_eq!(updated.json["notes"], json!([note]));
    // In memory it is all the same; putting it back would be a change of its own.
    let shown = server.call(UNDO, json!({"dryRun": true})).await;
    assert_eq!(shown.json["restored"][0]["field"], "title", "{}", shown.json);
}

#[tokio::test]
async fn a_journal_of_names_puts_nothing_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.jsonl");
    let journal =
        [("BITRIX24_JOURNAL", file.to_str().unwrap()), ("BITRIX24_JOURNAL_VALUES", "names")];
    let sandbox = Sandbox::start().await.unwrap();
    let mut server = Server::with_settings(&sandbox.webhook_url(), &journal).await;
    server.update(deal(json!({"title": "Renewal of Acme"}))).await;
    assert!(!std::fs::read_to_string(&file).unwrap().contains("Acme"));
    let mut later = Server::with_settings(&sandbox.webhook_url(), &journal).await;
    let id = newest(&mut later, 2, 351).await;
    let refused = later.call(UNDO, json!({"changeId": id})).await;
    assert_eq!(refused.json["error"]["code"], "CONFLICT", "{}", refused.json);
    assert_eq!(undo(&mut server).await.json["status"], "restored");
}
