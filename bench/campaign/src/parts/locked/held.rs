//! Tasks that fire each second while their rows are held, changed, deleted and given back, or deleted for good, and
//! processes are killed in between. Whatever happened to a task that is still there stands in its log, once and in order.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bench::rows::Row;
use test_world::clock::Stopwatch;

use super::{LATEST, hold, listed, pair};
use crate::checker::{self, Delivery, Verb};
use crate::dice::Dice;
use crate::pair::Pair;
use crate::schedules::{SECOND, Schedules, Timing, whole_second};
use crate::world::World;
use test_world::session::BlockingSession;

/// Sessions that hold rows, and the tasks of each: they fire each second.
const HOLDERS: i32 = 3;
const EACH: i32 = 12;
/// Tasks that are deleted for good, and those that are added by hand.
const MORTAL: i32 = 15;
const ADDED: i32 = 6;
/// What waits for a row is written so soon after the row is free.
const WRITTEN: Duration = Duration::from_secs(10);

const FIRING: RangeInclusive<i32> = 1..=HOLDERS * EACH;
const DELETED: RangeInclusive<i32> = HOLDERS * EACH + 1..=HOLDERS * EACH + MORTAL;
const CALLED: RangeInclusive<i32> = HOLDERS * EACH + MORTAL + 1..=HOLDERS * EACH + MORTAL + ADDED;

#[derive(Debug, Default)]
struct Done {
    held: usize,
    rolled_back: usize,
    killed: usize,
    gone: BTreeSet<i32>,
}

/// What the threads of one pair share.
struct Shared<'a> {
    pair: &'a Pair<'a>,
    over: &'a AtomicBool,
    done: &'a Mutex<Done>,
}

pub fn one(world: &World, delivery: Delivery, seconds: f64) -> anyhow::Result<Row> {
    let dice = world.dice("locked held").apart(delivery as u64);
    let mut schedules = Schedules::default();
    let start = whole_second(60);
    let firing = i64::from(*DELETED.end());
    schedules.add_all(firing, |place| {
        Timing::Every(1, Some(start + place * SECOND / firing))
    });
    schedules.add_all(ADDED.into(), |_| Timing::Far);
    let mut pair = pair(world, ("held", delivery), (&schedules, *DELETED.start()))?;
    let (over, done) = (AtomicBool::new(false), Mutex::default());
    let shared = &Shared {
        pair: &pair,
        over: &over,
        done: &done,
    };
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for holder in 0..HOLDERS {
            let dice = dice.apart(holder as u64);
            threads.push(scope.spawn(move || keep(shared, holder, dice)));
        }
        let (holding, adding, killing) = (dice.apart(10), dice.apart(11), dice.apart(12));
        threads.push(scope.spawn(move || hold_called(shared, holding)));
        threads.push(scope.spawn(move || add(shared, adding)));
        threads.push(scope.spawn(move || kill(shared, killing)));
        std::thread::sleep(Duration::from_secs_f64(seconds));
        over.store(true, Ordering::Relaxed);
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().ok().context("a thread of it panicked")?)
    })?;
    std::thread::sleep(WRITTEN);
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    pair.site.strictness.gone = done.gone.clone();
    let concluded = pair.conclude(LATEST)?;
    let calls = concluded.history.changes.len();
    let row = world
        .row("locked", "PostgreSQL")
        .with("delivery", delivery.name())
        .number("seconds", seconds)
        .with("tasks", firing)
        .with("times held", done.held)
        .with("deleted and rolled back", done.rolled_back)
        .with("deleted", done.gone.len())
        .with("kills", done.killed)
        .with("added by hand", calls)
        .with("events", concluded.history.events.len())
        .number("latest decision s", checker::latest_decision(&concluded.history));
    Ok(concluded.take()?.into_row(row))
}

impl Shared<'_> {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    fn done(&self) -> std::sync::MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps for some milliseconds, or until it is over.
    fn waits(&self, millis: u64) {
        let watch = Stopwatch::start();
        while self.goes_on() && watch.seconds() * 1_000.0 < millis as f64 {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Holds rows of its own tasks, for seconds at a time; now and then one of the mortals is deleted for good.
fn keep(shared: &Shared<'_>, holder: i32, mut dice: Dice) -> anyhow::Result<()> {
    let session = BlockingSession::open(&shared.pair.site.database.url)?;
    let mut mortals = DELETED.skip(holder as usize).step_by(HOLDERS as usize);
    while shared.goes_on() {
        let seconds = 1_000 + dice.below(7_000);
        let first = FIRING.start() + holder * EACH + dice.below(6) as i32;
        let tasks: Vec<i32> = (first..).take(1 + dice.below(6) as usize).collect();
        let kind = dice.below(8);
        if kind == 0
            && let Some(mortal) = mortals.next()
        {
            shared.done().gone.insert(mortal);
            hold(&session, &[mortal])?;
            delete(&session, &[mortal])?;
            shared.waits(seconds);
            session.run("COMMIT")?;
        } else {
            hold(&session, &tasks)?;
            match kind {
                1..4 => {
                    delete(&session, &tasks)?;
                    shared.done().rolled_back += 1;
                }
                4 => session.run(&format!(
                    "UPDATE task SET name = name || '.' WHERE id IN ({})",
                    listed(&tasks)
                ))?,
                _ => {}
            }
            shared.waits(seconds);
            session.run(if kind == 4 { "COMMIT" } else { "ROLLBACK" })?;
        }
        shared.done().held += 1;
        shared.waits(dice.below(1_500));
    }
    Ok(())
}

fn delete(session: &BlockingSession, tasks: &[i32]) -> anyhow::Result<()> {
    let tasks = listed(tasks);
    session.run(&format!(
        "DELETE FROM task_log WHERE task_id IN ({tasks}); DELETE FROM task WHERE id IN ({tasks})"
    ))
}

/// Holds the rows of the tasks that are added, each time for less than an addition waits.
fn hold_called(shared: &Shared<'_>, mut dice: Dice) -> anyhow::Result<()> {
    let session = BlockingSession::open(&shared.pair.site.database.url)?;
    while shared.goes_on() {
        hold(&session, &CALLED.collect::<Vec<i32>>())?;
        shared.waits(500 + dice.below(2_000));
        session.run("ROLLBACK")?;
        shared.waits(dice.below(1_000));
    }
    Ok(())
}

fn add(shared: &Shared<'_>, mut dice: Dice) -> anyhow::Result<()> {
    while shared.goes_on() {
        let task = CALLED.start() + dice.below(ADDED as u64) as i32;
        let address = shared.pair.address(dice.below(2) as usize);
        shared.pair.site.ledger.call(address, (Verb::Add, task));
        shared.waits(50 + dice.below(200));
    }
    Ok(())
}

/// Kills one of the two, again and again, and starts another in its place.
fn kill(shared: &Shared<'_>, mut dice: Dice) -> anyhow::Result<()> {
    let pair = shared.pair;
    while shared.goes_on() {
        shared.waits(3_000 + dice.below(4_000));
        let place = dice.below(2) as usize;
        pair.site.kill(&mut pair.process(place))?;
        shared.waits(dice.below(1_000));
        pair.replace(place, pair.site.start()?)?;
        shared.done().killed += 1;
    }
    Ok(())
}
