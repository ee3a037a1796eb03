//! Several commands in one request, and the answer of each.
//!
//! Only whole numbers are sent in a batch here, so none of its encoding traps apply
//! (docs/bitrix24.md, "Batch").

use serde_json::{Map, Value, json};

use super::{Items, item_in};
use crate::{
    crm::{Item, ItemRef, Naming},
    portal::{ApiError, PortalError},
};

/// What a portal takes in one batch.
pub(super) const MAX_COMMANDS: usize = 50;

/// The parameters of a batch that reads items, each command independent of the others.
pub(super) fn reads(items: impl Iterator<Item = (ItemRef, Naming)>) -> Map<String, Value> {
    let commands = items.enumerate().map(|(at, (item, naming))| {
        let (entity, id) = (item.entity.id(), item.id);
        let mut command = format!("{}?entityTypeId={entity}&id={id}", Items::GET);
        if naming == Naming::Original {
            command.push_str("&useOriginalUfNames=Y");
        }
        (key(at), command.into())
    });
    let commands: Map<String, Value> = commands.collect();
    Map::from_iter([("halt".to_owned(), json!(0)), ("cmd".to_owned(), commands.into())])
}

/// The name of a command, and of its answer.
fn key(at: usize) -> String {
    format!("read{at}")
}

/// The item that one command of a batch has read.
pub(super) fn item_at(answer: &mut Value, at: usize) -> Result<Item, PortalError> {
    let key = key(at);
    let error = answer.pointer(&format!("/result_error/{key}"));
    // Errors inside a batch carry no status of their own.
    if let Some(error) = error.and_then(|error| ApiError::read(400, error)) {
        return Err(PortalError::Refused(error));
    }
    let nothing = &mut Value::Null;
    item_in(answer.pointer_mut(&format!("/result/{key}")).unwrap_or(nothing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batchs_answer_is_read_by_command() {
        let mut answer = json!({
            "result": {"read0": {"item": {"id": 1}}, "read2": {"item": []}},
            "result_error": {"read1": {"error": "NOT_FOUND", "error_description": "gone"}},
        });
        assert_eq!(item_at(&mut answer, 0).unwrap().id(), Some(1));
        let missing = item_at(&mut answer, 1).unwrap_err();
        assert!(matches!(missing, PortalError::Refused(it) if it.code == "NOT_FOUND"));
        assert!(matches!(item_at(&mut answer, 2), Err(PortalError::NoUsableAnswer { .. })));
        assert!(matches!(item_at(&mut answer, 3), Err(PortalError::NoUsableAnswer { .. })));
        // Empty maps come as lists.
        let mut empty = json!({"result": [], "result_error": []});
        assert!(matches!(item_at(&mut empty, 0), Err(PortalError::NoUsableAnswer { .. })));
    }
}
