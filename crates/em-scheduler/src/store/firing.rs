//! Deciding what is due.

use super::Result;
use crate::model::{DueJob, Plan, SendableRun, TaskId, UnreadableTrigger};
use async_trait::async_trait;
use std::sync::Arc;
use triggers::UtcMicros;

/// Thinks inside the transaction that decides.
pub trait Decider: Send + Sync {
    /// The firing rule applied to one due job.
    ///
    /// # Errors
    /// Why the stored trigger cannot be read; only this job then stands still.
    fn plan(&self, job: &DueJob) -> Result<Plan, UnreadableTrigger>;

    /// Whether the run decided for this task may be sent at once: the caller then holds a permit for it, and the
    /// row is written as `sending`.
    fn admit(&self, task: TaskId) -> bool;
}

/// What one round of deciding did.
#[derive(Debug, Default)]
pub struct DecidedBatch {
    /// The runs to send, in order of run time; `sending` says which were admitted.
    pub runs: Vec<SendableRun>,
    /// How many due jobs were handled.
    pub jobs: usize,
    /// Tasks whose next run may have changed: publish them within a second.
    pub tasks: Vec<TaskId>,
    /// The earliest next run time left in the store.
    pub next_due: Option<UtcMicros>,
    /// Whether nothing was decided because the scheduler is paused.
    pub paused: bool,
}

/// Deciding what is due. See [`Store`](super::Store) for the rules that all operations keep.
#[async_trait]
pub trait Firing: Send + Sync {
    /// Whether the whole scheduler is paused.
    async fn paused(&self) -> Result<bool>;

    /// Writes down whether the scheduler is paused.
    async fn set_paused(&self, now: UtcMicros, paused: bool) -> Result<()>;

    /// Decides up to `limit` due jobs: run rows, advanced next run times and events, together. Nothing while paused.
    async fn decide(&self, now: UtcMicros, limit: usize, decider: Arc<dyn Decider>) -> Result<DecidedBatch>;
}
