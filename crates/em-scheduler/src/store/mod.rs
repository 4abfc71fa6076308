//! The store: the only place that knows SQL, and the truth about jobs and runs.
//!
//! [`Store`] is the list of operations, named by the domain. **Each is one transaction, and each takes `now` as a
//! value.** Two engines serve it, [`sqlite`] and [`postgres`]; one conformance suite runs on both. Operations that
//! must read, think and write without anybody in between take the thinking as a closure and run it inside the
//! transaction.
//!
//! What it is not: it makes no decision of its own (see `engine::plan`), reads no clock but the database's, and
//! knows nothing of HTTP.

mod codec;
mod error;
mod migrations;
mod pages;
mod passed_over;
pub mod postgres;
pub mod sqlite;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use triggers::UtcMicros;

pub use error::{Result, StoreError};
pub use migrations::Standing;
pub use pages::{ListLimits, Pages};

use crate::em_web::{Announced, InvalidSchedule, Sequences, SyncPlanner, TaskRow};
use crate::model::life::TakeOver;
use crate::model::{
    DueJob, ListedJob, NewJob, OpenRun, Plan, RunKey, ScheduleRules, SendableRun, Settlement, TaskId,
    UnreadableTrigger,
};

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
pub struct Decided {
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

/// Names a job of the task as it is stored.
pub type JobNamer = Arc<dyn Fn(&TaskRow) -> String + Send + Sync>;

/// When a job fires next, and by which trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextRun {
    /// The trigger as JSON text. Neighbours that have the same share it.
    pub definition: Arc<str>,
    /// The time.
    pub at: UtcMicros,
}

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

/// A process that works, or worked, on this database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Random per process.
    pub id: String,
    /// Where it runs (`crate::instance`): enough to prove on the same machine that it is dead.
    pub place: String,
    /// It is dead for certain once the database's clock has passed this.
    pub lease_until: UtcMicros,
    /// The number of the last notice posted to it, and of the last one that it has acknowledged.
    pub notice: i64,
    /// See `notice`.
    pub acknowledged: i64,
}

/// What a process must heed of what others have changed (rule S6).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// The number of the last notice posted to this process, read before the rest; none where that is acknowledged.
    pub number: Option<i64>,
    /// Whether the scheduler is paused.
    pub paused: bool,
    /// The runs of this process that are not final and whose jobs were removed: they must not begin.
    pub withdrawn: Vec<RunKey>,
}

/// Thinks inside the transaction that takes over runs.
pub type TakeOverJudge = Arc<dyn Fn(&OpenRun) -> TakeOver + Send + Sync>;

/// The operations. See the module for the rules that all of them keep.
#[async_trait]
pub trait Store: Send + Sync {
    /// The engine and its version, for the line at start and for `check`.
    fn describe(&self) -> String;

    /// What em_web's model knows of sequences, as it was when the store was opened.
    fn sequences(&self) -> Sequences;

    /// The authoritative time: the process clock on SQLite, the database's on PostgreSQL.
    fn now(&self) -> UtcMicros;

    /// Proves that the database answers.
    async fn ping(&self) -> Result<()>;

    /// Makes the scheduler's own tables again if all of them have vanished while the store was open, with the shared
    /// settings it knows and paused as said, all in one step. Returns whether they had.
    ///
    /// # Errors
    /// The database fails; `Unusable` where only some tables have vanished.
    async fn restore_tables(&self, paused: bool) -> Result<bool>;

    // ---- reading ------------------------------------------------------------------------------------------

    /// Whether the whole scheduler is paused.
    async fn paused(&self) -> Result<bool>;

    /// The jobs in the order of the lists: by next run time, ties by job id (code points), jobs without one last.
    /// Definitions are filled in only if asked for; tombstones are left out.
    fn job_pages(&self, with_definitions: bool) -> Pages<ListedJob>;

    /// The same, all in memory.
    async fn list_jobs(&self, with_definitions: bool) -> Result<Vec<ListedJob>> {
        self.job_pages(with_definitions).all().await
    }

    /// When each job fires next, in no order; jobs that never do are left out.
    fn next_runs(&self) -> Pages<NextRun>;

    /// The task with its project; none if there is no such task.
    async fn task(&self, id: TaskId) -> Result<Option<TaskRow>>;

    /// How many jobs of the task are in the lists; none if there is no such task.
    async fn listed_jobs(&self, task: TaskId) -> Result<Option<usize>>;

    /// Whether em_web's tables know sequences of tasks (column `project.sequence_tasks`), as those of its later releases and of its
    /// successor do.
    async fn has_sequences(&self) -> Result<bool>;

    // ---- settings that all processes share, by name -----------------------------------------------------------

    /// Those stored.
    async fn settings(&self) -> Result<BTreeMap<String, String>>;

    /// Stores those of these that are not stored yet. Returns all that are stored now.
    async fn agree_settings(&self, ours: BTreeMap<String, String>) -> Result<BTreeMap<String, String>>;

    /// Stores these, whatever was stored before.
    async fn change_settings(&self, new: BTreeMap<String, String>) -> Result<()>;

    // ---- what the API changes -------------------------------------------------------------------------------

    /// Replaces all jobs of a task (delayed ones too) by those planned, enables it, publishes its next run, and
    /// writes the events. Runs that wait are left alone.
    async fn replace_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced>;

    /// Adds the planned jobs beside those that are there and publishes the task's next run. Events are written only
    /// for jobs stored; a refusal changes nothing at all.
    async fn add_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced>;

    /// Removes all jobs of a task, settles its queued runs as skipped, mutes the runs in flight (they write no
    /// event) and clears `task.next_run`. The task need not exist. Answers the runs in flight: those that have not
    /// begun must not begin.
    async fn remove_jobs(&self, now: UtcMicros, task: TaskId) -> Result<Vec<RunKey>>;

    /// The same for every task, but `task.next_run` stays and nothing is muted.
    async fn remove_all_jobs(&self, now: UtcMicros) -> Result<Vec<RunKey>>;

    /// The same for the tasks that no longer exist.
    async fn remove_orphans(&self, now: UtcMicros) -> Result<Vec<RunKey>>;

    /// Writes down whether the scheduler is paused.
    async fn set_paused(&self, now: UtcMicros, paused: bool) -> Result<()>;

    /// Writes down a run asked for now, already `sending`, under the job id given for the task as it is stored.
    /// None if there is no such task.
    async fn begin_manual_run(
        &self,
        now: UtcMicros,
        task: TaskId,
        job_id: JobNamer,
    ) -> Result<Option<SendableRun>>;

    // ---- the engine ---------------------------------------------------------------------------------------

    /// Decides up to `limit` due jobs: run rows, advanced next run times and events, together. Nothing while paused.
    async fn decide(&self, now: UtcMicros, limit: usize, decider: Arc<dyn Decider>) -> Result<Decided>;

    /// Marks queued runs as `sending`, durably. Answers those that still were ours, with their new fence and
    /// attempt; the others were deleted or taken meanwhile.
    async fn begin_sends(&self, now: UtcMicros, runs: Vec<(RunKey, i64)>) -> Result<Vec<SendableRun>>;

    /// Writes down how attempts ended, with events and task status. A stale fence changes nothing.
    async fn settle(&self, now: UtcMicros, settlements: Vec<Settlement>) -> Result<()>;

    /// Writes the earliest next run of each of these tasks into `task.next_run`. Answers the tasks it could not
    /// write because somebody else holds their rows: to be tried again.
    async fn publish_next_runs(&self, now: UtcMicros, tasks: Vec<TaskId>) -> Result<Vec<TaskId>>;

    /// One page of `job_sync`. Each task is compared and changed in one transaction, a page in as many as it takes.
    async fn sync_page(&self, now: UtcMicros, range: SyncRange, plan: SyncPlanner) -> Result<SyncedPage>;

    /// The tasks that `job_sync` may have to change, by these rules, in order of id: every one that differs from what
    /// is stored for it, and perhaps others. None where to find them out is not cheaper than to go through all.
    async fn find_differing(&self, now: UtcMicros, rules: ScheduleRules) -> Result<Option<Vec<TaskId>>>;

    /// Whether `job_sync` has ever gone through on this database.
    async fn synced_before(&self) -> Result<bool>;

    /// The IANA name of the zone in which another scheduler wrote `task.next_run`: the default of this role's sessions. None:
    /// the scheduler's.
    async fn earlier_zone(&self) -> Result<Option<String>>;

    /// The newest `Job added` of each of these tasks that has an interval without start, as its log has it; nothing where the
    /// log cannot be read. Goes through the log of these tasks: for the first pass on a database alone.
    async fn announced(&self, range: &SyncRange) -> Result<BTreeMap<TaskId, Announced>>;

    /// Writes down that it has.
    async fn set_synced(&self, now: UtcMicros) -> Result<()>;

    /// Registers this process, or renews its lease.
    async fn renew_lease(&self, now: UtcMicros, lease_until: UtcMicros) -> Result<()>;

    /// The other processes registered.
    async fn other_instances(&self) -> Result<Vec<Instance>>;

    /// Posts a notice to each of the other processes registered, which wakes them ([`noticed`](Self::noticed)), and
    /// returns them. To be called after the change was committed that they are to heed.
    async fn post_notice(&self) -> Result<Vec<Instance>>;

    /// Waits until a notice may have been posted to this process. A hint only: it may come late or never, and it may
    /// come for nothing.
    async fn noticed(&self);

    /// The notice that this process has not acknowledged yet; none where there is none and `always` is false.
    async fn notice(&self, always: bool) -> Result<Option<Notice>>;

    /// Writes down that this process acts by all notices up to this number.
    async fn acknowledge(&self, number: i64) -> Result<()>;

    /// Gives up the queued runs of this process, so that another one may take them over. Returns how many.
    async fn release_queued(&self, now: UtcMicros) -> Result<usize>;

    /// Goes through the runs that are not final and whose owner is one of `owners` (or, with `strangers`, any that
    /// is not registered). Returns the runs adopted.
    async fn take_over(
        &self,
        now: UtcMicros,
        owners: Vec<String>,
        strangers: bool,
        judge: TakeOverJudge,
    ) -> Result<Vec<SendableRun>>;

    /// Forgets processes that are dead: no notice is posted to them any more.
    async fn forget_instances(&self, ids: Vec<String>) -> Result<()>;

    /// The tasks that were answered within so many microseconds when they were asked last, as far as the newest runs tell, so
    /// many of them. A run of which it is not known whether it arrived counts as one that was not answered.
    async fn answered_tasks(&self, newest: usize, within: i64) -> Result<Vec<TaskId>>;

    /// Removes at most `limit` final runs decided before `before`, and what is remembered of deletions before then.
    /// Returns how many runs.
    async fn delete_old_runs(&self, before: UtcMicros, limit: usize) -> Result<usize>;

    /// Ends the work on the database, also where other handles on the store are left: later operations fail with
    /// `Unavailable`. An SQLite file alone is whole then (S16).
    async fn close(&self) {}
}
