//! The modules import what ARCHITECTURE.md says and nothing else. Imports are read from the source:
//! `use` declarations and paths that begin with `crate` or `super`; unit tests do not count.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The top modules, those that know least first: each imports only those before it. The names of
/// environment variables and the sentences about them are apart from the rest of `config`, which
/// reads them.
const LAYERS: [&str; 21] = [
    "config::variables",
    "config::hints",
    "crm",
    "card",
    "random",
    "whole_file",
    "sandbox",
    "text",
    "json",
    "portal",
    "error",
    "uploads",
    "policy",
    "journal",
    "metadata",
    "items",
    "account",
    "change",
    "tools",
    "server",
    "config",
];

/// Words that only some files may hold: a word, and where it belongs.
const BELONGS: [(&str, &[&str]); 5] = [
    ("rmcp::", &["server"]),
    ("reqwest::", &["portal"]),
    ("BITRIX24_", &["config"]),
    ("hyper::", &["sandbox"]),
    ("clap::", &["cli", "main"]),
];

/// What a pure module does not name.
const IMPURE: [&str; 6] =
    ["std::fs", "std::env", "std::net", "std::process", "tokio", "SystemTime"];

type Module = Vec<String>;

/// The text of every module without comments and unit tests.
fn sources() -> BTreeMap<Module, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let module = path.strip_prefix(&root).unwrap().with_extension("");
            let module: Module =
                module.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            if module.last().unwrap() != "tests" {
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap();
                let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                let text = lines.collect::<Vec<_>>().join("\n");
                // How far a name is seen is no import.
                sources.insert(module, text.replace("pub(in crate::", "pub(in "));
            }
        }
    }
    sources
}

/// The paths of a `use` tree: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths_of(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((prefix, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap().trim();
        return if path.is_empty() { Vec::new() } else { vec![path.to_owned()] };
    };
    let inner = inner.trim_end().strip_suffix('}').unwrap();
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in inner.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(c);
        }
    }
    let parts = parts.iter().flat_map(|part| paths_of(part));
    parts.map(|part| format!("{}{part}", prefix.trim())).collect()
}

/// Every path that a source imports or names, and whether it is handed on.
fn imports(source: &str) -> Vec<(String, bool)> {
    let mut imports = Vec::new();
    let mut rest = String::new();
    for statement in source.split_inclusive(';') {
        match statement.rsplit_once("use ") {
            Some((before, tree)) if statement.ends_with(';') && !tree.contains('(') => {
                let is_public = before.trim_end().ends_with("pub");
                let is_public = is_public || before.trim_end().ends_with(')');
                let paths = paths_of(tree.trim_end_matches(';'));
                imports.extend(paths.into_iter().map(|path| (path, is_public)));
                rest.push_str(before);
            }
            _ => rest.push_str(statement),
        }
    }
    for start in ["crate::", "super::"] {
        for (at, _) in rest.match_indices(start) {
            let path = rest.get(at..).unwrap();
            let end = path.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
            let path = path.get(..end.unwrap_or(path.len())).unwrap().trim_end_matches(':');
            imports.push((path.to_owned(), false));
        }
    }
    imports
}

struct Graph {
    modules: BTreeSet<Module>,
    /// What a module hands on, and where that comes from.
    handed_on: BTreeMap<(Module, String), Module>,
}

impl Graph {
    /// The module that a path of another module leads to; `None` outside of the crate.
    fn target(&self, module: &Module, path: &str) -> Option<Module> {
        let mut parts = path.split("::").peekable();
        let mut at: Module = match *parts.peek()? {
            "crate" => Vec::new(),
            "super" => module.get(..module.len() - 1)?.to_vec(),
            "self" => module.clone(),
            name if self.modules.contains(&[module.as_slice(), &[name.to_owned()]].concat()) => {
                let child = [module.as_slice(), &[name.to_owned()]].concat();
                return Some(self.within(child, parts.skip(1)));
            }
            _ => return None,
        };
        parts.next();
        while parts.next_if_eq(&"super").is_some() {
            at.pop();
        }
        Some(self.within(at, parts))
    }

    fn within<'a>(&self, mut at: Module, parts: impl Iterator<Item = &'a str>) -> Module {
        for part in parts {
            let child = [at.as_slice(), &[part.to_owned()]].concat();
            if self.modules.contains(&child) {
                at = child;
            } else {
                let handed_on = self.handed_on.get(&(at.clone(), part.to_owned()));
                return handed_on.cloned().unwrap_or(at);
            }
        }
        at
    }
}

/// Which module imports which.
fn edges() -> BTreeSet<(Module, Module)> {
    let sources = sources();
    let modules: BTreeSet<Module> = sources.keys().cloned().collect();
    let mut graph = Graph { modules, handed_on: BTreeMap::new() };
    let imports: Vec<(Module, Vec<(String, bool)>)> =
        sources.iter().map(|(module, source)| (module.clone(), imports(source))).collect();
    // What is handed on may have been handed on before.
    for _ in 0..3 {
        for (module, paths) in &imports {
            for (path, _) in paths.iter().filter(|(_, is_public)| *is_public) {
                if let Some(target) = graph.target(module, path) {
                    let name = path.rsplit("::").next().unwrap().to_owned();
                    graph.handed_on.insert((module.clone(), name), target);
                }
            }
        }
    }
    let mut edges = BTreeSet::new();
    for (module, paths) in imports {
        for (path, _) in paths {
            edges.extend(
                graph
                    .target(&module, &path)
                    .filter(|it| *it != module)
                    .map(|it| (module.clone(), it)),
            );
        }
    }
    edges
}

/// The layer of a module: its top module, but for what of `config` everybody may use.
fn layer(module: &Module) -> String {
    match module.as_slice() {
        [config, leaf, ..]
            if config == "config" && LAYERS.contains(&format!("config::{leaf}").as_str()) =>
        {
            format!("config::{leaf}")
        }
        [top, ..] => top.clone(),
        [] => "lib".to_owned(),
    }
}

#[test]
fn each_layer_imports_only_those_below() {
    let height = |layer: &str| LAYERS.iter().position(|name| *name == layer);
    let mut seen = 0;
    for (from, to) in edges() {
        let (from, to) = (layer(&from), layer(&to));
        // The command line may use everything.
        if from == to || ["cli", "main", "lib"].contains(&from.as_str()) {
            continue;
        }
        seen += 1;
        // The settings' own sentences and names are parts of them.
        let is_below = height(&to) < height(&from) || from.starts_with("config::");
        assert!(is_below && height(&to).is_some(), "{from} imports {to}");
        let are_apart = [("portal", "crm"), ("crm", "portal"), ("sandbox", "portal")];
        assert!(!are_apart.contains(&(from.as_str(), to.as_str())), "{from} imports {to}");
    }
    assert!(seen > 50, "only {seen} imports were found");
}

#[test]
fn siblings_import_each_other_in_no_circle() {
    let mut folders: BTreeMap<Module, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (from, to) in edges() {
        let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
        if let (Some(one), Some(other)) = (from.get(common), to.get(common)) {
            let folder = from.get(..common).unwrap().to_vec();
            folders
                .entry(folder)
                .or_default()
                .entry(one.clone())
                .or_default()
                .insert(other.clone());
        }
    }
    // `config` is two layers: see `LAYERS`.
    folders.remove(&Vec::new());
    assert!(folders.len() > 8, "only {} folders were found", folders.len());
    for (folder, imports) in folders {
        let mut left: BTreeSet<&String> = imports.keys().collect();
        // Whoever imports nobody that is left is in no circle.
        while let Some(free) = left
            .iter()
            .copied()
            .find(|name| imports.get(*name).is_none_or(|to| !to.iter().any(|it| left.contains(it))))
        {
            left.remove(free);
        }
        assert!(left.is_empty(), "a circle in {folder:?} among {left:?}");
    }
}

#[test]
fn nothing_in_change_or_tools_imports_its_parent_and_no_tool_a_sibling() {
    let tools = ["update", "update_many", "undo", "find", "get", "describe"];
    for (from, to) in edges() {
        let is_checked = ["change", "tools"].contains(&from.first().unwrap().as_str());
        let is_parent = to.len() < from.len() && from.starts_with(&to);
        assert!(!(is_checked && is_parent), "{from:?} imports its parent {to:?}");
        if let ([top, one, ..], [other_top, other, ..]) = (from.as_slice(), to.as_slice())
            && top == "tools"
            && other_top == "tools"
            && tools.contains(&one.as_str())
        {
            let is_sibling = one != other && tools.contains(&other.as_str());
            assert!(!is_sibling, "the tool {one} imports the tool {other}");
        }
    }
}

#[test]
fn libraries_and_settings_are_named_where_they_belong() {
    for (module, source) in sources() {
        for (word, places) in BELONGS {
            let is_there = places.contains(&module.first().unwrap().as_str());
            assert!(is_there || !source.contains(word), "{module:?} names {word}");
        }
        if module.first().unwrap() == "crm" {
            for word in IMPURE {
                assert!(!source.contains(word), "{module:?} names {word}");
            }
        }
        // A tool writes through `change` alone.
        if module.first().unwrap() == "tools" {
            for word in ["WireFields", ".update_photo(", "items.update("] {
                assert!(!source.contains(word), "{module:?} names {word}");
            }
        }
    }
}

#[test]
fn files_are_small_enough_to_be_read() {
    const MAX_LINES: usize = 400;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for module in sources().keys() {
        let path = root.join(module.join("/")).with_extension("rs");
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", path.display());
        let name = module.last().unwrap();
        assert!(!["utils", "common", "helpers", "mod"].contains(&name.as_str()), "{name}");
    }
}
