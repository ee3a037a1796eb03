//! What assistants can call: the tools, and the one way into them.
//!
//! One file per tool. Nothing here knows MCP: the adapter turns [`Tool`]s and [`Answer`]s into
//! protocol messages, the command line prints them.

mod answer;
mod arguments;
mod schema;
mod update;

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::{
    change::Session,
    failure::{Code, Failure, Retry},
    portal::Scrubber,
};

/// A tool as clients are told of it.
#[derive(Debug)]
pub struct Tool {
    /// The name that calls use.
    pub name: &'static str,
    /// The name that people see.
    pub title: &'static str,
    /// What it does, for the assistant.
    pub description: &'static str,
    /// Words by which clients that load tools on demand find it.
    pub search_hint: &'static str,
    /// Whether it can change anything.
    pub writes: bool,
    /// What calls may hold.
    pub input_schema: Map<String, Value>,
    /// What successes hold.
    pub output_schema: Map<String, Value>,
}

/// What a call brought.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The answer of the contract.
    Success(Value),
    /// The same for a failure, and a sentence for clients that show the text alone.
    Error {
        /// Begins with `Error` and is complete.
        sentence: String,
        /// The answer of the contract.
        json: Value,
    },
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        Self::Error {
            sentence: failure.sentence(),
            json: json!({"ok": false, "error": failure.to_json()}),
        }
    }
}

impl Answer {
    /// How the call ended, for the log.
    fn in_short(&self) -> &str {
        match self {
            Self::Success(json) => json.get("status").and_then(Value::as_str).unwrap_or("done"),
            Self::Error { sentence, .. } => sentence,
        }
    }

    /// The same without the secrets that portals echo.
    fn scrubbed(mut self, scrubber: &Scrubber) -> Self {
        match &mut self {
            Self::Success(json) => scrubber.value(json),
            Self::Error { sentence, json } => {
                if let Cow::Owned(masked) = scrubber.text(sentence) {
                    *sentence = masked;
                }
                scrubber.value(json);
            }
        }
        self
    }
}

/// The tools of one process.
#[derive(Debug)]
pub struct Toolbox {
    tools: Vec<Tool>,
    session: Result<Session, Box<Failure>>,
    read_only: bool,
}

/// Every tool there is.
pub fn all() -> Vec<Tool> {
    vec![update::tool()]
}

impl Toolbox {
    /// Tools for a portal, or for the reason why there is none.
    pub fn new(session: Result<Session, Box<Failure>>, read_only: bool) -> Self {
        Self { tools: all(), session, read_only }
    }

    /// The tools that can be called.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.tools.iter().filter(|tool| !(self.read_only && tool.writes))
    }

    /// Why no portal can be called, if so.
    pub fn configuration_failure(&self) -> Option<&Failure> {
        self.session.as_ref().err().map(Box::as_ref)
    }

    /// Calls a tool; `None` when there is none of that name. `given_up` tells that the client no
    /// longer waits: the call then ends as soon as nothing is half done.
    pub async fn call(
        &self,
        name: &str,
        arguments: Value,
        given_up: watch::Receiver<bool>,
    ) -> Option<Answer> {
        let tool = self.tools.iter().find(|tool| tool.name == name)?;
        if self.read_only && tool.writes {
            return Some(read_only(name).into());
        }
        let session = match &self.session {
            Ok(session) => session,
            Err(failure) => return Some(Failure::clone(failure).into()),
        };
        let budget = session.portal.budget(given_up.clone());
        let answer = update::run(session, tool, arguments, &budget).await;
        let answer = answer.scrubbed(&session.portal.scrubber());
        if *given_up.borrow() {
            tracing::warn!("a call that was given up has ended: {}", answer.in_short());
        }
        Some(answer)
    }
}

fn read_only(name: &str) -> Failure {
    Failure::new(
        Code::ReadOnly,
        Retry::No,
        format!("`{name}` is switched off: this server only reads"),
        "a person has to unset `BITRIX24_READ_ONLY` in the settings to allow changes",
    )
}
