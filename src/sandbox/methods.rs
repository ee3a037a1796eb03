//! The methods that the sandbox serves, and the order in which a portal checks a call.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    assign, directories,
    fault::PortalFault,
    fields, files, list, people, records,
    state::{Common, State, TypeData},
};
use crate::crm::{Naming, names};

/// What a method brings.
#[derive(Debug)]
pub(super) struct Brought {
    pub(super) result: Value,
    /// How many entries a list has, when they were counted.
    pub(super) total: Option<usize>,
    /// Where its next page begins.
    pub(super) next: Option<usize>,
}

impl From<Value> for Brought {
    fn from(result: Value) -> Self {
        Self { result, total: None, next: None }
    }
}

impl Brought {
    /// A whole list, of which `entries` are told.
    fn listed(result: Value, entries: usize) -> Self {
        Self { result, total: Some(entries), next: None }
    }
}

/// Runs a method for a user, whose webhook has that path.
pub(super) fn call(
    state: &mut State,
    user: u32,
    secret_path: &str,
    method: &str,
    parameters: &Map<String, Value>,
) -> Result<Brought, PortalFault> {
    if state.extranet_users.contains(&user) {
        let text = "Action is allowed only for intranet users";
        return Err(PortalFault::new(403, "allowed_only_intranet_user", text));
    }
    let State { types, common, users, .. } = state;
    let result = match method {
        "crm.item.fields" => {
            let naming = naming(parameters)?;
            let data = find_type(types, integer(parameters, "entityTypeId")?)?;
            json!({"fields": fields::described(data, naming)})
        }
        "crm.item.get" => {
            let naming = naming(parameters)?;
            let (data, id) = find_item(types, parameters)?;
            let mut item = shown(data, id, naming, secret_path, common);
            if item.contains_key("fm") {
                records::fill_aliases(&mut item);
            }
            json!({"item": item})
        }
        "crm.item.update" => {
            let naming = naming(parameters)?;
            let fields = object(parameters, "fields")?;
            let (data, id) = find_item(types, parameters)?;
            let forgotten = assign::update(data, id, fields, naming, user, common)?;
            let mut item = shown(data, id, naming, secret_path, common);
            for name in forgotten {
                item.insert(name, Value::Null);
            }
            json!({"item": item})
        }
        "crm.contact.update" => update_picture(types, common, 3, "photo", parameters)?,
        "crm.company.update" => update_picture(types, common, 4, "logo", parameters)?,
        "crm.item.list" => {
            let naming = naming(parameters)?;
            let data = find_type(types, integer(parameters, "entityTypeId")?)?;
            let page = list::page(data, parameters, naming)?;
            let rows: Vec<Value> = page
                .ids
                .iter()
                .map(|id| {
                    let item = shown(data, *id, naming, secret_path, common);
                    selected(item, parameters.get("select"), naming).into()
                })
                .collect();
            let result = json!({"items": rows});
            return Ok(Brought { result, total: page.total, next: page.next });
        }
        "crm.status.list" => {
            let found = directories::statuses(types, parameters);
            let total = found.len();
            return Ok(Brought::listed(found.into(), total));
        }
        "crm.category.list" => {
            let data = find_type(types, integer(parameters, "entityTypeId")?)?;
            let categories = directories::categories(data);
            let total = categories.len();
            return Ok(Brought::listed(json!({"categories": categories}), total));
        }
        "crm.type.list" if user == 1 => {
            let found = directories::smart_processes(types);
            let total = found.len();
            return Ok(Brought::listed(json!({"types": found}), total));
        }
        "crm.type.list" => return Err(PortalFault::new(400, "ACCESS_DENIED", "Access denied")),
        "crm.enum.ownertype" => directories::owner_types(types),
        // Portals say 0, however many there are.
        "crm.currency.list" => return Ok(Brought::listed(directories::currencies(), 0)),
        "crm.duplicate.findbycomm" => people::find_by_communication(types, parameters)?,
        "user.search" | "user.get" => {
            let found = people::search(users, parameters);
            let total = found.len();
            return Ok(Brought::listed(found.into(), total));
        }
        "profile" => json!({
            "ID": user.to_string(), "ADMIN": user == 1, "NAME": "Sandbox", "LAST_NAME": "User",
            "PERSONAL_GENDER": "", "TIME_ZONE": "",
        }),
        "scope" => json!(["crm", "user_basic"]),
        "method.get" => {
            let is_known = parameters.get("name").is_some_and(|name| name == "crm.item.update");
            json!({"isExisting": is_known, "isAvailable": is_known})
        }
        _ => return Err(PortalFault::new(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")),
    };
    Ok(result.into())
}

/// A row with what a list's `select` names; unknown names are silently dropped, and with
/// original names all standard fields are (docs/bitrix24.md, "Lists and filters").
fn selected(
    mut row: Map<String, Value>,
    select: Option<&Value>,
    naming: Naming,
) -> Map<String, Value> {
    let Some(names) = select.and_then(Value::as_array) else {
        return row;
    };
    if !names.iter().any(|name| name == "*") {
        row.retain(|name, _| {
            let is_custom = name.starts_with("UF_");
            names.iter().any(|asked| asked == name) && (naming == Naming::Camel || is_custom)
        });
    }
    row
}

fn find_item<'a>(
    types: &'a mut BTreeMap<u32, TypeData>,
    parameters: &Map<String, Value>,
) -> Result<(&'a mut TypeData, u64), PortalFault> {
    let entity_type_id = integer(parameters, "entityTypeId")?;
    let id = u64::try_from(integer(parameters, "id")?).unwrap_or_default();
    let data = find_type(types, entity_type_id)?;
    if !data.items.contains_key(&id) {
        return Err(PortalFault::new(400, "NOT_FOUND", "Item not found"));
    }
    if data.closed_items.contains(&id) {
        return Err(PortalFault::new(400, "ACCESS_DENIED", "Access denied"));
    }
    Ok((data, id))
}

fn find_type(
    types: &mut BTreeMap<u32, TypeData>,
    entity_type_id: i64,
) -> Result<&mut TypeData, PortalFault> {
    let id = u32::try_from(entity_type_id).unwrap_or_default();
    let is_possible = crate::crm::EntityType::new(id).family().is_some();
    types.get_mut(&id).ok_or_else(|| {
        if is_possible {
            PortalFault::new(400, "NOT_FOUND", "Smart process not found")
        } else {
            let text = "The entity type is not supported";
            PortalFault::new(400, "ENTITY_TYPE_NOT_SUPPORTED", text)
        }
    })
}

/// The older methods of contacts and companies, as far as they take pictures.
fn update_picture(
    types: &mut BTreeMap<u32, TypeData>,
    common: &mut Common,
    entity_type_id: i64,
    name: &str,
    parameters: &Map<String, Value>,
) -> Result<Value, PortalFault> {
    let id = u64::try_from(integer(parameters, "id")?).unwrap_or_default();
    let fields = object(parameters, "fields")?;
    let data = find_type(types, entity_type_id)?;
    let Some(item) = data.items.get_mut(&id) else {
        return Err(PortalFault::new(400, "", "Not found"));
    };
    let picture = fields.get(&name.to_uppercase()).and_then(|picture| picture.get("fileData"));
    if let Some(Value::Array(pair)) = picture
        && let [Value::String(file), Value::String(text)] = pair.as_slice()
        && let Some(stored) = common.files.store(file, text)
    {
        item.insert(name.to_owned(), stored.into());
    }
    Ok(json!(true))
}

fn integer(parameters: &Map<String, Value>, name: &str) -> Result<i64, PortalFault> {
    let Some(value) = parameters.get(name) else {
        return Err(missing(name));
    };
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| mistyped(name, value, "int"))
}

fn object<'a>(
    parameters: &'a Map<String, Value>,
    name: &str,
) -> Result<&'a Map<String, Value>, PortalFault> {
    match parameters.get(name) {
        None => Err(missing(name)),
        Some(Value::Object(fields)) => Ok(fields),
        Some(other) => Err(mistyped(name, other, "array")),
    }
}

/// The flag is a string: `"Y"` alone switches it on, a JSON boolean is refused.
fn naming(parameters: &Map<String, Value>) -> Result<Naming, PortalFault> {
    match parameters.get("useOriginalUfNames") {
        None => Ok(Naming::Camel),
        Some(Value::String(flag)) if flag == "Y" => Ok(Naming::Original),
        Some(Value::String(_)) => Ok(Naming::Camel),
        Some(other) => Err(mistyped("useOriginalUfNames", other, "string")),
    }
}

fn missing(name: &str) -> PortalFault {
    PortalFault::new(400, "100", format!("Could not find value for parameter {{{name}}}"))
}

fn mistyped(name: &str, value: &Value, expected: &str) -> PortalFault {
    let text = format!(
        "Invalid value {{{value}}} to match with parameter {{{name}}}. Should be value of type {expected}."
    );
    PortalFault::new(400, "100", text)
}

/// The item as answers show it: custom fields in the asked spelling, files with signed links.
fn shown(
    data: &TypeData,
    id: u64,
    naming: Naming,
    secret_path: &str,
    common: &mut Common,
) -> Map<String, Value> {
    common.reads += 1;
    let item = data.items.get(&id).into_iter().flatten();
    item.map(|(name, value)| {
        let custom = data.custom.iter().find(|field| names::to_camel(field.upper_name) == **name);
        let value = match custom {
            Some(custom) if custom.portal_type == "file" => {
                files::shown(value, secret_path, common.reads)
            }
            _ => value.clone(),
        };
        let name = match (custom, naming) {
            (Some(custom), Naming::Original) => custom.upper_name.to_owned(),
            _ => name.clone(),
        };
        (name, value)
    })
    .collect()
}
