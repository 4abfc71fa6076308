//! The crash campaign: the real service is killed, stopped, starved and lied to, and a checker looks at every row and every
//! request for what was lost or doubled (docs/reliability.md has the promises, the method and the figures).
//!
//! ```text
//! cargo run --release -p campaign -- all [--quick] [--write]
//! ```
//!
//! `parts` says what is broken and how; `site` is one service with its database and runner, `records` reads what it
//! left, `checker` judges it. A part that finds a violation leaves its folder, and the program ends with 1. An error is what the
//! system, the database or the service said, and no finding: it ends the program.

mod api;
mod arrival;
mod backends;
mod checker;
mod children;
mod dice;
mod forwarder;
mod mount;
mod pair;
mod parts;
mod records;
mod runner;
mod schedules;
mod site;
mod tls;
mod world;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use bench::build::{self, Profile};
use bench::report::{self, Document};
use bench::rows::Results;
use clap::Parser;
use test_postgres::Server;
use test_world::Backend;
use test_world::clock;

use self::parts::Part;
use self::world::World;

/// Breaks em-scheduler on purpose and checks that nothing is lost and nothing doubled.
#[derive(Parser)]
#[command(name = "campaign")]
struct Arguments {
    /// What to break.
    #[arg(required = true, value_enum)]
    parts: Vec<Part>,
    /// Fewer and shorter: some minutes in all.
    #[arg(long)]
    quick: bool,
    /// Puts the tables into docs/reliability.md, each into its own marked section.
    #[arg(long)]
    write: bool,
    /// Only on this database.
    #[arg(long, value_name = "sqlite|postgres")]
    database: Option<Backend>,
    /// The faults of an earlier run; without it they are new.
    #[arg(long)]
    seed: Option<u64>,
    /// How long the soak (30) and the outage of PostgreSQL (10) take.
    #[arg(long)]
    minutes: Option<f64>,
    /// The service to break, instead of those built from this source: the release build, and for kills the debug build,
    /// which has crash points.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Where the rows go, one JSON object in each line.
    #[arg(long, value_name = "PATH", default_value = "target/campaign.jsonl")]
    rows: PathBuf,
}

const DOCUMENT: Document = Document {
    path: concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reliability.md"),
    title: "Reliability",
    package: "campaign",
};

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let parts = Part::chosen(&arguments.parts);
    let build = |wanted: bool, profile| match &arguments.binary {
        Some(binary) => Ok(binary.clone()),
        None if wanted => build::build(profile),
        None => Ok(PathBuf::new()),
    };
    let crashing = build(parts.iter().any(|part| part.crashes()), Profile::Debug)?;
    let binary = build(parts.iter().any(|part| !part.crashes()), Profile::Release)?;
    if let Some(folder) = arguments.rows.parent() {
        fs::create_dir_all(folder)?;
    }
    let seed = arguments
        .seed
        .unwrap_or_else(|| clock::now().unsigned_abs() % 1_000_000);
    // Beside the program, for a system's own folder of temporary files is often no disk at all.
    let own = std::env::current_exe()?;
    let folder = own
        .parent()
        .context("the program is in no folder")?
        .join(format!("campaign-{seed}-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    children::watch(folder.clone())?;
    let mut world = World {
        binary,
        crashing,
        folder,
        server: Server::start_durable()?,
        seed,
        quick: arguments.quick,
        engines: arguments
            .database
            .map_or(Backend::BOTH.to_vec(), |engine| vec![engine]),
        minutes: arguments.minutes,
        results: Results::create(&arguments.rows)?,
        failures: Mutex::default(),
    };
    eprintln!("seed {seed}");
    let outcome = parts.iter().try_for_each(|part| {
        part.run(&mut world)
            .with_context(|| format!("{part:?} with seed {seed}, see {}", world.folder.display()))
    });
    children::end_all();
    for part in world.results.workloads() {
        println!("## {part}\n\n{}", world.results.table(part));
    }
    outcome?;
    if arguments.write {
        report::write(&DOCUMENT, &world.results)?;
    }
    let failures = world
        .failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    if failures.is_empty() {
        fs::remove_dir_all(&world.folder)?;
        return Ok(ExitCode::SUCCESS);
    }
    for failure in failures {
        println!("{failure}");
    }
    Ok(ExitCode::FAILURE)
}
