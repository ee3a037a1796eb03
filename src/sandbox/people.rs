//! The portal's users, and the items that have a phone or an e-mail.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    fault::PortalFault,
    state::{TypeData, User},
};

/// What a portal compares at most in one search.
const MAX_VALUES: usize = 20;

impl User {
    fn shown(&self) -> Value {
        json!({
            "ID": self.id.to_string(), "ACTIVE": self.is_active, "NAME": self.name,
            "LAST_NAME": self.last_name, "EMAIL": self.email,
            "LAST_LOGIN": "2026-09-01T09:00:00+02:00", "DATE_REGISTER": "2026-09-01T02:00:00+02:00",
            "IS_ONLINE": "N", "TIMESTAMP_X": {}, "LAST_ACTIVITY_DATE": {}, "PERSONAL_GENDER": "",
            "PERSONAL_BIRTHDAY": "", "WORK_POSITION": self.position, "UF_EMPLOYMENT_DATE": "",
            "UF_DEPARTMENT": [1], "USER_TYPE": "employee",
        })
    }
}

/// `user.search` by the beginnings of names and positions, `user.get` by exact values.
pub(super) fn search(users: &[User], parameters: &Map<String, Value>) -> Vec<Value> {
    let filter = parameters.get("FILTER").and_then(Value::as_object);
    let asked = |key: &str| match filter?.get(key)? {
        Value::String(text) => Some(text.to_lowercase()),
        other => Some(other.to_string()),
    };
    let begins = |user: &User, text: &str| {
        let words = [user.name, user.last_name, user.position].join(" ").to_lowercase();
        text.split_whitespace()
            .all(|part| words.split_whitespace().any(|word| word.starts_with(part)))
    };
    let found = users.iter().filter(|user| {
        asked("ID").is_none_or(|id| user.id.to_string() == id)
            && asked("EMAIL").is_none_or(|email| user.email == email)
            && asked("FIND").is_none_or(|text| begins(user, &text))
    });
    found.map(User::shown).collect()
}

/// `crm.duplicate.findbycomm`: phones are compared by their digits, e-mails without case; types
/// without a hit are left out, and no hit at all is an empty list.
pub(super) fn find_by_communication(
    types: &BTreeMap<u32, TypeData>,
    parameters: &Map<String, Value>,
) -> Result<Value, PortalFault> {
    let type_id = parameters.get("type").and_then(Value::as_str).unwrap_or_default();
    if !["PHONE", "EMAIL"].contains(&type_id) {
        let text = "Parameter 'type' is required.";
        return Err(PortalFault::new(400, "Communication type is not defined", text));
    }
    let values = parameters.get("values").and_then(Value::as_array).into_iter().flatten();
    let values: Vec<String> = values
        .filter_map(Value::as_str)
        .take(MAX_VALUES)
        .map(|value| comparable(type_id, value))
        .collect();
    let only = parameters.get("entity_type").and_then(Value::as_str);
    let mut found = Map::new();
    for (name, id) in [("LEAD", 1), ("CONTACT", 3), ("COMPANY", 4)] {
        let items = types.get(&id).into_iter().flat_map(|data| &data.items);
        let ids: Vec<u64> = items
            .filter(|(_, item)| {
                let records = item.get("fm").and_then(Value::as_array).into_iter().flatten();
                records.filter(|record| record["typeId"] == type_id).any(|record| {
                    let value = record["value"].as_str().unwrap_or_default();
                    values.contains(&comparable(type_id, value))
                })
            })
            .map(|(id, _)| *id)
            .collect();
        if !ids.is_empty() && only.is_none_or(|only| only == name) {
            found.insert(name.to_owned(), json!(ids));
        }
    }
    Ok(if found.is_empty() { json!([]) } else { found.into() })
}

fn comparable(type_id: &str, value: &str) -> String {
    match type_id {
        "PHONE" => value.chars().filter(char::is_ascii_digit).collect(),
        _ => value.trim().to_lowercase(),
    }
}
