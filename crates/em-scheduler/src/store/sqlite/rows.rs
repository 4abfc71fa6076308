//! Reads em_web's rows on SQLite, where any column may hold anything: what does not fit names itself and concerns
//! its own task alone.

use rusqlite::{Connection, OptionalExtension, Row};

use super::cells::Cells;
use crate::model::{ProjectRow, TaskId, TaskRow};
use crate::store::{Result, Sequences};

/// The columns of a task and its project, in the order [`task_row`] reads them, but for the last two; `t` and `p` are the
/// tables.
const TASK_COLUMNS: &str = "t.id, t.name, t.enabled, t.next_run, t.est_duration IS NOT NULL, \
     p.id, p.name, p.cron, p.cron_year, p.cron_month, p.cron_week, p.cron_day, p.cron_week_day, p.cron_hour, \
     p.cron_min, p.cron_sec, p.cron_start_date, p.cron_end_date, p.intv, p.intv_type, p.intv_value, \
     p.intv_start_date, p.intv_end_date, p.ooff, p.ooff_date";

/// A statement for tasks and their projects as em_web's model has them, up to the condition that chooses tasks `t`.
pub(super) fn tasks(sequences: Sequences) -> String {
    let sequence = sequences.is_sequence();
    format!(
        "SELECT {TASK_COLUMNS}, {sequence}, {} FROM task t LEFT JOIN project p ON p.id = t.project_id WHERE ",
        sequences.follows(sequence)
    )
}

pub(super) fn task(connection: &Connection, sequences: Sequences, id: TaskId) -> Result<Option<TaskRow>> {
    let mut statement = connection.prepare_cached(&(tasks(sequences) + "t.id = ?1"))?;
    statement
        .query_row([id], |row| Ok(task_row(row)))
        .optional()?
        .transpose()
}

pub(super) fn task_row(row: &Row<'_>) -> Result<TaskRow> {
    let cells = Cells::of_task(row, "task", 0);
    let id = cells.task_id(0, "id")?;
    let project = cells.of_table("project");
    let project = match project.integer_or_null(5, "id")? {
        None => None,
        Some(id) => Some(project_row(project, i32::try_from(id).unwrap_or(i32::MAX))?),
    };
    Ok(TaskRow {
        id,
        name: cells.words_or_null(1, "name")?,
        enabled: cells.integer_or_null(2, "enabled")? == Some(1),
        next_run: cells.wall_or_null(3, "next_run")?,
        has_estimate: cells.flag(4, "est_duration")?,
        follows: cells.flag(26, "order")?,
        project,
    })
}

fn project_row(cells: Cells<'_>, id: i32) -> Result<ProjectRow> {
    const FIELDS: [&str; 8] = [
        "cron_year",
        "cron_month",
        "cron_week",
        "cron_day",
        "cron_week_day",
        "cron_hour",
        "cron_min",
        "cron_sec",
    ];
    let mut cron_fields = [None; 8];
    for (place, name) in FIELDS.into_iter().enumerate() {
        cron_fields[place] = cells.integer_or_null(8 + place, name)?;
    }
    Ok(ProjectRow {
        id,
        name: cells.words_or_null(6, "name")?,
        cron: cells.integer_or_null(7, "cron")? == Some(1),
        cron_fields,
        cron_start: cells.wall_or_null(16, "cron_start_date")?,
        cron_end: cells.wall_or_null(17, "cron_end_date")?,
        interval: cells.integer_or_null(18, "intv")? == Some(1),
        interval_type: cells.words_or_null(19, "intv_type")?,
        interval_value: cells.integer_or_null(20, "intv_value")?,
        interval_start: cells.wall_or_null(21, "intv_start_date")?,
        interval_end: cells.wall_or_null(22, "intv_end_date")?,
        one_off: cells.integer_or_null(23, "ooff")? == Some(1),
        one_off_date: cells.wall_or_null(24, "ooff_date")?,
        sequence: cells.flag(25, "sequence_tasks")?,
    })
}
