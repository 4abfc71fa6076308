//! Reads em_web's rows on PostgreSQL. Types are checked when the store opens, so only a value can be odd: an infinite
//! date names itself and concerns its own task alone.

use tokio_postgres::Row;
use triggers::WallMicros;

use super::wall::Wall;
use crate::model::{ProjectRow, TaskId, TaskRow};
use crate::store::{Result, Sequences, codec};

/// The columns of a project `p`. The casts make one type of what differs between databases: small and big integers,
/// text of any length.
macro_rules! project_columns {
    () => {
        "p.id::int8, p.name::text, p.cron::int8, p.cron_year::int8, p.cron_month::int8, p.cron_week::int8, \
         p.cron_day::int8, p.cron_week_day::int8, p.cron_hour::int8, p.cron_min::int8, p.cron_sec::int8, \
         p.cron_start_date, p.cron_end_date, p.intv::int8, p.intv_type::text, p.intv_value::int8, p.intv_start_date, \
         p.intv_end_date, p.ooff::int8, p.ooff_date"
    };
}

/// The statements that read em_web's rows, in the words of its model.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) sequences: Sequences,
    /// Tasks with their projects, up to the condition that chooses tasks `t`; [`task_row`] reads them.
    pub(super) tasks: String,
    /// A task with its project, by id.
    pub(super) one_task: String,
    /// The next projects in order of id, as [`project_row`] reads them.
    pub(super) next_projects: String,
}

impl Reading {
    pub(super) fn of(sequences: Sequences) -> Self {
        let sequence = sequences.is_sequence();
        let tasks = format!(
            "SELECT t.id::int8, t.name::text, t.enabled::int8, t.next_run, t.est_duration IS NOT NULL, {}, {sequence}, {}
             FROM task t LEFT JOIN project p ON p.id = t.project_id WHERE ",
            project_columns!(),
            sequences.follows(sequence)
        );
        Self {
            sequences,
            one_task: format!("{tasks} t.id = $1::int4"),
            tasks,
            next_projects: format!(
                "SELECT {}, {sequence} FROM project p WHERE p.id > $1::int8 ORDER BY p.id LIMIT $2::int8",
                project_columns!()
            ),
        }
    }
}

/// The id of the row's task.
pub(super) fn task_id(row: &Row) -> Result<TaskId> {
    fitting(row.try_get(0)?)
}

/// The id of a task as the scheduler counts.
pub(super) fn fitting(id: i64) -> Result<TaskId> {
    TaskId::try_from(id).map_err(|_| codec::corrupt(("task", "id"), id.to_string(), codec::no_task_id(id)))
}

pub(super) fn task_row(row: &Row) -> Result<TaskRow> {
    let id = task_id(row)?;
    let cells = Cells {
        row,
        of: Owner::Task(id),
        project: 5,
    };
    let project = match row.try_get::<_, Option<i64>>(5)? {
        None => None,
        Some(project) => Some(cells.project(i32::try_from(project).unwrap_or(i32::MAX))?),
    };
    Ok(TaskRow {
        id,
        name: row.try_get(1)?,
        enabled: cells.flag(2)?,
        next_run: cells.wall(3, "task", "next_run")?,
        has_estimate: row.try_get(4)?,
        follows: row.try_get(26)?,
        project,
    })
}

/// A row of [`Reading::next_projects`], whose id is small enough.
pub(super) fn project_row(row: &Row, id: i32) -> Result<ProjectRow> {
    let cells = Cells {
        row,
        of: Owner::Project(id),
        project: 0,
    };
    cells.project(id)
}

/// Whose row an odd value is in.
enum Owner {
    Task(TaskId),
    Project(i32),
}

struct Cells<'row> {
    row: &'row Row,
    of: Owner,
    /// Where the columns of the project begin.
    project: usize,
}

impl Cells<'_> {
    fn project(&self, id: i32) -> Result<ProjectRow> {
        let place = |column: usize| self.project + column;
        let mut cron_fields = [None; 8];
        for (column, field) in cron_fields.iter_mut().enumerate() {
            *field = self.row.try_get(place(3 + column))?;
        }
        Ok(ProjectRow {
            id,
            name: self.row.try_get(place(1))?,
            cron: self.flag(place(2))?,
            cron_fields,
            cron_start: self.wall(place(11), "project", "cron_start_date")?,
            cron_end: self.wall(place(12), "project", "cron_end_date")?,
            interval: self.flag(place(13))?,
            interval_type: self.row.try_get(place(14))?,
            interval_value: self.row.try_get(place(15))?,
            interval_start: self.wall(place(16), "project", "intv_start_date")?,
            interval_end: self.wall(place(17), "project", "intv_end_date")?,
            one_off: self.flag(place(18))?,
            one_off_date: self.wall(place(19), "project", "ooff_date")?,
            sequence: self.row.try_get(place(20))?,
        })
    }

    fn flag(&self, place: usize) -> Result<bool> {
        Ok(self.row.try_get::<_, Option<i64>>(place)? == Some(1))
    }

    fn wall(&self, place: usize, table: &'static str, column: &'static str) -> Result<Option<WallMicros>> {
        let Some(wall) = self.row.try_get::<_, Option<Wall>>(place)? else {
            return Ok(None);
        };
        wall.finite().map(Some).map_err(|found| {
            let row = match self.of {
                Owner::Task(id) => format!("of task {id}"),
                Owner::Project(id) => id.to_string(),
            };
            codec::corrupt((table, column), row, found)
        })
    }
}
