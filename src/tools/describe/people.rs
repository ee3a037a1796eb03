//! People: choices of the fields that hold users.

use serde_json::{Map, Value, json};

use crate::{
    metadata::{People, Person},
    portal::{ErrorKind, PortalError},
    tools::context::Context,
};

/// More people than that do not help to identify one.
const MAX_PEOPLE: usize = 20;

/// What to say when a person is no user of the portal.
pub(super) const OUTSIDE: &str =
    "people outside the company are contacts: `find_crm_items` finds them";

/// Whether a query looks like the name or the e-mail of a person: words of letters, each with a
/// capital.
pub(super) fn is_like_a_name(query: &str) -> bool {
    let is_letter = |c: char| c.is_alphabetic() || matches!(c, '-' | '.' | '\'' | '’');
    let is_capital = |word: &str| word.starts_with(char::is_uppercase);
    let is_part =
        |word: &str| word.contains('@') || (is_capital(word) && word.chars().all(is_letter));
    query.split_whitespace().all(is_part)
}

/// People by name, position or e-mail, or just people; why they cannot be found becomes a note.
pub(super) async fn find(context: Context<'_>, query: &str, notes: &mut Vec<String>) -> Vec<Value> {
    match context.metadata.people(query, &context.call.deadline).await {
        Ok(people) => {
            let People { found, seen_of_more } = &*people;
            let rest = found.len().saturating_sub(MAX_PEOPLE);
            if rest > 0 {
                notes.push(match query {
                    "" => "there are more people; find them with `query`".to_owned(),
                    _ => format!("{rest} more people match; make `query` longer"),
                });
            }
            if let (Some(seen), []) = (seen_of_more, found.as_slice()) {
                notes.push(format!(
                    "nobody matches `{query}` among the first {seen} people; the portal has more"
                ));
            }
            // The best come first: if the first is only similar, all are.
            if let Some(nearness) = found.first().and_then(|best| best.nearness(query)) {
                notes.push(format!("nobody is called `{query}`; similar people: {nearness}"));
            }
            found.iter().take(MAX_PEOPLE).map(shown_person).collect()
        }
        Err(PortalError::Refused(refusal)) if refusal.kind() == ErrorKind::ScopeMissing => {
            notes.push(
                "people cannot be looked up: a person has to add the scope `user_basic` to the \
                 webhook"
                    .to_owned(),
            );
            Vec::new()
        }
        Err(error) => {
            notes.push(format!("people could not be looked up: {error}"));
            Vec::new()
        }
    }
}

fn shown_person(person: &Person) -> Value {
    let texts = [("name", &person.name), ("email", &person.email), ("position", &person.position)];
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let id = std::iter::once(("id".to_owned(), json!(person.id)));
    let mut shown: Map<String, Value> =
        id.chain(texts.map(|(key, text)| (key.to_owned(), json!(text)))).collect();
    if !person.is_active {
        shown.insert("inactive".to_owned(), true.into());
    }
    shown.into()
}
