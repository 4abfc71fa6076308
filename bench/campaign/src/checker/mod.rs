//! The checker: a history in, what it violates out. Pure; in the manner of Jepsen's test of Chronos, with the due times worked
//! out from the schedules and not from what the service stored.
//!
//! `coverage` holds I1 and I2, `receipts` I3 and I5, `events` I7, `changes` and `silence` I6, `owners` I4, `punctual` I8 while a
//! process is well. That the backlog drains (I8) is timed by whoever waits for it.

mod changes;
mod coverage;
mod events;
mod figures;
mod history;
mod owners;
mod punctual;
mod receipts;
mod silence;
#[cfg(test)]
mod tests;

use std::fmt;

pub use changes::{Change, Verb};
pub use figures::Figures;
pub use history::{Delivery, Event, History, Job, Receipt, Run, Schedule, Strictness};
pub use owners::compare;
pub use punctual::{Punctual, latest_decision};
pub use silence::{broken as broken_silences, raced};

/// What must hold (docs/invariants.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// One decision per due occurrence; coalesced ones are counted on the surviving row.
    I1,
    /// Job and scheduled time are unique.
    I2,
    /// Each run ends delivered, failed, missed, skipped or unknown; all receipts of a run carry one key.
    I3,
    /// A stale owner changes nothing.
    I4,
    /// Never early.
    I5,
    /// An acknowledged API change survives.
    I6,
    /// One event row per transition, in the same transaction.
    I7,
    /// The backlog drains to zero.
    I8,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// An invariant that did not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// What was found and what should have been.
    pub what: String,
}

impl Violation {
    /// A new one.
    pub fn of(invariant: Invariant, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { invariant, what }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// Where violations are collected.
#[derive(Debug, Default)]
pub struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, invariant: Invariant, what: impl Into<String>) {
        self.0.push(Violation::of(invariant, what));
    }
}

/// Everything that the history violates.
pub fn check(history: &History) -> Vec<Violation> {
    let mut found = Found::default();
    coverage::check(history, &mut found);
    receipts::check(history, &mut found);
    events::check(history, &mut found);
    changes::check(history, &mut found);
    silence::check(history, &mut found);
    punctual::check(history, &mut found);
    found.0
}
