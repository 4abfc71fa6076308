//! The runs that were decided: begun, settled, taken over, forgotten. What becomes of one is said in `model::life`.

use super::Result;
use crate::em_web::TaskRow;
use crate::model::life::TakeOver;
use crate::model::{OpenRun, RunKey, SendableRun, Settlement, TaskId};
use async_trait::async_trait;
use std::sync::Arc;
use triggers::UtcMicros;

/// Names a job of the task as it is stored.
pub type JobNamer = Arc<dyn Fn(&TaskRow) -> String + Send + Sync>;

/// Thinks inside the transaction that takes over runs.
pub type TakeOverJudge = Arc<dyn Fn(&OpenRun) -> TakeOver + Send + Sync>;

/// Runs, once they are decided. See [`Store`](super::Store) for the rules that all operations keep.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Writes down a run asked for now, already `sending`, under the job id given for the task as it is stored.
    /// None if there is no such task.
    async fn begin_manual_run(
        &self,
        now: UtcMicros,
        task: TaskId,
        job_id: JobNamer,
    ) -> Result<Option<SendableRun>>;

    /// Marks queued runs as `sending`, durably. Returns those that still were ours, with their new fence and
    /// attempt; the others were deleted or taken meanwhile.
    async fn begin_sends(&self, now: UtcMicros, runs: Vec<(RunKey, i64)>) -> Result<Vec<SendableRun>>;

    /// Writes down how attempts ended, with events and task status. A stale fence changes nothing.
    async fn settle(&self, now: UtcMicros, settlements: Vec<Settlement>) -> Result<()>;

    /// Gives up the queued runs of this process, so that another one may take them over. Returns how many.
    async fn release_queued(&self, now: UtcMicros) -> Result<usize>;

    /// Goes through the runs that are not final and whose owner is one of `owners` (or, with `unregistered`, any that
    /// is not registered). Returns the runs adopted.
    async fn take_over(
        &self,
        now: UtcMicros,
        owners: Vec<String>,
        unregistered: bool,
        judge: TakeOverJudge,
    ) -> Result<Vec<SendableRun>>;

    /// The tasks that were answered within so many microseconds when they were asked last, as far as the newest runs tell, so
    /// many of them. A run of which it is not known whether it arrived counts as one that was not answered.
    async fn answered_tasks(&self, newest: usize, within: i64) -> Result<Vec<TaskId>>;

    /// Removes at most `limit` final runs decided before `before`, as many events of before then, and what is remembered of
    /// deletions. Returns how many runs and events.
    async fn delete_old_runs(&self, before: UtcMicros, limit: usize) -> Result<usize>;
}
