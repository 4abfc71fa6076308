//! The life of a run on PostgreSQL, once it is decided: begun, settled, taken over, forgotten.
//!
//! Runs are locked in the order of their keys before they are changed, so that batches that meet wait for one another
//! and never in a circle.

use std::collections::HashMap;

use tokio_postgres::Row;
use triggers::UtcMicros;

use super::cells::Cells;
use super::tasks;
use super::tx::{Tx, storable};
use crate::model::life::{self, Held, Settling, Taken};
use crate::model::{Event, OpenRun, RunKey, RunState, SendableRun, Settlement, TaskId};
use crate::store::codec::{self, OPEN_STATES};
use crate::store::{Result, TakeOverJudge};

/// The columns of a run in the order [`run_row`] reads them; `r` is the table.
const RUN_COLUMNS: &str = "r.key, r.job_id, r.task_id, r.kind, r.scheduled_for, r.fence, r.attempt, r.not_before, \
     r.state = 'sending', r.owner, r.withdrawn = 1";

fn run_row(row: &Row) -> Result<OpenRun> {
    let cells = Cells::new(row, "scheduler_run", 1);
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
            && let Some(found) = codec::readable_run(run_row(&row), row.try_get(2)?, &mut told)?
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
    (owners, strangers): (&[String], bool),
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
    for row in tx.rows(&query, &[&owners, &strangers, &tx.owner]).await? {
        if let Some(run) = codec::readable_run(run_row(&row), row.try_get(2)?, &mut told)? {
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
    let deleted = tx
        .run(
            &delete,
            &[&before.get(), &i64::try_from(limit).unwrap_or(i64::MAX)],
        )
        .await?;
    Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
}
