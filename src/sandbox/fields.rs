//! `crm.item.fields`: what a portal says of the fields of an entity type.

use serde_json::{Map, Value, json};

use super::{
    demo_data, directories,
    state::{AnyField, TypeData},
};
use crate::crm::{Family, Kind, Naming, catalog::Access, stage};

/// Columns that items have and the list of fields lacks.
const NOT_DESCRIBED: [&str; 2] = ["entityTypeId", "searchContent"];

/// The fields of a type by their names.
pub(super) fn described(data: &TypeData, naming: Naming) -> Map<String, Value> {
    let described = data.fields().filter(|field| !NOT_DESCRIBED.contains(&&*field.camel_name()));
    let mut fields: Map<String, Value> = described
        .map(|field| {
            let name = match (field, naming) {
                (AnyField::Custom(custom), Naming::Original) => custom.upper_name.to_owned(),
                _ => field.camel_name(),
            };
            (name, describe_field(data, field))
        })
        .collect();
    // What takes the server's own objects is listed beside what takes ids.
    for (ids, objects) in [("contactIds", "contacts"), ("companyIds", "companies")] {
        if let Some(description) = fields.get(ids).cloned() {
            let names = ["title", "upperName"];
            let names = names.map(|key| (key.to_owned(), objects.to_uppercase().into()));
            fields.insert(objects.to_owned(), directories::with(description, names));
        }
    }
    fields
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
            set("isRequired", (row.name == "opened").into());
            match row.name {
                "contactId" => set("isDeprecated", true.into()),
                "companyId" => set("settings", json!({"parentEntityTypeId": 4})),
                "mycompanyId" => {
                    let settings = json!({
                        "isMyCompany": true, "parentEntityTypeId": 4, "isEmbeddedEditorEnabled": true,
                    });
                    set("settings", settings);
                }
                _ => {}
            }
            let is_list = row.kind.is_list_of_ids() || row.kind == Kind::Multifield;
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
            if custom.portal_type == "crm" {
                let settings = json!({
                    "LEAD": "N", "CONTACT": "Y", "COMPANY": "Y", "DEAL": "Y", "SMART_INVOICE": "N",
                    "DYNAMIC_1220": "Y",
                });
                set("settings", settings);
            }
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
            _ if row.name == "locationId" => "location",
            _ if ["sourceDescription", "statusDescription"].contains(&row.name) => "text",
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
