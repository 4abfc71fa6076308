//! Promises of docs/ARCHITECTURE.md that can be read from the source: the layers, no circles, what must not be written where.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "structure/circles.rs"]
mod circles;
#[path = "structure/layers.rs"]
mod layers;
#[path = "structure/modules.rs"]
mod modules;

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
