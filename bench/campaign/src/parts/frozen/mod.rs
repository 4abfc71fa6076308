//! Frozen: a process stops in the middle of one of its transactions, with all that it holds there, and the other must
//! miss nothing and answer every call. It is stopped (SIGSTOP), cut off from PostgreSQL without a word, or gone together
//! with its host. On PostgreSQL, pairs of processes side by side.
//!
//! `load` is what is due, `calls` is what is asked of the process before it is caught by `catch` in a transaction, `host` is
//! what happens to it then, `asking` is what the other must answer meanwhile, and `rounds` the life of one pair.

mod asking;
mod calls;
mod catch;
mod host;
mod load;
mod rounds;

use std::collections::BTreeMap;

use test_world::Backend;

use self::host::Fault;
use self::load::Load;
use super::each_at_once;
use crate::checker::{Delivery, Figures};
use crate::schedules::SECOND;
use crate::world::World;

/// A well process decides within this, in microseconds: well within the smaller grace.
const LATEST: i64 = 6 * SECOND;

/// What a pair goes through.
#[derive(Debug, Clone, Copy)]
struct Trial {
    faults: &'static [Fault],
    load: Load,
    delivery: Delivery,
    /// The misfire grace, in seconds.
    grace: i64,
}

const STOPPED: &[Fault] = &[Fault::Stopped];
const HOSTS: &[Fault] = &[Fault::CutOff, Fault::Vanished];

const fn trial(faults: &'static [Fault], load: Load, delivery: Delivery, grace: i64) -> Trial {
    Trial {
        faults,
        load,
        delivery,
        grace,
    }
}

/// One pair for each, all at the same time.
const TRIALS: [Trial; 8] = [
    trial(STOPPED, Load::Bursts, Delivery::AtMostOnce, 30),
    trial(STOPPED, Load::Bursts, Delivery::AtLeastOnce, 30),
    trial(STOPPED, Load::Bursts, Delivery::AtMostOnce, 10),
    trial(STOPPED, Load::Bursts, Delivery::AtLeastOnce, 10),
    trial(STOPPED, Load::Steady, Delivery::AtMostOnce, 30),
    trial(STOPPED, Load::Steady, Delivery::AtLeastOnce, 10),
    trial(HOSTS, Load::Bursts, Delivery::AtMostOnce, 30),
    trial(HOSTS, Load::Bursts, Delivery::AtLeastOnce, 30),
];

/// What came of a pair.
#[derive(Debug, Default)]
struct Tally {
    /// Freezes in a transaction, and rounds in which the process could be caught in none.
    frozen: usize,
    uncaught: usize,
    /// Of the frozen ones, those that held due times, or an advisory lock.
    holds_due: usize,
    holds_guard: usize,
    /// By what the last statement was about.
    subjects: BTreeMap<&'static str, usize>,
    longest: f64,
    /// Calls at the well process, those answered 503, and the slowest.
    calls: usize,
    refused: usize,
    slowest: f64,
    latest: f64,
    figures: Figures,
}

pub fn run(world: &mut World) -> anyhow::Result<()> {
    if !world.engines.contains(&Backend::Postgres) {
        return Ok(());
    }
    let rounds = if world.quick { 2 } else { 28 };
    let numbered: Vec<_> = TRIALS.iter().enumerate().collect();
    let done = each_at_once(&numbered, |(number, trial)| {
        rounds::all(world, trial, (*number, rounds))
    })?;
    let mut subjects: BTreeMap<&str, usize> = BTreeMap::new();
    for (trial, tally) in TRIALS.iter().zip(done) {
        for (subject, count) in &tally.subjects {
            *subjects.entry(subject).or_default() += count;
        }
        let faults: Vec<&str> = trial.faults.iter().map(|fault| fault.name()).collect();
        let row = world
            .row("frozen", "PostgreSQL")
            .with("a process is", faults.join(", "))
            .with("load", trial.load.name())
            .with("delivery", trial.delivery.name())
            .with("grace s", trial.grace)
            .with("freezes in a transaction", tally.frozen)
            .with("held due times", tally.holds_due)
            .with("held an advisory lock", tally.holds_guard)
            .with("none caught", tally.uncaught)
            .number("longest s", tally.longest)
            .with("calls at the other", tally.calls)
            .with("answered 503", tally.refused)
            .number("slowest s", tally.slowest)
            .number("latest decision s", tally.latest);
        world.results.add(tally.figures.into_row(row))?;
    }
    for (subject, freezes) in subjects {
        let row = world
            .row("frozen", "PostgreSQL")
            .with("last statement about", subject)
            .with("freezes", freezes);
        world.results.add(row)?;
    }
    Ok(())
}
