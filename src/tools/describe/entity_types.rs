//! The entity types that the portal has, and people, where no entity type is named.

use serde_json::{Map, Value, json};

use super::{
    found::together,
    people::{self, is_like_a_name},
};
use crate::{
    crm::{
        EntityType, Family,
        likeness::{Likeness, likeness, words},
    },
    tools::{context::Context, render::narrowed},
};

/// The entity types, and the people who match the query; for several queries, those of each.
pub(super) async fn described(
    context: Context<'_>,
    queries: &[String],
    mut notes: Vec<String>,
) -> Value {
    let types = known(context, &mut notes).await;
    let mut answer = Map::from_iter([("ok".to_owned(), json!(true))]);
    if queries.len() < 2 {
        let shown: Vec<Value> = types.iter().map(shown).collect();
        answer.insert("entityTypes".to_owned(), shown.into());
        if let Some(query) = queries.first() {
            let people = people::find(context, query, &mut notes).await;
            if people.is_empty() && is_like_a_name(query) {
                notes.push(people::OUTSIDE.to_owned());
            }
            answer.insert("people".to_owned(), people.into());
        }
        answer.insert("notes".to_owned(), notes.into());
        return narrowed(answer.into(), "entityTypes", "narrow with `query`");
    }
    let mut answers = Vec::with_capacity(queries.len());
    for query in queries {
        let mut notes = Vec::new();
        let matching: Vec<Value> =
            types.iter().filter(|it| is_asked_for(query, it)).map(shown).collect();
        let people = match matching.as_slice() {
            [] => people::find(context, query, &mut notes).await,
            _ => Vec::new(),
        };
        if matching.is_empty() && people.is_empty() {
            notes.push(if is_like_a_name(query) {
                format!("no entity type or user matches; {}", people::OUTSIDE)
            } else {
                "no entity type or user matches; call without `query` to see every entity type"
                    .to_owned()
            });
        }
        let mut answer = json!({"query": query, "entityTypes": matching});
        if let Some(answer) = answer.as_object_mut() {
            if !people.is_empty() {
                answer.insert("people".to_owned(), people.into());
            }
            answer.insert("notes".to_owned(), notes.into());
        }
        answers.push(answer);
    }
    together(answer, answers, notes, "entityTypes")
}

/// The entity types that the server works on, with their names.
async fn known(context: Context<'_>, notes: &mut Vec<String>) -> Vec<(EntityType, String)> {
    let mut types: Vec<_> = EntityType::standard().map(|it| (it, it.to_string())).collect();
    match context.metadata.smart_processes(&context.call.deadline).await {
        Ok(smart) => types.extend(smart.iter().map(|it| (it.entity, it.title.clone()))),
        Err(error) => notes.push(format!("the smart processes could not be read: {error}")),
    }
    types.retain(|(entity, _)| context.call.types.contains(*entity));
    types
}

fn is_asked_for(query: &str, (entity, name): &(EntityType, String)) -> bool {
    EntityType::named(query) == Some(*entity) || likeness(&words(query), &[name]) != Likeness::None
}

fn shown((entity, name): &(EntityType, String)) -> Value {
    let mut shown = json!({"entityTypeId": entity.id(), "name": name});
    if let (Some(Family::SmartProcess), Some(shown)) = (entity.family(), shown.as_object_mut()) {
        shown.insert("isSmartProcess".to_owned(), true.into());
    }
    shown
}
