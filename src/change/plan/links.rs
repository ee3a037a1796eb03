//! Lists that replace what was there, and the single links that silently do.
//!
//! `contactId` sets nothing when the contact is linked already, and unlinks all others when it is
//! not (fact sheet §1.6); `contactIds` says what is meant. The same holds for a contact's companies.

use serde_json::{Map, Value};

use super::{Asked, Want};
use crate::{
    crm::{EntityType, Kind, catalog, kind},
    error::Problem,
    resolve::Fields,
};

/// The list that a single link is the first of.
pub(super) fn list_of(entity: EntityType, single: &str) -> Option<&'static str> {
    let list = match single {
        "contactId" => "contactIds",
        "companyId" => "companyIds",
        _ => return None,
    };
    catalog::field(entity, list).map(|field| field.name)
}

/// What is wrong with a single link: asked beside its list, or doing something else than it says.
pub(super) fn problem(
    known: Fields<'_>,
    all: &[Asked],
    asked: &Asked,
    path: &str,
    value: &Value,
) -> Option<Problem> {
    let list = list_of(known.entity, &asked.name)?;
    if all.iter().any(|other| other.name == list) {
        let message =
            format!("is asked together with `{list}`, which sets it; send `{list}` alone");
        return Some(Problem::new(path, message).suggest(Some(list)));
    }
    let item = known.item?;
    let linked = match item.get(list) {
        Some(list) => kind::ids(list),
        None => item.get(&asked.name).map(kind::ids).unwrap_or_default(),
    };
    let id = kind::whole_number(value).unwrap_or(0);
    let (message, meant): (String, Vec<i64>) = if id == 0 {
        if linked.len() < 2 {
            return None;
        }
        let message =
            format!("0 would unlink all of {linked:?}; send `{list}` with those that stay");
        (message, linked.iter().skip(1).copied().collect())
    } else {
        let others = linked.iter().copied().filter(|other| *other != id);
        let meant: Vec<i64> = std::iter::once(id).chain(others).collect();
        let is_linked = linked.contains(&id);
        let is_first = linked.first() == Some(&id);
        match (is_linked, is_first, linked.is_empty()) {
            (_, _, true) | (_, true, _) => return None,
            (true, false, _) => {
                let message =
                    "would change nothing, because it is linked already and not the first";
                (format!("{message}; send `{list}` with it first"), meant)
            }
            (false, _, _) => {
                let message = format!("would unlink all of {linked:?}; send `{list}` instead");
                (message, meant)
            }
        }
    };
    let working_call = serde_json::json!({ list: meant }).to_string();
    Some(Problem::new(path, message).suggest(Some(working_call)))
}

/// More dropped values than that are only counted.
const MAX_SHOWN: usize = 20;

/// What a list that replaces the old one drops, as a note; emptying a list says so itself.
pub(super) fn dropped(item: Option<&Map<String, Value>>, asked: &Asked) -> Option<String> {
    let Want::Value(wanted @ Value::Array(values)) = &asked.want else {
        return None;
    };
    let is_list = asked.shape.is_multiple
        || matches!(asked.shape.kind, Kind::Users | Kind::Links | Kind::Integers);
    if !is_list || values.is_empty() {
        return None;
    }
    let now = item?.get(&asked.name)?;
    let dropped = asked.shape.dropped(wanted, now);
    if dropped.is_empty() {
        return None;
    }
    let what = if asked.shape.kind.holds_ids() {
        let ids: Vec<String> = dropped
            .iter()
            .filter_map(|id| kind::whole_number(id))
            .take(MAX_SHOWN)
            .map(|id| format!("`{id}`"))
            .collect();
        let rest = match dropped.len().saturating_sub(ids.len()) {
            0 => String::new(),
            rest => format!(" and {rest} more"),
        };
        format!("{}{rest}", ids.join(", "))
    } else {
        format!("{} of its values", dropped.len())
    };
    Some(format!("`{}` replaces the old list and drops {what}", asked.name))
}
