//! The second step: typed names and values become wire-ready ones, or problems, all at once.

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    Request, Session,
    look::Before,
    resolve::{Known, Resolved, Unresolved},
};
use crate::{
    crm::{EntityType, Kind, Naming, Shape, catalog::Field, kind, names, stage},
    failure::{Code, Failure, Problem, Purpose, Retry},
};

/// What will be asked of the portal.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) asked: Vec<Asked>,
    /// What was repaired or could not be checked.
    pub(super) notes: Vec<String>,
}

/// One field and the value it is to have, in wire form.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) row: Option<&'static Field>,
    pub(super) wire: Value,
}

/// Fields that were checked and encoded; only a plan makes them.
#[derive(Debug)]
pub(super) struct WireFields(Map<String, Value>);

impl From<WireFields> for Value {
    fn from(fields: WireFields) -> Self {
        Self::Object(fields.0)
    }
}

impl Asked {
    /// Whether the item already is as asked.
    pub(super) fn stands_in(&self, item: &Map<String, Value>) -> bool {
        self.shape.same(&self.wire, item.get(&self.name).unwrap_or(&Value::Null))
    }
}

impl Plan {
    /// Whether nothing needs to be sent.
    pub(super) fn already_stands(&self, item: &Map<String, Value>) -> bool {
        self.asked.iter().all(|asked| asked.stands_in(item))
    }

    /// What is sent: one differing field sends them all, so that the portal checks them together.
    pub(super) fn wire_fields(&self) -> WireFields {
        WireFields(
            self.asked.iter().map(|asked| (asked.name.clone(), asked.wire.clone())).collect(),
        )
    }
}

/// Draws the plan.
pub(super) async fn draw(
    session: &Session,
    request: &Request,
    before: &Before,
    deadline: Instant,
) -> Result<Plan, Failure> {
    let entity = request.item.entity;
    let mut known = Known { entity, naming: request.naming, item: before.item(), list: None };
    let mut notes = request.notes.clone();
    let mut names_are_checked = true;
    let list;
    let to_write = request.fields.keys().chain(&request.clear).map(|typed| (typed, Use::Write));
    let to_check = request.expect.keys().map(|typed| (typed, Use::Check));
    if to_write.chain(to_check).any(|(typed, usage)| needs_the_list(known, typed, usage)) {
        match session.field_lists.get(&session.portal, entity, deadline).await {
            Ok(fetched) => {
                list = fetched;
                known.list = Some(&list);
            }
            Err(error) => {
                names_are_checked = false;
                notes.push(format!("field names were not checked: {error}"));
            }
        }
    }

    let mut draft = Draft {
        known,
        names_are_checked,
        asked: Vec::new(),
        typed: Vec::new(),
        problems: Vec::new(),
        notes,
    };
    for (typed, value) in &request.fields {
        draft.ask(typed, &format!("fields.{typed}"), Some(value));
    }
    for typed in &request.clear {
        draft.ask(typed, &format!("clear.{typed}"), None);
    }
    let expected: Vec<(String, Resolved, Value)> = request
        .expect
        .iter()
        .filter_map(|(typed, value)| draft.expectation(typed, value))
        .collect();

    if !draft.problems.is_empty() {
        return Err(Failure::refused_arguments(draft.problems));
    }
    match before {
        Before::Item(item) => check_expectations(&expected, item)?,
        Before::Unread(error) => {
            if let Some(need) = need_of_the_item(request, &draft.asked) {
                let failure = Failure::from_portal(error, Purpose::Reading);
                return Err(Failure {
                    message: format!("the item could not be read, and {need} needs that"),
                    retry: Retry::Later,
                    hint: format!("repeat the call later, or without {need}"),
                    ..failure
                });
            }
            draft.notes.push(format!(
                "the item could not be read before the write ({error}), so `changes` does not \
                 tell what it was like"
            ));
        }
    }
    Ok(Plan { asked: draft.asked, notes: draft.notes })
}

/// What is wrong with fields as far as it can be told without the portal: for a call that does not
/// reach it, so that all problems come at once.
pub fn obvious_problems(entity: EntityType, fields: &Map<String, Value>) -> Vec<Problem> {
    let known = Known { entity, naming: Naming::default(), item: None, list: None };
    let mut draft = Draft {
        known,
        names_are_checked: false,
        asked: Vec::new(),
        typed: Vec::new(),
        problems: Vec::new(),
        notes: Vec::new(),
    };
    for (typed, value) in fields {
        let path = format!("fields.{typed}");
        match known.resolve(typed, &path) {
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

/// The plan while it is drawn.
struct Draft<'a> {
    known: Known<'a>,
    names_are_checked: bool,
    asked: Vec<Asked>,
    /// The spelling of each asked field.
    typed: Vec<String>,
    problems: Vec<Problem>,
    notes: Vec<String>,
}

impl Draft<'_> {
    /// Adds a field; no value means that it is to be emptied.
    fn ask(&mut self, typed: &str, path: &str, value: Option<&Value>) {
        let Some(field) = self.field(typed, path) else {
            return;
        };
        if !field.is_settable {
            let message = "is set by the portal alone and cannot be updated";
            self.problems.push(Problem::new(path, message));
            return;
        }
        if let Some(at) = self.asked.iter().position(|asked| asked.name == field.name) {
            let first = self.typed.get(at).map_or("", String::as_str);
            let message = format!("names the same field as `{first}`; send it once");
            self.problems.push(Problem::new(path, message));
            return;
        }
        let cleared = field.shape.cleared();
        let value = value.unwrap_or(&cleared);
        let is_kept = field.row.is_some_and(|row| {
            self.known.entity.family().is_some_and(|family| row.is_kept(family))
        });
        if is_kept && field.shape.is_empty(value) {
            let message = "cannot be emptied: the portal would keep the old value";
            self.problems.push(Problem::new(path, message));
            return;
        }
        match field.shape.encode(value) {
            Ok(encoded) => {
                if let Some(note) = encoded.note {
                    self.notes.push(format!("`{path}` {note}"));
                }
                self.typed.push(path.to_owned());
                let Resolved { name, shape, row, .. } = field;
                self.asked.push(Asked { name, shape, row, wire: encoded.wire });
            }
            Err(message) => self.problems.push(Problem::new(path, message)),
        }
    }

    /// Reads one expectation: the typed name, the field, and the value in wire form.
    fn expectation(&mut self, typed: &str, value: &Value) -> Option<(String, Resolved, Value)> {
        let path = format!("expect.{typed}");
        let field = self.field(typed, &path)?;
        match field.shape.encode(value) {
            Ok(encoded) => Some((path, field, encoded.wire)),
            Err(message) => {
                self.problems.push(Problem::new(path, message));
                None
            }
        }
    }

    /// Resolves a name, or files the problem.
    fn field(&mut self, typed: &str, path: &str) -> Option<Resolved> {
        match self.known.resolve(typed, path) {
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

/// What a typed name is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Write,
    Check,
}

/// Whether the catalogue and the item leave open what the name means, what the field holds, or
/// whether it can be set.
fn needs_the_list(known: Known<'_>, typed: &str, usage: Use) -> bool {
    match known.resolve(typed, typed) {
        Ok(field) => match field.row {
            Some(row) => usage == Use::Write && !row.is_listed(),
            None => field.shape.kind == Kind::Any,
        },
        Err(_) => true,
    }
}

fn check_expectations(
    expected: &[(String, Resolved, Value)],
    item: &Map<String, Value>,
) -> Result<(), Failure> {
    let problems: Vec<Problem> = expected
        .iter()
        .filter_map(|(path, field, wire)| {
            let now = item.get(&field.name).unwrap_or(&Value::Null);
            let holds = field.shape.same(wire, now);
            (!holds).then(|| {
                let message = format!("is {}, not {}", kind::shown(now), kind::shown(wire));
                Problem::new(path, message)
            })
        })
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    let message = "the item is not as expected";
    let hint = "nothing was sent; look at what the item is now and decide whether the change still applies";
    Err(Failure { problems, ..Failure::new(Code::Conflict, Retry::AfterFix, message, hint) })
}

/// What in the call cannot be done without having read the item.
fn need_of_the_item(request: &Request, asked: &[Asked]) -> Option<String> {
    if !request.expect.is_empty() {
        return Some("`expect`".to_owned());
    }
    if request.dry_run {
        return Some("`dryRun`".to_owned());
    }
    let has_category = asked.iter().any(|asked| asked.shape.kind == Kind::Category);
    let needing = asked.iter().find(|asked| match asked.shape.kind {
        Kind::Multifield => true,
        Kind::Stage => !has_category && stage::has_pipelines(request.item.entity),
        _ => asked.name == "contactId",
    })?;
    Some(format!("`{}`", needing.name))
}
