//! Five tasks' rows are held, and twenty clients add these tasks. Every other call is answered as if nothing were: other
//! tasks are added, deleted and run, all is paused and resumed, and in the end killed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bench::rows::Row;
use test_world::clock::Stopwatch;

use super::{LATEST, hold, pair};
use crate::api::{self, CallAnswer};
use crate::checker::{Delivery, Invariant, Verb, Violation};
use crate::pair::Pair;
use crate::schedules::{SECOND, Schedules, Timing, whole_second};
use crate::world::World;
use test_world::session::BlockingSession;

const FIRING: i64 = 20;
/// The tasks whose rows are held, and how many clients add them.
const HELD: i32 = 5;
const CLIENTS: i32 = 20;
/// Tasks for the other calls.
const OTHERS: i32 = 8;
/// What is held up by nothing is answered within so many seconds.
const QUICK: f64 = 3.0;
/// An addition whose row is free again.
const AFTERWARDS: f64 = 10.0;

/// The calls of one kind.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    times: usize,
    succeeded: usize,
    refused: usize,
    slowest: f64,
}

struct Calls<'a> {
    pair: &'a Pair<'a>,
    over: AtomicBool,
    counts: Mutex<BTreeMap<String, Count>>,
    violations: Mutex<Vec<Violation>>,
}

pub fn all(world: &World) -> anyhow::Result<Vec<Row>> {
    let (times, seconds) = if world.quick { (1, 8) } else { (4, 25) };
    let mut schedules = Schedules::default();
    let start = whole_second(60);
    schedules.add_all(FIRING, |place| {
        Timing::Every(1, Some(start + place * SECOND / FIRING))
    });
    schedules.add_all((HELD + 2 * OTHERS).into(), |_| Timing::Far);
    let first = i32::try_from(FIRING)? + 1;
    let pair = pair(world, ("calls", Delivery::AtMostOnce), (&schedules, first))?;
    let calls = Calls {
        pair: &pair,
        over: AtomicBool::new(false),
        counts: Mutex::default(),
        violations: Mutex::default(),
    };
    for _ in 0..times {
        calls.while_held((first, Duration::from_secs(seconds)))?;
    }
    let counts = calls.counts.into_inner().unwrap_or_else(PoisonError::into_inner);
    let violations = calls
        .violations
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let mut concluded = pair.conclude(LATEST)?;
    concluded.blame(violations);
    let figures = concluded.take()?;
    let mut rows: Vec<Row> = counts
        .into_iter()
        .map(|(call, count)| {
            world
                .row("locked", "PostgreSQL")
                .with("call", call)
                .with("times", count.times)
                .with("succeeded", count.succeeded)
                .with("answered 503", count.refused)
                .number("slowest s", count.slowest)
        })
        .collect();
    let row = world
        .row("locked", "PostgreSQL")
        .with("rows held", HELD)
        .with("clients that add them", CLIENTS)
        .with("times", times)
        .with("seconds each", seconds);
    rows.push(figures.into_row(row));
    Ok(rows)
}

impl Calls<'_> {
    fn while_held(&self, (first, held): (i32, Duration)) -> anyhow::Result<()> {
        let session = BlockingSession::open(&self.pair.site.database.url)?;
        let tasks: Vec<i32> = (first..).take(HELD as usize).collect();
        self.over.store(false, Ordering::Relaxed);
        hold(&session, &tasks)?;
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let task = tasks[(client % HELD) as usize];
                scope.spawn(move || {
                    while !self.over.load(Ordering::Relaxed) {
                        self.ask("add, row held", (Verb::Add, task), f64::INFINITY);
                    }
                });
            }
            let others = first + HELD;
            let changing = scope.spawn(move || self.change(others));
            scope.spawn(move || self.run(others + OTHERS));
            let switching = scope.spawn(|| self.switch());
            scope.spawn(|| self.list());
            std::thread::sleep(held);
            self.over.store(true, Ordering::Relaxed);
            // Killed, it refuses to resume.
            switching.join().ok().context("a caller panicked")?;
            self.note("kill", (self.get("/api/kill"), QUICK));
            session.run("ROLLBACK")?;
            changing.join().ok().context("a caller panicked")?
        })?;
        self.pair.replace(0, self.pair.site.start()?)?;
        for task in &tasks {
            self.ask("add, row free again", (Verb::Add, *task), AFTERWARDS);
        }
        Ok(())
    }

    /// Adds and deletes other tasks.
    fn change(&self, first: i32) -> anyhow::Result<()> {
        let session = BlockingSession::open(&self.pair.site.database.url)?;
        for task in (first..first + OTHERS).cycle() {
            if self.over.load(Ordering::Relaxed) {
                break;
            }
            self.ask("add another task", (Verb::Add, task), QUICK);
            crate::pair::disable(&session, &[task])?;
            self.ask("delete another task", (Verb::Delete, task), QUICK);
            std::thread::sleep(Duration::from_millis(250));
        }
        Ok(())
    }

    fn run(&self, first: i32) {
        for task in (first..first + OTHERS).cycle() {
            if self.over.load(Ordering::Relaxed) {
                break;
            }
            self.ask("run another task", (Verb::Run, task), QUICK);
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    fn switch(&self) {
        while !self.over.load(Ordering::Relaxed) {
            self.ask("pause", (Verb::Pause, 0), QUICK);
            // Where it never succeeds that is told often enough.
            let _ = (0..5).any(|_| self.ask("resume", (Verb::Resume, 0), QUICK));
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn list(&self) {
        while !self.over.load(Ordering::Relaxed) {
            self.note("details", (self.get("/api/details"), QUICK));
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    fn ask(&self, call: &str, what: (Verb, i32), limit: f64) -> bool {
        let answer = self.pair.site.ledger.ask(self.pair.address(0), what);
        self.note(call, (answer, limit))
    }

    fn get(&self, path: &str) -> CallAnswer {
        let watch = Stopwatch::start();
        let status = api::get(self.pair.address(0), path);
        CallAnswer {
            status,
            succeeded: status == Some(200),
            seconds: watch.seconds(),
        }
    }

    fn note(&self, call: &str, (answer, limit): (CallAnswer, f64)) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(call.to_owned()).or_default();
        count.times += 1;
        count.succeeded += usize::from(answer.succeeded);
        count.refused += usize::from(answer.status == Some(503));
        count.slowest = count.slowest.max(answer.seconds);
        drop(counts);
        // What its own row holds up may fail, but it is answered.
        let well = answer.succeeded || (limit.is_infinite() && answer.status.is_some());
        if !well || answer.seconds > limit {
            let violation = Violation::of(
                Invariant::I8,
                format!(
                    "{call} was answered {:?} after {:.2} s",
                    answer.status, answer.seconds
                ),
            );
            self.violations
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(violation);
        }
        answer.succeeded
    }
}
