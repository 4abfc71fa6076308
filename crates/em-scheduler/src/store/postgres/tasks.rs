//! What the scheduler writes into em_web's `task`, and only this: `enabled`, `next_run`, `est_duration`, `status_id`.
//!
//! Rows that somebody else holds are left for later, but for the operations that make no sense without them.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use tokio_postgres::Row;
use triggers::UtcMicros;

use super::tx::Tx;
use super::wall::Wall;
use crate::model::TaskId;
use crate::store::Result;
use crate::store::em_web::STATUS_ERRORED;

/// Enables the task and publishes its next run. Waits for whoever holds the row: an added task must be enabled.
pub(super) async fn enable(tx: &Tx<'_>, task: TaskId) -> Result<()> {
    tx.run("UPDATE task SET enabled = 1 WHERE id = $1::int4", &[&task])
        .await?;
    write_next_runs(tx, &[task]).await
}

/// Writes the earliest next run of each task, leaving it where there is none. Answers, in order, the tasks whose rows
/// somebody else holds.
pub(super) async fn publish(tx: &Tx<'_>, tasks: &[TaskId]) -> Result<Vec<TaskId>> {
    let (free, held) = lock_free(tx, tasks).await?;
    write_next_runs(tx, &free).await?;
    Ok(held)
}

/// Like [`publish`], but what cannot be written now is remembered.
pub(super) async fn publish_or_owe(tx: &Tx<'_>, tasks: &[TaskId]) -> Result<()> {
    let held = publish(tx, tasks).await?;
    let mut debts = tx.debts.lock().unwrap_or_else(PoisonError::into_inner);
    debts.next_run.extend(held);
    Ok(())
}

/// Publishes these tasks and those owed. Answers all that could not be written: the caller remembers them from here.
pub(super) async fn publish_next_runs(tx: &Tx<'_>, tasks: &[TaskId]) -> Result<Vec<TaskId>> {
    let owed = std::mem::take(&mut tx.debts.lock().unwrap_or_else(PoisonError::into_inner).next_run);
    let all: BTreeSet<TaskId> = tasks.iter().copied().chain(owed).collect();
    set_errored(tx, &[]).await?;
    publish(tx, &all.into_iter().collect::<Vec<_>>()).await
}

/// Marks the tasks, and those owed, as errored.
pub(super) async fn set_errored(tx: &Tx<'_>, tasks: &[TaskId]) -> Result<()> {
    let owed = std::mem::take(&mut tx.debts.lock().unwrap_or_else(PoisonError::into_inner).status);
    let all: Vec<TaskId> = tasks
        .iter()
        .copied()
        .chain(owed)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let (free, held) = lock_free(tx, &all).await?;
    if !free.is_empty() {
        let update = "UPDATE task SET status_id = $2::int4 WHERE id = ANY($1::int4[])";
        tx.run(update, &[&free, &STATUS_ERRORED]).await?;
    }
    tx.debts
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .status
        .extend(held);
    Ok(())
}

/// Clears `next_run`, waiting for whoever holds the row.
pub(super) async fn clear_next_run(tx: &Tx<'_>, tasks: &[TaskId]) -> Result<()> {
    let update = "UPDATE task SET next_run = NULL WHERE id = ANY($1::int4[]) AND next_run IS NOT NULL";
    tx.run(update, &[&tasks]).await?;
    Ok(())
}

/// Clears `est_duration`.
pub(super) async fn clear_estimate(tx: &Tx<'_>, tasks: &[TaskId]) -> Result<()> {
    tx.run(
        "UPDATE task SET est_duration = NULL WHERE id = ANY($1::int4[])",
        &[&tasks],
    )
    .await?;
    Ok(())
}

/// Locks those of the tasks' rows that nobody holds, and tells them from those that somebody does. A task that does
/// not exist is neither.
pub(super) async fn lock_free(tx: &Tx<'_>, tasks: &[TaskId]) -> Result<(Vec<TaskId>, Vec<TaskId>)> {
    if tasks.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let lock =
        "SELECT id::int4 FROM task WHERE id = ANY($1::int4[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED";
    let free = ids(&tx.rows(lock, &[&tasks]).await?)?;
    let locked: BTreeSet<TaskId> = free.iter().copied().collect();
    let rest: Vec<TaskId> = tasks
        .iter()
        .copied()
        .filter(|task| !locked.contains(task))
        .collect();
    if rest.is_empty() {
        return Ok((free, rest));
    }
    let there = "SELECT id::int4 FROM task WHERE id = ANY($1::int4[]) ORDER BY id";
    Ok((free, ids(&tx.rows(there, &[&rest]).await?)?))
}

/// The rows are ours: what is read here is still true when it is written.
async fn write_next_runs(tx: &Tx<'_>, tasks: &[TaskId]) -> Result<()> {
    if tasks.is_empty() {
        return Ok(());
    }
    let earliest = tx
        .rows(
            "SELECT j.task_id, min(d.next_run_at) FROM scheduler_job j JOIN scheduler_due d ON d.job_key = j.key
             WHERE j.task_id = ANY($1::int4[]) GROUP BY j.task_id",
            &[&tasks],
        )
        .await?;
    let mut due = Vec::with_capacity(earliest.len());
    let mut walls = Vec::with_capacity(earliest.len());
    for row in earliest {
        due.push(row.try_get::<_, TaskId>(0)?);
        walls.push(Wall::from(tx.zone.to_wall(UtcMicros::new(row.try_get(1)?))));
    }
    tx.run(
        "UPDATE task t SET next_run = n.next_run FROM unnest($1::int4[], $2::timestamp[]) AS n (id, next_run)
         WHERE t.id = n.id AND t.next_run IS DISTINCT FROM n.next_run",
        &[&due, &walls],
    )
    .await?;
    Ok(())
}

fn ids(rows: &[Row]) -> Result<Vec<TaskId>> {
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
