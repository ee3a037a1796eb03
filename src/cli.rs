//! What can be typed, and what each command does with the modules below.

mod check;
#[cfg(feature = "sandbox")]
mod demo;
pub mod log;
mod schemas;

use std::{
    env, io,
    io::{Read, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};

#[cfg(feature = "sandbox")]
use crate::sandbox::Sandbox;
use crate::{
    change::Session,
    config::{self, PortalChoice, Settings, Unusable},
    error::Failure,
    json,
    portal::{GiveUp, Portal, SignIn, Timeouts},
    server::{self, StdioTransport},
    tools::{Answer, Registry, ToolSelection},
};

/// An MCP server that lets AI assistants change items of a Bitrix24 CRM.
///
/// Without a command it serves MCP on standard input and output, which is how MCP clients start it.
/// The portal's webhook is read from the variable `BITRIX24_WEBHOOK_URL`; try `--sandbox` or the
/// command `demo` without one.
#[derive(Debug, Parser)]
#[command(name = "bitrix24-crm-mcp", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve MCP on standard input and output (the default)
    Serve,
    /// Call one tool and print its answer
    ///
    /// The answer is JSON on standard output. Exit code: 0 success, 1 the tool answered an error,
    /// 2 wrong usage or settings.
    Call {
        /// The tool, for instance `update_crm_item`
        tool: String,
        /// The arguments as a JSON object, or `-` to read them from standard input
        json: String,
    },
    /// Try the settings against the portal, a line for each thing that has to be right
    ///
    /// Writes nothing. Exit code: 0 everything is right, 1 something is not.
    Check,
    /// Show an update on an embedded portal; needs no account
    #[cfg(feature = "sandbox")]
    Demo,
    /// Print the schemas of the tools and of each entity type's fields
    Schema {
        /// Write them as files below this folder instead
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// Settings that can be typed; secrets can only come from the environment, because other users of
/// a machine can read a process's arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
#[expect(clippy::doc_markdown, reason = "these comments are the help that clap prints")]
struct Flags {
    /// Use the embedded demo portal [env: BITRIX24_SANDBOX]
    #[arg(long, global = true)]
    sandbox: bool,
    /// Hide and refuse every tool that writes [env: BITRIX24_READ_ONLY]
    #[arg(long, global = true)]
    read_only: bool,
    /// Which tools there are, by default `update,lookup` [env: BITRIX24_TOOLS]
    #[arg(long, global = true, value_name = "GROUPS")]
    tools: Option<String>,
    /// Entity types to work on, such as `deal,contact,1268`, by default all [env: BITRIX24_ENTITY_TYPES]
    #[arg(long, global = true, value_name = "TYPES")]
    entity_types: Option<String>,
    /// Address of the portal, with a token in `BITRIX24_ACCESS_TOKEN` [env: BITRIX24_PORTAL_URL]
    #[arg(long, global = true, value_name = "URL")]
    portal_url: Option<String>,
    /// Where tokens are renewed, by default https://oauth.bitrix.info/oauth/token/ [env: BITRIX24_OAUTH_URL]
    #[arg(long, global = true, value_name = "URL")]
    oauth_url: Option<String>,
    /// Where the newest tokens are kept [env: BITRIX24_TOKEN_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<String>,
    /// PEM file with certificates to trust besides the system's [env: BITRIX24_CA_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    ca_file: Option<String>,
    /// Pace of requests: `standard`, `enterprise` or `BURST/PER_SECOND` [env: BITRIX24_RATE]
    #[arg(long, global = true, value_name = "RATE")]
    rate: Option<String>,
    /// Seconds to wait for a connection, by default 5 [env: BITRIX24_CONNECT_TIMEOUT]
    #[arg(long, global = true, value_name = "SECONDS")]
    connect_timeout: Option<String>,
    /// Seconds to wait for one request, by default 30 [env: BITRIX24_REQUEST_TIMEOUT]
    #[arg(long, global = true, value_name = "SECONDS")]
    request_timeout: Option<String>,
    /// Seconds that a whole call may take, by default 45 [env: BITRIX24_CALL_TIMEOUT]
    #[arg(long, global = true, value_name = "SECONDS")]
    call_timeout: Option<String>,
    /// Folders below which files may be uploaded from, split as `PATH` is [env: BITRIX24_FILES_DIR]
    #[arg(long, global = true, value_name = "DIRS")]
    files_dir: Option<String>,
    /// The largest file to upload in MB, by default 20 [env: BITRIX24_MAX_FILE_MB]
    #[arg(long, global = true, value_name = "MB")]
    max_file_mb: Option<String>,
    /// The most files of one call, by default 20 [env: BITRIX24_MAX_FILES]
    #[arg(long, global = true, value_name = "COUNT")]
    max_files: Option<String>,
    /// The largest size of all files of one call in MB, by default 50 [env: BITRIX24_MAX_FILES_MB]
    #[arg(long, global = true, value_name = "MB")]
    max_files_mb: Option<String>,
    /// What to log to standard error, by default `warn`; a library's `trace`, when named, logs customers' data [env: BITRIX24_LOG]
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
}

impl Flags {
    fn value_of(&self, variable: &str) -> Option<String> {
        let switch = |is_on: bool| is_on.then(|| "1".to_owned());
        match variable {
            config::SANDBOX => switch(self.sandbox),
            config::READ_ONLY => switch(self.read_only),
            config::TOOLS => self.tools.clone(),
            config::ENTITY_TYPES => self.entity_types.clone(),
            config::PORTAL_URL => self.portal_url.clone(),
            config::OAUTH_URL => self.oauth_url.clone(),
            config::TOKEN_FILE => self.token_file.clone(),
            config::CA_FILE => self.ca_file.clone(),
            config::RATE => self.rate.clone(),
            config::CONNECT_TIMEOUT => self.connect_timeout.clone(),
            config::REQUEST_TIMEOUT => self.request_timeout.clone(),
            config::CALL_TIMEOUT => self.call_timeout.clone(),
            config::FILES_DIR => self.files_dir.clone(),
            config::MAX_FILE_MB => self.max_file_mb.clone(),
            config::MAX_FILES => self.max_files.clone(),
            config::MAX_FILES_MB => self.max_files_mb.clone(),
            config::LOG => self.log.clone(),
            _ => None,
        }
    }
}

impl Cli {
    /// The settings of this call: a flag wins over its variable.
    ///
    /// # Errors
    ///
    /// Every malformed or contradictory setting.
    pub fn settings(&self) -> Result<Settings, Unusable> {
        Settings::read(|name| {
            let from_environment = || Some(env::var_os(name)?.to_string_lossy().into_owned());
            self.flags.value_of(name).or_else(from_environment)
        })
    }

    /// Does what was typed.
    pub async fn run(self, settings: Result<Settings, Unusable>) -> ExitCode {
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve(settings).await,
            Command::Call { tool, json } => call(settings, &tool, &json).await,
            Command::Check => check::run(settings).await,
            #[cfg(feature = "sandbox")]
            Command::Demo => demo::run().await,
            Command::Schema { out } => schemas::run(out.as_deref()),
        }
    }
}

/// The tools, and what has to live as long as they do.
struct Setup {
    registry: Registry,
    patience: Duration,
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
        let portal = Portal::new(settings.connection(sign_in));
        Self {
            registry: Registry::new(Ok(Session::new(portal, settings.files)), settings.selection),
            patience: settings.timeouts.call,
            _sandbox: sandbox,
        }
    }

    fn without_portal(failure: Failure, selection: ToolSelection) -> Self {
        Self {
            registry: Registry::new(Err(Box::new(failure)), selection),
            patience: Timeouts::STANDARD.call,
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
        hint: format!("a person has to unset `{}`", config::SANDBOX),
        ..config::no_portal()
    }
}

async fn serve(settings: Result<Settings, Unusable>) -> ExitCode {
    let setup = Setup::new(settings).await;
    let (input, output) = server::standard_streams();
    let (lines, stop) = StdioTransport::new(input, output, setup.patience);
    tokio::spawn(async move {
        ended_by_signal().await;
        stop.stop();
    });
    match Box::pin(server::serve(setup.registry, lines)).await {
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

async fn call(settings: Result<Settings, Unusable>, tool: &str, arguments: &str) -> ExitCode {
    let setup = Setup::new(settings).await;
    if let Some(failure) = setup.registry.configuration_failure() {
        return wrong_usage(failure);
    }
    let text = if arguments == "-" {
        let mut text = String::new();
        match io::stdin().read_to_string(&mut text) {
            Ok(_) => text,
            Err(error) => return wrong_call(&format!("standard input cannot be read: {error}")),
        }
    } else {
        arguments.to_owned()
    };
    let arguments = match json::parse(text.as_bytes()) {
        Ok(arguments) => arguments,
        Err(error) => return wrong_call(&format!("the arguments cannot be read: {error}")),
    };
    let (_never, given_up) = GiveUp::new();
    match setup.registry.call(tool, arguments, given_up).await {
        Some(Answer::Success(json)) => {
            print(&json.to_string());
            ExitCode::SUCCESS
        }
        Some(Answer::Error { json, .. }) => {
            print(&json.to_string());
            ExitCode::FAILURE
        }
        None => {
            let names: Vec<&str> = setup.registry.tools().map(|tool| tool.name).collect();
            wrong_call(&format!("there is no tool `{tool}`; there are `{}`", names.join("`, `")))
        }
    }
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

/// Prints a line; a reader that has gone away is no failure of ours.
fn print(text: &str) {
    let mut output = io::stdout().lock();
    let _ = writeln!(output, "{text}");
    let _ = output.flush();
}
