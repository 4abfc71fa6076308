//! The layers: no module imports from a layer above its own or from a neighbour in it, by the `crate::` paths it names.
//!
//! docs/ARCHITECTURE.md shows the same table: it is made from the data here. After a change,
//! `WRITE_DOCS=1 cargo test -p em-scheduler --test structure` writes it there.

use std::collections::BTreeMap;
use std::fs;

use super::{here, sources};

/// The modules of each layer, the lowest first.
const LAYERS: [&[&str]; 7] = [
    &[
        "chance",
        "clock",
        "control",
        "crash",
        "instance",
        "lifecycle",
        "logging",
        "repeated",
        "wakeup",
    ],
    &["model"],
    &["em_web"],
    &["http", "store"],
    &["dispatch", "peers"],
    &["api", "config", "engine"],
    &["cli"],
];

/// Who uses a neighbour all the same.
const NEIGHBOURS: [(&str, &str); 5] = [
    ("config", "logging"),
    ("lifecycle", "clock"),
    ("lifecycle", "logging"),
    ("logging", "lifecycle"),
    ("repeated", "clock"),
];

/// Who does not use what stands below: HTTP knows nothing of schedules, and what decides and sends nothing of HTTP's server.
const NEVER: [(&str, &str); 5] = [
    ("dispatch", "http"),
    ("engine", "http"),
    ("http", "em_web"),
    ("http", "model"),
    ("peers", "http"),
];

fn layer(module: &str) -> usize {
    let layer = LAYERS.iter().position(|modules| modules.contains(&module));
    layer.unwrap_or_else(|| panic!("module {module} has no layer: give it one here"))
}

/// Which modules each module names, and where.
fn imports() -> BTreeMap<String, Vec<(String, String)>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(here("src")).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let mut names = Vec::new();
        for file in sources(&path) {
            let text = fs::read_to_string(&file).unwrap();
            for (at, prefix) in text.match_indices("crate::") {
                let rest = &text[at + prefix.len()..];
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                let name = rest[..end.unwrap_or(rest.len())].to_owned();
                if !name.is_empty() && name != module {
                    names.push((name, file.display().to_string()));
                }
            }
        }
        found.insert(module, names);
    }
    found
}

#[test]
fn no_module_imports_from_its_own_layer_or_one_above() {
    for (module, names) in imports() {
        for (name, path) in &names {
            let (own, used) = (layer(&module), layer(name));
            let pair = (module.as_str(), name.as_str());
            assert!(
                used < own || NEIGHBOURS.contains(&pair),
                "{path}: {module} must not use {name}, which is in a layer above it or in its own"
            );
            assert!(!NEVER.contains(&pair), "{path}: {module} must not use {name}");
        }
    }
}

#[test]
fn the_architecture_shows_these_layers() {
    const BEGIN: &str = "<!-- layers: made by tests/structure/layers.rs -->\n";
    const END: &str = "<!-- end of layers -->\n";
    let code = |module: &&str| format!("`{module}`");
    let row = |(number, modules): (usize, &&[&str])| {
        let modules: Vec<String> = modules.iter().map(code).collect();
        format!("| {} | {} |\n", number + 1, modules.join(", "))
    };
    let rows: Vec<String> = LAYERS.iter().enumerate().map(row).rev().collect();
    let table = format!("| layer | modules |\n|---|---|\n{}", rows.concat());
    let path = here("../../docs/ARCHITECTURE.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the marker before the table");
    let (shown, after) = rest.split_once(END).expect("the marker after the table");
    if std::env::var_os("WRITE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert!(
            shown == table,
            "docs/ARCHITECTURE.md must have this (or set WRITE_DOCS=1):\n{table}"
        );
    }
}
