//! Jobs on SQLite: listed, stored, replaced, removed.

use super::cells::{SqliteColumns, lossy};
use super::events::record;
use super::runs::remove_runs_of;
use super::tasks::{clear_next_run, publish};
use super::{OPEN, SqliteStore, WriteContext, rows};
use crate::model::{Event, ListedJob, NewJob, RunKey, TaskId};
use crate::store::pages::PageWriter;
use crate::store::schedules::planned;
use crate::store::{JobPlanner, NextRun, Pages, Replaced, Result, Schedules, codec};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row};
use std::sync::Arc;
use triggers::UtcMicros;

#[async_trait]
impl Schedules for SqliteStore {
    fn job_pages(&self, with_definitions: bool) -> Pages<ListedJob> {
        self.list(move |connection, page| list(connection, with_definitions, page))
    }

    fn next_runs(&self) -> Pages<NextRun> {
        self.list(next_runs)
    }

    async fn listed_jobs(&self, task: TaskId) -> Result<Option<usize>> {
        self.readers
            .read(move |connection| listed(connection, task))
            .await
    }

    async fn replace_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced> {
        self.write(now, move |transaction, context| {
            replace(transaction, context, task, &plan)
        })
        .await
    }

    async fn add_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced> {
        self.write(now, move |transaction, context| {
            add(transaction, context, task, &plan)
        })
        .await
    }

    async fn remove_jobs(&self, now: UtcMicros, task: TaskId) -> Result<Vec<RunKey>> {
        self.write(now, move |transaction, context| {
            remove(transaction, context, task)
        })
        .await
    }

    async fn remove_all_jobs(&self, now: UtcMicros) -> Result<Vec<RunKey>> {
        self.write(now, |transaction, context| {
            remove_everything(transaction, context)
        })
        .await
    }

    async fn remove_orphans(&self, now: UtcMicros) -> Result<Vec<RunKey>> {
        self.write(now, |transaction, context| remove_orphans(transaction, context))
            .await
    }
}

/// Those with a next run and those without are asked for apart: the index has the first in their order, but for ties.
pub(super) fn list(
    connection: &Connection,
    with_definitions: bool,
    page: &mut PageWriter<ListedJob>,
) -> Result<()> {
    let definition = if with_definitions { "j.definition" } else { "''" };
    let columns = format!("j.id, j.task_id, j.kind, j.name, d.next_run_at, {definition}, j.created_at");
    for rest in [
        "FROM scheduler_due d CROSS JOIN scheduler_job j ON j.key = d.job_key
         WHERE j.listed = 1 ORDER BY d.next_run_at, j.id",
        // The plus: few rows to sort, rather than all of them in the order of their ids.
        "FROM scheduler_job j LEFT JOIN scheduler_due d ON d.job_key = j.key
         WHERE j.listed = 1 AND d.job_key IS NULL ORDER BY +j.id",
    ] {
        let mut statement = connection.prepare_cached(&format!("SELECT {columns} {rest}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Some(job) = codec::readable(listed_job(row))? {
                page.put_blocking(job)?;
            }
        }
    }
    Ok(())
}

pub(super) fn next_runs(connection: &Connection, page: &mut PageWriter<NextRun>) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT j.definition, d.next_run_at, j.id FROM scheduler_due d CROSS JOIN scheduler_job j ON j.key = d.job_key
         WHERE j.listed = 1",
    )?;
    let mut rows = statement.query([])?;
    let mut last: Arc<str> = "".into();
    while let Some(row) = rows.next()? {
        let Some((definition, at)) = codec::readable(next_run(row))? else {
            continue;
        };
        if *definition != *last {
            last = definition.into();
        }
        page.put_blocking(NextRun {
            definition: Arc::clone(&last),
            at,
        })?;
    }
    Ok(())
}

fn next_run<'row>(row: &'row Row<'_>) -> Result<(&'row str, UtcMicros)> {
    let cells = SqliteColumns::new(row, "scheduler_job", 2);
    let at = cells.of_table("scheduler_due").instant(1, "next_run_at")?;
    Ok((cells.text(0, "definition")?, at))
}

fn listed_job(row: &Row<'_>) -> Result<ListedJob> {
    let cells = SqliteColumns::new(row, "scheduler_job", 0);
    Ok(ListedJob {
        id: cells.job_id(0, "id")?.to_owned(),
        kind: cells.job_kind(2)?,
        task_id: cells.task_id(1, "task_id")?,
        name: cells.text(3, "name")?.to_owned(),
        next_run_at: cells
            .of_table("scheduler_due")
            .instant_or_null(4, "next_run_at")?,
        definition: cells.text(5, "definition")?.to_owned(),
        created_at: cells.instant(6, "created_at")?,
    })
}

pub(super) fn replace(
    connection: &Connection,
    context: &WriteContext,
    task: TaskId,
    plan: &JobPlanner,
) -> Result<Replaced> {
    let Some(planned) = planned(rows::task(connection, context.sequences, task), plan)? else {
        return Ok(Replaced::UnknownTask);
    };
    let jobs = match planned {
        Ok(jobs) => jobs,
        Err(reason) => {
            record(connection, context, task, &Event::Refused(reason.to_string()))?;
            return Ok(Replaced::Refused(reason));
        }
    };
    remove_jobs_of(connection, context, task.into())?;
    insert_all(connection, context, &jobs)?;
    connection
        .prepare_cached("DELETE FROM scheduler_deleted WHERE task_id = ?1")?
        .execute([task])?;
    connection
        .prepare_cached("UPDATE task SET enabled = 1 WHERE id = ?1")?
        .execute([task])?;
    publish(connection, context, task)?;
    Ok(Replaced::Done)
}

pub(super) fn add(
    connection: &Connection,
    context: &WriteContext,
    task: TaskId,
    plan: &JobPlanner,
) -> Result<Replaced> {
    let Some(planned) = planned(rows::task(connection, context.sequences, task), plan)? else {
        return Ok(Replaced::UnknownTask);
    };
    match planned {
        Ok(jobs) => {
            insert_all(connection, context, &jobs)?;
            publish(connection, context, task)?;
            Ok(Replaced::Done)
        }
        Err(reason) => Ok(Replaced::Refused(reason)),
    }
}

pub(super) fn remove(connection: &Connection, context: &WriteContext, task: TaskId) -> Result<Vec<RunKey>> {
    let in_flight = withdraw(connection, context, &[task.into()], true)?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO scheduler_deleted (task_id, deleted_at) VALUES (?1, ?2)")?
        .execute((task, context.now.get()))?;
    clear_next_run(connection, task)?;
    Ok(in_flight)
}

pub(super) fn remove_everything(connection: &Connection, context: &WriteContext) -> Result<Vec<RunKey>> {
    let tasks = stored_ids(
        connection,
        &format!("SELECT task_id FROM scheduler_job UNION SELECT task_id FROM scheduler_run WHERE {OPEN}"),
    )?;
    withdraw(connection, context, &tasks, false)
}

pub(super) fn remove_orphans(connection: &Connection, context: &WriteContext) -> Result<Vec<RunKey>> {
    let tasks = stored_ids(
        connection,
        "SELECT DISTINCT task_id FROM scheduler_job j WHERE NOT EXISTS (SELECT 1 FROM task t WHERE t.id = j.task_id)",
    )?;
    withdraw(connection, context, &tasks, false)
}

/// The id of a task as stored with its jobs and runs. Rows under an id that is none of em_web's must be removable, too.
type StoredId = i64;

/// Removes the tasks' jobs, skips what waits, and lets what is in flight end without being sent again, or (`mute`) without
/// a word even. Returns the runs in flight.
fn withdraw(
    connection: &Connection,
    context: &WriteContext,
    tasks: &[StoredId],
    mute: bool,
) -> Result<Vec<RunKey>> {
    let mut in_flight = Vec::new();
    for task in tasks {
        remove_jobs_of(connection, context, *task)?;
        in_flight.extend(remove_runs_of(connection, context, *task, mute)?);
    }
    Ok(in_flight)
}

/// How many jobs of the task are in the lists; none if there is no such task.
pub(super) fn listed(connection: &Connection, task: TaskId) -> Result<Option<usize>> {
    let count: Option<i64> = connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM scheduler_job j WHERE j.task_id = t.id AND j.listed = 1)
             FROM task t WHERE t.id = ?1",
        )?
        .query_row([task], |row| row.get(0))
        .optional()?;
    Ok(count.map(|count| usize::try_from(count).unwrap_or_default()))
}

pub(super) fn insert_all(connection: &Connection, context: &WriteContext, jobs: &[NewJob]) -> Result<()> {
    // F12: the task's own jobs are gone by then. A row with this id under another task, or a due time with this key, belongs
    // to no task, and must not prevent this job.
    let mut insert = connection.prepare_cached(
        "INSERT INTO scheduler_job (id, task_id, project_id, kind, name, definition, created_at, listed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET task_id = excluded.task_id, project_id = excluded.project_id,
           kind = excluded.kind, name = excluded.name, definition = excluded.definition,
           created_at = excluded.created_at,
           -- Of the same task it would be a fault of ours: null is refused.
           listed = CASE WHEN task_id <> excluded.task_id THEN excluded.listed END
         RETURNING key",
    )?;
    let mut insert_due = connection
        .prepare_cached("INSERT OR REPLACE INTO scheduler_due (job_key, next_run_at) VALUES (?1, ?2)")?;
    for job in jobs {
        let values = (
            &job.id,
            job.task_id,
            job.project_id,
            job.kind.as_str(),
            &job.name,
            &job.definition,
            context.now.get(),
            job.listed,
        );
        let key: i64 = insert.query_row(values, |row| row.get(0))?;
        if let Some(at) = job.next_run_at {
            insert_due.execute((key, at.get()))?;
        }
        if job.listed {
            record(connection, context, job.task_id, &job.added())?;
        }
    }
    Ok(())
}

/// By their keys, so that also jobs go whose ids cannot be read.
fn remove_jobs_of(connection: &Connection, context: &WriteContext, task: StoredId) -> Result<()> {
    let mut statement =
        connection.prepare_cached("SELECT key FROM scheduler_job WHERE task_id = ?1 ORDER BY key")?;
    let keys = statement
        .query_map([task], |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    for key in keys {
        remove_by_key(connection, context, (task, key))?;
    }
    Ok(())
}

pub(super) fn remove_job(
    connection: &Connection,
    context: &WriteContext,
    task: TaskId,
    id: &str,
) -> Result<()> {
    let mut find =
        connection.prepare_cached("SELECT key FROM scheduler_job WHERE id = ?1 AND task_id = ?2")?;
    let key = find.query_row((id, task), |row| row.get(0)).optional()?;
    match key {
        Some(key) => remove_by_key(connection, context, (task.into(), key)),
        None => Ok(()),
    }
}

fn remove_by_key(
    connection: &Connection,
    context: &WriteContext,
    (task, key): (StoredId, i64),
) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM scheduler_due WHERE job_key = ?1")?
        .execute([key])?;
    let (listed, id): (i64, String) = connection
        .prepare_cached("DELETE FROM scheduler_job WHERE key = ?1 RETURNING listed, id")?
        .query_row([key], |row| Ok((row.get(0)?, lossy(row.get_ref(1)?))))?;
    // A tombstone was never listed, so its removal is not told; and a task with an id beyond those of em_web has no log.
    if let (1, Ok(task)) = (listed, TaskId::try_from(task)) {
        record(connection, context, task, &Event::JobRemoved(id))?;
    }
    Ok(())
}

fn stored_ids(connection: &Connection, query: &str) -> Result<Vec<StoredId>> {
    let mut statement = connection.prepare_cached(query)?;
    let ids = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(ids)
}
