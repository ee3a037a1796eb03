//! The users of a portal: found by id, e-mail, name or position, also in other forms and letters.
//!
//! Portals list fifty users at a time and search by beginnings of single names, so a large portal
//! is asked for beginnings of what was typed, in both scripts, before all of its users are read.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Metadata, list, text_of};
use crate::{
    crm::{
        kind,
        likeness::{Likeness, beginnings, likeness, words},
        text,
    },
    portal::{Deadline, ErrorKind, PortalError},
};

/// How many people a portal names at once.
const PAGE: usize = 50;
/// How many pages of people are read at most.
const MAX_PAGES: usize = 20;
/// How many searches by beginnings are made at most.
const MAX_SEARCHES: usize = 6;

/// A user of the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The id that fields hold.
    pub id: i64,
    /// First and last name.
    pub name: String,
    /// The e-mail, where the scope shows it.
    pub email: String,
    /// The position.
    pub position: String,
    /// Whether the user is active.
    pub is_active: bool,
}

/// Those who were found, those who match best first.
#[derive(Debug, Default)]
pub struct People {
    /// The people.
    pub found: Vec<Person>,
    /// How many were searched, when the portal has more than can be read.
    pub seen_of_more: Option<usize>,
}

impl From<Vec<Person>> for People {
    fn from(found: Vec<Person>) -> Self {
        Self { found, seen_of_more: None }
    }
}

impl People {
    /// The one active user who has exactly this name, in either order, or this e-mail.
    pub fn called(&self, typed: &str) -> Option<&Person> {
        let typed = text::folded(typed);
        let is_called = |person: &&Person| {
            let name = text::folded(&person.name);
            let reversed = name.split_once(' ').map(|(first, last)| format!("{last} {first}"));
            let is_name = !name.is_empty() && (name == typed || reversed.as_ref() == Some(&typed));
            person.is_active && (is_name || (text::folded(&person.email) == typed))
        };
        let mut called = self.found.iter().filter(is_called);
        called.next().filter(|_| called.next().is_none())
    }
}

impl Metadata {
    /// People by name, position, e-mail or id; without a query, the first of the portal. Needs the
    /// scope `user_basic`.
    ///
    /// # Errors
    ///
    /// See [`Self::field_list`].
    pub async fn people(
        &self,
        query: &str,
        deadline: &Deadline,
    ) -> Result<Arc<People>, PortalError> {
        let query = query.trim();
        let fetch = async {
            let first = async { self.users("user.get", json!({}), deadline).await };
            let first = match self.first_people.get((), deadline, first).await {
                Err(PortalError::Refused(refusal)) if refusal.kind() != ErrorKind::ScopeMissing => {
                    Arc::default()
                }
                first => first?,
            };
            let known = resembling(&first, query);
            let has_more = first.len() >= PAGE;
            if query.is_empty() || (!has_more && !known.is_empty()) {
                return Ok(known.into());
            }
            let found = self.search_people(query, deadline).await?;
            if !found.is_empty() {
                return Ok(found.into());
            }
            let is_certain = known.first().is_some_and(|best| rank(best, query) == Likeness::Word);
            if is_certain || !has_more || is_exact(query) {
                return Ok(known.into());
            }
            let mut found = self.search_by_beginnings(query, deadline).await?;
            found.extend(known.into_iter().filter(|it| !found.contains(it)).collect::<Vec<_>>());
            if !found.is_empty() {
                return Ok(resembling(&found, query).into());
            }
            let all = self.all_people(deadline).await?;
            Ok(People { found: resembling(&all.found, query), seen_of_more: all.seen_of_more })
        };
        self.people.get(query.to_owned(), deadline, fetch).await
    }

    /// Searches a portal that has more people than a page holds, or people who are not listed.
    async fn search_people(
        &self,
        query: &str,
        deadline: &Deadline,
    ) -> Result<Vec<Person>, PortalError> {
        let filter = match query.parse::<i64>() {
            Ok(id) => json!({"ID": id}),
            Err(_) if query.contains('@') => json!({"EMAIL": query}),
            Err(_) => {
                let found = self.users("user.search", json!({"FIND": query}), deadline).await?;
                // A last name finds the most.
                return match query.rsplit_once(char::is_whitespace) {
                    Some((_, last)) if found.is_empty() => {
                        let found = self.users("user.search", json!({"FIND": last}), deadline);
                        Ok(resembling(&found.await?, query))
                    }
                    // The portal may know more of somebody than it shows.
                    _ => Ok(match resembling(&found, query) {
                        alike if alike.is_empty() => found,
                        alike => alike,
                    }),
                };
            }
        };
        let found = self.users("user.get", filter, deadline).await?;
        Ok(resembling(&found, query))
    }

    /// Asks for the beginnings of the names, in Cyrillic and in Latin letters: the ending may
    /// differ between forms.
    async fn search_by_beginnings(
        &self,
        query: &str,
        deadline: &Deadline,
    ) -> Result<Vec<Person>, PortalError> {
        for beginning in beginnings(query).into_iter().take(MAX_SEARCHES) {
            let found = self.users("user.search", json!({"FIND": beginning}), deadline).await?;
            let found = resembling(&found, query);
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// Everybody, page by page.
    async fn all_people(&self, deadline: &Deadline) -> Result<Arc<People>, PortalError> {
        let fetch = async {
            let mut everybody = People::default();
            let mut start = 0;
            for _ in 0..MAX_PAGES {
                let parameters = Map::from_iter([
                    ("FILTER".to_owned(), json!({})),
                    ("start".to_owned(), json!(start)),
                ]);
                let page = self.portal.fetch("user.get", &parameters, deadline).await?;
                everybody.found.extend(people_in(&page.result));
                match page.next {
                    Some(next) if next > start => start = next,
                    _ => return Ok(everybody),
                }
            }
            everybody.seen_of_more = Some(everybody.found.len());
            Ok(everybody)
        };
        self.all_people.get((), deadline, fetch).await
    }

    async fn users(
        &self,
        method: &str,
        filter: Value,
        deadline: &Deadline,
    ) -> Result<Vec<Person>, PortalError> {
        let parameters = Map::from_iter([("FILTER".to_owned(), filter)]);
        let result = self.ask(method, parameters, deadline).await?;
        Ok(people_in(&result).collect())
    }
}

pub(super) fn people_in(result: &Value) -> impl Iterator<Item = Person> {
    list(Some(result)).filter_map(|user| {
        Some(Person {
            id: kind::whole_number(user.get("ID")?)?,
            name: format!("{} {}", text_of(user, "NAME"), text_of(user, "LAST_NAME"))
                .trim()
                .to_owned(),
            email: text_of(user, "EMAIL"),
            position: text_of(user, "WORK_POSITION"),
            is_active: user.get("ACTIVE").and_then(kind::truth) != Some(false),
        })
    })
}

/// Whether a query names one person by an id or an e-mail, which have no other forms.
fn is_exact(query: &str) -> bool {
    query.parse::<i64>().is_ok() || query.contains('@')
}

/// Those among people whom a query means, the best matches first; without a query those who have
/// not left.
fn resembling(people: &[Person], query: &str) -> Vec<Person> {
    let mut ranked: Vec<(Likeness, &Person)> =
        people.iter().map(|person| (rank(person, query), person)).collect();
    ranked.retain(|(rank, _)| *rank != Likeness::None);
    ranked.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    ranked.into_iter().map(|(_, person)| person.clone()).collect()
}

fn rank(person: &Person, query: &str) -> Likeness {
    let is_meant = match query.parse::<i64>() {
        _ if query.is_empty() => person.is_active,
        Ok(id) => person.id == id,
        Err(_) if query.contains('@') => text::folded(&person.email) == text::folded(query),
        Err(_) => {
            return likeness(&words(query), &[&person.name, &person.position, &person.email]);
        }
    };
    if is_meant { Likeness::Word } else { Likeness::None }
}

impl Person {
    /// How somebody who was found by a query is near and not named by it; `None` when the name is
    /// the one that was asked for.
    pub fn nearness(&self, query: &str) -> Option<&'static str> {
        if query.is_empty() || is_exact(query) {
            return None;
        }
        let texts = [self.name.as_str(), &self.position, &self.email];
        let there: Vec<String> = texts.iter().flat_map(|text| text::words(text)).collect();
        let is_called = |asked: &String| there.iter().any(|word| word.contains(asked));
        if text::words(query).iter().all(is_called) {
            return None;
        }
        match likeness(&words(query), &texts) {
            Likeness::Word => Some("the same name in other letters"),
            _ => Some("another form or spelling of the name"),
        }
    }
}
