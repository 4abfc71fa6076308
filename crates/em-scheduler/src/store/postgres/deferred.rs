//! Rows of `task_log` that cannot be written when they are due, because another session holds the task's row in a way
//! that a foreign key does not bear (`FOR UPDATE`, or a DELETE that is not committed yet).
//!
//! They are written into a table of our own, in the transaction of what they tell of, and moved into `task_log` in their
//! order as soon as the row is free; of a task that is gone then, they go too. A later event of the same task waits
//! behind them (rule S9). Nothing of it is kept in memory, so a crash in between loses none.

use deadpool_postgres::Object;

use super::link::{Link, Patience};
use super::tx::GUARD;
use crate::em_web::schema::STATUS_SCHEDULER;
use crate::store::Result;

/// See [`RECORD`]; an event is written at once where the condition holds.
macro_rules! record {
    ($at_once:literal) => {
        concat!(
            "WITH
    found AS MATERIALIZED (
      SELECT e.*, free.id AS free, free.last_run
      FROM unnest($1::int4[], $2::bool[], $3::text[], $4::int4[])
           WITH ORDINALITY AS e (task_id, links_run, message, error, place)
      LEFT JOIN LATERAL (
        SELECT id, left(coalesce(last_run_job_id, ''), 500) AS last_run FROM task
        WHERE id = e.task_id
          AND ((SELECT NOT EXISTS (SELECT 1 FROM em_scheduler.scheduler_deferred))
               OR NOT EXISTS (SELECT 1 FROM em_scheduler.scheduler_deferred d WHERE d.task_id = e.task_id))
        FOR KEY SHARE SKIP LOCKED) AS free ON true),
    e AS MATERIALIZED (SELECT found.*, ",
            $at_once,
            " AS at_once FROM found),
    written AS (
      INSERT INTO task_log (task_id, status_id, job_id, message, status_date, error)
      SELECT task_id, $5::int4, CASE WHEN links_run THEN last_run END, message, $6::timestamp, error
      FROM e WHERE at_once AND EXISTS (SELECT 1 FROM task_status WHERE id = $5::int4) ORDER BY place)
    INSERT INTO em_scheduler.scheduler_deferred (task_id, job_id, message, status_date, error)
    SELECT e.task_id, CASE WHEN e.links_run THEN left(coalesce(t.last_run_job_id, ''), 500) END, e.message, $6::timestamp,
           e.error
    FROM e JOIN task t ON t.id = e.task_id WHERE NOT e.at_once ORDER BY e.place"
        )
    };
}

/// Writes events: task ids, whether each links the task's last run, messages and error flags as arrays, then the status
/// and the wall time of all.
///
/// Nothing is written where em_web's row of the status is gone: that must stop no run. Nearly all of what this costs are
/// the seven indexes and two foreign keys of em_web's table: about 13 µs a row. The lock is what the first foreign key
/// takes anyway, asked for in a way that does not wait.
pub(super) const RECORD: &str = record!("free IS NOT NULL");

/// The same where several events are of one task. Whether it is free is found out event by event, and it may become so in
/// between: what comes after a deferred event is deferred too.
pub(super) const RECORD_SEVERAL: &str =
    record!("bool_and(free IS NOT NULL) OVER (PARTITION BY task_id ORDER BY place)");

/// Moves the rows of one task, whose own row is held, together with those written just before.
pub(super) const MOVE_OF_TASK: &str = "WITH
    moved AS (DELETE FROM em_scheduler.scheduler_deferred WHERE task_id = $1::int4 AND EXISTS (
      SELECT 1 FROM task_status WHERE id = $2::int4) RETURNING *)
    INSERT INTO task_log (task_id, status_id, job_id, message, status_date, error)
    SELECT task_id, $2::int4, job_id, message, status_date, error FROM moved ORDER BY key";

/// Whether there is anything.
const ANY: &str = "SELECT EXISTS (SELECT 1 FROM em_scheduler.scheduler_deferred)";

/// One process at a time moves them, so that they keep their order.
const ALONE: &str = "SELECT pg_try_advisory_xact_lock($1, 4)";

/// Moves the rows of all tasks that are free now.
const MOVE: &str = "WITH
    free AS MATERIALIZED (
      SELECT id FROM task WHERE id IN (SELECT DISTINCT task_id FROM em_scheduler.scheduler_deferred) ORDER BY id
      FOR KEY SHARE SKIP LOCKED),
    moved AS (DELETE FROM em_scheduler.scheduler_deferred WHERE task_id IN (SELECT id FROM free) AND EXISTS (
      SELECT 1 FROM task_status WHERE id = $1::int4) RETURNING *)
    INSERT INTO task_log (task_id, status_id, job_id, message, status_date, error)
    SELECT task_id, $1::int4, job_id, message, status_date, error FROM moved ORDER BY key";

/// Drops those of tasks that are gone. A deletion that is not committed yet still shows the task.
const FORGET: &str = "DELETE FROM em_scheduler.scheduler_deferred d WHERE NOT EXISTS (SELECT 1 FROM task t WHERE t.id = d.task_id)";

/// Moves what can be moved. Does nothing where nothing is deferred.
pub(super) async fn settle(link: &Link) -> Result<()> {
    let any = link.rows(ANY, &[]).await?;
    if !any.first().map_or(Ok(false), |row| row.try_get(0))? {
        return Ok(());
    }
    link.lend_whole(Patience::Usual, async |client: &Object| {
        client.batch_execute("BEGIN READ WRITE").await?;
        let alone = client.query_one(ALONE, &[&GUARD]).await?;
        if alone.try_get(0)? {
            client.execute(MOVE, &[&STATUS_SCHEDULER]).await?;
            client.execute(FORGET, &[]).await?;
        }
        Ok(client.batch_execute("COMMIT").await?)
    })
    .await
}
