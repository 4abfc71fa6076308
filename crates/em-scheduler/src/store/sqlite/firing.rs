//! The operations of the engine on SQLite: decide, begin, settle, take over.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use triggers::UtcMicros;

use super::cells::{Cells, lossy};
use super::{OPEN, Scope, record, record_of};
use crate::em_web::LogRow;
use crate::model::life::{self, Ending, Held, JobAfter, NewRun, Settling, Taken};
use crate::model::{
    DueJob, Event, OpenRun, Plan, RunKey, RunState, SendableRun, Settlement, TaskId, Verdict,
};
use crate::store::codec::{self};
use crate::store::{Decided, Decider, Result, TakeOverJudge, passed_over};

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
        Ok(job) => match decider.plan(&job) {
            Ok(plan) => Ok((key, job, plan)),
            Err(unreadable) => Err(unreadable.to_string()),
        },
        Err(error) => Err(error.unreadable()?.to_string()),
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
                 WHERE r.task_id = j.task_id AND r.job_id = j.id AND {OPEN}),
                j.kind = 'one_off' AND EXISTS (SELECT 1 FROM scheduler_run r WHERE r.job_id = j.id)
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
        has_run: row.get(10)?,
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
        let new = life::decided(job, verdict, || decider.admit(job.task_id));
        let at = verdict.scheduled_for;
        let written = match &new {
            Some(new) => insert_run(connection, scope, job, (verdict, new))?.map(|key| (key, new)),
            None => None,
        };
        let Some((key, new)) = written else {
            record(connection, scope, job.task_id, &life::decided_before(at))?;
            continue;
        };
        if job.task_enabled.is_some() {
            // The task was there when the job was read, in this transaction.
            let event = LogRow::new(job.task_id, &new.event, &scope.zone);
            record_of(connection, scope, event, None)?;
        }
        runs.extend(new.sendable(key, job, at));
    }
    let after = life::job_after(plan.next, job.kind);
    match after {
        JobAfter::Due(at) => {
            connection
                .prepare_cached(
                    "UPDATE scheduler_due SET next_run_at = ?2 WHERE job_key = ?1 AND next_run_at = ?3",
                )?
                .execute((key, at.get(), job.next_run_at.get()))?;
        }
        JobAfter::Tombstone => {
            forget_due(connection, key)?;
            connection
                .prepare_cached("UPDATE scheduler_job SET listed = 0 WHERE key = ?1")?
                .execute([key])?;
        }
        JobAfter::Gone => {
            forget_due(connection, key)?;
            connection
                .prepare_cached("DELETE FROM scheduler_job WHERE key = ?1")?
                .execute([key])?;
        }
    }
    if let Some(event) = after.event() {
        record(connection, scope, job.task_id, &event)?;
    }
    Ok(runs)
}

/// Writes the row of a run and returns its key; none where the run time was decided before (F1).
fn insert_run(
    connection: &Connection,
    scope: &Scope,
    job: &DueJob,
    (verdict, new): (&Verdict, &NewRun),
) -> Result<Option<RunKey>> {
    let now = scope.now.get();
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
            new.state.as_str(),
            now,
            i64::try_from(verdict.coalesced).unwrap_or(i64::MAX),
            verdict.coalesced_since.map(UtcMicros::get),
            i64::from(new.sends()),
            scope.owner,
            1,
            new.sends().then_some(now),
            new.is_final().then_some(now),
            new.reason,
        ])?;
    Ok((inserted == 1).then(|| connection.last_insert_rowid()))
}

/// The columns of a run in the order [`run_row`] reads them.
const RUN_COLUMNS: &str = "key, job_id, task_id, kind, scheduled_for, fence, attempt, not_before, state = 'sending', owner, \
     withdrawn";

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
        withdrawn: integer(row, 10)? == 1,
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
        let run = codec::readable_run(run, task?, &mut told)?;
        if let Some(run) = run.and_then(|OpenRun { run, .. }| life::begin(run, *fence)) {
            update.execute((key, run.fence, run.attempt, scope.now.get()))?;
            begun.push(run);
        }
    }
    for (task, event) in told {
        record(connection, scope, task, &event)?;
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

pub(super) fn settle(connection: &Connection, scope: &Scope, settlements: &[Settlement]) -> Result<()> {
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
            Settling::Ends(ending) => end(connection, scope, settlement, &ending)?,
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

fn end(connection: &Connection, scope: &Scope, settlement: &Settlement, ending: &Ending) -> Result<()> {
    connection
        .prepare_cached("UPDATE scheduler_run SET state = ?2, reason = ?3, finished_at = ?4 WHERE key = ?1")?
        .execute((
            settlement.key,
            ending.state.as_str(),
            &ending.reason,
            scope.now.get(),
        ))?;
    if ending.marks_task {
        connection
            .prepare_cached("UPDATE task SET status_id = ?2 WHERE id = ?1")?
            .execute((settlement.task_id, crate::em_web::schema::STATUS_ERRORED))?;
    }
    match &ending.event {
        Some(event) => record(connection, scope, settlement.task_id, event),
        None => Ok(()),
    }
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
        if owners.contains(&run.owner) || (strangers && row.get(11)?) {
            open.push(run);
        }
    }
    for (task, event) in told {
        record(connection, scope, task, &event)?;
    }
    let mut adopt = connection
        .prepare_cached("UPDATE scheduler_run SET state = 'queued', owner = ?2, fence = ?3 WHERE key = ?1")?;
    let (mut adopted, mut settlements) = (Vec::new(), Vec::new());
    for found in open {
        match life::take_over(judge(&found), found) {
            Taken::Left => {}
            Taken::Adopted(run) => {
                adopt.execute((run.key, &scope.owner, run.fence))?;
                adopted.push(run);
            }
            Taken::Settled(settlement) => settlements.push(settlement),
        }
    }
    settle(connection, scope, &settlements)?;
    Ok(adopted)
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
