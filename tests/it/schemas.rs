//! What clients are told of the tools: schemas that all of them accept, and files that are fresh.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};

use crate::support::{Server, program, run};

async fn listed_tools() -> Vec<Value> {
    let mut server = Server::opened(program(), "").await;
    let listed = server.request("tools/list", json!({})).await;
    listed["result"]["tools"].as_array().unwrap().clone()
}

/// Keywords that every client either understands or leaves alone.
const KEYWORDS: [&str; 8] = [
    "type",
    "properties",
    "required",
    "items",
    "enum",
    "minimum",
    "description",
    "additionalProperties",
];

fn walk(schema: &Value, depth: usize, path: &str) {
    let node = schema.as_object().unwrap_or_else(|| panic!("{path} is no object"));
    assert!(depth <= 5, "{path} is too deep");
    for keyword in node.keys() {
        assert!(KEYWORDS.contains(&keyword.as_str()), "{path} has `{keyword}`");
    }
    let kind = node.get("type").and_then(Value::as_str);
    assert!(kind.is_some(), "{path} has no single type");
    if let Some(description) = node.get("description") {
        assert!(description.as_str().unwrap().chars().count() <= 1_024, "{path}");
    }
    if let Some(additional) = node.get("additionalProperties") {
        assert!(additional.is_boolean(), "{path}");
    }
    if kind == Some("array") {
        walk(node.get("items").unwrap(), depth + 1, &format!("{path}[]"));
    }
    for (name, property) in node.get("properties").and_then(Value::as_object).into_iter().flatten()
    {
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{path}.{name}");
        walk(property, depth + 1, &format!("{path}.{name}"));
    }
}

#[tokio::test]
async fn input_schemas_are_flat_and_small() {
    for tool in listed_tools().await {
        let name = tool["name"].as_str().unwrap();
        let schema = &tool["inputSchema"];
        walk(schema, 1, name);
        let keys: Vec<&String> = schema.as_object().unwrap().keys().collect();
        assert!(keys.iter().all(|key| {
            ["type", "properties", "required", "additionalProperties"].contains(&key.as_str())
        }));
        for (property, of_property) in schema["properties"].as_object().unwrap() {
            assert!(of_property.get("description").is_some(), "{name}.{property}");
        }
        assert_eq!(schema["additionalProperties"], false);
        assert!(schema.to_string().len() <= 4_900, "{name}: {} bytes", schema.to_string().len());
        let properties = schema["properties"].as_object().unwrap();
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(properties.contains_key(required.as_str().unwrap()));
        }
        jsonschema::draft202012::meta::validate(schema).unwrap();
        jsonschema::draft7::meta::validate(schema).unwrap();
    }
}

#[tokio::test]
async fn tools_are_described_within_what_clients_keep() {
    let tools = listed_tools().await;
    for tool in &tools {
        assert!(tool["description"].as_str().unwrap().chars().count() <= 1_500);
        assert_eq!(tool["title"], tool["annotations"]["title"]);
        assert_eq!(
            tool["_meta"].as_object().unwrap().keys().collect::<Vec<_>>(),
            ["anthropic/searchHint"]
        );
    }
    let hints: Vec<[&Value; 5]> = tools
        .iter()
        .map(|tool| {
            let hints = &tool["annotations"];
            let hint = |name: &str| &hints[name];
            let [reads, destroys] = [hint("readOnlyHint"), hint("destructiveHint")];
            [&tool["name"], reads, destroys, hint("idempotentHint"), hint("openWorldHint")]
        })
        .collect();
    assert_eq!(
        json!(hints),
        json!([
            ["update_crm_item", false, true, false, false],
            ["update_crm_items", false, true, false, false],
            ["undo_crm_update", false, true, false, false],
            ["find_crm_items", true, false, true, false],
            ["get_crm_item", true, false, true, false],
            ["describe_crm_fields", true, false, true, false],
        ])
    );
}

/// Four bytes are taken for a token; schemas of answers are left out, because models do not see
/// them.
#[tokio::test]
async fn definitions_cost_few_tokens() {
    let mut together = 0;
    for mut tool in listed_tools().await {
        tool.as_object_mut().unwrap().remove("outputSchema");
        let (name, bytes) = (tool["name"].clone(), tool.to_string().len());
        let most = match name.as_str().unwrap() {
            "update_crm_item" => 1_650,
            "update_crm_items" => 450,
            "undo_crm_update" => 180,
            _ => 350,
        };
        assert!(bytes <= most * 4, "{name}: {bytes} bytes");
        together += bytes;
    }
    assert!(together <= 3_450 * 4, "{together} bytes");
}

#[tokio::test]
async fn successes_fit_the_output_schema() {
    let tools = listed_tools().await;
    let schema = &tools[0]["outputSchema"];
    jsonschema::draft202012::meta::validate(schema).unwrap();
    let validator = jsonschema::draft202012::new(schema).unwrap();
    let sandbox = bitrix24_crm_mcp::sandbox::Sandbox::start().await.unwrap();
    let mut server = Server::connected_to(&sandbox.webhook_url()).await;
    let fields = json!({"title": "b", "opportunity": 1});
    for dry_run in [true, false, false] {
        let arguments = json!({"entityTypeId": 2, "id": 351, "fields": fields, "dryRun": dry_run});
        let answer = server.update(arguments).await;
        validator.validate(&answer.json).unwrap();
    }
}

#[tokio::test]
async fn committed_schema_files_are_fresh() {
    let printed = run(program().arg("schema")).await.stdout;
    let expected: BTreeMap<String, Value> = serde_json::from_str(&printed).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tool-schemas");
    let committed = read_below(&folder, "");
    assert_eq!(
        committed, expected,
        "tool-schemas/ is stale: run `cargo run -- schema --out tool-schemas` and remove what is left over"
    );
    let served = listed_tools().await;
    for tool in served {
        assert_eq!(committed[&format!("{}.json", tool["name"].as_str().unwrap())], tool);
    }
}

#[tokio::test]
async fn schema_files_are_written_below_a_new_folder() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/b");
    let finished = run(program().args(["schema", "--out"]).arg(&folder)).await;
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""));
    let printed = run(program().arg("schema")).await.stdout;
    assert_eq!(read_below(&folder, ""), serde_json::from_str(&printed).unwrap());
}

#[tokio::test]
async fn each_entity_types_file_is_a_valid_schema_with_a_sentence_for_each_field() {
    let printed = run(program().arg("schema")).await.stdout;
    let files: BTreeMap<String, Value> = serde_json::from_str(&printed).unwrap();
    let fields = files.iter().filter(|(name, _)| name.starts_with("fields/"));
    for (name, schema) in fields {
        jsonschema::draft202012::meta::validate(schema).unwrap();
        for (field, property) in schema["properties"].as_object().unwrap() {
            let meaning = property["description"].as_str().unwrap();
            assert!(meaning.ends_with('.') && meaning.len() >= 10, "{name}: {field}");
        }
    }
}

fn read_below(folder: &Path, prefix: &str) -> BTreeMap<String, Value> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files.extend(read_below(&entry.path(), &format!("{name}/")));
        } else {
            let text = fs::read_to_string(entry.path()).unwrap();
            files.insert(name, serde_json::from_str(&text).unwrap());
        }
    }
    files
}
