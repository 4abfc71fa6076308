//! Time: one wall clock that all processes read, which can be stepped, and the time that passes, which cannot.
//!
//! Each process lives on a paused runtime of its own. What passes there is the runtime's time (timers and stopwatches
//! go by it); the wall shows that and a lead, which a step of the clock or a suspended machine changes.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use em_scheduler::clock::{Clock, Stopwatch};
use triggers::UtcMicros;

/// What all processes share.
#[derive(Debug, Clone)]
pub struct Wall(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lead: AtomicI64,
    highest: AtomicI64,
}

impl Wall {
    /// A wall that shows `at` when no time has passed.
    pub fn new(at: i64) -> Self {
        Self(Arc::new(Inner {
            lead: AtomicI64::new(at),
            highest: AtomicI64::new(at),
        }))
    }

    /// What it shows when so many microseconds have passed in all.
    pub fn at(&self, passed: i64) -> i64 {
        let shown = self.0.lead.load(Ordering::SeqCst) + passed;
        self.0.highest.fetch_max(shown, Ordering::SeqCst);
        shown
    }

    pub fn step(&self, micros: i64) {
        self.0.lead.fetch_add(micros, Ordering::SeqCst);
    }

    /// The latest time anybody has read from it.
    pub fn highest(&self) -> i64 {
        self.0.highest.load(Ordering::SeqCst)
    }
}

/// The clock of one process.
pub struct ProcessClock {
    wall: Wall,
    /// How much had passed when the process was started.
    before: i64,
    running: Stopwatch,
}

impl ProcessClock {
    /// To be called on the runtime of the process.
    pub fn start(wall: Wall, before: i64) -> Self {
        Self {
            wall,
            before,
            running: Stopwatch::start(),
        }
    }

    /// How much has passed in all, as this process knows it.
    pub fn passed(&self) -> i64 {
        self.before + self.running.micros()
    }
}

impl Clock for ProcessClock {
    fn now(&self) -> UtcMicros {
        UtcMicros::new(self.wall.at(self.passed()))
    }
}

impl Debug for ProcessClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProcessClock")
    }
}
