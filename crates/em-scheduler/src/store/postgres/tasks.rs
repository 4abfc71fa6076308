//! What the scheduler writes into em_web's `task`, and only this: `enabled`, `next_run`, `est_duration`, `status_id`.
//!
//! Rows that somebody else holds are left for later, but for the operations that make no sense without them.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use tokio_postgres::Row;
use triggers::UtcMicros;

use super::tx::Tx;
use super::wall::Wall;
use crate::em_web::schema::STATUS_ERRORED;
use crate::model::TaskId;
use crate::store::Result;
use crate::store::codec;

/// Enables the task and publishes the next run of the jobs it has from now on, `next` being the earliest; without one
/// what is there stays. Waits for whoever holds the row: an added task must be enabled.
pub(super) fn enable(tx: &Tx<'_>, task: TaskId, next: Option<UtcMicros>) {
    // One update for both columns: each has an index, so every update of the row makes an entry in all 38.
    tx.later(
        "UPDATE task SET enabled = 1, next_run = coalesce($2::timestamp, next_run) WHERE id = $1::int4",
        vec![
            Box::new(task),
            Box::new(next.map(|next| Wall::from(tx.zone.to_wall(next)))),
        ],
    );
}

/// Leaves the earliest next run of each task to be written, or what is there where there is none. Returns, in order,
/// the tasks whose rows somebody else holds.
pub(super) async fn publish(tx: &Tx<'_>, tasks: &[TaskId]) -> Result<Vec<TaskId>> {
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    // The rows are ours when the second statement begins: what it reads is still true when it is written.
    let [free, earliest] = tx
        .together([
            (LOCK_FREE, &[&tasks]),
            (
                "SELECT j.task_id, min(d.next_run_at) FROM em_scheduler.scheduler_job j JOIN em_scheduler.scheduler_due d ON d.job_key = j.key
                 WHERE j.task_id = ANY($1::int4[]) GROUP BY j.task_id",
                &[&tasks],
            ),
        ])
        .await?;
    let free = ids(&free)?;
    write_next_runs(tx, (&free, &earliest))?;
    held(tx, tasks, &free).await
}

/// Like [`publish`], but what cannot be written now is remembered.
pub(super) async fn publish_or_defer(tx: &Tx<'_>, tasks: &[TaskId]) -> Result<()> {
    let held = publish(tx, tasks).await?;
    let mut deferred_columns = tx.deferred_columns.lock().unwrap_or_else(PoisonError::into_inner);
    deferred_columns.next_run.extend(held);
    Ok(())
}

/// Publishes these tasks and those deferred. Returns all that could not be written: the caller remembers them from here.
pub(super) async fn publish_next_runs(tx: &Tx<'_>, tasks: &[TaskId]) -> Result<Vec<TaskId>> {
    let defers_status = !tx
        .deferred_columns
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .status
        .is_empty();
    if !defers_status {
        // Nobody is told that this is durable, and job_sync writes again what a crash of the server may have undone:
        // the flush of the log is left to those who wait for it.
        tx.later("SET LOCAL synchronous_commit = off", Vec::new());
    }
    let deferred = std::mem::take(
        &mut tx
            .deferred_columns
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next_run,
    );
    let all: BTreeSet<TaskId> = tasks.iter().copied().chain(deferred).collect();
    set_errored(tx, &[]).await?;
    publish(tx, &all.into_iter().collect::<Vec<_>>()).await
}

/// Marks the tasks, and those deferred, as errored.
pub(super) async fn set_errored(tx: &Tx<'_>, tasks: &[TaskId]) -> Result<()> {
    let deferred = std::mem::take(
        &mut tx
            .deferred_columns
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .status,
    );
    let all: Vec<TaskId> = tasks
        .iter()
        .copied()
        .chain(deferred)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let (free, held) = lock_free(tx, &all).await?;
    if !free.is_empty() {
        let update = "UPDATE task SET status_id = $2::int4
                      WHERE id = ANY($1::int4[]) AND EXISTS (SELECT 1 FROM task_status WHERE id = $2::int4)";
        tx.later(update, vec![Box::new(free), Box::new(STATUS_ERRORED)]);
    }
    tx.deferred_columns
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .status
        .extend(held);
    Ok(())
}

/// Clears `next_run`, waiting for whoever holds the row.
pub(super) fn clear_next_run(tx: &Tx<'_>, tasks: Vec<TaskId>) {
    // Compared with a parameter, for IS NOT NULL would be the planner's way in: by the index of next_run, through all
    // tasks that have one (3 ms at 10,000).
    let update = "UPDATE task SET next_run = $2::timestamp
                  WHERE id = ANY($1::int4[]) AND next_run IS DISTINCT FROM $2::timestamp";
    tx.later(update, vec![Box::new(tasks), Box::new(None::<Wall>)]);
}

/// Clears `est_duration`.
pub(super) fn clear_estimate(tx: &Tx<'_>, tasks: Vec<TaskId>) {
    let update = "UPDATE task SET est_duration = NULL WHERE id = ANY($1::int4[])";
    tx.later(update, vec![Box::new(tasks)]);
}

/// Takes the row of one task, or fails at once where another session holds it. Before any other row of the operation:
/// nothing of ours waits for a row of `task`, so this order makes no circle with that of `tx`.
pub(super) const TAKE: &str = "SELECT 1 FROM task WHERE id = $1::int4 FOR NO KEY UPDATE NOWAIT";

const LOCK_FREE: &str =
    "SELECT id::int4 FROM task WHERE id = ANY($1::int4[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED";

/// Locks those of the tasks' rows that nobody holds, and tells them from those that somebody does. A task that does
/// not exist is neither.
pub(super) async fn lock_free(tx: &Tx<'_>, tasks: &[TaskId]) -> Result<(Vec<TaskId>, Vec<TaskId>)> {
    if tasks.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let free = ids(&tx.rows(LOCK_FREE, &[&tasks]).await?)?;
    let held = held(tx, tasks, &free).await?;
    Ok((free, held))
}

/// Those of the tasks that are there and that we could not lock.
async fn held(tx: &Tx<'_>, tasks: &[TaskId], free: &[TaskId]) -> Result<Vec<TaskId>> {
    let free: BTreeSet<TaskId> = free.iter().copied().collect();
    let rest: Vec<TaskId> = tasks
        .iter()
        .copied()
        .filter(|task| !free.contains(task))
        .collect();
    if rest.is_empty() {
        return Ok(rest);
    }
    let there = "SELECT id::int4 FROM task WHERE id = ANY($1::int4[]) ORDER BY id";
    ids(&tx.rows(there, &[&rest]).await?)
}

/// Writes what was found for the rows that are ours. What stands there already is not written again: an update makes
/// an entry in each of the 38 indexes of em_web's table, about 45 µs a row and more where they have grown.
fn write_next_runs(tx: &Tx<'_>, (free, earliest): (&[TaskId], &[Row])) -> Result<()> {
    let free: BTreeSet<TaskId> = free.iter().copied().collect();
    let (mut due, mut walls) = (
        Vec::with_capacity(earliest.len()),
        Vec::with_capacity(earliest.len()),
    );
    for row in earliest {
        let task: TaskId = row.try_get(0)?;
        // A time that is none is not handed on, PostgreSQL would refuse the whole; the job stands still once it is due.
        let earliest = codec::instant(row.try_get(1)?);
        if let Some(earliest) = earliest.ok().filter(|_| free.contains(&task)) {
            due.push(task);
            walls.push(Wall::from(tx.zone.to_wall(earliest)));
        }
    }
    if !due.is_empty() {
        tx.later(
            "UPDATE task t SET next_run = n.next_run FROM unnest($1::int4[], $2::timestamp[]) AS n (id, next_run)
             WHERE t.id = n.id AND t.next_run IS DISTINCT FROM n.next_run",
            vec![Box::new(due), Box::new(walls)],
        );
    }
    Ok(())
}

fn ids(rows: &[Row]) -> Result<Vec<TaskId>> {
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
