//! Runs: one row per decision (F1). What may become of one is said in `life`.

use triggers::UtcMicros;

use super::ids::{RunKey, TaskId};
use super::job::JobKind;
use super::skip::SkipReason;

/// `scheduler_run.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunState {
    /// Decided, nothing sent.
    Queued,
    /// Taken by one of several processes, nothing sent.
    Claimed,
    /// The request may have left.
    Sending,
    /// The runner answered 2xx.
    Delivered,
    /// Not handed over, for certain.
    Failed,
    /// Decided too late.
    Missed,
    /// Not sent on purpose.
    Skipped,
    /// It may have arrived or not.
    Unknown,
}

impl RunState {
    /// The text stored in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Claimed => "claimed",
            Self::Sending => "sending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Missed => "missed",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }

    /// All of them, in the order of a run's life.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Claimed,
        Self::Sending,
        Self::Delivered,
        Self::Failed,
        Self::Missed,
        Self::Skipped,
        Self::Unknown,
    ];

    /// The reverse of [`as_str`](Self::as_str); none for an unknown text.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing becomes of a run in this state any more.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Claimed | Self::Sending)
    }
}

/// What happens where a request may or may not have arrived (D6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// Never send again once a byte may have left: the classic runner is not idempotent.
    #[default]
    AtMostOnce,
    /// Send again with the same key.
    AtLeastOnce,
}

impl std::fmt::Display for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AtMostOnce => "at-most-once",
            Self::AtLeastOnce => "at-least-once",
        })
    }
}

impl std::str::FromStr for Delivery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "at-most-once" => Ok(Self::AtMostOnce),
            "at-least-once" => Ok(Self::AtLeastOnce),
            _ => Err(format!(
                "{text:?} is not a delivery mode: at-most-once or at-least-once"
            )),
        }
    }
}

/// A run that is to be sent. Held in memory while it waits; the row is the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendableRun {
    /// The row.
    pub key: RunKey,
    /// The job's id: with the scheduled time it makes the idempotency key.
    pub job_id: String,
    /// The task the runner is asked to run.
    pub task_id: TaskId,
    /// Where the job comes from.
    pub kind: JobKind,
    /// The run time decided.
    pub scheduled_for: UtcMicros,
    /// The fence under which this process holds the run: a settle with an older one changes nothing.
    pub fence: i64,
    /// Requests begun so far, the current one included where the row is already `sending`.
    pub attempt: u32,
    /// Not to be sent before this instant (a retry waiting its turn).
    pub not_before: Option<UtcMicros>,
    /// Whether the row is `sending` already (a permit was free when it was decided).
    pub sending: bool,
}

impl SendableRun {
    /// The key that every attempt of this run carries: it names job and scheduled time, not the row.
    pub fn idempotency_key(&self) -> String {
        format!("{}@{}", self.job_id, self.scheduled_for)
    }

    /// This run ended so, as its present holder has it.
    pub fn settlement(&self, outcome: Outcome) -> Settlement {
        Settlement {
            key: self.key,
            fence: self.fence,
            task_id: self.task_id,
            scheduled_for: self.scheduled_for,
            outcome,
        }
    }
}

/// A run that is not final, as take-over finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// The run; `sending` says whether its request may have left.
    pub run: SendableRun,
    /// The instance that held it.
    pub owner: String,
    /// Its job was deleted.
    pub withdrawn: bool,
}

/// How a run's attempt ended, to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The row.
    pub key: RunKey,
    /// The fence under which the run was held.
    pub fence: i64,
    /// The task, for its events.
    pub task_id: TaskId,
    /// The run time, for its events.
    pub scheduled_for: UtcMicros,
    /// What happened.
    pub outcome: Outcome,
}

/// The outcomes of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The runner answered 2xx after so many microseconds.
    Delivered {
        /// Microseconds from the first attempt to connect to the answer.
        took: i64,
    },
    /// Not handed over, for certain.
    Failed {
        /// Why, in words for the task's log.
        reason: String,
    },
    /// It may have arrived or not.
    Unknown {
        /// Why, in words for the task's log.
        reason: String,
    },
    /// Nothing was sent and it is too late now, by so many microseconds.
    Missed {
        /// Microseconds.
        late: i64,
    },
    /// Nothing was sent, and nothing shall be.
    Skipped(SkipReason),
    /// Nothing was sent: back to `queued`.
    Requeued {
        /// Not to be tried before.
        not_before: UtcMicros,
        /// False where the attempt did not even begin (paused in between): it is not counted.
        attempted: bool,
    },
    /// It may have arrived, and the delivery mode is at least once: back to `queued`, same key.
    Repeat {
        /// Not to be tried before.
        not_before: UtcMicros,
    },
}
