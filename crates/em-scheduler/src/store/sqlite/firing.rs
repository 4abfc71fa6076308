//! The operations of the engine on SQLite: decide, begin, settle, take over.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use triggers::UtcMicros;

use super::cells::{Cells, lossy};
use super::{OPEN, Scope, record, record_of};
use crate::model::{
    DueJob, Event, JobKind, Next, OpenRun, Outcome, Plan, RunKey, SendableRun, Settled, Settlement,
    SkipReason, TaskId, Verdict,
};
use crate::store::codec::{self, EventRow};
use crate::store::passed_over;
use crate::store::{Decided, Decider, Result, TakeOver, TakeOverJudge};

/// A due job, if its row can be read, with what it takes to say that it cannot.
struct DueRow {
    key: i64,
    id: String,
    /// None where no task of em_web's can have such an id.
    task_id: Option<TaskId>,
    next_run_at: i64,
    job: Result<DueJob>,
}

pub(super) fn decide(
    connection: &Connection,
    scope: &Scope,
    limit: usize,
    decider: &dyn Decider,
) -> Result<Decided> {
    if super::state(connection, super::PAUSED)? != 0 {
        return Ok(Decided {
            paused: true,
            ..Decided::default()
        });
    }
    let (mut due, strays) = due_jobs(connection, scope.now, limit)?;
    due.sort_by(|one, other| (one.next_run_at, &one.id).cmp(&(other.next_run_at, &other.id)));
    let mut decided = Decided {
        jobs: due.len() + strays.len(),
        ..Decided::default()
    };
    for key in strays {
        forget_due(connection, key)?;
        passed_over::tell(&codec::no_job_is_due(key));
    }
    for due in due {
        decided.tasks.extend(due.task_id);
        match judged(due, decider)? {
            Ok((key, job, plan)) => {
                decided
                    .runs
                    .extend(apply(connection, scope, (key, &job, plan), decider)?);
            }
            Err(unreadable) => stand_still(connection, scope, unreadable)?,
        }
    }
    decided.next_due = connection
        .prepare_cached("SELECT min(next_run_at) FROM scheduler_due")?
        .query_row([], |row| row.get::<_, Option<i64>>(0))?
        .map(UtcMicros::new);
    crate::crash::point("decide.uncommitted");
    Ok(decided)
}

/// A job whose row or trigger cannot be read: its key, its task, its id, and why.
type Unreadable = (i64, Option<TaskId>, String, String);

/// Applies the rule to a due job.
fn judged(due: DueRow, decider: &dyn Decider) -> Result<Result<(i64, DueJob, Plan), Unreadable>> {
    let DueRow {
        key,
        id,
        task_id,
        job,
        ..
    } = due;
    let planned = match job {
        Ok(job) => decider.plan(&job).map(|plan| (key, job, plan)),
        Err(error) => Err(error.unreadable()?),
    };
    Ok(planned.map_err(|reason| (key, task_id, id, reason)))
}

/// F10: only this job stands still; it stays listed, without a next run.
fn stand_still(connection: &Connection, scope: &Scope, unreadable: Unreadable) -> Result<()> {
    let (key, task, id, reason) = unreadable;
    forget_due(connection, key)?;
    match task {
        Some(task) => record(connection, scope, task, &Event::Unreadable(id, reason)),
        // No log of a task's can tell of it.
        None => {
            tracing::error!(job = id, reason, "a job stands still");
            Ok(())
        }
    }
}

fn forget_due(connection: &Connection, key: i64) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM scheduler_due WHERE job_key = ?1")?
        .execute([key])?;
    Ok(())
}

/// The due jobs, and the keys of due times that belong to none: left standing, they would be due for ever, and the loop
/// would go round without a pause.
fn due_jobs(connection: &Connection, now: UtcMicros, limit: usize) -> Result<(Vec<DueRow>, Vec<i64>)> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT d.job_key, d.next_run_at, j.id, j.task_id, j.kind, j.definition, j.created_at, t.id,
                coalesce(t.enabled, 0),
                (SELECT count(*) FROM scheduler_run r
                 WHERE r.task_id = j.task_id AND r.job_id = j.id AND {OPEN})
         FROM scheduler_due d LEFT JOIN scheduler_job j ON j.key = d.job_key LEFT JOIN task t ON t.id = j.task_id
         WHERE d.next_run_at <= ?1 ORDER BY d.next_run_at, d.job_key LIMIT ?2"
    ))?;
    let mut rows = statement.query((now.get(), i64::try_from(limit).unwrap_or(i64::MAX)))?;
    let (mut jobs, mut strays) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        if row.get_ref(2)? == ValueRef::Null {
            strays.push(row.get(0)?);
            continue;
        }
        jobs.push(DueRow {
            key: row.get(0)?,
            id: lossy(row.get_ref(2)?),
            task_id: TaskId::try_from(row.get::<_, i64>(3)?).ok(),
            next_run_at: row.get(1)?,
            job: due_job(row),
        });
    }
    Ok((jobs, strays))
}

fn due_job(row: &Row<'_>) -> Result<DueJob> {
    let cells = Cells::new(row, "scheduler_job", 2);
    let task_is_there = row.get_ref(7)? != ValueRef::Null;
    // What is no number is not 1 either.
    let enabled = row.get_ref(8)?.as_i64().is_ok_and(|flag| flag == 1);
    Ok(DueJob {
        id: cells.job_id(2, "id")?.to_owned(),
        task_id: cells.task_id(3, "task_id")?,
        kind: cells.job_kind(4)?,
        definition: cells.text(5, "definition")?.to_owned(),
        created_at: cells.instant(6, "created_at")?,
        next_run_at: cells.of_table("scheduler_due").instant(1, "next_run_at")?,
        instances: row.get(9)?,
        task_enabled: task_is_there.then_some(enabled),
    })
}

fn apply(
    connection: &Connection,
    scope: &Scope,
    (key, job, plan): (i64, &DueJob, Plan),
    decider: &dyn Decider,
) -> Result<Vec<SendableRun>> {
    let mut runs = Vec::new();
    for verdict in &plan.verdicts {
        if let Some(run) = write_run(connection, scope, (job, verdict), decider)? {
            runs.push(run);
        }
    }
    match plan.next {
        Next::At(at) => {
            connection
                .prepare_cached(
                    "UPDATE scheduler_due SET next_run_at = ?2 WHERE job_key = ?1 AND next_run_at = ?3",
                )?
                .execute((key, at.get(), job.next_run_at.get()))?;
        }
        Next::Finished | Next::Removed => {
            forget_due(connection, key)?;
            // The tombstone of a finished trigger keeps job_sync from adding it again.
            let leave = plan.next == Next::Finished && job.kind.is_trigger();
            connection
                .prepare_cached(if leave {
                    "UPDATE scheduler_job SET listed = 0 WHERE key = ?1"
                } else {
                    "DELETE FROM scheduler_job WHERE key = ?1"
                })?
                .execute([key])?;
            record(connection, scope, job.task_id, &Event::JobRemoved)?;
        }
    }
    Ok(runs)
}

fn write_run(
    connection: &Connection,
    scope: &Scope,
    (job, verdict): (&DueJob, &Verdict),
    decider: &dyn Decider,
) -> Result<Option<SendableRun>> {
    let send = verdict.outcome == Outcome::Send;
    let sending = send && decider.admit(job.task_id);
    let (state, reason, event) = codec::decided(&verdict.outcome, verdict.scheduled_for, sending);
    let now = scope.now.get();
    if job.kind == JobKind::OneOff && has_run(connection, &job.id)? {
        record(
            connection,
            scope,
            job.task_id,
            &Event::AlreadyDecided(verdict.scheduled_for),
        )?;
        return Ok(None);
    }
    let inserted = connection
        .prepare_cached(
            "INSERT INTO scheduler_run (job_id, task_id, kind, scheduled_for, state, decided_at, coalesced,
                                        coalesced_since, attempt, owner, fence, sent_at, finished_at, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (job_id, scheduled_for) DO NOTHING",
        )?
        .execute(rusqlite::params![
            job.id,
            job.task_id,
            job.kind.as_str(),
            verdict.scheduled_for.get(),
            state.as_str(),
            now,
            i64::try_from(verdict.coalesced).unwrap_or(i64::MAX),
            verdict.coalesced_since.map(UtcMicros::get),
            i64::from(sending),
            scope.owner,
            1,
            sending.then_some(now),
            (!send).then_some(now),
            reason,
        ])?;
    if inserted == 0 {
        record(
            connection,
            scope,
            job.task_id,
            &Event::AlreadyDecided(verdict.scheduled_for),
        )?;
        return Ok(None);
    }
    let key = connection.last_insert_rowid();
    if job.task_enabled.is_some() {
        // The task was there when the job was read, in this transaction.
        record_of(
            connection,
            scope,
            EventRow::new(job.task_id, &event, &scope.zone),
            None,
        )?;
    }
    Ok(send.then(|| SendableRun {
        key,
        job_id: job.id.clone(),
        task_id: job.task_id,
        kind: job.kind,
        scheduled_for: verdict.scheduled_for,
        fence: 1,
        attempt: u32::from(sending),
        not_before: None,
        sending,
    }))
}

/// A one-off has one run in all, at whatever time a change of zone would read its date.
fn has_run(connection: &Connection, job: &str) -> Result<bool> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM scheduler_run WHERE job_id = ?1 AND kind = 'one_off'")?;
    Ok(statement.exists([job])?)
}

/// The columns of a run in the order [`run_row`] reads them.
const RUN_COLUMNS: &str =
    "key, job_id, task_id, kind, scheduled_for, fence, attempt, not_before, state = 'sending', owner";

fn run_row(row: &Row<'_>) -> Result<OpenRun> {
    let cells = Cells::new(row, "scheduler_run", 1);
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
    })
}

/// The task of such a row, if there can be one.
fn task_of(row: &Row<'_>) -> Result<Option<TaskId>> {
    Ok(TaskId::try_from(row.get::<_, i64>(2)?).ok())
}

pub(super) fn begin_sends(
    connection: &Connection,
    scope: &Scope,
    runs: &[(RunKey, i64)],
) -> Result<Vec<SendableRun>> {
    let mut read = connection.prepare_cached(&format!(
        "SELECT {RUN_COLUMNS} FROM scheduler_run WHERE key = ?1 AND fence = ?2 AND state = 'queued'"
    ))?;
    let mut update = connection.prepare_cached(
        "UPDATE scheduler_run SET state = 'sending', attempt = attempt + 1, fence = fence + 1, not_before = NULL,
                                  sent_at = ?2
         WHERE key = ?1",
    )?;
    let (mut begun, mut told) = (Vec::with_capacity(runs.len()), Vec::new());
    for (key, fence) in runs {
        let found = read
            .query_row((key, fence), |row| Ok((run_row(row), task_of(row))))
            .optional()?;
        let Some((run, task)) = found else { continue };
        if let Some(OpenRun { run, .. }) = codec::readable_run(run, task?, &mut told)? {
            update.execute((key, scope.now.get()))?;
            begun.push(SendableRun {
                fence: run.fence + 1,
                attempt: run.attempt + 1,
                not_before: None,
                sending: true,
                ..run
            });
        }
    }
    for (task, event) in told {
        record(connection, scope, task, &event)?;
    }
    Ok(begun)
}

pub(super) fn settle(connection: &Connection, scope: &Scope, settlements: &[Settlement]) -> Result<()> {
    for settlement in settlements {
        match codec::settled(&settlement.outcome, settlement.scheduled_for) {
            Some((state, reason, event)) => {
                let finished = finish(connection, scope, settlement, (state.as_str(), reason.as_deref()))?;
                let Some(muted) = finished else { continue };
                if matches!(settlement.outcome, Settled::Failed { .. }) && !muted {
                    connection
                        .prepare_cached("UPDATE task SET status_id = ?2 WHERE id = ?1")?
                        .execute((settlement.task_id, crate::store::em_web::STATUS_ERRORED))?;
                }
                if !muted {
                    record(connection, scope, settlement.task_id, &event)?;
                }
            }
            None => requeue(connection, scope, settlement)?,
        }
    }
    Ok(())
}

/// Ends a run, unless its fence has moved on. Answers whether it is muted.
fn finish(
    connection: &Connection,
    scope: &Scope,
    settlement: &Settlement,
    (state, reason): (&str, Option<&str>),
) -> Result<Option<bool>> {
    let mut held = connection.prepare_cached(&format!(
        "SELECT muted FROM scheduler_run WHERE key = ?1 AND fence = ?2 AND {OPEN}"
    ))?;
    let muted = held
        .query_row((settlement.key, settlement.fence), |row| row.get(0))
        .optional()?;
    if muted.is_some() {
        connection
            .prepare_cached(
                "UPDATE scheduler_run SET state = ?2, reason = ?3, finished_at = ?4 WHERE key = ?1",
            )?
            .execute((settlement.key, state, reason, scope.now.get()))?;
    }
    Ok(muted)
}

/// Back to `queued`; a run whose job was deleted meanwhile ends as skipped instead.
fn requeue(connection: &Connection, scope: &Scope, settlement: &Settlement) -> Result<()> {
    let (not_before, attempted) = match settlement.outcome {
        Settled::Requeued {
            not_before,
            attempted,
        } => (not_before, attempted),
        Settled::Repeat { not_before } => (not_before, true),
        _ => return Ok(()),
    };
    let requeued = connection
        .prepare_cached(
            "UPDATE scheduler_run SET state = 'queued', not_before = ?3, attempt = max(attempt, 1) - ?4, sent_at = NULL
             WHERE key = ?1 AND fence = ?2 AND state = 'sending' AND withdrawn = 0",
        )?
        .execute((settlement.key, settlement.fence, not_before.get(), i64::from(!attempted)))?;
    if requeued == 0 && is_withdrawn(connection, settlement)? {
        let reason = SkipReason::Deleted;
        let finished = finish(
            connection,
            scope,
            settlement,
            ("skipped", Some(&reason.to_string())),
        )?;
        if finished == Some(false) {
            record(
                connection,
                scope,
                settlement.task_id,
                &Event::RunSkipped(settlement.scheduled_for, reason),
            )?;
        }
    }
    Ok(())
}

/// Whether the run is still held under this fence and its job was deleted. A run that is `queued` and not withdrawn
/// was requeued before, by a commit whose answer got lost.
fn is_withdrawn(connection: &Connection, settlement: &Settlement) -> Result<bool> {
    let mut statement =
        connection.prepare_cached("SELECT withdrawn FROM scheduler_run WHERE key = ?1 AND fence = ?2")?;
    let found = statement
        .query_row((settlement.key, settlement.fence), |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(false))
}

pub(super) fn take_over(
    connection: &Connection,
    scope: &Scope,
    (owners, strangers): (&[String], bool),
    judge: &TakeOverJudge,
) -> Result<Vec<SendableRun>> {
    // The plus keeps SQLite from going through all runs in the order wanted, instead of the few open ones.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {RUN_COLUMNS}, owner <> ?1 AND NOT EXISTS (SELECT 1 FROM scheduler_instance i WHERE i.id = owner)
         FROM scheduler_run WHERE {OPEN} ORDER BY +scheduled_for, job_id"
    ))?;
    let mut rows = statement.query([&scope.owner])?;
    let (mut open, mut told) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let Some(run) = codec::readable_run(run_row(row), task_of(row)?, &mut told)? else {
            continue;
        };
        if owners.contains(&run.owner) || (strangers && row.get(10)?) {
            open.push(run);
        }
    }
    for (task, event) in told {
        record(connection, scope, task, &event)?;
    }
    let mut adopted = Vec::new();
    for found in open {
        match judge(&found) {
            TakeOver::Leave => {}
            TakeOver::Adopt => adopted.extend(adopt(connection, scope, found.run)?),
            TakeOver::Settle(outcome) => {
                let run = found.run;
                let settlement = run.settlement(outcome);
                settle(connection, scope, &[settlement])?;
            }
        }
    }
    Ok(adopted)
}

/// Makes a run ours and `queued`; one whose job was deleted meanwhile ends as skipped instead.
fn adopt(connection: &Connection, scope: &Scope, run: SendableRun) -> Result<Option<SendableRun>> {
    let adopted = connection
        .prepare_cached(
            "UPDATE scheduler_run SET state = 'queued', owner = ?3, fence = fence + 1
             WHERE key = ?1 AND fence = ?2 AND withdrawn = 0",
        )?
        .execute((run.key, run.fence, &scope.owner))?;
    if adopted == 1 {
        return Ok(Some(SendableRun {
            fence: run.fence + 1,
            sending: false,
            ..run
        }));
    }
    let settlement = run.settlement(Settled::Skipped(SkipReason::Deleted));
    settle(connection, scope, &[settlement])?;
    Ok(None)
}

pub(super) fn delete_old_runs(connection: &Connection, before: UtcMicros, limit: usize) -> Result<usize> {
    // Keys grow with time: the oldest rows come first, and no index on the time of decision is needed. The last row stays, or SQLite
    // would give its key to the next run.
    connection
        .prepare_cached("DELETE FROM scheduler_deleted WHERE deleted_at < ?1")?
        .execute([before.get()])?;
    let deleted = connection
        .prepare_cached(&format!(
            "DELETE FROM scheduler_run WHERE key IN (
               SELECT key FROM (SELECT key, decided_at, state FROM scheduler_run ORDER BY key LIMIT ?2)
               WHERE decided_at < ?1 AND NOT {OPEN}) AND key < (SELECT max(key) FROM scheduler_run)"
        ))?
        .execute((before.get(), i64::try_from(limit).unwrap_or(i64::MAX)))?;
    Ok(deleted)
}
