//! Tasks and projects as em_web stores them: only the columns the scheduler reads.

use triggers::WallMicros;

/// `task.id`. The API accepts 1 to 2³¹−1.
pub type TaskId = i32;

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
