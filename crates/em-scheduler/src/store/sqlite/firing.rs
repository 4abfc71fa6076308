//! The operations of the engine on SQLite: decide, begin, settle, take over.

use rusqlite::{Connection, OptionalExtension, Row};
use triggers::UtcMicros;

use super::{OPEN, Scope, record, record_of};
use crate::model::{
    DueJob, Event, JobKind, Next, OpenRun, Outcome, Plan, RunKey, SendableRun, Settled, Settlement,
    SkipReason, TaskId, Verdict,
};
use crate::store::codec::{self, EventRow};
use crate::store::{Decided, Decider, Result, TakeOver, TakeOverJudge};

/// A due job, if its row can be read, with what it takes to say that it cannot.
struct DueRow {
    key: i64,
    id: String,
    task_id: TaskId,
    next_run_at: UtcMicros,
    job: Result<DueJob, String>,
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
    let mut due = due_jobs(connection, scope.now, limit)?;
    due.sort_by(|one, other| (one.next_run_at, &one.id).cmp(&(other.next_run_at, &other.id)));
    let mut decided = Decided {
        jobs: due.len(),
        ..Decided::default()
    };
    for DueRow {
        key,
        id,
        task_id,
        job,
        ..
    } in due
    {
        let planned = job.and_then(|job| decider.plan(&job).map(|plan| (job, plan)));
        match planned {
            Ok((job, plan)) => decided
                .runs
                .extend(apply(connection, scope, (key, &job, plan), decider)?),
            Err(reason) => {
                // Only this job stands still; it stays listed, without a next run.
                connection
                    .prepare_cached("DELETE FROM scheduler_due WHERE job_key = ?1")?
                    .execute([key])?;
                record(connection, scope, task_id, &Event::Unreadable(id, reason))?;
            }
        }
        decided.tasks.push(task_id);
    }
    decided.next_due = connection
        .prepare_cached("SELECT min(next_run_at) FROM scheduler_due")?
        .query_row([], |row| row.get::<_, Option<i64>>(0))?
        .map(UtcMicros::new);
    crate::crash::point("decide.uncommitted");
    Ok(decided)
}

fn due_jobs(connection: &Connection, now: UtcMicros, limit: usize) -> Result<Vec<DueRow>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT d.job_key, d.next_run_at, j.id, j.task_id, j.kind, j.definition, j.created_at, t.id,
                coalesce(t.enabled, 0),
                (SELECT count(*) FROM scheduler_run r
                 WHERE r.task_id = j.task_id AND r.job_id = j.id AND {OPEN})
         FROM scheduler_due d JOIN scheduler_job j ON j.key = d.job_key LEFT JOIN task t ON t.id = j.task_id
         WHERE d.next_run_at <= ?1 ORDER BY d.next_run_at, d.job_key LIMIT ?2"
    ))?;
    let mut rows = statement.query((now.get(), i64::try_from(limit).unwrap_or(i64::MAX)))?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(2)?;
        let task: Option<i64> = row.get(7)?;
        let enabled: bool = row.get_ref(8)?.as_i64().is_ok_and(|flag| flag == 1);
        let (task_id, next_run_at) = (row.get(3)?, UtcMicros::new(row.get(1)?));
        let job = match codec::job_kind("scheduler_job", &id, row.get_ref(4)?.as_str().unwrap_or("")) {
            Err(error) => Err(error.to_string()),
            Ok(kind) => Ok(DueJob {
                kind,
                id: id.clone(),
                task_id,
                definition: row.get(5)?,
                created_at: UtcMicros::new(row.get(6)?),
                next_run_at,
                instances: row.get(9)?,
                task_enabled: task.map(|_| enabled),
            }),
        };
        jobs.push(DueRow {
            key: row.get(0)?,
            id,
            task_id,
            next_run_at,
            job,
        });
    }
    Ok(jobs)
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
            connection
                .prepare_cached("DELETE FROM scheduler_due WHERE job_key = ?1")?
                .execute([key])?;
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
    let job_id: String = row.get(1)?;
    Ok(OpenRun {
        run: SendableRun {
            key: row.get(0)?,
            kind: codec::job_kind("scheduler_run", &job_id, row.get_ref(3)?.as_str().unwrap_or(""))?,
            job_id,
            task_id: row.get(2)?,
            scheduled_for: UtcMicros::new(row.get(4)?),
            fence: row.get(5)?,
            attempt: row.get(6)?,
            not_before: row.get::<_, Option<i64>>(7)?.map(UtcMicros::new),
            sending: row.get(8)?,
        },
        owner: row.get(9)?,
    })
}

pub(super) fn begin_sends(
    connection: &Connection,
    scope: &Scope,
    runs: &[(RunKey, i64)],
) -> Result<Vec<SendableRun>> {
    let mut update = connection.prepare_cached(
        "UPDATE scheduler_run SET state = 'sending', attempt = attempt + 1, fence = fence + 1, not_before = NULL,
                                  sent_at = ?3
         WHERE key = ?1 AND fence = ?2 AND state = 'queued'",
    )?;
    let mut read =
        connection.prepare_cached(&format!("SELECT {RUN_COLUMNS} FROM scheduler_run WHERE key = ?1"))?;
    let mut begun = Vec::with_capacity(runs.len());
    for (key, fence) in runs {
        if update.execute((key, fence, scope.now.get()))? == 1 {
            begun.push(read.query_row([key], |row| Ok(run_row(row)))??.run);
        }
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
            "UPDATE scheduler_run SET state = 'queued', not_before = ?3, attempt = attempt - ?4, sent_at = NULL
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
    let mut open = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(run) = codec::readable(run_row(row))? else {
            continue;
        };
        if owners.contains(&run.owner) || (strangers && row.get(10)?) {
            open.push(run);
        }
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
