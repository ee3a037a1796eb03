//! What a failed request means for an item, where the portal's code alone does not tell.

use super::{asked::Asked, patch::Patch, required};
use crate::{
    account::Call,
    crm::{EntityType, Family, Item, ItemRef, Kind, catalog, stage},
    error::{Failure, Problem, Purpose},
    items::Items,
    metadata::Entry,
    portal::{ApiError, ErrorKind, PortalError, error::readable},
};

/// What it means that an item could not be read.
pub(super) async fn unread(call: &Call<'_>, item: ItemRef, error: &PortalError) -> Failure {
    let failure = call.failure(Items::GET, error, Purpose::Reading);
    match error {
        PortalError::Refused(error) if error.kind() == ErrorKind::NotFound => {
            not_found(call, item, error, failure).await
        }
        PortalError::Refused(error) if error.kind() == ErrorKind::AccessDenied => {
            denied(call, item, "reading", failure)
        }
        _ => failure,
    }
}

/// The failure of a write that was refused, with what a person has to be asked for: the value of a
/// required field, or a right.
pub(super) async fn unwritten(
    call: &Call<'_>,
    patch: &Patch,
    error: &PortalError,
    failure: Failure,
) -> Failure {
    let PortalError::Refused(error) = error else { return failure };
    match error.kind() {
        ErrorKind::AccessDenied => denied(call, patch.item, "changing", failure),
        ErrorKind::RequiredField => {
            let metadata = &call.account.metadata;
            let Ok(list) = metadata.field_list(patch.item.entity, &call.deadline).await else {
                return failure;
            };
            let problems = required::named(&list, patch.naming, &readable(&error.description));
            if problems.is_empty() {
                return failure;
            }
            let hint = "ask the user for the value of each field in `problems`, and send it in the \
                        same call";
            Failure { hint: hint.to_owned(), problems, ..failure }
        }
        _ => failure,
    }
}

/// The failure with whose rights are missing, for a person who can have them granted.
fn denied(call: &Call<'_>, item: ItemRef, doing: &str, failure: Failure) -> Failure {
    let hint = format!(
        "tell the user: the assistant works with the rights of {}, which do not allow {doing} {} {}; an \
         administrator of the portal can grant that in the CRM's access permissions",
        call.account.user(),
        item.entity,
        item.id
    );
    Failure { hint, ..failure }
}

/// Tells a missing item from a missing smart process: the code is the same, the texts differ and
/// are localised (docs/bitrix24.md, "Error codes"), so if in doubt the type's field list is read.
async fn not_found(call: &Call<'_>, item: ItemRef, error: &ApiError, failure: Failure) -> Failure {
    let text = error.description.to_lowercase();
    let type_is_missing = match item.entity.family() {
        Some(Family::SmartProcess) | None => {
            if text.contains("smart process") || text.contains("смарт-процесс") {
                true
            } else if text.contains("item") || text.contains("элемент") {
                false
            } else {
                let metadata = &call.account.metadata;
                metadata.field_list(item.entity, &call.deadline).await.is_err()
            }
        }
        Some(_) => false,
    };
    if type_is_missing {
        return failure.of_missing_type(item.entity);
    }
    let message = format!("there is no {} with the id {}", item.entity, item.id);
    Failure { message, ..failure }
}

/// The asked fields that a refusal can be about, when the portal does not name one by its code.
pub(super) fn suspects(asked: &[Asked], error: &PortalError) -> Vec<Problem> {
    let PortalError::Refused(error) = error else {
        return Vec::new();
    };
    if !matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::Refused) {
        return Vec::new();
    }
    let text = error.description.to_lowercase();
    let mut suspects: Vec<&Asked> =
        asked.iter().filter(|asked| is_spoken_of(asked, &text)).collect();
    if suspects.is_empty() {
        suspects = asked.iter().filter(|asked| is_refusable(asked)).collect();
    }
    let problem = |asked: &Asked| {
        Problem::new(format!("fields.{}", asked.name), "may be the field that the portal refuses")
    };
    suspects.into_iter().map(problem).collect()
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

/// Whether the field holds a stage.
pub(super) fn is_stage(entity: EntityType, field: &str) -> bool {
    catalog::field(entity, field).is_some_and(|field| field.kind == Kind::Stage)
}

/// The stages that an item can have which kept the stage `code`; none when they cannot be read.
pub(super) async fn stages(
    call: &Call<'_>,
    entity: EntityType,
    code: &str,
    item: &Item,
) -> Vec<Entry> {
    let of_stage = stage::pipeline(entity, code).ok().flatten();
    let pipeline = of_stage.or_else(|| item.pipeline(entity)).unwrap_or(0);
    let metadata = &call.account.metadata;
    metadata.stages(entity, pipeline, &call.deadline).await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{change::asked::Want, crm::Shape};

    fn asked(entity: u32, names: &[&str]) -> Vec<Asked> {
        let asked = |name: &&str| {
            let row = catalog::field(EntityType::new(entity), name);
            let kind = row.map_or(Kind::Any, |row| row.kind);
            let want = Want::Value(json!(1));
            Asked { name: (*name).to_owned(), shape: Shape::one(kind), row, want }
        };
        names.iter().map(asked).collect()
    }

    fn refused(code: &str, description: &str) -> PortalError {
        let error = json!({"error": code, "error_description": description});
        PortalError::Refused(ApiError::read(400, &error).unwrap())
    }

    #[test]
    fn a_refusal_is_about_the_field_that_it_names_or_about_one_that_portals_check() {
        let cases: [(&[&str], &str, &str, &[&str]); 5] = [
            (&["title", "currencyId"], "100", "Неверная валюта", &["fields.currencyId"]),
            (&["title", "stageId"], "100", "Wrong stage", &["fields.stageId"]),
            (
                &["title", "contactId", "ufCrm_1"],
                "100",
                "?",
                &["fields.contactId", "fields.ufCrm_1"],
            ),
            (&["title"], "100", "?", &[]),
            (&["stageId"], "NOT_FOUND", "stage", &[]),
        ];
        for (names, code, text, suspected) in cases {
            let problems = suspects(&asked(2, names), &refused(code, text));
            let paths: Vec<&str> = problems.iter().map(|it| it.path.as_str()).collect();
            assert_eq!(paths, suspected, "{names:?} {text}");
        }
    }
}
