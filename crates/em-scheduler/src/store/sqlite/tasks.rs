//! What the scheduler writes into em_web's `task` on SQLite.

use super::WriteContext;
use crate::model::TaskId;
use crate::store::{Result, codec};
use rusqlite::Connection;

/// Writes the earliest next run of the task's jobs into `task.next_run`; leaves it where there is none.
pub(super) fn publish(connection: &Connection, context: &WriteContext, task: TaskId) -> Result<()> {
    let earliest: Option<i64> = connection
        .prepare_cached(
            "SELECT min(d.next_run_at) FROM scheduler_job j JOIN scheduler_due d ON d.job_key = j.key
             WHERE j.task_id = ?1",
        )?
        .query_row([task], |row| row.get(0))?;
    // A time that is none is not handed on; the job stands still once it is due.
    if let Some(Ok(earliest)) = earliest.map(codec::instant) {
        let wall = codec::wall_text(context.zone.to_wall(earliest));
        connection
            .prepare_cached("UPDATE task SET next_run = ?2 WHERE id = ?1 AND next_run IS NOT ?2")?
            .execute((task, wall))?;
    }
    Ok(())
}

pub(super) fn clear_next_run(connection: &Connection, task: TaskId) -> Result<()> {
    connection
        .prepare_cached("UPDATE task SET next_run = NULL WHERE id = ?1 AND next_run IS NOT NULL")?
        .execute([task])?;
    Ok(())
}
