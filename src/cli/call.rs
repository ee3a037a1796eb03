//! `call`: one tool from the command line. With `--confirm` a person is asked between the preview of
//! a change of many items and the change.

mod bar;
mod confirm;
mod preview;
mod total;

use std::{
    io::{self, Read},
    process::ExitCode,
};

use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Setup, complain, print_json, words::text, wrong_call, wrong_usage};
use super::{exit_code, person::Person};
use crate::{
    account::{Account, Client, Progress},
    config::{Settings, Unusable},
    json,
    tools::{Answer, RawArguments, Registry, Tool},
};

/// What a person is told whose call has only shown a change.
const NOT_YET: &str = "\
nothing was changed: `confirm` can only be used in the process that gave it; with `call --confirm` \
you are asked, and the items are changed
";

/// Calls the tool, prints its answer, and tells by the exit code how it went.
pub(super) async fn run(
    settings: Result<Settings, Unusable>,
    tool: &str,
    arguments: &str,
    confirms: bool,
) -> ExitCode {
    let person = if confirms { Person::at_terminal() } else { None };
    if confirms && person.is_none() {
        return wrong_call("`--confirm` asks a person, and there is no terminal to ask at");
    }
    let setup = Setup::new(settings).await;
    let account = match &setup.account {
        Ok(account) => account,
        Err(failure) => return wrong_usage(failure),
    };
    let typed = if arguments == "-" {
        let mut typed = String::new();
        match io::stdin().read_to_string(&mut typed) {
            Ok(_) => typed,
            Err(error) => return wrong_call(&format!("standard input cannot be read: {error}")),
        }
    } else {
        arguments.to_owned()
    };
    let arguments = match json::parse(typed.as_bytes()) {
        Ok(arguments) => arguments,
        Err(error) => return wrong_call(&format!("the arguments cannot be read: {error}")),
    };
    let interrupted = CancellationToken::new();
    let caller = Caller { registry: &setup.registry, account, tool, interrupted: &interrupted };
    let work = async {
        match person {
            Some(person) => confirm::run(&caller, arguments, person).await,
            None => call_once(&caller, arguments).await,
        }
    };
    // The first Ctrl-C ends a call where it can be ended, the second one ends it here.
    let twice = async {
        interrupt().await;
        interrupted.cancel();
        interrupt().await;
    };
    tokio::select! {
        code = work => code,
        () = twice => ExitCode::from(130),
    }
}

async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn call_once(caller: &Caller<'_>, arguments: json::Parsed) -> ExitCode {
    match caller.call(arguments, 0).await {
        None => caller.unknown_tool(),
        Some(answer) => {
            let (is_error, json) = parts(answer);
            print_json(&json);
            if text(&json, "status") == "confirm" {
                complain(NOT_YET);
            }
            exit_code(!is_error)
        }
    }
}

/// Who calls which tool.
struct Caller<'a> {
    registry: &'a Registry,
    account: &'a Account,
    tool: &'a str,
    /// Ends the call.
    interrupted: &'a CancellationToken,
}

impl Caller<'_> {
    /// Calls the tool and shows how far it has come after earlier calls that have done so many items;
    /// `None` when there is no such tool.
    async fn call(&self, arguments: impl Into<RawArguments>, done: usize) -> Option<Answer> {
        let (sender, listener) = watch::channel(Progress::default());
        let client = Client {
            name: Some(super::client_name()),
            cancellation: self.interrupted.clone(),
            progress: Some(sender),
            ..Client::default()
        };
        let call = self.registry.call(Ok(self.account), self.tool, arguments, client);
        let (answer, ()) = tokio::join!(call, bar::follow(listener, done));
        answer
    }

    fn unknown_tool(&self) -> ExitCode {
        let names: Vec<&str> = self.registry.tools().map(Tool::name).collect();
        let names = names.join("`, `");
        wrong_call(&format!("there is no tool `{}`; there are `{names}`", self.tool))
    }
}

fn parts(answer: Answer) -> (bool, Value) {
    match answer {
        Answer::Success(json) => (false, json),
        Answer::Error { json, .. } => (true, json),
    }
}
