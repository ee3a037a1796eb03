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
        "message": "the access token has expired and could not be renewed: the sign-in server refused",
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
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "update_crm_item", "arguments": rename()}});
    for server in &mut servers {
        server.send(&call).await;
    }
    for server in &mut servers {
        assert_eq!(answered(&server.receive().await.unwrap()).json["status"], "updated");
    }
    let renewals = portal.requests().iter().filter(|it| it.path.starts_with("/oauth")).count();
    assert_eq!(renewals, 1);
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
