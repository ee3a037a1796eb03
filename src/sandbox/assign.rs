//! What a portal does with the fields of an update: which it silently drops, which others
//! change with them, and when it saves at all (docs/bitrix24.md, "Silent drops" and "How an update
//! runs"). How it reads one value lives in `cast`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    Rules,
    cast::{
        bb_code, day, is_blank, moment, now, number, php_empty, php_float, php_int, php_ints, text,
        type_name, yes_no,
    },
    fault::PortalFault,
    records,
    state::{AnyField, Common, CustomField, Semantics, TypeData},
};
use crate::crm::{Family, Kind, Naming};

/// Sets the fields of an item and saves it if something changed. Returns the fields that the answer
/// calls empty although they are not.
pub(super) fn update(
    data: &mut TypeData,
    id: u64,
    fields: &Map<String, Value>,
    naming: Naming,
    user: u32,
    common: &mut Common,
) -> Result<Vec<String>, PortalFault> {
    let Some(before) = data.items.get(&id).cloned() else {
        return Ok(Vec::new());
    };
    let mut item = before.clone();
    for (key, value) in fields {
        if ["FM", "contacts", "companies"].contains(&key.as_str()) {
            let text = "Argument must be of type array, another type given";
            return Err(PortalFault::new(400, "100", text));
        }
        let Some(field) = data.field(key, naming).filter(|field| field.is_writable()) else {
            continue; // Unknown, read-only and immutable fields are silently dropped.
        };
        match field {
            AnyField::Standard(row) => {
                set_standard(data, &mut item, row.name, row.kind, value, common)?;
            }
            AnyField::Custom(custom) => {
                set_custom(data, &mut item, &field.camel_name(), custom, value, common)?;
            }
            AnyField::Parent(_) => set_link(&mut item, &field.camel_name(), value)?,
        }
    }
    if data.is_restricted_by_plan {
        let text = "You cannot change the item due to your plan restrictions";
        return Err(PortalFault::new(400, "UPDATE_DYNAMIC_ITEM_RESTRICTED", text));
    }
    check_currency(&item, &common.currencies)?;
    settle_stage(data, &before, &mut item, user)?;
    check_required(&common.rules, &before, &item)?;
    set_closing_date(data, &common.rules, &before, &mut item);
    let forgotten = forget_to_clear(data, &common.rules, &before, &mut item);
    if item != before {
        item.insert("updatedTime".to_owned(), now().into());
        item.insert("updatedBy".to_owned(), user.into());
    }
    run_robot(data, &common.rules, &before, &mut item, user)?;
    data.items.insert(id, item);
    Ok(forgotten)
}

/// A field that has to be filled when an item moves to a stage.
fn check_required(
    rules: &Rules,
    before: &Map<String, Value>,
    item: &Map<String, Value>,
) -> Result<(), PortalFault> {
    let Some((stage, field)) = &rules.required else {
        return Ok(());
    };
    let has_moved = item.get("stageId") != before.get("stageId");
    let is_there = item.get("stageId").is_some_and(|now| now == stage.as_str());
    if has_moved && is_there && item.get(field).is_none_or(php_empty) {
        let text = format!("Required field \"{field}\" is not filled");
        return Err(PortalFault::new(400, "CRM_FIELD_ERROR_REQUIRED", text));
    }
    Ok(())
}

/// Reaching a final stage closes the item today, whatever the call said.
fn set_closing_date(
    data: &TypeData,
    rules: &Rules,
    before: &Map<String, Value>,
    item: &mut Map<String, Value>,
) {
    let closes_today = match data.entity.family() {
        Some(Family::Quote | Family::SmartProcess) => true,
        Some(Family::Deal) => rules.deals_close_today,
        _ => false,
    };
    let is_final = |item: &Map<String, Value>| {
        item.get("stageSemanticId").is_some_and(|semantics| semantics != "P")
    };
    if closes_today && is_final(item) && !is_final(before) {
        let today = now().chars().take(10).collect::<String>();
        item.insert("closedate".to_owned(), day(&today.into()).unwrap_or_default());
    }
}

/// The defect of emptied lists: the old values stay, and the answer says that they are gone.
fn forget_to_clear(
    data: &TypeData,
    rules: &Rules,
    before: &Map<String, Value>,
    item: &mut Map<String, Value>,
) -> Vec<String> {
    if !rules.forgets_to_clear {
        return Vec::new();
    }
    let mut forgotten = Vec::new();
    for field in data.custom.iter().filter(|field| field.is_multiple) {
        let name = AnyField::Custom(*field).camel_name();
        let (old, new) = (before.get(&name), item.get(&name));
        if old != new && new.is_some_and(php_empty) {
            item.insert(name.clone(), old.cloned().unwrap_or_default());
            forgotten.push(name);
        }
    }
    forgotten
}

fn run_robot(
    data: &TypeData,
    rules: &Rules,
    before: &Map<String, Value>,
    item: &mut Map<String, Value>,
    user: u32,
) -> Result<(), PortalFault> {
    let Some((from, to)) = &rules.robot else {
        return Ok(());
    };
    let has_moved = item.get("stageId") != before.get("stageId");
    if has_moved && item.get("stageId").is_some_and(|stage| stage == from.as_str()) {
        let reached = item.clone();
        item.insert("stageId".to_owned(), to.as_str().into());
        settle_stage(data, &reached, item, user)?;
    }
    Ok(())
}

fn set_standard(
    data: &TypeData,
    item: &mut Map<String, Value>,
    name: &str,
    kind: Kind,
    value: &Value,
    common: &mut Common,
) -> Result<(), PortalFault> {
    let is_kept = data.entity.family().is_some_and(|family| {
        crate::crm::catalog::field(data.entity, name).is_some_and(|row| row.is_kept(family))
    });
    // A line of text may be `0` (docs/bitrix24.md, "Empty values").
    let is_empty = if kind == Kind::Text { is_blank(value) } else { php_empty(value) };
    if is_kept && is_empty {
        return Ok(());
    }
    let stored = match kind {
        Kind::Text | Kind::Status | Kind::Stage | Kind::Currency => text(value),
        Kind::Markup => text(value).as_str().map_or(Value::Null, |html| bb_code(html).into()),
        Kind::YesNo => yes_no(value),
        Kind::Integer if is_blank(value) => Value::Null,
        Kind::Integer => json!(php_int(value)),
        Kind::Percent if is_blank(value) => Value::Null,
        Kind::Percent => json!(php_int(value).clamp(0, 100)),
        Kind::Number if is_blank(value) => Value::Null,
        Kind::Number | Kind::Amount => number(php_float(value)),
        Kind::User => json!(php_int(value)),
        Kind::Users | Kind::Integers => json!(php_ints(value)),
        Kind::Category => match data.pipelines.iter().find(|it| it.id == php_int(value)) {
            Some(pipeline) => json!(pipeline.id),
            None => return Err(invalid("Pipeline")),
        },
        Kind::Date => match day(value) {
            Some(day) => day,
            None => return Ok(()),
        },
        Kind::DateTime => match moment(value) {
            Some(moment) => moment,
            None => return Ok(()),
        },
        Kind::Links => {
            let ids: Vec<i64> = php_ints(value).into_iter().filter(|id| *id > 0).collect();
            if let Some(single) = single_of(name).filter(|single| item.contains_key(*single)) {
                item.insert(single.to_owned(), json!(ids.first().copied().unwrap_or(0)));
            }
            json!(ids)
        }
        Kind::Link => return set_bound_link(item, name, value),
        // A plain number column: an upload is cast to 1.
        Kind::Picture => json!(php_int(value)),
        Kind::Multifield => {
            let records = item.get_mut(name).and_then(Value::as_array_mut);
            if let Some(records) = records {
                records::assign(records, value, &mut common.next_record)?;
            }
            records::set_flags(item);
            return Ok(());
        }
        Kind::Any | Kind::Choice | Kind::Money | Kind::CrmLink | Kind::File => return Ok(()),
    };
    item.insert(name.to_owned(), stored);
    Ok(())
}

/// The field that mirrors the first id of a list.
fn single_of(list: &str) -> Option<&'static str> {
    match list {
        "contactIds" => Some("contactId"),
        "companyIds" => Some("companyId"),
        _ => None,
    }
}

/// `contactId` and a contact's `companyId`: an already bound id changes nothing, another one
/// replaces all.
fn set_bound_link(
    item: &mut Map<String, Value>,
    name: &str,
    value: &Value,
) -> Result<(), PortalFault> {
    let list = match name {
        "contactId" => "contactIds",
        "companyId" => "companyIds",
        _ => return set_link(item, name, value),
    };
    let Some(bound) = item.get(list).map(php_ints) else {
        return set_link(item, name, value);
    };
    if php_int(value) > 0 && bound.contains(&php_int(value)) {
        return Ok(());
    }
    set_link(item, name, value)?;
    let ids: Vec<i64> = Some(php_int(value)).filter(|id| *id > 0).into_iter().collect();
    item.insert(list.to_owned(), json!(ids));
    Ok(())
}

fn set_link(item: &mut Map<String, Value>, name: &str, value: &Value) -> Result<(), PortalFault> {
    let id = php_int(value);
    if id < 0 {
        return Err(invalid(name));
    }
    let unlinked = if name.starts_with("parentId") { Value::Null } else { json!(0) };
    item.insert(name.to_owned(), if id == 0 { unlinked } else { json!(id) });
    Ok(())
}

fn set_custom(
    data: &TypeData,
    item: &mut Map<String, Value>,
    name: &str,
    field: CustomField,
    value: &Value,
    common: &mut Common,
) -> Result<(), PortalFault> {
    if field.portal_type == "file" {
        let now = item.get(name).cloned().unwrap_or_default();
        let stored = common.files.assign(&now, value, field.is_multiple);
        item.insert(name.to_owned(), stored);
        return Ok(());
    }
    // Numbers of quotes and invoices are unique.
    let is_number = field.upper_name.ends_with("_NUMBER");
    if is_number
        && data
            .items
            .values()
            .any(|other| other.get("id") != item.get("id") && other.get(name) == Some(value))
    {
        let text = format!("Field \"{}\" is not unique", field.title);
        return Err(PortalFault::new(400, "CRM_FIELD_ERROR_VALUE_NOT_UNIQUE", text));
    }
    let stored = if field.is_multiple {
        let values = match value {
            Value::Array(values) => values.iter().collect(),
            empty if is_blank(empty) => Vec::new(),
            other => {
                let text = format!(
                    "Expected iterable value for multiple field, but got {} instead",
                    type_name(other)
                );
                return Err(PortalFault::new(400, "100", text));
            }
        };
        let values = values.into_iter().filter(|value| !is_blank(value));
        values.filter_map(|value| custom_value(field, value)).collect()
    } else if is_blank(value) {
        Value::Null
    } else {
        match custom_value(field, value) {
            Some(stored) => stored,
            None => return Ok(()),
        }
    };
    item.insert(name.to_owned(), stored);
    Ok(())
}

fn custom_value(field: CustomField, value: &Value) -> Option<Value> {
    Some(match field.portal_type {
        "double" => number(php_float(value)),
        "integer" => json!(php_int(value)),
        "boolean" => yes_no(value),
        "date" => return day(value),
        "datetime" => return moment(value),
        "enumeration" => {
            let id = php_int(value);
            return field.options.iter().any(|(option, _)| *option == id).then(|| json!(id));
        }
        _ => text(value),
    })
}

fn check_currency(
    item: &Map<String, Value>,
    currencies: &BTreeSet<&'static str>,
) -> Result<(), PortalFault> {
    match item.get("currencyId").and_then(Value::as_str) {
        Some(code) if !currencies.contains(code) => Err(invalid("Currency")),
        _ => Ok(()),
    }
}

/// A stage that the item's pipeline lacks falls back to the old one, or, after a change of the
/// pipeline, to the first stage there that means the same.
fn settle_stage(
    data: &TypeData,
    before: &Map<String, Value>,
    item: &mut Map<String, Value>,
    user: u32,
) -> Result<(), PortalFault> {
    let Some(asked) = item.get("stageId").cloned() else {
        return Ok(());
    };
    let old = before.get("stageId").cloned().unwrap_or_default();
    let pipeline = data.pipeline_of(item);
    let is_moved = pipeline != data.pipeline_of(before);
    if asked == old && !is_moved {
        return Ok(());
    }
    let stages = data.stages_of(pipeline);
    let found = stages.iter().find(|stage| asked == stage.code);
    if found.is_some_and(|stage| stage.is_locked) {
        let text = "You do not have enough rights to change stage";
        return Err(PortalFault::new(400, "0", text));
    }
    let meant = if is_moved {
        let semantics = before.get("stageSemanticId").and_then(Value::as_str).unwrap_or("P");
        found.or_else(|| stages.iter().find(|stage| stage.semantics.letter() == semantics))
    } else {
        found
    };
    let Some(stage) = meant else {
        item.insert("stageId".to_owned(), old);
        return Ok(());
    };
    item.insert("stageId".to_owned(), stage.code.into());
    item.insert("previousStageId".to_owned(), old);
    item.insert("stageSemanticId".to_owned(), stage.semantics.letter().into());
    item.insert("movedTime".to_owned(), now().into());
    item.insert("movedBy".to_owned(), user.into());
    let mut set_flag = |name: &str, truth: bool| {
        if item.contains_key(name) {
            item.insert(name.to_owned(), if truth { "Y" } else { "N" }.into());
        }
    };
    set_flag("closed", stage.semantics != Semantics::Process);
    set_flag("isNew", stages.first().is_some_and(|first| first.code == stage.code));
    Ok(())
}

fn invalid(field: &str) -> PortalFault {
    let text = format!("Invalid value for field \"{field}\"");
    PortalFault::new(400, "CRM_FIELD_ERROR_VALUE_NOT_VALID", text)
}
