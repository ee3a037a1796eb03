//! Compiles typed names and values into an intent, once for all items, by the entity type's fields
//! alone. An item's values and the portal's codes are applied later: see `plan`.

use serde_json::{Map, Value};

use super::{
    files,
    intent::{Intended, IntendedField, Intent, in_typed_order, wrong_value},
    patch::Patch,
};
use crate::{
    crm::{
        EntityType, ItemRef, Kind, Naming, Wrong,
        catalog::{Access, Field},
        kind::Encoded,
        multifield, names,
    },
    error::Problem,
    metadata::{Fields, ResolvedField, Unresolved},
    uploads::Policy,
};

/// Compiles a change. All problems are found, not just the first.
pub(super) fn compile(
    patch: &Patch,
    fields: &Fields<'_>,
    names_are_checked: bool,
    policy: &Policy,
) -> Intent {
    let mut compiler = Compiler {
        fields,
        policy,
        intent: Intent {
            entity: fields.entity,
            typed: patch.paths(),
            names_are_checked,
            fields: Vec::new(),
            expected: Vec::new(),
            problems: Vec::new(),
            notes: Vec::new(),
        },
    };
    for (typed, value) in &patch.fields {
        compiler.add(typed, &format!("fields.{typed}"), Some(value));
    }
    for typed in &patch.clear {
        compiler.add(typed, &format!("clear.{typed}"), None);
    }
    for (typed, value) in &patch.expect {
        compiler.expect(typed, value);
    }
    compiler.intent
}

/// What is wrong with fields as far as it can be told without the portal: for a call that does not
/// reach it, so that all problems come at once.
pub fn obvious_problems(
    entity: EntityType,
    values: &Map<String, Value>,
    policy: &Policy,
) -> Vec<Problem> {
    let naming = Naming::default();
    let fields = Fields { entity, naming, item: None, list: None };
    let mut patch = Patch {
        item: ItemRef { entity, id: 0 },
        fields: values.clone(),
        clear: Vec::new(),
        expect: Map::new(),
        dry_run: true,
        naming,
    };
    let mut problems = Vec::new();
    patch.fields.retain(|typed, _| {
        match fields.resolve_among(problems.len(), typed, &format!("fields.{typed}")) {
            Err(Unresolved::Unknown(problem)) if entity.family().is_some() => {
                // Only the portal knows its custom fields and relations.
                if !names::is_custom(typed) && !names::is_parent(typed) {
                    problems.push(problem);
                }
                false
            }
            _ => true,
        }
    });
    let intent = compile(&patch, &fields, false, policy);
    problems.extend(intent.problems);
    problems.extend(intent.fields.iter().filter_map(IntendedField::unread_day));
    let typed: Vec<String> = values.keys().map(|name| format!("fields.{name}")).collect();
    in_typed_order(&mut problems, &typed);
    problems
}

struct Compiler<'a> {
    fields: &'a Fields<'a>,
    policy: &'a Policy,
    intent: Intent,
}

impl<'a> Compiler<'a> {
    /// Adds a field; no value means that it is to be emptied.
    fn add(&mut self, typed: &str, path: &str, value: Option<&Value>) {
        let first_note = self.intent.notes.len();
        let Some(field) = self.field(typed, path) else {
            return;
        };
        if let Some(problem) = self.refusal(path, &field, value) {
            let meant = names::well_known_slip(&field.name).filter(|meant| *meant != field.name);
            let problem = problem.suggest(meant);
            // A list of fields may be older than the portal's settings.
            let is_by_the_list = field.row.is_none() && field.listed.is_some();
            self.problem(if is_by_the_list { problem.by_metadata() } else { problem });
            return;
        }
        if let Some(other) = self.intent.fields.iter().find(|other| other.name == field.name) {
            let message = format!("names the same field as `{}`; send it once", other.path);
            self.problem(Problem::new(path, message));
            return;
        }
        let intended = match field.shape.kind {
            Kind::Multifield => self.records(&field, path, value),
            Kind::File | Kind::Picture => self.files(&field, path, value),
            _ => self.value(&field, path, value),
        };
        if let Some(value) = intended {
            let notes = self.intent.notes.split_off(first_note);
            let field = intended_field(self.intent.entity, path, field, value);
            self.intent.fields.push(IntendedField { notes, ..field });
        }
    }

    /// Adds an expectation.
    fn expect(&mut self, typed: &str, value: &Value) {
        let path = format!("expect.{typed}");
        let Some(field) = self.field(typed, &path) else {
            return;
        };
        let intended = match (field.shape.kind, encode(&field, value)) {
            (Kind::Multifield, _) => match multifield::read_held(value) {
                Ok(held) => Intended::HeldRecords(held),
                Err(wrong) => return self.all_wrong(&path, wrong),
            },
            (Kind::File | Kind::Picture, _) => match files::read_held(value) {
                Ok(ids) => Intended::HeldFiles(ids),
                Err(wrong) => return self.problem(Problem::of(&path, wrong)),
            },
            // Texts, among which names are looked up.
            (Kind::Stage | Kind::Status, Ok(Encoded { wire, .. })) => {
                Intended::Value { wire, is_one_for_a_list: false }
            }
            (kind, Err(wrong)) if may_be_named(kind, value) => {
                Intended::Name { typed: value.clone(), wrong }
            }
            (_, encoded) => Intended::Typed { typed: value.clone(), encoded },
        };
        let field = intended_field(self.intent.entity, &path, field, intended);
        self.intent.expected.push(field);
    }

    /// Why the field cannot be set, or not to this value, whatever its kind.
    fn refusal(
        &self,
        path: &str,
        field: &ResolvedField<'_>,
        value: Option<&Value>,
    ) -> Option<Problem> {
        if !field.is_settable {
            let message = match field.row.map(|row| row.access) {
                Some(Access::Hidden) => "cannot be set with `crm.item.update`",
                _ => "is set by the portal and cannot be updated",
            };
            let hint = "leave out the field, and tell the user that these tools cannot set it";
            return Some(Problem::new(path, message).for_the_user(hint));
        }
        if value.is_none_or(|value| field.shape.is_empty(value)) {
            let is_kept =
                |row: &Field| self.intent.entity.family().is_some_and(|family| row.is_kept(family));
            let why = match field.shape.kind {
                Kind::Stage => "an item always has a stage",
                Kind::Category => "an item always has a pipeline",
                _ if field.row.is_some_and(is_kept) => "the portal would keep the old value",
                _ => return None,
            };
            let hint = "keep the old value, or ask the user for another";
            let message = format!("cannot be emptied: {why}");
            return Some(Problem::new(path, message).for_the_user(hint));
        }
        let longest = field.row.and_then(|row| row.longest)?;
        let count = value?.as_str()?.chars().count();
        (count > longest).then(|| {
            let message =
                format!("has {count} characters, and the portal stores at most {longest}");
            Problem::new(path, message)
        })
    }

    fn value(
        &mut self,
        field: &ResolvedField<'_>,
        path: &str,
        value: Option<&Value>,
    ) -> Option<Intended> {
        let Some(value) = value else {
            let wire = field.shape.cleared();
            return Some(Intended::Value { wire, is_one_for_a_list: false });
        };
        match encode(field, value) {
            encoded if field.shape.kind == Kind::Date => {
                Some(Intended::Typed { typed: value.clone(), encoded })
            }
            Ok(Encoded { wire, note }) => {
                if let Some(note) = note {
                    self.intent.notes.push(format!("`{path}` {note}"));
                }
                Some(Intended::Value { wire, is_one_for_a_list: !value.is_array() })
            }
            Err(wrong) => {
                if may_be_named(field.shape.kind, value) {
                    return Some(Intended::Name { typed: value.clone(), wrong });
                }
                let is_listed = field.listed.is_some();
                self.problem(wrong_value(path, wrong, field.shape.kind, is_listed));
                None
            }
        }
    }

    fn records(
        &mut self,
        field: &ResolvedField<'_>,
        path: &str,
        value: Option<&Value>,
    ) -> Option<Intended> {
        let Some(value) = value else {
            return Some(Intended::NoRecords);
        };
        if field.shape.is_empty(value) {
            let message = "names no records; to delete all records, name `fm` in `clear`";
            self.problem(Problem::new(path, message));
            return None;
        }
        match multifield::read(value) {
            Ok(elements) => Some(Intended::Records(elements)),
            Err(wrong) => {
                self.all_wrong(path, wrong);
                None
            }
        }
    }

    fn files(
        &mut self,
        field: &ResolvedField<'_>,
        path: &str,
        value: Option<&Value>,
    ) -> Option<Intended> {
        let value = value.unwrap_or(&Value::Null);
        let (requested, wrong) = files::read(value, field.shape.is_multiple, self.policy);
        // What is well formed is checked further all the same, so that all problems come at once.
        let is_told = wrong.is_empty() || !requested.parts.is_empty();
        self.all_wrong(path, wrong);
        is_told.then_some(Intended::Files(requested))
    }

    /// Resolves a name, or records the problem.
    fn field(&mut self, typed: &str, path: &str) -> Option<ResolvedField<'a>> {
        match self.fields.resolve_among(self.intent.problems.len(), typed, path) {
            Ok(field) => {
                if field.name != typed {
                    self.intent.notes.push(format!("`{path}` was read as `{}`", field.name));
                }
                Some(field)
            }
            // The list was not available; the portal's answer tells whether the field was set.
            Err(Unresolved::Unknown(_)) if !self.intent.names_are_checked => {
                Some(self.fields.describe(names::in_naming(typed.trim(), self.fields.naming)))
            }
            Err(Unresolved::Unknown(problem) | Unresolved::Ambiguous(problem)) => {
                self.problem(problem);
                None
            }
        }
    }

    fn problem(&mut self, problem: Problem) {
        self.intent.problems.push(problem);
    }

    fn all_wrong(&mut self, path: &str, wrong: Vec<Wrong>) {
        let problems = wrong.into_iter().map(|wrong| Problem::of(path, wrong));
        self.intent.problems.extend(problems);
    }
}

fn intended_field(
    entity: EntityType,
    path: &str,
    field: ResolvedField<'_>,
    value: Intended,
) -> IntendedField {
    IntendedField {
        path: path.to_owned(),
        directory: field.directory(entity).map(str::to_owned),
        is_listed: field.listed.is_some(),
        name: field.name,
        shape: field.shape,
        row: field.row,
        value,
        notes: Vec::new(),
    }
}

/// Whether a value that a field cannot hold may be the name of what it can.
fn may_be_named(kind: Kind, value: &Value) -> bool {
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
    matches!(kind, Kind::Category | Kind::User | Kind::Users)
        && match value {
            Value::Array(values) => kind != Kind::Category && values.iter().any(is_text),
            one => is_text(one),
        }
}

/// The wire form of a value: a list's option by id or text, everything else by its kind.
fn encode(field: &ResolvedField<'_>, value: &Value) -> Result<Encoded, Wrong> {
    let Some(list) = field.listed.filter(|_| field.shape.kind == Kind::Choice) else {
        return field.shape.encode(value);
    };
    let (chosen, note) = list.choose(value)?;
    let encoded = field.shape.encode(&chosen)?;
    let notes: Vec<String> = [note, encoded.note].into_iter().flatten().collect();
    let note = (!notes.is_empty()).then(|| notes.join(" and "));
    Ok(Encoded { note, ..encoded })
}
