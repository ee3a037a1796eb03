//! What the README and `docs/` show and list is what the program does, and their links lead
//! somewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    pages::{anchors, blocks, links, page, pages, root, translations},
    support::{program, run},
};

/// Names the settings.
const SETTINGS_SOURCE: &str = include_str!("../../src/config/variables.rs");
/// Declares the error codes.
const CODES_SOURCE: &str = include_str!("../../src/error.rs");
/// Declares why something was not applied.
const REASONS_SOURCE: &str = include_str!("../../src/change/verify/why.rs");

const SETTINGS: &str = "docs/settings.md";
const ERRORS: &str = "docs/errors.md";
/// What comments cite by its headings.
const FACTS: &str = "docs/bitrix24.md";

/// The most lines of a page that is read within a minute.
const LONGEST_README: usize = 180;

/// The shown calls, so that none gets lost when a page is rewritten.
const SHOWN_CALLS: usize = 11;

#[tokio::test]
async fn each_shown_call_answers_what_is_shown() {
    let mut shown = 0;
    for path in pages() {
        let blocks = blocks(&page(&path));
        for (index, (language, command)) in blocks.iter().enumerate() {
            let Some(call) = command.strip_prefix("bitrix24-crm-mcp --sandbox call ") else {
                continue;
            };
            assert_eq!(language, "sh", "{path}: {command}");
            let (tool, arguments) = call.trim().split_once(' ').unwrap();
            let arguments = arguments.trim_matches('\'');
            let answer = blocks.get(index + 1).filter(|(language, _)| language == "json");
            let (_, answer) = answer.unwrap_or_else(|| panic!("{path}: no answer to {arguments}"));
            let finished = run(program().args(["--sandbox", "call", tool, arguments])).await;
            let mut answered: Value = serde_json::from_str(&finished.stdout).unwrap();
            for place in ["/link", "/items/0/link"] {
                if let Some(link) = answered.pointer_mut(place) {
                    let path = link.as_str().unwrap().splitn(4, '/').last().unwrap().to_owned();
                    *link = format!("https://example.bitrix24.com/{path}").into();
                }
            }
            let mut answer: Value = serde_json::from_str(answer).unwrap();
            for answer in [&mut answered, &mut answer] {
                mask_confirmation(answer);
                if let Some(id) = answer.get_mut("changeId") {
                    *id = "c0000000000".into();
                }
            }
            assert_eq!(answered, answer, "{path}: {arguments}");
            shown += 1;
        }
    }
    assert_eq!(shown, SHOWN_CALLS);
}

/// A confirmation holds a digest that is another one each time.
fn mask_confirmation(answer: &mut Value) {
    let Some(Value::String(confirm)) = answer.get_mut("confirm") else { return };
    let parts: Vec<&str> = confirm.split('.').collect();
    let [count, digest, position] = parts[..] else { panic!("no confirmation: {confirm}") };
    assert_eq!(digest.len(), 16);
    *confirm = format!("{count}.….{position}");
}

#[test]
fn what_is_shown_as_json_can_be_read() {
    for path in pages() {
        for (language, text) in blocks(&page(&path)) {
            if language == "json" {
                let read = serde_json::from_str::<Value>(&text);
                assert!(read.is_ok(), "{path}: {text}");
            }
        }
    }
}

#[test]
fn the_readme_is_read_within_a_minute() {
    let lines = page("README.md").lines().count();
    assert!(lines <= LONGEST_README, "README.md has {lines} lines, at most {LONGEST_README}");
}

/// Whether the setting itself is a file, and not a secret's other form.
fn is_a_file(setting: &str) -> bool {
    ["BITRIX24_TOKEN_FILE", "BITRIX24_CA_FILE"].contains(&setting)
}

/// The backquoted words of the tables' first columns.
fn first_columns(text: &str) -> BTreeSet<String> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.split(" |").next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// The first column of the table below a heading.
fn table_below(text: &str, heading: &str) -> BTreeSet<String> {
    let part = text.split(&format!("\n{heading}\n")).nth(1);
    let part = part.unwrap_or_else(|| panic!("no heading `{heading}`"));
    first_columns(part.split("\n## ").next().unwrap_or_default())
}

/// The variants of an enumeration in a source text.
fn variants(source: &str, name: &str) -> Vec<String> {
    let body = source.split(&format!("pub enum {name} {{")).nth(1);
    let body = body.unwrap_or_else(|| panic!("no enumeration `{name}`"));
    let lines = body.split('}').next().unwrap_or_default().lines();
    let lines = lines.map(|line| line.trim().trim_end_matches(','));
    lines.filter(|line| !line.is_empty() && !line.starts_with('/')).map(str::to_owned).collect()
}

#[test]
fn every_setting_has_its_row() {
    let settings = SETTINGS_SOURCE.split('"').filter(|text| text.starts_with("BITRIX24_"));
    let settings: BTreeSet<String> = settings
        .filter(|text| !text.contains(' ') && (!text.ends_with("_FILE") || is_a_file(text)))
        .map(str::to_owned)
        .collect();
    assert!(settings.len() > 20, "{settings:?}");
    // A secret's file is named beside it and has no row of its own.
    let documented: BTreeSet<String> = first_columns(&page(SETTINGS))
        .into_iter()
        .filter(|name| name.starts_with("BITRIX24_"))
        .filter(|name| !name.ends_with("_FILE") || is_a_file(name))
        .collect();
    assert_eq!(documented, settings);
}

#[test]
fn every_code_has_its_row() {
    let codes: BTreeSet<String> =
        variants(CODES_SOURCE, "Code").iter().map(|it| screaming(it)).collect();
    assert_eq!(table_below(&page(ERRORS), "## Codes"), codes);
}

#[test]
fn every_reason_why_has_its_row() {
    let reasons = variants(REASONS_SOURCE, "Why");
    let reasons: BTreeSet<String> =
        reasons.iter().map(|why| screaming(why).to_lowercase()).collect();
    let mut documented = table_below(&page(ERRORS), "## What was not applied");
    assert!(documented.remove("why"), "the table has a column `why`");
    assert_eq!(documented, reasons);
}

/// `ItemNotFound` as answers write it.
fn screaming(variant: &str) -> String {
    let mut code = String::new();
    for c in variant.chars() {
        if c.is_ascii_uppercase() && !code.is_empty() {
            code.push('_');
        }
        code.push(c.to_ascii_uppercase());
    }
    code
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut checked = 0;
    let mut broken = Vec::new();
    let mut known: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    let russian = translations().into_iter().map(|(russian, _)| russian);
    for path in pages().into_iter().chain(russian) {
        let folder = root().join(&path).parent().unwrap().to_owned();
        for link in links(&page(&path)) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            checked += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { root().join(&path) } else { folder.join(file) };
            if !target.exists() {
                broken.push(format!("{path}: {link}"));
                continue;
            }
            if anchor.is_empty() {
                continue;
            }
            let anchors = known
                .entry(target)
                .or_insert_with_key(|target| anchors(&fs::read_to_string(target).unwrap()));
            if !anchors.contains(anchor) {
                broken.push(format!("{path}: {link}, a heading that is not there"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(checked > 30, "only {checked} links were found");
}

/// The text of all sources below a folder.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    text
}

#[test]
fn the_headings_that_comments_cite_are_there() {
    let headings = page(FACTS);
    let headings: BTreeSet<&str> =
        headings.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    // A citation may go on in the comment's next line.
    let lines: Vec<String> = sources(&root().join("src"))
        .lines()
        .map(|line| line.trim_start().trim_start_matches(['/', '!']).trim().to_owned())
        .collect();
    let text = lines.join(" ");
    for citation in text.split(&format!("{FACTS}, \"")).skip(1) {
        let heading = citation.split('"').next().unwrap_or_default();
        assert!(headings.contains(heading), "{FACTS} has no heading `{heading}`");
    }
}

#[test]
fn the_example_configuration_is_ready_to_copy() {
    let example: Value = serde_json::from_str(include_str!("../../mcp.json.example")).unwrap();
    let servers = example["mcpServers"].as_object().unwrap();
    assert_eq!(servers.len(), 2);
    assert!(servers.values().all(|server| server["command"] == "bitrix24-crm-mcp"));
}
