//! The manifests that other programs read (npm, bundle, plugin, extension, registry, Debian) say what
//! Cargo.toml says, keep to their formats' limits, and name settings that there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::{Value, json};

use crate::support::{Server, program, run};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const NAME: &str = env!("CARGO_PKG_NAME");

const NPM: &str = "packaging/npm/package.json";
const BUNDLE: &str = "packaging/mcpb/manifest.json";
const PLUGIN: &str = "packaging/claude-plugin/.claude-plugin/plugin.json";
const MARKETPLACE: &str = ".claude-plugin/marketplace.json";
const EXTENSION: &str = "gemini-extension.json";
const REGISTRY: &str = "server.json";
const PLATFORMS: &str = "packaging/platforms.json";
const MANIFESTS: [&str; 6] = [NPM, BUNDLE, PLUGIN, MARKETPLACE, EXTENSION, REGISTRY];

/// Names the settings.
const SETTINGS_SOURCE: &str = include_str!("../../src/config/variables.rs");

/// The only webhook that an example may show.
const SAMPLE_WEBHOOK: &str = "https://example.bitrix24.com/rest/1/abcdefgh12345678/";

/// The registry of MCP servers takes no longer titles and descriptions.
const REGISTRY_LIMIT: usize = 100;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn manifest(path: &str) -> Value {
    serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A text of Cargo.toml's table `package.metadata`.
fn metadata(table: &str, key: &str) -> String {
    let cargo = text("Cargo.toml");
    let table = cargo.split(&format!("[package.metadata.{table}]\n")).nth(1).unwrap();
    let mut lines = table.lines().take_while(|line| !line.starts_with('['));
    let start = format!("{key} = \"");
    let value = lines.find_map(|line| line.strip_prefix(&start)?.strip_suffix('"'));
    value.unwrap_or_else(|| panic!("Cargo.toml has no {key}")).to_owned()
}

/// Every text in a manifest, with where it stands.
fn texts(value: &Value, at: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((at.to_owned(), text.clone())),
        Value::Array(values) => values.iter().for_each(|it| texts(it, at, found)),
        Value::Object(entries) => {
            for (key, value) in entries {
                found.push((at.to_owned(), key.clone()));
                texts(value, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

fn texts_of(path: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    texts(&manifest(path), path, &mut found);
    found
}

/// The names of the platforms that packages are made for.
fn platforms() -> BTreeMap<String, Value> {
    serde_json::from_value(manifest(PLATFORMS)).unwrap()
}

#[test]
fn one_version_is_everywhere() {
    let versions = [
        (NPM, "/version"),
        (BUNDLE, "/version"),
        (PLUGIN, "/version"),
        (MARKETPLACE, "/plugins/0/version"),
        (EXTENSION, "/version"),
        (REGISTRY, "/version"),
        (REGISTRY, "/packages/0/version"),
    ];
    for (path, pointer) in versions {
        assert_eq!(manifest(path).pointer(pointer), Some(&json!(VERSION)), "{path}{pointer}");
    }
    for path in [PLUGIN, EXTENSION] {
        let server = &manifest(path)["mcpServers"]["bitrix24"];
        assert_eq!(server["command"], "npx", "{path}");
        assert_eq!(server["args"], json!(["-y", format!("{NAME}@{VERSION}")]), "{path}");
    }
    let parts: BTreeMap<String, &str> =
        platforms().into_keys().map(|it| (format!("{NAME}-{it}"), VERSION)).collect();
    assert_eq!(manifest(NPM)["optionalDependencies"], json!(parts));
    let newest = text("packaging/debian/changelog");
    let newest = newest.lines().next().unwrap();
    assert!(newest.starts_with(&format!("{NAME} ({VERSION}-")), "{newest}");
}

#[test]
fn addresses_and_names_come_from_one_place() {
    let registry_name = metadata("packaging", "registry-name");
    assert_eq!(manifest(NPM)["mcpName"], json!(registry_name));
    assert_eq!(manifest(REGISTRY)["name"], json!(registry_name));
    let label = format!("io.modelcontextprotocol.server.name=\"{registry_name}\"");
    assert!(text("packaging/Dockerfile").contains(&label));
    assert!(text("packaging/debian/changelog").contains(&metadata("deb", "maintainer")));

    let repository = env!("CARGO_PKG_REPOSITORY");
    assert_eq!(repository, env!("CARGO_PKG_HOMEPAGE"));
    let places = [
        (NPM, "/homepage"),
        (BUNDLE, "/homepage"),
        (BUNDLE, "/repository/url"),
        (PLUGIN, "/homepage"),
        (PLUGIN, "/repository"),
        (REGISTRY, "/websiteUrl"),
    ];
    for (path, pointer) in places {
        assert_eq!(manifest(path).pointer(pointer), Some(&json!(repository)), "{path}{pointer}");
    }
    let privacy = manifest(BUNDLE)["privacy_policies"][0].as_str().unwrap().to_owned();
    let page = privacy.strip_prefix(&format!("{repository}/blob/main/"));
    text(page.unwrap_or_else(|| panic!("not in the repository: {privacy}")));
}

#[test]
fn descriptions_keep_to_the_limits() {
    let description = env!("CARGO_PKG_DESCRIPTION");
    for path in [NPM, BUNDLE, PLUGIN, EXTENSION, REGISTRY] {
        assert_eq!(manifest(path)["description"], json!(description), "{path}");
    }
    assert_eq!(manifest(MARKETPLACE)["plugins"][0]["description"], json!(description));
    // Without its own, the marketplace's validator warns.
    assert!(manifest(MARKETPLACE)["description"].is_string());

    let registry = manifest(REGISTRY);
    for key in ["description", "title"] {
        let length = registry[key].as_str().unwrap().chars().count();
        assert!((1..=REGISTRY_LIMIT).contains(&length), "{key} has {length} characters");
    }
    let name = registry["name"].as_str().unwrap();
    let (namespace, own) = name.split_once('/').unwrap();
    let is_of = |text: &str, others: &str| {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
        !text.is_empty() && text.chars().all(is_allowed)
    };
    assert!(is_of(namespace, ".-") && is_of(own, "._-"), "{name}");
    assert_eq!(manifest(BUNDLE)["manifest_version"], "0.3");
}

#[test]
fn manifests_name_only_settings_that_there_are() {
    let settings: BTreeSet<&str> =
        SETTINGS_SOURCE.split('"').filter(|text| text.starts_with("BITRIX24_")).collect();
    let mut named = 0;
    for path in MANIFESTS {
        for (at, text) in texts_of(path) {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            for word in words.filter(|word| word.starts_with("BITRIX24_")) {
                assert!(settings.contains(word), "{at} names {word}, which is no setting");
                named += 1;
            }
        }
    }
    assert!(named >= 10, "only {named} settings were found");
}

#[test]
fn no_manifest_holds_a_webhook() {
    for path in MANIFESTS {
        for (at, text) in texts_of(path) {
            assert!(!text.contains("/rest/") || text == SAMPLE_WEBHOOK, "{at}: {text}");
        }
    }
    let secret = |entry: &Value, key: &str| assert_eq!(entry[key], true, "{entry}");
    secret(&manifest(BUNDLE)["user_config"]["webhook"], "sensitive");
    secret(&manifest(PLUGIN)["userConfig"]["webhook"], "sensitive");
    secret(&manifest(EXTENSION)["settings"][0], "sensitive");
    secret(&manifest(REGISTRY)["packages"][0]["environmentVariables"][0], "isSecret");
}

/// Hosts leave `${user_config.…}` as it is where an entry has neither a value nor a default.
#[test]
fn every_value_that_a_person_gives_is_asked_for_or_has_a_default() {
    for (path, entries) in [(BUNDLE, "user_config"), (PLUGIN, "userConfig")] {
        let manifest = manifest(path);
        let entries = manifest[entries].as_object().unwrap();
        let mut used = BTreeSet::new();
        for (_, text) in texts_of(path) {
            for rest in text.split("${user_config.").skip(1) {
                used.insert(rest.split('}').next().unwrap().to_owned());
            }
        }
        assert_eq!(used, entries.keys().cloned().collect(), "{path}");
        for (key, entry) in entries {
            assert!(entry["required"] == true || !entry["default"].is_null(), "{path}: {key}");
            // A list is not put into a variable.
            assert!(entry["multiple"].is_null(), "{path}: {key}");
        }
    }
}

#[tokio::test]
async fn the_bundle_lists_the_tools_that_there_are() {
    let mut command = program();
    command.arg("--sandbox");
    let mut server = Server::opened(command, "").await;
    let answer = server.request("tools/list", json!({})).await;
    let names = |tools: &Value| -> BTreeSet<String> {
        let tools = tools.as_array().unwrap().iter();
        tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&manifest(BUNDLE)["tools"]), names(&answer["result"]["tools"]));
}

/// Hosts pass on the placeholder of an option that nobody has set.
#[tokio::test]
async fn the_bundle_works_with_every_option_unset() {
    let manifest = manifest(BUNDLE);
    let variables = manifest["server"]["mcp_config"]["env"].as_object().unwrap();
    let unset = variables.iter().map(|(name, value)| (name, value.as_str().unwrap()));
    assert!(unset.clone().all(|(_, value)| value.starts_with("${user_config.")));
    let call = ["call", "get_crm_item", r#"{"entityTypeId":2,"id":351}"#];
    let answer = run(program().args(call).envs(unset.clone()).env("BITRIX24_SANDBOX", "1")).await;
    assert_eq!(answer.code, Some(0), "{answer:?}");

    let refused = run(program().args(call).envs(unset)).await;
    assert_eq!(refused.code, Some(2));
    assert_eq!(
        refused.stderr.lines().next(),
        Some(
            "error: the setting `BITRIX24_WEBHOOK_URL` holds the placeholder `${user_config.webhook}`: its \
             option is not set in the MCP client"
        )
    );
}

/// Pages name files of the release.
#[test]
fn pages_name_files_of_this_version() {
    for path in ["README.md", "README.ru.md", "docs/install.md", "docs/ru/install.md"] {
        let text = text(path);
        let named = text.split(['`', ' ', '/', '\n']).filter(|word| word.starts_with(NAME));
        let versions: Vec<&str> = named
            .filter(|file| [".tgz", ".tar.gz", ".deb"].iter().any(|ending| file.contains(ending)))
            .collect();
        assert!(!versions.is_empty(), "{path}");
        assert!(versions.iter().all(|file| file.contains(VERSION)), "{path}: {versions:?}");
    }
}

#[test]
fn every_platform_is_released() {
    let workflow = text(".github/workflows/release.yml");
    for (platform, about) in platforms() {
        let target = about["target"].as_str().unwrap();
        let row = format!("{{platform: {platform}, target: {target},");
        assert!(workflow.contains(&row), "no job for {platform}");
    }
}
