//! Disk: a full one and one that cannot be written, for both databases.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use bench::rows::Row;
use test_world::clock::{self, Stopwatch};
use test_world::{Backend, Database};

use crate::api;
use crate::checker::{Invariant, Violation};
use crate::mount::Mount;
use crate::schedules::{Schedules, Timing, whole_second};
use crate::world::{self, Plan, World};

/// Seconds after space is back.
const RECOVERED: f64 = 5.0;
const SIZE: u32 = 128;

pub fn run(world: &mut World) -> anyhow::Result<()> {
    for engine in world.engines.clone() {
        full(world, engine)?;
    }
    if world.engines.contains(&Backend::Sqlite) {
        read_only(world, "file system", false)?;
        read_only(world, "file", true)?;
    }
    Ok(())
}

fn schedules() -> Schedules {
    let mut schedules = Schedules::default();
    let start = whole_second(60);
    schedules.add_all(20, |place| Timing::Every(1, Some(start + place * 50_000)));
    schedules.add(Timing::Far);
    schedules
}

fn skipped(world: &mut World, what: &str) -> anyhow::Result<()> {
    let row = Row::new("disk")
        .with("what", what.to_owned())
        .with("skipped", "only root may mount");
    world.results.add(row)
}

fn plan<'a>(world: &'a World, name: &str, (engine, schedules): (Backend, &'a Schedules)) -> Plan<'a> {
    Plan {
        name: format!("disk-{name}-{}", engine.name()),
        ..world.plan(name, engine, schedules)
    }
}

/// The disk under the tables runs full while jobs fire, and has space again, several times.
fn full(world: &mut World, engine: Backend) -> anyhow::Result<()> {
    let times = if world.quick { 2 } else { 15 };
    let mut dice = world.dice("full");
    let schedules = schedules();
    let plan = plan(world, "full", (engine, &schedules));
    let folder = world.folder(&plan.name)?;
    let Some(disk) = Mount::memory(&folder.join("disk"), SIZE)? else {
        return skipped(world, "full");
    };
    let database = database_on(world, (engine, disk.path()))?;
    let site = world::site_on(database, (plan, folder))?;
    let mut service = site.start()?;
    let (mut ended, mut slowest, mut refused, mut answered) = (0, 0.0_f64, 0, 0);
    for _ in 0..times {
        std::thread::sleep(Duration::from_millis(500 + dice.below(1_000)));
        let ballast = fill(disk.path())?;
        let full = Stopwatch::start();
        while full.seconds() < 3.0 {
            std::thread::sleep(Duration::from_millis(300));
            answered += 1;
            let add = api::get(service.address(), &format!("/api/add/{}", site.planned.len()));
            refused += usize::from(add == Some(503));
        }
        fs::remove_file(&ballast)?;
        let freed = clock::now();
        if service.ended()?.is_some() {
            ended += 1;
            service = site.start()?;
        }
        slowest = slowest.max(site.drained(freed)?.unwrap_or(f64::INFINITY));
    }
    let mut site = site;
    // The calls above add the last task again and again.
    if let Some(called) = site.planned.last_mut() {
        called.windows = Some(Vec::new());
    }
    let mut judged = site.conclude_with(service)?;
    if slowest > RECOVERED {
        judged.violations.push(Violation::of(
            Invariant::I8,
            format!("the backlog was gone only {slowest} s after there was space again"),
        ));
        judged.figures.violations += 1;
    }
    if let Some(file) = site.database.file().filter(|_| !judged.violations.is_empty()) {
        fs::copy(file, site.folder.join("em.db"))?;
    }
    // What is on the disk goes before the disk, and the disk before the folder it is mounted in.
    let folder = site.folder.clone();
    drop(site);
    if engine == Backend::Postgres {
        world.server.run_sql("postgres", "DROP TABLESPACE small")?;
    }
    drop(disk);
    let figures = world.take_folder(&folder, &judged)?;
    let row = world
        .row("disk", engine.name())
        .with("what", "full")
        .with("times", times)
        .with("ended by itself", ended)
        .with("API calls meanwhile", answered)
        .with("answered 503", refused)
        .number("slowest recovery s", slowest);
    world.results.add(figures.into_row(row))
}

/// The database on that disk: a file, or a tablespace of the shared server, whose log stays where it is.
fn database_on(world: &World, (engine, disk): (Backend, &Path)) -> anyhow::Result<Database> {
    if engine == Backend::Sqlite {
        return Ok(Database::file_at(&disk.join("em.db")));
    }
    // It must belong to whoever runs the server.
    let data = world.server.run_sql("postgres", "SHOW data_directory")?;
    let owned = Command::new("chown")
        .arg(format!("--reference={}", data.trim()))
        .arg(disk)
        .status()?;
    ensure!(
        owned.success(),
        "{} cannot be given to the server",
        disk.display()
    );
    let place = disk.display();
    world
        .server
        .run_sql("postgres", &format!("CREATE TABLESPACE small LOCATION '{place}'"))?;
    world.server.run_sql(
        "postgres",
        "CREATE DATABASE small TEMPLATE template0 TABLESPACE small",
    )?;
    Ok(Database::named(&world.server, "small".into()))
}

/// Fills the disk to its last byte.
fn fill(disk: &Path) -> anyhow::Result<PathBuf> {
    let path = disk.join("ballast");
    let mut file = File::create(&path).with_context(|| format!("{} cannot be created", path.display()))?;
    for size in [1 << 20, 4096, 1] {
        let piece = vec![b'x'; size];
        while file.write_all(&piece).is_ok() {}
    }
    Ok(path)
}

/// A database that cannot be written is refused at the start, and works again when it can.
fn read_only(world: &mut World, what: &str, only_file: bool) -> anyhow::Result<()> {
    let schedules = schedules();
    let plan = plan(
        world,
        &format!("read-only-{}", what.replace(' ', "-")),
        (Backend::Sqlite, &schedules),
    );
    let folder = world.folder(&plan.name)?;
    let Some(disk) = Mount::memory(&folder.join("disk"), SIZE)? else {
        return skipped(world, "read-only");
    };
    let file = disk.path().join("em.db");
    let site = world::site_on(Database::file_at(&file), (plan, folder))?;
    site.start()?.stop()?;
    let bound = only_file.then(|| Mount::over_itself(&file)).flatten();
    match &bound {
        Some(bound) => bound.make_read_only("remount,ro,bind")?,
        None => disk.make_read_only("remount,ro")?,
    }
    let before = site.runner.count();
    let log = site.folder.join("refused.log");
    let mut launch = site.launch();
    launch.log = Some(log.clone());
    let mut service = site.begin(&launch)?;
    let status = service.wait_end(Duration::from_secs(20))?;
    let refused = status.is_some_and(|status| status.code().is_some_and(|code| code != 0));
    drop(service);
    let said = fs::read_to_string(&log).unwrap_or_default();
    let names_it = said.contains("em.db");
    let sent = site.runner.count() - before;
    drop(bound);
    if !only_file {
        disk.make_read_only("remount,rw")?;
    }
    let mut judged = site.conclude()?;
    if !refused || !names_it || sent > 0 {
        judged.violations.push(Violation::of(
            Invariant::I1,
            format!("a read-only {what}: refused {refused}, named {names_it}, {sent} sent: {said}"),
        ));
        judged.figures.violations += 1;
    }
    drop(disk);
    let figures = world.take(&site, &judged)?;
    let row = world
        .row("disk", "SQLite")
        .with("what", format!("read-only {what}"))
        .with("refused at the start", refused)
        .with("names the file", names_it)
        .with("sent", sent);
    world.results.add(figures.into_row(row))
}
