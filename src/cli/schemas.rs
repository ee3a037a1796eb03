//! `schema`: the files of `tool-schemas/`, printed or written.

use std::{fs, io, path::Path, process::ExitCode};

use serde_json::{Map, Value, json};

use crate::{
    crm::{Family, catalog},
    server,
    tools::{Registry, ToolSelection},
};

/// Prints the schemas, or writes them below the folder.
pub(super) fn run(folder: Option<&Path>) -> ExitCode {
    let files = files();
    let Some(folder) = folder else {
        super::print(&pretty(&Value::Object(files)));
        return ExitCode::SUCCESS;
    };
    let written = files.iter().try_for_each(|(name, schema)| write(folder, name, schema));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => super::wrong_call(&format!("the schemas cannot be written: {error}")),
    }
}

/// Every file by its path below the folder.
fn files() -> Map<String, Value> {
    let registry = Registry::new(ToolSelection::default());
    let of_tools =
        registry.tools().map(|tool| (format!("{}.json", tool.name()), server::listed(tool)));
    let of_fields = Family::ALL.into_iter().map(|family| {
        let name = family.name().replace(' ', "_");
        (format!("fields/{name}.json"), fields_schema(family))
    });
    of_tools.chain(of_fields).collect()
}

/// What `fields` may hold for items of a family, with a sentence for each field.
fn fields_schema(family: Family) -> Value {
    let properties: Map<String, Value> = catalog::listed(family)
        .map(|field| {
            let mut schema = field.kind.schema();
            let mut meaning = field.meaning.to_owned();
            if let Some(directory) = field.directory(family) {
                meaning = format!("{meaning} Directory: {directory}.");
            }
            if field.is_kept(family) {
                meaning.push_str(" It cannot be emptied.");
            }
            schema.insert("description".to_owned(), meaning.into());
            (field.name.to_owned(), schema.into())
        })
        .collect();
    let type_id = match family.entity_type_id() {
        Some(id) => format!("entityTypeId {id}"),
        None => "entityTypeId 128-191 or an even number from 1030 on".to_owned(),
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("Fields of a {} ({type_id})", family.name()),
        "description": "What `fields` of update_crm_item may hold. Custom fields and relations depend on the portal.",
        "type": "object",
        "properties": properties,
        "patternProperties": {
            "^ufCrm": {"description": "Custom field of the portal; with useOriginalUfNames Y it is named UF_CRM_…."},
            "^parentId[0-9]+$": {"type": "integer", "description": "Id of the parent item of that entity type; 0 unlinks it."},
        },
        "additionalProperties": true,
    })
}

fn write(folder: &Path, name: &str, schema: &Value) -> io::Result<()> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, pretty(schema) + "\n")
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
