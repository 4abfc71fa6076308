//! Plain data that every floor above shares: tasks and projects as em_web defines them, the jobs and runs the
//! scheduler derives from them, the events people read. No I/O, no clock, no SQL.

mod dialect;
mod event;
mod job;
pub mod life;
mod run;
mod schedule;
mod task;

pub use dialect::WireDialect;
pub use event::{Announced, Event, RunIdColumn};
pub use job::{DueJob, JobKind, ListedJob, NewJob, Next, Outcome, Plan, SkipReason, StoredJob, Verdict};
pub use run::{Delivery, OpenRun, RunKey, RunState, SendableRun, Settled, Settlement};
pub use schedule::{
    InvalidSchedule, ScheduleRules, WantedJob, definitions_of, delayed_job, display_prefix, jobs_of,
    manual_job_id,
};
pub use task::{ProjectRow, TaskId, TaskRow};
