//! Fetches all that a plan needs: the fields of the entity type, the files of this machine, and
//! uncertain codes. Compiling and planning then fetch nothing.

use std::sync::Arc;

use super::{
    asked::{Asked, Want},
    before::Before,
    compile::compile,
    expected,
    files::Part,
    lookups::Lookups,
    patch::Patch,
    plan::Plan,
};
use crate::{
    account::Call,
    crm::{Item, Kind, catalog, field_list::FieldList, stage},
    error::{Failure, Purpose, Retry},
    items::Items,
    metadata::{Fields, Metadata},
};

/// Plans the change. Metadata may be a few minutes old; nothing is refused because of them before
/// they have been fetched again.
///
/// # Errors
///
/// Everything that is wrong with the call, or an expectation that fails.
pub(super) async fn plan(call: &Call<'_>, patch: &Patch, before: &Before) -> Result<Plan, Failure> {
    let metadata = &call.account.metadata;
    match plan_by(metadata, call, patch, before).await {
        Err(failure) if failure.depends_on_metadata() => {
            plan_by(&metadata.recent(), call, patch, before).await
        }
        planned => planned,
    }
}

async fn plan_by(
    metadata: &Metadata,
    call: &Call<'_>,
    patch: &Patch,
    before: &Before,
) -> Result<Plan, Failure> {
    let (entity, policy, item) = (patch.item.entity, &call.account.files, before.item());
    let (list, note) = match field_list(metadata, call, patch, item).await {
        Ok(list) => (list, None),
        Err(error) => (None, Some(format!("field names were not checked: {error}"))),
    };
    let fields = Fields { entity, naming: patch.naming, item, list: list.as_deref() };
    let mut intent = compile(patch, &fields, note.is_none(), policy);
    intent.open_files(policy).await;
    let codes = intent.unchecked_codes(item, patch.dry_run);
    let lookups = if codes.is_empty() {
        Lookups::none(entity)
    } else {
        Lookups::fetch(metadata, entity, &codes, &call.deadline).await
    };
    let planned = intent.against(item, patch.dry_run, &lookups, &call.account.policy);
    let mut plan = planned.map_err(Failure::refused_arguments)?;
    if let Some(note) = note {
        plan.notes.insert(0, note);
    }
    match before {
        Before::Item(item) => expected::check(&plan.expected, item)?,
        Before::Unread(error) => {
            if let Some(need) = need_of_the_item(patch, &plan.asked) {
                let failure = call.failure(Items::GET, error, Purpose::Reading);
                return Err(Failure {
                    message: format!("the item could not be read, which {need} requires"),
                    retry: Retry::Later,
                    hint: format!("repeat the call later, or without {need}"),
                    ..failure
                });
            }
            plan.notes.push(format!(
                "the item could not be read before the write ({error}), so `changes` is empty"
            ));
        }
    }
    Ok(plan)
}

/// The portal's list of fields, where the names of the call need it.
pub(super) async fn field_list(
    metadata: &Metadata,
    call: &Call<'_>,
    patch: &Patch,
    item: Option<&Item>,
) -> Result<Option<Arc<FieldList>>, crate::portal::PortalError> {
    let entity = patch.item.entity;
    let fields = Fields { entity, naming: patch.naming, item, list: None };
    if !patch.names().any(|(name, is_written)| needs_the_list(fields, name, is_written)) {
        return Ok(None);
    }
    let list = metadata.field_list(entity, &call.deadline).await?;
    // A field that the item shows and the list lacks is newer than the list, however new that is: a
    // list field must not be written unchecked.
    let listed = Fields { list: Some(&list), ..fields };
    let is_new = patch.names().any(|(name, _)| {
        listed.find(name).is_ok_and(|field| {
            field.row.is_none() && field.listed.is_none() && field.shape.kind != Kind::Link
        })
    });
    if is_new {
        metadata.renewed_field_list(entity, &call.deadline).await.map(Some)
    } else {
        Ok(Some(list))
    }
}

/// Whether the catalogue and the item leave open what the name means, what the field holds, or
/// whether it can be set.
fn needs_the_list(fields: Fields<'_>, name: &str, is_written: bool) -> bool {
    match fields.find(name) {
        Ok(field) => match field.row {
            Some(row) => is_written && !row.is_listed(),
            // A relation is known by its name; everything else is described by the portal.
            None => field.shape.kind != Kind::Link,
        },
        Err(_) => true,
    }
}

/// What in the call cannot be done without having read the item.
fn need_of_the_item(patch: &Patch, asked: &[Asked]) -> Option<String> {
    if !patch.expect.is_empty() {
        return Some("`expect`".to_owned());
    }
    if patch.dry_run {
        return Some("`dryRun`".to_owned());
    }
    let entity = patch.item.entity;
    let has_category = asked.iter().any(|asked| asked.shape.kind == Kind::Category);
    let needing = asked.iter().find(|asked| match (&asked.want, asked.shape.kind) {
        (Want::Records(_) | Want::Picture(_), _) => true,
        // What a multiple field holds decides what is kept and what is deleted.
        (Want::Files(parts), _) => {
            asked.shape.is_multiple || parts.iter().any(|part| matches!(part, Part::Keep(_)))
        }
        (Want::Value(_), Kind::Stage) => !has_category && stage::has_pipelines(entity),
        (Want::Value(_), Kind::Link) => catalog::list_of(entity, &asked.name).is_some(),
        (Want::Value(_), _) => false,
    })?;
    Some(format!("`{}`", needing.name))
}
