//! What the README shows and lists is what the program does.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{program, run};

const README: &str = include_str!("../../README.md");

/// The fenced blocks: language and text.
fn blocks() -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in README.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

#[tokio::test]
async fn each_shown_call_answers_what_is_shown() {
    let blocks = blocks();
    let mut shown = 0;
    for pair in blocks.windows(2) {
        let [(language, command), (_, answer)] = pair else { panic!() };
        let Some(call) = command.strip_prefix("bitrix24-crm-mcp --sandbox call ") else {
            continue;
        };
        assert_eq!(language, "sh");
        let (tool, arguments) = call.trim().split_once(' ').unwrap();
        let arguments = arguments.trim_matches('\'');
        let finished = run(program().args(["--sandbox", "call", tool, arguments])).await;
        let mut answered: Value = serde_json::from_str(&finished.stdout).unwrap();
        for place in ["/link", "/items/0/link"] {
            if let Some(link) = answered.pointer_mut(place) {
                let path = link.as_str().unwrap().splitn(4, '/').last().unwrap().to_owned();
                *link = format!("https://example.bitrix24.com/{path}").into();
            }
        }
        assert_eq!(answered, serde_json::from_str::<Value>(answer).unwrap(), "{arguments}");
        shown += 1;
    }
    assert_eq!(shown, 5);
}

/// Whether the setting itself is a file, and not a secret's other form.
fn is_a_file(setting: &str) -> bool {
    ["BITRIX24_TOKEN_FILE", "BITRIX24_CA_FILE"].contains(&setting)
}

/// The backquoted words of the tables' first columns.
fn first_columns() -> BTreeSet<&'static str> {
    let rows = README.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.split(" |").next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

#[tokio::test]
async fn every_setting_and_every_code_has_its_row() {
    let listed = first_columns();
    let source = include_str!("../../src/config/variables.rs");
    let settings = source.split('"').filter(|text| text.starts_with("BITRIX24_"));
    let settings: BTreeSet<&str> = settings
        .filter(|text| !text.contains(' ') && !text.ends_with("_FILE") || is_a_file(text))
        .collect();
    let documented = listed.iter().copied().filter(|name| name.starts_with("BITRIX24_"));
    // A secret's file stands beside it and has no row of its own.
    let documented: BTreeSet<&str> =
        documented.filter(|name| !name.ends_with("_FILE") || is_a_file(name)).collect();
    assert_eq!(documented, settings);

    let source = include_str!("../../src/error.rs");
    let codes = source.split("pub enum Code {").nth(1).unwrap().split('}').next().unwrap();
    let codes = codes.lines().map(|line| line.trim().trim_end_matches(','));
    let codes: BTreeSet<String> = codes.filter(|code| !code.is_empty()).map(screaming).collect();
    let documented: BTreeSet<String> = listed
        .into_iter()
        .filter(|name| name.len() > 3 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .map(str::to_owned)
        .collect();
    assert_eq!(documented, codes);
}

#[test]
fn every_reason_why_has_its_row() {
    let source = include_str!("../../src/change/verify/why.rs");
    let variants = source.split("pub enum Why {").nth(1).unwrap().split('}').next().unwrap();
    let variants = variants.lines().map(|line| line.trim().trim_end_matches(','));
    let reasons = variants.filter(|line| !line.is_empty() && !line.starts_with('/'));
    let reasons: BTreeSet<String> = reasons.map(|why| screaming(why).to_lowercase()).collect();
    let table = README.split("| `why` | meaning |").nth(1).unwrap().split("\n\n").next().unwrap();
    let documented: BTreeSet<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned))
        .collect();
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
fn the_example_configuration_is_ready_to_copy() {
    let example: Value = serde_json::from_str(include_str!("../../mcp.json.example")).unwrap();
    let servers = example["mcpServers"].as_object().unwrap();
    assert_eq!(servers.len(), 2);
    assert!(servers.values().all(|server| server["command"] == "bitrix24-crm-mcp"));
}
