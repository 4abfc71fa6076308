//! Reads em_web's rows on SQLite, where any column may hold anything: what does not fit names itself and concerns
//! its own task alone.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use triggers::WallMicros;

use crate::model::{ProjectRow, TaskId, TaskRow};
use crate::store::{Result, Sequences, StoreError, codec};

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
    let id: TaskId = row.get(0)?;
    let cells = Cells { row, id };
    let project_id = cells.integer(5, "project", "id")?;
    let project = match project_id {
        None => None,
        Some(project_id) => Some(cells.project(i32::try_from(project_id).unwrap_or(i32::MAX))?),
    };
    Ok(TaskRow {
        id,
        name: cells.text(1, "task", "name")?,
        enabled: cells.integer(2, "task", "enabled")? == Some(1),
        next_run: cells.wall(3, "task", "next_run")?,
        has_estimate: row.get(4)?,
        follows: row.get(26)?,
        project,
    })
}

struct Cells<'row> {
    row: &'row Row<'row>,
    id: TaskId,
}

impl Cells<'_> {
    fn project(&self, id: i32) -> Result<ProjectRow> {
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
            cron_fields[place] = self.integer(8 + place, "project", name)?;
        }
        Ok(ProjectRow {
            id,
            name: self.text(6, "project", "name")?,
            cron: self.integer(7, "project", "cron")? == Some(1),
            cron_fields,
            cron_start: self.wall(16, "project", "cron_start_date")?,
            cron_end: self.wall(17, "project", "cron_end_date")?,
            interval: self.integer(18, "project", "intv")? == Some(1),
            interval_type: self.text(19, "project", "intv_type")?,
            interval_value: self.integer(20, "project", "intv_value")?,
            interval_start: self.wall(21, "project", "intv_start_date")?,
            interval_end: self.wall(22, "project", "intv_end_date")?,
            one_off: self.integer(23, "project", "ooff")? == Some(1),
            one_off_date: self.wall(24, "project", "ooff_date")?,
            sequence: self.row.get(25)?,
        })
    }

    fn integer(&self, place: usize, table: &'static str, column: &'static str) -> Result<Option<i64>> {
        match self.row.get_ref(place)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(value) => Ok(Some(value)),
            other => Err(self.corrupt(table, column, &format!("{} is not an integer", shown(other)))),
        }
    }

    fn text(&self, place: usize, table: &'static str, column: &'static str) -> Result<Option<String>> {
        match self.row.get_ref(place)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => Ok(Some(String::from_utf8_lossy(bytes).into_owned())),
            ValueRef::Integer(value) => Ok(Some(value.to_string())),
            other => Err(self.corrupt(table, column, &format!("{} is not a text", shown(other)))),
        }
    }

    fn wall(&self, place: usize, table: &'static str, column: &'static str) -> Result<Option<WallMicros>> {
        let Some(text) = self.text(place, table, column)? else {
            return Ok(None);
        };
        codec::wall_from_text(&text)
            .map(Some)
            .map_err(|found| self.corrupt(table, column, &found))
    }

    fn corrupt(&self, table: &'static str, column: &'static str, found: &str) -> StoreError {
        StoreError::Corrupt {
            table,
            row: format!("of task {}", self.id),
            column,
            found: found.to_owned(),
        }
    }
}

/// A value as an error shows it.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".into(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => value.to_string(),
        ValueRef::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
    }
}
