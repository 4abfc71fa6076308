//! Clock: the system's clock is stepped both ways under the service, by libfaketime; the monotonic one goes on as it does in
//! truth. On SQLite the steps are the scheduler's time; on PostgreSQL the database's clock decides, whatever the process's says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bench::rows::Row;
use test_world::Backend;

use crate::checker::Figures;
use crate::schedules::{Schedules, Timing, whole_second};
use crate::site::Site;
use crate::world::{Plan, World};

const STEPS: [i64; 4] = [1, 60, 3_600, 86_400];
/// The clock stays within so many seconds of the truth.
const FARTHEST: i64 = 5 * 86_400;

pub fn run(world: &mut World) -> anyhow::Result<()> {
    let Some(library) = library() else {
        let row = Row::new("clock").with("skipped", "libfaketime is not installed and cannot be");
        return world.results.add(row);
    };
    for engine in world.engines.clone() {
        one(world, engine, &library)?;
    }
    Ok(())
}

/// Where it is; installed if we may.
fn library() -> Option<PathBuf> {
    let find = || {
        let folders = fs::read_dir("/usr/lib").ok()?;
        folders
            .flatten()
            .map(|folder| folder.path().join("faketime/libfaketime.so.1"))
            .find(|path| path.exists())
    };
    find().or_else(|| {
        let install = Command::new("apt-get")
            .args(["install", "-y", "-q", "libfaketime"])
            .output();
        install.ok().and_then(|_| find())
    })
}

fn one(world: &mut World, engine: Backend, library: &Path) -> anyhow::Result<()> {
    let (sites, steps) = if world.quick { (1, 12) } else { (4, 125) };
    let done = std::thread::scope(|scope| {
        let world = &*world;
        let threads: Vec<_> = (0..sites)
            .map(|site| scope.spawn(move || walk(world, (engine, library), (site, steps))))
            .collect();
        let joined = threads.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(anyhow::anyhow!("a walk panicked")))
        });
        joined.collect::<anyhow::Result<Vec<(Figures, i64)>>>()
    })?;
    let (mut figures, mut farthest) = (Figures::default(), 0);
    for (of_site, far) in done {
        figures.add(of_site);
        farthest = farthest.max(far);
    }
    let row = world
        .row("clock", engine.name())
        .with("steps", sites * u64::from(steps))
        .with("farthest from the truth, s", farthest);
    world.results.add(figures.into_row(row))
}

fn walk(
    world: &World,
    (engine, library): (Backend, &Path),
    (number, steps): (u64, u32),
) -> anyhow::Result<(Figures, i64)> {
    let mut dice = world.dice("clock").apart(number);
    let mut schedules = Schedules::default();
    let start = whole_second(60);
    schedules.add_all(10, |place| Timing::Every(1, Some(start + place * 100_000)));
    schedules.add_all(2, |_| Timing::EachSecond);
    schedules.add_all(4, |place| Timing::Every(600, Some(start + place * 1_000_000)));
    let mut site = world.site(Plan {
        name: format!("clock-{}-{number}", engine.name()),
        dice: dice.apart(1),
        ..world.plan("clock", engine, &schedules)
    })?;
    // The runner's clock is the true one, and so is PostgreSQL's.
    site.one_clock = engine == Backend::Postgres;
    let file = site.folder.join("faketime");
    show(&file, 0)?;
    site.environment = [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    let mut service = site.start()?;
    let (mut offset, mut farthest) = (0_i64, 0_i64);
    for step in 0..steps {
        let by = *dice.one_of(&STEPS);
        // More often forward: after a step back little happens until the clock is there again.
        let next = if dice.per_mille(650) {
            offset + by
        } else {
            offset - by
        };
        offset = next.clamp(-FARTHEST, FARTHEST);
        farthest = farthest.max(offset.abs());
        show(&file, offset)?;
        std::thread::sleep(Duration::from_millis(100 + dice.below(400)));
        if step % 10 == 9 {
            service.stop()?;
            service = site.start()?;
        }
    }
    let judged = settle(&site, service, &file)?;
    Ok((world.take(&site, &judged)?, farthest))
}

/// The clock is right again; what is due in the days that were shown too early is not due yet.
fn settle(
    site: &Site,
    service: test_world::process::Service,
    file: &Path,
) -> anyhow::Result<crate::site::Judged> {
    show(file, 0)?;
    // Whatever is on its way has an answer by then.
    std::thread::sleep(Duration::from_secs(2));
    site.conclude_with(service)
}

/// Written beside and put in its place: it is read at every look at the clock.
fn show(file: &Path, offset: i64) -> anyhow::Result<()> {
    let fresh = file.with_extension("fresh");
    fs::write(&fresh, format!("{offset:+}\n"))?;
    Ok(fs::rename(&fresh, file)?)
}
