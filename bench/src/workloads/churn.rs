//! Churn: many clients add, delete and list at once, without a pause. What the service holds in memory, what SQLite's log
//! grows to, and what of both is given back.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;

use crate::World;
use crate::client::Caller;
use crate::rows::Row;
use crate::workloads::held;
use test_world::Backend;
use test_world::clock::Stopwatch;
use test_world::process;

const MEGABYTE: f64 = 1_048_576.0;
const TASKS: usize = 10_000;
const CLIENTS: usize = 64;
/// Of ten calls four add, four delete, and two ask for one of these.
const LISTS: [&str; 4] = ["/api/jobs", "/api/details", "/api/scheduled", "/api/schedule"];
/// Between two looks at memory and log.
const LOOK: Duration = Duration::from_millis(50);
/// After the load. Threads that wait for work end after ten seconds.
const AFTER: Duration = Duration::from_secs(15);

pub fn run(world: &mut World<'_>) -> anyhow::Result<()> {
    let seconds = if world.quick { 15.0 } else { 50.0 };
    for engine in world.engines.clone() {
        let database = world.database(engine, &held::yearly(TASKS))?;
        let service = world.serve(&database, &[])?;
        let log = database.file().map(|file| beside(file, "-wal"));
        let (before, _) = process::memory(service.pid());
        let over = AtomicBool::new(false);
        let (most, calls) = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    scope.spawn({
                        let (over, address) = (&over, service.address());
                        move || call(Caller::new(address)?, client, over)
                    })
                })
                .collect();
            let most = watch(log.as_deref(), service.pid(), seconds);
            over.store(true, Ordering::Relaxed);
            let mut calls = (0, 0);
            for client in clients {
                let (done, failed) = client.join().ok().context("a client panicked")??;
                calls = (calls.0 + done, calls.1 + failed);
            }
            anyhow::Ok((most, calls))
        })?;
        std::thread::sleep(AFTER);
        let (after, _) = process::memory(service.pid());
        let log_after = size(log.as_deref());
        service.stop()?;
        let row = Row::new("churn")
            .with("database", engine.name())
            .with("clients", CLIENTS)
            .number("seconds", seconds)
            .number("calls a second", calls.0 as f64 / seconds)
            .with("failed", calls.1)
            .number("RSS MB before", before as f64 / MEGABYTE)
            .number("most RSS MB", most.0 as f64 / MEGABYTE)
            .number("RSS MB 15 s after", after as f64 / MEGABYTE);
        world.results.add(if engine == Backend::Sqlite {
            row.number("most MB of log", most.1 as f64 / MEGABYTE)
                .number("MB of log 15 s after", log_after as f64 / MEGABYTE)
                .number("MB of log after the stop", size(log.as_deref()) as f64 / MEGABYTE)
        } else {
            row
        })?;
    }
    Ok(())
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// 0 where it is not there.
fn size(file: Option<&Path>) -> u64 {
    file.and_then(|file| std::fs::metadata(file).ok())
        .map_or(0, |file| file.len())
}

/// The most memory and the largest log seen in this time.
fn watch(log: Option<&Path>, pid: u32, seconds: f64) -> (u64, u64) {
    let clock = Stopwatch::start();
    let mut most = (0, 0);
    while clock.seconds() < seconds {
        most = (most.0.max(process::memory(pid).0), most.1.max(size(log)));
        std::thread::sleep(LOOK);
    }
    most
}

/// Calls until it is over; returns how many calls succeeded and how many failed.
fn call(mut caller: Caller, client: usize, over: &AtomicBool) -> anyhow::Result<(usize, usize)> {
    let (mut done, mut failed) = (0, 0);
    // Each begins elsewhere and goes on by a number that has nothing in common with the number of tasks.
    let mut number = client * 7_919;
    while !over.load(Ordering::Relaxed) {
        number += 3_571;
        let id = 1 + number % TASKS;
        let path = match number / 7 % 10 {
            0..4 => format!("/api/add/{id}"),
            4..8 => format!("/api/delete/{id}"),
            _ => LISTS[number % LISTS.len()].to_owned(),
        };
        match caller.get(&path) {
            Ok(_) => done += 1,
            Err(_) => {
                failed += 1;
                caller.reconnect()?;
            }
        }
    }
    Ok((done, failed))
}
