//! Names beside codes: what people call the stages, users, companies and options in an answer, and
//! the titles of its custom fields.
//!
//! One form in all tools: `names` holds the codes of each field with their names, once for the
//! whole answer, and `titles` the titles. Beside each code a name would be repeated: in `before`,
//! in `item`, in every row of a list.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    context::Context,
    render::{MAX_ANSWER, length, make_visible},
};
use crate::crm::{EntityType, Naming, text};

/// How long an answer that reads waits for names.
const PATIENCE: Duration = Duration::from_secs(3);
/// A longer name is cut: it is a help to recognize something.
const LONGEST: usize = 80;

/// The names of an answer's codes and fields.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: Map<String, Value>,
    titles: Map<String, Value>,
}

impl Names {
    /// The names of what these fields hold, asked for where they are not known.
    pub(super) async fn asked<'a>(
        context: Context<'_>,
        entity: EntityType,
        naming: Naming,
        fields: impl Iterator<Item = (&'a str, &'a Value)> + Clone,
    ) -> Self {
        let metadata = context.metadata;
        let types = context.call.types;
        let questions = metadata.open_questions(entity, naming, types, fields.clone());
        metadata.learn_within(PATIENCE, questions, &context.call.deadline).await;
        Self::known(context, entity, naming, fields)
    }

    /// The names of what these fields hold, as far as they are known.
    pub(super) fn known<'a>(
        context: Context<'_>,
        entity: EntityType,
        naming: Naming,
        fields: impl Iterator<Item = (&'a str, &'a Value)>,
    ) -> Self {
        let mut known = Self::default();
        for (field, value) in fields {
            let found = context.metadata.field_names(entity, naming, field, value);
            if let Some(title) = found.title {
                known
                    .titles
                    .entry(field)
                    .or_insert_with(|| text::beginning(&title, LONGEST).into());
            }
            if found.names.is_empty() {
                continue;
            }
            let of_field = known.names.entry(field).or_insert_with(|| Map::new().into());
            if let Some(of_field) = of_field.as_object_mut() {
                of_field.extend(
                    found
                        .names
                        .into_iter()
                        .map(|(code, name)| (code, text::beginning(&name, LONGEST).into())),
                );
            }
        }
        known
    }

    /// The same with the fields' names in another spelling.
    pub(super) fn spelt(self, spelling: impl Fn(&str) -> String) -> Self {
        let spelt = |entries: Map<String, Value>| {
            entries.into_iter().map(|(name, value)| (spelling(&name), value)).collect()
        };
        Self { names: spelt(self.names), titles: spelt(self.titles) }
    }

    /// How many characters they may take beside an answer that is too long.
    pub(super) fn room(&self) -> usize {
        const MOST: usize = 2_000;
        let entries = self.names.iter().chain(&self.titles);
        entries.map(|(name, value)| name.len() + length(value)).sum::<usize>().min(MOST)
    }

    /// Those of some fields.
    pub(super) fn of_fields(mut self, is_shown: impl Fn(&str) -> bool) -> Self {
        self.names.retain(|field, _| is_shown(field));
        self.titles.retain(|field, _| is_shown(field));
        self
    }

    /// The names of codes alone, by field.
    pub(super) fn of_codes(self) -> Map<String, Value> {
        self.names
    }

    /// Adds them to an answer, as far as it has room.
    pub(super) fn add_to(self, answer: &mut Value) {
        let mut room = MAX_ANSWER.saturating_sub(length(answer));
        for (part, entries) in [("names", self.names), ("titles", self.titles)] {
            let mut added = Value::Object(
                entries
                    .into_iter()
                    .take_while(|(name, value)| {
                        let needed = name.chars().count() + length(value) + 4;
                        let has_room = needed <= room;
                        room = room.saturating_sub(needed);
                        has_room
                    })
                    .collect(),
            );
            make_visible(&mut added);
            if let (Value::Object(answer), Value::Object(entries)) = (&mut *answer, &added)
                && !entries.is_empty()
            {
                answer.insert(part.to_owned(), added);
            }
        }
    }
}
