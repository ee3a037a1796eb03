//! The pages of the documentation, and what tests look for in them: blocks, tables, headings, links.

use std::{collections::BTreeSet, fs, path::Path};

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a page.
pub(crate) fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages of the documentation in English, from the repository's root.
pub(crate) fn pages() -> Vec<String> {
    let single = [
        "README.md",
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
        "SECURITY.md",
        "evals/README.md",
        "packaging/README.md",
    ];
    let below = names("docs").into_iter().map(|name| format!("docs/{name}"));
    single.into_iter().map(str::to_owned).chain(below).collect()
}

/// The pages in Russian, each with the one in English that it says the same as.
pub(crate) fn translations() -> Vec<(String, String)> {
    let below = names("docs/ru").into_iter();
    let pairs = below.map(|name| (format!("docs/ru/{name}"), format!("docs/{name}")));
    pairs.chain([("README.ru.md".to_owned(), "README.md".to_owned())]).collect()
}

/// The names of a folder's pages.
fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_page = |name: &String| Path::new(name).extension().is_some_and(|it| it == "md");
    let mut names: Vec<String> = names.filter(is_page).collect();
    names.sort();
    names
}

/// The fenced blocks: language and text.
pub(crate) fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
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

/// The lines outside of fenced blocks.
pub(crate) fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_in_block = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_in_block ^= is_fence;
        !is_in_block && !is_fence
    })
}

/// A row of a table: the code spans of each cell.
pub(crate) type Row = Vec<Vec<String>>;

/// The tables: their rows, with the header's and the line below it.
pub(crate) fn tables(text: &str) -> Vec<Vec<Row>> {
    let mut tables = vec![Vec::new()];
    for line in prose(text) {
        match line.trim().strip_prefix('|') {
            Some(row) => tables.last_mut().unwrap().push(cells(row)),
            None => tables.push(Vec::new()),
        }
    }
    tables.retain(|table| !table.is_empty());
    tables
}

/// The code spans of each cell; a bar behind a backslash is a part of its cell.
fn cells(row: &str) -> Row {
    let row = row.replace(r"\|", "\u{1}");
    let row = row.trim_end().strip_suffix('|').unwrap_or_else(|| panic!("an open row: {row}"));
    row.split('|').map(spans).collect()
}

/// The code spans of a text.
fn spans(text: &str) -> Vec<String> {
    assert!(text.matches('`').count().is_multiple_of(2), "an open code span: {text}");
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The headings: level and code spans.
pub(crate) fn headings(text: &str) -> Vec<(usize, Vec<String>)> {
    titles(text).map(|(level, title)| (level, spans(title))).collect()
}

/// The headings: level and title.
fn titles(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose(text).filter_map(|line| {
        let title = line.trim_start_matches('#');
        let level = line.len() - title.len();
        (level > 0).then(|| title.strip_prefix(' ')).flatten().map(|title| (level, title))
    })
}

/// The targets of the links in a page's prose.
pub(crate) fn links(text: &str) -> Vec<String> {
    let of_line = |line: &str| {
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        targets.map(str::to_owned).collect::<Vec<_>>()
    };
    prose(text).flat_map(of_line).collect()
}

/// The anchors of a page's headings, as the usual renderers make them.
pub(crate) fn anchors(text: &str) -> BTreeSet<String> {
    let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let anchor = |title: &str| title.to_lowercase().chars().filter(is_kept).collect::<String>();
    titles(text).map(|(_, title)| anchor(title).replace(' ', "-")).collect()
}
