//! em_web's model as data: the columns of its tables (`em_model.csv`), what they hold, and how either engine writes that.

use std::fmt::Write as _;
use std::sync::LazyLock;

/// The tables and columns of em_web.
const MODEL: &str = include_str!("em_model.csv");
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

/// What a column of the model holds.
pub(super) fn family(table: &str, name: &str) -> Family {
    let columns = columns().iter();
    let mut named = columns.filter(|column| column.table == table && column.name == name);
    named.next().map_or(Family::Text, Column::family)
}

#[derive(Debug)]
pub(super) struct Column {
    pub(super) table: &'static str,
    pub(super) name: &'static str,
    kind: &'static str,
    nullable: bool,
    pub(super) primary_key: bool,
    pub(super) references: &'static str,
    pub(super) indexed: bool,
    default: &'static str,
}

impl Column {
    pub(super) fn family(&self) -> Family {
        match self.kind {
            "INTEGER" => Family::Integer,
            "DATETIME" => Family::WallTime,
            _ => Family::Text,
        }
    }

    pub(super) fn ddl(&self, dialect: Dialect) -> String {
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

/// The columns of all tables, in the order of the file.
pub(super) fn columns() -> &'static [Column] {
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
