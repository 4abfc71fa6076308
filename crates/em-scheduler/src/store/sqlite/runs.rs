//! The runs that were decided, on SQLite: begun, settled, taken over, forgotten.

use super::cells::{SqliteColumns, lossy};
use super::events::record;
use super::{OPEN, SqliteStore, WriteContext, rows};
use crate::em_web::schema::STATUS_ERRORED;
use crate::model::life::{self, Ending, Held, Removal, Settling, Taken};
use crate::model::{Event, OpenRun, RunKey, RunState, SendableRun, Settlement, TaskId};
use crate::store::{JobNamer, Result, Runs, TakeOverJudge, codec};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row};
use triggers::UtcMicros;

#[async_trait]
impl Runs for SqliteStore {
    async fn begin_manual_run(
        &self,
        now: UtcMicros,
        task: TaskId,
        job_id: JobNamer,
    ) -> Result<Option<SendableRun>> {
        self.write(now, move |transaction, context| {
            begin_manual_run(transaction, context, task, &job_id)
        })
        .await
    }

    async fn begin_sends(&self, now: UtcMicros, runs: Vec<(RunKey, i64)>) -> Result<Vec<SendableRun>> {
        self.write(now, move |transaction, context| {
            begin_sends(transaction, context, &runs)
        })
        .await
    }

    async fn settle(&self, now: UtcMicros, settlements: Vec<Settlement>) -> Result<()> {
        self.write(now, move |transaction, context| {
            settle(transaction, context, &settlements)
        })
        .await
    }

    async fn release_queued(&self, now: UtcMicros) -> Result<usize> {
        self.write(now, |transaction, context| release_queued(transaction, context))
            .await
    }

    async fn take_over(
        &self,
        now: UtcMicros,
        owners: Vec<String>,
        unregistered: bool,
        judge: TakeOverJudge,
    ) -> Result<Vec<SendableRun>> {
        self.write(now, move |transaction, context| {
            take_over(transaction, context, (&owners, unregistered), &judge)
        })
        .await
    }

    async fn answered_tasks(&self, newest: usize, within: i64) -> Result<Vec<TaskId>> {
        let newest = i64::try_from(newest).unwrap_or(i64::MAX);
        self.readers
            .read(move |connection| answered(connection, (newest, within)))
            .await
    }

    async fn delete_old_runs(&self, before: UtcMicros, limit: usize) -> Result<usize> {
        self.write(before, move |transaction, _| {
            delete_old_runs(transaction, before, limit)
        })
        .await
    }
}

pub(super) fn begin_manual_run(
    connection: &Connection,
    context: &WriteContext,
    task: TaskId,
    job_id: &JobNamer,
) -> Result<Option<SendableRun>> {
    let Some(row) = rows::task(connection, context.sequences, task)? else {
        return Ok(None);
    };
    let job_id = job_id(&row);
    connection
        .prepare_cached(
            "INSERT INTO scheduler_run
               (job_id, task_id, kind, scheduled_for, state, decided_at, attempt, owner, fence, sent_at)
             VALUES (?1, ?2, 'manual', ?3, 'sending', ?3, 1, ?4, 1, ?3)",
        )?
        .execute((&job_id, task, context.now.get(), &context.owner))?;
    let key = connection.last_insert_rowid();
    record(connection, context, task, &Event::RunSubmitted)?;
    Ok(Some(life::manual(key, job_id, task, context.now)))
}

/// The columns of a run in the order [`run_row`] reads them.
const RUN_COLUMNS: &str = "key, job_id, task_id, kind, scheduled_for, fence, attempt, not_before, state = 'sending', owner, \
     withdrawn";

fn run_row(row: &Row<'_>) -> Result<OpenRun> {
    let cells = SqliteColumns::new(row, "scheduler_run", 1);
    Ok(OpenRun {
        run: SendableRun {
            key: row.get(0)?,
            kind: cells.job_kind(3)?,
            job_id: cells.job_id(1, "job_id")?.to_owned(),
            task_id: cells.task_id(2, "task_id")?,
            scheduled_for: cells.instant(4, "scheduled_for")?,
            fence: cells.fence(5)?,
            attempt: cells.attempt(6)?,
            not_before: cells.instant_or_null(7, "not_before")?,
            sending: row.get(8)?,
        },
        owner: lossy(row.get_ref(9)?),
        withdrawn: integer(row, 10)? == 1,
    })
}

/// The task of such a row, if there can be one.
fn task_of(row: &Row<'_>) -> Result<Option<TaskId>> {
    Ok(TaskId::try_from(row.get::<_, i64>(2)?).ok())
}

pub(super) fn begin_sends(
    connection: &Connection,
    context: &WriteContext,
    runs: &[(RunKey, i64)],
) -> Result<Vec<SendableRun>> {
    let mut read = connection.prepare_cached(&format!(
        "SELECT {RUN_COLUMNS}, state FROM scheduler_run WHERE key = ?1"
    ))?;
    let mut update = connection.prepare_cached(
        "UPDATE scheduler_run SET state = 'sending', fence = ?2, attempt = ?3, not_before = NULL, sent_at = ?4
         WHERE key = ?1",
    )?;
    let (mut begun, mut told) = (Vec::with_capacity(runs.len()), Vec::new());
    for (key, fence) in runs {
        let found = read
            .query_row([key], |row| {
                Ok((stored_state(row, 11)?, run_row(row), task_of(row)))
            })
            .optional()?;
        let Some((state, run, task)) = found else { continue };
        if !life::is_waiting(state) {
            continue;
        }
        let run = codec::readable_run(run, (task?, *key), &mut told)?;
        if let Some(run) = run.and_then(|OpenRun { run, .. }| life::begin(run, *fence)) {
            update.execute((key, run.fence, run.attempt, context.now.get()))?;
            begun.push(run);
        }
    }
    for (task, event) in told {
        record(connection, context, task, &event)?;
    }
    Ok(begun)
}

/// A number as it is stored; what is none is -1, which is no fence and no flag of ours (F12).
fn integer(row: &Row<'_>, place: usize) -> rusqlite::Result<i64> {
    Ok(row.get_ref(place)?.as_i64().unwrap_or(-1))
}

/// The state as it is stored; none for a text that is none.
fn stored_state(row: &Row<'_>, place: usize) -> rusqlite::Result<Option<RunState>> {
    let text = row.get_ref(place)?.as_str();
    Ok(text.ok().and_then(RunState::from_text))
}

pub(super) fn settle(
    connection: &Connection,
    context: &WriteContext,
    settlements: &[Settlement],
) -> Result<()> {
    let mut read = connection
        .prepare_cached("SELECT state, fence, attempt, withdrawn, muted FROM scheduler_run WHERE key = ?1")?;
    for settlement in settlements {
        let held = read
            .query_row([settlement.key], |row| {
                Ok(Held {
                    state: stored_state(row, 0)?,
                    fence: integer(row, 1)?,
                    attempt: integer(row, 2)?,
                    withdrawn: integer(row, 3)? == 1,
                    muted: integer(row, 4)? == 1,
                })
            })
            .optional()?;
        let Some(held) = held else { continue };
        match life::settle(settlement, &held) {
            Settling::Nothing => {}
            Settling::Ends(ending) => end(connection, context, settlement, &ending)?,
            Settling::Requeues { not_before, attempt } => {
                connection
                    .prepare_cached(
                        "UPDATE scheduler_run SET state = 'queued', not_before = ?2, attempt = ?3, sent_at = NULL
                         WHERE key = ?1",
                    )?
                    .execute((settlement.key, not_before.get(), attempt))?;
            }
        }
    }
    Ok(())
}

fn end(
    connection: &Connection,
    context: &WriteContext,
    settlement: &Settlement,
    ending: &Ending,
) -> Result<()> {
    connection
        .prepare_cached("UPDATE scheduler_run SET state = ?2, reason = ?3, finished_at = ?4 WHERE key = ?1")?
        .execute((
            settlement.key,
            ending.state.as_str(),
            &ending.reason,
            context.now.get(),
        ))?;
    if ending.marks_task {
        connection
            .prepare_cached("UPDATE task SET status_id = ?2 WHERE id = ?1")?
            .execute((settlement.task_id, STATUS_ERRORED))?;
    }
    match &ending.event {
        Some(event) => record(connection, context, settlement.task_id, event),
        None => Ok(()),
    }
}

pub(super) fn take_over(
    connection: &Connection,
    context: &WriteContext,
    (owners, unregistered): (&[String], bool),
    judge: &TakeOverJudge,
) -> Result<Vec<SendableRun>> {
    // The plus keeps SQLite from going through all runs in the order wanted, instead of the few open ones.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {RUN_COLUMNS}, owner <> ?1 AND NOT EXISTS (SELECT 1 FROM scheduler_instance i WHERE i.id = owner)
         FROM scheduler_run WHERE {OPEN} ORDER BY +scheduled_for, job_id"
    ))?;
    let mut rows = statement.query([&context.owner])?;
    let (mut open, mut told) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let Some(run) = codec::readable_run(run_row(row), (task_of(row)?, row.get(0)?), &mut told)? else {
            continue;
        };
        if owners.contains(&run.owner) || (unregistered && row.get(11)?) {
            open.push(run);
        }
    }
    for (task, event) in told {
        record(connection, context, task, &event)?;
    }
    let mut adopt = connection
        .prepare_cached("UPDATE scheduler_run SET state = 'queued', owner = ?2, fence = ?3 WHERE key = ?1")?;
    let (mut adopted, mut settlements) = (Vec::new(), Vec::new());
    for found in open {
        match life::take_over(judge(&found), found) {
            Taken::Left => {}
            Taken::Adopted(run) => {
                adopt.execute((run.key, &context.owner, run.fence))?;
                adopted.push(run);
            }
            Taken::Settled(settlement) => settlements.push(settlement),
        }
    }
    settle(connection, context, &settlements)?;
    Ok(adopted)
}

pub(super) fn delete_old_runs(connection: &Connection, before: UtcMicros, limit: usize) -> Result<usize> {
    // Keys grow with time: the oldest rows come first, and no index on the time of decision is needed. The last row stays, or SQLite
    // would give its key to the next one.
    connection
        .prepare_cached("DELETE FROM scheduler_deleted WHERE deleted_at < ?1")?
        .execute([before.get()])?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let events = connection
        .prepare_cached(
            "DELETE FROM scheduler_event WHERE key IN (
               SELECT key FROM (SELECT key, at FROM scheduler_event ORDER BY key LIMIT ?2) WHERE at < ?1)
               AND key < (SELECT max(key) FROM scheduler_event)",
        )?
        .execute((before.get(), limit))?;
    let deleted = connection
        .prepare_cached(&format!(
            "DELETE FROM scheduler_run WHERE key IN (
               SELECT key FROM (SELECT key, decided_at, state FROM scheduler_run ORDER BY key LIMIT ?2)
               WHERE decided_at < ?1 AND NOT {OPEN}) AND key < (SELECT max(key) FROM scheduler_run)"
        ))?
        .execute((before.get(), limit))?;
    Ok(deleted + events)
}

pub(super) fn remove_runs_of(
    connection: &Connection,
    context: &WriteContext,
    task: i64,
    mute: bool,
) -> Result<Vec<RunKey>> {
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
                skip.execute((key, reason.to_string(), context.now.get()))?;
                if let Some(task) = task {
                    record(connection, context, task, &event)?;
                }
            }
        }
    }
    Ok(in_flight)
}

/// The rows belong to no process afterwards: who looks for runs that have no living owner finds them.
pub(super) fn release_queued(connection: &Connection, context: &WriteContext) -> Result<usize> {
    let released = connection
        .prepare_cached(
            "UPDATE scheduler_run SET owner = '', fence = fence + 1 WHERE owner = ?1 AND state = 'queued'",
        )?
        .execute([&context.owner])?;
    Ok(released)
}

pub(super) fn answered(connection: &Connection, (newest, within): (i64, i64)) -> Result<Vec<TaskId>> {
    // Beside max() the other columns are those of its row.
    let mut last = connection.prepare(
        "SELECT task_id FROM (
           SELECT task_id, max(key), state, finished_at - sent_at AS took FROM (
             SELECT key, task_id, state, sent_at, finished_at FROM scheduler_run ORDER BY key DESC LIMIT ?1)
           WHERE state IN ('delivered', 'unknown') GROUP BY task_id)
         WHERE state = 'delivered' AND took BETWEEN 0 AND ?2",
    )?;
    let tasks = last.query_map((newest, within), |row| row.get(0))?;
    // One beyond what an id may be is no task that could be asked.
    Ok(tasks
        .filter_map(|task| task.map(|task: i64| TaskId::try_from(task).ok()).transpose())
        .collect::<Result<_, _>>()?)
}
