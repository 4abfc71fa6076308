//! Downtime: nothing ran for thirty days, and ten thousand schedules are overdue, some by millions of due times each.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use test_world::Backend;
use test_world::clock;
use test_world::process;

use crate::checker::{Invariant, Violation};
use crate::runner::Manners;
use crate::schedules::{SECOND, Schedules, Timing, whole_second};
use crate::world::{Plan, World};

const DAYS: i64 = 30;
/// Until the service is ready, and for its memory.
const STARTED: f64 = 5.0;
const MEGABYTES: f64 = 200.0;
/// The service's own limit of requests in flight.
const IN_FLIGHT: usize = 100;

pub fn run(world: &mut World) -> anyhow::Result<()> {
    for engine in world.engines.clone() {
        one(world, engine)?;
    }
    Ok(())
}

fn one(world: &mut World, engine: Backend) -> anyhow::Result<()> {
    let count = if world.quick { 1_000 } else { 10_000 };
    let mut schedules = Schedules::default();
    let start = whole_second(60 * 86_400);
    // Each period divides the downtime, so that the shift below keeps every rhythm.
    let periods = [1, 1, 1, 1, 60, 60, 3_600, 3_600, 86_400];
    schedules.add_all(count * 9 / 10, |place| {
        Timing::Every(periods[place as usize % 9], Some(start + place % 86_400 * SECOND))
    });
    schedules.add_all(count / 10, |place| Timing::AtSecond(place % 60));
    let site = world.site(Plan {
        manners: Manners::thinking(0..2_000),
        ..world.plan("downtime", engine, &schedules)
    })?;
    // Stored while paused, so that nothing has been decided when the days have passed.
    site.database
        .run("INSERT INTO scheduler_state (name, value) VALUES ('paused', 1)")?;
    site.start()?.stop()?;
    let passed = DAYS * 86_400 * SECOND;
    site.database.run(&format!(
        "UPDATE scheduler_due SET next_run_at = next_run_at - {passed};
         UPDATE scheduler_job SET created_at = created_at - {passed};
         UPDATE scheduler_state SET value = 0 WHERE name = 'paused';"
    ))?;
    let service = site.start()?;
    let (ready, start_up, pid) = (clock::now(), service.start_up, service.pid());
    let (over, memory) = (AtomicBool::new(false), AtomicU64::new(0));
    let caught_up = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                memory.fetch_max(process::memory(pid).1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let caught_up = site.drained(ready);
        over.store(true, Ordering::Relaxed);
        caught_up
    })?;
    let most = site.runner.most_at_once();
    let megabytes = memory.load(Ordering::Relaxed) as f64 / 1_048_576.0;
    let mut judged = site.conclude_with(service)?;
    if start_up > STARTED || megabytes > MEGABYTES || most > IN_FLIGHT {
        judged.violations.push(Violation::of(
            Invariant::I8,
            format!("ready after {start_up} s, {megabytes} MB, {most} requests at once"),
        ));
        judged.figures.violations += 1;
    }
    let figures = world.take(&site, &judged)?;
    let row = world
        .row("downtime", engine.name())
        .with("days", DAYS)
        .with("schedules", count)
        .number("ready after s", start_up)
        .number("caught up s", caught_up.unwrap_or(f64::INFINITY))
        .number("memory MB", megabytes)
        .with("most requests at once", most);
    world.results.add(figures.into_row(row))
}
