//! Reads the names that were typed for codes, and checks uncertain codes against those that the
//! portal has.

use serde_json::Value;

use super::{
    intent::{Intended, IntendedField, Intent},
    lists,
    lookups::{Lookups, Meant, UncheckedCode},
    stages,
};
use crate::{
    crm::{EntityType, Item, Kind, kind, stage, text},
    error::Problem,
    metadata::{CUT_DIRECTORIES, has_name},
};

/// How a typed stage is looked up.
type StageName = fn(&Intent, &IntendedField, &Value, Option<&Item>) -> Option<UncheckedCode>;

/// Replaces each name that exactly one choice has by its code, with a note. A pipeline comes first:
/// stages are looked up in it.
pub(super) fn read_names(intent: &mut Intent, item: Option<&Item>, lookups: &Lookups) {
    for field in intent.fields.iter_mut().chain(&mut intent.expected) {
        let names = field.names();
        let Intended::Name { typed, .. } = &field.value else { continue };
        let codes: Vec<Option<Value>> = names
            .iter()
            .map(|name| lookups.code_of(name)?.parse::<i64>().ok().map(Value::from))
            .collect();
        let mut codes = codes.into_iter();
        let mut read = |value: &Value| match kind::whole_number(value) {
            None if value.is_string() => codes.next().flatten(),
            _ => Some(value.clone()),
        };
        let (value, is_one) = match typed {
            Value::Array(values) => (values.iter().map(read).collect::<Option<Value>>(), false),
            one => (read(one), true),
        };
        let encoded = value.and_then(|value| field.shape.encode(&value).ok());
        let Some(encoded) = encoded else { continue };
        let ids = kind::ids(&encoded.wire);
        let what = match (field.shape.kind, ids.len()) {
            (Kind::Category, _) => "pipeline",
            (_, 1) => "user",
            _ => "users",
        };
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let ids = if ids.is_empty() { "0".to_owned() } else { ids.join(", ") };
        field.notes.push(format!("`{}` was read as {what} {ids}", field.path));
        field.value = Intended::Value { wire: encoded.wire, is_one_for_a_list: is_one };
    }
    let read = |field: &IntendedField, stage: StageName| {
        let Intended::Value { wire, .. } = &field.value else { return None };
        let names = match field.shape.kind {
            Kind::Stage => stage(intent, field, wire, item).into_iter().collect(),
            Kind::Status => lists::new_codes(field, wire, item),
            _ => return None,
        };
        let codes = names.iter().filter_map(|name| Some((&name.typed, lookups.code_of(name)?)));
        let codes: Vec<_> = codes.collect();
        let code = |value: &Value| {
            let typed = value.as_str()?;
            codes.iter().find(|(name, _)| *name == typed).map(|(_, code)| code.clone())
        };
        let read = |value: &Value| code(value).map_or_else(|| value.clone(), Value::from);
        let read = match wire {
            Value::Array(values) => values.iter().map(read).collect(),
            one => read(one),
        };
        let notes: Vec<String> = codes
            .iter()
            .map(|(_, code)| format!("`{}` was read as {}", field.path, text::code(code)))
            .collect();
        Some((read, notes))
    };
    let of_fields = intent.fields.iter().map(|field| read(field, stages::asked_name));
    let of_fields: Vec<_> = of_fields.collect();
    let of_expected = intent.expected.iter().map(|field| read(field, stages::expected_name));
    let of_expected: Vec<_> = of_expected.collect();
    let fields = intent.fields.iter_mut().zip(of_fields);
    for (field, read) in fields.chain(intent.expected.iter_mut().zip(of_expected)) {
        if let (Intended::Value { wire, .. }, Some((read, notes))) = (&mut field.value, read) {
            *wire = read;
            field.notes.extend(notes);
        }
    }
}

/// Adds the portal's codes to problems with them. An uncertain code becomes a problem when the
/// portal does not have it, and is accepted when it does. Where the codes could not be fetched, the
/// problems stay as they are.
pub(super) fn check(
    entity: EntityType,
    all: &[UncheckedCode],
    lookups: &Lookups,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<String>,
) {
    let mut is_unread = false;
    for code in all {
        let UncheckedCode { path, typed, meant } = code;
        let choices = match lookups.choices(code) {
            Ok(choices) => choices,
            Err(error) => {
                if !std::mem::replace(&mut is_unread, true) {
                    notes.push(format!("codes were not checked: {error}"));
                }
                continue;
            }
        };
        if choices.iter().any(|(code, _)| code == typed) {
            // Codes may have forms that this program does not know.
            problems.retain(|problem| problem.path != *path);
            continue;
        }
        let is_in_a_directory = matches!(meant, Meant::Stage(_) | Meant::Entry(_));
        if is_in_a_directory && lookups.codes.are_cut() {
            notes.push(format!("`{path}` was not checked: {CUT_DIRECTORIES}"));
            continue;
        }
        if choices.is_empty() {
            continue;
        }
        let (what, which) = match meant {
            Meant::Pipeline => ("the id or the name of a pipeline", "pipelines"),
            Meant::Stage(_) => ("the code or the name of a stage", "stages"),
            Meant::Entry(_) => ("the code or the name of an allowed value", "values"),
            Meant::Person => ("the id, name or e-mail of an active user", "users"),
        };
        if !problems.iter().any(|problem| problem.path == *path) {
            problems.push(Problem::new(path, String::new()));
        }
        let Some(problem) = problems.iter_mut().find(|problem| problem.path == *path) else {
            continue;
        };
        problem.depends_on_metadata = true;
        let (same, others): (Vec<_>, Vec<_>) =
            choices.into_iter().partition(|(_, name)| has_name(typed, name));
        if same.len() > 1 {
            let count = same.len();
            problem.message = format!(
                "is the name of {count} {which}; send the code of the one that is meant (`options`)"
            );
            *problem = problem.clone().among(same);
            continue;
        }
        let whose = match meant {
            Meant::Stage(pipeline) if stage::has_pipelines(entity) => {
                format!("the stages of pipeline {pipeline}")
            }
            Meant::Person => "similar ones".to_owned(),
            _ => "the allowed values".to_owned(),
        };
        let is_refused_as_a_code = !problem.message.is_empty()
            && matches!(meant, Meant::Stage(_))
            && !stages::looks_like_a_name(typed);
        if !is_refused_as_a_code {
            problem.message = format!("is not {what}");
            problem.did_you_mean = None;
        }
        problem.message = format!("{}; `options` lists {whose}", problem.message);
        *problem = problem.clone().among(same.into_iter().chain(others).collect());
    }
}
