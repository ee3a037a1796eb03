//! The command `setup`: files of clients as people have them, changed, kept, and brought back.

mod home;
mod six_clients;
#[cfg(target_os = "linux")]
mod terminal;

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
};

use bitrix24_crm_mcp::sandbox::Sandbox;
use insta::assert_snapshot;

use self::home::Home;
use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::run,
};

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let home = Home::new();
    home.write(".cursor/mcp.json", "{}\n");
    let sandbox = Sandbox::start().await.unwrap();
    home.write("address", &sandbox.webhook_url());
    let before = home.files();
    let file = home.path("address");
    let finished = run(&mut home.program(&["setup", "--dry-run", "--webhook-file", &file])).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout.contains("+    \"bitrix24\": {"), "{}", finished.stdout);
    assert!(
        finished.stdout.ends_with("bitrix24.webhook`.\nNothing was written.\n"),
        "{}",
        finished.stdout
    );
    assert_eq!(home.files(), before);
}

#[tokio::test]
async fn what_does_not_work_is_not_connected() {
    let home = Home::new();
    home.write(".cursor/mcp.json", "{}\n");
    let portal =
        ScriptedPortal::start(&[("profile", vec![Reply::error(401, "INVALID_CREDENTIALS", "x")])])
            .await;
    let mut before = home.files();
    let address = portal.webhook();
    let finished = home.fed(&["setup", "--yes"], &address).await;
    assert_eq!(finished.code, Some(1));
    assert_snapshot!(home.told(&finished), @r#"
    ✓ the settings are well formed: http://127.0.0.1
    ✓ the portal was reached
    ✗ the portal did not accept the sign-in (`INVALID_CREDENTIALS`)
      → make a new webhook in the portal and put its address into the settings

    Nothing was written. Correct this first, or use `--force` to continue anyway.
    code 1
    "#);
    assert_eq!(home.files(), before);

    let forced = home.fed(&["setup", "--yes", "--force"], &address).await;
    assert_eq!(forced.code, Some(0), "{forced:?}");
    assert!(home.files()[".cursor/mcp.json"].contains("BITRIX24_WEBHOOK_URL_FILE"));

    before = home.files();
    for (address, told) in [
        (
            "https://acme.example/rest/1/",
            "error: the webhook's address must end in `/rest/{user}/{secret}/`, with the number of a user and \
             the secret of the webhook\n",
        ),
        ("not-an-address", "error: the webhook's address is not a web address\n"),
    ] {
        let finished = home.fed(&["setup", "--yes", "--force"], address).await;
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(2), told));
        assert_eq!(home.files(), before);
    }
}

#[tokio::test]
async fn without_a_terminal_the_flags_are_explained() {
    let home = Home::new();
    for arguments in
        [&["setup"][..], &["setup", "--sandbox"], &["setup", "--yes"], &["setup", "--remove"]]
    {
        let finished = run(&mut home.program(arguments)).await;
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(
            finished.stderr.contains("--webhook-file FILE"),
            "{arguments:?}: {}",
            finished.stderr
        );
    }
    let finished = run(&mut home.program(&["setup", "--lang", "ru"])).await;
    assert_snapshot!(home.told(&finished), @r#"
    ошибка: нет терминала, чтобы задать вопросы: добавьте `--yes`, а чтобы сначала посмотреть — `--dry-run`.
      --webhook-file FILE  файл с адресом вебхука; адрес можно подать и на стандартный ввод
      --sandbox            подключить встроенный демонстрационный портал, без вебхука
      --yes                записывать без вопросов
      --dry-run            показать изменения и ничего не записывать
      --remove             убрать запись
      --client NAME        только этот клиент: claude-code, claude-desktop, cursor, vscode, codex, gemini, windsurf, zed
    Например: bitrix24-crm-mcp setup --webhook-file FILE --yes
    code 2
    "#);
    assert!(home.files().is_empty());
}

#[tokio::test]
async fn typed_settings_are_written_and_what_a_person_added_stays() {
    let home = Home::new();
    home.write(
        ".gemini/settings.json",
        "{\"mcpServers\": {\"bitrix24\": {\n  \"command\": \"bitrix24-crm-mcp\",\n  \"timeout\": 5000, // slow\n  \
         \"env\": {\"BITRIX24_WEBHOOK_URL\": \"https://acme.example/rest/1/0ld-s3cret/\", \"BITRIX24_RATE\": \
         \"100/3\"}\n}}}\n",
    );
    let arguments = [
        "setup",
        "--sandbox",
        "--yes",
        "--client",
        "gemini",
        "--read-only",
        "--entity-types",
        "deal",
    ];
    let mut command = home.program(&arguments);
    let finished = run(command.env("BITRIX24_PORTAL_URL", "https://acme.example")).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let notes = finished.stdout.split_once("ask it to find a deal.\n").unwrap().1;
    assert_snapshot!(notes, @r#"
    Gemini CLI: in folders that you have not trusted there, all servers are disabled.
    `BITRIX24_PORTAL_URL` is set in this terminal: a client that is started here may pass it on beside the entry, and every call would be refused. Unset it.
    "#);
    assert!(!finished.stdout.contains("0ld-s3cret"), "{}", finished.stdout);
    assert!(finished.stdout.contains("has 3 tools: find_crm_items"), "{}", finished.stdout);
    assert_snapshot!(home.shown(".gemini/settings.json"), @r#"
    {"mcpServers": {"bitrix24": {
      "command": "/bin/bitrix24-crm-mcp",
      "timeout": 5000, // slow
      "env": {
            "BITRIX24_RATE": "100/3",
            "BITRIX24_SANDBOX": "1",
            "BITRIX24_READ_ONLY": "1",
            "BITRIX24_ENTITY_TYPES": "deal"
          },
          "args": []
    }}}
    "#);
    // The copy of the file before is without the webhook's secret.
    assert!(!home.files().values().any(|text| text.contains("0ld-s3cret")));
}

#[tokio::test]
async fn the_entry_of_another_server_is_left_alone() {
    let home = Home::new();
    home.write(
        ".cursor/mcp.json",
        "{\"mcpServers\": {\"bitrix24\": {\"url\": \"https://mcp.example\"}}}",
    );
    let before = home.files();
    for arguments in [&["setup", "--sandbox", "--yes"][..], &["setup", "--remove", "--yes"]] {
        let finished = run(&mut home.program(arguments)).await;
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(
            finished.stdout.contains("has an entry `bitrix24` of another server"),
            "{}",
            finished.stdout
        );
        assert_eq!(home.files(), before);
    }
    let named = ["setup", "--sandbox", "--yes", "--name", "crm"];
    assert_eq!(run(&mut home.program(&named)).await.code, Some(0));
    let text = &home.files()[".cursor/mcp.json"];
    assert!(text.contains("https://mcp.example") && text.contains("\"crm\""), "{text}");
}

#[tokio::test]
async fn the_stored_webhook_stays_while_a_file_names_it_and_becomes_private_again() {
    let home = Home::new();
    home.write(".cursor/mcp.json", "{}\n");
    let sandbox = Sandbox::start().await.unwrap();
    home.write("address", &sandbox.webhook_url());
    let file = home.path("address");
    let arguments = ["setup", "--yes", "--webhook-file", &file];
    assert_eq!(run(&mut home.program(&arguments)).await.code, Some(0));
    let stored = ".config/bitrix24-crm-mcp/bitrix24.webhook";
    home.protect(stored, 0o644);
    home.protect(".config/bitrix24-crm-mcp", 0o777);
    assert_eq!(run(&mut home.program(&arguments)).await.code, Some(0));
    assert_eq!((home.mode(stored), home.mode(".config/bitrix24-crm-mcp")), (0o600, 0o700));

    let renamed = home.files()[".cursor/mcp.json"].replace("\"bitrix24\"", "\"mine\"");
    home.write(".cursor/mcp.json", &renamed);
    assert_eq!(run(&mut home.program(&["setup", "--remove", "--yes"])).await.code, Some(0));
    assert!(home.files().contains_key(stored));
    home.write(".cursor/mcp.json", "{}\n");
    assert_eq!(run(&mut home.program(&["setup", "--remove", "--yes"])).await.code, Some(0));
    assert!(!home.files().contains_key(stored));
}

#[tokio::test]
async fn secrets_anywhere_in_a_file_are_not_shown() {
    let home = Home::new();
    home.write(
        ".cursor/mcp.json",
        r#"{
  // https://old.example/rest/1/c0mment/
  "mcpServers": {
    "other": {"env": {"KEY": "an\/0ther"}, "args": ["--token", "t0ken"]},
    "bitrix24": {"command": "docker", "args": ["-e", "BITRIX24_WEBHOOK_URL=https://a.example/rest/1/inargs/",
      "x/bitrix24-crm-mcp"]}
  }
}"#,
    );
    let finished = run(&mut home.program(&["setup", "--sandbox", "--yes"])).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    for secret in ["c0mment", "0ther\"", "t0ken", "inargs"] {
        assert!(!finished.stdout.contains(secret), "{secret}: {}", finished.stdout);
    }
    assert!(!home.files().values().any(|text| text.contains("inargs")));
}

#[tokio::test]
async fn claude_code_is_told_by_its_own_command() {
    let home = Home::new();
    home.install("claude", "printf '%s\\n' \"$*\" >> \"$HOME/calls\"");
    let finished = run(&mut home.program(&["setup", "--sandbox", "--yes"])).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let program = env!("CARGO_BIN_EXE_bitrix24-crm-mcp");
    let added = format!("mcp add bitrix24 -s user -e BITRIX24_SANDBOX=1 -- {program}\n");
    assert_eq!(home.files()["calls"], added);

    home.write(
        ".claude.json",
        "{\"mcpServers\": {\"bitrix24\": {\"command\": \"bitrix24-crm-mcp\", \"alwaysLoad\": true}}}",
    );
    let finished = run(&mut home.program(&["setup", "--sandbox", "--yes"])).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let replaced = format!(
        "mcp remove bitrix24 -s user\nmcp add-json bitrix24 {{\"command\":\"{program}\",\"alwaysLoad\":true,\
         \"type\":\"stdio\",\"args\":[],\"env\":{{\"BITRIX24_SANDBOX\":\"1\"}}}} -s user\n"
    );
    assert_eq!(home.files()["calls"], added.clone() + &replaced);
    assert!(home.files().keys().any(|name| name.starts_with(".claude.json.")));

    let finished = run(&mut home.program(&["setup", "--remove", "--yes"])).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(home.files()["calls"], added + &replaced + "mcp remove bitrix24 -s user\n");

    home.install("claude", "echo 'the configuration is locked' >&2; exit 3");
    let finished = run(&mut home.program(&["setup", "--sandbox", "--yes"])).await;
    assert_eq!(finished.code, Some(1));
    assert!(finished.stdout.contains("the configuration is locked"), "{}", finished.stdout);
}

#[tokio::test]
async fn without_a_client_the_webhook_is_stored_and_an_entry_shown() {
    let home = Home::new();
    let sandbox = Sandbox::start().await.unwrap();
    let finished = home.fed(&["setup", "--yes"], &sandbox.webhook_url()).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_snapshot!(home.told(&finished).split("can be read\n\n").last().unwrap(), @r#"
    ✓ the webhook is stored in `~/.config/bitrix24-crm-mcp/bitrix24.webhook`, readable by you alone
    No clients were found. `--client NAME` sets one up all the same: claude-code, claude-desktop, cursor, vscode, codex, gemini, windsurf, zed.
    For another client, add this to its file:
    {
      "mcpServers": {
        "bitrix24": {
          "command": "/bin/bitrix24-crm-mcp",
          "args": [],
          "env": {
            "BITRIX24_WEBHOOK_URL_FILE": "~/.config/bitrix24-crm-mcp/bitrix24.webhook"
          }
        }
      }
    }
    code 0
    "#);

    // Later, the stored webhook is taken for a client that is named.
    let mut command = home.program(&["setup", "--yes", "--client", "claude-desktop"]);
    // A client that passes little on starts the server without this terminal's variables.
    let finished = run(command.env("BITRIX24_READ_ONLY", "1")).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout.contains("has 6 tools"), "{}", finished.stdout);
    let file = ".config/Claude/claude_desktop_config.json";
    assert!(home.files()[file].contains("bitrix24.webhook"));
    assert_eq!(home.mode(file), 0o600);
}

#[tokio::test]
async fn a_link_that_leads_nowhere_and_a_key_given_twice_are_left() {
    let home = Home::new();
    home.link("nowhere.json", ".cursor/mcp.json");
    // As a link to `/dev/null`, by which some people turn a file off; a socket is hurt by nothing.
    let elsewhere = tempfile::tempdir().unwrap();
    let socket = elsewhere.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    home.link(socket.to_str().unwrap(), ".config/zed/settings.json");
    home.write(".gemini/settings.json", "{\"mcpServers\": {}, \"mcpServers\": {}}");
    home.write(".codeium/windsurf/mcp_config.json", "{\"mcpServers\": []}");
    let before = home.files();
    let finished = run(&mut home.program(&["setup", "--sandbox", "--yes"])).await;
    assert_eq!(finished.code, Some(1));
    assert_snapshot!(home.told(&finished).split("can be read\n\n").last().unwrap(), @r#"
    ✗ Cursor: `~/.cursor/mcp.json` is a link that leads to no file; it was left as it is
    ✗ Gemini CLI: `~/.gemini/settings.json` has a key twice; take one of them out first; it was left as it is
    ✗ Windsurf: `~/.codeium/windsurf/mcp_config.json` holds something else where the servers are listed; correct the file first; it was left as it is
    ✗ Zed: `~/.config/zed/settings.json` is not a regular file; it was left as it is
    Nothing was written.
    code 1
    "#);
    assert_eq!(home.files(), before);
}

#[test]
fn a_program_in_the_search_path_has_to_be_one() {
    let home = Home::new();
    home.install("claude", "exit 0");
    fs::set_permissions(home.path("bin/claude"), fs::Permissions::from_mode(0o644)).unwrap();
    let listed = std::process::Command::new(env!("CARGO_BIN_EXE_bitrix24-crm-mcp"))
        .args(["setup", "--sandbox", "--yes"])
        .env_clear()
        .envs(home.variables())
        .output()
        .unwrap();
    let told = String::from_utf8(listed.stdout).unwrap();
    assert!(told.contains("No clients were found"), "{told}");
}
