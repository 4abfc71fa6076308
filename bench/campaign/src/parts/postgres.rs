//! PostgreSQL under our feet: connections cut in mid-commit, the server crashed and started, the server away for minutes.

use std::time::Duration;

use anyhow::Context;
use bench::rows::Row;
use test_postgres::Server;
use test_world::clock::{self, Stopwatch};
use test_world::{Backend, Database};

use crate::api;
use crate::checker::{Delivery, Invariant, Violation};
use crate::dice::Dice;
use crate::runner::Manners;
use crate::schedules::{SECOND, Schedules, Timing, whole_second};
use crate::site::Site;
use crate::world::{self, Plan, World};

/// What an outage may take to catch up.
const CAUGHT_UP: f64 = 10.0;

pub fn run(world: &mut World) -> anyhow::Result<()> {
    if !world.engines.contains(&Backend::Postgres) {
        return Ok(());
    }
    for delivery in Delivery::BOTH {
        cuts(world, delivery)?;
    }
    let mut server = Server::start_durable()?;
    for delivery in Delivery::BOTH {
        crashes(world, &mut server, delivery)?;
    }
    away(world, &mut server)
}

/// Fires every 50 ms and all together at each second.
fn busy() -> Schedules {
    let mut schedules = Schedules::default();
    let start = whole_second(60);
    schedules.add_all(20, |place| Timing::Every(1, Some(start + place * 50_000)));
    schedules.add_all(10, |_| Timing::EachSecond);
    let soon = whole_second(0) + 2 * SECOND;
    schedules.add_all(60, |place| Timing::Once(soon + place * SECOND / 2));
    schedules
}

fn plan<'a>(world: &'a World, name: &str, (schedules, delivery): (&'a Schedules, Delivery)) -> Plan<'a> {
    Plan {
        name: format!("postgres-{name}-{}", delivery.name()),
        delivery,
        manners: Manners::thinking(0..20_000),
        ..world.plan(name, Backend::Postgres, schedules)
    }
}

/// Connections ended by the server at random times: the outcome of a commit among them is unknown.
fn cuts(world: &mut World, delivery: Delivery) -> anyhow::Result<()> {
    let rounds = if world.quick { 30 } else { 500 };
    let schedules = busy();
    let site = world.site(plan(world, "cuts", (&schedules, delivery)))?;
    let service = site.start()?;
    let script = script(
        &mut world.dice("cuts"),
        (site.database.name().context("no name")?, rounds),
    );
    let console = world.server.console("postgres");
    let answer = console.run_sql(&script)?;
    let cut: usize = answer
        .lines()
        .filter_map(|line| line.trim().parse::<usize>().ok())
        .sum();
    let judged = site.conclude_with(service)?;
    let figures = world.take(&site, &judged)?;
    let row = world
        .row("postgres", "PostgreSQL")
        .with("fault", "connections cut")
        .with("delivery", delivery.name())
        .with("times", cut);
    world.results.add(figures.into_row(row))
}

/// Waits up to 200 ms, then until a connection of the service is in a transaction (2 s at most), and ends that one; again
/// and again. Most of the service's transactions are single round trips before their commit, so many are cut in it.
fn script(dice: &mut Dice, (database, times): (&str, usize)) -> String {
    let mut script = format!(
        "CREATE FUNCTION pg_temp.cut(pause float) RETURNS bigint LANGUAGE plpgsql AS $$
         DECLARE chosen int;
         BEGIN
           PERFORM pg_sleep(pause);
           FOR look IN 1..2000 LOOP
             PERFORM pg_stat_clear_snapshot();
             SELECT pid INTO chosen FROM pg_stat_activity
             WHERE datname = '{database}' AND state IN ('active', 'idle in transaction') ORDER BY random() LIMIT 1;
             EXIT WHEN chosen IS NOT NULL;
             PERFORM pg_sleep(0.001);
           END LOOP;
           RETURN CASE WHEN pg_terminate_backend(chosen) THEN 1 ELSE 0 END;
         END $$;\n"
    );
    for _ in 0..times {
        script += &format!("SELECT pg_temp.cut({});\n", dice.below(200) as f64 / 1_000.0);
    }
    script
}

/// The server ends as in a crash and comes back, again and again.
fn crashes(world: &mut World, server: &mut Server, delivery: Delivery) -> anyhow::Result<()> {
    let times = if world.quick { 3 } else { 30 };
    let mut dice = world.dice("crashes");
    let schedules = busy();
    let site = own_site(server, world, plan(world, "crashes", (&schedules, delivery)))?;
    let service = site.start()?;
    for _ in 0..times {
        std::thread::sleep(Duration::from_millis(300 + dice.below(1_200)));
        server.stop_immediate();
        std::thread::sleep(Duration::from_millis(dice.below(3_000)));
        server.restart()?;
    }
    let judged = site.conclude_with(service)?;
    let figures = world.take(&site, &judged)?;
    let row = world
        .row("postgres", "PostgreSQL")
        .with("fault", "server crashed and restarted")
        .with("delivery", delivery.name())
        .with("times", times);
    world.results.add(figures.into_row(row))
}

fn own_site(server: &Server, world: &World, plan: Plan<'_>) -> anyhow::Result<Site> {
    let folder = world.folder(&plan.name)?;
    world::site_on(Database::on_server(server, None)?, (plan, folder))
}

/// A thousand schedules, and no database for minutes.
fn away(world: &mut World, server: &mut Server) -> anyhow::Result<()> {
    let minutes = world.minutes.unwrap_or(if world.quick { 0.7 } else { 10.0 });
    let seconds = (minutes * 60.0) as i64;
    let mut schedules = Schedules::default();
    let start = whole_second(600);
    schedules.add_all(200, |place| Timing::Every(1, Some(start + place * 5_000)));
    schedules.add_all(300, |place| Timing::Every(10, Some(start + place * 33_000)));
    schedules.add_all(200, |place| Timing::Every(300, Some(start + place * 1_500_000)));
    schedules.add_all(60, Timing::AtSecond);
    // One-offs before, all through and after.
    let soon = whole_second(0) + 2 * SECOND;
    schedules.add_all(240, |place| {
        Timing::Once(soon + place * (seconds + 10) * SECOND / 240)
    });
    let site = own_site(
        server,
        world,
        plan(world, "away", (&schedules, Delivery::AtMostOnce)),
    )?;
    let service = site.start()?;
    std::thread::sleep(Duration::from_secs(5));
    let before = (site.runner.count(), service.cpu());
    server.stop_immediate();
    let (watch, mut slowest, mut wrong) = (Stopwatch::start(), 0.0_f64, 0);
    while watch.seconds() < seconds as f64 {
        std::thread::sleep(Duration::from_secs(2));
        let call = Stopwatch::start();
        let answer = api::get(service.address(), "/api/jobs");
        slowest = slowest.max(call.seconds());
        wrong += usize::from(answer != Some(503));
    }
    let cpu = (service.cpu() - before.1) as f64 / 1e6 / watch.seconds() * 100.0;
    let sent = site.runner.count() - before.0;
    server.restart()?;
    let returned = clock::now();
    let caught_up = site.drained(returned)?;
    std::thread::sleep(Duration::from_secs(3));
    let mut judged = site.conclude_with(service)?;
    if caught_up.is_none_or(|seconds| seconds > CAUGHT_UP) {
        judged.violations.push(Violation::of(
            Invariant::I8,
            format!("caught up {caught_up:?} s after the return"),
        ));
        judged.figures.violations += 1;
    }
    let figures = world.take(&site, &judged)?;
    let row: Row = world
        .row("postgres", "PostgreSQL")
        .with("fault", "server away")
        .number("minutes", minutes)
        .with("schedules", site.planned.len())
        .number("caught up s", caught_up.unwrap_or(f64::INFINITY))
        .with("sent meanwhile", sent)
        .number("CPU % meanwhile", cpu)
        .number("slowest API answer s", slowest)
        .with("API answers other than 503", wrong);
    world.results.add(figures.into_row(row))
}
