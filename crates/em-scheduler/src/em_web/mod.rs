//! The adapter to em_web, whose database this is at home in: its tables as data, its rows as ours, the jobs its projects ask
//! for, what `job_sync` changes, and its `task_log` as a projection of events.
//!
//! Pure: the stores carry out the statements that are made here and hand in the rows they read. The core above knows jobs,
//! runs and events, and no column of em_web.

mod columns;
mod compare;
mod earlier;
mod jobs;
mod log;
mod model;
mod rows;
pub(crate) mod schema;
mod sequences;

pub use columns::Field;
pub(crate) use columns::{of_project, tasks};
pub use compare::{Pass, SyncPlan, SyncPlanner, SyncTask};
pub use earlier::Earlier;
pub use jobs::{
    InvalidSchedule, WantedJob, definitions_of, delayed_job, display_prefix, first_runs, jobs_of,
    manual_job_id,
};
pub use log::{Announced, LogRow};
pub(crate) use model::{Dialect, Family};
pub use rows::{ProjectRow, RowValues, TaskRow, project_row, task_row};
pub use sequences::Sequences;
