//! The floor: what this machine does without a scheduler. A bare HTTP client against the same runner, bare batched
//! inserts into the same databases, and one durable commit after the other.

use anyhow::Context;
use tokio_postgres::NoTls;

use crate::World;
use crate::client::Connection;
use crate::rows::Row;
use crate::statistics::Sorted;
use test_world::clock::Stopwatch;
use test_world::database::{Backend, Database, Filling};

/// As many connections as the service keeps busy with its default of 100 permits.
const CONNECTIONS: usize = 64;
/// Rows of a batch, as the service writes them.
const BATCH: i32 = 1_000;

pub fn run(world: &mut World<'_>) -> anyhow::Result<()> {
    let seconds = if world.quick { 2.0 } else { 5.0 };
    http(world, seconds)?;
    let nothing = Filling {
        columns: "cron",
        projects: vec!["0".into()],
        tasks: usize::try_from(BATCH)?,
        run_length: 1,
        disabled_from: Some(0),
    };
    let commits = if world.quick { 200 } else { 1_000 };
    for engine in world.engines.clone() {
        let database = world.database(engine, &nothing)?;
        let (rate, commit) = match engine {
            Backend::Sqlite => sqlite(&database, seconds, commits)?,
            Backend::Postgres => postgres(&database, seconds, commits)?,
        };
        world.results.add(
            Row::new("floor")
                .with(
                    "what",
                    format!("{}: rows of task_log, {BATCH} in a durable commit", engine.name()),
                )
                .number("a second", rate),
        )?;
        world.results.add(
            Row::new("floor")
                .with("durable commit of one row", engine.name())
                .number("p50 ms", commit.millis(0.5))
                .number("p99 ms", commit.millis(0.99)),
        )?;
    }
    Ok(())
}

fn http(world: &mut World<'_>, seconds: f64) -> anyhow::Result<()> {
    let address = world.runner.address();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let watch = Stopwatch::start();
    let requests: usize = runtime.block_on(async {
        let mut tasks = Vec::new();
        for _ in 0..CONNECTIONS {
            tasks.push(tokio::spawn(async move {
                let mut connection = Connection::open(address).await?;
                let mut requests = 0;
                while watch.seconds() < seconds {
                    connection.get("/api/1").await?;
                    requests += 1;
                }
                anyhow::Ok(requests)
            }));
        }
        let mut requests = 0;
        for task in tasks {
            requests += task.await.context("a client panicked")??;
        }
        anyhow::Ok(requests)
    })?;
    world.runner.take();
    world.results.add(
        Row::new("floor")
            .with(
                "what",
                format!("HTTP: GETs over {CONNECTIONS} connections, one thread on each side"),
            )
            .number("a second", requests as f64 / watch.seconds()),
    )
}

const EVENT: &str = "INSERT INTO task_log (task_id, status_id, message, status_date)";

fn sqlite(database: &Database, seconds: f64, commits: usize) -> anyhow::Result<(f64, Sorted)> {
    let mut connection = rusqlite::Connection::open(database.file().context("no file")?)?;
    // As the service sets it.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 20_000)?;
    let insert = format!("{EVENT} VALUES (?1, 6, 'Job submitted.', '2026-11-23 16:12:04.000000')");
    let watch = Stopwatch::start();
    let mut rows = 0;
    while watch.seconds() < seconds {
        let transaction = connection.transaction()?;
        {
            let mut statement = transaction.prepare_cached(&insert)?;
            for task in 1..=BATCH {
                statement.execute([task])?;
            }
        }
        transaction.commit()?;
        rows += BATCH;
    }
    let rate = f64::from(rows) / watch.seconds();
    let mut took = Vec::with_capacity(commits);
    for _ in 0..commits {
        let watch = Stopwatch::start();
        connection.execute(
            "INSERT INTO scheduler_state VALUES ('bench', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
            [],
        )?;
        took.push(watch.micros());
    }
    Ok((rate, Sorted::of(took)))
}

fn postgres(database: &Database, seconds: f64, commits: usize) -> anyhow::Result<(f64, Sorted)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&database.url, NoTls).await?;
        tokio::spawn(async move {
            // Whoever used it learns how it ended.
            let _ = connection.await;
        });
        let insert = client
            .prepare(&format!(
                "{EVENT} SELECT task, 6, 'Job submitted.', '2026-11-23 16:12:04' FROM unnest($1::int4[]) AS task"
            ))
            .await?;
        let tasks: Vec<i32> = (1..=BATCH).collect();
        let watch = Stopwatch::start();
        let mut rows = 0;
        while watch.seconds() < seconds {
            client.execute(&insert, &[&tasks]).await?;
            rows += BATCH;
        }
        let rate = f64::from(rows) / watch.seconds();
        let update = client
            .prepare(
                "INSERT INTO em_scheduler.scheduler_state AS state VALUES ('bench', 1)
                 ON CONFLICT (name) DO UPDATE SET value = state.value + 1",
            )
            .await?;
        let mut took = Vec::with_capacity(commits);
        for _ in 0..commits {
            let watch = Stopwatch::start();
            client.execute(&update, &[]).await?;
            took.push(watch.micros());
        }
        Ok((rate, Sorted::of(took)))
    })
}
