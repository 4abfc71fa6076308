//! Held: many jobs of which none is due. How long the service takes from its start to its first fire, what it holds
//! in memory, what it costs while nothing happens, and how fast the API answers.

use std::time::Duration;

use anyhow::ensure;

use crate::World;
use crate::client::Caller;
use crate::rows::Row;
use crate::statistics::Sorted;
use test_world::clock::{self, wall};
use test_world::database::{Backend, Filling};
use test_world::process;

const SECOND: i64 = 1_000_000;
const MEGABYTE: f64 = 1_048_576.0;

/// With the calls of the API, or only what an idle service costs.
pub fn run(world: &mut World<'_>, api: bool) -> anyhow::Result<()> {
    let sizes = match (world.only, world.quick, api) {
        (Some(only), ..) => vec![only],
        (None, true, _) => vec![10_000],
        (None, false, true) => vec![10_000, 100_000, 1_000_000],
        (None, false, false) => vec![1_000_000],
    };
    for engine in world.engines.clone() {
        for size in &sizes {
            hold(world, (engine, *size), api)?;
        }
        if api {
            minutely(world, engine)?;
        }
    }
    Ok(())
}

/// Yearly crons on a thousand different dates, none of them near.
pub fn yearly(size: usize) -> Filling {
    let month = wall(clock::now()).get(5..7).and_then(|month| month.parse().ok());
    let far = (month.unwrap_or(1) + 5) % 12 + 1;
    let project = |place: usize| {
        let (day, hour, minute) = (1 + place % 28, place % 24, place % 60);
        format!("1, {far}, {day}, {hour}, {minute}")
    };
    Filling {
        columns: "cron, cron_month, cron_day, cron_hour, cron_min",
        projects: (0..1_000).map(project).collect(),
        tasks: size,
        run_length: 1,
        disabled_from: None,
    }
}

fn hold(world: &mut World<'_>, (engine, size): (Backend, usize), api: bool) -> anyhow::Result<()> {
    let database = world.database(engine, &yearly(size))?;
    // One job that is always due, to tell when firing begins.
    let (ticker, started) = (size + 1, wall(clock::now() / SECOND * SECOND - 60 * SECOND));
    database.run(&format!(
        "INSERT INTO project (id, name, intv, intv_type, intv_value, intv_start_date)
         VALUES (100000, 'ticker', 1, 's', 1, '{started}');
         INSERT INTO task (id, name, project_id, enabled) VALUES ({ticker}, 'ticker', 100000, 1)"
    ))?;
    let service = world.serve(&database, &[])?;
    let first_ever = service.start_up;
    service.stop()?;

    // A due time passes while nothing runs, so that there is something to fire at once.
    let due = clock::whole_second_after(0);
    clock::sleep_until(due + SECOND / 10);
    world.runner.take();
    let start = clock::now();
    let service = world.serve(&database, &[])?;
    // Of what comes, only a time decided after the start counts: not a run that the process before left waiting.
    let mut arrivals = Vec::new();
    let decided = loop {
        ensure!(world.runner.wait_for(1, Duration::from_secs(60)), "nothing fires");
        arrivals.extend(world.runner.take());
        if let Some(arrival) = arrivals.iter().find(|arrival| arrival.scheduled_for >= due) {
            break *arrival;
        }
    };
    let first_fire = decided.at - start;

    Caller::new(service.address())?.get(&format!("/api/delete/{ticker}"))?;
    std::thread::sleep(Duration::from_secs(3));
    let seconds = if world.quick { 3 } else { 10 };
    let before = (service.cpu(), database.cpu());
    std::thread::sleep(Duration::from_secs(seconds));
    let of_core = |micros: i64| micros as f64 / (seconds as f64 * 10_000.0);
    let (resident, most) = process::memory(service.pid());
    world.results.add(
        Row::new("held")
            .with("database", engine.name())
            .with("jobs", size)
            .number("first start, all stored s", first_ever)
            .number("start to first fire ms", first_fire as f64 / 1_000.0)
            .number("start to ready ms", service.start_up * 1_000.0)
            .number("RSS MB", resident as f64 / MEGABYTE)
            .number("most RSS MB", most as f64 / MEGABYTE)
            .number("idle CPU %", of_core(service.cpu() - before.0))
            .number("idle database CPU %", of_core(database.cpu() - before.1)),
    )?;
    if api {
        // A fresh connection: the service has closed one that idled so long.
        let row = calls(&mut Caller::new(service.address())?, size)?;
        let (_, most) = process::memory(service.pid());
        world.results.add(
            row.map(
                Row::new("held")
                    .with("database", engine.name())
                    .with("jobs", size),
            )
            .number("most RSS MB", most as f64 / MEGABYTE),
        )?;
    }
    service.stop()
}

/// Medians of repeated calls, in milliseconds.
struct Calls(Vec<(&'static str, f64)>);

impl Calls {
    fn map(self, row: Row) -> Row {
        self.0
            .into_iter()
            .fold(row, |row, (name, millis)| row.number(name, millis))
    }
}

fn calls(caller: &mut Caller, size: usize) -> anyhow::Result<Calls> {
    let lists = if size > 100_000 { 3 } else { 9 };
    let mut medians = Vec::new();
    for (name, path) in [
        ("/api ms", "/api"),
        ("/api/jobs ms", "/api/jobs"),
        ("/api/details ms", "/api/details"),
        ("/api/schedule ms", "/api/schedule"),
    ] {
        let took = (0..lists).map(|_| Ok(caller.get(path)?.0));
        let took = Sorted::of(took.collect::<anyhow::Result<_>>()?);
        medians.push((name, took.millis(0.5)));
    }
    // Ids far apart, so that they do not share pages of the database.
    let ids: Vec<usize> = (0..100).map(|place| 1 + place * (size / 100)).collect();
    for (name, path) in [("/api/delete/<id>", "/api/delete"), ("/api/add/<id>", "/api/add")] {
        let took = ids.iter().map(|id| Ok(caller.get(&format!("{path}/{id}"))?.0));
        let took = Sorted::of(took.collect::<anyhow::Result<_>>()?);
        let (p50, p99) = match name {
            "/api/add/<id>" => ("/api/add/<id> ms", "/api/add/<id> p99 ms"),
            _ => ("/api/delete/<id> ms", "/api/delete/<id> p99 ms"),
        };
        medians.push((p50, took.millis(0.5)));
        medians.push((p99, took.millis(0.99)));
    }
    Ok(Calls(medians))
}

/// The list that counts fires: a thousand tasks that fire each minute.
fn minutely(world: &mut World<'_>, engine: Backend) -> anyhow::Result<()> {
    let filling = Filling {
        columns: "cron, cron_sec",
        projects: (0..1_000).map(|place| format!("1, {}", place % 60)).collect(),
        tasks: 1_000,
        run_length: 1,
        disabled_from: None,
    };
    let database = world.database(engine, &filling)?;
    let service = world.serve(&database, &[])?;
    let mut caller = Caller::new(service.address())?;
    let took = (0..20).map(|_| Ok(caller.get("/api/schedule")?.0));
    let took = Sorted::of(took.collect::<anyhow::Result<_>>()?);
    service.stop()?;
    world.runner.take();
    world.results.add(
        Row::new("held")
            .with("database", engine.name())
            .with("what", "/api/schedule, 1,000 minutely tasks")
            .number("p50 ms", took.millis(0.5))
            .number("p99 ms", took.millis(0.99)),
    )
}
