//! The operations of the API and of `job_sync` on SQLite: jobs stored, replaced, removed, compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};
use triggers::UtcMicros;

use super::rows;
use super::{OPEN, Scope, record};
use crate::model::{
    Announced, Event, JobKind, ListedJob, NewJob, RunKey, SendableRun, SkipReason, StoredJob, TaskId,
};
use crate::store::codec;
use crate::store::pages::PageWriter;
use crate::store::{
    JobNamer, JobPlanner, NextRun, Replaced, Result, Sequences, SyncPlan, SyncPlanner, SyncRange, SyncTask,
};

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
        "SELECT j.definition, d.next_run_at FROM scheduler_due d CROSS JOIN scheduler_job j ON j.key = d.job_key
         WHERE j.listed = 1",
    )?;
    let mut rows = statement.query([])?;
    let mut last: Arc<str> = "".into();
    while let Some(row) = rows.next()? {
        let definition = row.get_ref(0)?.as_str().unwrap_or("");
        if *definition != *last {
            last = definition.into();
        }
        page.put_blocking(NextRun {
            definition: Arc::clone(&last),
            at: UtcMicros::new(row.get(1)?),
        })?;
    }
    Ok(())
}

fn listed_job(row: &Row<'_>) -> Result<ListedJob> {
    let id: String = row.get(0)?;
    Ok(ListedJob {
        kind: codec::job_kind("scheduler_job", &id, row.get_ref(2)?.as_str().unwrap_or(""))?,
        id,
        task_id: row.get(1)?,
        name: row.get(3)?,
        next_run_at: row.get::<_, Option<i64>>(4)?.map(UtcMicros::new),
        definition: row.get(5)?,
        created_at: UtcMicros::new(row.get(6)?),
    })
}

pub(super) fn replace(
    connection: &Connection,
    scope: &Scope,
    task: TaskId,
    plan: &JobPlanner,
) -> Result<Replaced> {
    let planned = match rows::task(connection, scope.sequences, task) {
        Ok(None) => return Ok(Replaced::UnknownTask),
        Ok(Some(row)) => plan(&row),
        Err(error) => Err(error.unreadable()?),
    };
    let jobs = match planned {
        Ok(jobs) => jobs,
        Err(reason) => {
            record(connection, scope, task, &Event::Refused(reason.clone()))?;
            return Ok(Replaced::Refused(reason));
        }
    };
    remove_jobs_of(connection, scope, task)?;
    insert_all(connection, scope, &jobs)?;
    connection
        .prepare_cached("DELETE FROM scheduler_deleted WHERE task_id = ?1")?
        .execute([task])?;
    connection
        .prepare_cached("UPDATE task SET enabled = 1 WHERE id = ?1")?
        .execute([task])?;
    publish(connection, scope, task)?;
    Ok(Replaced::Done)
}

pub(super) fn add(
    connection: &Connection,
    scope: &Scope,
    task: TaskId,
    plan: &JobPlanner,
) -> Result<Replaced> {
    let Some(row) = rows::task(connection, scope.sequences, task)? else {
        return Ok(Replaced::UnknownTask);
    };
    match plan(&row) {
        Ok(jobs) => {
            insert_all(connection, scope, &jobs)?;
            publish(connection, scope, task)?;
            Ok(Replaced::Done)
        }
        Err(reason) => Ok(Replaced::Refused(reason)),
    }
}

pub(super) fn remove(connection: &Connection, scope: &Scope, task: TaskId) -> Result<Vec<RunKey>> {
    let in_flight = withdraw(connection, scope, &[task])?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO scheduler_deleted (task_id, deleted_at) VALUES (?1, ?2)")?
        .execute((task, scope.now.get()))?;
    connection
        .prepare_cached("UPDATE scheduler_run SET muted = 1 WHERE task_id = ?1 AND state = 'sending'")?
        .execute([task])?;
    clear_next_run(connection, task)?;
    Ok(in_flight)
}

pub(super) fn remove_everything(connection: &Connection, scope: &Scope) -> Result<Vec<RunKey>> {
    let tasks = task_ids(
        connection,
        &format!("SELECT task_id FROM scheduler_job UNION SELECT task_id FROM scheduler_run WHERE {OPEN}"),
    )?;
    withdraw(connection, scope, &tasks)
}

pub(super) fn remove_orphans(connection: &Connection, scope: &Scope) -> Result<Vec<RunKey>> {
    let tasks = task_ids(
        connection,
        "SELECT DISTINCT task_id FROM scheduler_job j WHERE NOT EXISTS (SELECT 1 FROM task t WHERE t.id = j.task_id)",
    )?;
    withdraw(connection, scope, &tasks)
}

/// Removes the tasks' jobs, skips what waits, and lets what is in flight end without being sent again. Answers the
/// runs in flight.
fn withdraw(connection: &Connection, scope: &Scope, tasks: &[TaskId]) -> Result<Vec<RunKey>> {
    let mut in_flight = Vec::new();
    let mut mark = connection.prepare_cached(
        "UPDATE scheduler_run SET withdrawn = 1 WHERE task_id = ?1 AND state = 'sending' RETURNING key",
    )?;
    for task in tasks {
        remove_jobs_of(connection, scope, *task)?;
        skip_queued(connection, scope, *task)?;
        for key in mark.query_map([task], |row| row.get(0))? {
            in_flight.push(key?);
        }
    }
    Ok(in_flight)
}

pub(super) fn begin_manual_run(
    connection: &Connection,
    scope: &Scope,
    task: TaskId,
    job_id: &JobNamer,
) -> Result<Option<SendableRun>> {
    let Some(row) = rows::task(connection, scope.sequences, task)? else {
        return Ok(None);
    };
    let job_id = job_id(&row);
    connection
        .prepare_cached(
            "INSERT INTO scheduler_run
               (job_id, task_id, kind, scheduled_for, state, decided_at, attempt, owner, fence, sent_at)
             VALUES (?1, ?2, 'manual', ?3, 'sending', ?3, 1, ?4, 1, ?3)",
        )?
        .execute((&job_id, task, scope.now.get(), &scope.owner))?;
    let key = connection.last_insert_rowid();
    record(connection, scope, task, &Event::RunSubmitted)?;
    Ok(Some(SendableRun {
        key,
        job_id,
        task_id: task,
        kind: JobKind::Manual,
        scheduled_for: scope.now,
        fence: 1,
        attempt: 1,
        not_before: None,
        sending: true,
    }))
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

/// Writes the earliest next run of the task's jobs into `task.next_run`; leaves it where there is none.
pub(super) fn publish(connection: &Connection, scope: &Scope, task: TaskId) -> Result<()> {
    let earliest: Option<i64> = connection
        .prepare_cached(
            "SELECT min(d.next_run_at) FROM scheduler_job j JOIN scheduler_due d ON d.job_key = j.key
             WHERE j.task_id = ?1",
        )?
        .query_row([task], |row| row.get(0))?;
    if let Some(earliest) = earliest {
        let wall = codec::wall_text(scope.zone.to_wall(UtcMicros::new(earliest)));
        connection
            .prepare_cached("UPDATE task SET next_run = ?2 WHERE id = ?1 AND next_run IS NOT ?2")?
            .execute((task, wall))?;
    }
    Ok(())
}

/// The next page of tasks: the range of its ids, cut in two so that two readers can go through it. Empty where there are
/// no more tasks.
pub(super) fn page(
    connection: &Connection,
    after: Option<TaskId>,
    limit: usize,
) -> Result<Vec<(TaskId, TaskId)>> {
    let mut statement =
        connection.prepare_cached("SELECT id FROM task WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let ids = statement
        .query_map((after.unwrap_or(TaskId::MIN), limit), |row| row.get(0))?
        .collect::<Result<Vec<TaskId>, _>>()?;
    let half = ids.len().div_ceil(2).max(1);
    Ok(ids
        .chunks(half)
        .map(|half| (half[0], half[half.len() - 1]))
        .collect())
}

/// The tasks of a project, in order of id.
pub(super) fn of_project(connection: &Connection, project: i32) -> Result<Vec<TaskId>> {
    let mut statement = connection.prepare_cached("SELECT id FROM task WHERE project_id = ?1 ORDER BY id")?;
    let ids = statement.query_map([project], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Those of a range of tasks that `plan` would change.
pub(super) fn differing(
    connection: &Connection,
    (sequences, range): (Sequences, (TaskId, TaskId)),
    plan: &SyncPlanner,
) -> Result<Vec<TaskId>> {
    let tasks = sync_tasks(connection, sequences, range)?;
    let differing = tasks.iter().filter(|task| !plan(task).is_empty());
    Ok(differing.map(|task| task.task_id).collect())
}

/// Looks at each of these tasks once more and changes what is to be changed. Answers how many were.
pub(super) fn sync(
    connection: &Connection,
    scope: &Scope,
    tasks: &[TaskId],
    plan: &SyncPlanner,
) -> Result<usize> {
    let mut changed = 0;
    for id in tasks {
        for task in sync_tasks(connection, scope.sequences, (*id, *id))? {
            let plan = plan(&task);
            if !plan.is_empty() {
                changed += 1;
                apply(connection, scope, task.task_id, &plan)?;
            }
        }
    }
    Ok(changed)
}

fn apply(connection: &Connection, scope: &Scope, task: TaskId, plan: &SyncPlan) -> Result<()> {
    for id in &plan.remove {
        remove_job(connection, scope, task, id)?;
    }
    insert_all(connection, scope, &plan.add)?;
    for (id, name) in &plan.rename {
        connection
            .prepare_cached("UPDATE scheduler_job SET name = ?2 WHERE id = ?1")?
            .execute((id, name))?;
    }
    if plan.publish {
        publish(connection, scope, task)?;
    }
    if plan.clear_next_run {
        clear_next_run(connection, task)?;
    }
    if plan.clear_estimate {
        connection
            .prepare_cached("UPDATE task SET est_duration = NULL WHERE id = ?1")?
            .execute([task])?;
    }
    if let Some((definition, reason)) = &plan.report {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO scheduler_reported (task_id, definition) VALUES (?1, ?2)",
            )?
            .execute((task, definition))?;
        record(connection, scope, task, &Event::Refused(reason.clone()))?;
    }
    if plan.forget_report {
        connection
            .prepare_cached("DELETE FROM scheduler_reported WHERE task_id = ?1")?
            .execute([task])?;
    }
    Ok(())
}

/// The newest `Job added` of each enabled task of the range that has an interval without start.
pub(super) fn announced(connection: &Connection, range: &SyncRange) -> Result<BTreeMap<TaskId, Announced>> {
    let mut newest = connection.prepare_cached(
        "SELECT l.status_date, l.message FROM task t JOIN project p ON p.id = t.project_id
         JOIN task_log l ON l.task_id = t.id AND l.message LIKE 'Job added.%'
         WHERE t.id = ?1 AND t.enabled = 1 AND t.next_run IS NOT NULL AND p.intv = 1 AND p.intv_start_date IS NULL
         ORDER BY +l.id DESC LIMIT 1",
    )?;
    let tasks = match range {
        SyncRange::After(after, limit) => {
            let halves = page(connection, *after, *limit)?;
            let (first, last) = (halves.first(), halves.last());
            let (Some((first, _)), Some((_, last))) = (first, last) else {
                return Ok(BTreeMap::new());
            };
            task_ids(
                connection,
                &format!("SELECT id FROM task WHERE id BETWEEN {first} AND {last}"),
            )?
        }
        SyncRange::Of(tasks) => tasks.clone(),
        SyncRange::InProject(project) => of_project(connection, *project)?,
    };
    let mut announced = BTreeMap::new();
    for task in tasks {
        let mut rows = newest.query([task])?;
        while let Some(row) = rows.next()? {
            // What cannot be read announces nothing.
            let text = |place| row.get_ref(place).ok().and_then(|value| value.as_str().ok());
            let (Some(written), Some(message)) = (text(0), text(1)) else {
                continue;
            };
            let written = codec::wall_from_text(written).ok();
            if let Some(found) = written.and_then(|written| Announced::read(written, message)) {
                announced.insert(task, found);
            }
        }
    }
    Ok(announced)
}

fn sync_tasks(
    connection: &Connection,
    sequences: Sequences,
    range: (TaskId, TaskId),
) -> Result<Vec<SyncTask>> {
    let chosen = rows::tasks(sequences) + "t.id BETWEEN ?1 AND ?2 ORDER BY t.id";
    let mut statement = connection.prepare_cached(&chosen)?;
    let mut rows = statement.query(range)?;
    let mut tasks = Vec::new();
    while let Some(row) = rows.next()? {
        tasks.push(SyncTask {
            task_id: row.get(0)?,
            task: rows::task_row(row).map_err(|error| error.to_string()),
            jobs: Vec::new(),
            reported: None,
            deleted_at: None,
        });
    }
    let place =
        |tasks: &[SyncTask], task: TaskId| tasks.binary_search_by_key(&task, |entry| entry.task_id).ok();

    let mut statement = connection.prepare_cached(
        "SELECT j.task_id, j.id, j.kind, j.definition, j.name, d.next_run_at, j.listed
         FROM scheduler_job j LEFT JOIN scheduler_due d ON d.job_key = j.key
         WHERE j.task_id BETWEEN ?1 AND ?2",
    )?;
    let mut rows = statement.query(range)?;
    while let Some(row) = rows.next()? {
        if let Some(place) = place(&tasks, row.get(0)?) {
            tasks[place].take(stored_job(row))?;
        }
    }
    let mut statement = connection.prepare_cached(
        "SELECT task_id, definition FROM scheduler_reported WHERE task_id BETWEEN ?1 AND ?2",
    )?;
    let mut rows = statement.query(range)?;
    while let Some(row) = rows.next()? {
        if let Some(place) = place(&tasks, row.get(0)?) {
            tasks[place].reported = Some(row.get(1)?);
        }
    }
    let mut statement = connection.prepare_cached(
        "SELECT task_id, deleted_at FROM scheduler_deleted WHERE task_id BETWEEN ?1 AND ?2",
    )?;
    let mut rows = statement.query(range)?;
    while let Some(row) = rows.next()? {
        if let Some(place) = place(&tasks, row.get(0)?) {
            tasks[place].deleted_at = Some(UtcMicros::new(row.get(1)?));
        }
    }
    Ok(tasks)
}

fn stored_job(row: &Row<'_>) -> Result<StoredJob> {
    let id: String = row.get(1)?;
    Ok(StoredJob {
        kind: codec::job_kind("scheduler_job", &id, row.get_ref(2)?.as_str().unwrap_or(""))?,
        id,
        definition: row.get(3)?,
        name: row.get(4)?,
        next_run_at: row.get::<_, Option<i64>>(5)?.map(UtcMicros::new),
        listed: row.get(6)?,
    })
}

fn insert_all(connection: &Connection, scope: &Scope, jobs: &[NewJob]) -> Result<()> {
    for job in jobs {
        connection
            .prepare_cached(
                "INSERT INTO scheduler_job (id, task_id, project_id, kind, name, definition, created_at, listed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute((
                &job.id,
                job.task_id,
                job.project_id,
                job.kind.as_str(),
                &job.name,
                &job.definition,
                scope.now.get(),
                job.listed,
            ))?;
        if let Some(at) = job.next_run_at {
            connection
                .prepare_cached("INSERT INTO scheduler_due (job_key, next_run_at) VALUES (?1, ?2)")?
                .execute((connection.last_insert_rowid(), at.get()))?;
        }
        if job.listed {
            let added = Event::JobAdded(job.next_run_at, job.hazards.clone());
            record(connection, scope, job.task_id, &added)?;
        }
    }
    Ok(())
}

fn remove_jobs_of(connection: &Connection, scope: &Scope, task: TaskId) -> Result<()> {
    let mut statement =
        connection.prepare_cached("SELECT id FROM scheduler_job WHERE task_id = ?1 ORDER BY key")?;
    let ids = statement
        .query_map([task], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    for id in ids {
        remove_job(connection, scope, task, &id)?;
    }
    Ok(())
}

fn remove_job(connection: &Connection, scope: &Scope, task: TaskId, id: &str) -> Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM scheduler_due WHERE job_key = (SELECT key FROM scheduler_job WHERE id = ?1 AND task_id = ?2)",
        )?
        .execute((id, task))?;
    let mut statement = connection
        .prepare_cached("DELETE FROM scheduler_job WHERE id = ?1 AND task_id = ?2 RETURNING listed")?;
    let listed = statement
        .query_map((id, task), |row| row.get(0))?
        .collect::<Result<Vec<bool>, _>>()?;
    if listed == [true] {
        record(connection, scope, task, &Event::JobRemoved)?;
    }
    Ok(())
}

fn skip_queued(connection: &Connection, scope: &Scope, task: TaskId) -> Result<()> {
    // `OPEN` although it follows from the rest: by it SQLite knows that its index will do.
    let mut statement = connection.prepare_cached(&format!(
        "UPDATE scheduler_run SET state = 'skipped', reason = ?2, finished_at = ?3, withdrawn = 1
         WHERE task_id = ?1 AND {OPEN} AND state <> 'sending' RETURNING scheduled_for"
    ))?;
    let reason = SkipReason::Deleted;
    let mut times = statement
        .query_map((task, reason.to_string(), scope.now.get()), |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    times.sort_unstable();
    for time in times {
        record(
            connection,
            scope,
            task,
            &Event::RunSkipped(UtcMicros::new(time), reason),
        )?;
    }
    Ok(())
}

fn clear_next_run(connection: &Connection, task: TaskId) -> Result<()> {
    connection
        .prepare_cached("UPDATE task SET next_run = NULL WHERE id = ?1 AND next_run IS NOT NULL")?
        .execute([task])?;
    Ok(())
}

fn task_ids(connection: &Connection, query: &str) -> Result<Vec<TaskId>> {
    let mut statement = connection.prepare_cached(query)?;
    let ids = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(ids)
}
