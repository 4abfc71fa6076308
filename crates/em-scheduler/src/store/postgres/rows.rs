//! Reads em_web's rows on PostgreSQL. Types are checked when the store opens, so only a value can be odd: an infinite
//! date names itself and concerns its own task alone.

use tokio_postgres::Row;
use triggers::WallMicros;

use super::wall::Wall;
use crate::em_web::Dialect;
use crate::em_web::{self, Field, ProjectRow, RowValues, Sequences, TaskRow};
use crate::model::TaskId;
use crate::store::{Result, StoreError, codec};

/// The statements that read em_web's rows, in the words of its model.
#[derive(Debug, Clone)]
pub(super) struct EmWebStatements {
    pub(super) sequences: Sequences,
    /// Tasks with their projects, up to the condition that chooses tasks `t`; [`task_row`] reads them.
    pub(super) tasks: String,
    /// A task with its project, by id.
    pub(super) one_task: String,
    /// The next projects in order of id, as [`project_row`] reads them.
    pub(super) next_projects: String,
}

impl EmWebStatements {
    pub(super) fn of(sequences: Sequences) -> Self {
        let tasks = em_web::tasks(Dialect::Postgres, sequences);
        let project = em_web::of_project(Dialect::Postgres, sequences);
        Self {
            sequences,
            one_task: format!("{tasks} t.id = $1::int4"),
            tasks,
            next_projects: format!(
                "SELECT {project} FROM project p WHERE p.id > $1::int8 ORDER BY p.id LIMIT $2::int8"
            ),
        }
    }
}

/// The id of the row's task.
pub(super) fn task_id(row: &Row) -> Result<TaskId> {
    fitting(row.try_get(Field::TaskId.in_task())?)
}

/// The id of a task as the scheduler counts.
pub(super) fn fitting(id: i64) -> Result<TaskId> {
    TaskId::try_from(id).map_err(|_| codec::corrupt(("task", "id"), id.to_string(), codec::no_task_id(id)))
}

pub(super) fn task_row(row: &Row) -> Result<TaskRow> {
    let id = task_id(row)?;
    em_web::task_row(&RowOf::Task(row, id), id)
}

/// A row of [`EmWebStatements::next_projects`], whose id is small enough.
pub(super) fn project_row(row: &Row, id: i32) -> Result<ProjectRow> {
    em_web::project_row(&RowOf::Project(row, id), id)
}

/// A row, and the id of what it is of.
enum RowOf<'row> {
    Task(&'row Row, TaskId),
    Project(&'row Row, i32),
}

impl RowOf<'_> {
    fn get<'a, T: tokio_postgres::types::FromSql<'a>>(&'a self, field: Field) -> Result<T> {
        Ok(match self {
            Self::Task(row, _) => row.try_get(field.in_task())?,
            Self::Project(row, _) => row.try_get(field.in_project())?,
        })
    }
}

impl RowValues for RowOf<'_> {
    type Error = StoreError;

    fn integer(&self, field: Field) -> Result<Option<i64>> {
        self.get(field)
    }

    fn text(&self, field: Field) -> Result<Option<String>> {
        self.get(field)
    }

    fn wall(&self, field: Field) -> Result<Option<WallMicros>> {
        let wall = self.get::<Option<Wall>>(field)?.map(Wall::finite).transpose();
        wall.map_err(|found| {
            let row = match self {
                Self::Task(_, id) => format!("of task {id}"),
                Self::Project(_, id) => id.to_string(),
            };
            codec::corrupt((field.table(), field.name()), row, found)
        })
    }

    fn flag(&self, field: Field) -> Result<bool> {
        self.get(field)
    }
}
