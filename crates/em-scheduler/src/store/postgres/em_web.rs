//! em_web's tables on PostgreSQL: a page of tasks read, compared by the planner, and all changes of the page written by a
//! handful of statements.

use super::cells::PgColumns;
use super::link::Patience;
use super::schedules::{added, insert_all};
use super::tx::{AdvisoryLock, GUARD, HOLD, Params, Tx, storable};
use super::wall::Wall;
use super::{Portions, PostgresStore, RESTORED, SYNCED, rows, schema, set_state, tasks};
use crate::em_web::{Announced, Sequences, SyncPlan, SyncPlanner, SyncTask, TaskRow};
use crate::model::{Corrupt, Event, NewJob, ScheduleRules, StoredJob, TaskId};
use crate::store::codec::{self};
use crate::store::error::corrupt;
use crate::store::{Catalog, EmWeb, Pages, Result, SyncRange, SyncedPage, passed_over};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio_postgres::Row;
use triggers::UtcMicros;

#[async_trait]
impl EmWeb for PostgresStore {
    fn sequences(&self) -> Sequences {
        self.reading().sequences
    }

    async fn has_sequences(&self) -> Result<bool> {
        let found = self.link.rows(schema::SEQUENCES, &[]).await?;
        Ok(!found.is_empty())
    }

    async fn task(&self, id: TaskId) -> Result<Option<TaskRow>> {
        let _place = self.callers.place().await?;
        self.link
            .rows(&self.reading().one_task, &[&id])
            .await?
            .first()
            .map(rows::task_row)
            .transpose()
    }

    fn enabled_tasks(&self) -> Pages<(TaskId, Result<TaskRow, Corrupt>)> {
        let enabled = format!("{}t.enabled = 1 ORDER BY t.id", self.reading().tasks);
        self.list(enabled, |row| {
            let Some(id) = codec::readable(rows::task_id(row))? else {
                return Ok(None);
            };
            Ok(Some((id, corrupt(rows::task_row(row))?)))
        })
    }

    async fn publish_next_runs(&self, now: UtcMicros, tasks: Vec<TaskId>) -> Result<Vec<TaskId>> {
        self.write(now, move |tx| {
            Box::pin(async move { tasks::publish_next_runs(tx, &tasks).await })
        })
        .await
    }

    async fn sync_page(&self, now: UtcMicros, range: SyncRange, plan: SyncPlanner) -> Result<SyncedPage> {
        // Asked for by a call of the API, which is not repeated where another process held the guard.
        if matches!(range, SyncRange::InProject(_)) {
            return self
                .write_when_free((&self.callers, Patience::Long), now, || {
                    let (range, plan) = (range.clone(), Arc::clone(&plan));
                    move |tx: &_| Box::pin(async move { sync_page(tx, &range, &plan).await })
                })
                .await;
        }
        self.write_much(now, move |tx| {
            Box::pin(async move { sync_page(tx, &range, &plan).await })
        })
        .await
    }

    async fn find_differing(&self, now: UtcMicros, rules: ScheduleRules) -> Result<Option<Vec<TaskId>>> {
        self.find_differing_in(now, rules, Portions::default())
            .await
            .map(Some)
    }

    async fn synced_before(&self) -> Result<bool> {
        self.flag(SYNCED).await
    }

    async fn set_synced(&self, now: UtcMicros) -> Result<()> {
        self.write(now, |tx| {
            Box::pin(async move {
                set_state(tx, SYNCED, 1);
                Ok(())
            })
        })
        .await
    }

    async fn earlier_zone(&self) -> Result<Option<String>> {
        // It was we who wrote them, in our own zone.
        if self.flag(RESTORED).await? {
            return Ok(None);
        }
        let rows = self.link.rows(DEFAULT_ZONE, &[]).await?;
        rows.first().map(|row| Ok(row.try_get(0)?)).transpose()
    }

    async fn announced(&self, range: &SyncRange) -> Result<BTreeMap<TaskId, Announced>> {
        let range = range.clone();
        self.write_much(self.now(), move |tx| {
            Box::pin(async move { announced(tx, &range).await })
        })
        .await
    }
}

pub(super) async fn sync_page(tx: &Tx<'_>, range: &SyncRange, plan: &SyncPlanner) -> Result<SyncedPage> {
    // Nobody stores or removes jobs between what is read here and what is written. The engine has better to do than
    // to wait long for somebody who does: the step is tried again.
    tx.later("SET LOCAL lock_timeout = '1s'", Vec::new());
    tx.later(HOLD, vec![Box::new(GUARD), Box::new(AdvisoryLock::Jobs as i32)]);
    let tasks = match range {
        SyncRange::After(after, limit) => {
            let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
            let page = "t.id > $1::int4 AND t.id <= 2147483647 ORDER BY t.id LIMIT $2";
            let tasks = sync_tasks(tx, page, &[&after.unwrap_or(TaskId::MIN), &limit]).await?;
            if tasks.is_empty() {
                tell_of_others(tx).await?;
            }
            tasks
        }
        SyncRange::Of(tasks) => sync_tasks(tx, "t.id = ANY($1::int4[]) ORDER BY t.id", &[tasks]).await?,
        SyncRange::InProject(project) => {
            let page = "t.project_id = $1::int4 AND t.id BETWEEN -2147483648 AND 2147483647 ORDER BY t.id";
            sync_tasks(tx, page, &[project]).await?
        }
    };
    if tasks.is_empty() {
        for id in schema::missing_statuses(tx).await? {
            passed_over::tell_status(id);
        }
    }
    let plans: Vec<(TaskId, SyncPlan)> = tasks
        .iter()
        .map(|task| (task.task_id, plan(task)))
        .filter(|(_, plan)| !plan.is_empty())
        .collect();
    if !plans.is_empty() {
        apply(tx, &plans).await?;
    }
    Ok(SyncedPage {
        last: match range {
            SyncRange::After(..) | SyncRange::InProject(_) => tasks.last().map(|task| task.task_id),
            SyncRange::Of(tasks) => tasks.last().copied(),
        },
        changed: plans.len(),
    })
}

/// The zone that a session of this role has unless it asks for another one, as ours do.
pub(super) const DEFAULT_ZONE: &str = "SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'";

/// The newest `Job added` of each enabled task of the range that has an interval without start. The plus keeps the planner
/// from going through the whole log by its key.
pub(super) async fn announced(tx: &Tx<'_>, range: &SyncRange) -> Result<BTreeMap<TaskId, Announced>> {
    let may = "SELECT has_column_privilege('task_log', 'message', 'SELECT')
                 AND has_column_privilege('task_log', 'status_date', 'SELECT')
                 AND has_column_privilege('task_log', 'task_id', 'SELECT')
                 AND has_column_privilege('task_log', 'id', 'SELECT')";
    if !tx.row(may, &[]).await?.try_get::<_, bool>(0)? {
        tracing::info!(
            "task_log cannot be read by this role: an interval whose task has a delayed run may go on from its time"
        );
        return Ok(BTreeMap::new());
    }
    let newest = |chosen: &str| {
        format!(
            "SELECT t.id::int4, l.status_date, l.message
             FROM (SELECT t.id, t.project_id, t.enabled, t.next_run FROM task t WHERE {chosen}) AS t
             JOIN project p ON p.id = t.project_id
             CROSS JOIN LATERAL (SELECT l.status_date, l.message FROM task_log l
                                 WHERE l.task_id = t.id AND l.message LIKE 'Job added.%'
                                 ORDER BY l.id + 0 DESC LIMIT 1) AS l
             WHERE t.enabled = 1 AND t.next_run IS NOT NULL AND p.intv = 1 AND p.intv_start_date IS NULL"
        )
    };
    let rows = match range {
        SyncRange::After(after, limit) => {
            let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
            let page = newest("t.id > $1::int4 AND t.id <= 2147483647 ORDER BY t.id LIMIT $2");
            tx.rows(&page, &[&after.unwrap_or(TaskId::MIN), &limit]).await?
        }
        SyncRange::Of(tasks) => tx.rows(&newest("t.id = ANY($1::int4[])"), &[tasks]).await?,
        SyncRange::InProject(project) => tx.rows(&newest("t.project_id = $1::int4"), &[project]).await?,
    };
    let mut announced = BTreeMap::new();
    for row in &rows {
        let written: Option<Wall> = row.try_get(1)?;
        // What cannot be read announces nothing.
        if let Some(written) = written.and_then(|written| written.finite().ok())
            && let Some(found) = Announced::read(written, row.try_get(2)?)
        {
            announced.insert(row.try_get(0)?, found);
        }
    }
    Ok(announced)
}

/// At the end of a pass.
async fn tell_of_others(tx: &Tx<'_>) -> Result<()> {
    let others = "SELECT count(*), min(id)::int8 FROM task WHERE id > 2147483647 OR id <= -2147483648";
    let row = tx.row(others, &[]).await?;
    if let (count @ 1.., Some(first)) = (row.try_get::<_, i64>(0)?, row.try_get(1)?) {
        passed_over::tell_tasks(usize::try_from(count).unwrap_or(usize::MAX), first);
    }
    Ok(())
}

async fn apply(tx: &Tx<'_>, plans: &[(TaskId, SyncPlan)]) -> Result<()> {
    let removed = remove_named(tx, plans).await?;
    let new: Vec<NewJob> = plans.iter().flat_map(|(_, plan)| plan.add.clone()).collect();
    insert_all(tx, &new);
    rename(tx, plans);
    write_reports(tx, plans);
    write_tasks(tx, plans).await?;

    let mut events = Vec::new();
    for (task, plan) in plans {
        let went = plan
            .remove
            .iter()
            .filter(|id| removed.contains(&(*task, id.as_str().to_owned())));
        events.extend(went.map(|id| (*task, Event::JobRemoved(id.clone()))));
        events.extend(added(&plan.add));
        events.extend(
            plan.report
                .iter()
                .map(|(_, reason)| (*task, Event::Refused(reason.clone()))),
        );
    }
    tx.record(&events);
    Ok(())
}

/// Removes the jobs named, what is due first. Returns those that were listed.
async fn remove_named(tx: &Tx<'_>, plans: &[(TaskId, SyncPlan)]) -> Result<BTreeSet<(TaskId, String)>> {
    let (mut tasks, mut ids) = (Vec::new(), Vec::new());
    for (task, plan) in plans {
        for id in &plan.remove {
            tasks.push(*task);
            ids.push(id.as_str());
        }
    }
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    tx.run(
        "DELETE FROM em_scheduler.scheduler_due WHERE job_key IN (
           SELECT j.key FROM em_scheduler.scheduler_job j JOIN unnest($1::text[], $2::int4[]) AS n (id, task_id)
           ON j.id = n.id AND j.task_id = n.task_id)",
        &[&ids, &tasks],
    )
    .await?;
    let removed = tx
        .rows(
            "DELETE FROM em_scheduler.scheduler_job j USING unnest($1::text[], $2::int4[]) AS n (id, task_id)
             WHERE j.id = n.id AND j.task_id = n.task_id RETURNING j.task_id, j.id, j.listed = 1",
            &[&ids, &tasks],
        )
        .await?;
    let mut listed = BTreeSet::new();
    for row in removed {
        if row.try_get(2)? {
            listed.insert((row.try_get(0)?, row.try_get(1)?));
        }
    }
    Ok(listed)
}

fn rename(tx: &Tx<'_>, plans: &[(TaskId, SyncPlan)]) {
    let renamed = || plans.iter().flat_map(|(_, plan)| &plan.rename);
    let ids: Vec<String> = renamed().map(|(id, _)| id.clone()).collect();
    let names: Vec<String> = renamed().map(|(_, name)| storable(name.clone())).collect();
    if !ids.is_empty() {
        tx.later(
            "UPDATE em_scheduler.scheduler_job j SET name = n.name FROM unnest($1::text[], $2::text[]) AS n (id, name)
             WHERE j.id = n.id",
            vec![Box::new(ids), Box::new(names)],
        );
    }
}

fn write_reports(tx: &Tx<'_>, plans: &[(TaskId, SyncPlan)]) {
    let reported: BTreeMap<TaskId, String> = plans
        .iter()
        .filter_map(|(task, plan)| {
            plan.report
                .as_ref()
                .map(|(definition, _)| (*task, definition.clone()))
        })
        .collect();
    if !reported.is_empty() {
        let (tasks, definitions): (Vec<TaskId>, Vec<String>) = reported.into_iter().unzip();
        tx.later(
            "INSERT INTO em_scheduler.scheduler_reported (task_id, definition) SELECT * FROM unnest($1::int4[], $2::text[])
             ON CONFLICT (task_id) DO UPDATE SET definition = excluded.definition",
            vec![Box::new(tasks), Box::new(definitions)],
        );
    }
    let well = chosen(plans, |plan| plan.forget_report);
    if !well.is_empty() {
        tx.later(
            "DELETE FROM em_scheduler.scheduler_reported WHERE task_id = ANY($1::int4[])",
            vec![Box::new(well)],
        );
    }
}

/// Writes the columns of `task`. A row that somebody holds keeps what it has: the next pass finds it again.
async fn write_tasks(tx: &Tx<'_>, plans: &[(TaskId, SyncPlan)]) -> Result<()> {
    tasks::publish_or_defer(tx, &chosen(plans, |plan| plan.publish)).await?;
    let (free, _) = tasks::lock_free(tx, &chosen(plans, |plan| plan.clear_next_run)).await?;
    if !free.is_empty() {
        tasks::clear_next_run(tx, free);
    }
    let (free, _) = tasks::lock_free(tx, &chosen(plans, |plan| plan.clear_estimate)).await?;
    if !free.is_empty() {
        tasks::clear_estimate(tx, free);
    }
    Ok(())
}

fn chosen(plans: &[(TaskId, SyncPlan)], which: impl Fn(&SyncPlan) -> bool) -> Vec<TaskId> {
    plans
        .iter()
        .filter(|(_, plan)| which(plan))
        .map(|(task, _)| *task)
        .collect()
}

/// The tasks that the condition chooses, with what is stored for them.
async fn sync_tasks(tx: &Tx<'_>, chosen: &str, params: Params<'_>) -> Result<Vec<SyncTask>> {
    let page = format!("{}{chosen}", tx.reading.tasks);
    let mut tasks = Vec::new();
    for row in tx.rows(&page, params).await? {
        tasks.push(SyncTask::new(
            rows::task_id(&row)?,
            corrupt(rows::task_row(&row))?,
        ));
    }
    if tasks.is_empty() {
        return Ok(tasks);
    }
    let ids: Vec<TaskId> = tasks.iter().map(|task| task.task_id).collect();
    let place =
        |tasks: &[SyncTask], task: TaskId| tasks.binary_search_by_key(&task, |entry| entry.task_id).ok();
    let [stored, reported, deleted] = tx
        .together([
            (
                "SELECT j.task_id, j.id, j.kind, j.definition, j.name, d.next_run_at, j.listed = 1
                 FROM em_scheduler.scheduler_job j LEFT JOIN em_scheduler.scheduler_due d ON d.job_key = j.key
                 WHERE j.task_id = ANY($1::int4[]) ORDER BY j.key",
                &[&ids],
            ),
            (
                "SELECT task_id, definition FROM em_scheduler.scheduler_reported WHERE task_id = ANY($1::int4[])",
                &[&ids],
            ),
            (
                "SELECT task_id, deleted_at FROM em_scheduler.scheduler_deleted WHERE task_id = ANY($1::int4[])",
                &[&ids],
            ),
        ])
        .await?;
    for row in stored {
        if let Some(place) = place(&tasks, row.try_get(0)?) {
            tasks[place].take(corrupt(stored_job(&row))?);
        }
    }
    for row in reported {
        if let Some(place) = place(&tasks, row.try_get(0)?) {
            tasks[place].reported = Some(row.try_get(1)?);
        }
    }
    for row in deleted {
        if let Some(place) = place(&tasks, row.try_get(0)?) {
            tasks[place].deleted_at = Some(UtcMicros::new(row.try_get(1)?));
        }
    }
    Ok(tasks)
}

fn stored_job(row: &Row) -> Result<StoredJob> {
    let cells = PgColumns::new(row, "scheduler_job", 1);
    Ok(StoredJob {
        id: cells.job_id(1, "id")?.to_owned(),
        kind: cells.job_kind(2)?,
        definition: row.try_get(3)?,
        name: row.try_get(4)?,
        next_run_at: cells
            .of_table("scheduler_due")
            .instant_or_null(5, "next_run_at")?,
        listed: row.try_get(6)?,
    })
}
