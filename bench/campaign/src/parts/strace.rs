//! Strace: a small scenario, killed at its first, second, third … write, flush or send, for each of those system calls; and
//! the same calls failing instead, as a broken or a full disk would make them.
//!
//! strace counts the calls of each thread by itself: the N-th call that any thread comes to is the one that is hit.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use bench::rows::Row;
use test_world::clock::Stopwatch;
use test_world::process::Service;
use test_world::{Backend, Database};

use crate::checker::{Figures, Invariant, Violation};
use crate::schedules::{SECOND, Schedules, Timing, whole_second};
use crate::site::{self, Site};
use crate::world::{self, Plan, World};

const CALLS: [&str; 7] = [
    "write",
    "writev",
    "pwrite64",
    "sendto",
    "sendmsg",
    "fdatasync",
    "fsync",
];
/// Scenarios side by side: they wait for strace and the disk more than they compute.
const WORKERS: usize = 4;
/// Beyond so many calls the scenario is over for certain.
const MOST: usize = 2_000;
const ONE_OFFS: i64 = 6;
/// Seconds that the scenario may take. The service waits for up to a second after an error.
const LONGEST: f64 = 5.0;

/// What strace does to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Injected {
    Kill,
    /// That one call fails.
    Fails(&'static str),
    /// That call fails and all after it.
    FailsOn(&'static str),
}

pub fn run(world: &mut World) -> anyhow::Result<()> {
    if Command::new("strace").arg("-V").output().is_err() {
        let row = Row::new("strace").with("skipped", "strace is not installed");
        return world.results.add(row);
    }
    for engine in world.engines.clone() {
        let original = Original::new(world, engine)?;
        for call in CALLS {
            every(world, &original, (call, Injected::Kill))?;
        }
        if engine == Backend::Sqlite {
            for failing in [
                ("fsync", Injected::Fails("EIO")),
                ("fdatasync", Injected::Fails("EIO")),
                ("pwrite64", Injected::Fails("EIO")),
                ("pwrite64", Injected::FailsOn("ENOSPC")),
            ] {
                every(world, &original, failing)?;
            }
        }
    }
    Ok(())
}

/// The database before the scenario, of which each try gets a copy.
struct Original {
    database: Database,
    schedules: Schedules,
}

impl Original {
    fn new(world: &World, engine: Backend) -> anyhow::Result<Self> {
        let mut schedules = Schedules::default();
        let past = whole_second(10);
        schedules.add_all(ONE_OFFS, |place| Timing::Once(past + place * SECOND / 10));
        schedules.add(Timing::Every(1, Some(past)));
        let folder = world.folder("strace-original")?;
        let database = match engine {
            Backend::Sqlite => Database::file_at(&folder.join("em.db")),
            Backend::Postgres => Database::on_server(&world.server, None)?,
        };
        database.migrate(&world.crashing)?;
        database.fill(&schedules.filling())?;
        Ok(Self { database, schedules })
    }
}

/// What became of the tries of one kind.
#[derive(Debug, Default)]
struct Tries {
    hit: usize,
    /// The service ended by itself, with an error that says why.
    gave_up: usize,
    /// It went on by itself when the call succeeded again.
    went_on: usize,
    figures: Figures,
}

/// The first, second, third … call, until the scenario ends without coming to it.
fn every(world: &mut World, original: &Original, (call, injected): (&str, Injected)) -> anyhow::Result<()> {
    let watch = Stopwatch::start();
    let step = if world.quick { 9 } else { 1 };
    let (next, end) = (AtomicUsize::new(1), AtomicUsize::new(MOST));
    let tries = Mutex::new(Tries::default());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..WORKERS)
            .map(|_| {
                scope.spawn(|| -> anyhow::Result<()> {
                    loop {
                        let number = next.fetch_add(step, Ordering::Relaxed);
                        if number >= end.load(Ordering::Relaxed) {
                            return Ok(());
                        }
                        let name = format!(
                            "strace-{}-{call}-{injected:?}-{number}",
                            original.database.backend.name()
                        );
                        let name = name.replace(['(', ')', '"'], "");
                        let copied = Copied::new(world, original, &name)?;
                        if !copied.meet((call, injected, number), &tries, world)? {
                            end.fetch_min(number, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().ok().context("a worker panicked")?)
    })?;
    let tries = tries.into_inner().ok().context("a worker panicked")?;
    if tries.hit == 0 {
        // Not every program makes every call: SQLite flushes by one of the two, PostgreSQL's client by none.
        return Ok(());
    }
    let what = match injected {
        Injected::Kill => "SIGKILL".to_owned(),
        Injected::Fails(error) => format!("{error}, once"),
        Injected::FailsOn(error) => format!("{error} from there on"),
    };
    let row = world
        .row("strace", original.database.backend.name())
        .with("call", call)
        .with("what", what)
        .with("hit", tries.hit)
        .with("went on", tries.went_on)
        .with("ended by itself", tries.gave_up);
    let row = tries.figures.into_row(row).number("seconds", watch.seconds());
    world.results.add(row)
}

struct Copied {
    site: Site,
}

impl Copied {
    fn new(world: &World, original: &Original, name: &str) -> anyhow::Result<Self> {
        let folder = world.folder(name)?;
        let database = site::copy(&original.database, (&world.server, &folder))?;
        let plan = Plan {
            binary: &world.crashing,
            ..world.plan(name, database.backend, &original.schedules)
        };
        let mut site = world::site_in(database, (plan, folder))?;
        // The one-offs are past already, so the scenario begins at once.
        site.grace = 604_800 * SECOND;
        Ok(Self { site })
    }

    /// The scenario with the injection, then one without; answers whether the injection was met.
    fn meet(
        self,
        (call, injected, number): (&str, Injected, usize),
        tries: &Mutex<Tries>,
        world: &World,
    ) -> anyhow::Result<bool> {
        let site = self.site;
        let mut launch = site.launch();
        let trace = site.folder.join("strace.log");
        let how = match injected {
            Injected::Kill => format!("signal=SIGKILL:when={number}"),
            Injected::Fails(error) => format!("error={error}:when={number}"),
            Injected::FailsOn(error) => format!("error={error}:when={number}+"),
        };
        // -D: the service stays our own child, and strace becomes its grandchild.
        launch.under = ["strace", "-D", "-f", "-qq", "-o"].map(String::from).to_vec();
        launch.under.push(trace.display().to_string());
        let set = [format!("--trace={call}"), format!("--inject={call}:{how}")];
        launch.under.extend(set);
        let mut service = site.begin(&launch)?;
        let whole = scenario(&site, &mut service)?;
        let ended = service.ended()?;
        let met = was_injected(&trace)? || (injected == Injected::Kill && ended.is_some());
        match ended {
            None => site.kill(&mut service)?,
            Some(status) => ensure!(
                injected == Injected::Kill
                    || (status.code().is_some_and(|code| code != 0) && site.says_error()),
                "the service ended with {status} and no word of why, see {}",
                site.folder.display()
            ),
        }
        drop(service);
        if !met {
            std::fs::remove_dir_all(&site.folder)?;
            return Ok(false);
        }
        let mut judged = site.conclude()?;
        let failed = matches!(injected, Injected::Fails(_));
        if failed && ended.is_none() && !whole {
            judged.violations.push(Violation::of(
                Invariant::I8,
                format!("{call} failed once and the service neither went on nor ended"),
            ));
            judged.figures.violations += 1;
        }
        let figures = world.take(&site, &judged)?;
        let mut tries = tries.lock().ok().context("a worker panicked")?;
        tries.hit += 1;
        tries.gave_up += usize::from(ended.is_some() && injected != Injected::Kill);
        tries.went_on += usize::from(failed && ended.is_none() && whole);
        tries.figures.add(figures);
        Ok(true)
    }
}

/// Waits until the one-offs and a run of the interval have arrived and been written down, or the service has ended, or
/// nothing more comes. Returns whether all came.
fn scenario(site: &Site, service: &mut Service) -> anyhow::Result<bool> {
    let (enough, watch) = (usize::try_from(ONE_OFFS)? + 2, Stopwatch::start());
    let mut arrived = 0.0;
    while watch.seconds() < LONGEST {
        if service.wait_end(Duration::from_millis(10))?.is_some() {
            return Ok(false);
        }
        if site.runner.count() >= enough && arrived == 0.0 {
            arrived = watch.seconds();
        }
        // What is to be written down after the last arrival is done by then, or never.
        if arrived > 0.0 && watch.seconds() > arrived + 0.2 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn was_injected(trace: &PathBuf) -> anyhow::Result<bool> {
    let text = std::fs::read(trace).with_context(|| format!("{} cannot be read", trace.display()))?;
    let text = String::from_utf8_lossy(&text);
    ensure!(!text.contains("invalid"), "strace: {text}");
    Ok(text.contains("(INJECTED)"))
}
