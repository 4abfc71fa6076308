//! The document: each workload's table goes into its own marked section; everything else in it is left alone.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use crate::rows::Results;

/// A document and the program that rewrites its sections.
#[derive(Debug, Clone, Copy)]
pub struct Document {
    /// Where it is.
    pub path: &'static str,
    /// Its heading, where it is yet to be created.
    pub title: &'static str,
    /// The package of the program, as `cargo run -p` takes it.
    pub package: &'static str,
}

/// Writes the tables of all workloads that were run.
/// Fails where a section has no end, too.
pub fn write(document: &Document, results: &Results) -> anyhow::Result<()> {
    let path = Path::new(document.path);
    let mut text = if path.exists() {
        fs::read_to_string(path)?
    } else {
        format!("# {}\n", document.title)
    };
    for workload in results.workloads() {
        text = with_section((&text, document.package), workload, &results.table(workload))?;
    }
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

/// The document with the section replaced, or added at the end if there is none yet.
fn with_section((text, package): (&str, &str), workload: &str, table: &str) -> anyhow::Result<String> {
    let (begin, end) = (
        format!("<!-- begin: cargo run --release -p {package} -- {workload} --write -->"),
        format!("<!-- end: {package} {workload} -->"),
    );
    let section = format!("{begin}\n\n{table}\n{end}");
    let Some((before, rest)) = text.split_once(&begin) else {
        return Ok(format!("{}\n\n## {workload}\n\n{section}\n", text.trim_end()));
    };
    let Some((_, after)) = rest.split_once(&end) else {
        bail!("{begin} without {end}");
    };
    Ok(format!("{before}{section}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_section_changes() {
        let text = "# Performance\n\n## Triggers\n\nx\n";
        let once = with_section((text, "bench"), "burst", "| a |\n").unwrap();
        assert_eq!(
            once,
            "# Performance\n\n## Triggers\n\nx\n\n## burst\n\n\
             <!-- begin: cargo run --release -p bench -- burst --write -->\n\n| a |\n\n<!-- end: bench burst -->\n"
        );
        let twice = with_section((&once, "bench"), "burst", "| b |\n").unwrap();
        assert_eq!(twice, once.replace("| a |", "| b |"));
        assert!(with_section((&once.replace("end", "x"), "bench"), "burst", "").is_err());
    }
}
