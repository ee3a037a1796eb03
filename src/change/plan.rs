//! The second step: typed names and values become wire-ready ones, or problems, all at once.

mod draft;
mod links;

use std::io;

use serde_json::{Map, Value};

pub use draft::obvious_problems;
pub(super) use draft::{Draft, InDoubt, Meant};

use super::{
    Request, Session, codes,
    files::{self, Part},
    look::Before,
};
use crate::{
    crm::{
        Kind, Shape,
        catalog::Field,
        field_list::FieldList,
        kind,
        multifield::{self, Operation},
        stage,
    },
    error::{Code, Failure, Problem, Purpose, Retry},
    metadata::Metadata,
    portal::Budget,
    resolve::Fields,
    uploads::Upload,
};
use draft::Expected;

/// What will be asked of the portal.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) asked: Vec<Asked>,
    /// What was repaired or could not be checked.
    pub(super) notes: Vec<String>,
}

/// One field and what it is to hold.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) row: Option<&'static Field>,
    pub(super) want: Want,
}

/// What a field is to hold, in wire-ready form.
#[derive(Debug)]
pub(super) enum Want {
    /// This value.
    Value(Value),
    /// What these operations make of its records.
    Records(Vec<Operation>),
    /// These files.
    Files(Vec<Part>),
    /// A new picture, which another method takes.
    Picture(Upload),
}

impl Want {
    /// The files that it sends.
    pub(super) fn uploads(&self) -> impl Iterator<Item = &Upload> {
        let (parts, picture) = match self {
            Self::Files(parts) => (parts.as_slice(), None),
            Self::Picture(upload) => (&[][..], Some(upload)),
            Self::Value(_) | Self::Records(_) => (&[][..], None),
        };
        let uploads = parts.iter().filter_map(|part| match part {
            Part::Upload(upload) => Some(upload),
            Part::Keep(_) => None,
        });
        uploads.chain(picture)
    }
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
    /// Whether the item that was `before` and is `now` holds what was asked. Of a field that the item
    /// does not show that cannot be said, not even that it is empty.
    pub(super) fn stands(
        &self,
        before: Option<&Map<String, Value>>,
        now: &Map<String, Value>,
    ) -> bool {
        if let Want::Records(operations) = &self.want
            && operations.is_empty()
        {
            return true;
        }
        let Some(new) = now.get(&self.name) else {
            return false;
        };
        let old = || before.and_then(|before| before.get(&self.name));
        match &self.want {
            Want::Value(value) => self.shape.same(value, new),
            Want::Records(operations) => {
                let (old, new) = (multifield::records(old()), multifield::records(Some(new)));
                multifield::standing(operations, &old, &new).into_iter().all(|stands| stands)
            }
            Want::Files(parts) => files::stands(parts, &files::ids(old()), &files::ids(Some(new))),
            Want::Picture(_) => {
                let new = files::ids(Some(new));
                !new.is_empty() && new != files::ids(old())
            }
        }
    }

    /// Whether the item holds what was asked in the portal's own form. The value from before is not
    /// that: it was kept.
    pub(super) fn is_rewritten(
        &self,
        before: Option<&Map<String, Value>>,
        now: &Map<String, Value>,
    ) -> bool {
        let (Want::Value(value), Some(new)) = (&self.want, now.get(&self.name)) else {
            return false;
        };
        let old = before.and_then(|before| before.get(&self.name));
        let is_kept = old.is_some_and(|old| old == new || self.shape.same(old, new));
        !is_kept && self.shape.is_rewritten(value, new)
    }

    /// What the item holds, as answers show it.
    pub(super) fn answered(&self, item: &Map<String, Value>) -> Value {
        item.get(&self.name).map_or(Value::Null, |value| self.shape.kind.answered(value))
    }

    /// What is asked, as answers show it: a file's content is its name and size.
    pub(super) fn shown(&self) -> Value {
        match &self.want {
            Want::Value(value) => value.clone(),
            Want::Records(operations) => multifield::wire(operations),
            Want::Files(parts) => match parts.as_slice() {
                [] => self.shape.cleared(),
                [one] if !self.shape.is_multiple => one.shown(),
                several => several.iter().map(Part::shown).collect(),
            },
            Want::Picture(upload) => upload.shown(),
        }
    }

    /// Whether the field is to be emptied.
    pub(super) fn is_clearing(&self) -> bool {
        match &self.want {
            Want::Value(value) => self.shape.is_empty(value),
            Want::Files(parts) => parts.is_empty(),
            Want::Records(_) | Want::Picture(_) => false,
        }
    }
}

impl Plan {
    /// Whether nothing needs to be sent.
    pub(super) fn already_stands(&self, item: &Map<String, Value>) -> bool {
        self.asked.iter().all(|asked| asked.stands(Some(item), item))
    }

    /// What `crm.item.update` is sent, if anything: one differing field sends them all, so that the
    /// portal checks them together.
    pub(super) async fn wire_fields(&self) -> io::Result<Option<WireFields>> {
        let mut fields = Map::new();
        for asked in &self.asked {
            let wire = match &asked.want {
                Want::Value(value) => value.clone(),
                Want::Records(operations) if operations.is_empty() => continue,
                Want::Records(operations) => multifield::wire(operations),
                Want::Files(parts) => files::wire(parts, asked.shape.is_multiple).await?,
                Want::Picture(_) => continue,
            };
            fields.insert(asked.name.clone(), wire);
        }
        Ok((!fields.is_empty()).then_some(WireFields(fields)))
    }

    /// Whether sending the plan twice does the same as sending it once: not when it adds phones or
    /// uploads files.
    pub(super) fn can_be_repeated(&self) -> bool {
        self.asked.iter().all(|asked| match &asked.want {
            Want::Value(_) => true,
            Want::Records(operations) => {
                !operations.iter().any(|operation| matches!(operation, Operation::Add { .. }))
            }
            Want::Files(parts) => !parts.iter().any(|part| matches!(part, Part::Upload(_))),
            // Sent on its own, after this.
            Want::Picture(_) => true,
        })
    }

    /// The files that it sends, with their fields.
    pub(super) fn uploads(&self) -> impl Iterator<Item = (&str, &Upload)> {
        self.asked
            .iter()
            .flat_map(|asked| asked.want.uploads().map(|upload| (asked.name.as_str(), upload)))
    }

    /// The new picture, if one is asked for, and its field.
    pub(super) fn picture(&self) -> Option<(&str, &Upload)> {
        self.asked.iter().find_map(|asked| match &asked.want {
            Want::Picture(upload) => Some((asked.name.as_str(), upload)),
            _ => None,
        })
    }
}

/// Draws the plan. What is known of the portal may be a few minutes old; nothing is refused for that
/// before it was asked again.
pub(super) async fn draw(
    session: &Session,
    request: &Request,
    before: &Before,
    budget: &Budget,
) -> Result<Plan, Failure> {
    match draw_by(&session.metadata, session, request, before, budget).await {
        Err(failure) if failure.depends_on_facts() => {
            draw_by(&session.metadata.recent(), session, request, before, budget).await
        }
        drawn => drawn,
    }
}

async fn draw_by(
    metadata: &Metadata,
    session: &Session,
    request: &Request,
    before: &Before,
    budget: &Budget,
) -> Result<Plan, Failure> {
    let entity = request.item.entity;
    let mut known = Fields { entity, naming: request.naming, item: before.item(), list: None };
    let mut notes = request.notes.clone();
    let mut names_are_checked = true;
    let list;
    let to_write = request.fields.keys().chain(&request.clear).map(|typed| (typed, Use::Write));
    let to_check = request.expect.keys().map(|typed| (typed, Use::Check));
    let names = to_write.chain(to_check);
    if names.clone().any(|(typed, usage)| needs_the_list(known, typed, usage)) {
        let mut fetched = metadata.field_list(entity, budget).await;
        // A field that the item shows and the list lacks is newer than the list, however new that is:
        // a list field must not be written unchecked.
        let is_new = |list: &FieldList| {
            let known = Fields { list: Some(list), ..known };
            names.clone().any(|(typed, _)| {
                known.find(typed).is_ok_and(|field| {
                    field.row.is_none() && field.listed.is_none() && field.shape.kind != Kind::Link
                })
            })
        };
        if fetched.as_ref().is_ok_and(|list| is_new(list)) {
            fetched = metadata.renewed_field_list(entity, budget).await;
        }
        match fetched {
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

    let mut draft = Draft::new(known, names_are_checked, &session.files, notes);
    for (typed, value) in &request.fields {
        draft.ask(typed, &format!("fields.{typed}"), Some(value));
    }
    for typed in &request.clear {
        draft.ask(typed, &format!("clear.{typed}"), None);
    }
    let expected: Vec<Expected> =
        request.expect.iter().filter_map(|(typed, value)| draft.expect(typed, value)).collect();
    draft.check_together(request.dry_run);

    draft.check_files().await;
    codes::explain(metadata, &mut draft, budget).await;
    if !draft.problems.is_empty() {
        return Err(Failure::refused_arguments(draft.problems));
    }
    match before {
        Before::Item(item) => {
            check_expectations(&expected, item)?;
            let is_hidden = |asked: &&Asked| !item.contains_key(&asked.name);
            let hidden: Vec<String> =
                draft.asked.iter().filter(is_hidden).map(|it| format!("`{}`", it.name)).collect();
            if request.dry_run && !hidden.is_empty() {
                draft.notes.push(format!(
                    "the item does not show {}, so it is not known what it holds now",
                    hidden.join(", ")
                ));
            }
        }
        Before::Unread(error) => {
            if let Some(need) = need_of_the_item(request, &draft.asked) {
                let failure = session.failure("crm.item.get", error, Purpose::Reading);
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

/// What a typed name is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Write,
    Check,
}

/// Whether the catalogue and the item leave open what the name means, what the field holds, or
/// whether it can be set.
fn needs_the_list(known: Fields<'_>, typed: &str, usage: Use) -> bool {
    match known.find(typed) {
        Ok(field) => match field.row {
            Some(row) => usage == Use::Write && !row.is_listed(),
            // A relation is known by its name; of everything else the portal knows more.
            None => field.shape.kind != Kind::Link,
        },
        Err(_) => true,
    }
}

fn check_expectations(expected: &[Expected], item: &Map<String, Value>) -> Result<(), Failure> {
    let problems: Vec<Problem> = expected
        .iter()
        .filter_map(|expected| {
            let Some(now) = item.get(&expected.name) else {
                let message = "is not shown by the item, so what it holds cannot be known";
                return Some(Problem::new(&expected.path, message));
            };
            let holds = expected.shape.same(&expected.wire, now);
            (!holds).then(|| {
                let message = format!("is not {} but `now`", kind::shown(&expected.wire));
                let now = expected.shape.kind.answered(now);
                Problem::new(&expected.path, message).holding(now)
            })
        })
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    let message = "the item is not as expected";
    let hint = "nothing was sent; look at what the item is now and decide whether the change still \
                applies";
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
    let needing = asked.iter().find(|asked| match (&asked.want, asked.shape.kind) {
        (Want::Records(_) | Want::Picture(_), _) => true,
        // What a multiple field holds decides what is kept and what is deleted.
        (Want::Files(parts), _) => {
            asked.shape.is_multiple || parts.iter().any(|part| matches!(part, Part::Keep(_)))
        }
        (Want::Value(_), Kind::Stage) => !has_category && stage::has_pipelines(request.item.entity),
        (Want::Value(_), Kind::Link) => links::list_of(request.item.entity, &asked.name).is_some(),
        (Want::Value(_), _) => false,
    })?;
    Some(format!("`{}`", needing.name))
}
