//! The command line: what each command does with the modules below.

mod call;
mod check;
#[cfg(feature = "sandbox")]
mod demo;
mod flags;
mod history;
mod language;
pub mod log;
mod person;
mod schemas;
mod screen;
#[cfg(feature = "setup")]
mod setup;
mod words;

use std::{
    io,
    io::{IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::{Parser, Subcommand};

use self::language::Language;
#[cfg(feature = "sandbox")]
use crate::sandbox::Sandbox;
use crate::{
    account::Account,
    config::{self, PortalChoice, Settings, Unusable, hints, variables::SANDBOX},
    error::Failure,
    journal::ClientName,
    portal::{Endpoint, SignIn, Timeouts},
    server::{self, StdioTransport},
    tools::{Registry, ToolSelection},
};

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "bitrix24-crm-mcp", version, max_term_width = 100)]
#[command(about = "An MCP server that lets AI assistants change items of a Bitrix24 CRM")]
#[command(long_about = hints::ABOUT)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// The language of `check`, `setup` and `demo`, by default that of the locale
    #[arg(long, global = true, value_name = "LANG")]
    lang: Option<Language>,
    #[command(flatten)]
    flags: flags::Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve MCP on standard input and output (the default)
    Serve,
    /// Call one tool and print its answer
    ///
    /// The answer is JSON on standard output. Exit code: 0 success, 1 the tool answered an error or
    /// not everything was done, 2 wrong usage or settings.
    Call {
        /// Show what `update_crm_items` or `undo_crm_update` would change, ask, and do it all, however long it takes
        #[arg(long)]
        confirm: bool,
        /// The tool, for instance `update_crm_item`
        tool: String,
        /// The arguments as a JSON object, or `-` to read them from standard input
        json: String,
    },
    /// Try the settings against the portal, a line for each thing that has to be right
    ///
    /// Writes nothing. Exit code: 0 everything is right, 1 something is not.
    Check,
    /// Show updates on an embedded portal; needs no account
    #[cfg(feature = "sandbox")]
    Demo {
        /// Write its changes to a file that a browser shows, as chat programs show them [default file: bitrix24-change-card.html]
        #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "bitrix24-change-card.html")]
        card: Option<PathBuf>,
    },
    /// Connect the MCP clients of this machine: asks for the webhook, tries it, and writes their files
    ///
    /// The webhook is stored once, readable by you alone; clients get the path of that file. Settings that
    /// are typed, such as `--read-only`, are written into the clients' files. Exit code: 0 done, 1 something
    /// was not done, 2 wrong usage.
    #[cfg(feature = "setup")]
    Setup(setup::Arguments),
    /// Show the changes that the journal's file records, the newest first
    ///
    /// Exit code: 0 also when there are none, 1 the file cannot be read, 2 wrong usage or settings.
    History(history::Arguments),
    /// Print the schemas of the tools and of each entity type's fields
    Schema {
        /// Write them as files below this folder instead
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

impl Cli {
    /// The settings of this call: a flag wins over its variable.
    ///
    /// # Errors
    ///
    /// Every malformed or contradictory setting.
    pub fn settings(&self) -> Result<Settings, Unusable> {
        Settings::read(|variable| self.flags.value_of(variable))
    }

    /// Runs the command.
    pub async fn run(self, settings: Result<Settings, Unusable>) -> ExitCode {
        let language = Language::chosen(self.lang);
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve(settings).await,
            Command::Call { confirm, tool, json } => {
                call::run(settings, &tool, &json, confirm).await
            }
            Command::Check => check::run(settings, language).await,
            #[cfg(feature = "sandbox")]
            Command::Demo { card } => demo::run(language, card.as_deref()).await,
            #[cfg(feature = "setup")]
            Command::Setup(arguments) => setup::run(&arguments, &self.flags, language).await,
            Command::History(arguments) => history::run(settings, &arguments),
            Command::Schema { out } => schemas::run(out.as_deref()),
        }
    }
}

/// What a person is told who starts the server by hand.
const AT_A_TERMINAL: &str = "\
Serving MCP on standard input and output, which MCP clients do; Ctrl-D ends it. To try it by hand:
  bitrix24-crm-mcp demo
  bitrix24-crm-mcp --sandbox call find_crm_items '{\"entityTypeId\":2,\"query\":\"service\"}'
";

/// The tools, whose calls they serve, and what has to live as long as they do.
struct Setup {
    registry: Registry,
    account: Result<Account, Box<Failure>>,
    call_timeout: Duration,
    _sandbox: Option<Sandbox>,
}

impl Setup {
    async fn new(settings: Result<Settings, Unusable>) -> Self {
        let settings = match settings {
            Ok(settings) => settings,
            Err(unusable) => return Self::without_portal(unusable.failure(), unusable.selection),
        };
        let (sign_in, sandbox) = match &settings.portal {
            PortalChoice::Missing => {
                return Self::without_portal(config::no_portal(), settings.selection);
            }
            PortalChoice::Real(sign_in) => (sign_in.clone(), None),
            PortalChoice::Sandbox => match embedded_portal().await {
                Ok((sandbox, sign_in)) => (sign_in, Some(sandbox)),
                Err(failure) => return Self::without_portal(*failure, settings.selection),
            },
        };
        let endpoint = Arc::new(Endpoint::new(settings.connection()));
        let policy = settings.write_policy();
        let account = Account::new(endpoint, sign_in, settings.files);
        Self {
            registry: Registry::new(settings.selection).with_policy(&policy),
            account: Ok(account.with_journal(settings.journal).with_policy(policy)),
            call_timeout: settings.timeouts.call,
            _sandbox: sandbox,
        }
    }

    fn without_portal(failure: Failure, selection: ToolSelection) -> Self {
        Self {
            registry: Registry::new(selection),
            account: Err(Box::new(failure)),
            call_timeout: Timeouts::STANDARD.call,
            _sandbox: None,
        }
    }
}

#[cfg(feature = "sandbox")]
async fn embedded_portal() -> Result<(Sandbox, SignIn), Box<Failure>> {
    let failed = |reason: String| Box::new(sandbox_failure(&reason));
    let sandbox = Sandbox::start().await.map_err(|error| failed(error.to_string()))?;
    let sign_in =
        SignIn::webhook(&sandbox.webhook_url()).map_err(|error| failed(error.to_string()))?;
    Ok((sandbox, sign_in))
}

/// A build without the feature `sandbox` has no embedded portal.
#[cfg(not(feature = "sandbox"))]
enum Sandbox {}

#[cfg(not(feature = "sandbox"))]
async fn embedded_portal() -> Result<(Sandbox, SignIn), Box<Failure>> {
    Err(Box::new(sandbox_failure("this build has none")))
}

fn sandbox_failure(reason: &str) -> Failure {
    Failure {
        message: format!("the embedded portal cannot be started: {reason}"),
        hint: format!("a person has to unset `{SANDBOX}`"),
        ..config::no_portal()
    }
}

async fn serve(settings: Result<Settings, Unusable>) -> ExitCode {
    let setup = Setup::new(settings).await;
    if io::stdin().is_terminal() {
        let _ = io::stderr().lock().write_all(AT_A_TERMINAL.as_bytes());
    }
    let (input, output) = server::standard_streams();
    let (lines, stop) = StdioTransport::new(input, output, setup.call_timeout);
    tokio::spawn(async move {
        ended_by_signal().await;
        stop.stop();
    });
    match Box::pin(server::serve(setup.registry, setup.account, lines)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            tracing::error!("{message}");
            ExitCode::FAILURE
        }
    }
}

async fn ended_by_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What the journal calls this program where it is its own client.
fn client_name() -> ClientName {
    let [name, version] = [env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")].map(str::to_owned);
    ClientName { name, version }
}

/// The exit code of a command that was used as it should be.
fn exit_code(is_success: bool) -> ExitCode {
    if is_success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn wrong_call(message: &str) -> ExitCode {
    complain(&format!("error: {message}\n"))
}

fn wrong_usage(failure: &Failure) -> ExitCode {
    let problems: String = match failure.problems.as_slice() {
        [] | [_] => String::new(),
        several => {
            let lines = several.iter().map(|it| format!("  `{}` {}", it.path, it.message));
            lines.collect::<Vec<_>>().join("\n") + "\n"
        }
    };
    complain(&format!("error: {}\n{problems}hint: {}\n", failure.message, failure.hint))
}

fn complain(text: &str) -> ExitCode {
    let _ = io::stderr().lock().write_all(text.as_bytes());
    ExitCode::from(2)
}

/// Prints JSON: indented for a person at a terminal, on one line for a program.
fn print_json(json: &serde_json::Value) {
    if io::stdout().is_terminal() {
        print(&format!("{json:#}"));
    } else {
        print(&json.to_string());
    }
}

/// Prints a line; a closed pipe is not an error.
fn print(text: &str) {
    let mut output = io::stdout().lock();
    let _ = writeln!(output, "{text}");
    let _ = output.flush();
}
