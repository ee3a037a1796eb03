//! The methods that the sandbox serves, and the order in which a portal checks a call.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    assign, demo_data, directories,
    fault::PortalFault,
    files, list, people, records,
    state::{AnyField, Common, State, TypeData},
};
use crate::crm::{Family, Kind, Naming, catalog::Access, names, stage};

const MAX_BATCH: usize = 50;

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
            json!({"fields": describe_fields(data, naming)})
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
        "crm.status.list" => directories::statuses(types, parameters),
        "crm.category.list" => {
            let data = find_type(types, integer(parameters, "entityTypeId")?)?;
            directories::categories(data)
        }
        "crm.type.list" if user == 1 => directories::smart_processes(types),
        "crm.type.list" => return Err(PortalFault::new(400, "ACCESS_DENIED", "Access denied")),
        "crm.enum.ownertype" => directories::owner_types(types),
        "crm.currency.list" => directories::currencies(),
        "crm.duplicate.findbycomm" => people::find_by_communication(types, parameters)?,
        "user.search" | "user.get" => people::search(users, parameters),
        "profile" => json!({
            "ID": user.to_string(), "ADMIN": user == 1, "NAME": "Sandbox", "LAST_NAME": "User",
        }),
        "scope" => json!(["crm", "user_basic"]),
        "method.get" => {
            let is_known = parameters.get("name").is_some_and(|name| name == "crm.item.update");
            json!({"isExisting": is_known, "isAvailable": is_known})
        }
        "batch" => batch(state, user, secret_path, parameters),
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

/// Runs the commands of a batch one after the other; parameters are plain ones, without brackets.
fn batch(
    state: &mut State,
    user: u32,
    secret_path: &str,
    parameters: &Map<String, Value>,
) -> Value {
    let commands = parameters.get("cmd").and_then(Value::as_object).into_iter().flatten();
    let (mut results, mut errors) = (Map::new(), Map::new());
    for (at, (key, command)) in commands.enumerate() {
        let (method, query) =
            command.as_str().and_then(|it| it.split_once('?')).unwrap_or_default();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let parameters = pairs.map(|(name, value)| (name.to_owned(), value.into())).collect();
        let called = match method {
            _ if at >= MAX_BATCH => {
                let text = "Max batch length exceeded";
                Err(PortalFault::new(400, "ERROR_BATCH_LENGTH_EXCEEDED", text))
            }
            "batch" => {
                let text = "Method is not allowed for batch usage";
                Err(PortalFault::new(405, "ERROR_BATCH_METHOD_NOT_ALLOWED", text))
            }
            method => call(state, user, secret_path, method, &parameters),
        };
        match called {
            Ok(brought) => results.insert(key.clone(), brought.result),
            Err(fault) => {
                let error = json!({"error": fault.code, "error_description": fault.text});
                errors.insert(key.clone(), error)
            }
        };
    }
    // Empty maps are answered as lists.
    let map = |map: Map<String, Value>| if map.is_empty() { json!([]) } else { map.into() };
    json!({"result": map(results), "result_error": map(errors)})
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

fn describe_fields(data: &TypeData, naming: Naming) -> Map<String, Value> {
    data.fields()
        .map(|field| {
            let name = match (field, naming) {
                (AnyField::Custom(custom), Naming::Original) => custom.upper_name.to_owned(),
                _ => field.camel_name(),
            };
            (name, describe_field(data, field))
        })
        .collect()
}

fn describe_field(data: &TypeData, field: AnyField) -> Value {
    let mut description = json!({
        "type": portal_type(field),
        "isRequired": false,
        "isReadOnly": false,
        "isImmutable": false,
        "isMultiple": false,
        "isDynamic": matches!(field, AnyField::Custom(_)),
        "title": demo_data::title(&field.camel_name()),
        "upperName": field.upper_name(),
    });
    let mut set = |name: &str, value: Value| {
        if let Value::Object(description) = &mut description {
            description.insert(name.to_owned(), value);
        }
    };
    match field {
        AnyField::Standard(row) => {
            set("isReadOnly", (row.access == Access::ReadOnly).into());
            set("isImmutable", (row.access == Access::Immutable).into());
            let is_list =
                matches!(row.kind, Kind::Users | Kind::Links | Kind::Integers | Kind::Multifield);
            set("isMultiple", is_list.into());
            if let Some(directory) = data.entity.family().and_then(|family| row.directory(family)) {
                set("statusType", directory.into());
            }
            let first_pipeline = data.pipelines.first().map_or(0, |pipeline| pipeline.id);
            if row.kind == Kind::Stage
                && let Some(directory) = stage::directory(data.entity, first_pipeline)
            {
                set("statusType", directory.into());
            }
        }
        AnyField::Custom(custom) => {
            set("title", custom.title.into());
            set("isMultiple", custom.is_multiple.into());
            if !custom.options.is_empty() {
                let options = custom.options.iter();
                let items: Vec<Value> = options
                    .map(|(id, text)| json!({"ID": id.to_string(), "VALUE": text}))
                    .collect();
                set("items", items.into());
            }
        }
        AnyField::Parent(entity_type_id) => {
            set("settings", json!({"parentEntityTypeId": entity_type_id}));
        }
    }
    description
}

fn portal_type(field: AnyField) -> &'static str {
    match field {
        AnyField::Custom(custom) => custom.portal_type,
        AnyField::Parent(_) => "crm_entity",
        AnyField::Standard(row) => match row.kind {
            Kind::Text => "string",
            Kind::Markup => "text",
            Kind::YesNo => "boolean",
            Kind::Integer | Kind::Percent | Kind::Integers => "integer",
            Kind::Number | Kind::Amount => "double",
            Kind::Status | Kind::Stage => "crm_status",
            Kind::Category => "crm_category",
            Kind::Currency => "crm_currency",
            Kind::User | Kind::Users => "user",
            Kind::Link | Kind::Links => link_type(row.name),
            Kind::Date => "date",
            Kind::DateTime => "datetime",
            Kind::Picture => "file",
            Kind::Multifield => "crm_multifield",
            Kind::Any | Kind::Choice | Kind::Money | Kind::CrmLink | Kind::File => "string",
        },
    }
}

fn link_type(name: &str) -> &'static str {
    let target = Family::ALL.iter().find(|family| name.to_lowercase().contains(family.name()));
    match target {
        Some(Family::Lead) => "crm_lead",
        Some(Family::Deal) => "crm_deal",
        Some(Family::Contact) => "crm_contact",
        Some(Family::Company) => "crm_company",
        Some(Family::Quote) => "crm_quote",
        _ => "crm_entity",
    }
}
