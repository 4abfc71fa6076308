//! Soak: one process for each database under mixed faults for half an hour. Memory and open descriptors at the end are those
//! of the first quarter, and everything it did is judged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::ensure;
use bench::rows::Row;
use bench::statistics::median;
use rustix::process::Signal;
use test_world::Backend;
use test_world::clock::{self, Stopwatch};
use test_world::process;
use test_world::process::Service;

use super::each_at_once;
use crate::checker::{Change, Delivery, Figures, Invariant, Verb, Violation};
use crate::dice::Dice;
use crate::runner::{FAULTS, Manners};
use crate::schedules::{SECOND, Schedules, Timing, whole_second};
use crate::site::Site;
use crate::world::{Plan, World};

/// More than this above the first quarter is growth.
const GROWTH: f64 = 1.1;
/// A shorter soak is over before what hangs for half a minute is in balance: its growth is told, not judged.
const JUDGED_FROM: f64 = 10.0;
/// Tasks that fire all the while, those of them that the API adds and deletes, and those run later and now.
const STEADY: i64 = 40;
const SWITCHED: i64 = 6;

pub fn run(world: &mut World) -> anyhow::Result<()> {
    let minutes = world.minutes.unwrap_or(if world.quick { 1.0 } else { 30.0 });
    let pairs: Vec<(Backend, Delivery)> = world.engines.iter().copied().zip(Delivery::BOTH).collect();
    let done = each_at_once(&pairs, |pair| one(world, *pair, minutes))?;
    for (row, figures) in done {
        world.results.add(figures.into_row(row))?;
    }
    Ok(())
}

fn one(
    world: &World,
    (engine, delivery): (Backend, Delivery),
    minutes: f64,
) -> anyhow::Result<(Row, Figures)> {
    let mut schedules = Schedules::default();
    let start = whole_second(60);
    schedules.add_all(STEADY, |place| {
        Timing::Every(1, Some(start + place * SECOND / STEADY))
    });
    schedules.add_all(SWITCHED, |place| Timing::Every(1, Some(start + place * 150_000)));
    schedules.add_all(4, |_| Timing::Far);
    let mut site = world.site(Plan {
        delivery,
        manners: Manners {
            thinks: 0..30_000,
            faulty: 150,
            // Each hangs for half a minute: few of them are many at a time.
            faults: [FAULTS.as_slice(), &FAULTS[2..], &FAULTS[2..]].concat(),
            ..Manners::default()
        },
        ..world.plan("soak", engine, &schedules)
    })?;
    // What meets a fault is tried again a few times, not for ever.
    site.arguments = ["--attempts", "3"].map(str::to_owned).to_vec();
    let service = site.start()?;
    let over = AtomicBool::new(false);
    let samples = std::thread::scope(|scope| {
        let (site, over, service) = (&site, &over, &service);
        let dice = world.dice("soak").apart(engine as u64);
        let mut callers = dice.apart(1);
        scope.spawn(move || call(site, service, (&mut callers, over)));
        let mut faults = dice.apart(2);
        scope.spawn(move || disturb(world, (site, service), (&mut faults, over)));
        let samples = watch(service, minutes);
        over.store(true, Ordering::Relaxed);
        samples
    });
    let mut service = service;
    ensure!(
        service.ended()?.is_none(),
        "the service ended by itself, see {}",
        site.folder.display()
    );
    // The last that hang are over by then.
    site.runner.refuse(false);
    site.runner.behave(Manners::default());
    std::thread::sleep(Duration::from_secs(40));
    let (memory, descriptors) = (
        growth(&samples, |sample| sample.0),
        growth(&samples, |sample| sample.1),
    );
    for planned in &mut site.planned {
        planned.windows = windows(planned.task, &site.ledger.changes());
    }
    let mut judged = site.conclude_with(service)?;
    for (what, (first, last)) in [("memory", memory), ("open descriptors", descriptors)] {
        if minutes >= JUDGED_FROM && last > first * GROWTH {
            judged.violations.push(Violation::of(
                Invariant::I8,
                format!("{what} grew from {first} to {last}"),
            ));
            judged.figures.violations += 1;
        }
    }
    let changes = site.ledger.changes().len();
    let figures = world.take(&site, &judged)?;
    let row = world
        .row("soak", engine.name())
        .with("delivery", delivery.name())
        .number("minutes", minutes)
        .with("API calls", changes)
        .number("MB, first quarter", memory.0)
        .number("MB at the end", memory.1)
        .number("descriptors, first quarter", descriptors.0)
        .number("descriptors at the end", descriptors.1);
    Ok((row, figures))
}

/// Megabytes and open descriptors, once a second.
fn watch(service: &Service, minutes: f64) -> Vec<(f64, f64)> {
    let (clock, mut samples) = (Stopwatch::start(), Vec::new());
    while clock.seconds() < minutes * 60.0 {
        let memory = process::memory(service.pid()).0 as f64 / 1_048_576.0;
        samples.push((memory, process::descriptors(service.pid()) as f64));
        std::thread::sleep(Duration::from_secs(1));
    }
    samples
}

/// The middle value of the first quarter and of the last tenth.
fn growth(samples: &[(f64, f64)], value: impl Fn(&(f64, f64)) -> f64) -> (f64, f64) {
    let of = |samples: &[(f64, f64)]| median(samples.iter().map(&value).collect());
    (
        of(&samples[..samples.len() / 4]),
        of(&samples[samples.len() - samples.len() / 10..]),
    )
}

/// Everything but calls: the runner refuses, the process is stopped for a while, PostgreSQL cuts connections.
fn disturb(world: &World, (site, service): (&Site, &Service), (dice, over): (&mut Dice, &AtomicBool)) {
    let pause = |seconds: f64| {
        let until = clock::now() + (seconds * 1e6) as i64;
        while clock::now() < until && !over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    while !over.load(Ordering::Relaxed) {
        pause(1.0 + dice.below(6_000) as f64 / 1_000.0);
        match dice.below(3) {
            0 => {
                site.runner.refuse(true);
                pause(0.2 + dice.below(2_000) as f64 / 1_000.0);
                site.runner.refuse(false);
            }
            1 => {
                // If it has ended, whoever looks at its end will tell.
                let _ = service.signal(Signal::STOP);
                pause(0.2 + dice.below(3_000) as f64 / 1_000.0);
                let _ = service.signal(Signal::CONT);
            }
            _ => {
                if let Some(name) = site.database.name() {
                    let cut = format!(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND random() < 0.5"
                    );
                    // A server that is busy is one more fault.
                    let _ = world.server.run_sql("postgres", &cut);
                }
            }
        }
    }
}

/// Calls of every kind, a few in a second.
fn call(site: &Site, service: &Service, (dice, over): (&mut Dice, &AtomicBool)) {
    let address = service.address();
    let mut paused = false;
    while !over.load(Ordering::Relaxed) {
        let switched = STEADY + 1 + dice.below(SWITCHED as u64).cast_signed();
        let far = STEADY + SWITCHED + 1 + dice.below(2).cast_signed();
        let (verb, task) = match dice.below(100) {
            _ if paused => (Verb::Resume, 0),
            0..3 => (Verb::Pause, 0),
            3..40 => (Verb::Add, switched),
            40..70 => (Verb::Delete, switched),
            70..90 => (Verb::Delay, far),
            _ => (Verb::Run, far + 2),
        };
        let task = i32::try_from(task).unwrap_or(0);
        if verb == Verb::Delete && !site.disable(task) {
            continue;
        }
        let done = site.ledger.call(address, (verb, task));
        paused = verb == Verb::Pause || (paused && !done);
        std::thread::sleep(Duration::from_millis(50 + dice.below(400)));
    }
}

/// When a switched task must fire: from each acknowledged addition to the next call that deletes it, with a margin for
/// what was decided just then. A steady one always; one of the others, never.
fn windows(task: i32, changes: &[Change]) -> Option<Vec<(i64, i64)>> {
    if i64::from(task) <= STEADY {
        return None;
    }
    if i64::from(task) > STEADY + SWITCHED {
        return Some(Vec::new());
    }
    let of_task: Vec<&Change> = changes.iter().filter(|change| change.task == task).collect();
    let mut windows = Vec::new();
    for (place, change) in of_task.iter().enumerate() {
        let Some(from) = change.acknowledged.filter(|_| change.verb == Verb::Add) else {
            continue;
        };
        // A due time that nobody has decided yet goes with the job, also where it is only added anew.
        let next = of_task[place + 1..].first().map_or(i64::MAX, |next| next.asked);
        windows.push((from, next.saturating_sub(10 * SECOND)));
    }
    Some(windows)
}
