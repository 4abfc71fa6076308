//! Kill: SIGKILL at random times of life and at the steps of a fire, while jobs fire, runs are in flight and the API is
//! called. Several services side by side, each with its own database.

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::Signal;
use test_world::Backend;
use test_world::clock::{self, Stopwatch};
use test_world::process::Service;

use super::each_at_once;
use crate::checker::{Delivery, Figures, Verb};
use crate::dice::Dice;
use crate::runner::Manners;
use crate::schedules::{SECOND, Schedules, Timing, whole_second};
use crate::site::Site;
use crate::world::{Plan, World};

/// Services side by side.
const WORKERS: usize = 4;
/// The steps of a fire at which a debug build kills itself, and up to which passing.
const STEPS: [(&str, u64); 8] = [
    ("decide.uncommitted", 4),
    ("engine.decided", 6),
    ("dispatch.sending", 2),
    ("dispatch.gate", 30),
    ("dispatch.answered", 30),
    ("dispatch.settled", 8),
    ("commit.before", 24),
    ("commit.after", 24),
];
/// So many of a thousand lives end at a step, if they come to it in time.
const AT_STEPS: u64 = 500;
const LONGEST_LIFE: Duration = Duration::from_millis(1_500);

/// What became of a worker's service.
#[derive(Debug, Default, Clone, Copy)]
struct Killed {
    at_random: usize,
    at_steps: usize,
    calls: usize,
    figures: Figures,
}

pub fn run(world: &mut World) -> anyhow::Result<()> {
    let kills = if world.quick { 10 } else { 260 };
    for engine in world.engines.clone() {
        for delivery in Delivery::BOTH {
            let watch = Stopwatch::start();
            let workers: Vec<usize> = (0..WORKERS / 2)
                .map(|place| place + WORKERS / 2 * delivery as usize)
                .collect();
            let done = each_at_once(&workers, |worker| {
                work(world, (engine, delivery), (*worker, kills))
            })?;
            let mut all = Killed::default();
            for killed in done {
                all.at_random += killed.at_random;
                all.at_steps += killed.at_steps;
                all.calls += killed.calls;
                all.figures.add(killed.figures);
            }
            let row = world
                .row("kill", engine.name())
                .with("delivery", delivery.name())
                .with("kills", all.at_random + all.at_steps)
                .with("at steps", all.at_steps)
                .with("API calls", all.calls);
            let row = all.figures.into_row(row).number("seconds", watch.seconds());
            world.results.add(row)?;
        }
    }
    Ok(())
}

/// Schedules that fire every 50 ms and all together at each second, one-offs, and tasks for the API: the last eight.
fn schedules(kills: usize) -> Schedules {
    let mut schedules = Schedules::default();
    let start = whole_second(60);
    schedules.add_all(20, |place| Timing::Every(1, Some(start + place * 50_000)));
    schedules.add_all(4, |_| Timing::EachSecond);
    schedules.add_all(4, |place| Timing::AtSecond(place * 15));
    schedules.add_all(2, |place| Timing::Every(1 + 2 * place, None));
    let soon = whole_second(0) + 2 * SECOND;
    schedules.add_all(kills as i64 / 2, |place| Timing::Once(soon + place * SECOND));
    schedules.add_all(8, |_| Timing::Far);
    schedules
}

fn work(
    world: &World,
    (engine, delivery): (Backend, Delivery),
    (worker, kills): (usize, usize),
) -> anyhow::Result<Killed> {
    let mut dice = world
        .dice("kill")
        .apart(worker as u64 + if engine == Backend::Sqlite { 0 } else { 100 });
    let schedules = schedules(kills);
    let mut site = world.site(Plan {
        name: format!("kill-{}-{worker}", engine.name()),
        delivery,
        manners: Manners::thinking(0..20_000),
        dice: dice.apart(1),
        binary: &world.crashing,
        ..world.plan("kill", engine, &schedules)
    })?;
    let called = site.planned.len() - 8;
    for planned in &mut site.planned[called..] {
        planned.windows = Some(Vec::new());
    }
    let mut killed = Killed::default();
    while killed.at_random + killed.at_steps < kills {
        live(&site, &mut dice, &mut killed)?;
        if dice.per_mille(30) {
            // So long that due times pass meanwhile and are made one.
            std::thread::sleep(Duration::from_millis(1_000 + dice.below(3_000)));
        }
    }
    let judged = site.conclude()?;
    killed.calls = site.ledger.changes().len();
    killed.figures = world.take(&site, &judged)?;
    Ok(killed)
}

/// One life of the service, from its start to its kill.
fn live(site: &Site, dice: &mut Dice, killed: &mut Killed) -> anyhow::Result<()> {
    let [least, mean, most] = [50, 120, 400].map(Duration::from_millis);
    let life = dice.exponential(least, mean, most);
    let mut launch = site.launch();
    let at_step = dice.per_mille(AT_STEPS);
    if at_step {
        let (step, passings) = dice.one_of(&STEPS);
        let at = format!("{step}:{}", 1 + dice.below(*passings));
        launch.environment.push(("EM_SCHEDULER_CRASH_AT".into(), at));
    } else if dice.per_mille(300) {
        // Life counts from the start of the process: many of these never become ready.
        let mut service = site.begin(&launch)?;
        std::thread::sleep(life);
        killed.at_random += 1;
        return site.kill(&mut service);
    }
    let mut service = site.begin(&launch)?;
    if service.wait_ready(Duration::from_secs(60)).is_err() {
        ensure!(
            at_step,
            "the service was not ready, see {}",
            site.folder.display()
        );
        return ended_at_step(&mut service, site, killed);
    }
    let over = AtomicBool::new(false);
    let mut calls = dice.apart(2);
    // So that the dice of the calls differ from life to life.
    dice.next();
    let address = service.address();
    std::thread::scope(|scope| {
        scope.spawn(|| call(site, address, (&mut calls, &over)));
        let limit = if at_step { LONGEST_LIFE } else { life };
        let by_itself = service.wait_end(limit);
        let ended = match by_itself {
            Ok(Some(_)) if at_step => ended_at_step(&mut service, site, killed),
            Ok(_) => {
                killed.at_random += 1;
                site.kill(&mut service)
            }
            Err(error) => Err(error),
        };
        over.store(true, Ordering::Relaxed);
        ended
    })
}

fn ended_at_step(service: &mut Service, site: &Site, killed: &mut Killed) -> anyhow::Result<()> {
    let status = service.wait_end(Duration::from_secs(10))?;
    let status = status.context("the service neither became ready nor ended")?;
    ensure!(
        status.signal() == Some(Signal::KILL.as_raw()),
        "the service ended by itself with {status}, see {}",
        site.folder.display()
    );
    killed.at_steps += 1;
    Ok(())
}

/// Calls the API until the service is gone: its last eight tasks are added and deleted, run later, run now.
fn call(site: &Site, address: std::net::SocketAddr, (dice, over): (&mut Dice, &AtomicBool)) {
    let first = i32::try_from(site.planned.len()).unwrap_or(8) - 7;
    // A switch that was not acknowledged may stand either way: resume until that is.
    let switches = site.ledger.changes();
    let last = switches
        .iter()
        .rev()
        .find(|change| matches!(change.verb, Verb::Pause | Verb::Resume));
    let mut paused = last.is_some_and(|change| change.verb == Verb::Pause || change.acknowledged.is_none());
    while !over.load(Ordering::Relaxed) {
        let task = |from: i32, dice: &mut Dice| first + from + i32::from(dice.per_mille(500));
        let what = match dice.below(100) {
            _ if paused => (Verb::Resume, 0),
            0..4 => (Verb::Pause, 0),
            4..30 => (Verb::Add, task(0, dice)),
            30..50 => (Verb::Delete, task(2 * i32::from(dice.per_mille(500)), dice)),
            50..60 => (Verb::Add, task(2, dice)),
            60..85 => (Verb::Delay, task(4, dice)),
            _ => (Verb::Run, task(6, dice)),
        };
        if what.0 == Verb::Delete && !site.disable(what.1) {
            continue;
        }
        let done = site.ledger.call(address, what);
        paused = what.0 == Verb::Pause || (paused && !done);
        let until = clock::now() + 5_000 + dice.below(60_000).cast_signed();
        while clock::now() < until && !over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
