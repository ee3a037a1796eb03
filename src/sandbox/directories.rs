//! The portal's metadata: stages and other directories, pipelines, types, currencies.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::state::{Semantics, TypeData};
use crate::crm::{Family, stage};

/// An entry of a directory: its code and its name.
type Entry = (&'static str, &'static str);

/// An entry as it is listed; stages mean something.
type Listed = (&'static str, &'static str, Option<Semantics>);

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

/// The object with more entries.
pub(super) fn with(mut object: Value, more: impl IntoIterator<Item = (String, Value)>) -> Value {
    if let Value::Object(entries) = &mut object {
        entries.extend(more);
    }
    object
}

/// `crm.status.list`.
pub(super) fn statuses(
    types: &BTreeMap<u32, TypeData>,
    parameters: &Map<String, Value>,
) -> Vec<Value> {
    let asked = parameters.get("filter").and_then(|filter| filter.get("ENTITY_ID"));
    let mut found = Vec::new();
    let mut number = 100;
    let mut add = |directory: &str, pipeline: i64, entries: &mut dyn Iterator<Item = Listed>| {
        for (at, (code, name, semantics)) in entries.enumerate() {
            number += 1;
            if asked.is_some_and(|asked| asked != directory) {
                continue;
            }
            let (letter, word, color) = match semantics {
                Some(Semantics::Success) => (json!("S"), "success", "#7BD500"),
                Some(Semantics::Failure) => (json!("F"), "failure", "#FF5752"),
                Some(Semantics::Process) | None => (Value::Null, "process", "#39A8EF"),
            };
            let category = (pipeline != 0).then(|| pipeline.to_string());
            let color = semantics.map(|_| color);
            let entry = json!({
                "ID": number.to_string(), "ENTITY_ID": directory, "STATUS_ID": code, "NAME": name,
                "NAME_INIT": "", "SORT": ((at + 1) * 10).to_string(), "SYSTEM": "N",
                "CATEGORY_ID": category, "COLOR": color, "SEMANTICS": letter,
            });
            let extra = semantics.map(|_| json!({"SEMANTICS": word, "COLOR": color}));
            found.push(with(entry, extra.map(|extra| ("EXTRA".to_owned(), extra))));
        }
    };
    for data in types.values() {
        for pipeline in &data.pipelines {
            let Some(directory) = stage::directory(data.entity, pipeline.id) else { continue };
            let mut stages =
                pipeline.stages.iter().map(|stage| (stage.code, stage.name, Some(stage.semantics)));
            add(&directory, pipeline.id, &mut stages);
        }
    }
    for (directory, entries) in DIRECTORIES {
        add(directory, 0, &mut entries.iter().map(|(code, name)| (*code, *name, None)));
    }
    found
}

/// `crm.category.list`.
pub(super) fn categories(data: &TypeData) -> Vec<Value> {
    let categories = data.pipelines.iter().enumerate().map(|(at, pipeline)| {
        let category = json!({
            "id": pipeline.id, "name": pipeline.name, "sort": (at + 1) * 100,
            "entityTypeId": data.entity.id(), "isDefault": if at == 0 { "Y" } else { "N" },
        });
        // The first pipeline of deals is no record of its own.
        if data.entity.family() == Some(Family::Deal) && pipeline.id != 0 {
            with(category, ["originId", "originatorId"].map(|key| (key.to_owned(), json!(""))))
        } else {
            category
        }
    });
    categories.collect()
}

/// `crm.type.list`.
pub(super) fn smart_processes(types: &BTreeMap<u32, TypeData>) -> Vec<Value> {
    let smart = types.values().filter(|data| data.entity.family() == Some(Family::SmartProcess));
    let shown = smart.enumerate().map(|(at, data)| {
        let shown = json!({
            "id": at + 1, "title": data.title, "code": "", "createdBy": 1,
            "entityTypeId": data.entity.id(), "customSectionId": null,
            "createdTime": "2026-09-01T09:00:00+02:00", "updatedTime": "2026-09-01T09:00:00+02:00",
            "updatedBy": 1,
        });
        let flags = FLAGS.map(|(flag, field)| {
            let is_on = field.is_none_or(|field| !data.switched_off.contains(&field));
            (format!("is{flag}"), json!(if is_on { "Y" } else { "N" }))
        });
        with(shown, flags)
    });
    shown.collect()
}

/// What a smart process may have, and the field that it has then.
const FLAGS: [(&str, Option<&str>); 16] = [
    ("CategoriesEnabled", Some("categoryId")),
    ("StagesEnabled", Some("stageId")),
    ("BeginCloseDatesEnabled", Some("begindate")),
    ("ClientEnabled", Some("contactIds")),
    ("UseInUserfieldEnabled", None),
    ("LinkWithProductsEnabled", Some("opportunity")),
    ("MycompanyEnabled", Some("mycompanyId")),
    ("DocumentsEnabled", None),
    ("SourceEnabled", Some("sourceId")),
    ("ObserversEnabled", Some("observers")),
    ("RecyclebinEnabled", None),
    ("AutomationEnabled", None),
    ("BizProcEnabled", None),
    ("SetOpenPermissions", None),
    ("PaymentsEnabled", None),
    ("CountersEnabled", None),
];

/// `crm.enum.ownertype`.
pub(super) fn owner_types(types: &BTreeMap<u32, TypeData>) -> Value {
    let shown = types.values().map(|data| {
        json!({
            "ID": data.entity.id(), "NAME": data.title,
            "SYMBOL_CODE": data.entity.code(), "SYMBOL_CODE_SHORT": data.entity.short_code(),
        })
    });
    shown.collect()
}

/// `crm.currency.list`.
pub(super) fn currencies() -> Value {
    let shown = CURRENCIES.iter().enumerate().map(|(at, (code, name))| {
        json!({
            "CURRENCY": code, "AMOUNT_CNT": "1", "AMOUNT": "1.0000",
            "SORT": ((at + 1) * 100).to_string(), "BASE": if at == 0 { "Y" } else { "N" },
            "FULL_NAME": name, "LID": "en", "FORMAT_STRING": "# ¤", "DEC_POINT": ".",
            "THOUSANDS_SEP": "&nbsp;", "DECIMALS": "2", "DATE_UPDATE": "2026-09-01T09:00:00+02:00",
        })
    });
    shown.collect()
}
