//! Whether a stage fits the entity type and the item's new or current pipeline.

use serde_json::{Value, json};

use super::{
    intent::{Intended, IntendedField, Intent},
    lookups::{Meant, UncheckedCode},
};
use crate::{
    crm::{Item, Kind, catalog, stage},
    error::Problem,
};

/// The pipeline that a change asks for.
fn asked_pipeline(intent: &Intent) -> Option<i64> {
    intent.fields.iter().find_map(|field| match &field.value {
        Intended::Value { wire, .. } if field.shape.kind == Kind::Category => wire.as_i64(),
        _ => None,
    })
}

/// What is wrong with a stage.
pub(super) fn problem(
    intent: &Intent,
    path: &str,
    wire: &Value,
    item: Option<&Item>,
) -> Option<Problem> {
    let entity = intent.entity;
    let code = wire.as_str().filter(|code| !code.is_empty())?;
    let own = item.and_then(|item| item.pipeline(entity));
    let pipeline = match stage::pipeline(entity, code) {
        Ok(Some(pipeline)) => pipeline,
        Ok(None) => return None,
        Err(wrong) => {
            let meant = own.filter(|_| stage::is_name(code));
            let meant = meant.map(|category| stage::code(entity, category, code));
            return Some(Problem::of(path, wrong).suggest(meant));
        }
    };
    let working_call = json!({"categoryId": pipeline, "stageId": code}).to_string();
    match (asked_pipeline(intent), own) {
        (Some(asked), _) if asked != pipeline => {
            let message = format!(
                "is a stage of pipeline {pipeline}, but `categoryId` requests pipeline {asked}"
            );
            Some(Problem::new(path, message).suggest(Some(working_call)))
        }
        (None, Some(own)) if own != pipeline => {
            let is_movable = catalog::field(entity, "categoryId").is_some();
            let name = code.rsplit(':').next().unwrap_or(code);
            let here = stage::code(entity, own, name);
            let to_move = if is_movable { "; to move the item, send `categoryId` too" } else { "" };
            let message = format!(
                "is a stage of pipeline {pipeline}, but the item is in pipeline {own}, where a stage \
                 of that name would be `{here}`{to_move}"
            );
            Some(Problem::new(path, message).suggest(is_movable.then_some(working_call)))
        }
        _ => None,
    }
}

/// Whether a stage has to be looked up in the portal: it does not fit, it reads like a name, or it
/// is new and will not be verified.
pub(super) fn unchecked_code(
    intent: &Intent,
    field: &IntendedField,
    wire: &Value,
    item: Option<&Item>,
    is_only_planned: bool,
) -> Option<UncheckedCode> {
    let typed = wire.as_str().unwrap_or_default();
    let is_standing =
        item.and_then(|item| item.get(&field.name)).is_some_and(|now| field.shape.same(wire, now));
    let may_be_misreported = (is_only_planned && !is_standing)
        || looks_like_a_name(typed)
        || problem(intent, &field.path, wire, item).is_some();
    may_be_misreported.then(|| {
        let own = item.and_then(|item| item.pipeline(intent.entity));
        let pipeline = asked_pipeline(intent).or(own);
        unchecked(field, typed, pipeline)
    })
}

/// A stage by its name or code, of the pipeline that is asked for or else of the item's own.
pub(super) fn asked_name(
    intent: &Intent,
    field: &IntendedField,
    wire: &Value,
    item: Option<&Item>,
) -> Option<UncheckedCode> {
    let own = item.and_then(|item| item.pipeline(intent.entity));
    Some(unchecked(field, wire.as_str()?, asked_pipeline(intent).or(own)))
}

/// A stage that is expected and reads like a name. The item is still in its own pipeline.
pub(super) fn expected_name(
    intent: &Intent,
    field: &IntendedField,
    wire: &Value,
    item: Option<&Item>,
) -> Option<UncheckedCode> {
    let now = item.and_then(|item| item.get(&field.name));
    let typed = wire.as_str().filter(|typed| looks_like_a_name(typed))?;
    if now.and_then(Value::as_str) == Some(typed) {
        return None;
    }
    let own = item.and_then(|item| item.pipeline(intent.entity));
    Some(unchecked(field, typed, own))
}

fn unchecked(field: &IntendedField, typed: &str, pipeline: Option<i64>) -> UncheckedCode {
    let (path, typed) = (field.path.clone(), typed.to_owned());
    UncheckedCode { path, typed, meant: Meant::Stage(pipeline.unwrap_or(0)) }
}

/// Codes are written in capitals; anything else is probably a name.
pub(super) fn looks_like_a_name(typed: &str) -> bool {
    typed.contains(|c: char| c.is_lowercase() || !c.is_ascii())
}
