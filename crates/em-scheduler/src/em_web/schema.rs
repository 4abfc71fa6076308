//! em_web's tables: created whole on an empty database, verified and never altered on an existing one.
//!
//! The model is data (`em_model.csv`, `em_lookups.csv`); this module turns it into statements for both engines and
//! says which columns the scheduler itself uses.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::columns::Field;

/// The tables and columns of em_web.
const MODEL: &str = include_str!("em_model.csv");
/// The rows of its lookup tables.
const LOOKUPS: &str = include_str!("em_lookups.csv");

/// The rows of `task_status` the scheduler writes into other tables.
pub(crate) const STATUS_ERRORED: i32 = 2;
/// The status of the scheduler's own rows in `task_log`.
pub(crate) const STATUS_SCHEDULER: i32 = 6;

/// Both.
pub(crate) const STATUSES: [i32; 2] = [STATUS_ERRORED, STATUS_SCHEDULER];

/// The SQL dialect a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// What a column must be able to hold to be usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Integer,
    Text,
    /// A date and time without zone.
    WallTime,
}

impl Family {
    /// In words, for errors.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Integer => "an integer",
            Self::Text => "a text",
            Self::WallTime => "a timestamp without time zone",
        }
    }

    /// Whether a PostgreSQL `data_type` belongs to the family.
    pub(crate) fn accepts(self, data_type: &str) -> bool {
        match self {
            Self::Integer => matches!(data_type, "integer" | "bigint" | "smallint"),
            Self::Text => matches!(data_type, "character varying" | "text"),
            Self::WallTime => data_type == "timestamp without time zone",
        }
    }
}

/// The columns that are written, or that only statements name, beside those that are read as rows ([`Field`]).
const WRITTEN: [(&str, &[&str]); 3] = [
    ("task", &["project_id", "status_id", "last_run_job_id"]),
    (
        "task_log",
        &[
            "id",
            "task_id",
            "status_id",
            "job_id",
            "message",
            "error",
            "status_date",
        ],
    ),
    ("task_status", &["id"]),
];

/// The columns the scheduler reads or writes.
pub(crate) fn used_columns() -> Vec<(&'static str, &'static str, Family)> {
    let read = Field::ALL.iter().filter(|field| field.is_in_all_models());
    let read = read.map(|field| (field.table(), field.name()));
    let written = WRITTEN.iter();
    let written = written.flat_map(|(table, names)| names.iter().map(move |name| (*table, *name)));
    let used = read.chain(written);
    used.map(|(table, name)| (table, name, family(table, name)))
        .collect()
}

/// What a column of the model holds.
pub(super) fn family(table: &str, name: &str) -> Family {
    let columns = columns().iter();
    let mut named = columns.filter(|column| column.table == table && column.name == name);
    named.next().map_or(Family::Text, Column::family)
}

/// The tables of the model, in an order that respects their references.
pub(crate) fn tables() -> Vec<&'static str> {
    let mut tables: Vec<&str> = Vec::new();
    for column in columns() {
        if !tables.contains(&column.table) {
            tables.push(column.table);
        }
    }
    tables
}

/// The statements that create the whole model on an empty database, lookup rows included.
pub(crate) fn create_statements(dialect: Dialect) -> Vec<String> {
    let columns = columns();
    let mut statements = Vec::new();
    for table in tables() {
        let lines: Vec<String> = columns
            .iter()
            .filter(|column| column.table == table)
            .map(|column| column.ddl(dialect))
            .collect();
        statements.push(format!(
            "CREATE TABLE \"{table}\" (\n  {}\n)",
            lines.join(",\n  ")
        ));
    }
    for column in columns
        .iter()
        .filter(|column| column.indexed && !column.primary_key)
    {
        let (table, name) = (column.table, column.name);
        statements.push(format!(
            "CREATE INDEX ix_{table}_{name} ON \"{table}\" (\"{name}\")"
        ));
    }
    statements.push("CREATE INDEX ix_task_log_status_date_error ON task_log (status_date, error)".into());
    statements.push("CREATE INDEX ix_task_file_id_task_id_job_id ON task_file (id, task_id, job_id)".into());
    statements.extend(lookup_statements(dialect));
    statements
}

fn lookup_statements(dialect: Dialect) -> Vec<String> {
    let columns = columns();
    let mut statements = Vec::new();
    let mut tables: Vec<&str> = Vec::new();
    for line in LOOKUPS.lines().skip(1).filter(|line| !line.is_empty()) {
        let mut cells = line.split(',');
        let (Some(table), Some(id), Some(name), ext) = (
            cells.next(),
            cells.next(),
            cells.next(),
            cells.next().unwrap_or(""),
        ) else {
            continue;
        };
        if !tables.contains(&table) {
            tables.push(table);
        }
        let name = name.replace('\'', "''");
        // An empty extension is one too: the column is never null.
        let extended = columns
            .iter()
            .any(|column| column.table == table && column.name == "ext");
        statements.push(if extended {
            format!("INSERT INTO {table} (id, name, ext) VALUES ({id}, '{name}', '{ext}')")
        } else {
            format!("INSERT INTO {table} (id, name) VALUES ({id}, '{name}')")
        });
    }
    if dialect == Dialect::Postgres {
        // So that em_web's own inserts continue after the rows given here.
        statements.extend(tables.iter().map(|table| {
            format!("SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
        }));
    }
    statements
}

#[derive(Debug)]
struct Column {
    table: &'static str,
    name: &'static str,
    kind: &'static str,
    nullable: bool,
    primary_key: bool,
    references: &'static str,
    indexed: bool,
    default: &'static str,
}

impl Column {
    fn family(&self) -> Family {
        match self.kind {
            "INTEGER" => Family::Integer,
            "DATETIME" => Family::WallTime,
            _ => Family::Text,
        }
    }

    fn ddl(&self, dialect: Dialect) -> String {
        let mut ddl = format!("\"{}\" ", self.name);
        ddl += match (dialect, self.kind) {
            (Dialect::Postgres, "INTEGER") if self.primary_key => "SERIAL",
            (Dialect::Postgres, "DATETIME") => "TIMESTAMP WITHOUT TIME ZONE",
            (_, kind) => kind,
        };
        if self.primary_key {
            ddl += " PRIMARY KEY";
        }
        if !self.nullable {
            ddl += " NOT NULL";
        }
        if self.default == "server now()" {
            ddl += " DEFAULT CURRENT_TIMESTAMP";
        }
        if let Some((table, column)) = self.references.split_once('.') {
            // Writing to a String cannot fail.
            let _ = write!(ddl, " REFERENCES \"{table}\" (\"{column}\")");
        }
        ddl
    }
}

fn columns() -> &'static [Column] {
    static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(parsed);
    &COLUMNS
}

fn parsed() -> Vec<Column> {
    let mut lines = MODEL.lines();
    let header: Vec<&str> = lines.next().unwrap_or("").split(',').collect();
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let cells: Vec<&'static str> = line.split(',').collect();
            let cell = |name: &str| {
                let place = header.iter().position(|title| *title == name);
                place.and_then(|place| cells.get(place).copied()).unwrap_or("")
            };
            Column {
                table: cell("table"),
                name: cell("column"),
                kind: cell("type"),
                nullable: cell("nullable") == "True",
                primary_key: cell("primary_key") == "True",
                references: cell("references"),
                indexed: cell("indexed") == "True",
                default: cell("default"),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_read_whole() {
        assert_eq!(tables().len(), 21);
        assert_eq!(columns().len(), 197);
    }

    #[test]
    fn a_referenced_table_is_created_before_the_one_that_names_it() {
        let order = tables();
        for column in columns() {
            if let Some((target, _)) = column.references.split_once('.') {
                let place = |table: &str| order.iter().position(|name| *name == table);
                assert!(
                    place(target) < place(column.table),
                    "{} before {}",
                    target,
                    column.table
                );
            }
        }
    }

    #[test]
    fn every_column_used_is_in_the_model() {
        let columns = columns();
        for (table, name, _) in used_columns() {
            assert!(
                columns
                    .iter()
                    .any(|column| column.table == table && column.name == name),
                "{table}.{name}"
            );
        }
    }
}
