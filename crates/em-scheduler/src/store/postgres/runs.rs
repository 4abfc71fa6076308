//! The runs that were decided, on PostgreSQL: begun, settled, taken over, forgotten.
//!
//! Runs are locked in the order of their keys before they are changed, so that batches that meet wait for one another
//! and never in a circle.

use super::cells::PgColumns;
use super::link::{Link, Patience};
use super::tx::{Tx, storable};
use super::{PostgresStore, rows, tasks};
use crate::em_web::TaskRow;
use crate::model::life::{self, Held, Settling, Taken};
use crate::model::{Event, OpenRun, RunKey, RunState, SendableRun, Settlement, TaskId};
use crate::store::codec::{self, OPEN_STATES};
use crate::store::{JobNamer, Result, Runs, TakeOverJudge};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;
use tokio_postgres::Row;
use triggers::UtcMicros;

#[async_trait]
impl Runs for PostgresStore {
    async fn begin_manual_run(
        &self,
        now: UtcMicros,
        task: TaskId,
        job_id: JobNamer,
    ) -> Result<Option<SendableRun>> {
        self.write_when_free((&self.callers, Patience::Usual), now, || {
            let job_id = Arc::clone(&job_id);
            move |tx: &_| Box::pin(async move { begin_manual_run(tx, task, &job_id).await })
        })
        .await
    }

    async fn begin_sends(&self, now: UtcMicros, runs: Vec<(RunKey, i64)>) -> Result<Vec<SendableRun>> {
        self.write(now, move |tx| {
            Box::pin(async move { begin_sends(tx, &runs).await })
        })
        .await
    }

    async fn settle(&self, now: UtcMicros, settlements: Vec<Settlement>) -> Result<()> {
        self.write(now, move |tx| {
            Box::pin(async move { settle(tx, &settlements).await })
        })
        .await
    }

    async fn release_queued(&self, now: UtcMicros) -> Result<usize> {
        self.write(now, |tx| Box::pin(release_queued(tx))).await
    }

    async fn take_over(
        &self,
        now: UtcMicros,
        owners: Vec<String>,
        unregistered: bool,
        judge: TakeOverJudge,
    ) -> Result<Vec<SendableRun>> {
        self.write(now, move |tx| {
            Box::pin(async move { take_over(tx, (&owners, unregistered), &judge).await })
        })
        .await
    }

    async fn answered_tasks(&self, newest: usize, within: i64) -> Result<Vec<TaskId>> {
        answered(&self.link, (newest, within)).await
    }

    async fn delete_old_runs(&self, before: UtcMicros, limit: usize) -> Result<usize> {
        self.write(before, move |tx| Box::pin(delete_old_runs(tx, before, limit)))
            .await
    }
}

async fn task(tx: &Tx<'_>, id: TaskId) -> Result<Option<TaskRow>> {
    let rows = tx.rows(&tx.reading.one_task, &[&id]).await?;
    rows.first().map(rows::task_row).transpose()
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
            "INSERT INTO em_scheduler.scheduler_run
               (job_id, task_id, kind, scheduled_for, state, decided_at, attempt, owner, fence, sent_at)
             VALUES ($1, $2, 'manual', $3, 'sending', $3, 1, $4, 1, $3) RETURNING key",
            &[&job_id, &id, &tx.now.get(), &tx.owner],
        )
        .await?;
    tx.record(&[(id, Event::RunSubmitted)]);
    Ok(Some(life::manual(inserted.try_get(0)?, job_id, id, tx.now)))
}

/// The columns of a run in the order [`run_row`] reads them; `r` is the table.
const RUN_COLUMNS: &str = "r.key, r.job_id, r.task_id, r.kind, r.scheduled_for, r.fence, r.attempt, r.not_before, \
     r.state = 'sending', r.owner, r.withdrawn = 1";

fn run_row(row: &Row) -> Result<OpenRun> {
    let cells = PgColumns::new(row, "scheduler_run", 1);
    Ok(OpenRun {
        run: SendableRun {
            key: row.try_get(0)?,
            kind: cells.job_kind(3)?,
            job_id: cells.job_id(1, "job_id")?.to_owned(),
            task_id: row.try_get(2)?,
            scheduled_for: cells.instant(4, "scheduled_for")?,
            fence: cells.fence(5)?,
            attempt: cells.attempt(6)?,
            not_before: cells.instant_or_null(7, "not_before")?,
            sending: row.try_get(8)?,
        },
        owner: row.try_get(9)?,
        withdrawn: row.try_get(10)?,
    })
}

/// Locks runs and reads how they stand.
async fn hold(tx: &Tx<'_>, keys: &[RunKey]) -> Result<HashMap<RunKey, Held>> {
    let locked = tx
        .rows(
            "SELECT key, fence, state, attempt::int8, withdrawn = 1, muted = 1 FROM em_scheduler.scheduler_run
             WHERE key = ANY($1::int8[]) ORDER BY key FOR NO KEY UPDATE",
            &[&keys],
        )
        .await?;
    let mut held = HashMap::with_capacity(locked.len());
    for row in locked {
        let run = Held {
            fence: row.try_get(1)?,
            state: RunState::from_text(row.try_get(2)?),
            attempt: row.try_get(3)?,
            withdrawn: row.try_get(4)?,
            muted: row.try_get(5)?,
        };
        held.insert(row.try_get(0)?, run);
    }
    Ok(held)
}

pub(super) async fn begin_sends(tx: &Tx<'_>, runs: &[(RunKey, i64)]) -> Result<Vec<SendableRun>> {
    let keys: Vec<RunKey> = runs.iter().map(|(key, _)| *key).collect();
    // By key alone, and what is not ours is left out here. Were the state a condition, the planner would take the index
    // of open runs for the shorter way, and walk through every run that has ended since the last vacuum: 120 µs a run.
    let lock = format!(
        "SELECT {RUN_COLUMNS}, r.state FROM em_scheduler.scheduler_run r WHERE r.key = ANY($1::int8[])
         ORDER BY r.key FOR NO KEY UPDATE OF r"
    );
    let (mut held, mut told) = (HashMap::with_capacity(runs.len()), Vec::new());
    for row in tx.rows(&lock, &[&keys]).await? {
        if life::is_waiting(RunState::from_text(row.try_get(11)?))
            && let Some(found) =
                codec::readable_run(run_row(&row), (row.try_get(2)?, row.try_get(0)?), &mut told)?
        {
            held.insert(found.run.key, found.run);
        }
    }
    tx.record(&told);
    let begun: Vec<SendableRun> = runs
        .iter()
        .filter_map(|(key, fence)| held.remove(key).and_then(|run| life::begin(run, *fence)))
        .collect();
    if !begun.is_empty() {
        let keys: Vec<RunKey> = begun.iter().map(|run| run.key).collect();
        tx.later(
            "UPDATE em_scheduler.scheduler_run SET state = 'sending', attempt = attempt + 1, fence = fence + 1,
                                      not_before = NULL, sent_at = $2::int8
             WHERE key = ANY($1::int8[])",
            vec![Box::new(keys), Box::new(tx.now.get())],
        );
    }
    Ok(begun)
}

/// Settlements turned into columns.
#[derive(Default)]
struct Batch {
    ended: Vec<RunKey>,
    states: Vec<&'static str>,
    reasons: Vec<Option<String>>,
    requeued: Vec<RunKey>,
    not_before: Vec<i64>,
    attempts: Vec<i64>,
    failed: Vec<TaskId>,
    events: Vec<(TaskId, Event)>,
}

impl Batch {
    fn add(&mut self, settlement: &Settlement, settling: Settling) {
        match settling {
            Settling::Nothing => {}
            Settling::Ends(ending) => {
                self.ended.push(settlement.key);
                self.states.push(ending.state.as_str());
                self.reasons.push(ending.reason.map(storable));
                if ending.marks_task {
                    self.failed.push(settlement.task_id);
                }
                self.events
                    .extend(ending.event.map(|event| (settlement.task_id, event)));
            }
            Settling::Requeues { not_before, attempt } => {
                self.requeued.push(settlement.key);
                self.not_before.push(not_before.get());
                self.attempts.push(attempt);
            }
        }
    }
}

pub(super) async fn settle(tx: &Tx<'_>, settlements: &[Settlement]) -> Result<()> {
    let keys: Vec<RunKey> = settlements.iter().map(|settlement| settlement.key).collect();
    let mut held = hold(tx, &keys).await?;
    let mut batch = Batch::default();
    for settlement in settlements {
        // Taken out: of two settlements of one run in a batch, the first counts.
        if let Some(run) = held.remove(&settlement.key) {
            batch.add(settlement, life::settle(settlement, &run));
        }
    }
    if !batch.ended.is_empty() {
        tx.later(
            "UPDATE em_scheduler.scheduler_run r SET state = n.state, reason = n.reason, finished_at = $4::int8
             FROM unnest($1::int8[], $2::text[], $3::text[]) AS n (key, state, reason) WHERE r.key = n.key",
            vec![
                Box::new(batch.ended),
                Box::new(batch.states),
                Box::new(batch.reasons),
                Box::new(tx.now.get()),
            ],
        );
    }
    if !batch.requeued.is_empty() {
        tx.later(
            "UPDATE em_scheduler.scheduler_run r SET state = 'queued', not_before = n.not_before, sent_at = NULL,
                                        attempt = n.attempt::int4
             FROM unnest($1::int8[], $2::int8[], $3::int8[]) AS n (key, not_before, attempt) WHERE r.key = n.key",
            vec![
                Box::new(batch.requeued),
                Box::new(batch.not_before),
                Box::new(batch.attempts),
            ],
        );
    }
    tasks::set_errored(tx, &batch.failed).await?;
    tx.record(&batch.events);
    Ok(())
}

pub(super) async fn take_over(
    tx: &Tx<'_>,
    (owners, unregistered): (&[String], bool),
    judge: &TakeOverJudge,
) -> Result<Vec<SendableRun>> {
    let query = format!(
        "SELECT {RUN_COLUMNS} FROM em_scheduler.scheduler_run r
         WHERE r.state IN {OPEN_STATES} AND (r.owner = ANY($1::text[])
            OR ($2::bool AND r.owner <> $3::text
                AND NOT EXISTS (SELECT 1 FROM em_scheduler.scheduler_instance i WHERE i.id = r.owner)))
         ORDER BY r.key FOR NO KEY UPDATE OF r SKIP LOCKED"
    );
    // A row that is locked is somebody's work, or that of a connection given up: the next look finds it.
    let (mut open, mut told) = (Vec::new(), Vec::new());
    for row in tx.rows(&query, &[&owners, &unregistered, &tx.owner]).await? {
        if let Some(run) = codec::readable_run(run_row(&row), (row.try_get(2)?, row.try_get(0)?), &mut told)?
        {
            open.push(run);
        }
    }
    tx.record(&told);
    open.sort_by(|one, other| {
        (one.run.scheduled_for, &one.run.job_id).cmp(&(other.run.scheduled_for, &other.run.job_id))
    });
    let (mut adopted, mut settlements) = (Vec::new(), Vec::new());
    for found in open {
        match life::take_over(judge(&found), found) {
            Taken::Left => {}
            Taken::Adopted(run) => adopted.push(run),
            Taken::Settled(settlement) => settlements.push(settlement),
        }
    }
    let keys: Vec<RunKey> = adopted.iter().map(|run| run.key).collect();
    if !keys.is_empty() {
        tx.later(
            "UPDATE em_scheduler.scheduler_run SET state = 'queued', owner = $2, fence = fence + 1 WHERE key = ANY($1::int8[])",
            vec![Box::new(keys), Box::new(tx.owner.clone())],
        );
    }
    settle(tx, &settlements).await?;
    Ok(adopted)
}

pub(super) async fn delete_old_runs(tx: &Tx<'_>, before: UtcMicros, limit: usize) -> Result<usize> {
    tx.later(
        "DELETE FROM em_scheduler.scheduler_deleted WHERE deleted_at < $1::int8",
        vec![Box::new(before.get())],
    );
    // Keys grow with time: the oldest rows come first, and no index on the time of decision is needed.
    let delete = format!(
        "DELETE FROM em_scheduler.scheduler_run WHERE key IN (
           SELECT o.key FROM (SELECT key, decided_at, state FROM em_scheduler.scheduler_run ORDER BY key LIMIT $2) AS o
           WHERE o.decided_at < $1 AND o.state NOT IN {OPEN_STATES})"
    );
    let events = "DELETE FROM em_scheduler.scheduler_event WHERE key IN (
           SELECT o.key FROM (SELECT key, at FROM em_scheduler.scheduler_event ORDER BY key LIMIT $2) AS o WHERE o.at < $1)";
    let (before, limit) = (before.get(), i64::try_from(limit).unwrap_or(i64::MAX));
    let deleted = tx.run(&delete, &[&before, &limit]).await? + tx.run(events, &[&before, &limit]).await?;
    Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
}

/// The rows belong to no process afterwards: who looks for runs that have no living owner finds them.
pub(super) async fn release_queued(tx: &Tx<'_>) -> Result<usize> {
    let released = tx
        .run(
            "UPDATE em_scheduler.scheduler_run SET owner = '', fence = fence + 1 WHERE key IN (
               SELECT key FROM em_scheduler.scheduler_run WHERE owner = $1 AND state = 'queued' ORDER BY key FOR NO KEY UPDATE)",
            &[&tx.owner],
        )
        .await?;
    Ok(usize::try_from(released).unwrap_or(usize::MAX))
}

pub(super) async fn answered(link: &Link, (newest, within): (usize, i64)) -> Result<Vec<TaskId>> {
    // The limit is no parameter: the planner must see that it is few rows from the end of an index, and not sort them all.
    // As floats, for the difference of what cannot be the times of a run must not fail the others.
    let last = format!(
        "SELECT task_id FROM (
           SELECT DISTINCT ON (task_id) task_id, state, finished_at::float8 - sent_at::float8 AS took FROM (
             SELECT key, task_id, state, sent_at, finished_at FROM em_scheduler.scheduler_run ORDER BY key DESC LIMIT {newest}) newest
           WHERE state IN ('delivered', 'unknown') ORDER BY task_id, key DESC) last
         WHERE state = 'delivered' AND took BETWEEN 0 AND $1::int8"
    );
    let rows = link.rows(&last, &[&within]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
