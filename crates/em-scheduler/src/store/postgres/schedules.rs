//! Jobs on PostgreSQL: listed, stored, replaced, removed. `job_sync` builds on the same pieces.

use super::cells::PgColumns;
use super::link::Patience;
use super::tx::{AdvisoryLock, GUARD, HOLD, SHARE, TASK_GUARD, Tx, storable};
use super::{PostgresStore, deferred, rows, tasks};
use crate::em_web::TaskRow;
use crate::em_web::schema::STATUS_SCHEDULER;
use crate::model::life::{self, Removal};
use crate::model::{Event, ListedJob, NewJob, RunKey, RunState, TaskId};
use crate::store::codec::{self, OPEN_STATES};
use crate::store::schedules::planned;
use crate::store::{JobPlanner, NextRun, Pages, Replaced, Result, Schedules};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_postgres::Row;
use triggers::UtcMicros;

#[async_trait]
impl Schedules for PostgresStore {
    fn job_pages(&self, with_definitions: bool) -> Pages<ListedJob> {
        self.list(list(with_definitions), |row| codec::readable(listed_job(row)))
    }

    fn next_runs(&self) -> Pages<NextRun> {
        self.list(NEXT_RUNS.into(), |row| codec::readable(next_run(row)))
    }

    async fn listed_jobs(&self, task: TaskId) -> Result<Option<usize>> {
        let _place = self.switches.place().await?;
        listed(&self.link.rows(LISTED, &[&task]).await?)
    }

    async fn replace_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced> {
        self.write_when_free((&self.callers, Patience::Usual), now, || {
            let plan = Arc::clone(&plan);
            move |tx: &_| Box::pin(async move { replace(tx, task, &plan).await })
        })
        .await
    }

    async fn add_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced> {
        self.write_when_free((&self.callers, Patience::Usual), now, || {
            let plan = Arc::clone(&plan);
            move |tx: &_| Box::pin(async move { add(tx, task, &plan).await })
        })
        .await
    }

    async fn remove_jobs(&self, now: UtcMicros, task: TaskId) -> Result<Vec<RunKey>> {
        self.write_when_free((&self.switches, Patience::Usual), now, || {
            move |tx: &_| Box::pin(remove(tx, task))
        })
        .await
    }

    async fn remove_all_jobs(&self, now: UtcMicros) -> Result<Vec<RunKey>> {
        self.write_when_free((&self.switches, Patience::Long), now, || {
            move |tx: &_| Box::pin(remove_everything(tx))
        })
        .await
    }

    async fn remove_orphans(&self, now: UtcMicros) -> Result<Vec<RunKey>> {
        self.write_when_free((&self.switches, Patience::Long), now, || {
            move |tx: &_| Box::pin(remove_orphans(tx))
        })
        .await
    }
}

/// Whose jobs or runs an operation is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose<'a> {
    Tasks(&'a [TaskId]),
    Everyone,
}

impl<'a> Whose<'a> {
    /// A condition on `task_id` and the value of its parameter, `$1`.
    fn condition(self) -> (&'static str, Option<&'a [TaskId]>) {
        match self {
            // An equality that an index can serve, where there is something to look for.
            Self::Tasks(tasks) => ("task_id = ANY($1::int4[])", Some(tasks)),
            Self::Everyone => ("$1::int4[] IS NULL", None),
        }
    }
}

/// Events by task, each task's in the order in which they happened.
pub(super) type EventsByTask = BTreeMap<TaskId, Vec<Event>>;

/// The statement that [`listed_job`] reads.
pub(super) fn list(with_definitions: bool) -> String {
    let definition = if with_definitions { "j.definition" } else { "''" };
    format!(
        "SELECT j.id, j.task_id, j.kind, j.name, d.next_run_at, {definition}, j.created_at
         FROM em_scheduler.scheduler_job j LEFT JOIN em_scheduler.scheduler_due d ON d.job_key = j.key
         WHERE j.listed = 1 ORDER BY d.next_run_at NULLS LAST, j.id COLLATE \"C\""
    )
}

pub(super) fn listed_job(row: &Row) -> Result<ListedJob> {
    let cells = PgColumns::new(row, "scheduler_job", 0);
    Ok(ListedJob {
        id: cells.job_id(0, "id")?.to_owned(),
        kind: cells.job_kind(2)?,
        task_id: row.try_get(1)?,
        name: row.try_get(3)?,
        next_run_at: cells
            .of_table("scheduler_due")
            .instant_or_null(4, "next_run_at")?,
        definition: row.try_get(5)?,
        created_at: cells.instant(6, "created_at")?,
    })
}

/// The statement that [`next_run`] reads.
pub(super) const NEXT_RUNS: &str = "SELECT j.definition, d.next_run_at, j.id
    FROM em_scheduler.scheduler_due d JOIN em_scheduler.scheduler_job j ON j.key = d.job_key WHERE j.listed = 1";

pub(super) fn next_run(row: &Row) -> Result<NextRun> {
    let definition: &str = row.try_get(0)?;
    Ok(NextRun {
        definition: definition.into(),
        at: PgColumns::new(row, "scheduler_due", 2).instant(1, "next_run_at")?,
    })
}

/// Guards the jobs of one task, so that nobody else changes them and nobody changes those of many.
async fn guard_task(tx: &Tx<'_>, id: TaskId) -> Result<Option<TaskRow>> {
    let [_, _, rows] = tx
        .together([
            (SHARE, &[&GUARD, &(AdvisoryLock::Jobs as i32)]),
            (HOLD, &[&TASK_GUARD, &id]),
            (&tx.reading.one_task, &[&id]),
        ])
        .await?;
    rows.first().map(rows::task_row).transpose()
}

/// The same, and takes the row of the task itself.
///
/// # Errors
/// `Locked`, at once, where another session holds the row.
async fn hold_task(tx: &Tx<'_>, id: TaskId) -> Result<Option<TaskRow>> {
    let [_, _, _, rows] = tx
        .together([
            (tasks::TAKE, &[&id]),
            (SHARE, &[&GUARD, &(AdvisoryLock::Jobs as i32)]),
            (HOLD, &[&TASK_GUARD, &id]),
            (&tx.reading.one_task, &[&id]),
        ])
        .await?;
    rows.first().map(rows::task_row).transpose()
}

pub(super) async fn replace(tx: &Tx<'_>, id: TaskId, plan: &JobPlanner) -> Result<Replaced> {
    let Some(planned) = planned(hold_task(tx, id).await, plan)? else {
        return Ok(Replaced::UnknownTask);
    };
    let jobs = match planned {
        Ok(jobs) => jobs,
        Err(reason) => {
            tx.record(&[(id, Event::Refused(reason.to_string()))]);
            return Ok(Replaced::Refused(reason));
        }
    };
    let [due, removed] = removing(Whose::Tasks(&[id]));
    let [_, removed] = tx
        .together([(&due, &[&[id].as_slice()]), (&removed, &[&[id].as_slice()])])
        .await?;
    insert_all(tx, &jobs);
    tx.later(
        "DELETE FROM em_scheduler.scheduler_deleted WHERE task_id = $1::int4",
        vec![Box::new(id)],
    );
    // All other jobs of the task are gone, and under the guard none can come: the earliest of these is the earliest.
    tasks::enable(tx, id, jobs.iter().filter_map(|job| job.next_run_at).min());
    let mut events = EventsByTask::new();
    tell_removed(&removed, &mut events)?;
    events
        .entry(id)
        .or_default()
        .extend(added(&jobs).map(|(_, event)| event));
    record_by_task(tx, events);
    Ok(Replaced::Done)
}

pub(super) async fn add(tx: &Tx<'_>, id: TaskId, plan: &JobPlanner) -> Result<Replaced> {
    let Some(planned) = planned(guard_task(tx, id).await, plan)? else {
        return Ok(Replaced::UnknownTask);
    };
    match planned {
        Ok(jobs) => {
            insert_all(tx, &jobs);
            tasks::publish_or_defer(tx, &[id]).await?;
            tx.record(&added(&jobs).collect::<Vec<_>>());
            Ok(Replaced::Done)
        }
        Err(reason) => Ok(Replaced::Refused(reason)),
    }
}

/// A task, and how many of its jobs are in the lists.
pub(super) const LISTED: &str =
    "SELECT (SELECT count(*) FROM em_scheduler.scheduler_job j WHERE j.task_id = t.id AND j.listed = 1)
     FROM task t WHERE t.id = $1::int4";

/// What [`LISTED`] found; none if there is no such task.
pub(super) fn listed(rows: &[Row]) -> Result<Option<usize>> {
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(
        usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default(),
    ))
}

pub(super) async fn remove(tx: &Tx<'_>, id: TaskId) -> Result<Vec<RunKey>> {
    // The guards travel with what they guard: each statement begins once the one before it has ended.
    tx.later(tasks::TAKE, vec![Box::new(id)]);
    tx.later(SHARE, vec![Box::new(GUARD), Box::new(AdvisoryLock::Jobs as i32)]);
    tx.later(HOLD, vec![Box::new(TASK_GUARD), Box::new(id)]);
    let in_flight = withdraw(tx, Whose::Tasks(&[id]), true).await?;
    // Nothing may be left to be written into the task's log later: em_web deletes the log next.
    tx.later(
        deferred::MOVE_OF_TASK,
        vec![Box::new(id), Box::new(STATUS_SCHEDULER)],
    );
    tx.later(
        "INSERT INTO em_scheduler.scheduler_deleted (task_id, deleted_at) VALUES ($1::int4, $2::int8)
         ON CONFLICT (task_id) DO UPDATE SET deleted_at = excluded.deleted_at",
        vec![Box::new(id), Box::new(tx.now.get())],
    );
    tasks::clear_next_run(tx, vec![id]);
    Ok(in_flight)
}

pub(super) async fn remove_everything(tx: &Tx<'_>) -> Result<Vec<RunKey>> {
    tx.wide();
    tx.hold(AdvisoryLock::Jobs).await?;
    withdraw(tx, Whose::Everyone, false).await
}

pub(super) async fn remove_orphans(tx: &Tx<'_>) -> Result<Vec<RunKey>> {
    tx.hold(AdvisoryLock::Jobs).await?;
    let orphans = tx
        .rows(
            "SELECT DISTINCT task_id FROM em_scheduler.scheduler_job j
             WHERE NOT EXISTS (SELECT 1 FROM task t WHERE t.id = j.task_id) ORDER BY task_id",
            &[],
        )
        .await?;
    let orphans: Vec<TaskId> = orphans
        .iter()
        .map(|row| Ok(row.try_get(0)?))
        .collect::<Result<_>>()?;
    withdraw(tx, Whose::Tasks(&orphans), false).await
}

/// Removes jobs, skips what waits, and lets what is in flight end without being sent again, or (`mute`) without a
/// word even. Returns the runs in flight.
async fn withdraw(tx: &Tx<'_>, whose: Whose<'_>, mute: bool) -> Result<Vec<RunKey>> {
    let (condition, tasks) = whose.condition();
    let [due, jobs] = removing(whose);
    let lock = format!(
        "SELECT key, task_id, scheduled_for, state FROM em_scheduler.scheduler_run
         WHERE {condition} AND state IN {OPEN_STATES} ORDER BY key FOR NO KEY UPDATE"
    );
    // A decider that holds these jobs is waited for by the first statement. So the runs it decided are seen below.
    let [_, removed, open] = tx
        .together([(&due, &[&tasks]), (&jobs, &[&tasks]), (&lock, &[&tasks])])
        .await?;
    let mut events = EventsByTask::new();
    tell_removed(&removed, &mut events)?;
    let (mut skipped, mut in_flight) = (Vec::new(), Vec::<RunKey>::new());
    for row in open {
        let at = UtcMicros::new(row.try_get(2)?);
        let state = RunState::from_text(row.try_get(3)?);
        match state.and_then(|state| life::remove(state, at)) {
            Some(Removal::Withdraws) => in_flight.push(row.try_get(0)?),
            Some(Removal::Skips(reason, event)) => {
                let (key, task): (RunKey, TaskId) = (row.try_get(0)?, row.try_get(1)?);
                skipped.push((at, task, (key, reason, event)));
            }
            None => {}
        }
    }
    skipped.sort_by_key(|(at, task, _)| (*at, *task));
    let mut by_reason: BTreeMap<String, Vec<RunKey>> = BTreeMap::new();
    for (_, task, (key, reason, event)) in skipped {
        by_reason.entry(reason.to_string()).or_default().push(key);
        events.entry(task).or_default().push(event);
    }
    for (reason, keys) in by_reason {
        tx.later(
            "UPDATE em_scheduler.scheduler_run SET state = 'skipped', reason = $2, finished_at = $3::int8, withdrawn = 1
             WHERE key = ANY($1::int8[])",
            vec![Box::new(keys), Box::new(reason), Box::new(tx.now.get())],
        );
    }
    if !in_flight.is_empty() {
        tx.later(
            "UPDATE em_scheduler.scheduler_run SET withdrawn = 1, muted = CASE WHEN $2::bool THEN 1 ELSE muted END
             WHERE key = ANY($1::int8[])",
            vec![Box::new(in_flight.clone()), Box::new(mute)],
        );
    }
    record_by_task(tx, events);
    Ok(in_flight)
}

/// Two statements that remove all jobs of these tasks, `$1`. What is due goes first: that waits for a decider, which
/// takes the rows in the same order.
fn removing(whose: Whose<'_>) -> [String; 2] {
    let (condition, _) = whose.condition();
    [
        format!(
            "DELETE FROM em_scheduler.scheduler_due WHERE job_key IN (SELECT key FROM em_scheduler.scheduler_job WHERE {condition})"
        ),
        format!("DELETE FROM em_scheduler.scheduler_job WHERE {condition} RETURNING task_id, listed = 1, id"),
    ]
}

/// The events of jobs removed, as the second statement of [`removing`] answered them.
fn tell_removed(removed: &[Row], events: &mut EventsByTask) -> Result<()> {
    for row in removed {
        // Nobody ever saw a tombstone, so nobody is told that it went.
        if row.try_get(1)? {
            let removed = Event::JobRemoved(row.try_get(2)?);
            events.entry(row.try_get(0)?).or_default().push(removed);
        }
    }
    Ok(())
}

/// Leaves jobs to be stored, with the time each is due first.
pub(super) fn insert_all(tx: &Tx<'_>, jobs: &[NewJob]) {
    if jobs.is_empty() {
        return;
    }
    let ids: Vec<String> = jobs.iter().map(|job| job.id.clone()).collect();
    let tasks: Vec<TaskId> = jobs.iter().map(|job| job.task_id).collect();
    let projects: Vec<i32> = jobs.iter().map(|job| job.project_id).collect();
    let kinds: Vec<&str> = jobs.iter().map(|job| job.kind.as_str()).collect();
    let names: Vec<String> = jobs.iter().map(|job| storable(job.name.clone())).collect();
    let definitions: Vec<String> = jobs.iter().map(|job| job.definition.clone()).collect();
    let listed: Vec<i32> = jobs.iter().map(|job| i32::from(job.listed)).collect();
    let next_runs: Vec<Option<i64>> = jobs
        .iter()
        .map(|job| job.next_run_at.map(UtcMicros::get))
        .collect();
    tx.later(
        "INSERT INTO em_scheduler.scheduler_job (id, task_id, project_id, kind, name, definition, created_at, listed)
         SELECT n.id, n.task_id, n.project_id, n.kind, n.name, n.definition, $8::int8, n.listed
         FROM unnest($1::text[], $2::int4[], $3::int4[], $4::text[], $5::text[], $6::text[], $7::int4[])
              WITH ORDINALITY AS n (id, task_id, project_id, kind, name, definition, listed, place)
         ORDER BY n.place
         -- F12: the task's own jobs are gone by then. A row with this id under another task belongs to no task.
         ON CONFLICT (id) DO UPDATE SET task_id = excluded.task_id, project_id = excluded.project_id,
           kind = excluded.kind, name = excluded.name, definition = excluded.definition,
           created_at = excluded.created_at,
           -- Of the same task it would be a fault of ours: null is refused.
           listed = CASE WHEN em_scheduler.scheduler_job.task_id <> excluded.task_id THEN excluded.listed END",
        vec![
            Box::new(ids.clone()),
            Box::new(tasks),
            Box::new(projects),
            Box::new(kinds),
            Box::new(names),
            Box::new(definitions),
            Box::new(listed),
            Box::new(tx.now.get()),
        ],
    );
    tx.later(
        "INSERT INTO em_scheduler.scheduler_due (job_key, next_run_at)
         SELECT j.key, n.next_run_at FROM unnest($1::text[], $2::int8[]) AS n (id, next_run_at)
         JOIN em_scheduler.scheduler_job j ON j.id = n.id WHERE n.next_run_at IS NOT NULL
         ON CONFLICT (job_key) DO UPDATE SET next_run_at = excluded.next_run_at",
        vec![Box::new(ids), Box::new(next_runs)],
    );
}

/// The events of stored jobs.
pub(super) fn added(jobs: &[NewJob]) -> impl Iterator<Item = (TaskId, Event)> {
    jobs.iter()
        .filter(|job| job.listed)
        .map(|job| (job.task_id, job.added()))
}

fn record_by_task(tx: &Tx<'_>, events: EventsByTask) {
    let events: Vec<(TaskId, Event)> = events
        .into_iter()
        .flat_map(|(task, events)| events.into_iter().map(move |event| (task, event)))
        .collect();
    tx.record(&events);
}
