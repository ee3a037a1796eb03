//! Everything about one field; with queries, of what it can hold.

use serde_json::{Value, json};

use super::{choices::ChoiceGroup, description::Description, people};
use crate::{
    crm::{
        Kind,
        likeness::{Likeness, words},
    },
    error::{Failure, Problem},
    metadata::Unresolved,
    tools::render::narrowed,
};

/// A description, and whether the queries were found in it.
pub(super) struct Described {
    pub(super) answer: Value,
    pub(super) is_found: bool,
}

impl Description<'_> {
    pub(super) async fn one_field(
        mut self,
        typed: &str,
        queries: &[String],
    ) -> Result<Described, Failure> {
        let name = self.named(typed).map_err(Failure::refused_argument)?;
        let kind = self.fields().describe(name.clone()).shape.kind;
        if kind == Kind::Currency {
            self.fetch_currencies().await;
        }
        let mut notes = std::mem::take(&mut self.notes);
        let mut is_found = queries.is_empty();
        let mut people = Vec::new();
        if matches!(kind, Kind::User | Kind::Users) {
            (people, is_found) = self.people(queries, &mut notes).await;
        }
        let rows = self.rows();
        let Some(row) = rows.iter().find(|row| row.name == name) else {
            let problem = match self.fields().resolve(typed, "field") {
                Err(Unresolved::Unknown(problem) | Unresolved::Ambiguous(problem)) => problem,
                Ok(_) => Problem::unknown_field(
                    "field",
                    format!("is not in the portal's field list of {}", self.entity),
                ),
            };
            return Err(Failure::refused_argument(problem));
        };
        let asked: Vec<Vec<String>> = queries.iter().map(|query| words(query)).collect();
        let choices = match asked.as_slice() {
            [] => row.choices.clone(),
            asked => row.choices.matching(asked, Likeness::Near).0,
        };
        let mut answer = json!({"ok": true, "entityTypeId": self.entity.id()});
        if let Some(answer) = answer.as_object_mut() {
            answer.extend(row.in_full(&choices));
            if !people.is_empty() {
                answer.insert("people".to_owned(), people.into());
            }
            answer.insert("notes".to_owned(), notes.into());
        }
        let part = match choices.groups() {
            [ChoiceGroup { pipeline: None, .. }] => "choices",
            _ => "pipelines",
        };
        is_found |= choices.len() > 0;
        let answer = narrowed(answer, part, "find the choice with `query`");
        Ok(Described { answer, is_found })
    }

    /// The people whom any of the queries finds, or people to choose from; and whether somebody was
    /// found.
    async fn people(&self, queries: &[String], notes: &mut Vec<String>) -> (Vec<Value>, bool) {
        if queries.is_empty() {
            return (people::find(self.context, "", notes).await, true);
        }
        let mut found = Vec::new();
        let mut not_found = Vec::new();
        for query in queries {
            let notes_before = notes.len();
            let people = people::find(self.context, query, notes).await;
            if people.is_empty() && notes.len() == notes_before {
                not_found.push(format!("nobody matches `{query}`"));
            }
            found.extend(people.into_iter().filter(|it| !found.contains(it)).collect::<Vec<_>>());
        }
        let is_somebody = !found.is_empty();
        if !is_somebody && !not_found.is_empty() {
            found = people::find(self.context, "", notes).await;
            if let (Some(last), false) = (not_found.last_mut(), found.is_empty()) {
                last.push_str("; these are people of the portal");
            }
        }
        notes.append(&mut not_found);
        (found, is_somebody)
    }
}
