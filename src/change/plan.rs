//! Applies an intent to one item: the requested fields in wire form, or everything that is wrong.
//! Pure: what the portal has was looked up before.

use std::{io, sync::Arc};

use serde_json::Map;

use super::{
    asked::{Asked, Want},
    codes,
    expected::Expected,
    files::{self, Part},
    intent::{Intended, IntendedField, Intent, in_typed_order},
    links, lists,
    lookups::{Lookups, UncheckedCode},
    stages,
};
use crate::{
    crm::{
        Item, Kind,
        multifield::{self, Operation},
    },
    error::Problem,
    items::WireFields,
    policy::{ToWrite, WritePolicy},
    uploads::Upload,
};

/// What will be asked of the portal for one item.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) asked: Arc<[Asked]>,
    /// Fields and the values that they must have now.
    pub(super) expected: Vec<Expected>,
    /// What was repaired or could not be checked.
    pub(super) notes: Vec<String>,
    /// Where a change is put back: what stays as it is all the same.
    pub(super) stays: Vec<Stays>,
}

/// A field that stays as it is although a change of it is put back.
#[derive(Debug, Clone)]
pub(super) struct Stays {
    pub(super) field: String,
    /// Why it cannot come back; nothing where it holds another value than the change left.
    pub(super) why: Option<String>,
}

impl Intent {
    /// The typed codes that only the portal can confirm, given the item. A dry run is not verified
    /// afterwards, so each of its stages is looked up.
    pub(super) fn unchecked_codes(
        &self,
        item: Option<&Item>,
        is_only_planned: bool,
    ) -> Vec<UncheckedCode> {
        let of_value = |field: &IntendedField| {
            let Intended::Value { wire, .. } = &field.value else { return field.names() };
            match field.shape.kind {
                Kind::Stage => stages::unchecked_code(self, field, wire, item, is_only_planned)
                    .into_iter()
                    .collect(),
                Kind::Status => lists::new_codes(field, wire, item),
                _ => Vec::new(),
            }
        };
        let of_expectation = |field: &IntendedField| match &field.value {
            Intended::Value { wire, .. } if field.shape.kind == Kind::Stage => {
                stages::expected_name(self, field, wire, item).into_iter().collect()
            }
            _ => field.names(),
        };
        let of_fields = self.fields.iter().flat_map(of_value);
        of_fields.chain(self.expected.iter().flat_map(of_expectation)).collect()
    }

    /// Plans the change of one item, or of one that could not be read.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, in the order in which it was typed.
    pub(super) fn against(
        &self,
        item: Option<&Item>,
        is_only_planned: bool,
        lookups: &Lookups,
        policy: &WritePolicy,
    ) -> Result<Plan, Vec<Problem>> {
        let plan = if self.unchecked_codes(item, is_only_planned).is_empty() {
            self.planned(item, is_only_planned, lookups)?
        } else {
            let mut read = self.clone();
            codes::read_names(&mut read, item, lookups);
            read.planned(item, is_only_planned, lookups)?
        };
        let mut denied = policy.problems(self.entity, item, plan.to_write(self));
        if item.is_none() {
            denied.extend(policy.problem_with_unread(self.entity));
        }
        if denied.is_empty() { Ok(plan) } else { Err(denied) }
    }

    fn planned(
        &self,
        item: Option<&Item>,
        is_only_planned: bool,
        lookups: &Lookups,
    ) -> Result<Plan, Vec<Problem>> {
        let mut problems = self.problems.clone();
        let mut notes = Vec::new();
        let mut asked = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            notes.extend(field.notes.iter().cloned());
            match self.want(field, item, &mut notes) {
                Ok(Some(want)) => asked.push(Asked {
                    name: field.name.clone(),
                    shape: field.shape,
                    row: field.row,
                    want,
                }),
                Ok(None) => {}
                Err(wrong) => problems.extend(wrong),
            }
        }
        let mut expected = Vec::with_capacity(self.expected.len());
        for field in &self.expected {
            match Expected::of(field, item, &mut notes) {
                Ok(open) => expected.extend(open),
                Err(problem) => problems.push(problem),
            }
        }
        for field in &self.fields {
            let Intended::Value { wire, .. } = &field.value else { continue };
            problems.extend(match field.shape.kind {
                Kind::Stage => stages::problem(self, &field.path, wire, item),
                Kind::Link => links::problem(self.entity, &asked, field, wire, item),
                _ => None,
            });
        }
        notes.extend(self.notes.iter().cloned());
        notes.extend(asked.iter().filter_map(|asked| lists::dropped(asked, item)));
        let unchecked = self.unchecked_codes(item, is_only_planned);
        codes::check(self.entity, &unchecked, lookups, &mut problems, &mut notes);
        if !problems.is_empty() {
            in_typed_order(&mut problems, &self.typed);
            return Err(problems);
        }
        if let Some(item) = item.filter(|_| is_only_planned) {
            notes.extend(hidden(&asked, item));
        }
        Ok(Plan { asked: asked.into(), expected, notes, stays: Vec::new() })
    }

    /// The requested value of a field in this item; nothing when it stays as it is.
    fn want(
        &self,
        field: &IntendedField,
        item: Option<&Item>,
        notes: &mut Vec<String>,
    ) -> Result<Option<Want>, Vec<Problem>> {
        let path = field.path.as_str();
        let now = item.and_then(|item| item.get(&field.name));
        let is_hidden = item.is_some() && now.is_none();
        match &field.value {
            Intended::Value { .. } | Intended::Typed { .. } | Intended::Name { .. } => {
                let (wire, note) = field.wire(item).map_err(|problem| vec![problem])?;
                let problem = lists::replaced(field, &wire, item, self.names_are_checked);
                if let Some(problem) = problem {
                    return Err(vec![problem]);
                }
                notes.extend(note.map(|note| format!("`{path}` {note}")));
                Ok(Some(Want::Value(wire)))
            }
            // Without the item its records are not known, and the call ends for that reason.
            Intended::Records(_) | Intended::NoRecords if item.is_none() => {
                Ok(Some(Want::Records(Vec::new())))
            }
            Intended::NoRecords if is_hidden => {
                let message = "cannot be emptied: the item does not show which records it has";
                Err(vec![Problem::new(path, message).for_the_user(ONLY_IN_THE_PORTAL)])
            }
            Intended::NoRecords => {
                let removed = multifield::records(now).into_iter().map(Operation::Remove);
                Ok(Some(Want::Records(removed.collect())))
            }
            Intended::Records(elements) => match elements.against(&multifield::records(now)) {
                Ok(read) => {
                    notes.extend(read.notes);
                    Ok(Some(Want::Records(read.operations)))
                }
                Err(_) if is_hidden => {
                    let message = "cannot be changed by record: the item does not show which \
                                   records it has; additions (`n0`) can be sent";
                    Err(vec![Problem::new(path, message)])
                }
                Err(wrong) => {
                    Err(wrong.into_iter().map(|wrong| Problem::of(path, wrong)).collect())
                }
            },
            Intended::Files(requested) => files_in(field, requested, item, notes),
            // Of expectations alone.
            Intended::HeldRecords(_) | Intended::HeldFiles(_) => Ok(None),
        }
    }
}

/// What to do about a field that the item does not show.
const ONLY_IN_THE_PORTAL: &str = "tell the user; a person has to change the field in the portal";

/// The requested value of a file field in this item; nothing when it stays as it is.
fn files_in(
    field: &IntendedField,
    requested: &files::Requested,
    item: Option<&Item>,
    notes: &mut Vec<String>,
) -> Result<Option<Want>, Vec<Problem>> {
    let path = field.path.as_str();
    let now = files::ids(item.and_then(|item| item.get(&field.name)));
    if item.is_some() {
        let wrong = requested.kept_wrongly(&now);
        if !wrong.is_empty() {
            return Err(wrong.into_iter().map(|wrong| Problem::of(path, wrong)).collect());
        }
    }
    let is_hidden = item.is_some_and(|item| !item.shows(&field.name));
    if let Some(message) = lists::replaced_files(field, requested, &now, is_hidden) {
        let problem = Problem::new(path, message);
        return Err(vec![if is_hidden {
            problem.for_the_user(ONLY_IN_THE_PORTAL)
        } else {
            problem
        }]);
    }
    notes.extend(requested.notes.iter().map(|note| format!("`{path}`: {note}")));
    if field.shape.kind == Kind::File {
        notes.extend(lists::deleted_files(field, requested, &now));
        return Ok(Some(Want::Files(requested.parts.clone())));
    }
    Ok(match requested.parts.first() {
        None => Some(Want::Value(field.shape.cleared())),
        Some(Part::Upload(upload)) => Some(Want::Picture(upload.clone())),
        // `crm.item.update` would store the list that keeps a file as the number 1.
        // Whether the item has the file that is kept, only the item can tell.
        Some(Part::Keep(_)) if item.is_none() => Some(Want::Files(requested.parts.clone())),
        Some(Part::Keep(_) | Part::Path { .. }) => {
            notes.push(format!("`{}` stays as it is and is not sent", field.name));
            None
        }
    })
}

/// The note of a dry run about fields that the item does not show.
fn hidden(asked: &[Asked], item: &Item) -> Option<String> {
    let hidden: Vec<String> = asked
        .iter()
        .filter(|asked| !item.shows(&asked.name))
        .map(|asked| format!("`{}`", asked.name))
        .collect();
    (!hidden.is_empty()).then(|| {
        format!("the item does not show {}, so what it holds now is unknown", hidden.join(", "))
    })
}

impl Plan {
    /// What it writes, with where it was typed.
    fn to_write<'a>(&'a self, intent: &'a Intent) -> impl Iterator<Item = ToWrite<'a>> {
        self.asked.iter().map(|asked| {
            let typed = intent.fields.iter().find(|field| field.name == asked.name);
            let value = match &asked.want {
                Want::Value(value) => Some(value),
                Want::Records(_) | Want::Files(_) | Want::Picture(_) => None,
            };
            ToWrite { path: typed.map_or(&*asked.name, |it| &*it.path), name: &asked.name, value }
        })
    }

    /// Whether nothing needs to be sent.
    pub(super) fn is_applied(&self, item: &Item) -> bool {
        self.asked.iter().all(|asked| asked.is_applied(Some(item), item))
    }

    /// What `crm.item.update` is sent, if anything: one differing field sends them all, so that the
    /// portal checks them together.
    pub(super) async fn wire_fields(&self) -> io::Result<Option<WireFields>> {
        let mut fields = Map::new();
        for asked in &*self.asked {
            let wire = match &asked.want {
                Want::Value(value) => value.clone(),
                Want::Records(operations) if operations.is_empty() => continue,
                Want::Records(operations) => multifield::wire(operations),
                Want::Files(parts) => files::wire(parts, asked.shape.is_multiple).await?,
                Want::Picture(_) => continue,
            };
            fields.insert(asked.name.clone(), wire);
        }
        Ok((!fields.is_empty()).then(|| WireFields::checked(fields)))
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

#[cfg(test)]
mod tests;
