//! JSON Schemas that every MCP client accepts, made from Rust types and the catalogue.
//!
//! Flat: no `$schema`, no references, no unions; one scalar `type` per node. The reasons are in the
//! clients: one drops every description of a larger schema, another refuses type unions.

use schemars::{
    JsonSchema, Schema,
    generate::SchemaSettings,
    transform::{Transform, transform_subschemas},
};
use serde_json::{Map, Value};

use crate::crm::{
    EntityType, EntityTypes, Family,
    catalog::{self, Field},
};

/// The schema of a tool's arguments, for these entity types.
pub(super) fn input<T: JsonSchema>(types: &EntityTypes) -> Map<String, Value> {
    let mut schema = generate::<T>(SchemaSettings::draft2020_12().for_deserialize());
    if let Some(entity) = property_mut(&mut schema, "entityTypeId") {
        entity.entry("description").or_insert_with(|| types.to_string().into());
    }
    schema
}

/// A property of an object's schema.
pub(super) fn property_mut<'a>(
    schema: &'a mut Map<String, Value>,
    name: &str,
) -> Option<&'a mut Map<String, Value>> {
    schema.get_mut("properties")?.get_mut(name)?.as_object_mut()
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

/// Removes what clients refuse and what adds bytes but no information.
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
        // That a Rust type has no negative numbers.
        if schema.get("minimum") == Some(&Value::from(0)) {
            schema.shift_remove("minimum");
        }
        // An optional property: that it may be absent is said by `required`.
        if let Some(Value::Array(types)) = schema.get("type")
            && let Some(only) = types.iter().find(|name| *name != "null")
        {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
}

/// What `fields` may hold: every field that the vendor lists, with the letters of its owners.
pub(super) fn fields_to_set(types: &EntityTypes) -> Map<String, Value> {
    let letters: String = types.families().map(crate::crm::Family::letter).collect();
    let listed = catalog::FIELDS.iter().filter(|field| field.is_listed());
    listed
        .filter_map(|field| {
            let owners: String = field.owners.chars().filter(|it| letters.contains(*it)).collect();
            let property = (!owners.is_empty()).then(|| property(field, &owners))?;
            Some((field.name.to_owned(), property.into()))
        })
        .collect()
}

/// Takes the fields that may never be written out of what `fields` may hold.
pub(super) fn leave_out(
    schema: &mut Map<String, Value>,
    types: &EntityTypes,
    is_denied: impl Fn(EntityType, &str) -> bool,
) {
    let fields = property_mut(schema, "fields").and_then(|it| it.get_mut("properties"));
    let Some(properties) = fields.and_then(Value::as_object_mut) else { return };
    let is_denied_to = |family: Family, name: &str| {
        let of_family = types.of_family(family);
        !of_family.is_empty() && of_family.iter().all(|entity| is_denied(*entity, name))
    };
    for field in catalog::FIELDS.iter().filter(|field| field.is_listed()) {
        let owners = types.families().filter(|family| field.belongs_to(*family));
        let (denied, left): (Vec<Family>, Vec<Family>) =
            owners.partition(|family| is_denied_to(*family, field.name));
        if left.is_empty() {
            properties.shift_remove(field.name);
        } else if !denied.is_empty() {
            let is_left = |letter: &char| left.iter().any(|family| family.letter() == *letter);
            let owners: String = field.owners.chars().filter(is_left).collect();
            properties.insert(field.name.to_owned(), property(field, &owners).into());
        }
    }
}

fn property(field: &Field, owners: &str) -> Map<String, Value> {
    let mut schema = field.kind.schema();
    let description = match field.hint {
        "" => owners.to_owned(),
        hint => format!("{owners} {hint}"),
    };
    schema.insert("description".to_owned(), description.into());
    schema
}
