//! Which field a typed name means, by the catalogue, the item and the portal's own list.
//!
//! Nothing is guessed: case and underscores may vary, anything further is a suggestion.

use serde_json::Value;

use crate::{
    crm::{
        EntityType, Item, Kind, Naming, Shape,
        catalog::{self, Access, Field},
        field_list::{FieldList, PortalField},
        likeness::{Likeness, likeness, words},
        names, text,
    },
    error::Problem,
};

/// What names are checked against.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    /// Whose fields.
    pub entity: EntityType,
    /// The spelling of custom fields.
    pub naming: Naming,
    /// The item, if it could be read.
    pub item: Option<&'a Item>,
    /// The portal's list of fields, once it was needed and could be fetched.
    pub list: Option<&'a FieldList>,
}

/// A field that exists, as far as can be known.
#[derive(Debug, Clone)]
pub struct ResolvedField<'a> {
    /// The name on the wire.
    pub name: String,
    /// What it holds.
    pub shape: Shape,
    /// The field's row in the catalogue.
    pub row: Option<&'static Field>,
    /// What the portal's own list says of it.
    pub listed: Option<&'a PortalField>,
    /// Whether an update can set it.
    pub is_settable: bool,
}

impl ResolvedField<'_> {
    /// The directory (`crm.status.list`, `ENTITY_ID`) that holds the field's codes.
    pub fn directory(&self, entity: EntityType) -> Option<&str> {
        let listed = self.listed.and_then(|listed| listed.directory.as_deref());
        listed.or_else(|| self.row?.directory(entity.family()?))
    }
}

/// A typed name that is no known field.
#[derive(Debug)]
pub enum Unresolved {
    /// No field, or a field of other entity types.
    Unknown(Problem),
    /// Several fields that differ in case and underscores alone.
    Ambiguous(Problem),
}

/// Why a name is no field.
#[derive(Debug)]
pub enum Missing {
    /// Nothing has that name; its form on the wire.
    None(String),
    /// Several fields have it.
    Several(String, String),
}

impl<'a> Fields<'a> {
    /// Finds the field that `typed` names; `path` is where it was typed.
    ///
    /// # Errors
    ///
    /// The problem, with what is probably meant.
    pub fn resolve(&self, typed: &str, path: &str) -> Result<ResolvedField<'a>, Unresolved> {
        self.find(typed).map_err(|missing| match missing {
            Missing::Several(one, other) => {
                let message = format!("can mean `{other}` or `{one}`; write the one that is meant");
                Unresolved::Ambiguous(Problem::new(path, message))
            }
            Missing::None(wire) => Unresolved::Unknown(self.unknown(typed, &wire, path)),
        })
    }

    /// The same; a call with so many problems gets no more suggestions, which take the longest.
    ///
    /// # Errors
    ///
    /// See [`Self::resolve`].
    pub fn resolve_among(
        &self,
        problems: usize,
        typed: &str,
        path: &str,
    ) -> Result<ResolvedField<'a>, Unresolved> {
        const MAX_SUGGESTIONS: usize = 5;
        if problems < MAX_SUGGESTIONS {
            return self.resolve(typed, path);
        }
        self.find(typed).map_err(|_| {
            let message = format!("is not a field of {}", self.entity);
            Unresolved::Unknown(Problem::unknown_field(path, message))
        })
    }

    /// Finds the field that `typed` names, without saying what is probably meant.
    ///
    /// # Errors
    ///
    /// Why there is no such field.
    pub fn find(&self, typed: &str) -> Result<ResolvedField<'a>, Missing> {
        /// No portal has longer names, and a long one is compared with each of many.
        const MAX_BYTES: usize = 1_000;
        if typed.len() > MAX_BYTES {
            return Err(Missing::None(String::new()));
        }
        let wire = names::in_naming(typed.trim(), self.naming);
        if self.has(&wire) {
            return Ok(self.describe(wire));
        }
        let folded = names::folded(typed);
        let length = names::folded_length(&folded);
        let mut matches: Vec<String> = self
            .names()
            .filter(|name| names::folded_length(name) == length && names::folded(name) == folded)
            .collect();
        matches.sort_unstable();
        matches.dedup();
        match (matches.pop(), matches.pop()) {
            (Some(one), None) => Ok(self.describe(one)),
            (Some(one), Some(other)) => Err(Missing::Several(one, other)),
            (None, _) => Err(Missing::None(wire)),
        }
    }

    /// What is known of the field with that wire name.
    pub fn describe(&self, name: String) -> ResolvedField<'a> {
        let row = catalog::field(self.entity, &name);
        let listed = self.portal_field(&name);
        let shape = match (row, listed) {
            (Some(row), _) => Shape::one(row.kind),
            (None, _) if names::is_parent(&name) => Shape::one(Kind::Link),
            (None, Some(field)) => Shape { kind: field.kind, is_multiple: field.is_multiple },
            (None, None) => self.shape_by_value(&name),
        };
        // The vendor's page may be newer or older than the portal, whose own list takes precedence.
        let is_settable = match (row.map(|row| row.access), listed) {
            (Some(Access::Writable | Access::Immutable | Access::Computed), _) => true,
            (Some(Access::Hidden), _) => false,
            (_, Some(field)) => !field.is_locked,
            (Some(Access::ReadOnly), None) => self.list.is_none(),
            (None, None) => true,
        };
        ResolvedField { name, shape, row, listed, is_settable }
    }

    /// What a custom field that no list describes holds, by what it holds now.
    fn shape_by_value(&self, name: &str) -> Shape {
        let is_file = |value: &Value| value.get("urlMachine").is_some();
        let now = self.item.and_then(|item| item.get(name)).filter(|_| names::is_custom(name));
        match now {
            Some(Value::Array(values)) => {
                let kind = if values.iter().any(is_file) { Kind::File } else { Kind::Any };
                Shape { kind, is_multiple: true }
            }
            Some(value) if is_file(value) => Shape::one(Kind::File),
            _ => Shape::one(Kind::Any),
        }
    }

    fn has(&self, wire: &str) -> bool {
        catalog::field(self.entity, wire).is_some()
            || self.item.is_some_and(|item| item.shows(wire))
            || self.portal_field(wire).is_some()
    }

    fn portal_field(&self, wire: &str) -> Option<&'a PortalField> {
        let list = self.list?;
        list.get(wire).or_else(|| {
            let original = self.naming == Naming::Original && names::is_custom(wire);
            original
                .then(|| list.iter().find(|(_, field)| field.upper_name == wire))?
                .map(|(_, field)| field)
        })
    }

    /// All wire names that are known.
    fn names(&self) -> impl Iterator<Item = String> {
        let standard = catalog::FIELDS
            .iter()
            .filter(|field| self.entity.family().is_some_and(|family| field.belongs_to(family)))
            .map(|field| field.name.to_owned());
        let of_item =
            self.item.into_iter().flat_map(|item| item.fields().map(|(name, _)| name.to_owned()));
        let naming = self.naming;
        let listed = self.list.into_iter().flat_map(move |list| {
            list.iter().map(move |(name, field)| match naming {
                Naming::Original if names::is_custom(name) => field.upper_name.clone(),
                _ => name.to_owned(),
            })
        });
        standard.chain(of_item).chain(listed)
    }

    /// The only field that people see under exactly this title.
    pub fn titled(&self, typed: &str) -> Option<String> {
        self.all_titled(typed).try_into().ok().map(|[only]: [String; 1]| only)
    }

    /// Every field that people see under exactly this title.
    pub fn all_titled(&self, typed: &str) -> Vec<String> {
        let typed = text::folded(typed);
        let all = self.list.into_iter().flat_map(FieldList::iter);
        let titled = all.filter(|(_, field)| text::folded(&field.title) == typed);
        let named = titled.map(|(name, field)| match self.naming {
            Naming::Original if names::is_custom(name) => field.upper_name.clone(),
            _ => name.to_owned(),
        });
        named.collect()
    }

    /// The field whose title is nearest to what was typed, in any script.
    fn nearly_titled(&self, typed: &str) -> Option<String> {
        let list = self.list?;
        let titles = || list.iter().filter(|(_, field)| !field.title.is_empty());
        let asked = words(typed);
        let is_alike = |title: &str| likeness(&asked, &[title]) != Likeness::None;
        let mut alike = titles().filter(|(_, field)| is_alike(&field.title));
        let nearest = names::nearest(typed, titles().map(|(_, field)| field.title.as_str()));
        let (name, _) = match (nearest, alike.next(), alike.next()) {
            (Some(nearest), ..) => titles().find(|(_, field)| field.title == nearest)?,
            (None, Some(only), None) => only,
            _ => return None,
        };
        Some(name.to_owned())
    }

    fn unknown(&self, typed: &str, wire: &str, path: &str) -> Problem {
        let entity = self.entity;
        if let Some(row) = catalog::named(wire) {
            let owners = catalog::owners(row);
            return Problem::unknown_field(
                path,
                format!("is a field of {owners}, not of {entity}"),
            );
        }
        if let Some(titled) = self.titled(typed) {
            let message = format!("is the title of a field of {entity}, not its name");
            return Problem::unknown_field(path, message).suggest(Some(titled));
        }
        let slip =
            names::well_known_slip(typed).filter(|name| catalog::field(entity, name).is_some());
        let names: Vec<String> = self.names().collect();
        let meant = slip.or_else(|| names::nearest(typed, names.iter().map(String::as_str)));
        let meant = meant.map(str::to_owned).or_else(|| self.nearly_titled(typed));
        Problem::unknown_field(path, format!("is not a field of {entity}")).suggest(meant)
    }
}
