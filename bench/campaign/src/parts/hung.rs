//! Hung: fifty tasks whose runner never answers beside a thousand healthy ones. How late the healthy ones are.

use std::time::Duration;

use bench::clock;
use bench::database::Engine;
use bench::statistics::Sorted;

use crate::checker::Delivery;
use crate::runner::Manners;
use crate::schedules::{SECOND, Schedules, Timing, whole_second};
use crate::world::{Plan, World};

const HUNG: i64 = 50;
const HEALTHY: i64 = 1_000;

pub fn run(world: &mut World) -> anyhow::Result<()> {
    for engine in world.engines.clone() {
        // Seconds between two runs of a hung task; none of them hangs for comparison.
        for every in [0, 60, 10, 1] {
            one(world, engine, every)?;
        }
    }
    Ok(())
}

fn one(world: &mut World, engine: Engine, every: i64) -> anyhow::Result<()> {
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
        engine,
        name: format!("hung-{}-{every}", engine.name()),
        schedules: &schedules,
        delivery: Delivery::AtMostOnce,
        manners: Manners {
            hangs_for: if every == 0 { 0..0 } else { 1..51 },
            ..Manners::default()
        },
        dice: world.dice("hung"),
        binary: &world.binary,
    })?;
    let mut service = site.start()?;
    std::thread::sleep(Duration::from_secs(2));
    let from = clock::whole_second_after(0);
    let to = from + seconds * SECOND;
    clock::sleep_until(to + 2 * SECOND);
    // What hangs is not waited for.
    site.kill(&mut service)?;
    let receipts = site.runner.receipts();
    let late: Vec<i64> = receipts
        .iter()
        .filter(|receipt| i64::from(receipt.task) > HUNG && (from..to).contains(&receipt.scheduled_for))
        .map(|receipt| receipt.at - receipt.scheduled_for)
        .collect();
    let arrived = late.len();
    let late = Sorted::of(late);
    let row = world
        .row("hung", engine.name())
        .with("hung tasks", if every == 0 { 0 } else { HUNG })
        .with("a run each, s", every)
        .with("healthy runs", HEALTHY * seconds)
        .with("arrived", arrived)
        .number("p50 ms", late.millis(0.5))
        .number("p99 ms", late.millis(0.99))
        .number("max ms", late.millis(1.0));
    std::fs::remove_dir_all(&site.folder)?;
    world.results.add(row)
}
