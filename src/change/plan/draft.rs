//! A plan while it is drawn: each typed field is resolved, encoded and checked; what is wrong is
//! collected.

mod codes;
mod files;

use serde_json::{Map, Value};

use super::{Asked, Want, links};
use crate::{
    crm::{
        EntityType, Kind, Naming, Shape, Wrong,
        catalog::Access,
        kind,
        kind::Encoded,
        multifield::{self, Operation},
        names,
    },
    error::Problem,
    resolve::{Fields, ResolvedField, Unresolved},
    uploads::Policy,
};

/// The plan so far.
pub(crate) struct Draft<'a> {
    known: Fields<'a>,
    names_are_checked: bool,
    files: &'a Policy,
    pub(super) asked: Vec<Asked>,
    /// Where each asked field was typed.
    typed: Vec<String>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) notes: Vec<String>,
    /// What was typed for a code, and only the portal knows whether it is one.
    pub(crate) in_doubt: Vec<InDoubt>,
}

/// What was typed and seems to be no code, so that the real ones are of use.
pub(crate) struct InDoubt {
    /// Where it was typed.
    pub path: String,
    /// What was typed.
    pub typed: String,
    /// What it was to be.
    pub meant: Meant,
}

/// What a code stands for.
pub(crate) enum Meant {
    /// A pipeline of the entity type.
    Pipeline,
    /// A stage of this pipeline.
    Stage(i64),
    /// An entry of this directory.
    Entry(String),
    /// A user of the portal.
    Person,
}

/// A value that a field must have now.
pub(super) struct Expected {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) wire: Value,
}

/// What is wrong with fields as far as it can be told without the portal: for a call that does not
/// reach it, so that all problems come at once.
pub fn obvious_problems(
    entity: EntityType,
    fields: &Map<String, Value>,
    files: &Policy,
) -> Vec<Problem> {
    let known = Fields { entity, naming: Naming::default(), item: None, list: None };
    let mut draft = Draft::new(known, false, files, Vec::new());
    for (typed, value) in fields {
        let path = format!("fields.{typed}");
        match known.resolve_among(draft.problems.len(), typed, &path) {
            Err(Unresolved::Unknown(problem)) if entity.family().is_some() => {
                // Only the portal knows its custom fields and relations.
                if !names::is_custom(typed) && !names::is_parent(typed) {
                    draft.problems.push(problem);
                }
            }
            _ => draft.ask(typed, &path, Some(value)),
        }
    }
    draft.problems
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        known: Fields<'a>,
        names_are_checked: bool,
        files: &'a Policy,
        notes: Vec<String>,
    ) -> Self {
        Self {
            known,
            names_are_checked,
            files,
            asked: Vec::new(),
            typed: Vec::new(),
            problems: Vec::new(),
            notes,
            in_doubt: Vec::new(),
        }
    }

    /// Whose fields are set.
    pub(crate) const fn entity(&self) -> EntityType {
        self.known.entity
    }

    /// Adds a field; no value means that it is to be emptied.
    pub(super) fn ask(&mut self, typed: &str, path: &str, value: Option<&Value>) {
        let Some(field) = self.field(typed, path) else {
            return;
        };
        if let Some(message) = self.refusal(&field, value) {
            let meant = names::well_known_slip(&field.name).filter(|meant| *meant != field.name);
            let problem = Problem::new(path, message).suggest(meant);
            // A list of fields may be older than the portal's settings.
            let is_listed = field.row.is_none() && field.listed.is_some();
            self.problems.push(if is_listed { problem.by_facts() } else { problem });
            return;
        }
        if let Some(at) = self.asked.iter().position(|asked| asked.name == field.name) {
            let first = self.typed.get(at).map_or("", String::as_str);
            let message = format!("names the same field as `{first}`; send it once");
            self.problems.push(Problem::new(path, message));
            return;
        }
        let want = match field.shape.kind {
            Kind::Multifield => self.records(&field, path, value),
            Kind::File | Kind::Picture => self.files(&field, path, value),
            _ => self.value(&field, path, value),
        };
        if let Some(want) = want {
            self.typed.push(path.to_owned());
            let ResolvedField { name, shape, row, .. } = field;
            self.asked.push(Asked { name, shape, row, want });
        }
    }

    /// Reads one expectation.
    pub(super) fn expect(&mut self, typed: &str, value: &Value) -> Option<Expected> {
        let path = format!("expect.{typed}");
        let field = self.field(typed, &path)?;
        match self.encode(&field, value) {
            Ok(Encoded { wire, .. }) => {
                Some(Expected { path, name: field.name, shape: field.shape, wire })
            }
            Err(message) => {
                self.problems.push(wrong_value(path, message, &field));
                None
            }
        }
    }

    /// Checks what concerns several fields, or a field and the item. What is only planned is not
    /// verified afterwards, so each stage is looked up.
    pub(super) fn check_together(&mut self, is_only_planned: bool) {
        let mut problems = Vec::new();
        let mut in_doubt = Vec::new();
        for (asked, path) in self.asked.iter().zip(&self.typed) {
            let Want::Value(value) = &asked.want else { continue };
            let problem = match asked.shape.kind {
                Kind::Stage => {
                    let problem = self.stage_problem(path, value);
                    let typed = value.as_str().unwrap_or_default();
                    let is_new = is_only_planned
                        && self.known.item.is_none_or(|item| !asked.stands(None, item));
                    if problem.is_some() || is_new || looks_like_a_name(typed) {
                        let meant = Meant::Stage(self.target_pipeline().unwrap_or(0));
                        let typed = typed.to_owned();
                        in_doubt.push(InDoubt { path: path.clone(), typed, meant });
                    }
                    problem
                }
                Kind::Link => links::problem(self.known, &self.asked, asked, path, value),
                _ => None,
            };
            problems.extend(problem);
        }
        for asked in &self.asked {
            self.notes.extend(links::dropped(self.known.item, asked));
        }
        self.problems.extend(problems);
        self.in_doubt.extend(in_doubt);
    }

    /// Why the field cannot be set, or not to this value, whatever its kind.
    fn refusal(&self, field: &ResolvedField<'_>, value: Option<&Value>) -> Option<String> {
        if !field.is_settable {
            return Some(match field.row.map(|row| row.access) {
                Some(Access::Hidden) => "cannot be set through `crm.item.update`".to_owned(),
                _ => "is set by the portal alone and cannot be updated".to_owned(),
            });
        }
        let is_emptied = value.is_none_or(|value| field.shape.is_empty(value));
        match field.shape.kind {
            Kind::Stage if is_emptied => {
                return Some("cannot be emptied: an item always stands in a stage".to_owned());
            }
            Kind::Category if is_emptied => {
                return Some("cannot be emptied: an item always stands in a pipeline".to_owned());
            }
            _ => {}
        }
        let is_kept = field.row.is_some_and(|row| {
            self.known.entity.family().is_some_and(|family| row.is_kept(family))
        });
        if is_kept && is_emptied {
            return Some("cannot be emptied: the portal would keep the old value".to_owned());
        }
        let longest = field.row.and_then(|row| row.longest)?;
        let count = value?.as_str()?.chars().count();
        (count > longest)
            .then(|| format!("has {count} characters, and the portal stores at most {longest}"))
    }

    fn value(
        &mut self,
        field: &ResolvedField<'_>,
        path: &str,
        value: Option<&Value>,
    ) -> Option<Want> {
        let Some(value) = value else {
            return Some(Want::Value(field.shape.cleared()));
        };
        match self.encode(field, value) {
            Ok(Encoded { wire, note }) => {
                if let Some(problem) = self.replaces_a_list(field, path, value, &wire) {
                    self.problems.push(problem);
                    return None;
                }
                if let Some(note) = note {
                    self.notes.push(format!("`{path}` {note}"));
                }
                self.doubt_codes(field, path, &wire);
                Some(Want::Value(wire))
            }
            Err(message) => {
                let meant = match field.shape.kind {
                    Kind::Category => Some(Meant::Pipeline),
                    Kind::User => Some(Meant::Person),
                    _ => None,
                };
                if let (Some(meant), Some(typed)) = (meant, value.as_str()) {
                    let (path, typed) = (path.to_owned(), typed.to_owned());
                    self.in_doubt.push(InDoubt { path, typed, meant });
                }
                self.problems.push(wrong_value(path, message, field));
                None
            }
        }
    }

    /// What is wrong with one value in the place of a list that holds others now: it may be meant to
    /// be added, and would replace them.
    fn replaces_a_list(
        &self,
        field: &ResolvedField<'_>,
        path: &str,
        value: &Value,
        wire: &Value,
    ) -> Option<Problem> {
        /// A longer list is not written out.
        const MAX: usize = 50;
        let Value::Array(wanted) = wire else { return None };
        if value.is_array() || wanted.is_empty() {
            return None;
        }
        let now = match (self.known.item, self.now(field)) {
            (_, Some(now)) => now,
            (Some(_), None) => {
                let message = "is one value for a list that the item does not show; send a list";
                return Some(Problem::new(path, message));
            }
            (None, None) if self.names_are_checked => {
                let message = "is one value for a list that could not be read; send a list";
                return Some(Problem::new(path, message));
            }
            (None, None) => return None,
        };
        let others = field.shape.dropped(wire, now);
        if others.is_empty() {
            return None;
        }
        let now = field.shape.kind.answered(now);
        let message = format!(
            "is one value for a list that holds others (`now`), which it would replace; send the \
             whole list, or {} to replace it",
            kind::shown(wire),
        );
        let mut all = now.as_array().cloned().unwrap_or_else(|| vec![now.clone()]);
        all.extend(wanted.iter().filter(|it| !all.contains(it)).cloned().collect::<Vec<_>>());
        let working_call = serde_json::json!({ &field.name: all }).to_string();
        let problem = Problem::new(path, message).holding(now);
        Some(problem.suggest((all.len() <= MAX).then_some(working_call)))
    }

    /// The wire form of a value: a list's option by id or text, a day as the item shows it, everything
    /// else by its kind.
    fn encode(&self, field: &ResolvedField<'_>, value: &Value) -> Result<Encoded, Wrong> {
        if field.shape.kind == Kind::Date
            && value.is_string()
            && let Some(now) = self.now(field)
        {
            let is_standing = now == value || now.as_array().is_some_and(|it| it.contains(value));
            if is_standing {
                return Ok(field.shape.encode(&Kind::Date.answered(value))?);
            }
        }
        let Some(list) = field.listed.filter(|_| field.shape.kind == Kind::Choice) else {
            return Ok(field.shape.encode(value)?);
        };
        let (chosen, note) = list.choose(value)?;
        let encoded = field.shape.encode(&chosen)?;
        let notes: Vec<String> = [note, encoded.note].into_iter().flatten().collect();
        let note = (!notes.is_empty()).then(|| notes.join(" and "));
        Ok(Encoded { note, ..encoded })
    }

    fn records(
        &mut self,
        field: &ResolvedField<'_>,
        path: &str,
        value: Option<&Value>,
    ) -> Option<Want> {
        let is_hidden = self.known.item.is_some() && self.now(field).is_none();
        let now = multifield::records(self.now(field));
        let Some(value) = value else {
            if is_hidden {
                let message = "cannot be emptied: the item does not show which records it has";
                self.problems.push(Problem::new(path, message));
                return None;
            }
            return Some(Want::Records(now.into_iter().map(Operation::Remove).collect()));
        };
        if field.shape.is_empty(value) {
            let message = "names no record; to delete all records, name `fm` in `clear`";
            self.problems.push(Problem::new(path, message));
            return None;
        }
        if self.known.item.is_none() && self.names_are_checked {
            // Without the item nothing can be said of its records; the call ends for that reason.
            return Some(Want::Records(Vec::new()));
        }
        match multifield::read(value, &now) {
            Ok(asked) => {
                self.notes.extend(asked.notes);
                Some(Want::Records(asked.operations))
            }
            Err(_) if is_hidden => {
                let message = "cannot be changed by record: the item does not show which records it \
                               has; additions (`n0`) can be sent";
                self.problems.push(Problem::new(path, message));
                None
            }
            Err(wrong) => {
                let problems = wrong.into_iter().map(|(key, message)| match key {
                    Some(key) => Problem::new(format!("{path}.{key}"), message),
                    None => Problem::new(path, message),
                });
                self.problems.extend(problems);
                None
            }
        }
    }

    fn now(&self, field: &ResolvedField<'_>) -> Option<&'a Value> {
        self.known.item.and_then(|item| item.get(&field.name))
    }

    /// Resolves a name, or files the problem.
    fn field(&mut self, typed: &str, path: &str) -> Option<ResolvedField<'a>> {
        match self.known.resolve_among(self.problems.len(), typed, path) {
            Ok(field) => {
                if field.name != typed {
                    self.notes.push(format!("`{path}` was read as `{}`", field.name));
                }
                Some(field)
            }
            // The portal would know; its answer will tell whether the field took.
            Err(Unresolved::Unknown(_)) if !self.names_are_checked => {
                Some(self.known.describe(names::in_naming(typed.trim(), self.known.naming)))
            }
            Err(Unresolved::Unknown(problem) | Unresolved::Ambiguous(problem)) => {
                self.problems.push(problem);
                None
            }
        }
    }
}

/// Codes are written in capitals; anything else is rather a name.
fn looks_like_a_name(typed: &str) -> bool {
    typed.contains(|c: char| c.is_lowercase() || !c.is_ascii())
}

/// The problem of a value that its field cannot hold. Which options there are is the portal's word.
fn wrong_value(path: impl Into<String>, wrong: Wrong, field: &ResolvedField<'_>) -> Problem {
    let problem = Problem::wrong_value(path, wrong, field.shape.kind);
    if field.listed.is_some() { problem.by_facts() } else { problem }
}
