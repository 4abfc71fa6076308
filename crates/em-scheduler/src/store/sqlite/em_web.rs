//! em_web's tables on SQLite: read, compared with the stored jobs, brought in line.

use super::cells::{self, SqliteColumns};
use super::events::record;
use super::schedules::{insert_all, remove_job};
use super::tasks::{clear_next_run, publish};
use super::{SYNCED, SqliteStore, WriteContext, rows, schema, set_state, state};
use crate::em_web::{Announced, Sequences, SyncPlan, SyncPlanner, SyncTask, TaskRow};
use crate::model::{Corrupt, Event, ScheduleRules, StoredJob, TaskId};
use crate::store::error::corrupt;
use crate::store::pages::PageWriter;
use crate::store::{EmWeb, Pages, Result, SyncRange, SyncedPage, codec, passed_over};
use async_trait::async_trait;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Transaction};
use std::collections::BTreeMap;
use std::sync::Arc;
use triggers::UtcMicros;

/// Tasks brought in line in one transaction.
const SYNCED_AT_ONCE: usize = 500;

#[async_trait]
impl EmWeb for SqliteStore {
    fn sequences(&self) -> Sequences {
        self.sequences
    }

    async fn has_sequences(&self) -> Result<bool> {
        self.readers.read(schema::has_sequences).await
    }

    async fn task(&self, id: TaskId) -> Result<Option<TaskRow>> {
        let sequences = self.sequences;
        self.readers
            .read(move |connection| rows::task(connection, sequences, id))
            .await
    }

    fn enabled_tasks(&self) -> Pages<(TaskId, Result<TaskRow, Corrupt>)> {
        let sequences = self.sequences;
        self.list(move |connection, page| enabled_tasks(connection, sequences, page))
    }

    async fn publish_next_runs(&self, now: UtcMicros, tasks: Vec<TaskId>) -> Result<Vec<TaskId>> {
        self.write(now, move |transaction, context| {
            tasks
                .iter()
                .try_for_each(|task| publish(transaction, context, *task))?;
            Ok(Vec::new())
        })
        .await
    }

    async fn sync_page(&self, now: UtcMicros, range: SyncRange, plan: SyncPlanner) -> Result<SyncedPage> {
        let (tasks, last) = match range {
            SyncRange::After(after, limit) => self.differing_after(after, limit, &plan).await?,
            SyncRange::Of(tasks) => {
                let last = tasks.last().copied();
                (tasks, last)
            }
            SyncRange::InProject(project) => {
                let of_project = move |connection: &Connection| of_project(connection, project);
                let tasks = self.readers.read(of_project).await?;
                let last = tasks.last().copied();
                (tasks, last)
            }
        };
        let mut changed = 0;
        for tasks in tasks.chunks(SYNCED_AT_ONCE) {
            let (tasks, plan) = (tasks.to_vec(), Arc::clone(&plan));
            let sync = move |transaction: &Transaction<'_>, context: &WriteContext| {
                sync(transaction, context, &tasks, &plan)
            };
            changed += self.write(now, sync).await?;
        }
        Ok(SyncedPage { last, changed })
    }

    /// To look at all tasks takes little longer than to read them, so nothing is gained by two ways.
    async fn find_differing(&self, _: UtcMicros, _: ScheduleRules) -> Result<Option<Vec<TaskId>>> {
        Ok(None)
    }

    async fn synced_before(&self) -> Result<bool> {
        self.readers
            .read(|connection| Ok(state(connection, SYNCED)? != 0))
            .await
    }

    async fn set_synced(&self, now: UtcMicros) -> Result<()> {
        self.write(now, |transaction, _| set_state(transaction, SYNCED, 1))
            .await
    }

    /// No session of SQLite has a zone.
    async fn earlier_zone(&self) -> Result<Option<String>> {
        Ok(None)
    }

    async fn announced(&self, range: &SyncRange) -> Result<BTreeMap<TaskId, Announced>> {
        let range = range.clone();
        self.readers
            .read(move |connection| announced(connection, &range))
            .await
    }
}

impl SqliteStore {
    /// Those of the next page of tasks that the plan would change, and the last task of the page. Mostly nothing is to
    /// be changed, so the looking is done beside the writer, and by two.
    async fn differing_after(
        &self,
        after: Option<TaskId>,
        limit: usize,
        plan: &SyncPlanner,
    ) -> Result<(Vec<TaskId>, Option<TaskId>)> {
        let page = self
            .readers
            .read(move |connection| page(connection, after, limit))
            .await?;
        let look = async |half: usize| match page.get(half).copied() {
            Some(range) => {
                let (plan, sequences) = (Arc::clone(plan), self.sequences);
                self.readers
                    .read(move |connection| differing(connection, (sequences, range), &plan))
                    .await
            }
            None => Ok(Vec::new()),
        };
        let (mut tasks, more) = tokio::try_join!(look(0), look(1))?;
        tasks.extend(more);
        Ok((tasks, page.last().map(|(_, last)| *last)))
    }
}

/// Reads the enabled tasks, in order of id.
fn enabled_tasks(
    connection: &Connection,
    sequences: Sequences,
    page: &mut PageWriter<(TaskId, Result<TaskRow, Corrupt>)>,
) -> Result<()> {
    let enabled = rows::tasks(sequences) + "t.enabled = 1 ORDER BY t.id";
    let mut statement = connection.prepare_cached(&enabled)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        if let Some(id) = codec::readable(rows::task_id(row))? {
            page.put_blocking((id, corrupt(rows::task_row(row))?))?;
        }
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
        ids.extend(codec::readable(
            SqliteColumns::of_task(row, "task", 0).task_id(0, "id"),
        )?);
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

/// Looks at each of these tasks once more and changes what is to be changed. Returns how many were.
pub(super) fn sync(
    connection: &Connection,
    context: &WriteContext,
    tasks: &[TaskId],
    plan: &SyncPlanner,
) -> Result<usize> {
    let mut changed = 0;
    for id in tasks {
        for task in sync_tasks(connection, context.sequences, (*id, *id))? {
            let plan = plan(&task);
            if !plan.is_empty() {
                changed += 1;
                apply(connection, context, task.task_id, &plan)?;
            }
        }
    }
    Ok(changed)
}

fn apply(connection: &Connection, context: &WriteContext, task: TaskId, plan: &SyncPlan) -> Result<()> {
    for id in &plan.remove {
        remove_job(connection, context, task, id)?;
    }
    insert_all(connection, context, &plan.add)?;
    for (id, name) in &plan.rename {
        connection
            .prepare_cached("UPDATE scheduler_job SET name = ?2 WHERE id = ?1")?
            .execute((id, name))?;
    }
    if plan.publish {
        publish(connection, context, task)?;
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
        record(connection, context, task, &Event::Refused(reason.clone()))?;
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
    let cells = SqliteColumns::new(row, "scheduler_job", 1);
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
