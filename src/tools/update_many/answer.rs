//! What a change of many items answers: counts, exceptions by equal reason, and no more than an
//! assistant needs, whatever the input.

use serde_json::{Map, Value, json};

use crate::{
    change::{Group, ManyRequest, Preview, Report, Sample, Stopped, Tally},
    crm::text,
    error::{Code, Failure, Retry, Written},
    tools::{
        context::Context,
        days::Days,
        names::Names,
        render::{Answer, cut_texts, failed_with, length, make_visible},
        selection::Effect,
    },
};

/// An answer has at most so many characters, and the sentence before an error some of them.
const MAX_ANSWER: usize = 3_800;
/// So many ids of exceptions are told, the rest is counted.
const MAX_IDS: usize = 200;
/// Texts in samples are cut to so many characters: they show what kind of change it is.
const MAX_TEXT: usize = 80;

/// The answer of a call that has written nothing: what would change.
pub(super) async fn shown(context: Context<'_>, request: &ManyRequest, preview: Preview) -> Answer {
    let Preview { count, to_change, tally, samples, minutes, confirm, conflict, notes } = preview;
    let is_possible = to_change > 0 || tally.is_clean();
    let status = match &conflict {
        Some(_) => "conflict",
        None if !is_possible => "not_applied",
        None if request.dry_run => "planned",
        None if to_change == 0 => "unchanged",
        None => "confirm",
    };
    let failure = conflict.or_else(|| (!is_possible).then(|| impossible(count, &tally)));
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
    let answer =
        bounded(&answer, &[("cannot", &tally.failed), ("conflicts", &tally.conflicts)], &[], notes);
    let answer = with_names(answer, names);
    finished(failure, answer)
}

/// The answer of a call that has written.
pub(super) fn done(request: &ManyRequest, report: Report) -> Answer {
    let Report { count, tally, left, stopped, next, notes } = report;
    let failure = failure_of(count, &tally, left, stopped.as_ref(), next.is_some());
    let is_paused = left > 0 && failure.is_none();
    let status = match &failure {
        Some(_) if tally.updated > 0 || !tally.unknown.is_empty() => "partial",
        Some(_) => "not_applied",
        None if is_paused => "paused",
        None if tally.updated > 0 => "updated",
        None => "unchanged",
    };
    let mut answer = started(request, failure.as_ref(), status);
    answer.insert("count".to_owned(), json!(count));
    answer.insert("updated".to_owned(), json!(tally.updated));
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
            match places("failed", &tally).as_str() {
                "" => go_on.to_owned(),
                told => format!(
                    "{go_on}; keep {told} in mind: the next answer tells of its own items alone"
                ),
            },
        );
    }
    let exceptions = [("failed", &tally.failed), ("conflicts", &tally.conflicts)];
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
fn impossible(count: usize, tally: &Tally) -> Failure {
    let message = if tally.failed.is_empty() {
        format!("none of the {count} items has the expected values")
    } else {
        format!("none of the {count} items can be changed")
    };
    let reasons = places("cannot", tally);
    let hint = format!("see {reasons} for the reasons; correct the arguments, or tell the user");
    Failure::new(only_code(tally).unwrap_or(Code::NotApplied), Retry::AfterFix, message, hint)
}

/// The error when something was not written as it was asked for; a pause is none.
fn failure_of(
    count: usize,
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
                "the portal gave no answer in time: {} of {count} items were changed, and of {} it is not \
                 known",
                tally.updated,
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
            let message = format!("{} of {count} items {were} changed{had}", tally.updated);
            let only_a_person_helps = tally.conflicts.is_empty()
                && tally.failed.iter().all(|group| {
                    let code = group.reason.code;
                    matches!(
                        code,
                        Code::AccessDenied
                            | Code::PlanRestricted
                            | Code::ChangedByPortal
                            | Code::ItemNotFound
                    )
                });
            let (retry, hint) = if only_a_person_helps {
                (Retry::No, "tell the user which items were not changed, and why".to_owned())
            } else {
                let reasons = places("failed", tally);
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

/// Where an answer tells of exceptions.
fn places(failed: &str, tally: &Tally) -> String {
    let places = [(failed, &tally.failed), ("conflicts", &tally.conflicts)];
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
    let changes = changes.into_iter().take(MAX_CHANGES).map(|change| {
        json!({
            "field": change.field,
            "before": days.shown(&change.field, change.before),
            "after": days.shown(&change.field, change.after),
        })
    });
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

/// The answer with as many ids and reasons of exceptions as it has room for; what is not told is
/// counted.
fn bounded(
    answer: &Map<String, Value>,
    exceptions: &[(&str, &Vec<Group>)],
    unknown: &[u64],
    notes: Vec<String>,
) -> Value {
    const STEPS: [(usize, usize); 7] =
        [(MAX_IDS, 100), (100, 30), (50, 15), (20, 10), (10, 5), (3, 3), (0, 1)];
    let notes = Value::from(notes);
    let mut whole = Value::Null;
    for (ids, groups) in STEPS {
        let mut told = answer.clone();
        let mut left = ids;
        for (name, of_name) in exceptions {
            if !of_name.is_empty() {
                told.insert((*name).to_owned(), groups_of(of_name, groups, &mut left));
            }
        }
        if !unknown.is_empty() {
            let some: Vec<u64> = unknown.iter().copied().take(left).collect();
            if some.len() < unknown.len() {
                told.insert("moreUnknown".to_owned(), json!(unknown.len() - some.len()));
            }
            told.insert("unknown".to_owned(), json!(some));
        }
        told.insert("notes".to_owned(), notes.clone());
        whole = Value::Object(told);
        make_visible(&mut whole);
        if length(&whole) <= MAX_ANSWER {
            return whole;
        }
    }
    // Long texts of notes, problems or samples.
    for longest in [200, 80, 40] {
        for part in ["notes", "samples", "error", "failed", "cannot", "conflicts"] {
            if let Some(part) = whole.get_mut(part) {
                cut_texts(part, longest);
            }
        }
        if length(&whole) <= MAX_ANSWER {
            break;
        }
    }
    whole
}

/// Groups, the largest first, with as many ids as are left to tell.
fn groups_of(groups: &[Group], most: usize, ids_left: &mut usize) -> Value {
    let mut sorted: Vec<&Group> = groups.iter().collect();
    sorted.sort_by_key(|group| std::cmp::Reverse(group.ids.len()));
    let mut told: Vec<Value> = Vec::new();
    for (at, group) in sorted.iter().take(most).enumerate() {
        let ids: Vec<u64> = group.ids.iter().copied().take(*ids_left).collect();
        *ids_left -= ids.len();
        let mut json = Map::from_iter([("count".to_owned(), json!(group.ids.len()))]);
        json.insert("ids".to_owned(), json!(ids));
        if let Ok(Value::Object(reason)) = serde_json::to_value(&group.reason) {
            json.extend(reason);
        }
        // What to choose from instead is told once: it is long.
        if at > 0 {
            json.shift_remove("options");
        }
        told.push(json.into());
    }
    let others: usize = sorted.iter().skip(most).map(|group| group.ids.len()).sum();
    if others > 0 {
        told.push(json!({"count": others, "message": "other reasons"}));
    }
    told.into()
}

/// The same with names beside codes, where there is room.
fn with_names(answer: Value, names: Names) -> Value {
    let mut with_names = answer.clone();
    names.add_to(&mut with_names);
    if length(&with_names) <= MAX_ANSWER { with_names } else { answer }
}
