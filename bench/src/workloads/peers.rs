//! Peers: other schedulers doing the burst, by the scripts in `bench/peers`, on the same machine, against the same runner
//! and the same kind of durable PostgreSQL. What cannot be installed gets a row that says so.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;
use serde_json::Value;

use crate::World;
use crate::rows::Row;
use crate::statistics::Delivered;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/run");

/// The peers, and how many jobs each can be asked to fire within the patience of a benchmark.
const PEERS: [(&str, &[usize]); 6] = [
    ("graphile-worker", &[1_000, 5_000, 20_000]),
    ("bullmq", &[1_000, 5_000, 20_000]),
    ("tokio-cron-scheduler", &[1_000, 5_000]),
    ("apscheduler-memory", &[1_000, 5_000]),
    ("apscheduler-redis", &[1_000, 5_000]),
    ("apscheduler-sqlalchemy", &[1_000, 5_000]),
];

pub fn run(world: &mut World<'_>) -> anyhow::Result<()> {
    let own = std::env::current_exe()?;
    let target = own
        .parent()
        .and_then(Path::parent)
        .context("the program is in no target folder")?;
    let folder = target.join("bench-peers");
    for (place, (peer, sizes)) in PEERS.into_iter().enumerate() {
        for size in sizes {
            // In quick mode only what starts quickly, and one size of it.
            let wanted = match (world.only, world.quick) {
                (Some(only), _) => only == *size,
                (None, true) => *size == 5_000 && place < 2,
                (None, false) => true,
            };
            if wanted {
                let row = one(world, &folder, (peer, *size))?;
                world.results.add(row)?;
            }
        }
    }
    Ok(())
}

fn one(world: &World<'_>, folder: &Path, (peer, size): (&str, usize)) -> anyhow::Result<Row> {
    let database = format!("{}_{size}", peer.replace('-', "_"));
    world.server.create_database(&database, None)?;
    world.runner.take();
    let ran = Command::new(SCRIPT)
        .arg(peer)
        .env("JOBS", size.to_string())
        .env("RUNNER", world.runner.url())
        .env("POSTGRES_URL", world.server.url(&database))
        .env("FOLDER", folder)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("{SCRIPT} cannot be run"))?;
    world
        .server
        .run_sql("postgres", &format!("DROP DATABASE {database} WITH (FORCE)"))?;
    let said = String::from_utf8_lossy(&ran.stdout);
    let told: Value = said
        .lines()
        .last()
        .and_then(|line| serde_json::from_str(line).ok())
        .unwrap_or_default();
    let text = |name: &str| told[name].as_str().unwrap_or("could not be run here").to_owned();
    let arrivals = world.runner.take();
    let delivered = Delivered::of(
        arrivals
            .into_iter()
            .map(|arrival| (arrival, arrival.scheduled_for)),
    );
    Ok(Row::new("peers")
        .with("peer", told["peer"].as_str().unwrap_or(peer))
        .with("configuration", text("configuration"))
        .with("jobs", size)
        .with("arrived", delivered.arrived)
        .with("twice", delivered.twice)
        .with("early", delivered.early)
        .number("p50 ms", delivered.p50)
        .number("last ms", delivered.last)
        .number("CPU µs/fire", told["cpu"].as_f64().unwrap_or(0.0) / size as f64))
}
