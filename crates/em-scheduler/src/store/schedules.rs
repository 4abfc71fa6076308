//! What fires next: jobs listed, stored, replaced, removed.

use super::{Pages, Result};
use crate::em_web::{InvalidSchedule, TaskRow};
use crate::model::{ListedJob, NewJob, RunKey, TaskId};
use async_trait::async_trait;
use std::sync::Arc;
use triggers::UtcMicros;

/// How adding a task's jobs ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// The jobs are stored.
    Done,
    /// No such task: nothing changed.
    UnknownTask,
    /// The schedule is invalid, for this reason: nothing changed but one row in the task's log.
    Refused(InvalidSchedule),
}

/// Thinks inside the transaction that replaces a task's jobs: the jobs wanted, or why they cannot be had.
pub type JobPlanner = Arc<dyn Fn(&TaskRow) -> Result<Vec<NewJob>, InvalidSchedule> + Send + Sync>;

/// When a job fires next, and by which trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextRun {
    /// The trigger as JSON text. Neighbours that have the same share it.
    pub definition: Arc<str>,
    /// The time.
    pub at: UtcMicros,
}

/// Jobs: what fires next. Each change writes its events in the same transaction. See [`Store`](super::Store) for the rules that all operations keep.
#[async_trait]
pub trait Schedules: Send + Sync {
    /// The jobs in the order of the lists: by next run time, ties by job id (code points), jobs without one last.
    /// Definitions are filled in only if asked for; tombstones are left out.
    fn job_pages(&self, with_definitions: bool) -> Pages<ListedJob>;

    /// The same, all in memory.
    async fn list_jobs(&self, with_definitions: bool) -> Result<Vec<ListedJob>> {
        self.job_pages(with_definitions).all().await
    }

    /// When each job fires next, in no order; jobs that never do are left out.
    fn next_runs(&self) -> Pages<NextRun>;

    /// How many jobs of the task are in the lists; none if there is no such task.
    async fn listed_jobs(&self, task: TaskId) -> Result<Option<usize>>;

    /// Replaces all jobs of a task (delayed ones too) by those planned, enables it, publishes its next run, and
    /// writes the events. Runs that wait are left alone.
    async fn replace_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced>;

    /// Adds the planned jobs beside those that are there and publishes the task's next run. Events are written only
    /// for jobs stored; a refusal changes nothing at all.
    async fn add_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced>;

    /// Removes all jobs of a task, settles its queued runs as skipped, mutes the runs in flight (they write no
    /// event) and clears `task.next_run`. The task need not exist. Returns the runs in flight: those that have not
    /// begun must not begin.
    async fn remove_jobs(&self, now: UtcMicros, task: TaskId) -> Result<Vec<RunKey>>;

    /// The same for every task, but `task.next_run` stays and nothing is muted.
    async fn remove_all_jobs(&self, now: UtcMicros) -> Result<Vec<RunKey>>;

    /// The same for the tasks that no longer exist.
    async fn remove_orphans(&self, now: UtcMicros) -> Result<Vec<RunKey>>;
}

/// What the plan says of a task that was read; none if there is no such task.
pub(super) fn planned(
    row: Result<Option<TaskRow>>,
    plan: &JobPlanner,
) -> Result<Option<Result<Vec<NewJob>, InvalidSchedule>>> {
    match row {
        Ok(row) => Ok(row.map(|row| plan(&row))),
        Err(error) => Ok(Some(Err(error.unreadable()?.into()))),
    }
}
