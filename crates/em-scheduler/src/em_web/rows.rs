//! Tasks and projects as em_web stores them: only the columns the scheduler reads, and how a row becomes one.

use triggers::WallMicros;

use super::columns::Field;
use crate::model::TaskId;

/// A row of `task` with its project, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// `task.id`.
    pub id: TaskId,
    /// `task.name`; a null name is shown empty.
    pub name: Option<String>,
    /// `task.enabled = 1`; null is disabled.
    pub enabled: bool,
    /// `task.next_run`, naive local time in the scheduler's zone.
    pub next_run: Option<WallMicros>,
    /// Whether `task.est_duration` holds anything.
    pub has_estimate: bool,
    /// Whether an enabled task comes before this one in the sequence that its project is: the runner starts this one then,
    /// and it holds no trigger jobs (rule F11).
    pub follows: bool,
    /// The project of the task; none where `project_id` is null or names no row.
    pub project: Option<ProjectRow>,
}

/// A row of `project`: up to three triggers, each active where its flag is 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectRow {
    /// `project.id`.
    pub id: i32,
    /// `project.name`; a null name is shown empty.
    pub name: Option<String>,
    /// `project.cron = 1`.
    pub cron: bool,
    /// year, month, week, day, week_day, hour, min, sec, in the order of the columns; null is "not given".
    pub cron_fields: [Option<i64>; 8],
    /// `project.cron_start_date`, naive local.
    pub cron_start: Option<WallMicros>,
    /// `project.cron_end_date`, naive local.
    pub cron_end: Option<WallMicros>,
    /// `project.intv = 1`.
    pub interval: bool,
    /// `project.intv_type`: w, d, h, m or s.
    pub interval_type: Option<String>,
    /// `project.intv_value`, a count of the unit.
    pub interval_value: Option<i64>,
    /// `project.intv_start_date`, naive local.
    pub interval_start: Option<WallMicros>,
    /// `project.intv_end_date`, naive local.
    pub interval_end: Option<WallMicros>,
    /// `project.ooff = 1`.
    pub one_off: bool,
    /// `project.ooff_date`, naive local.
    pub one_off_date: Option<WallMicros>,
    /// `project.sequence_tasks = 1`: its tasks run one after the other. False in a model without the column.
    pub sequence: bool,
}

/// A row that one of the engines has read: what stands in the columns of the table in `columns`.
pub trait RowValues {
    /// A value that cannot be read, by name; it concerns this row alone (F12).
    type Error;

    /// A whole number.
    ///
    /// # Errors
    /// Something else stands there.
    fn integer(&self, field: Field) -> Result<Option<i64>, Self::Error>;

    /// A text.
    ///
    /// # Errors
    /// Something else stands there.
    fn text(&self, field: Field) -> Result<Option<String>, Self::Error>;

    /// A time on the wall.
    ///
    /// # Errors
    /// Something else stands there.
    fn wall(&self, field: Field) -> Result<Option<WallMicros>, Self::Error>;

    /// What was worked out as yes or no.
    ///
    /// # Errors
    /// Something else stands there.
    fn flag(&self, field: Field) -> Result<bool, Self::Error>;

    /// Whether an integer column is 1; null is not.
    ///
    /// # Errors
    /// No integer stands there.
    fn is_one(&self, field: Field) -> Result<bool, Self::Error> {
        Ok(self.integer(field)? == Some(1))
    }
}

/// The task with this id, and its project.
///
/// # Errors
/// The first value that cannot be read.
pub fn task_row<C: RowValues>(cells: &C, id: TaskId) -> Result<TaskRow, C::Error> {
    let project = match cells.integer(Field::ProjectId)? {
        None => None,
        Some(project) => Some(project_row(cells, i32::try_from(project).unwrap_or(i32::MAX))?),
    };
    Ok(TaskRow {
        id,
        name: cells.text(Field::TaskName)?,
        enabled: cells.is_one(Field::Enabled)?,
        next_run: cells.wall(Field::NextRun)?,
        has_estimate: cells.flag(Field::HasEstimate)?,
        follows: cells.flag(Field::Follows)?,
        project,
    })
}

/// The project with this id.
///
/// # Errors
/// The first value that cannot be read.
pub fn project_row<C: RowValues>(cells: &C, id: i32) -> Result<ProjectRow, C::Error> {
    let mut cron_fields = [None; 8];
    for (value, field) in cron_fields.iter_mut().zip(Field::CRON) {
        *value = cells.integer(field)?;
    }
    Ok(ProjectRow {
        id,
        name: cells.text(Field::ProjectName)?,
        cron: cells.is_one(Field::Cron)?,
        cron_fields,
        cron_start: cells.wall(Field::CronStart)?,
        cron_end: cells.wall(Field::CronEnd)?,
        interval: cells.is_one(Field::Interval)?,
        interval_type: cells.text(Field::IntervalType)?,
        interval_value: cells.integer(Field::IntervalValue)?,
        interval_start: cells.wall(Field::IntervalStart)?,
        interval_end: cells.wall(Field::IntervalEnd)?,
        one_off: cells.is_one(Field::OneOff)?,
        one_off_date: cells.wall(Field::OneOffDate)?,
        sequence: cells.flag(Field::IsSequence)?,
    })
}
