//! The operations of the API on PostgreSQL: jobs listed, stored, replaced, removed. `job_sync` builds on the same
//! pieces.

use std::collections::BTreeMap;

use triggers::UtcMicros;

use super::rows;
use super::tasks;
use super::tx::{Guard, Tx, storable};
use crate::model::{Event, JobKind, ListedJob, NewJob, RunKey, SendableRun, SkipReason, TaskId, TaskRow};
use crate::store::codec::{self, OPEN_STATES};
use crate::store::{JobNamer, JobPlanner, NextRun, Replaced, Result};

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
         FROM scheduler_job j LEFT JOIN scheduler_due d ON d.job_key = j.key
         WHERE j.listed = 1 ORDER BY d.next_run_at NULLS LAST, j.id COLLATE \"C\""
    )
}

pub(super) fn listed_job(row: &tokio_postgres::Row) -> Result<ListedJob> {
    let id: String = row.try_get(0)?;
    Ok(ListedJob {
        kind: codec::job_kind("scheduler_job", &id, row.try_get(2)?)?,
        id,
        task_id: row.try_get(1)?,
        name: row.try_get(3)?,
        next_run_at: row.try_get::<_, Option<i64>>(4)?.map(UtcMicros::new),
        definition: row.try_get(5)?,
        created_at: UtcMicros::new(row.try_get(6)?),
    })
}

/// The statement that [`next_run`] reads.
pub(super) const NEXT_RUNS: &str = "SELECT j.definition, d.next_run_at
    FROM scheduler_due d JOIN scheduler_job j ON j.key = d.job_key WHERE j.listed = 1";

pub(super) fn next_run(row: &tokio_postgres::Row) -> Result<Option<NextRun>> {
    let definition: &str = row.try_get(0)?;
    Ok(Some(NextRun {
        definition: definition.into(),
        at: UtcMicros::new(row.try_get(1)?),
    }))
}

async fn task(tx: &Tx<'_>, id: TaskId) -> Result<Option<TaskRow>> {
    tx.rows(&rows::one_task(), &[&id])
        .await?
        .first()
        .map(rows::task_row)
        .transpose()
}

pub(super) async fn replace(tx: &Tx<'_>, id: TaskId, plan: &JobPlanner) -> Result<Replaced> {
    tx.hold_task(id).await?;
    let planned = match task(tx, id).await {
        Ok(None) => return Ok(Replaced::UnknownTask),
        Ok(Some(row)) => plan(&row),
        Err(error) => Err(error.unreadable()?),
    };
    let jobs = match planned {
        Ok(jobs) => jobs,
        Err(reason) => {
            tx.record(&[(id, Event::Refused(reason.clone()))]).await?;
            return Ok(Replaced::Refused(reason));
        }
    };
    let mut events = EventsByTask::new();
    remove_jobs_of(tx, Whose::Tasks(&[id]), &mut events).await?;
    insert_all(tx, &jobs).await?;
    tasks::enable(tx, id).await?;
    events
        .entry(id)
        .or_default()
        .extend(added(&jobs).map(|(_, event)| event));
    record_by_task(tx, events).await?;
    Ok(Replaced::Done)
}

pub(super) async fn add(tx: &Tx<'_>, id: TaskId, plan: &JobPlanner) -> Result<Replaced> {
    tx.hold_task(id).await?;
    let Some(row) = task(tx, id).await? else {
        return Ok(Replaced::UnknownTask);
    };
    match plan(&row) {
        Ok(jobs) => {
            insert_all(tx, &jobs).await?;
            tasks::publish_or_owe(tx, &[id]).await?;
            tx.record(&added(&jobs).collect::<Vec<_>>()).await?;
            Ok(Replaced::Done)
        }
        Err(reason) => Ok(Replaced::Refused(reason)),
    }
}

pub(super) async fn remove(tx: &Tx<'_>, id: TaskId) -> Result<Vec<RunKey>> {
    tx.hold_task(id).await?;
    let in_flight = withdraw(tx, Whose::Tasks(&[id]), true).await?;
    tasks::clear_next_run(tx, &[id]).await?;
    Ok(in_flight)
}

pub(super) async fn remove_everything(tx: &Tx<'_>) -> Result<Vec<RunKey>> {
    tx.hold(Guard::Jobs).await?;
    withdraw(tx, Whose::Everyone, false).await
}

pub(super) async fn remove_orphans(tx: &Tx<'_>) -> Result<Vec<RunKey>> {
    tx.hold(Guard::Jobs).await?;
    let orphans = tx
        .rows(
            "SELECT DISTINCT task_id FROM scheduler_job j
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
/// word even. Answers the runs in flight.
async fn withdraw(tx: &Tx<'_>, whose: Whose<'_>, mute: bool) -> Result<Vec<RunKey>> {
    let mut events = EventsByTask::new();
    // A decider that holds these jobs is waited for here. So the runs it decided are seen below.
    remove_jobs_of(tx, whose, &mut events).await?;
    let (condition, tasks) = whose.condition();
    let lock = format!(
        "SELECT key FROM scheduler_run WHERE {condition} AND state IN {OPEN_STATES} ORDER BY key FOR NO KEY UPDATE"
    );
    tx.rows(&lock, &[&tasks]).await?;
    // One statement for what waits and what is in flight: a run may pass from one to the other at any moment.
    let update = format!(
        "UPDATE scheduler_run SET
           state = CASE WHEN state = 'sending' THEN state ELSE 'skipped' END,
           reason = CASE WHEN state = 'sending' THEN reason ELSE $2::text END,
           finished_at = CASE WHEN state = 'sending' THEN finished_at ELSE $3::int8 END,
           withdrawn = 1,
           muted = CASE WHEN state = 'sending' AND $4::bool THEN 1 ELSE muted END
         WHERE {condition} AND state IN {OPEN_STATES} RETURNING task_id, scheduled_for, state, key"
    );
    let reason = SkipReason::Deleted;
    let withdrawn = tx
        .rows(&update, &[&tasks, &reason.to_string(), &tx.now.get(), &mute])
        .await?;
    let (mut skipped, mut in_flight) = (Vec::<(i64, TaskId)>::new(), Vec::new());
    for row in withdrawn {
        if row.try_get::<_, &str>(2)? == "skipped" {
            skipped.push((row.try_get(1)?, row.try_get(0)?));
        } else {
            in_flight.push(row.try_get(3)?);
        }
    }
    skipped.sort_unstable();
    for (at, task) in skipped {
        events
            .entry(task)
            .or_default()
            .push(Event::RunSkipped(UtcMicros::new(at), reason));
    }
    record_by_task(tx, events).await?;
    Ok(in_flight)
}

/// Removes all jobs of these tasks. What is due goes first: that waits for a decider, which takes the rows in the same
/// order.
async fn remove_jobs_of(tx: &Tx<'_>, whose: Whose<'_>, events: &mut EventsByTask) -> Result<()> {
    let (condition, tasks) = whose.condition();
    let due = format!(
        "DELETE FROM scheduler_due WHERE job_key IN (SELECT key FROM scheduler_job WHERE {condition})"
    );
    tx.run(&due, &[&tasks]).await?;
    let jobs = format!("DELETE FROM scheduler_job WHERE {condition} RETURNING task_id, listed = 1");
    for row in tx.rows(&jobs, &[&tasks]).await? {
        // Nobody ever saw a tombstone, so nobody is told that it went.
        if row.try_get(1)? {
            events.entry(row.try_get(0)?).or_default().push(Event::JobRemoved);
        }
    }
    Ok(())
}

/// Stores jobs and when each is due first.
pub(super) async fn insert_all(tx: &Tx<'_>, jobs: &[NewJob]) -> Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    let tasks: Vec<TaskId> = jobs.iter().map(|job| job.task_id).collect();
    let projects: Vec<i32> = jobs.iter().map(|job| job.project_id).collect();
    let kinds: Vec<&str> = jobs.iter().map(|job| job.kind.as_str()).collect();
    let names: Vec<String> = jobs.iter().map(|job| storable(&job.name)).collect();
    let definitions: Vec<&str> = jobs.iter().map(|job| job.definition.as_str()).collect();
    let listed: Vec<i32> = jobs.iter().map(|job| i32::from(job.listed)).collect();
    let next_runs: Vec<Option<i64>> = jobs
        .iter()
        .map(|job| job.next_run_at.map(UtcMicros::get))
        .collect();
    tx.run(
        "INSERT INTO scheduler_job (id, task_id, project_id, kind, name, definition, created_at, listed)
         SELECT n.id, n.task_id, n.project_id, n.kind, n.name, n.definition, $8::int8, n.listed
         FROM unnest($1::text[], $2::int4[], $3::int4[], $4::text[], $5::text[], $6::text[], $7::int4[])
              WITH ORDINALITY AS n (id, task_id, project_id, kind, name, definition, listed, place)
         ORDER BY n.place",
        &[
            &ids,
            &tasks,
            &projects,
            &kinds,
            &names,
            &definitions,
            &listed,
            &tx.now.get(),
        ],
    )
    .await?;
    tx.run(
        "INSERT INTO scheduler_due (job_key, next_run_at)
         SELECT j.key, n.next_run_at FROM unnest($1::text[], $2::int8[]) AS n (id, next_run_at)
         JOIN scheduler_job j ON j.id = n.id WHERE n.next_run_at IS NOT NULL",
        &[&ids, &next_runs],
    )
    .await?;
    Ok(())
}

/// The events of stored jobs.
pub(super) fn added(jobs: &[NewJob]) -> impl Iterator<Item = (TaskId, Event)> {
    jobs.iter()
        .filter(|job| job.listed)
        .map(|job| (job.task_id, Event::JobAdded(job.next_run_at)))
}

async fn record_by_task(tx: &Tx<'_>, events: EventsByTask) -> Result<()> {
    let events: Vec<(TaskId, Event)> = events
        .into_iter()
        .flat_map(|(task, events)| events.into_iter().map(move |event| (task, event)))
        .collect();
    tx.record(&events).await
}

pub(super) async fn begin_manual_run(
    tx: &Tx<'_>,
    id: TaskId,
    name: &JobNamer,
) -> Result<Option<SendableRun>> {
    let Some(row) = task(tx, id).await? else {
        return Ok(None);
    };
    let job_id = name(&row);
    let inserted = tx
        .row(
            "INSERT INTO scheduler_run
               (job_id, task_id, kind, scheduled_for, state, decided_at, attempt, owner, fence, sent_at)
             VALUES ($1, $2, 'manual', $3, 'sending', $3, 1, $4, 1, $3) RETURNING key",
            &[&job_id, &id, &tx.now.get(), &tx.owner],
        )
        .await?;
    tx.record(&[(id, Event::RunSubmitted)]).await?;
    Ok(Some(SendableRun {
        key: inserted.try_get(0)?,
        job_id,
        task_id: id,
        kind: JobKind::Manual,
        scheduled_for: tx.now,
        fence: 1,
        attempt: 1,
        not_before: None,
        sending: true,
    }))
}
