//! One field: how well it matches a query, and how it is shown.

use serde_json::{Map, Value, json};

use super::choices::Choices;
use crate::{
    crm::{
        EntityType, Kind,
        catalog::Access,
        field_list::PortalField,
        field_names,
        likeness::{Likeness, likeness, words},
        names,
    },
    metadata::ResolvedField,
};

/// A field with what it can hold.
pub(super) struct Row<'a> {
    pub(super) entity: EntityType,
    pub(super) name: String,
    pub(super) field: &'a PortalField,
    pub(super) resolved: ResolvedField<'a>,
    pub(super) choices: Choices,
}

impl Row<'_> {
    /// What the field is called: on the wire, on this portal, and in either language.
    pub(super) fn names(&self) -> Vec<&str> {
        let own = [self.name.as_str(), &self.field.title];
        own.into_iter().chain(self.spoken().iter().copied()).collect()
    }

    fn spoken(&self) -> &'static [&'static str] {
        self.resolved.row.map_or(&[], |row| field_names::spoken(row.name))
    }

    /// How well the field's names match, or the names that people give it, or what it means.
    pub(super) fn likeness(&self, query: &[String]) -> Likeness {
        let by_title = likeness(query, &[&self.name, &self.field.title]);
        if self.is_bookkeeping() {
            return by_title.min(Likeness::Meaning);
        }
        let by_spoken = self.spoken().iter().map(|name| likeness(query, &[name]));
        let by_name = by_spoken.fold(by_title, Likeness::max);
        let is_slip = names::well_known_slip(&query.concat()) == Some(self.name.as_str());
        let meaning = self.resolved.row.map_or("", |row| row.meaning);
        match likeness(query, &[meaning]) {
            _ if is_slip => Likeness::Word,
            Likeness::None => by_name,
            _ => by_name.max(Likeness::Meaning),
        }
    }

    /// Whether the query holds a whole name of the field among other words.
    pub(super) fn is_named_in(&self, query: &[String]) -> bool {
        let is_held = |name: &str| {
            let name = words(name);
            !name.is_empty() && name.iter().all(|word| query.contains(word))
        };
        !self.is_bookkeeping() && self.names().iter().any(|name| is_held(name))
    }

    /// Whether the word is one of those that the portal names the field by.
    pub(super) fn has_word(&self, word: &[String]) -> bool {
        !self.is_bookkeeping() && likeness(word, &[&self.name, &self.field.title]) == Likeness::Word
    }

    /// What the field holds, in the portal's term where we have none.
    fn kind(&self) -> &str {
        match self.resolved.shape.kind {
            Kind::Any => &self.field.portal_type,
            kind => kind.word(),
        }
    }

    /// Whether it is a bookkeeping field.
    pub(super) fn is_bookkeeping(&self) -> bool {
        self.resolved.row.is_some_and(|row| row.is_bookkeeping)
    }

    /// Whether an update sets the field; some are listed for updates but not set.
    pub(super) fn is_writable(&self) -> bool {
        let access = self.resolved.row.map(|row| row.access);
        self.resolved.is_settable && !matches!(access, Some(Access::Immutable | Access::Computed))
    }

    /// Whether an item has to have a value there. A flag always has one, whatever portals say.
    fn is_required(&self) -> bool {
        self.field.is_required && self.resolved.shape.kind != Kind::YesNo
    }

    /// `stageId: stage, 9 choices · Stage`
    pub(super) fn line(&self) -> String {
        let mut line = format!("{}: {}", self.name, self.kind());
        if self.field.is_multiple && self.resolved.shape.is_multiple {
            line.push_str(", multiple");
        }
        if self.is_required() {
            line.push_str(", required");
        }
        match self.choices.len() {
            0 => {}
            1 => line += ", 1 choice",
            count => line = format!("{line}, {count} choices"),
        }
        if !self.field.title.is_empty() && self.field.title != self.name {
            line.push_str(" · ");
            line.push_str(&self.field.title);
        }
        line
    }

    /// The field in short, with these choices, and with what it means where it needs to be told from
    /// others.
    pub(super) fn shown(&self, choices: &Choices, is_explained: bool) -> Value {
        const MAX_CHOICES: usize = 40;
        let mut shown = self.in_short();
        let first = choices.first(MAX_CHOICES);
        first.show_in(&mut shown);
        // The meaning of a bookkeeping field names the one to use instead.
        if let Some(row) = self.resolved.row.filter(|row| is_explained || row.is_bookkeeping) {
            shown.insert("meaning".to_owned(), row.meaning.into());
        }
        let rest = choices.len() - first.len();
        if rest > 0 {
            shown.insert("moreChoices".to_owned(), rest.into());
        }
        shown.into()
    }

    fn in_short(&self) -> Map<String, Value> {
        let mut shown = Map::from_iter([
            ("name".to_owned(), json!(self.name)),
            ("title".to_owned(), json!(self.field.title)),
            ("kind".to_owned(), json!(self.kind())),
        ]);
        let written = self.resolved.shape.kind.written(&self.field.linked_types);
        if let Some(written) = written.filter(|_| self.is_writable()) {
            shown.insert("write".to_owned(), written.into());
        }
        if self.is_writable() && !self.can_be_emptied() {
            shown.insert("canBeEmptied".to_owned(), false.into());
        }
        let flags = [
            ("multiple", self.resolved.shape.is_multiple),
            ("required", self.is_required()),
            ("readOnly", !self.is_writable()),
        ];
        for (name, is_set) in flags {
            if is_set {
                shown.insert(name.to_owned(), true.into());
            }
        }
        shown
    }

    fn can_be_emptied(&self) -> bool {
        let family = self.resolved.row.zip(self.entity.family());
        let is_kept = family.is_some_and(|(row, family)| row.is_kept(family));
        let is_always_set = matches!(self.resolved.shape.kind, Kind::Stage | Kind::Category);
        !is_kept && !is_always_set && !self.is_required()
    }

    /// The field with everything that is known of it.
    pub(super) fn in_full(&self, choices: &Choices) -> Map<String, Value> {
        let mut shown = self.in_short();
        if let Some(row) = self.resolved.row {
            shown.insert("meaning".to_owned(), row.meaning.into());
            if let Some(longest) = row.longest {
                shown.insert("maxLength".to_owned(), longest.into());
            }
        }
        if names::is_custom(&self.name) {
            shown.insert("upperName".to_owned(), self.field.upper_name.as_str().into());
        }
        choices.show_in(&mut shown);
        shown
    }
}
