//! `setup` as a person at a terminal uses it.

use bitrix24_crm_mcp::sandbox::Sandbox;
use pty_process::Pts;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

use super::home::Home;
use crate::support::PATIENCE;

/// The question that is answered unseen.
const ADDRESS: &str = "Paste its address (it is not shown)";

/// What a terminal has shown so far.
struct Screen {
    pty: pty_process::Pty,
    shown: String,
    /// The terminal as the program has it.
    terminal: String,
}

impl Screen {
    /// Reads until a text is shown that was not there before, and types an answer.
    async fn answer(&mut self, question: &str, keys: &str) {
        let from = self.shown.len();
        while !self.shown[from..].contains(question) {
            assert!(self.read().await, "{question} is not asked: {}", self.shown);
        }
        while question.contains(ADDRESS) && !self.hides_keys().await {}
        self.pty.write_all(keys.as_bytes()).await.unwrap();
    }

    /// Whether keys are not shown: what is typed before, a terminal forgets.
    async fn hides_keys(&self) -> bool {
        let output =
            Command::new("stty").args(["-F", &self.terminal, "-a"]).output().await.unwrap();
        let settings = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{settings}");
        settings.split_whitespace().any(|word| word == "-echo")
    }

    async fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        // On Linux the end of the other side is an error.
        let read = timeout(PATIENCE, self.pty.read(&mut bytes)).await.unwrap().unwrap_or(0);
        self.shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
        read > 0
    }
}

/// Runs `setup` and answers its questions; what was shown, and the exit code.
async fn set_up(home: &Home, answers: &[(&str, &str)]) -> (String, Option<i32>) {
    let (pty, pts): (_, Pts) = pty_process::open().unwrap();
    let command = pty_process::Command::new(env!("CARGO_BIN_EXE_bitrix24-crm-mcp"))
        .arg("setup")
        .env_clear()
        .envs(home.variables())
        .kill_on_drop(true);
    let mut child = command.spawn(pts).unwrap();
    let terminal = format!("/proc/{}/fd/0", child.id().unwrap());
    let mut screen = Screen { pty, shown: String::new(), terminal };
    for (question, keys) in answers {
        screen.answer(question, keys).await;
    }
    while screen.read().await {}
    let code = timeout(PATIENCE, child.wait()).await.unwrap().unwrap().code();
    (screen.shown.replace("\r\n", "\n"), code)
}

#[tokio::test]
async fn a_person_is_asked_for_the_webhook_and_for_each_client() {
    let home = Home::new();
    home.write(".cursor/mcp.json", "{}\n");
    home.write(".gemini/settings.json", "{}\n");
    let sandbox = Sandbox::start().await.unwrap();
    let address = sandbox.webhook_url();
    let typed = format!("{address}\n");
    let answers = [
        (ADDRESS, "https://acme.example/rest/1/\n"),
        (ADDRESS, typed.as_str()),
        ("Change it? [y/N] ", "y\n"),
        ("Change it? [y/N] ", "n\n"),
    ];
    let (shown, code) = set_up(&home, &answers).await;
    assert_eq!(code, Some(0), "{shown}");
    let secret = address.trim_end_matches('/').rsplit('/').next().unwrap();
    assert!(!shown.contains(secret) && !shown.contains("acme.example"), "{shown}");
    assert!(shown.contains("The address must end in `/rest/{user}/{secret}/`"), "{shown}");
    assert!(shown.contains("✓ Cursor: is set up"), "{shown}");
    let files = home.files();
    assert_eq!(files[".gemini/settings.json"], "{}\n");
    assert_eq!(files[".config/bitrix24-crm-mcp/bitrix24.webhook"], typed);

    // Enter keeps the stored webhook; whoever declines changes nothing.
    let answers = [(ADDRESS, "\n"), ("Change it? [y/N] ", "\n")];
    let (shown, code) = set_up(&home, &answers).await;
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("or press Enter to keep the stored one: "), "{shown}");
    assert!(shown.contains("✓ Cursor: is set up already"), "{shown}");
    assert_eq!(home.files(), files);
}

#[tokio::test]
async fn who_types_no_address_and_declines_has_nothing_written() {
    let home = Home::new();
    home.write(".cursor/mcp.json", "{}\n");
    let before = home.files();
    let answers = [(ADDRESS, "\n"), (ADDRESS, "\n"), (ADDRESS, "\n")];
    let (shown, code) = set_up(&home, &answers).await;
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.ends_with("error: there was no webhook's address\n"), "{shown}");
    assert_eq!(home.files(), before);

    let sandbox = Sandbox::start().await.unwrap();
    let typed = format!("{}\n", sandbox.webhook_url());
    let (shown, code) =
        set_up(&home, &[(ADDRESS, typed.as_str()), ("Change it? [y/N] ", "n\n")]).await;
    assert_eq!(code, Some(0), "{shown}");
    assert_eq!(home.files(), before);
}
