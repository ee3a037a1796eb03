//! Tokens: renewed once for all, kept across restarts, shared between processes, read from files.

use std::time::Duration;

use insta::assert_json_snapshot;
use serde_json::json;

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{Server, answered, at_once, deal, item, program, rename},
};

/// A portal that takes one token alone, and a sign-in server that renews it.
async fn with_tokens(renewal: Reply) -> ScriptedPortal {
    let expired = Reply::error(401, "expired_token", "The access token provided has expired");
    ScriptedPortal::start(&[
        (
            "crm.item.get",
            vec![Reply::IfBody("\"auth\":\"new-access\"", Box::new(item("a")), Box::new(expired))],
        ),
        ("crm.item.update", vec![item("b")]),
        ("token", vec![renewal]),
    ])
    .await
}

fn renewed() -> Reply {
    Reply::Json(
        200,
        json!({"access_token": "new-access", "refresh_token": "new-refresh", "expires_in": 3600}),
    )
}

/// The refresh tokens that renewals sent, in their order.
fn spent(portal: &ScriptedPortal) -> Vec<String> {
    let requests = portal.requests().into_iter().filter(|it| it.path.starts_with("/oauth"));
    requests.map(|it| it.text.rsplit_once("refresh_token=").unwrap().1.to_owned()).collect()
}

fn with_token_settings(portal: &ScriptedPortal) -> tokio::process::Command {
    let mut command = program();
    command.env("BITRIX24_PORTAL_URL", portal.origin());
    command.env("BITRIX24_ACCESS_TOKEN", "old-access").env("BITRIX24_REFRESH_TOKEN", "old-refresh");
    command.env("BITRIX24_CLIENT_ID", "app.1").env("BITRIX24_CLIENT_SECRET", "app-secret");
    command.env("BITRIX24_OAUTH_URL", format!("{}/oauth/token", portal.origin()));
    command
}

#[tokio::test]
async fn an_expired_token_is_renewed_once_for_all_calls() {
    let portal = with_tokens(renewed()).await;
    let mut server = Server::opened(with_token_settings(&portal), "").await;
    let calls = (1..=10).map(|id| json!({"entityTypeId": 2, "id": id, "fields": {"title": "b"}}));
    let answers = at_once(&mut server, calls.collect()).await;
    assert!(answers.iter().all(|answer| answer.json["status"] == "updated"), "{answers:?}");
    let renewals: Vec<_> =
        portal.requests().into_iter().filter(|it| it.path.starts_with("/oauth")).collect();
    assert_eq!(renewals.len(), 1);
    // Secrets travel in the body, never in an address.
    assert_eq!(renewals[0].path, "/oauth/token");
    assert_eq!(
        renewals[0].text,
        "grant_type=refresh_token&client_id=app.1&client_secret=app-secret&refresh_token=old-refresh"
    );
    let finished = server.finish().await;
    assert!(finished.stderr.contains("BITRIX24_TOKEN_FILE"), "{}", finished.stderr);
    for secret in ["new-access", "new-refresh", "old-access", "old-refresh", "app-secret"] {
        assert!(!finished.stderr.contains(secret), "{}", finished.stderr);
    }
}

#[tokio::test]
async fn a_dead_refresh_token_says_to_sign_in_again() {
    let dead = Reply::Json(400, json!({"error": "invalid_grant"}));
    let portal = with_tokens(dead).await;
    let mut server = Server::opened(with_token_settings(&portal), "").await;
    let answer = server.update(rename()).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "error": {
        "code": "SIGN_IN_FAILED",
        "message": "the access token could not be renewed: the sign-in server refused",
        "written": "no",
        "retry": "no",
        "hint": "a person has to sign in again and put the new tokens into the settings",
        "portal": {
          "httpStatus": 400,
          "code": "invalid_grant",
          "description": ""
        }
      }
    }
    "#);
    let without_renewal = with_tokens(renewed()).await;
    let mut command = program();
    command.env("BITRIX24_PORTAL_URL", without_renewal.origin());
    let mut server = Server::opened(
        {
            command.env("BITRIX24_ACCESS_TOKEN", "old-access");
            command
        },
        "",
    )
    .await;
    let answer = server.update(rename()).await;
    assert_eq!(answer.json["error"]["code"], "SIGN_IN_FAILED");
    assert_eq!(without_renewal.methods(), ["crm.item.get"]);
}

#[tokio::test]
async fn the_newest_tokens_survive_a_restart_and_a_new_token_starts_afresh() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.json");
    let portal = with_tokens(renewed()).await;
    let renewals = || portal.requests().iter().filter(|it| it.path.starts_with("/oauth")).count();
    for expected in [1, 1] {
        let mut command = with_token_settings(&portal);
        command.env("BITRIX24_TOKEN_FILE", &file);
        let mut server = Server::opened(command, "").await;
        assert_eq!(server.update(rename()).await.json["status"], "updated");
        assert_eq!(renewals(), expected);
        assert_eq!(server.finish().await.stderr, "");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.contains("new-refresh") && !kept.contains("old-refresh"), "{kept}");
    let mut command = with_token_settings(&portal);
    command.env("BITRIX24_TOKEN_FILE", &file).env("BITRIX24_REFRESH_TOKEN", "another-sign-in");
    let mut server = Server::opened(command, "").await;
    assert_eq!(server.update(rename()).await.json["status"], "updated");
    assert_eq!(renewals(), 2);
    assert!(portal.requests().iter().any(|it| it.text.ends_with("refresh_token=another-sign-in")));
}

#[tokio::test]
async fn two_processes_renew_a_shared_token_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.json");
    let slow = Reply::Late(Duration::from_millis(400), Box::new(renewed()));
    let portal = with_tokens(slow).await;
    let mut servers = Vec::new();
    for _ in 0..2 {
        let mut command = with_token_settings(&portal);
        command.env("BITRIX24_TOKEN_FILE", &file);
        servers.push(Server::opened(command, "").await);
    }
    for server in &mut servers {
        server.send_call(json!(1), "update_crm_item", rename()).await;
    }
    for server in &mut servers {
        assert_eq!(answered(&server.receive().await.unwrap()).json["status"], "updated");
    }
    let renewals = portal.requests().iter().filter(|it| it.path.starts_with("/oauth")).count();
    assert_eq!(renewals, 1);
}

#[tokio::test]
async fn tokens_that_cannot_be_written_are_used_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let is_a_folder = folder.path().join("folder");
    std::fs::create_dir_all(is_a_folder.join("content")).unwrap();
    for file in [folder.path().join("missing/tokens.json"), is_a_folder] {
        let portal = with_tokens(renewed()).await;
        let mut command = with_token_settings(&portal);
        command.env("BITRIX24_TOKEN_FILE", &file);
        let mut server = Server::opened(command, "").await;
        for _ in 0..2 {
            assert_eq!(server.update(rename()).await.json["status"], "updated");
        }
        assert_eq!(spent(&portal), ["old-refresh"]);
        let log = server.finish().await.stderr;
        assert!(log.contains("token file cannot be written"), "{log}");
    }
}

#[tokio::test]
async fn a_file_that_fell_behind_does_not_win_over_newer_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.json");
    let expired = || Reply::error(401, "expired_token", "The access token provided has expired");
    let renewed = |number: u32| {
        let (access, refresh) = (format!("access-{number}"), format!("refresh-{number}"));
        Reply::Json(200, json!({"access_token": access, "refresh_token": refresh}))
    };
    let portal = ScriptedPortal::start(&[
        ("crm.item.get", vec![expired(), item("a"), expired(), item("a"), expired(), item("a")]),
        ("crm.item.update", vec![item("b")]),
        ("token", vec![renewed(1), renewed(2), renewed(3)]),
    ])
    .await;
    let start = || {
        let mut command = with_token_settings(&portal);
        command.env("BITRIX24_TOKEN_FILE", &file);
        Server::opened(command, "")
    };
    assert_eq!(start().await.update(rename()).await.json["status"], "updated");
    // It has the name under which the next file is prepared.
    std::fs::create_dir(folder.path().join("tokens.json.new")).unwrap();
    let mut server = start().await;
    for _ in 0..2 {
        assert_eq!(server.update(rename()).await.json["status"], "updated");
    }
    assert_eq!(spent(&portal), ["old-refresh", "refresh-1", "refresh-2"]);
}

#[tokio::test]
async fn a_refresh_token_alone_signs_in_before_the_first_request() {
    let portal = with_tokens(renewed()).await;
    let mut command = with_token_settings(&portal);
    command.env_remove("BITRIX24_ACCESS_TOKEN");
    let mut server = Server::opened(command, "").await;
    assert_eq!(server.update(rename()).await.json["status"], "updated");
    assert_eq!(portal.methods(), ["token", "crm.item.get", "crm.item.update"]);
}

#[tokio::test]
async fn secrets_may_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let portal = ScriptedPortal::with_item(deal("a"), deal("b")).await;
    let file = folder.path().join("webhook");
    std::fs::write(&file, format!("{}\n", portal.webhook())).unwrap();
    let mut command = program();
    command.env("BITRIX24_WEBHOOK_URL_FILE", &file);
    let mut server = Server::opened(command, "").await;
    assert_eq!(server.update(rename()).await.json["status"], "updated");
}

#[tokio::test]
async fn a_renewal_goes_on_when_its_call_has_ended() {
    let slow = Reply::Late(Duration::from_secs(2), Box::new(renewed()));
    let portal = with_tokens(slow).await;
    let mut command = with_token_settings(&portal);
    command.env("BITRIX24_CALL_TIMEOUT", "1");
    let mut server = Server::opened(command, "").await;
    let error = server.update(rename()).await.json["error"].clone();
    assert_eq!([&error["code"], &error["written"]], ["SIGN_IN_FAILED", "no"]);
    while server.update(rename()).await.is_error {}
    assert_eq!(spent(&portal), ["old-refresh"]);
}
