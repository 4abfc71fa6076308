//! No circles: in each folder, no file or subfolder depends on another one that depends on it in turn, however far around.
//!
//! Between two neighbours of a folder there is an arrow where a file in the one names something that a file in the other
//! defines. A `mod.rs` is a neighbour of the files it stands beside as far as it defines or uses anything itself; what it
//! merely declares and passes on (`pub use`) counts for the file in which it is written. So a type that its siblings need
//! belongs into a file of its own, not into their `mod.rs`.

use std::collections::BTreeSet;
use std::path::Path;

use super::here;
use super::modules::{Reference, Tree};

/// Sources and the top-level module; none: all of the crate.
const FOLDERS: [(&str, Option<&str>); 10] = [
    ("src", Some("api")),
    ("src", Some("cli")),
    ("src", Some("config")),
    ("src", Some("dispatch")),
    ("src", Some("em_web")),
    ("src", Some("engine")),
    ("src", Some("http")),
    ("src", Some("model")),
    ("src", Some("store")),
    ("../triggers/src", None),
];

#[test]
fn no_circles() {
    let mut found = Vec::new();
    for (src, top) in FOLDERS {
        found.extend(circles(&here(src), top));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// A line for each reference that is part of a circle, or lies between two of them.
fn circles(src: &Path, top: Option<&str>) -> Vec<String> {
    let tree = Tree::read(src);
    let references = tree.references();
    let mut lines = Vec::new();
    for folder in tree.modules().iter().filter(|module| module.has_children()) {
        if top.is_some_and(|top| folder.path.first().is_none_or(|first| first != top)) {
            continue;
        }
        let neighbour = |path: &[String]| {
            let below = path.strip_prefix(folder.path.as_slice())?;
            Some(below.first().map_or("mod", String::as_str).to_owned())
        };
        let arrow = |reference: &Reference| {
            let (from, to) = (neighbour(&reference.from)?, neighbour(&reference.to)?);
            (from != to).then_some((from, to))
        };
        let mut left: BTreeSet<_> = references.iter().filter_map(arrow).collect();
        // What nobody depends on, and what depends on nobody, is in no circle.
        loop {
            let (from, to): (BTreeSet<_>, BTreeSet<_>) = left.iter().cloned().unzip();
            let before = left.len();
            left.retain(|(a, b)| to.contains(a) && from.contains(b));
            if left.len() == before {
                break;
            }
        }
        for reference in &references {
            if let Some((from, to)) = arrow(reference).filter(|arrow| left.contains(arrow)) {
                let (folder, by) = (folder.path.join("::"), &reference.by);
                let file = reference.from.join("::");
                lines.push(format!("{folder}: {from} -> {to} ({file} names {by})"));
            }
        }
    }
    lines
}

#[test]
fn a_circle_is_found_wherever_it_goes_through() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let root = "mod a;\nmod b;\nmod c;\npub use self::b::{B as Named, Other};\nuse std::fmt;\n";
    write("lib.rs", root);
    write(
        "a.rs",
        "use crate::{Named, c};\nfn a() { c::deep::call(Named) }\n",
    );
    write(
        "b.rs",
        "pub struct B;\n// crate::a::A\n#[cfg(test)]\nmod tests {\n use crate::a::A;\n}\n",
    );
    write("c/mod.rs", "mod deep;\n");
    write("c/deep.rs", "pub fn call() {}\n");
    assert_eq!(circles(folder.path(), None), Vec::<String>::new());
    write("c/deep.rs", "use super::super::{\n    b::{self, Other},\n};\n");
    assert_eq!(circles(folder.path(), None), Vec::<String>::new());
    write("b.rs", "fn b() -> super::a::A { todo() }\n");
    assert_eq!(
        circles(folder.path(), None),
        [
            ": a -> b (a names crate::Named)",
            ": a -> c (a names crate::c::deep::call)",
            ": b -> a (b names super::a::A)",
            ": c -> b (c::deep names super::super::b)",
            ": c -> b (c::deep names super::super::b::Other)",
        ]
    );
    assert_eq!(circles(folder.path(), Some("c")), Vec::<String>::new());
    write("c/mod.rs", "mod deep;\nstruct Own;\nuse deep::call;\n");
    write("c/deep.rs", "use super::Own;\npub fn call() {}\n");
    assert_eq!(circles(folder.path(), Some("c")).len(), 2);
}
