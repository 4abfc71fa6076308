//! Poison: rows that cannot be read or make no sense, put in while the service runs. Only their own tasks suffer.

use std::time::Duration;

use bench::statistics::Sorted;
use test_world::Backend;
use test_world::clock;

use crate::checker::{Invariant, Receipt, Violation};
use crate::schedules::{Schedules, Timing, whole_second};
use crate::world::World;

/// Tasks 1 to 5 are poisoned, each in its own way.
const POISONED: i32 = 5;
const HEALTHY: i64 = 200;

/// The damage: stored triggers that are no JSON, no trigger, of no kind; a schedule of the project's that is none, and a
/// run that cannot be read, of a process that is gone; a due time of no job.
const POISON: &str = "
    UPDATE scheduler_job SET definition = 'nonsense' WHERE task_id = 1;
    UPDATE scheduler_job SET definition = '{\"kind\":\"cron\",\"fields\":{\"hour\":\"99\"}}' WHERE task_id = 2;
    UPDATE scheduler_job SET kind = 'banana' WHERE task_id = 3;
    UPDATE project SET intv_type = 'x' WHERE id = 4;
    INSERT INTO scheduler_run (job_id, task_id, kind, scheduled_for, state, decided_at, owner)
    VALUES ('5-5-x', 5, 'banana', 1, 'queued', 1, 'nobody');
    INSERT INTO scheduler_due (job_key, next_run_at) VALUES (4000000000, 1);";

/// What only SQLite takes: a task beyond the ids of em_web, and texts that are none.
const POISON_OF_SQLITE: &str = "
    INSERT INTO task (id, name, project_id, enabled) VALUES (3000000000, CAST(x'ff' AS TEXT), 1, 1);
    INSERT INTO scheduler_job (id, task_id, project_id, kind, name, definition, created_at)
    VALUES (CAST(x'fe' AS TEXT), 3000000000, 1, 'cron', CAST(x'ff' AS TEXT), CAST(x'ff' AS TEXT), 1);
    INSERT INTO scheduler_instance (id, place, lease_until) VALUES (CAST(x'ff' AS TEXT), CAST(x'ff' AS TEXT), 1);";

pub fn run(world: &mut World) -> anyhow::Result<()> {
    for engine in world.engines.clone() {
        one(world, engine)?;
    }
    Ok(())
}

fn one(world: &mut World, engine: Backend) -> anyhow::Result<()> {
    let seconds = if world.quick { 5 } else { 30 };
    let mut schedules = Schedules::default();
    let start = whole_second(60);
    schedules.add_all(HEALTHY + i64::from(POISONED), |place| {
        Timing::Every(1, Some(start + place * 4_000))
    });
    let mut site = world.site(world.plan("poison", engine, &schedules))?;
    for planned in site.planned.iter_mut().filter(|planned| planned.task <= POISONED) {
        planned.windows = Some(Vec::new());
    }
    let service = site.start()?;
    let measured = |site: &crate::site::Site| {
        let from = clock::now();
        std::thread::sleep(Duration::from_secs(seconds));
        late(&site.runner.receipts(), from)
    };
    // What the start left to do is not measured.
    std::thread::sleep(Duration::from_secs(1));
    let before = measured(&site);
    site.database.run(POISON)?;
    if engine == Backend::Sqlite {
        site.database.run(POISON_OF_SQLITE)?;
    }
    let after = measured(&site);
    let told = site
        .database
        .number("SELECT count(DISTINCT task_id) FROM task_log WHERE message LIKE '%stands still%'")?;
    let events = site
        .database
        .number("SELECT count(*) FROM task_log WHERE message LIKE '%stands still%'")?;
    // A start has to read these rows, too.
    service.stop()?;
    let service = site.start()?;
    let passed_over = site.database.number(
        "SELECT count(*) FROM scheduler_run WHERE task_id = 5 AND kind = 'banana' AND state = 'queued'",
    )?;
    site.database
        .run("DELETE FROM scheduler_run WHERE kind = 'banana'; DELETE FROM scheduler_job WHERE task_id = 3000000000")?;
    let mut judged = site.conclude_with(service)?;
    if (told, events, passed_over) != (3, 3, 1) {
        judged.violations.push(Violation::of(
            Invariant::I7,
            format!("{told} poisoned tasks told by {events} events, {passed_over} unreadable runs left"),
        ));
        judged.figures.violations += 1;
    }
    let figures = world.take(&site, &judged)?;
    let row = world
        .row("poison", engine.name())
        .with("poisoned", POISONED)
        .with("healthy", HEALTHY)
        .with("stand still", told)
        .number("p99 ms before", before)
        .number("p99 ms after", after);
    world.results.add(figures.into_row(row))
}

/// How late the healthy ones came, in milliseconds.
fn late(receipts: &[Receipt], from: i64) -> f64 {
    let healthy = receipts
        .iter()
        .filter(|receipt| receipt.task > POISONED && receipt.scheduled_for >= from);
    Sorted::of(
        healthy
            .map(|receipt| receipt.at - receipt.scheduled_for)
            .collect(),
    )
    .millis(0.99)
}
