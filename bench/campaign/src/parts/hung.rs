//! Hung: tasks whose runner never answers beside healthy ones. How late the healthy ones are.
//!
//! First fifty such tasks, a thousand healthy ones, and more and more requests that hang. Then a storm: tasks that have
//! never hung before, all due in one instant, beside fifty that fire each second and have been answered.

use std::time::Duration;

use anyhow::ensure;
use bench::rows::Row;
use bench::statistics::Sorted;
use test_world::Backend;
use test_world::clock;

use crate::runner::Manners;
use crate::schedules::{SECOND, Schedules, Timing, whole_second};
use crate::site::Site;
use crate::world::{Plan, World};

/// Beside those that have hung for long.
const HUNG: i64 = 50;
const HEALTHY: i64 = 1_000;
/// Beside a storm.
const CALM: i64 = 50;
/// Seconds until a storm, in which the database is filled and the service gets ready.
const AHEAD: i64 = 12;
/// Seconds between two runs of a task of the storm. One that is to be answered first is, so long before it hangs.
const AGAIN: i64 = 40;

pub fn run(world: &mut World) -> anyhow::Result<()> {
    for engine in world.engines.clone() {
        // Seconds between two runs of a hung task; none of them hangs for comparison.
        for every in [0, 60, 10, 1] {
            steady(world, engine, every)?;
        }
    }
    for engine in world.engines.clone() {
        for (tasks, answered_before) in [
            (0, false),
            (150, false),
            (1_000, false),
            (150, true),
            (1_000, true),
        ] {
            storm(world, engine, (tasks, answered_before))?;
        }
    }
    Ok(())
}

fn steady(world: &mut World, engine: Backend, every: i64) -> anyhow::Result<()> {
    let seconds = if world.quick { 8 } else { 45 };
    let mut schedules = Schedules::default();
    let start = whole_second(120);
    schedules.add_all(HUNG, |place| {
        Timing::Every(every.max(1), Some(start + place * every.max(1) * SECOND / HUNG))
    });
    schedules.add_all(HEALTHY, |place| {
        Timing::Every(1, Some(start + place * SECOND / HEALTHY))
    });
    let site = world.site(Plan {
        name: format!("hung-{}-{every}", engine.name()),
        manners: Manners {
            hangs_for: if every == 0 { 0..0 } else { 1..51 },
            ..Manners::default()
        },
        ..world.plan("hung", engine, &schedules)
    })?;
    let mut service = site.start()?;
    std::thread::sleep(Duration::from_secs(2));
    let from = clock::whole_second_after(0);
    let to = from + seconds * SECOND;
    clock::sleep_until(to + 2 * SECOND);
    // What hangs is not waited for.
    site.kill(&mut service)?;
    let row = world
        .row("hung", engine.name())
        .with("hung tasks", if every == 0 { 0 } else { HUNG })
        .with("a run each, s", every);
    let healthy = HEALTHY * seconds;
    let row = lateness(row, &site, (from..to, |task| task > HUNG), healthy);
    std::fs::remove_dir_all(&site.folder)?;
    world.results.add(row)
}

/// So many tasks begin to hang in one instant, at their first run or (`answered_before`) at a later one.
fn storm(world: &mut World, engine: Backend, (tasks, answered_before): (i64, bool)) -> anyhow::Result<()> {
    let seconds = if world.quick { 12 } else { 70 };
    let first = whole_second(0) + AHEAD * SECOND;
    let begins = if answered_before {
        first + AGAIN * SECOND
    } else {
        first
    };
    let mut schedules = Schedules::default();
    schedules.add_all(CALM, |_| Timing::Every(1, Some(whole_second(120))));
    schedules.add_all(tasks, |_| Timing::Every(AGAIN, Some(first)));
    let hangs = Manners {
        hangs_for: u32::try_from(CALM + 1)?..u32::try_from(CALM + tasks + 1)?,
        ..Manners::default()
    };
    let site = world.site(Plan {
        name: format!("storm-{}-{tasks}-{answered_before}", engine.name()),
        manners: if answered_before {
            Manners::default()
        } else {
            hangs.clone()
        },
        ..world.plan("storm", engine, &schedules)
    })?;
    let mut service = site.start()?;
    ensure!(
        clock::now() + 3 * SECOND < first,
        "the service was ready too late for the storm"
    );
    clock::sleep_until(begins - 2 * SECOND);
    site.runner.behave(hangs);
    let to = begins + seconds * SECOND;
    clock::sleep_until(to + 2 * SECOND);
    let skipped = site.database.number(&format!(
        "SELECT count(*) FROM scheduler_run WHERE state = 'skipped' AND task_id <= {CALM}"
    ))?;
    site.kill(&mut service)?;
    let row = world
        .row("hung", engine.name())
        .with("tasks that begin to hang", tasks)
        .with("answered before", answered_before)
        .with("skipped", skipped);
    let healthy = CALM * seconds;
    let row = lateness(row, &site, (begins..to, |task| task <= CALM), healthy);
    std::fs::remove_dir_all(&site.folder)?;
    world.results.add(row)
}

/// How late the healthy tasks' runs of this time arrived, of which there are so many. One that has not arrived counts with all
/// of that time.
fn lateness(
    row: Row,
    site: &Site,
    (time, healthy): (std::ops::Range<i64>, impl Fn(i64) -> bool),
    runs: i64,
) -> Row {
    let receipts = site.runner.receipts();
    let mut late: Vec<i64> = receipts
        .iter()
        .filter(|receipt| healthy(i64::from(receipt.task)) && time.contains(&receipt.scheduled_for))
        .map(|receipt| receipt.at - receipt.scheduled_for)
        .collect();
    let arrived = late.len();
    late.resize(
        arrived.max(usize::try_from(runs).unwrap_or(0)),
        time.end - time.start,
    );
    let late = Sorted::of(late);
    row.with("healthy runs", runs)
        .with("arrived", arrived)
        .number("p50 ms", late.millis(0.5))
        .number("p99 ms", late.millis(0.99))
        .number("max ms", late.millis(1.0))
}
