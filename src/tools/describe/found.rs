//! What queries found, as one answer: of one query at its top, of several each under its own.

use serde_json::{Map, Value, json};

use crate::{
    crm::EntityType,
    tools::render::{narrowed, narrowed_together},
};

const HOW: &str = "make `query` longer, or name one `field`";

/// What a query found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) fields: Vec<Value>,
    pub(super) people: Vec<Value>,
    pub(super) notes: Vec<String>,
    /// Whether it found anything as a whole, and not by a part.
    pub(super) is_anything: bool,
}

impl Found {
    /// The answer, with notes on all of it.
    pub(super) fn shown(
        found: Vec<Self>,
        queries: &[String],
        entity: EntityType,
        mut notes: Vec<String>,
    ) -> Value {
        let mut answer = Map::from_iter([
            ("ok".to_owned(), json!(true)),
            ("entityTypeId".to_owned(), json!(entity.id())),
        ]);
        let mut found: Vec<(&String, Self)> = queries.iter().zip(found).collect();
        if let [(_, only)] = found.as_mut_slice() {
            notes.append(&mut only.notes);
            answer.extend(std::mem::take(only).parts());
            answer.insert("notes".to_owned(), notes.into());
            return narrowed(answer.into(), "fields", HOW);
        }
        let answers = found.into_iter().map(|(query, mut found)| {
            let notes = std::mem::take(&mut found.notes);
            let query = std::iter::once(("query".to_owned(), json!(query)));
            let mut answer: Map<String, Value> = query.chain(found.parts()).collect();
            answer.insert("notes".to_owned(), notes.into());
            answer.into()
        });
        together(answer, answers.collect(), notes, "fields")
    }

    fn parts(self) -> impl Iterator<Item = (String, Value)> {
        let people = (!self.people.is_empty()).then(|| ("people".to_owned(), self.people.into()));
        std::iter::once(("fields".to_owned(), self.fields.into())).chain(people)
    }
}

/// One answer for several queries; of each, `part` is shortened where all are too long.
pub(super) fn together(
    mut answer: Map<String, Value>,
    mut answers: Vec<Value>,
    notes: Vec<String>,
    part: &str,
) -> Value {
    narrowed_together(&mut answers, &[part, "people"], HOW);
    for answer in answers.iter_mut().filter_map(Value::as_object_mut) {
        answer.retain(|key, value| key != "notes" || *value != json!([]));
    }
    answer.insert("answers".to_owned(), answers.into());
    answer.insert("notes".to_owned(), notes.into());
    narrowed(answer.into(), "answers", "ask for less at once")
}
