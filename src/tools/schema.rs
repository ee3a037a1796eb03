//! JSON Schemas that every MCP client accepts, made from Rust types and the catalogue.
//!
//! Flat: no `$schema`, no references, no unions; one scalar `type` per node. The reasons are in the
//! clients: one drops every description of a larger schema, another refuses type unions.

use std::borrow::Cow;

use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::SchemaSettings,
    transform::{Transform, transform_subschemas},
};
use serde_json::{Map, Value, json};

use crate::crm::catalog::{self, Field};

/// The schema of a tool's arguments.
pub(super) fn input<T: JsonSchema>() -> Map<String, Value> {
    generate::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// The schema of a tool's successes.
pub(super) fn output<T: JsonSchema>() -> Map<String, Value> {
    generate::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn generate<T: JsonSchema>(settings: SchemaSettings) -> Map<String, Value> {
    let settings = settings
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(Flat);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    schema.remove("description");
    std::mem::take(schema.ensure_object())
}

/// Removes what clients refuse or what costs bytes without telling anything.
#[derive(Debug, Clone)]
struct Flat;

impl Transform for Flat {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(schema) = schema.as_object_mut() else {
            return;
        };
        schema.shift_remove("format");
        schema.shift_remove("default");
        // An optional property: that it may be absent is said by `required`.
        if let Some(Value::Array(types)) = schema.get("type")
            && let Some(only) = types.iter().find(|name| *name != "null")
        {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
}

/// The schema of `fields`: every field that the vendor lists, with the letters of its owners.
pub(super) struct FieldsToSet;

impl JsonSchema for FieldsToSet {
    fn schema_name() -> Cow<'static, str> {
        "FieldsToSet".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let properties: Map<String, Value> = catalog::FIELDS
            .iter()
            .filter(|field| field.is_listed())
            .map(|field| (field.name.to_owned(), property(field).into()))
            .collect();
        let schema =
            json!({"type": "object", "properties": properties, "additionalProperties": true});
        Schema::try_from(schema).unwrap_or_default()
    }
}

fn property(field: &Field) -> Map<String, Value> {
    let mut schema = field.kind.schema();
    let description = match field.hint {
        "" => field.owners.to_owned(),
        hint => format!("{} {hint}", field.owners),
    };
    schema.insert("description".to_owned(), description.into());
    schema
}
