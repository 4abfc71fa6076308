//! Instances: further processes on a database that has one. An SQLite file has one holder; PostgreSQL may have many.

use std::fs;
use std::time::Duration;

use test_world::Backend;
use test_world::process::Service;

use crate::checker::{Invariant, Violation};
use crate::schedules::{Schedules, Timing, whole_second};
use crate::site::Site;
use crate::world::World;

/// Processes started at once.
const AT_ONCE: usize = 4;

pub fn run(world: &mut World) -> anyhow::Result<()> {
    for engine in world.engines.clone() {
        let mut schedules = Schedules::default();
        let start = whole_second(60);
        schedules.add_all(40, |place| Timing::Every(1, Some(start + place * 25_000)));
        let site = world.site(world.plan("instances", engine, &schedules))?;
        match engine {
            Backend::Sqlite => file(world, &site)?,
            Backend::Postgres => replicas(world, &site)?,
        }
    }
    Ok(())
}

/// While one serves, every other is refused and told who holds the file; of several at once one wins.
fn file(world: &mut World, site: &Site) -> anyhow::Result<()> {
    let (starts, races) = if world.quick { (5, 2) } else { (100, 25) };
    let holder = site.start()?;
    let (mut refused, mut named) = (0, 0);
    for number in 0..starts {
        let log = site.folder.join(format!("refused-{number}.log"));
        let mut launch = site.launch();
        launch.log = Some(log.clone());
        let mut other = site.begin(&launch)?;
        let status = other.wait_end(Duration::from_secs(20))?;
        refused += usize::from(status.is_some_and(|status| status.code().is_some_and(|code| code != 0)));
        drop(other);
        let said = fs::read_to_string(&log).unwrap_or_default();
        named += usize::from(said.contains(&format!("process {}", holder.pid())));
    }
    holder.stop()?;
    let mut single = 0;
    for _ in 0..races {
        let started: Result<Vec<Service>, _> = (0..AT_ONCE).map(|_| site.begin(&site.launch())).collect();
        let mut started = started?;
        let ready = started
            .iter_mut()
            .filter_map(|service| service.wait_ready(Duration::from_secs(20)).is_ok().then_some(()))
            .count();
        single += usize::from(ready == 1);
        // In their order: the holder too, which then has nobody to hand over to.
        for service in started {
            drop(service);
        }
    }
    let mut judged = site.conclude()?;
    if (refused, named, single) != (starts, starts, races) {
        judged.violations.push(Violation::of(Invariant::I4, format!("of {starts} starts {refused} were refused, {named} named the holder; {single} of {races} races had one")));
        judged.figures.violations += 1;
    }
    let figures = world.take(site, &judged)?;
    let row = world
        .row("instances", "SQLite")
        .with("starts beside a holder", starts)
        .with("refused", refused)
        .with("holder named", named)
        .with("races of 4", races)
        .with("one holder", single);
    world.results.add(figures.into_row(row))
}

/// Several at once share the work.
fn replicas(world: &mut World, site: &Site) -> anyhow::Result<()> {
    let seconds = if world.quick { 5 } else { 30 };
    let others: Result<Vec<Service>, _> = (1..AT_ONCE).map(|_| site.start()).collect();
    let last = site.start()?;
    std::thread::sleep(Duration::from_secs(seconds));
    let owners = site
        .database
        .number("SELECT count(DISTINCT owner) FROM scheduler_run")?;
    for other in others? {
        other.stop()?;
    }
    let judged = site.conclude_with(last)?;
    let figures = world.take(site, &judged)?;
    let row = world
        .row("instances", "PostgreSQL")
        .with("replicas at once", AT_ONCE)
        .with("that decided", owners)
        .with("seconds", seconds);
    world.results.add(figures.into_row(row))
}
