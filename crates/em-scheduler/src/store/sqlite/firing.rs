//! Deciding on SQLite.

use super::cells::{SqliteColumns, lossy};
use super::events::{record, record_of};
use super::{OPEN, PAUSED, SqliteStore, WriteContext, set_state, state};
use crate::em_web::LogRow;
use crate::model::life::{self, JobAfter, NewRun};
use crate::model::{Decision, DueJob, Event, Plan, RunKey, SendableRun, TaskId};
use crate::store::{DecidedBatch, Decider, Firing, Result, codec, passed_over};
use async_trait::async_trait;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use std::sync::Arc;
use triggers::UtcMicros;

#[async_trait]
impl Firing for SqliteStore {
    async fn paused(&self) -> Result<bool> {
        self.readers
            .read(|connection| Ok(state(connection, PAUSED)? != 0))
            .await
    }

    async fn set_paused(&self, now: UtcMicros, paused: bool) -> Result<()> {
        self.write(now, move |transaction, _| {
            set_state(transaction, PAUSED, i64::from(paused))
        })
        .await
    }

    async fn decide(&self, now: UtcMicros, limit: usize, decider: Arc<dyn Decider>) -> Result<DecidedBatch> {
        self.write(now, move |transaction, context| {
            decide(transaction, context, limit, &*decider)
        })
        .await
    }
}

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
    context: &WriteContext,
    limit: usize,
    decider: &dyn Decider,
) -> Result<DecidedBatch> {
    if super::state(connection, super::PAUSED)? != 0 {
        return Ok(DecidedBatch {
            paused: true,
            ..DecidedBatch::default()
        });
    }
    let (mut due, jobless) = due_jobs(connection, context.now, limit)?;
    due.sort_by(|one, other| (one.next_run_at, &one.id).cmp(&(other.next_run_at, &other.id)));
    let mut decided = DecidedBatch {
        jobs: due.len() + jobless.len(),
        ..DecidedBatch::default()
    };
    for key in jobless {
        forget_due(connection, key)?;
        passed_over::tell(&codec::no_job_is_due(key));
    }
    for due in due {
        decided.tasks.extend(due.task_id);
        match judged(due, decider)? {
            Ok((key, job, plan)) => {
                decided
                    .runs
                    .extend(apply(connection, context, (key, &job, plan), decider)?);
            }
            Err(unreadable) => stand_still(connection, context, unreadable)?,
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
fn stand_still(connection: &Connection, context: &WriteContext, unreadable: Unreadable) -> Result<()> {
    let (key, task, id, reason) = unreadable;
    forget_due(connection, key)?;
    match task {
        Some(task) => record(connection, context, task, &Event::Unreadable(id, reason)),
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

/// What the rule must know of due jobs.
fn due_statement() -> String {
    format!(
        "SELECT d.job_key, d.next_run_at, j.id, j.task_id, j.kind, j.definition, j.created_at, t.id,
                coalesce(t.enabled, 0),
                (SELECT count(*) FROM scheduler_run r
                 WHERE r.task_id = j.task_id AND r.job_id = j.id AND {OPEN}),
                j.kind = 'one_off' AND EXISTS (SELECT 1 FROM scheduler_run r WHERE r.job_id = j.id AND r.kind = 'one_off')
         FROM scheduler_due d LEFT JOIN scheduler_job j ON j.key = d.job_key LEFT JOIN task t ON t.id = j.task_id
         WHERE d.next_run_at <= ?1 ORDER BY d.next_run_at, d.job_key LIMIT ?2"
    )
}

/// The due jobs, and the keys of due times that belong to none: left standing, they would be due for ever, and the loop
/// would go round without a pause.
fn due_jobs(connection: &Connection, now: UtcMicros, limit: usize) -> Result<(Vec<DueRow>, Vec<i64>)> {
    let mut statement = connection.prepare_cached(&due_statement())?;
    let mut rows = statement.query((now.get(), i64::try_from(limit).unwrap_or(i64::MAX)))?;
    let (mut jobs, mut jobless) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        if row.get_ref(2)? == ValueRef::Null {
            jobless.push(row.get(0)?);
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
    Ok((jobs, jobless))
}

fn due_job(row: &Row<'_>) -> Result<DueJob> {
    let cells = SqliteColumns::new(row, "scheduler_job", 2);
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
    context: &WriteContext,
    (key, job, plan): (i64, &DueJob, Plan),
    decider: &dyn Decider,
) -> Result<Vec<SendableRun>> {
    let mut runs = Vec::new();
    for decision in &plan.decisions {
        let new = life::decided(job, decision, || decider.admit(job.task_id));
        let at = decision.scheduled_for;
        let written = match &new {
            Some(new) => insert_run(connection, context, job, (decision, new))?.map(|key| (key, new)),
            None => None,
        };
        let Some((key, new)) = written else {
            record(connection, context, job.task_id, &life::decided_before(job, at))?;
            continue;
        };
        if job.task_enabled.is_some() {
            // The task was there when the job was read, in this transaction.
            let event = LogRow::new(job.task_id, &new.event, &context.zone);
            record_of(connection, context, event, None)?;
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
        record(connection, context, job.task_id, &event)?;
    }
    Ok(runs)
}

/// Writes the row of a run and returns its key; none where the run time was decided before (F1).
fn insert_run(
    connection: &Connection,
    context: &WriteContext,
    job: &DueJob,
    (decision, new): (&Decision, &NewRun),
) -> Result<Option<RunKey>> {
    let now = context.now.get();
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
            decision.scheduled_for.get(),
            new.state.as_str(),
            now,
            i64::try_from(decision.coalesced).unwrap_or(i64::MAX),
            decision.coalesced_since.map(UtcMicros::get),
            i64::from(new.sends()),
            context.owner,
            1,
            new.sends().then_some(now),
            new.is_final().then_some(now),
            new.reason,
        ])?;
    Ok((inserted == 1).then(|| connection.last_insert_rowid()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::connect::{self, Role};

    /// However many runs are kept, a round looks at those of its jobs alone.
    #[test]
    fn a_due_job_reads_through_no_table_of_runs() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = connect::open(&folder.path().join("em.db"), Role::Writer).unwrap();
        crate::store::sqlite::schema::prepare(&mut connection, 0).unwrap();
        let explain = format!("EXPLAIN QUERY PLAN {}", due_statement());
        let mut statement = connection.prepare(&explain).unwrap();
        let steps = statement.query_map((0, 0), |row| row.get(3)).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        assert_eq!(
            steps.iter().filter(|step| step.contains(" r ")).count(),
            2,
            "{steps:?}"
        );
        assert!(!steps.iter().any(|step| step.starts_with("SCAN r")), "{steps:?}");
    }
}
