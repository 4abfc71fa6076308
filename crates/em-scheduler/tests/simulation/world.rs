//! What all parts of a simulation share: its numbers, its wall, the database, the checker, the trace, and how well the
//! database and the runner are at the moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use em_scheduler::model::RunKey;

use crate::checker::{Asked, Carried, Checker, Receipt, Terms, Violation};
use crate::clock::Wall;
use crate::database::Database;
use crate::operation::Op;
use crate::random::Random;
use crate::trace::Trace;

/// How the database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Every operation succeeds at once.
    Well,
    /// Some fail, some only seem to, some take long.
    Flaky,
    /// Each takes effect, and the caller is told that it failed.
    Forgetful,
    /// None succeeds.
    Away,
}

/// How the runner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It takes every run, soon.
    Prompt,
    /// It does now and then whatever a runner can do.
    Moody,
    /// It is prompt, but connections to it take long: much can happen between a decision and its first byte.
    Distant,
    /// It takes no connection.
    Refusing,
    /// It takes every request and answers none.
    Hanging,
}

/// How often what was done: for the figures.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    pub seeds: u64,
    pub events: u64,
    pub operations: u64,
    pub faults: u64,
    pub deaths: u64,
    pub steps_of_the_clock: u64,
    pub runs: u64,
    pub receipts: u64,
}

impl Figures {
    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.operations += other.operations;
        self.faults += other.faults;
        self.deaths += other.deaths;
        self.steps_of_the_clock += other.steps_of_the_clock;
        self.runs += other.runs;
        self.receipts += other.receipts;
    }
}

pub struct Core {
    pub random: Random,
    pub wall: Wall,
    pub database: Database,
    pub checker: Checker,
    pub trace: Trace,
    pub health: Health,
    pub mood: Mood,
    pub figures: Figures,
    /// The first invariant that did not hold.
    pub violation: Option<Violation>,
}

/// A handle on it. Everything runs on one thread; the lock is for the compiler.
#[derive(Clone)]
pub struct World(Arc<Mutex<Core>>);

impl World {
    pub fn new(mut random: Random, database: Database, terms: Terms) -> Self {
        // 2026-11-23 15:00 and something: job_sync has its minute within reach.
        let wall = Wall::new(1_795_446_000_000_000 + random.below(3_600_000_000));
        Self(Arc::new(Mutex::new(Core {
            random,
            wall,
            database,
            checker: Checker::new(terms),
            trace: Trace::default(),
            health: Health::Well,
            mood: Mood::Prompt,
            figures: Figures::default(),
            violation: None,
        })))
    }

    pub fn core(&self) -> MutexGuard<'_, Core> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// An operation of the store was carried out, or was not: what it changed tells.
    pub fn carried_out(&mut self, process: &str, op: &Op, passed: i64) {
        self.figures.operations += 1;
        let changes = self.database.changes();
        self.trace
            .note(passed, process, format_args!("{op}: {} rows", changes.len()));
        let judged = self.checker.carried_out(Carried { process, op, passed }, changes);
        self.hold(judged);
    }

    pub fn received(&mut self, receipt: &Receipt) -> RunKey {
        self.trace.note(
            receipt.passed,
            &receipt.process,
            format_args!("the runner reads {} attempt {}", receipt.key, receipt.attempt),
        );
        let judged = self.checker.received(receipt);
        let key = judged.as_ref().copied().unwrap_or(0);
        self.hold(judged.map(|_| ()));
        key
    }

    pub fn acknowledged(&mut self, asked: Asked, since: usize, (process, passed): (&str, i64)) {
        let judged = self.checker.acknowledged(asked, since, (process, passed));
        self.hold(judged);
    }

    pub fn hold(&mut self, judged: Result<(), Violation>) {
        if let Err(violation) = judged
            && self.violation.is_none()
        {
            self.violation = Some(violation);
        }
    }
}
