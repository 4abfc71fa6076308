//! Promises of docs/ARCHITECTURE.md that can be read from the source: the layers, no circles, what must not be written where.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "structure/circles.rs"]
mod circles;
#[path = "structure/layers.rs"]
mod layers;
#[path = "structure/modules.rs"]
mod modules;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A path in this crate.
fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The Rust files in a folder and all below it, or the file itself.
fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap();
        return entries
            .flat_map(|entry| sources(&entry.unwrap().path()))
            .collect();
    }
    let rust = path.extension().is_some_and(|extension| extension == "rs");
    rust.then(|| path.to_owned()).into_iter().collect()
}

#[test]
fn the_triggers_stay_pure() {
    let text = fs::read_to_string(here("../triggers/Cargo.toml")).unwrap();
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

/// A router of axum's beside a route table would be served without a class: what it may do would be said nowhere.
#[test]
fn there_is_no_route_outside_the_tables() {
    for path in ["src/api", "src/http"]
        .into_iter()
        .flat_map(|folder| sources(&here(folder)))
    {
        let text = fs::read_to_string(&path).unwrap();
        for call in [
            "route",
            "nest",
            "merge",
            "route_service",
            "nest_service",
            "fallback_service",
        ] {
            let call = format!(".{call}(");
            assert!(!text.contains(&call), "{}: {call}", path.display());
        }
    }
}

/// What stands without its schema is looked for along a search path, which a pooler or a role may set to anything.
#[test]
fn statements_on_postgres_name_the_schema_of_our_tables() {
    for path in sources(&here("src/store/postgres")) {
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

/// Who has the repository has all that it cites.
#[test]
fn nothing_outside_of_the_repository_is_cited() {
    let root = here("../..");
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !matches!(name.as_str(), "target" | ".git" | "corpus") {
                folders.push(path);
                continue;
            }
            let read = ["rs", "md", "sql", "toml"].iter().any(|end| name.ends_with(end));
            let Some(text) = read.then(|| fs::read_to_string(&path).ok()).flatten() else {
                continue;
            };
            for elsewhere in ["spec", "product", "design", "triggers", "stack"] {
                for cited in [format!("{elsewhere} §"), format!("{elsewhere}.md")] {
                    assert!(!text.contains(&cited), "{}: {cited}", path.display());
                }
            }
        }
    }
}

/// One word for one thing. (Within a function or a module of tests a name may be used again.)
#[test]
fn no_two_types_share_a_name() {
    let mut named: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in sources(&here("src")) {
        for line in fs::read_to_string(&path).unwrap().lines() {
            let line = line.strip_prefix("pub ").unwrap_or(line);
            let line = line.strip_prefix("pub(super) ").unwrap_or(line);
            let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
            let kind = ["struct ", "enum ", "trait ", "type "];
            let Some(rest) = kind.iter().find_map(|kind| line.strip_prefix(kind)) else {
                continue;
            };
            let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
            if let Some(other) = named.insert(rest[..end].to_owned(), path.clone()) {
                panic!(
                    "{}: {} is a type of {}, too",
                    path.display(),
                    &rest[..end],
                    other.display()
                );
            }
        }
    }
}
