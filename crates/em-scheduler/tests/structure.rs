//! The floors of the house, held by reading the `use crate::` lines: no module imports from a floor above its own,
//! and `api` and `engine` never meet (docs/ARCHITECTURE.md).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Module by floor, from the ground up. A module may use its own floor's row only where it stands beside it below.
const FLOORS: [&[&str]; 7] = [
    &[
        "clock",
        "chance",
        "crash",
        "instance",
        "logging",
        "lifecycle",
        "control",
        "repeated",
        "wakeup",
    ],
    &["model"],
    &["em_web"],
    &["store"],
    &["dispatch", "peers"],
    &["api", "engine", "config"],
    &["cli"],
];

fn floor(module: &str) -> usize {
    let place = FLOORS.iter().position(|modules| modules.contains(&module));
    place.unwrap_or_else(|| {
        panic!("module {module} has no floor: give it one here and in docs/ARCHITECTURE.md")
    })
}

/// Which modules each module imports, and where.
fn imports() -> BTreeMap<String, Vec<(String, String)>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(&source).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if !matches!(module.as_str(), "lib" | "main") {
            let mut names = Vec::new();
            read(&path, &mut names);
            found.insert(module, names);
        }
    }
    found
}

fn read(path: &Path, names: &mut Vec<(String, String)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            read(&entry.unwrap().path(), names);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        let text = fs::read_to_string(path).unwrap();
        for (place, _) in text.match_indices("crate::") {
            let name: String = text[place + "crate::".len()..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if !name.is_empty() {
                names.push((name, path.display().to_string()));
            }
        }
    }
}

#[test]
fn no_module_imports_from_a_floor_above() {
    for (module, names) in imports() {
        for (name, path) in names.iter().filter(|(name, _)| *name != module) {
            assert!(
                floor(name) <= floor(&module),
                "{path}: {module} must not use {name}, which stands above it"
            );
        }
    }
}

#[test]
fn modules_of_one_floor_do_not_know_each_other() {
    let allowed = [
        ("lifecycle", "logging"),
        ("lifecycle", "clock"),
        ("logging", "lifecycle"),
        ("config", "logging"),
        ("repeated", "clock"),
    ];
    for (module, names) in imports() {
        for (name, path) in names.iter().filter(|(name, _)| *name != module) {
            let beside =
                floor(name) == floor(&module) && !allowed.contains(&(module.as_str(), name.as_str()));
            assert!(!beside, "{path}: {module} and {name} stand on one floor");
        }
    }
}

#[test]
fn the_triggers_stay_pure() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../triggers/Cargo.toml");
    let text = fs::read_to_string(manifest).unwrap();
    for name in [
        "tokio",
        "rusqlite",
        "tokio-postgres",
        "hyper",
        "axum",
        "getrandom",
        "rand",
    ] {
        assert!(
            !text
                .lines()
                .any(|line| line.starts_with(&format!("{name} ")) || line.starts_with(&format!("{name}.")))
        );
    }
}

/// What stands without its schema is looked for along a search path, which a pooler or a role may set to anything.
#[test]
fn statements_on_postgres_name_the_schema_of_our_tables() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/postgres");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for verb in [
                "FROM",
                "JOIN",
                "INTO",
                "UPDATE",
                "USING",
                "TABLE",
                "truncate off)",
            ] {
                let bare = format!("{} scheduler_", verb.to_lowercase());
                assert!(!line.to_lowercase().contains(&bare), "{}: {line}", path.display());
            }
        }
    }
}
