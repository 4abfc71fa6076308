//! What is judged: the schedules, every row the service left, every request the runner saw, every call of the API.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
pub use test_world::rows::Run;
use test_world::rows::flag;
pub use test_world::runner::{Answered, Receipt};
use triggers::Trigger;

use super::changes::Change;
use super::punctual::Punctual;

/// The delivery mode the service ran with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Delivery {
    AtMostOnce,
    AtLeastOnce,
}

impl Delivery {
    pub const BOTH: [Self; 2] = [Self::AtMostOnce, Self::AtLeastOnce];

    /// The value of the setting.
    pub fn name(self) -> &'static str {
        match self {
            Self::AtMostOnce => "at-most-once",
            Self::AtLeastOnce => "at-least-once",
        }
    }
}

/// A job that a project's trigger asks for. Times are microseconds since 1970.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub job: String,
    pub task: i32,
    pub trigger: Trigger,
    /// When it was stored.
    pub created: i64,
    /// Due times must be decided within these stretches (both ends included); none: always. A schedule that the API
    /// adds and deletes has gaps.
    pub windows: Option<Vec<(i64, i64)>>,
}

/// A row of `task_log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    pub task: i32,
    /// The time it tells, in microseconds.
    pub at: i64,
    pub message: String,
}

/// A row of `scheduler_job` with its next run time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: String,
    pub task: i32,
    pub kind: String,
    pub created: i64,
    #[serde(deserialize_with = "flag")]
    pub listed: bool,
    pub next: Option<i64>,
}

/// Everything there is to judge, read when the service was at rest.
#[derive(Debug, Clone)]
pub struct History {
    pub delivery: Delivery,
    pub schedules: Vec<Schedule>,
    pub runs: Vec<Run>,
    /// By id.
    pub jobs: BTreeMap<String, Job>,
    pub events: Vec<Event>,
    pub receipts: Vec<Receipt>,
    pub changes: Vec<Change>,
    pub paused: bool,
    /// What was due up to here must be decided and over.
    pub horizon: i64,
    /// The misfire grace, in microseconds.
    pub grace: i64,
    /// The service's clock is the runner's, so arrivals can be compared with due times.
    pub one_clock: bool,
    /// The database was put back to an older copy: requests may be known of which the rows are gone, and runs may be
    /// decided a second time, with the same key.
    pub restored: bool,
    pub strictness: Strictness,
}

/// What is judged more strictly than everywhere, by parts whose faults allow it, and what is not judged at all.
#[derive(Debug, Clone)]
pub struct Strictness {
    /// How late a decision may be, where a process was well all the time.
    pub punctual: Option<Punctual>,
    /// A request that left before a call had its answer may be noted so much later, in microseconds.
    pub carried: i64,
    /// Events tell of what happened in its order, and of each addition that the API acknowledged.
    pub every_event: bool,
    /// Tasks that were deleted, and their logs with them.
    pub gone: BTreeSet<i32>,
}

/// The machine is busy, and a process may be stopped between its look at the gate and its first byte.
const CARRIED: i64 = 1_000_000;

impl Default for Strictness {
    fn default() -> Self {
        Self {
            punctual: None,
            carried: CARRIED,
            every_event: false,
            gone: BTreeSet::new(),
        }
    }
}

impl History {
    /// The rows of each job, by time.
    pub fn by_job(&self) -> BTreeMap<&str, Vec<&Run>> {
        let mut by_job: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
        for run in &self.runs {
            by_job.entry(&run.job_id).or_default().push(run);
        }
        for runs in by_job.values_mut() {
            runs.sort_by_key(|run| run.scheduled_for);
        }
        by_job
    }
}

/// For messages.
pub fn instant(micros: i64) -> triggers::UtcMicros {
    triggers::UtcMicros::new(micros)
}
