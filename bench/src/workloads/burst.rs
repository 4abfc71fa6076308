//! Burst: N one-off jobs due in the same second. All must arrive, none twice, none early; what counts is when the
//! last one does.

use std::time::Duration;

use anyhow::bail;

use crate::World;
use crate::firing::{MANY, PERMITS};
use crate::rows::Row;
use crate::statistics::{Delivered, median};
use test_world::clock::{self, Stopwatch, wall};
use test_world::database::{Backend, Database, Filling};
use test_world::process::Service;

const SECOND: i64 = 1_000_000;

/// A size, how often it is repeated, and how many requests may be in flight.
#[derive(Clone, Copy)]
struct Kind {
    size: usize,
    repeats: usize,
    permits: usize,
}

fn kinds(world: &World<'_>) -> Vec<Kind> {
    let kind = |(size, repeats, permits)| Kind {
        size,
        repeats,
        permits,
    };
    let kinds = if let Some(only) = world.only {
        vec![(only, 3, PERMITS), (only, 3, MANY)]
    } else if world.quick {
        vec![(1_000, 2, PERMITS), (5_000, 2, PERMITS)]
    } else {
        vec![
            (100, 3, PERMITS),
            (1_000, 3, PERMITS),
            (5_000, 5, PERMITS),
            (20_000, 2, PERMITS),
            (100_000, 2, PERMITS),
        ]
    };
    kinds.into_iter().map(kind).collect()
}

pub fn run(world: &mut World<'_>) -> anyhow::Result<()> {
    for engine in world.engines.clone() {
        for kind in kinds(world) {
            let row = one(world, engine, kind)?;
            world.results.add(row)?;
        }
    }
    Ok(())
}

/// One size: its bursts come one after the other from one service.
fn one(world: &World<'_>, engine: Backend, kind: Kind) -> anyhow::Result<Row> {
    let Kind {
        size,
        repeats,
        permits,
    } = kind;
    let settings = ["--concurrency".to_owned(), permits.to_string()];
    let jobs = i64::try_from(size * repeats)?;
    let gap = 3 + i64::try_from(size)? / 2_500;
    // Filling and the first start take longer with more jobs; if the guess is too short, a longer one follows.
    for lead in [3 + jobs / 2_500, 15 + jobs / 500] {
        let first = clock::whole_second_after(lead);
        let dues: Vec<i64> = (0..repeats)
            .map(|place| first + place as i64 * gap * SECOND)
            .collect();
        let filling = Filling {
            columns: "ooff, ooff_date",
            projects: dues.iter().map(|due| format!("1, '{}'", wall(*due))).collect(),
            tasks: size * repeats,
            run_length: size,
            disabled_from: None,
        };
        let database = world.database(engine, &filling)?;
        let service = world.serve(&database, &settings)?;
        if clock::now() > first - SECOND {
            continue;
        }
        let bursts: Vec<Burst> = dues
            .iter()
            .map(|due| burst(world, (&service, &database), (size, *due)))
            .collect::<Result<_, _>>()?;
        service.stop()?;
        return Ok(row(engine, kind, &bursts));
    }
    bail!("{size} jobs could not be stored before they were due");
}

struct Burst {
    delivered: Delivered,
    /// Until every outcome was written down, in milliseconds.
    settled: f64,
    cpu: (i64, i64),
}

fn burst(
    world: &World<'_>,
    (service, database): (&Service, &Database),
    (size, due): (usize, i64),
) -> anyhow::Result<Burst> {
    clock::sleep_until(due - SECOND / 4);
    world.runner.take();
    let before = (service.cpu(), database.cpu());
    clock::sleep_until(due);
    world
        .runner
        .wait_for(size, Duration::from_secs(10 + size as u64 / 1_000));
    let watch = Stopwatch::start();
    while database.open_runs()? > 0 && watch.seconds() < 30.0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let settled = (clock::now() - due) as f64 / 1_000.0;
    // A second run of the same time would come at once, if at all.
    std::thread::sleep(Duration::from_millis(200));
    let arrivals = world.runner.take();
    Ok(Burst {
        delivered: Delivered::of(arrivals.into_iter().map(|arrival| (arrival, due))),
        settled,
        cpu: (service.cpu() - before.0, database.cpu() - before.1),
    })
}

fn row(engine: Backend, Kind { size, permits, .. }: Kind, bursts: &[Burst]) -> Row {
    let middle = |value: &dyn Fn(&Burst) -> f64| median(bursts.iter().map(value).collect());
    let sum = |value: &dyn Fn(&Burst) -> usize| bursts.iter().map(value).sum::<usize>();
    let fires = size as f64;
    Row::new("burst")
        .with("database", engine.name())
        .with("jobs", size)
        .with("permits", permits)
        .with("repeats", bursts.len())
        .with("arrived", sum(&|burst| burst.delivered.arrived))
        .with("twice", sum(&|burst| burst.delivered.twice))
        .with("early", sum(&|burst| burst.delivered.early))
        .with(
            "missed",
            (size * bursts.len()).saturating_sub(sum(&|burst| burst.delivered.arrived)),
        )
        .number("p50 ms", middle(&|burst| burst.delivered.p50))
        .number("last ms", middle(&|burst| burst.delivered.last))
        .number(
            "worst last ms",
            bursts
                .iter()
                .map(|burst| burst.delivered.last)
                .fold(0.0, f64::max),
        )
        .number("all written ms", middle(&|burst| burst.settled))
        .number("CPU µs/fire", middle(&|burst| burst.cpu.0 as f64 / fires))
        .number(
            "database CPU µs/fire",
            middle(&|burst| burst.cpu.1 as f64 / fires),
        )
}
