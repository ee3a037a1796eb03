//! Lists that replace what was there, and the single links that silently do.
//!
//! `contactId` sets nothing when the contact is linked already, and unlinks all others when it is
//! not (docs/bitrix24.md, "Linked items"); `contactIds` has no such effects. The same holds for a
//! contact's companies.

use serde_json::{Value, json};

use super::{asked::Asked, intent::IntendedField};
use crate::{
    crm::{EntityType, Item, catalog, kind},
    error::Problem,
};

/// What is wrong with a single link: sent together with its list, or with another effect.
pub(super) fn problem(
    entity: EntityType,
    all: &[Asked],
    field: &IntendedField,
    wire: &Value,
    item: Option<&Item>,
) -> Option<Problem> {
    let path = field.path.as_str();
    let list = catalog::list_of(entity, &field.name)?;
    if all.iter().any(|other| other.name == list) {
        let message = format!("is sent together with `{list}`, which sets it; send only `{list}`");
        return Some(Problem::new(path, message).suggest(Some(list)));
    }
    let item = item?;
    let linked = match item.get(list) {
        Some(list) => kind::ids(list),
        None => item.get(&field.name).map(kind::ids).unwrap_or_default(),
    };
    let id = kind::whole_number(wire).unwrap_or(0);
    let (message, meant): (String, Vec<i64>) = if id == 0 {
        if linked.len() < 2 {
            return None;
        }
        let message = format!("0 would unlink all of {linked:?}; send `{list}` with those to keep");
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
                (format!("{message}; send `{list}` with this id first"), meant)
            }
            (false, _, _) => {
                let message = format!("would unlink all of {linked:?}; send `{list}` instead");
                (message, meant)
            }
        }
    };
    let working_call = json!({ list: meant }).to_string();
    Some(Problem::new(path, message).suggest(Some(working_call)))
}
