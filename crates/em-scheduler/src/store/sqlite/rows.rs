//! Reads em_web's rows on SQLite, where any column may hold anything: what does not fit names itself and concerns
//! its own task alone.

use rusqlite::{Connection, OptionalExtension, Row};
use triggers::WallMicros;

use super::cells::SqliteColumns;
use crate::em_web::Dialect;
use crate::em_web::{self, Field, Sequences, TaskRow};
use crate::model::TaskId;
use crate::store::{Result, StoreError};

/// A statement for tasks and their projects as em_web's model has them, up to the condition that chooses tasks `t`.
pub(super) fn tasks(sequences: Sequences) -> String {
    em_web::tasks(Dialect::Sqlite, sequences)
}

pub(super) fn task(connection: &Connection, sequences: Sequences, id: TaskId) -> Result<Option<TaskRow>> {
    let mut statement = connection.prepare_cached(&(tasks(sequences) + "t.id = ?1"))?;
    statement
        .query_row([id], |row| Ok(task_row(row)))
        .optional()?
        .transpose()
}

pub(super) fn task_id(row: &Row<'_>) -> Result<TaskId> {
    let id = Field::TaskId;
    TaskCells(row).of(id).task_id(id.in_task(), id.name())
}

pub(super) fn task_row(row: &Row<'_>) -> Result<TaskRow> {
    em_web::task_row(&TaskCells(row), task_id(row)?)
}

/// A row of [`tasks`].
struct TaskCells<'row>(&'row Row<'row>);

impl<'row> TaskCells<'row> {
    fn of(&self, field: Field) -> SqliteColumns<'row> {
        SqliteColumns::of_task(self.0, field.table(), Field::TaskId.in_task())
    }
}

impl em_web::RowValues for TaskCells<'_> {
    type Error = StoreError;

    fn integer(&self, field: Field) -> Result<Option<i64>> {
        self.of(field).integer_or_null(field.in_task(), field.name())
    }

    fn text(&self, field: Field) -> Result<Option<String>> {
        self.of(field).words_or_null(field.in_task(), field.name())
    }

    fn wall(&self, field: Field) -> Result<Option<WallMicros>> {
        self.of(field).wall_or_null(field.in_task(), field.name())
    }

    fn flag(&self, field: Field) -> Result<bool> {
        self.of(field).flag(field.in_task(), field.name())
    }
}
