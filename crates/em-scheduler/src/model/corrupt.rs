//! A value of a row that cannot be read (F12).

/// Names the value; it concerns its row alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("table {table}, row {row}, column {column}: {found}")]
pub struct Corrupt {
    /// The table.
    pub table: &'static str,
    /// The row, as its key reads.
    pub row: String,
    /// The column.
    pub column: &'static str,
    /// What is there and what is allowed.
    pub found: String,
}
