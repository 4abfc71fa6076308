//! What is read from em_web's tables and brought in line with them (`crate::em_web`).

use super::{Pages, Result};
use crate::em_web::{Announced, Sequences, SyncPlanner, TaskRow};
use crate::model::{Corrupt, ScheduleRules, TaskId};
use async_trait::async_trait;
use std::collections::BTreeMap;
use triggers::UtcMicros;

/// The tasks of one page of `job_sync`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncRange {
    /// So many tasks after this one, in order of id.
    After(Option<TaskId>, usize),
    /// These, in order of id.
    Of(Vec<TaskId>),
    /// All tasks of the project.
    InProject(i32),
}

/// What one page of `job_sync` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncedPage {
    /// The last task of the range; none: there are no more tasks.
    pub last: Option<TaskId>,
    /// How many tasks were changed.
    pub changed: usize,
}

/// em_web's tables. See [`Store`](super::Store) for the rules that all operations keep.
#[async_trait]
pub trait EmWeb: Send + Sync {
    /// What em_web's model knows of sequences, as it was when the store was opened.
    fn sequences(&self) -> Sequences;

    /// Whether em_web's tables know sequences of tasks (column `project.sequence_tasks`), as those of its later releases and of its
    /// successor do.
    async fn has_sequences(&self) -> Result<bool>;

    /// The task with its project; none if there is no such task.
    async fn task(&self, id: TaskId) -> Result<Option<TaskRow>>;

    /// The enabled tasks with their projects, in order of id; the value that cannot be read where there is one. Changes nothing, and
    /// needs no table of ours.
    fn enabled_tasks(&self) -> Pages<(TaskId, Result<TaskRow, Corrupt>)>;

    /// Writes the earliest next run of each of these tasks into `task.next_run`. Returns the tasks it could not
    /// write because somebody else holds their rows: to be tried again.
    async fn publish_next_runs(&self, now: UtcMicros, tasks: Vec<TaskId>) -> Result<Vec<TaskId>>;

    /// One page of `job_sync`. Each task is compared and changed in one transaction, a page in as many as it takes.
    async fn sync_page(&self, now: UtcMicros, range: SyncRange, plan: SyncPlanner) -> Result<SyncedPage>;

    /// The tasks that `job_sync` may have to change, by these rules, in order of id: every one that differs from what
    /// is stored for it, and perhaps others. None where to find them out is not cheaper than to go through all.
    async fn find_differing(&self, now: UtcMicros, rules: ScheduleRules) -> Result<Option<Vec<TaskId>>>;

    /// Whether `job_sync` has ever gone through on this database.
    async fn synced_before(&self) -> Result<bool>;

    /// Writes down that it has.
    async fn set_synced(&self, now: UtcMicros) -> Result<()>;

    /// The IANA name of the zone in which another scheduler wrote `task.next_run`: the default of this role's sessions. None:
    /// the scheduler's.
    async fn earlier_zone(&self) -> Result<Option<String>>;

    /// The newest `Job added` of each of these tasks that has an interval without start, as its log has it; nothing where the
    /// log cannot be read. Goes through the log of these tasks: for the first pass on a database alone.
    async fn announced(&self, range: &SyncRange) -> Result<BTreeMap<TaskId, Announced>>;
}
