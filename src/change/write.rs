//! The third step: the one request that changes something.

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{Request, Session, look, plan::Plan};
use crate::{
    failure::{Failure, Purpose},
    portal::PortalError,
};

/// The item as the portal's answer to the write shows it.
#[derive(Debug)]
pub(super) struct After(pub(super) Map<String, Value>);

/// Sends the plan.
pub(super) async fn write(
    session: &Session,
    request: &Request,
    plan: &Plan,
    deadline: Instant,
) -> Result<After, Failure> {
    let mut parameters = look::parameters(request.item, request.naming);
    // The vendor's order: `fields` before `useOriginalUfNames`.
    parameters.shift_insert(2, "fields".to_owned(), plan.wire_fields().into());
    let error = match session.portal.call("crm.item.update", parameters, deadline).await {
        Ok(mut result) => match result.get_mut("item").map(Value::take) {
            Some(Value::Object(item)) => return Ok(After(item)),
            _ => PortalError::Unclear {
                reason: "an answer that holds no item".to_owned(),
                http_status: None,
            },
        },
        Err(error) => error,
    };
    Err(Failure::from_portal(&error, Purpose::Writing))
}
