//! What a portal does with `fm`: additions, changes and deletions by key, and no check for
//! duplicates (docs/bitrix24.md, "Multifields").

use serde_json::{Map, Value, json};

use super::fault::PortalFault;

/// Applies the value of `fm` to an item's records.
pub(super) fn assign(
    records: &mut Vec<Value>,
    value: &Value,
    next_id: &mut i64,
) -> Result<(), PortalFault> {
    let elements: Vec<(String, &Value)> = match value {
        Value::Object(element) if element.contains_key("typeId") => vec![("n0".into(), value)],
        Value::Object(elements) => {
            elements.iter().map(|(key, element)| (key.clone(), element)).collect()
        }
        // A list adds each element, also one that names an id.
        Value::Array(elements) => elements.iter().map(|element| ("n0".into(), element)).collect(),
        _ => Vec::new(),
    };
    for (key, element) in elements {
        let Some(element) = element.as_object() else { continue };
        let text = |name: &str| match element.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        // An element without a type or with a null value is skipped.
        let (Some(type_id), Some(value)) = (text("typeId"), text("value")) else { continue };
        let id: Option<i64> = key.parse().ok();
        let existing = id.and_then(|id| records.iter().position(|it| it["id"] == id));
        match existing {
            Some(at) if value.is_empty() => {
                records.remove(at);
            }
            Some(at) => {
                let type_id = records.get(at).map(|it| it["typeId"].clone()).unwrap_or_default();
                check(type_id.as_str().unwrap_or_default(), &value)?;
                if let Some(Value::Object(record)) = records.get_mut(at) {
                    change(record, value, text("valueType"));
                }
            }
            None if value.is_empty() && id.is_some() => {}
            None => {
                let Some(value_type) = text("valueType") else {
                    return Err(PortalFault::new(400, "ERROR_CORE", "The value type is not set"));
                };
                check(&type_id, &value)?;
                records.push(json!({
                    "id": *next_id, "valueType": value_type, "value": value, "typeId": type_id,
                }));
                *next_id += 1;
            }
        }
    }
    Ok(())
}

fn change(record: &mut Map<String, Value>, value: String, value_type: Option<String>) {
    record.insert("value".to_owned(), value.into());
    if let Some(value_type) = value_type {
        record.insert("valueType".to_owned(), value_type.into());
    }
}

fn check(type_id: &str, value: &str) -> Result<(), PortalFault> {
    let is_address =
        value.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    if value.trim().is_empty() || value.chars().count() > 250 {
        return Err(PortalFault::new(400, "ERROR_CORE", "The value is empty or too long"));
    }
    if type_id == "EMAIL" && !is_address {
        return Err(PortalFault::new(400, "ERROR_CORE", "Invalid e-mail address"));
    }
    Ok(())
}

/// The flat fields that hold first values, which `crm.item.get` fills and `crm.item.update` does
/// not.
pub(super) fn fill_aliases(item: &mut Map<String, Value>) {
    const ALIASES: [(&str, &str, Option<&str>); 8] = [
        ("phone", "PHONE", None),
        ("phoneWork", "PHONE", Some("WORK")),
        ("phoneMobile", "PHONE", Some("MOBILE")),
        ("phoneMailing", "PHONE", Some("MAILING")),
        ("email", "EMAIL", None),
        ("emailWork", "EMAIL", Some("WORK")),
        ("emailHome", "EMAIL", Some("HOME")),
        ("emailMailing", "EMAIL", Some("MAILING")),
    ];
    let records = item.get("fm").and_then(Value::as_array).cloned().unwrap_or_default();
    for (alias, type_id, value_type) in ALIASES {
        let first = records.iter().find(|record| {
            record["typeId"] == type_id && value_type.is_none_or(|mark| record["valueType"] == mark)
        });
        let value = first.map_or_else(|| "".into(), |first| first["value"].clone());
        item.insert(alias.to_owned(), value);
    }
    item.insert("imol".to_owned(), "".into());
}

/// Keeps the flags that tell whether there is a phone or an e-mail.
pub(super) fn set_flags(item: &mut Map<String, Value>) {
    let records = item.get("fm").and_then(Value::as_array).cloned().unwrap_or_default();
    for (flag, type_id) in [("hasPhone", "PHONE"), ("hasEmail", "EMAIL")] {
        let has_one = records.iter().any(|record| record["typeId"] == type_id);
        item.insert(flag.to_owned(), if has_one { "Y" } else { "N" }.into());
    }
}
