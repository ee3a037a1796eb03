//! What is linked into the program: its licences (`NOTICE.md`) and its bill of materials
//! (`sbom.cdx.json`, in the form of `CycloneDX`). `UPDATE_NOTICE=1 cargo test supply_chain` makes
//! both anew.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, process::Command};

use serde_json::{Value, json};

/// A crate that is linked.
struct Linked {
    version: String,
    license: String,
    authors: Vec<String>,
}

/// The crates that the program is linked with on the platform that most releases run on.
fn linked() -> BTreeMap<(String, String), Linked> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let nodes: BTreeMap<String, Vec<String>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let is_linked = |dependency: &&Value| {
                let kinds = list(&dependency["dep_kinds"]);
                kinds.iter().any(|kind| kind["kind"].is_null())
            };
            let dependencies = list(&node["deps"]);
            let linked = dependencies.iter().filter(is_linked).map(|it| text(&it["pkg"]));
            (text(&node["id"]), linked.collect())
        })
        .collect();
    let mut waiting = vec![text(&metadata["resolve"]["root"])];
    let mut ids = std::collections::BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if ids.insert(id.clone()) {
            waiting.extend(nodes[&id].iter().cloned());
        }
    }
    list(&metadata["packages"])
        .iter()
        .filter(|package| ids.contains(&text(&package["id"])) && !package["source"].is_null())
        .map(|package| {
            let version = text(&package["version"]);
            let linked = Linked {
                version: version.clone(),
                license: text(&package["license"]),
                authors: list(&package["authors"]).iter().map(text).collect(),
            };
            ((text(&package["name"]), version), linked)
        })
        .collect()
}

fn notice(linked: &BTreeMap<(String, String), Linked>) -> String {
    let mut notice =
        "# Notice\n\nThe program is linked with these libraries, each under its licence. \
                      `UPDATE_NOTICE=1 cargo test supply_chain` makes this list anew.\n\n\
                      | library | version | licence | authors |\n|---|---|---|---|\n"
            .to_owned();
    for ((name, _), Linked { version, license, authors }) in linked {
        // Without the addresses: names are enough to give credit.
        let names = authors.iter().map(|it| it.split('<').next().unwrap_or_default().trim());
        let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        writeln!(notice, "| {name} | {version} | {license} | {} |", names.join(", ")).unwrap();
    }
    notice
}

fn bill_of_materials(linked: &BTreeMap<(String, String), Linked>) -> String {
    let component = |((name, version), linked): (&(String, String), &Linked)| {
        let purl = format!("pkg:cargo/{name}@{version}");
        json!({
            "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
            "licenses": [{"expression": linked.license}],
        })
    };
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {
            "type": "application", "bom-ref": name, "name": name, "version": version,
            "licenses": [{"expression": env!("CARGO_PKG_LICENSE")}],
        }},
        "components": linked.iter().map(component).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&bill).unwrap() + "\n"
}

#[test]
fn the_notice_and_the_bill_of_materials_name_what_is_linked() {
    let linked = linked();
    assert!(linked.len() > 50);
    assert!(linked.values().all(|it| !it.license.is_empty()));
    let files = [("NOTICE.md", notice(&linked)), ("sbom.cdx.json", bill_of_materials(&linked))];
    for (name, content) in files {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        if std::env::var_os("UPDATE_NOTICE").is_some() {
            std::fs::write(&path, &content).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(committed, content, "{name} is stale: UPDATE_NOTICE=1 cargo test supply_chain");
    }
}
