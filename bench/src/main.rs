//! Whole-system workloads: the real binary on SQLite and on a durable PostgreSQL, against a recording runner, with the
//! floor of the machine and the peers beside it (`docs/performance.md` has the method and the results).
//!
//! ```text
//! cargo run --release -p bench -- all [--quick] [--write]
//! ```
//!
//! `workloads` says what is done, `firing` what its steady ones share, `machine` where. The players and what makes numbers
//! of what they saw are the library beside this program.

mod firing;
mod machine;
mod workloads;

use std::path::{Path, PathBuf};

use anyhow::Context;
use bench::{build, client, report, rows, statistics};
use clap::{Parser, ValueEnum};
use test_postgres::Server;
use test_world::database::{Backend, Database, Filling};
use test_world::process::{Launch, Service};
use test_world::runner::{Arrivals, Runner};

use self::rows::Results;

/// Measures em-scheduler as a whole.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    /// What to run.
    #[arg(required = true, value_enum)]
    workloads: Vec<Workload>,
    /// Fewer sizes, fewer repeats, shorter windows: three minutes in all, and provisional numbers.
    #[arg(long)]
    quick: bool,
    /// Puts the tables into docs/performance.md, each into its own marked section.
    #[arg(long)]
    write: bool,
    /// Only on this database.
    #[arg(long, value_name = "sqlite|postgres")]
    database: Option<Backend>,
    /// Only this many jobs (burst, held) or fires a second (lateness, sustained).
    #[arg(long, value_name = "COUNT")]
    only: Option<usize>,
    /// The service to measure, instead of the one built from this source.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Where the rows go, one JSON object in each line.
    #[arg(long, value_name = "PATH", default_value = "target/bench.jsonl")]
    rows: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Workload {
    /// Everything below, one after the other.
    All,
    /// The machine without a scheduler.
    Floor,
    /// Many jobs due in the same second.
    Burst,
    /// How late at fixed rates.
    Lateness,
    /// The highest rate that is held.
    Sustained,
    /// Many jobs of which none is due: start, memory, API, idle cost.
    Held,
    /// Of the workload `held` only what an idle service costs.
    Idle,
    /// Calls of the API while jobs fire.
    Mixed,
    /// Many clients that add, delete and list without a pause: memory, and SQLite's log.
    Churn,
    /// Other schedulers doing the burst.
    Peers,
}

const DOCUMENT: report::Document = report::Document {
    path: concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md"),
    title: "Performance",
    package: "bench",
};

/// What every workload works with.
pub struct World<'a> {
    /// The service.
    pub binary: &'a Path,
    /// A folder on the disk.
    pub folder: &'a Path,
    /// A durable PostgreSQL.
    pub server: &'a Server,
    /// Where the service sends runs.
    pub runner: Runner<Arrivals>,
    /// Where rows go.
    pub results: Results,
    /// Less of everything.
    pub quick: bool,
    /// The databases to measure on.
    pub engines: Vec<Backend>,
    /// The one size or rate to measure, if not all.
    pub only: Option<usize>,
}

impl World<'_> {
    /// A database with the tables of em_web and of the service, and the filling.
    pub fn database(&self, backend: Backend, filling: &Filling) -> anyhow::Result<Database> {
        let database = match backend {
            Backend::Sqlite => Database::file_in(tempfile::tempdir_in(self.folder)?),
            Backend::Postgres => Database::on_server(self.server, None)?,
        };
        database.migrate(self.binary)?;
        database.fill(filling)?;
        Ok(database)
    }

    /// The service on it, once it is ready.
    pub fn serve(&self, database: &Database, settings: &[String]) -> anyhow::Result<Service> {
        Service::start(&Launch {
            binary: self.binary.to_owned(),
            database: &database.url,
            runner: self.runner.url(),
            arguments: settings.to_vec(),
            ..Launch::default()
        })
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let binary = match &arguments.binary {
        Some(binary) => binary.clone(),
        None => build::build(build::Profile::Release)?,
    };
    // Beside the program, for a system's own folder of temporary files is often no disk at all.
    let own = std::env::current_exe()?;
    let folder = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(own.parent().context("the program is in no folder")?)?;
    let server = Server::start_durable()?;
    let mut world = World {
        binary: &binary,
        folder: folder.path(),
        server: &server,
        runner: Runner::start(Arrivals::default())?,
        results: Results::create(&arguments.rows)?,
        quick: arguments.quick,
        engines: arguments
            .database
            .map_or(Backend::BOTH.to_vec(), |engine| vec![engine]),
        only: arguments.only,
    };
    let outcome = run(&mut world, &arguments.workloads);
    for workload in world.results.workloads() {
        println!("## {workload}\n\n{}", world.results.table(workload));
    }
    outcome?;
    if arguments.write {
        report::write(&DOCUMENT, &world.results)?;
    }
    Ok(())
}

fn run(world: &mut World<'_>, wanted: &[Workload]) -> anyhow::Result<()> {
    let wants = |workload| wanted.contains(&Workload::All) || wanted.contains(&workload);
    machine::run(world)?;
    if wants(Workload::Floor) {
        workloads::floor::run(world)?;
    }
    if wants(Workload::Burst) {
        workloads::burst::run(world)?;
    }
    if wants(Workload::Lateness) {
        workloads::lateness::run(world)?;
    }
    if wants(Workload::Sustained) {
        workloads::sustained::run(world)?;
    }
    if wants(Workload::Mixed) {
        workloads::mixed::run(world)?;
    }
    if wants(Workload::Churn) {
        workloads::churn::run(world)?;
    }
    if wants(Workload::Held) {
        workloads::held::run(world, true)?;
    } else if wants(Workload::Idle) {
        workloads::held::run(world, false)?;
    }
    if wants(Workload::Peers) {
        workloads::peers::run(world)?;
    }
    Ok(())
}
