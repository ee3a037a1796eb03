//! The portal's metadata: stages and other directories, pipelines, types, currencies.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::state::{Semantics, TypeData};
use crate::crm::{Family, stage};

/// An entry of a directory: its code and its name.
type Entry = (&'static str, &'static str);

/// Directories that are not stages.
const DIRECTORIES: &[(&str, &[Entry])] = &[
    (
        "SOURCE",
        &[
            ("CALL", "Call"),
            ("EMAIL", "E-mail"),
            ("WEBFORM", "CRM form"),
            ("ADVERTISING", "Advertising"),
            ("PARTNER", "Existing client"),
            ("TRADE_SHOW", "Выставка"),
        ],
    ),
    ("DEAL_TYPE", &[("SALE", "Sale"), ("SERVICE", "Service"), ("COMPLEX", "Integrated sale")]),
    ("CONTACT_TYPE", &[("CLIENT", "Client"), ("SUPPLIER", "Supplier"), ("PARTNER", "Partner")]),
    (
        "COMPANY_TYPE",
        &[("CUSTOMER", "Client"), ("SUPPLIER", "Supplier"), ("COMPETITOR", "Competitor")],
    ),
    (
        "INDUSTRY",
        &[("IT", "Information technology"), ("MANUFACTURING", "Manufacturing"), ("TRADE", "Trade")],
    ),
    (
        "EMPLOYEES",
        &[
            ("EMPLOYEES_1", "fewer than 50"),
            ("EMPLOYEES_2", "50 to 250"),
            ("EMPLOYEES_3", "250 to 500"),
            ("EMPLOYEES_4", "more than 500"),
        ],
    ),
    ("HONORIFIC", &[("HNR_US_1", "Mr"), ("HNR_US_2", "Ms"), ("HNR_US_3", "Dr")]),
];

/// The currencies that the portal has.
pub(super) const CURRENCIES: [Entry; 3] =
    [("EUR", "Euro"), ("USD", "US Dollar"), ("RUB", "Российский рубль")];

/// `crm.status.list`.
pub(super) fn statuses(types: &BTreeMap<u32, TypeData>, parameters: &Map<String, Value>) -> Value {
    let asked = parameters.get("filter").and_then(|filter| filter.get("ENTITY_ID"));
    let mut found = Vec::new();
    let mut add = |directory: &str, entries: &mut dyn Iterator<Item = (&str, &str, Value)>| {
        if asked.is_some_and(|asked| asked != directory) {
            return;
        }
        for (at, (code, name, semantics)) in entries.enumerate() {
            found.push(json!({
                "ENTITY_ID": directory, "STATUS_ID": code, "NAME": name,
                "SORT": ((at + 1) * 10).to_string(), "SEMANTICS": semantics,
            }));
        }
    };
    for data in types.values() {
        for pipeline in &data.pipelines {
            let Some(directory) = stage::directory(data.entity, pipeline.id) else { continue };
            let mut stages = pipeline.stages.iter().map(|stage| {
                let semantics = match stage.semantics {
                    Semantics::Process => Value::Null,
                    last => last.letter().into(),
                };
                (stage.code, stage.name, semantics)
            });
            add(&directory, &mut stages);
        }
    }
    for (directory, entries) in DIRECTORIES {
        add(directory, &mut entries.iter().map(|(code, name)| (*code, *name, Value::Null)));
    }
    found.into()
}

/// `crm.category.list`.
pub(super) fn categories(data: &TypeData) -> Value {
    let categories = data.pipelines.iter().enumerate().map(|(at, pipeline)| {
        json!({
            "id": pipeline.id, "name": pipeline.name, "sort": (at + 1) * 100,
            "entityTypeId": data.entity.id(), "isDefault": if at == 0 { "Y" } else { "N" },
        })
    });
    json!({"categories": categories.collect::<Vec<_>>()})
}

/// `crm.type.list`.
pub(super) fn smart_processes(types: &BTreeMap<u32, TypeData>) -> Value {
    let smart = types.values().filter(|data| data.entity.family() == Some(Family::SmartProcess));
    let shown = smart.enumerate().map(
        |(at, data)| json!({"id": at + 1, "title": data.title, "entityTypeId": data.entity.id()}),
    );
    json!({"types": shown.collect::<Vec<_>>()})
}

/// `crm.enum.ownertype`.
pub(super) fn owner_types(types: &BTreeMap<u32, TypeData>) -> Value {
    let shown = types.values().map(|data| json!({"ID": data.entity.id(), "NAME": data.title}));
    shown.collect()
}

/// `crm.currency.list`.
pub(super) fn currencies() -> Value {
    CURRENCIES.iter().map(|(code, name)| json!({"CURRENCY": code, "FULL_NAME": name})).collect()
}
