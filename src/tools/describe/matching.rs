//! What a query finds: fields by their names, their choices and their meaning, and people.

use std::cmp::Reverse;

use serde_json::Value;

use super::{
    choices::Choices,
    description::Description,
    found::Found,
    people::{self, is_like_a_name},
    row::Row,
};
use crate::crm::likeness::{Likeness, unmatched, words};

/// A query, and the fields that it has found.
struct Search<'a> {
    query: &'a str,
    asked: Vec<String>,
    fields: Vec<Value>,
    /// Whether the first is named by the query, and does not only resemble it.
    is_certain: bool,
}

impl<'a> Search<'a> {
    fn new(query: &'a str) -> Self {
        Self { query, asked: words(query), fields: Vec::new(), is_certain: false }
    }

    fn is_open(&self) -> bool {
        self.fields.is_empty()
    }
}

/// A field that a query finds.
struct Hit<'a> {
    row: &'a Row<'a>,
    likeness: Likeness,
    /// Whether the field itself matches, not just a choice.
    is_by_name: bool,
    choices: Choices,
}

impl Description<'_> {
    /// What each query finds.
    pub(super) async fn matching(&mut self, queries: impl Iterator<Item = &String>) -> Vec<Found> {
        let mut searches: Vec<Search<'_>> = queries.map(|query| Search::new(query)).collect();
        self.search(&mut searches).await;
        if searches.iter().any(Search::is_open) {
            self.fetch_currencies().await;
            self.search(&mut searches).await;
        }
        let mut found = Vec::with_capacity(searches.len());
        for search in searches {
            found.push(self.with_people(search).await);
        }
        found
    }

    /// The fields and choices, for those queries that have not found any.
    async fn search(&self, searches: &mut [Search<'_>]) {
        let rows = self.rows();
        for search in searches.iter_mut().filter(|search| search.is_open()) {
            (search.fields, search.is_certain) = shown(&hits(&rows, &search.asked));
            // Other calls wait while a large portal's fields are compared.
            tokio::task::yield_now().await;
        }
    }

    async fn with_people(&self, search: Search<'_>) -> Found {
        let Search { query, asked, fields, is_certain } = search;
        let (mut people, mut notes) = (Vec::new(), Vec::new());
        // What only resembles a field may be somebody's name.
        if fields.is_empty() || (is_like_a_name(query) && !is_certain) {
            people = people::find(self.context, query, &mut notes).await;
        }
        if !fields.is_empty() || !people.is_empty() {
            return Found { fields, people, notes, is_anything: true };
        }
        // Why people could not be found is already said.
        let what =
            if notes.is_empty() { "no field, choice or person" } else { "no field or choice" };
        let fields = partly_matching(&self.rows(), query, &asked);
        notes.push(match fields.is_empty() {
            false => format!("nothing matches all of `{query}`; `fields` lists partial matches"),
            true if is_like_a_name(query) => format!("{what} matches; {}", people::OUTSIDE),
            true => format!(
                "{what} matches; call without `query` to see every field, or with `field` alone to \
                 see its choices"
            ),
        });
        Found { fields, people, notes, is_anything: false }
    }
}

/// The fields that match, those that match best first. Beside a certain match none is shown that
/// merely resembles the query, beside any other none whose meaning alone matches.
fn hits<'a>(rows: &'a [Row<'a>], asked: &[String]) -> Vec<Hit<'a>> {
    let mut hits: Vec<Hit<'_>> = rows.iter().filter_map(|row| hit(row, asked)).collect();
    hits.sort_by_key(|hit| Reverse(hit.likeness));
    let least = match hits.first().map(|best| best.likeness) {
        Some(Likeness::Word) => Likeness::Part,
        Some(Likeness::Part | Likeness::Near) => Likeness::Near,
        _ => Likeness::Meaning,
    };
    hits.retain(|hit| hit.likeness >= least);
    hits
}

fn hit<'a>(row: &'a Row<'a>, asked: &[String]) -> Option<Hit<'a>> {
    let by_name = row.likeness(asked);
    let is_by_name = by_name != Likeness::None;
    if by_name < Likeness::Near && !row.is_bookkeeping() {
        let rest = unmatched(asked, &row.names());
        let (choices, likeness) = row.choices.matching(&[rest], Likeness::Near);
        if likeness != Likeness::None {
            return Some(Hit { row, likeness, is_by_name, choices });
        }
    }
    is_by_name.then(|| Hit { row, likeness: by_name, is_by_name, choices: row.choices.clone() })
}

/// The hits as answers show them, and whether the first is certain. Standard fields that are alike
/// are told apart by what they mean.
fn shown(hits: &[Hit<'_>]) -> (Vec<Value>, bool) {
    let is_alike = |hit: &&Hit<'_>| hit.is_by_name && hit.row.resolved.row.is_some();
    let are_told_apart = hits.iter().filter(is_alike).count() > 1;
    let shown = hits.iter().map(|hit| {
        let is_explained = are_told_apart && hit.is_by_name;
        hit.row.shown(&hit.choices, is_explained)
    });
    let is_certain = hits.first().is_some_and(|best| best.likeness == Likeness::Word);
    (shown.collect(), is_certain)
}

/// What has a word of several that were asked for, as a whole: what merely resembles one is not
/// shown. Of what looks like somebody's name, nothing is shown but fields whose whole name is in it.
fn partly_matching(rows: &[Row<'_>], query: &str, asked: &[String]) -> Vec<Value> {
    const MAX: usize = 10;
    const MIN: usize = 3;
    if asked.len() < 2 {
        return Vec::new();
    }
    let is_long = |word: &&String| word.chars().count() >= MIN;
    let words: Vec<_> = asked.iter().filter(is_long).map(|word| vec![word.clone()]).collect();
    let is_name = is_like_a_name(query);
    let hits = rows.iter().filter_map(|row| {
        let likeness = Likeness::Word;
        let has_any_word = || words.iter().any(|word| row.has_word(word));
        if row.is_named_in(asked) || (!is_name && has_any_word()) {
            return Some(Hit { row, likeness, is_by_name: true, choices: row.choices.clone() });
        }
        let is_searched = !is_name && !row.is_bookkeeping();
        let (choices, best) = is_searched.then(|| row.choices.matching(&words, likeness))?;
        (best == likeness).then_some(Hit { row, likeness, is_by_name: false, choices })
    });
    shown(&hits.take(MAX).collect::<Vec<_>>()).0
}
