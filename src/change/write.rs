//! The third step: the requests that change something.

use serde_json::{Map, Value, json};

use super::{
    ItemRef, Request, Session, looks,
    plan::{Asked, Plan, WireFields},
};
use crate::{
    crm::{Family, Kind, names},
    error::{Code, Failure, Problem, Retry},
    portal::{Budget, ErrorKind, PortalError},
};

/// The item as the portal's answer to the write shows it.
#[derive(Debug)]
pub(super) struct After(pub(super) Map<String, Value>);

/// Sends the fields of a plan.
pub(super) async fn write(
    session: &Session,
    request: &Request,
    fields: WireFields,
    budget: &Budget,
) -> Result<After, PortalError> {
    let mut parameters = looks::parameters(request.item, request.naming);
    // The vendor's order: `fields` before `useOriginalUfNames`.
    parameters.shift_insert(2, "fields".to_owned(), fields.into());
    let mut result = session.portal.call("crm.item.update", &parameters, budget).await?;
    looks::item_in(&mut result).map(After)
}

/// Sends a new picture by the method of the entity type: `crm.item.update` would cast it to the
/// number 1 (fact sheet §3).
pub(super) async fn write_picture(
    session: &Session,
    item: ItemRef,
    name: &str,
    file: Value,
    budget: &Budget,
) -> Result<(), PortalError> {
    let fields = Map::from_iter([(names::to_upper(name), json!({"fileData": file}))]);
    let parameters = Map::from_iter([
        ("id".to_owned(), json!(item.id)),
        ("fields".to_owned(), Value::Object(fields)),
    ]);
    session.portal.call(picture_method(item), &parameters, budget).await.map(|_| ())
}

/// The method that takes an item's picture.
pub(super) const fn picture_method(item: ItemRef) -> &'static str {
    match item.entity.family() {
        Some(Family::Contact) => "crm.contact.update",
        _ => "crm.company.update",
    }
}

/// A file that could be opened and cannot be read to its end.
pub(super) fn unreadable(error: &std::io::Error) -> Failure {
    let message = format!("a file could not be read: {}", error.kind());
    let hint = "check the file and call again";
    Failure::new(Code::InvalidArguments, Retry::AfterFix, message, hint)
}

/// The asked fields that a refusal can be about, when the portal does not name one by its code.
pub(super) fn suspects(plan: &Plan, error: &PortalError) -> Vec<Problem> {
    let PortalError::Refused(refusal) = error else {
        return Vec::new();
    };
    if !matches!(refusal.kind(), ErrorKind::InvalidValue | ErrorKind::Refused) {
        return Vec::new();
    }
    let text = refusal.description.to_lowercase();
    let mut suspects: Vec<&Asked> =
        plan.asked.iter().filter(|asked| is_spoken_of(asked, &text)).collect();
    if suspects.is_empty() {
        suspects = plan.asked.iter().filter(|asked| is_refusable(asked)).collect();
    }
    suspects
        .into_iter()
        .map(|asked| {
            Problem::new(format!("fields.{}", asked.name), "may be what the portal refuses")
        })
        .collect()
}

/// Whether a text, in the portal's language, names the field or what it holds.
fn is_spoken_of(asked: &Asked, text: &str) -> bool {
    let words: &[&str] = match asked.shape.kind {
        Kind::Currency => &["currency", "валют"],
        Kind::Category => &["pipeline", "category", "funnel", "direction", "воронк", "направлен"],
        Kind::Stage => &["stage", "стади"],
        Kind::Multifield => &["e-mail", "email", "mail", "phone", "почт", "телефон"],
        Kind::Picture => &["photo", "image", "logo", "фото", "изображен"],
        _ => &[],
    };
    let name = asked.name.trim_end_matches("Ids").trim_end_matches("Id").to_lowercase();
    text.contains(&name) || words.iter().any(|word| text.contains(word))
}

/// Whether the portal checks the values of fields like this one.
fn is_refusable(asked: &Asked) -> bool {
    asked.shape.is_multiple
        || asked.row.is_none()
        || matches!(
            asked.shape.kind,
            Kind::Currency
                | Kind::Category
                | Kind::Stage
                | Kind::Link
                | Kind::Links
                | Kind::User
                | Kind::Users
                | Kind::Multifield
                | Kind::Picture
        )
}
