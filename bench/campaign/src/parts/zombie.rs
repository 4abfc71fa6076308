//! Zombie: a process is stopped for longer than its lease, another takes its runs over, the first goes on as if nothing had
//! been. On PostgreSQL, two processes for each database, taking turns at being the zombie.

use std::time::Duration;

use anyhow::ensure;
use rustix::process::Signal;
use test_world::Backend;
use test_world::clock::Stopwatch;
use test_world::process::Service;

use super::each_at_once;
use crate::checker::{self, Delivery, Figures, Violation};
use crate::runner::Manners;
use crate::schedules::{Schedules, Timing, whole_second};
use crate::site::Site;
use crate::world::{Plan, World};

/// A lease is 10 s, and it is looked for dead neighbours every 5 s.
const TAKEN_OVER: f64 = 25.0;

pub fn run(world: &mut World) -> anyhow::Result<()> {
    if !world.engines.contains(&Backend::Postgres) {
        return Ok(());
    }
    let (pairs, rounds) = if world.quick { (1, 1) } else { (4, 13) };
    for delivery in Delivery::BOTH {
        let numbers: Vec<usize> = (0..pairs).collect();
        let done = each_at_once(&numbers, |pair| two(world, delivery, (*pair, rounds)))?;
        let (mut figures, mut held) = (Figures::default(), 0);
        for (runs, of_pair) in done {
            figures.add(of_pair);
            held += runs;
        }
        let row = world
            .row("zombie", "PostgreSQL")
            .with("delivery", delivery.name())
            .with("pauses", pairs * rounds)
            .with("runs held by zombies", held);
        world.results.add(figures.into_row(row))?;
    }
    Ok(())
}

/// Two processes on one database; answers how many runs a stopped one held.
fn two(
    world: &World,
    delivery: Delivery,
    (pair, rounds): (usize, usize),
) -> anyhow::Result<(usize, Figures)> {
    let mut schedules = Schedules::default();
    let start = whole_second(60);
    schedules.add_all(20, |place| Timing::Every(1, Some(start + place * 50_000)));
    let mut site = world.site(Plan {
        name: format!("zombie-{}-{pair}", delivery.name()),
        delivery,
        // Slow, so that at any time some requests are on their way.
        manners: Manners::thinking(100_000..900_000),
        dice: world.dice("zombie").apart(pair as u64),
        ..world.plan("zombie", Backend::Postgres, &schedules)
    })?;
    // So few that some runs wait, too, and so many that one process alone can just keep up: what waits must not grow from pause
    // to pause, or the backlog tells of the permits and not of the service.
    site.arguments = ["--concurrency", "12"].map(str::to_owned).to_vec();
    let mut processes = [site.start()?, site.start()?];
    let (mut held, mut violations) = (0, Vec::new());
    for round in 0..rounds {
        std::thread::sleep(Duration::from_secs(2));
        held += pause(&site, &processes[round % 2], &mut violations)?;
    }
    let [first, second] = &mut processes;
    ensure!(
        first.ended()?.is_none() && second.ended()?.is_none(),
        "a process ended by itself"
    );
    let [first, second] = processes;
    first.stop()?;
    let mut judged = site.conclude_with(second)?;
    judged.figures.violations += violations.len();
    judged.violations.extend(violations);
    let figures = world.take(&site, &judged)?;
    Ok((held, figures))
}

/// Stops the process until the other has taken its runs, and looks at the rows before and after it goes on.
fn pause(site: &Site, zombie: &Service, violations: &mut Vec<Violation>) -> anyhow::Result<usize> {
    zombie.signal(Signal::STOP)?;
    // Each has a row of its own; the neighbour removes that of the dead one.
    let place = format!("place LIKE '% {} %'", zombie.pid());
    let alive = format!("SELECT count(*) FROM scheduler_instance WHERE {place}");
    let held = site.database.number(&format!(
        "SELECT count(*) FROM scheduler_run WHERE state IN ('queued', 'claimed', 'sending')
         AND owner IN (SELECT id FROM scheduler_instance WHERE {place})"
    ))?;
    let watch = Stopwatch::start();
    while site.database.number(&alive)? > 0 {
        ensure!(watch.seconds() < TAKEN_OVER, "nobody took over in {TAKEN_OVER} s");
        std::thread::sleep(Duration::from_millis(100));
    }
    let before = site.runs()?;
    zombie.signal(Signal::CONT)?;
    // All that it had in its hands it tries to write down now.
    std::thread::sleep(Duration::from_secs(2));
    violations.extend(checker::compare(&before, &site.runs()?));
    Ok(usize::try_from(held)?)
}
