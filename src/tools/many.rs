//! What a change of many items answers, also one that puts another back: counts, exceptions by equal
//! reason, and no more than an assistant needs, whatever the input.

mod bounded;

use serde_json::{Map, Value, json};

use crate::{
    change::{Group, ManyOutcome, ManyRequest, Preview, Report, Sample, Stopped, Tally, Which},
    crm::text,
    error::{Code, Failure, Retry, Written},
};

use super::{
    card,
    context::Context,
    days::Days,
    names::Names,
    render::{Answer, cut_texts, failed_with, length},
    selection::Effect,
};
use bounded::{MAX_ANSWER, bounded};

/// Texts in samples are cut to so many characters: they show what kind of change it is.
const MAX_TEXT: usize = 80;

/// The words of an answer: a change is put back in others.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    /// The status of a success, and the count of what was written.
    pub written: &'static str,
    /// Where items are told that cannot be written.
    pub failed: &'static str,
    /// Where items are told that are not what was expected.
    pub conflicts: &'static str,
    /// The same in a sentence: 12 of 40 items were …
    pub done: &'static str,
}

impl Words {
    /// Those of a change.
    pub const CHANGED: Self =
        Self { written: "updated", failed: "failed", conflicts: "conflicts", done: "changed" };
    /// Those of a change that is put back.
    pub const PUT_BACK: Self =
        Self { written: "restored", failed: "cannot", conflicts: "kept", done: "put back" };

    const fn of(request: &ManyRequest) -> Self {
        match request.which {
            Which::Recorded(_) => Self::PUT_BACK,
            Which::Ids(_) | Which::Filter(_) | Which::Rows(_) => Self::CHANGED,
        }
    }
}

/// The answer of a change of many items.
pub(super) async fn answer(
    context: Context<'_>,
    request: &ManyRequest,
    outcome: ManyOutcome,
) -> Answer {
    match outcome {
        ManyOutcome::Shown(preview) => shown(context, request, *preview).await,
        ManyOutcome::Done(report) => done(context, request, *report).await,
    }
}

/// The answer of a call that has written nothing: what would change.
async fn shown(context: Context<'_>, request: &ManyRequest, preview: Preview) -> Answer {
    let Preview { count, to_change, tally, samples, minutes, confirm, conflict, notes } = preview;
    let words = Words::of(request);
    let is_possible = to_change > 0 || tally.is_clean();
    let status = match &conflict {
        Some(_) => "conflict",
        None if !is_possible => "not_applied",
        None if request.dry_run => "planned",
        None if to_change == 0 => "unchanged",
        None => "confirm",
    };
    let failure = conflict.or_else(|| (!is_possible).then(|| impossible(count, &words, &tally)));
    let mut answer = started(request, failure.as_ref(), status);
    answer.insert("count".to_owned(), json!(count));
    answer.insert("toChange".to_owned(), json!(to_change));
    answer.insert("unchanged".to_owned(), json!(tally.unchanged));
    let mut names = Names::default();
    if to_change > 0 {
        let values = samples.iter().flat_map(|sample| &sample.changes).flat_map(|change| {
            [&change.before, &change.after].map(|value| (change.field.as_str(), value))
        });
        let days = Days::of(context, request.entity, request.naming, values.clone()).await;
        names = Names::asked(context, request.entity, request.naming, values).await;
        let samples: Vec<Value> =
            samples.into_iter().map(|sample| sample_of(sample, &days)).collect();
        answer.insert("samples".to_owned(), samples.into());
        let effects = "the portal may notify people and run automation for each item";
        answer.insert("effects".to_owned(), json!([effects]));
        answer.insert("minutes".to_owned(), json!(minutes));
    }
    if let Some(confirm) = confirm {
        answer.insert("confirm".to_owned(), confirm.into());
    }
    let mut notes = notes;
    if count == 0 {
        notes.push("no item matches `filter`".to_owned());
    }
    if status == "confirm" {
        let next =
            "nothing was written: show this to the user, then repeat the call with `confirm`";
        notes.insert(0, next.to_owned());
    }
    let answer = bounded(&answer, &exceptions("cannot", words.conflicts, &tally), &[], notes);
    let answer = with_names(answer, names);
    card::show_items(context, request, &tally).await;
    finished(failure, answer)
}

/// The answer of a call that has written.
async fn done(context: Context<'_>, request: &ManyRequest, report: Report) -> Answer {
    let Report { count, tally, left, stopped, next, notes } = report;
    card::show_items(context, request, &tally).await;
    let words = Words::of(request);
    let failure = failure_of(count, &words, &tally, left, stopped.as_ref(), next.is_some());
    let is_paused = left > 0 && failure.is_none();
    let status = match &failure {
        Some(_) if tally.updated > 0 || !tally.unknown.is_empty() => "partial",
        Some(_) => "not_applied",
        None if is_paused => "paused",
        None if tally.updated > 0 => words.written,
        None => "unchanged",
    };
    let mut answer = started(request, failure.as_ref(), status);
    answer.insert("count".to_owned(), json!(count));
    answer.insert(words.written.to_owned(), json!(tally.updated));
    answer.insert("unchanged".to_owned(), json!(tally.unchanged));
    if left > 0 {
        answer.insert("left".to_owned(), json!(left));
    }
    if is_paused {
        let seconds = match stopped {
            Some(Stopped::OperationTime(seconds) | Stopped::Time { seconds }) => seconds,
            _ => 0,
        };
        answer.insert("retryAfterSeconds".to_owned(), json!(seconds));
    }
    if let Some(next) = next {
        answer.insert("next".to_owned(), json!({"confirm": next}));
    }
    let mut notes = notes;
    if is_paused {
        let go_on = "to go on, repeat the call with `next.confirm` as `confirm`";
        notes.insert(
            0,
            match places(words.failed, words.conflicts, &tally).as_str() {
                "" => go_on.to_owned(),
                told => format!(
                    "{go_on}; keep {told} in mind: the next answer tells of its own items alone"
                ),
            },
        );
    }
    let exceptions = exceptions(words.failed, words.conflicts, &tally);
    let answer = bounded(&answer, &exceptions, &tally.unknown, notes);
    finished(failure, answer)
}

/// A failure of the whole call, as short as other answers are.
pub(super) fn short(mut failure: Failure) -> Failure {
    /// Longer texts are cut.
    const LONGEST: usize = 200;
    let cut = |text: &mut String| *text = text::beginning(text, LONGEST);
    cut(&mut failure.message);
    for problem in &mut failure.problems {
        cut(&mut problem.path);
        cut(&mut problem.message);
        problem.did_you_mean.iter_mut().for_each(cut);
    }
    while length(&failure.to_json()) > MAX_ANSWER - LONGEST {
        // Options first: they are a help, and a problem says where to look.
        match failure.problems.iter().rposition(|problem| problem.data.is_some()) {
            Some(at) if at > 0 => {
                failure.problems.get_mut(at).iter_mut().for_each(|problem| problem.data = None);
            }
            _ if failure.problems.pop().is_some() => {}
            _ => break,
        }
    }
    failure
}

fn started(request: &ManyRequest, failure: Option<&Failure>, status: &str) -> Map<String, Value> {
    let mut answer = Map::from_iter([
        ("ok".to_owned(), json!(failure.is_none())),
        ("status".to_owned(), json!(status)),
        ("entityTypeId".to_owned(), json!(request.entity.id())),
    ]);
    if let Some(failure) = failure {
        answer.insert("error".to_owned(), failure.to_json());
    }
    answer
}

fn finished(failure: Option<Failure>, json: Value) -> Answer {
    match failure {
        Some(failure) => failed_with(&failure, Effect::Write, json),
        None => Answer::Success(json),
    }
}

/// The error when not one item could be changed.
fn impossible(count: usize, words: &Words, tally: &Tally) -> Failure {
    let message = if tally.failed.is_empty() && *words == Words::PUT_BACK {
        format!("none of the {count} items holds what the change left")
    } else if tally.failed.is_empty() {
        format!("none of the {count} items has the expected values")
    } else {
        format!("none of the {count} items can be changed")
    };
    let reasons = places("cannot", words.conflicts, tally);
    let hint = format!("see {reasons} for the reasons; correct the arguments, or tell the user");
    Failure::new(only_code(tally).unwrap_or(Code::NotApplied), Retry::AfterFix, message, hint)
}

/// The error when something was not written as it was asked for; a pause is none.
fn failure_of(
    count: usize,
    words: &Words,
    tally: &Tally,
    left: usize,
    stopped: Option<&Stopped>,
    can_go_on: bool,
) -> Option<Failure> {
    let is_written = if tally.updated > 0 { Written::Yes } else { Written::No };
    let go_on = if can_go_on { "; `next.confirm` goes on where this call stopped" } else { "" };
    match stopped {
        Some(Stopped::Lost(lost)) => {
            let message = format!(
                "the portal gave no answer in time: {} of {count} items were {}, and of {} it is not known",
                tally.updated,
                words.done,
                tally.unknown.len()
            );
            let look = if can_go_on { ", and looks at them first" } else { "" };
            let hint = format!("wait a minute{go_on}{look}");
            let code = if tally.updated > 0 { Code::PartlyApplied } else { lost.code };
            let failure = Failure::new(code, Retry::Later, message, hint);
            let seconds = Some(60);
            let portal = lost.portal.clone();
            Some(Failure {
                written: Written::Unknown,
                retry_after_seconds: seconds,
                portal,
                ..failure
            })
        }
        Some(Stopped::Failed(failed)) => {
            let message = format!("{}; {left} of {count} items are left", failed.message);
            let hint = format!("{}{go_on}", failed.hint);
            Some(Failure { written: is_written, message, hint, ..(**failed).clone() })
        }
        Some(Stopped::Time { .. } | Stopped::OperationTime(_) | Stopped::Cancelled) => None,
        None if tally.is_clean() => None,
        None => {
            let code = match only_code(tally) {
                Some(code) if tally.updated == 0 => code,
                _ if tally.updated == 0 => Code::NotApplied,
                _ => Code::PartlyApplied,
            };
            let had = match tally.unchanged {
                0 => String::new(),
                unchanged => format!(", {unchanged} had the values already"),
            };
            let were = if tally.updated == 1 { "was" } else { "were" };
            let in_part = match tally.partly() {
                0 => String::new(),
                items => format!(", {items} of them in part"),
            };
            let message =
                format!("{} of {count} items {were} {}{in_part}{had}", tally.updated, words.done);
            let only_a_person_helps = tally.conflicts.is_empty()
                && tally.failed.iter().all(|group| {
                    let code = group.reason.code;
                    matches!(
                        code,
                        Code::AccessDenied
                            | Code::PlanRestricted
                            | Code::ChangedByPortal
                            | Code::ItemNotFound
                            | Code::PolicyDenied
                    )
                });
            let reasons = places(words.failed, words.conflicts, tally);
            let (retry, hint) = if *words == Words::PUT_BACK {
                (Retry::No, format!("see {reasons} for what stayed and why, and tell the user"))
            } else if only_a_person_helps {
                (Retry::No, "tell the user which items were not changed, and why".to_owned())
            } else {
                let hint = format!(
                    "see {reasons} for the reasons; change only those items again, if it can help, and \
                     tell the user about the others"
                );
                (Retry::AfterFix, hint)
            };
            let written = if tally.unknown.is_empty() { is_written } else { Written::Unknown };
            Some(Failure { written, ..Failure::new(code, retry, message, hint) })
        }
    }
}

/// The exceptions of an answer, with where they are told. What stays of items that are restored otherwise
/// is told beside those of which nothing is.
fn exceptions<'a>(
    failed: &'a str,
    conflicts: &'a str,
    tally: &Tally,
) -> [(&'a str, Vec<Group>); 2] {
    let with_staying = |groups: &[Group], is_conflict: bool| {
        let is_of = |group: &&Group| (group.reason.code == Code::Conflict) == is_conflict;
        groups.iter().chain(tally.stays.iter().filter(is_of)).cloned().collect()
    };
    [
        (failed, with_staying(&tally.failed, false)),
        (conflicts, with_staying(&tally.conflicts, true)),
    ]
}

/// Where an answer tells of exceptions.
fn places(failed: &str, conflicts: &str, tally: &Tally) -> String {
    let places = exceptions(failed, conflicts, tally);
    let told = places.into_iter().filter(|(_, groups)| !groups.is_empty());
    told.map(|(place, _)| format!("`{place}`")).collect::<Vec<_>>().join(" and ")
}

/// The code of all exceptions, where they have one in common.
fn only_code(tally: &Tally) -> Option<Code> {
    let mut codes = tally.failed.iter().chain(&tally.conflicts).map(|group| group.reason.code);
    let first = codes.next()?;
    codes.all(|code| code == first).then_some(first)
}

fn sample_of(sample: Sample, days: &Days) -> Value {
    /// So many changes of an item are shown.
    const MAX_CHANGES: usize = 5;
    let Sample { id, title, changes } = sample;
    let more = changes.len().saturating_sub(MAX_CHANGES);
    let changes = changes.into_iter().take(MAX_CHANGES).map(|change| days.change(change));
    let changes: Vec<Value> = changes.collect();
    let mut shown = Map::from_iter([("id".to_owned(), json!(id))]);
    shown.extend(title.map(|title| ("title".to_owned(), title.into())));
    shown.insert("changes".to_owned(), changes.into());
    if more > 0 {
        shown.insert("moreChanges".to_owned(), more.into());
    }
    let mut shown = Value::Object(shown);
    cut_texts(&mut shown, MAX_TEXT);
    shown
}

/// The same with names beside codes, where there is room.
fn with_names(answer: Value, names: Names) -> Value {
    let mut with_names = answer.clone();
    names.add_to(&mut with_names);
    if length(&with_names) <= MAX_ANSWER { with_names } else { answer }
}
