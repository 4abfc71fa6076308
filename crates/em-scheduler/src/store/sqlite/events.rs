//! Events on SQLite, written in the transaction of what they tell of.

use super::WriteContext;
use crate::em_web::LogRow;
use crate::em_web::schema::STATUS_SCHEDULER;
use crate::model::{Event, TaskId};
use crate::store::Result;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Writes an event: as a row of ours, unless the row of its run says the same, and into the task's log. A task that has vanished
/// has no log.
///
/// Two statements rather than one: a plain insert of one row needs no journal of its own, and this is the statement
/// that runs most.
pub(super) fn record(
    connection: &Connection,
    context: &WriteContext,
    task: TaskId,
    event: &Event,
) -> Result<()> {
    if let Some(told) = event.record() {
        let detail = (!told.detail.is_null()).then(|| told.detail.to_string());
        connection
            .prepare_cached(
                "INSERT INTO scheduler_event (at, task_id, job_id, run_key, kind, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((context.now.get(), task, told.job, told.run, told.kind, detail))?;
    }
    let mut find = connection.prepare_cached("SELECT last_run_job_id FROM task WHERE id = ?1")?;
    let mut found = find.query([task])?;
    let Some(row) = found.next()? else { return Ok(()) };
    let event = LogRow::new(task, event, &context.zone);
    let run_id = match row.get_ref(0)? {
        _ if !event.links_run => None,
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => Some(String::new()),
    };
    record_of(connection, context, event, run_id)
}

/// The same for a task that is known to be there, with what stands in `job_id`.
pub(super) fn record_of(
    connection: &Connection,
    context: &WriteContext,
    event: LogRow,
    run_id: Option<String>,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO task_log (task_id, status_id, job_id, message, status_date, error)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            event.task_id,
            STATUS_SCHEDULER,
            run_id,
            event.message,
            &*context.wall,
            event.error,
        ))?;
    Ok(())
}
