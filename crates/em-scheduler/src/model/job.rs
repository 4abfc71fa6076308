//! Jobs: what fires next, and what the firing rule says of one that is due.

use triggers::{Hazard, TriggerError, UtcMicros};

use super::event::Event;
use super::ids::TaskId;
use super::skip::SkipReason;

/// Where a job comes from; it also decides who may remove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// The cron trigger of the task's project.
    Cron,
    /// The interval trigger of the task's project.
    Interval,
    /// The one-off trigger of the task's project.
    OneOff,
    /// A single run asked for through the API, some minutes ahead. Not the project's: job_sync never touches it.
    Delayed,
    /// A run asked for now. It is never stored as a job; runs carry it.
    Manual,
}

impl JobKind {
    /// The text stored in `scheduler_job.kind` and `scheduler_run.kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cron => "cron",
            Self::Interval => "interval",
            Self::OneOff => "one_off",
            Self::Delayed => "delayed",
            Self::Manual => "manual",
        }
    }

    /// The reverse of [`as_str`](Self::as_str); none for an unknown text.
    pub fn from_text(text: &str) -> Option<Self> {
        [
            Self::Cron,
            Self::Interval,
            Self::OneOff,
            Self::Delayed,
            Self::Manual,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
    }

    /// Whether the job follows a trigger of the task's project (and so goes when the task is disabled).
    pub fn is_trigger(self) -> bool {
        matches!(self, Self::Cron | Self::Interval | Self::OneOff)
    }
}

/// A job about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// `<project>-<task>-cron`, `…-intv` or `…-<10 hex digits>`, as em_web and people know it.
    pub id: String,
    /// The task to run.
    pub task_id: TaskId,
    /// The project it belongs to.
    pub project_id: i32,
    /// Where the job comes from.
    pub kind: JobKind,
    /// `<project>: <task>`, without the kind in front (the API writes that).
    pub name: String,
    /// The trigger as JSON text ([`triggers::Definition`]); equal triggers have equal text.
    pub definition: String,
    /// The first run time; none for a trigger that never fires again.
    pub next_run_at: Option<UtcMicros>,
    /// False for a tombstone: it counts as present but no list shows it.
    pub listed: bool,
    /// Those of the trigger's own dates, which its log tells; they are not stored.
    pub hazards: Vec<Hazard>,
}

impl NewJob {
    /// Tells that it was stored.
    pub fn added(&self) -> Event {
        Event::JobAdded {
            job: self.id.clone(),
            next: self.next_run_at,
            hazards: self.hazards.clone(),
        }
    }

    /// The same as a tombstone: it has had its turn.
    #[must_use]
    pub fn over(self) -> Self {
        Self {
            next_run_at: None,
            listed: false,
            ..self
        }
    }

    /// The job as it is stored for a task that has become the first of a sequence: the task that was first until now may have had
    /// the run of a one-off that is past (rule F11).
    #[must_use]
    pub fn taken_up(self, now: UtcMicros) -> Self {
        let past = self.next_run_at.is_some_and(|at| at < now);
        if self.kind == JobKind::OneOff && past {
            self.over()
        } else {
            self
        }
    }
}

/// Why the trigger of a stored job cannot be read (F10).
#[derive(Debug, thiserror::Error)]
pub enum UnreadableTrigger {
    /// The text is no definition.
    #[error(transparent)]
    Text(#[from] serde_json::Error),
    /// The definition makes no trigger.
    #[error(transparent)]
    Definition(#[from] TriggerError),
}

/// A job as `job_sync` sees it in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredJob {
    /// The job's id.
    pub id: String,
    /// Where the job comes from.
    pub kind: JobKind,
    /// The trigger as JSON text.
    pub definition: String,
    /// `<project>: <task>` as stored.
    pub name: String,
    /// The next run time; none for a finished or never-firing trigger.
    pub next_run_at: Option<UtcMicros>,
    /// False for a tombstone.
    pub listed: bool,
}

/// A job as the lists of the API show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedJob {
    /// The job's id.
    pub id: String,
    /// The task to run.
    pub task_id: TaskId,
    /// Where the job comes from.
    pub kind: JobKind,
    /// `<project>: <task>`.
    pub name: String,
    /// The next run time, if there is one.
    pub next_run_at: Option<UtcMicros>,
    /// The trigger as JSON text; empty where the caller did not ask for it.
    pub definition: String,
    /// When the job was stored: the anchor of an interval without start.
    pub created_at: UtcMicros,
}

/// A job whose next run time has come, as the store hands it to the firing rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueJob {
    /// The job's id.
    pub id: String,
    /// The task to run.
    pub task_id: TaskId,
    /// Where the job comes from.
    pub kind: JobKind,
    /// The trigger as JSON text.
    pub definition: String,
    /// When the job was stored: the anchor of an interval without start.
    pub created_at: UtcMicros,
    /// The run time that has come.
    pub next_run_at: UtcMicros,
    /// The job's runs that are not final.
    pub instances: u32,
    /// Of a one-off: whether its run was decided before.
    pub has_run: bool,
    /// `task.enabled = 1`; none where the task no longer exists.
    pub task_enabled: Option<bool>,
}

/// What the firing rule decides for one due job: a decision per run time that counts, and what comes after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In order of run time; at least one.
    pub decisions: Vec<Decision>,
    /// What becomes of the job.
    pub next: Next,
}

/// The decision about one run time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The run time decided.
    pub scheduled_for: UtcMicros,
    /// What becomes of it.
    pub action: Action,
    /// How many earlier run times were coalesced into this one.
    pub coalesced: u64,
    /// The first of them.
    pub coalesced_since: Option<UtcMicros>,
}

/// Send it, or the reason why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A request goes to the runner.
    Send,
    /// Decided too late: by how many microseconds.
    Missed {
        /// Microseconds from the run time to the decision.
        late: i64,
    },
    /// Not sent, for the reason given.
    Skipped(SkipReason),
}

/// What becomes of a job after its due time is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It fires again.
    At(UtcMicros),
    /// The schedule has ended: a trigger job leaves a tombstone, a delayed one leaves nothing.
    Finished,
    /// The task is disabled or gone: the job goes without a trace in the table.
    Removed,
}
