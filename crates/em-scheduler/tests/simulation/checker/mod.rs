//! The invariants (docs/invariants.md), checked after every operation of the store and every request that reaches the
//! runner.
//!
//! The checker knows the database only by what its triggers told (`audit`), keeps its own picture of it, and holds
//! each change against what the operation behind it may do. It works out for itself when something is due: of the
//! program's own arithmetic it uses nothing.

mod decisions;
mod drained;
mod events;
mod promises;
mod receipts;
mod rhythm;
mod runs;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::{self, Display};

use self::promises::Promises;
use self::rhythm::Rhythm;
use test_world::rows::Run as RunRow;

use crate::audit::{Change, JobRow};
use crate::operation::Op;

pub use self::promises::{Asked, Shape};
pub use self::receipts::Receipt;

/// An invariant that does not hold.
#[derive(Debug, Clone)]
pub struct Violation {
    /// `I1` to `I8`; `S1` and so on for a rule of docs/semantics.md.
    pub rule: &'static str,
    pub what: String,
}

impl Violation {
    pub fn new(rule: &'static str, what: impl Into<String>) -> Self {
        Self {
            rule,
            what: what.into(),
        }
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

pub type Verdict = Result<(), Violation>;

/// What the scheduler was told, as far as it matters to what may happen.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub at_least_once: bool,
    /// The runner's refusals are tried again.
    pub retries_refusals: bool,
    /// At most one process at a time.
    pub alone: bool,
    pub concurrency: usize,
}

/// A run as the table has it, and what reached the runner.
#[derive(Debug)]
pub(crate) struct Run {
    row: RunRow,
    /// The attempts that were durably `sending`.
    begun: BTreeSet<i64>,
    receipts: Vec<receipts::Received>,
}

/// A job as the tables have it.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    row: JobRow,
    rhythm: Rhythm,
    due: Option<i64>,
    /// When it was stored, in time passed.
    born: i64,
}

/// An operation that was carried out, and when.
#[derive(Debug, Clone, Copy)]
pub struct Carried<'a> {
    /// Who asked for it.
    pub process: &'a str,
    pub op: &'a Op,
    /// Time passed.
    pub passed: i64,
}

/// What one operation has done so far, while its changes are gone through.
#[derive(Debug, Default)]
struct Doing {
    runs: Vec<i64>,
    jobs: Vec<i64>,
    gone: HashMap<i64, Job>,
    /// Jobs whose next run time moved from this to that, or went.
    moved: Vec<(i64, i64, Option<i64>)>,
    expected: Vec<(i32, &'static str)>,
    logged: Vec<(i32, String)>,
}

#[derive(Debug)]
pub struct Checker {
    terms: Terms,
    runs: BTreeMap<i64, Run>,
    /// The runs by job and run time.
    times: HashMap<(String, i64), i64>,
    open: BTreeSet<i64>,
    jobs: BTreeMap<i64, Job>,
    paused: bool,
    instances: HashSet<String>,
    promises: Promises,
    /// Requests on their way, by process.
    in_flight: HashMap<String, usize>,
}

impl Checker {
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            runs: BTreeMap::new(),
            times: HashMap::new(),
            open: BTreeSet::new(),
            jobs: BTreeMap::new(),
            paused: false,
            instances: HashSet::new(),
            promises: Promises::default(),
            in_flight: HashMap::new(),
        }
    }

    /// Takes in what an operation changed, and judges it.
    pub fn carried_out(&mut self, carried: Carried<'_>, changes: Vec<Change>) -> Verdict {
        let mut doing = Doing::default();
        if let Op::Replace(task) = *carried.op {
            self.promises.added(task, carried.passed);
        }
        for change in changes {
            match change {
                Change::RunAdded(row) => self.run_added(carried, row, &mut doing)?,
                Change::RunChanged(row) => self.run_changed(carried, row, &mut doing)?,
                Change::RunGone(row) => self.run_gone(carried, &row)?,
                Change::JobAdded(row) => self.job_added(carried, row, &mut doing)?,
                Change::JobChanged(row) => self.job_changed(carried, row, &mut doing)?,
                Change::JobGone(row) => self.job_gone(carried, &row, &mut doing)?,
                Change::DueAdded(row) => self.due_added(carried, &row)?,
                Change::DueChanged(row) => {
                    self.due_moved(carried, (row.job_key, Some(row.next_run_at)), &mut doing)?;
                }
                Change::DueGone(row) => self.due_moved(carried, (row.job_key, None), &mut doing)?,
                Change::State(row) => {
                    if row.name == "paused" {
                        if !matches!(carried.op, Op::Pause(_)) {
                            return Err(Violation::new("I6", format!("{} changes the pause", carried.op)));
                        }
                        self.paused = row.value != 0;
                    }
                }
                Change::Instance(row) => {
                    self.instances.insert(row.id);
                }
                Change::InstanceGone(row) => {
                    self.instances.remove(&row.id);
                }
                Change::Logged(row) => doing.logged.push((row.task_id, row.message)),
            }
        }
        self.judge_decisions(carried, &doing)?;
        events::judge(carried, &mut doing, |task| self.promises.is_gone(task))?;
        self.note_effects(carried, &doing);
        Ok(())
    }

    fn job_added(&mut self, carried: Carried<'_>, row: JobRow, doing: &mut Doing) -> Verdict {
        if !carried.op.stores_jobs() {
            return Err(Violation::new(
                "I6",
                format!("{} stores job {}", carried.op, row.id),
            ));
        }
        if row.kind != "delayed" && self.promises.follows(row.task_id) {
            return Err(Violation::new(
                "F11",
                format!(
                    "{} stores job {}, whose task follows another one",
                    carried.op, row.id
                ),
            ));
        }
        if row.listed == 1 {
            doing.expected.push((row.task_id, events::JOB_ADDED));
        }
        doing.jobs.push(row.key);
        let job = Job {
            rhythm: Rhythm::of(&row.definition),
            due: None,
            born: carried.passed,
            row,
        };
        self.jobs.insert(job.row.key, job);
        Ok(())
    }

    fn job_changed(&mut self, carried: Carried<'_>, row: JobRow, doing: &mut Doing) -> Verdict {
        let Some(job) = self.jobs.get_mut(&row.key) else {
            return Err(Violation::new(
                "I6",
                format!("job {} appears from nowhere", row.id),
            ));
        };
        if job.row.listed != row.listed {
            if !matches!(carried.op, Op::Decide(_)) {
                return Err(Violation::new(
                    "I6",
                    format!("{} buries job {}", carried.op, row.id),
                ));
            }
            doing.expected.push((row.task_id, events::JOB_REMOVED));
        }
        job.row = row;
        Ok(())
    }

    fn job_gone(&mut self, carried: Carried<'_>, row: &JobRow, doing: &mut Doing) -> Verdict {
        let Some(job) = self.jobs.remove(&row.key) else {
            return Err(Violation::new("I6", format!("job {} goes twice", row.id)));
        };
        let decided = matches!(carried.op, Op::Decide(_));
        if !decided {
            self.may_remove(carried, &job)?;
        }
        if row.listed == 1 {
            doing.expected.push((row.task_id, events::JOB_REMOVED));
        }
        doing.gone.insert(row.key, job);
        Ok(())
    }
}
