//! Reads the columns of a row, whatever is in them (F12). On SQLite any column of em_web's tables may hold any value, and a
//! text of ours may be invalid UTF-8. A value that does not fit becomes [`StoreError::Corrupt`], which names it and concerns
//! its row alone; an error of the driver would end the whole operation.

use rusqlite::Row;
use rusqlite::types::ValueRef;
use triggers::{UtcMicros, WallMicros};

use crate::model::{JobKind, TaskId};
use crate::store::{Result, StoreError, codec};

/// The columns of one row that belong to one table.
#[derive(Clone, Copy)]
pub(super) struct SqliteColumns<'row> {
    row: &'row Row<'row>,
    table: &'static str,
    /// Where the row has its name, and what stands before it in an error.
    named: usize,
    of: &'static str,
}

impl<'row> SqliteColumns<'row> {
    /// Of a table of ours; what the row is called stands in the column `named`.
    pub(super) fn new(row: &'row Row<'row>, table: &'static str, named: usize) -> Self {
        Self {
            row,
            table,
            named,
            of: "",
        }
    }

    /// Of a table of em_web's; the id of the task that it is about stands in the column `named`.
    pub(super) fn of_task(row: &'row Row<'row>, table: &'static str, named: usize) -> Self {
        Self {
            row,
            table,
            named,
            of: "of task ",
        }
    }

    /// The same row, as far as it comes from another table.
    pub(super) fn of_table(self, table: &'static str) -> Self {
        Self { table, ..self }
    }

    pub(super) fn integer_or_null(&self, place: usize, column: &'static str) -> Result<Option<i64>> {
        match self.row.get_ref(place)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(value) => Ok(Some(value)),
            other => Err(self.corrupt(column, &format!("{} is not an integer", shown(other)))),
        }
    }

    pub(super) fn integer(&self, place: usize, column: &'static str) -> Result<i64> {
        self.integer_or_null(place, column)?
            .ok_or_else(|| self.corrupt(column, "null is not an integer"))
    }

    /// An integer that tells yes from no.
    pub(super) fn flag(&self, place: usize, column: &'static str) -> Result<bool> {
        Ok(self.integer(place, column)? != 0)
    }

    /// An id in the range of em_web's.
    pub(super) fn task_id(&self, place: usize, column: &'static str) -> Result<TaskId> {
        let id = self.integer(place, column)?;
        TaskId::try_from(id).map_err(|_| self.corrupt(column, &codec::no_task_id(id)))
    }

    pub(super) fn instant(&self, place: usize, column: &'static str) -> Result<UtcMicros> {
        self.told(column, codec::instant(self.integer(place, column)?))
    }

    pub(super) fn instant_or_null(&self, place: usize, column: &'static str) -> Result<Option<UtcMicros>> {
        let micros = self.integer_or_null(place, column)?;
        self.told(column, micros.map(codec::instant).transpose())
    }

    /// A text of our own tables.
    pub(super) fn text(&self, place: usize, column: &'static str) -> Result<&'row str> {
        let value = self.row.get_ref(place)?;
        value
            .as_str()
            .map_err(|_| self.corrupt(column, &format!("{} is not a text", shown(value))))
    }

    /// A text of em_web's tables: numbers are read as texts, and invalid bytes are replaced.
    pub(super) fn words_or_null(&self, place: usize, column: &'static str) -> Result<Option<String>> {
        match self.row.get_ref(place)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => Ok(Some(String::from_utf8_lossy(bytes).into_owned())),
            ValueRef::Integer(value) => Ok(Some(value.to_string())),
            other => Err(self.corrupt(column, &format!("{} is not a text", shown(other)))),
        }
    }

    pub(super) fn wall_or_null(&self, place: usize, column: &'static str) -> Result<Option<WallMicros>> {
        let text = self.words_or_null(place, column)?;
        self.told(column, text.as_deref().map(codec::wall_from_text).transpose())
    }

    /// The id of a job, which names the row.
    pub(super) fn job_id(&self, place: usize, column: &'static str) -> Result<&'row str> {
        self.told(column, codec::job_id(self.text(place, column)?))
    }

    pub(super) fn job_kind(&self, place: usize) -> Result<JobKind> {
        self.told("kind", codec::job_kind(self.text(place, "kind")?))
    }

    pub(super) fn attempt(&self, place: usize) -> Result<u32> {
        self.told("attempt", codec::attempt(self.integer(place, "attempt")?))
    }

    pub(super) fn fence(&self, place: usize) -> Result<i64> {
        self.told("fence", codec::fence(self.integer(place, "fence")?))
    }

    fn told<T>(&self, column: &'static str, read: Result<T, String>) -> Result<T> {
        read.map_err(|found| self.corrupt(column, &found))
    }

    fn corrupt(&self, column: &'static str, found: &str) -> StoreError {
        let name = match self.row.get_ref(self.named) {
            Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            Ok(value) => shown(value),
            Err(_) => "?".into(),
        };
        codec::corrupt(
            (self.table, column),
            format!("{}{}", self.of, codec::short(&name)),
            found,
        )
    }
}

/// Any value as a text, for what is only compared, shown or used as a name.
pub(super) fn lossy(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => shown(other),
    }
}

/// A value as an error shows it.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".into(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => value.to_string(),
        ValueRef::Text(text) => format!("{:?}", codec::short(&String::from_utf8_lossy(text))),
        ValueRef::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
    }
}
