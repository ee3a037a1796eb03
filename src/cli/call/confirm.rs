//! Both steps of a change of many items, or of putting a change back: it is shown, a person is asked, and it is carried out with as
//! many calls as it takes.

use std::{process::ExitCode, time::Duration};

use serde_json::{Map, Value};

use super::{Caller, parts, preview, total::Total};
use crate::{
    cli::{
        exit_code,
        person::Person,
        print_json,
        words::{list, number, so_many, text},
        wrong_call,
    },
    json::Parsed,
    tools::{RawArguments, Tool, UNDO, UPDATE_MANY},
};

/// Shows the change, asks, and carries it out.
pub(super) async fn run(caller: &Caller<'_>, arguments: Parsed, mut person: Person) -> ExitCode {
    if !caller.registry.tools().any(|tool| Tool::name(tool) == caller.tool) {
        return caller.unknown_tool();
    }
    let is_undo = caller.tool == UNDO;
    if caller.tool != UPDATE_MANY && !is_undo {
        return wrong_call(&format!("`--confirm` is for `{UPDATE_MANY}` and `{UNDO}`"));
    }
    let Parsed { value: Value::Object(typed), notes, repeated } = arguments else {
        return wrong_call("with `--confirm` the arguments are a JSON object");
    };
    let is_a_step = |name: &&String| {
        let name = name.replace('_', "").to_lowercase();
        ["confirm", "dryrun"].contains(&name.as_str())
    };
    if let Some(name) = typed.keys().find(is_a_step) {
        let message =
            format!("leave out `{name}`: `--confirm` first shows the change and then asks");
        return wrong_call(&message);
    }
    let change = Change { caller, typed, notes, repeated };
    let mut step = ("dryRun", Value::Bool(true));
    let (is_error, answer) = loop {
        let Some((is_error, answer)) = change.call(&step, 0).await else {
            return caller.unknown_tool();
        };
        if answer.get("toChange").is_some() {
            Person::tell(&preview::of(&answer));
        }
        let (question, next) = match answer.get("confirm").cloned() {
            Some(confirm) => {
                let verb = if is_undo { "Put back" } else { "Change" };
                let items = so_many(number(&answer, "toChange"));
                (format!("{verb} {items}?"), ("confirm", confirm))
            }
            None if would_restore(&answer) => {
                Person::tell(&preview::of_one(&answer));
                ("Put this back?".to_owned(), ("dryRun", Value::Bool(false)))
            }
            None => break (is_error, answer),
        };
        let Some(who_agrees) = person.agrees(question, caller.interrupted).await else {
            Person::tell("Nothing was changed.\n");
            return ExitCode::FAILURE;
        };
        person = who_agrees;
        step = next;
    };
    if !Total::is_account(&answer) {
        print_json(&answer);
        return exit_code(!is_error);
    }
    let total = change.go_on(answer).await;
    print_json(&total.to_json());
    exit_code(total.is_done())
}

/// Whether an answer shows what would be put back in one item.
fn would_restore(answer: &Value) -> bool {
    text(answer, "status") == "planned" && list(answer, "restored").next().is_some()
}

/// What was typed, to be repeated in each call.
struct Change<'a> {
    caller: &'a Caller<'a>,
    typed: Map<String, Value>,
    /// What was noticed when it was read.
    notes: Vec<String>,
    repeated: Vec<String>,
}

impl Change<'_> {
    /// Calls the tool with the argument of this step; earlier calls have done so many items.
    async fn call(&self, (name, value): &(&str, Value), done: usize) -> Option<(bool, Value)> {
        let mut arguments = self.typed.clone();
        arguments.insert((*name).to_owned(), value.clone());
        let (notes, repeated) = (self.notes.clone(), self.repeated.clone());
        let raw = RawArguments { arguments: arguments.into(), notes, repeated };
        self.caller.call(raw, done).await.map(parts)
    }

    /// Goes on after the first answer of the change until all is done, somebody interrupts it, or
    /// nothing comes of it any more.
    async fn go_on(&self, first: Value) -> Total {
        let mut total = Total::default();
        total.add(&first);
        while let Some(confirm) = total.next() {
            if !self.has_waited(total.seconds_to_wait()).await {
                break;
            }
            let step = ("confirm", confirm.into());
            let Some((_, answer)) = self.call(&step, total.decided()).await else { break };
            total.add(&answer);
        }
        total
    }

    /// Waits; false when that was interrupted.
    async fn has_waited(&self, seconds: u64) -> bool {
        if seconds > 0 && !self.caller.interrupted.is_cancelled() {
            Person::tell(&format!("The portal is busy. Going on in {seconds} seconds.\n"));
        }
        tokio::select! {
            biased;
            () = self.caller.interrupted.cancelled() => false,
            () = tokio::time::sleep(Duration::from_secs(seconds)) => true,
        }
    }
}
