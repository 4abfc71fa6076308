//! The operations of the API and of `job_sync` on SQLite: jobs stored, replaced, removed, compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use triggers::UtcMicros;

use super::cells::{self, Cells};
use super::rows;
use super::{OPEN, Scope, record, schema};
use crate::em_web::{Announced, Sequences, SyncPlan, SyncPlanner, SyncTask};
use crate::model::life::{self, Removal};
use crate::model::{Event, JobKind, ListedJob, NewJob, RunKey, RunState, SendableRun, StoredJob, TaskId};
use crate::store::error::corrupt;
use crate::store::pages::PageWriter;
use crate::store::{JobNamer, JobPlanner, NextRun, Replaced, Result, SyncRange, codec, passed_over};

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
    let cells = Cells::new(row, "scheduler_job", 2);
    let at = cells.of_table("scheduler_due").instant(1, "next_run_at")?;
    Ok((cells.text(0, "definition")?, at))
}

fn listed_job(row: &Row<'_>) -> Result<ListedJob> {
    let cells = Cells::new(row, "scheduler_job", 0);
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
    scope: &Scope,
    task: TaskId,
    plan: &JobPlanner,
) -> Result<Replaced> {
    let planned = match rows::task(connection, scope.sequences, task) {
        Ok(None) => return Ok(Replaced::UnknownTask),
        Ok(Some(row)) => plan(&row),
        Err(error) => Err(error.unreadable()?.into()),
    };
    let jobs = match planned {
        Ok(jobs) => jobs,
        Err(reason) => {
            record(connection, scope, task, &Event::Refused(reason.to_string()))?;
            return Ok(Replaced::Refused(reason));
        }
    };
    remove_jobs_of(connection, scope, task.into())?;
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
    let planned = match rows::task(connection, scope.sequences, task) {
        Ok(None) => return Ok(Replaced::UnknownTask),
        Ok(Some(row)) => plan(&row),
        Err(error) => Err(error.unreadable()?.into()),
    };
    match planned {
        Ok(jobs) => {
            insert_all(connection, scope, &jobs)?;
            publish(connection, scope, task)?;
            Ok(Replaced::Done)
        }
        Err(reason) => Ok(Replaced::Refused(reason)),
    }
}

pub(super) fn remove(connection: &Connection, scope: &Scope, task: TaskId) -> Result<Vec<RunKey>> {
    let in_flight = withdraw(connection, scope, &[task.into()], true)?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO scheduler_deleted (task_id, deleted_at) VALUES (?1, ?2)")?
        .execute((task, scope.now.get()))?;
    clear_next_run(connection, task)?;
    Ok(in_flight)
}

pub(super) fn remove_everything(connection: &Connection, scope: &Scope) -> Result<Vec<RunKey>> {
    let tasks = stored_ids(
        connection,
        &format!("SELECT task_id FROM scheduler_job UNION SELECT task_id FROM scheduler_run WHERE {OPEN}"),
    )?;
    withdraw(connection, scope, &tasks, false)
}

pub(super) fn remove_orphans(connection: &Connection, scope: &Scope) -> Result<Vec<RunKey>> {
    let tasks = stored_ids(
        connection,
        "SELECT DISTINCT task_id FROM scheduler_job j WHERE NOT EXISTS (SELECT 1 FROM task t WHERE t.id = j.task_id)",
    )?;
    withdraw(connection, scope, &tasks, false)
}

/// The id of a task as stored with its jobs and runs. Rows under an id that is none of em_web's must be removable, too.
type StoredId = i64;

/// Removes the tasks' jobs, skips what waits, and lets what is in flight end without being sent again, or (`mute`) without
/// a word even. Returns the runs in flight.
fn withdraw(connection: &Connection, scope: &Scope, tasks: &[StoredId], mute: bool) -> Result<Vec<RunKey>> {
    let mut in_flight = Vec::new();
    for task in tasks {
        remove_jobs_of(connection, scope, *task)?;
        in_flight.extend(remove_runs_of(connection, scope, *task, mute)?);
    }
    Ok(in_flight)
}

fn remove_runs_of(connection: &Connection, scope: &Scope, task: StoredId, mute: bool) -> Result<Vec<RunKey>> {
    let mut open = connection.prepare_cached(&format!(
        "SELECT key, scheduled_for, state FROM scheduler_run WHERE task_id = ?1 AND {OPEN}
         ORDER BY scheduled_for, key"
    ))?;
    let mut skip = connection.prepare_cached(
        "UPDATE scheduler_run SET state = 'skipped', reason = ?2, finished_at = ?3, withdrawn = 1 WHERE key = ?1",
    )?;
    let mut withdraw = connection
        .prepare_cached("UPDATE scheduler_run SET withdrawn = 1, muted = muted OR ?2 WHERE key = ?1")?;
    let mut rows = open.query([task])?;
    let (mut removals, mut in_flight) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let state = row.get_ref(2)?.as_str().ok().and_then(RunState::from_text);
        // A time that is none is told in no log (F12).
        let at = row.get_ref(1)?.as_i64().ok();
        let time = UtcMicros::new(at.unwrap_or_default());
        if let Some(removal) = state.and_then(|state| life::remove(state, time)) {
            let task = TaskId::try_from(task).ok().filter(|_| at.is_some());
            removals.push((row.get(0)?, task, removal));
        }
    }
    for (key, task, removal) in removals {
        match removal {
            Removal::Withdraws => {
                withdraw.execute((key, mute))?;
                in_flight.push(key);
            }
            Removal::Skips(reason, event) => {
                skip.execute((key, reason.to_string(), scope.now.get()))?;
                if let Some(task) = task {
                    record(connection, scope, task, &event)?;
                }
            }
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
    // A time that is none is not handed on; the job stands still once it is due.
    if let Some(Ok(earliest)) = earliest.map(codec::instant) {
        let wall = codec::wall_text(scope.zone.to_wall(earliest));
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
    let mut statement = connection
        .prepare_cached("SELECT id FROM task WHERE id > ?1 AND id <= 2147483647 ORDER BY id LIMIT ?2")?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query((after.unwrap_or(TaskId::MIN), limit))?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        ids.extend(codec::readable(Cells::of_task(row, "task", 0).task_id(0, "id"))?);
    }
    if ids.is_empty() {
        tell_of_others(connection)?;
        for id in schema::missing_statuses(connection)? {
            passed_over::tell_status(id);
        }
    }
    let half = ids.len().div_ceil(2).max(1);
    Ok(ids
        .chunks(half)
        .map(|half| (half[0], half[half.len() - 1]))
        .collect())
}

/// The tasks of a project, in order of id.
pub(super) fn of_project(connection: &Connection, project: i32) -> Result<Vec<TaskId>> {
    // Other ids name no task that can have jobs (F12).
    let mut statement = connection.prepare_cached(
        "SELECT id FROM task WHERE project_id = ?1 AND id BETWEEN -2147483647 AND 2147483647 ORDER BY id",
    )?;
    let ids = statement.query_map([project], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// At the end of a pass: the tasks for which no job can be stored.
fn tell_of_others(connection: &Connection) -> Result<()> {
    let mut statement = connection
        .prepare_cached("SELECT count(*), min(id) FROM task WHERE id > 2147483647 OR id <= -2147483648")?;
    statement.query_row([], |row| {
        let (count, first) = (row.get::<_, i64>(0)?, row.get_ref(1)?);
        if let (1.., ValueRef::Integer(first)) = (count, first) {
            passed_over::tell_tasks(usize::try_from(count).unwrap_or(usize::MAX), first);
        }
        Ok(())
    })?;
    Ok(())
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
            let mut of_page = connection.prepare_cached("SELECT id FROM task WHERE id BETWEEN ?1 AND ?2")?;
            let ids = of_page.query_map((first, last), |row| row.get(0))?;
            ids.collect::<Result<_, _>>()?
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
        // In the range it is one of em_web's.
        let Some(task_id) = codec::readable(rows::task_id(row))? else {
            continue;
        };
        tasks.push(SyncTask::new(task_id, corrupt(rows::task_row(row))?));
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
            tasks[place].take(corrupt(stored_job(row))?);
        }
    }
    let mut statement = connection.prepare_cached(
        "SELECT task_id, definition FROM scheduler_reported WHERE task_id BETWEEN ?1 AND ?2",
    )?;
    let mut rows = statement.query(range)?;
    while let Some(row) = rows.next()? {
        if let Some(place) = place(&tasks, row.get(0)?) {
            tasks[place].reported = Some(cells::lossy(row.get_ref(1)?));
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
    let cells = Cells::new(row, "scheduler_job", 1);
    Ok(StoredJob {
        id: cells.job_id(1, "id")?.to_owned(),
        kind: cells.job_kind(2)?,
        definition: cells.text(3, "definition")?.to_owned(),
        name: cells.text(4, "name")?.to_owned(),
        next_run_at: cells
            .of_table("scheduler_due")
            .instant_or_null(5, "next_run_at")?,
        listed: cells.flag(6, "listed")?,
    })
}

fn insert_all(connection: &Connection, scope: &Scope, jobs: &[NewJob]) -> Result<()> {
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
            scope.now.get(),
            job.listed,
        );
        let key: i64 = insert.query_row(values, |row| row.get(0))?;
        if let Some(at) = job.next_run_at {
            insert_due.execute((key, at.get()))?;
        }
        if job.listed {
            let added = Event::JobAdded(job.next_run_at, job.hazards.clone());
            record(connection, scope, job.task_id, &added)?;
        }
    }
    Ok(())
}

/// By their keys, so that also jobs go whose ids cannot be read.
fn remove_jobs_of(connection: &Connection, scope: &Scope, task: StoredId) -> Result<()> {
    let mut statement =
        connection.prepare_cached("SELECT key FROM scheduler_job WHERE task_id = ?1 ORDER BY key")?;
    let keys = statement
        .query_map([task], |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    for key in keys {
        remove_by_key(connection, scope, (task, key))?;
    }
    Ok(())
}

fn remove_job(connection: &Connection, scope: &Scope, task: TaskId, id: &str) -> Result<()> {
    let mut find =
        connection.prepare_cached("SELECT key FROM scheduler_job WHERE id = ?1 AND task_id = ?2")?;
    let key = find.query_row((id, task), |row| row.get(0)).optional()?;
    match key {
        Some(key) => remove_by_key(connection, scope, (task.into(), key)),
        None => Ok(()),
    }
}

fn remove_by_key(connection: &Connection, scope: &Scope, (task, key): (StoredId, i64)) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM scheduler_due WHERE job_key = ?1")?
        .execute([key])?;
    let listed: i64 = connection
        .prepare_cached("DELETE FROM scheduler_job WHERE key = ?1 RETURNING listed")?
        .query_row([key], |row| row.get(0))?;
    // A tombstone was never listed, so its removal is not told; and a task with an id beyond those of em_web has no log.
    if let (1, Ok(task)) = (listed, TaskId::try_from(task)) {
        record(connection, scope, task, &Event::JobRemoved)?;
    }
    Ok(())
}

fn clear_next_run(connection: &Connection, task: TaskId) -> Result<()> {
    connection
        .prepare_cached("UPDATE task SET next_run = NULL WHERE id = ?1 AND next_run IS NOT NULL")?
        .execute([task])?;
    Ok(())
}

fn stored_ids(connection: &Connection, query: &str) -> Result<Vec<StoredId>> {
    let mut statement = connection.prepare_cached(query)?;
    let ids = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(ids)
}
