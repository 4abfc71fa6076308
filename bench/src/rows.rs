//! Results: one row per measurement, written as a line of JSON and shown in a table per workload.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::Context;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// One measurement: its workload, and named values in the order of the table's columns.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was measured; its section in the document.
    pub workload: &'static str,
    cells: Vec<(String, Value)>,
}

impl Row {
    /// A row without values.
    pub fn new(workload: &'static str) -> Self {
        Self {
            workload,
            cells: Vec::new(),
        }
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.cells.push((name.into(), value.into()));
        self
    }

    /// Adds a number, rounded to what can be read: three digits of weight, at most three behind the point.
    #[must_use]
    pub fn number(self, name: impl Into<String>, value: f64) -> Self {
        let behind = match value.abs() {
            size if size >= 100.0 => 0,
            size if size >= 10.0 => 1,
            size if size >= 1.0 => 2,
            _ => 3,
        };
        let rounded: f64 = format!("{value:.behind$}").parse().unwrap_or(value);
        self.with(name, rounded)
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("workload", self.workload)?;
        for (name, value) in &self.cells {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Where rows go: a file, standard error as they come, and the tables at the end.
pub struct Results {
    file: File,
    rows: Vec<Row>,
}

impl Results {
    /// Results that go to a file.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(path)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Self {
            file,
            rows: Vec::new(),
        })
    }

    /// Notes a row, at once also in the file: a run that breaks off leaves what it had.
    pub fn add(&mut self, row: Row) -> anyhow::Result<()> {
        let line = serde_json::to_string(&row)?;
        writeln!(self.file, "{line}")?;
        eprintln!("{line}");
        self.rows.push(row);
        Ok(())
    }

    /// The workloads that have rows, in the order of their first.
    pub fn workloads(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for row in &self.rows {
            if !names.contains(&row.workload) {
                names.push(row.workload);
            }
        }
        names
    }

    /// The rows of a workload as Markdown tables: one for each set of columns.
    pub fn table(&self, workload: &str) -> String {
        let mut tables: Vec<(Vec<&str>, Vec<&Row>)> = Vec::new();
        for row in self.rows.iter().filter(|row| row.workload == workload) {
            let columns: Vec<&str> = row.cells.iter().map(|(name, _)| name.as_str()).collect();
            match tables.iter_mut().find(|(known, _)| *known == columns) {
                Some((_, rows)) => rows.push(row),
                None => tables.push((columns, vec![row])),
            }
        }
        let texts: Vec<String> = tables
            .iter()
            .map(|(columns, rows)| table(columns, rows))
            .collect();
        texts.join("\n")
    }
}

fn table(columns: &[&str], rows: &[&Row]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(columns.iter().map(|&name| name.to_owned()).collect());
    let numbers = |column: usize| rows.iter().all(|row| row.cells[column].1.is_number());
    text += &line(
        (0..columns.len())
            .map(|column| if numbers(column) { "---:" } else { "---" }.to_owned())
            .collect(),
    );
    for row in rows {
        text += &line(row.cells.iter().map(|(_, value)| shown(value)).collect());
    }
    text
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::Null => "–".to_owned(),
        Value::Number(number) => number.as_i64().map_or(number.to_string(), grouped),
        other => other.to_string(),
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_and_grouped() {
        let row = Row::new("x")
            .number("a", 1234.567)
            .number("b", 0.123_456)
            .with("c", 1_234_567);
        let shown: Vec<String> = row.cells.iter().map(|(_, value)| shown(value)).collect();
        assert_eq!(shown, ["1235.0", "0.123", "1,234,567"]);
    }
}
