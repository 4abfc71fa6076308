//! Deciding on PostgreSQL. Any number of processes decide at once: each locks the due jobs it can have and leaves the
//! others' alone (`SKIP LOCKED`, which is only speed; the conditional advance and the unique key are the safety).

use std::collections::{HashMap, HashSet};

use triggers::UtcMicros;

use super::PAUSED;
use super::tx::{Guard, Tx};
use crate::model::{DueJob, Event, Next, Outcome, Plan, RunKey, SendableRun, TaskId, Verdict};
use crate::store::codec::{self, OPEN_STATES};
use crate::store::{Decided, Decider, Result};

/// A due job, locked, and what is to become of it.
struct Judged {
    key: i64,
    due: UtcMicros,
    id: String,
    task: TaskId,
    plan: Result<(DueJob, Plan), String>,
}

pub(super) async fn decide(tx: &Tx<'_>, limit: usize, decider: &dyn Decider) -> Result<Decided> {
    // Pausing waits for those who decide, and whoever decides after it sees it.
    tx.share(Guard::Paused).await?;
    if super::state(tx, PAUSED).await? != 0 {
        return Ok(Decided {
            paused: true,
            ..Decided::default()
        });
    }
    let mut decided = Decided::default();
    let keys = lock_due(tx, limit).await?;
    if !keys.is_empty() {
        let mut judged = judge(tx, &keys, decider).await?;
        let moved = advance(tx, &judged).await?;
        judged.retain(|job| moved.contains(&job.key));
        end_jobs(tx, &judged).await?;
        decided.runs = write_runs(tx, &judged, decider).await?;
        decided.jobs = judged.len();
        decided.tasks = judged.iter().map(|job| job.task).collect();
    }
    decided.next_due = next_due(tx, &keys, keys.len() >= limit).await?;
    crate::crash::point("decide.uncommitted");
    Ok(decided)
}

/// The earliest run time left for us. Jobs that are due and that we could not have are being decided by somebody else:
/// to count them would have us ask again and again until that is done.
async fn next_due(tx: &Tx<'_>, ours: &[i64], more: bool) -> Result<Option<UtcMicros>> {
    let next: Option<i64> = if more {
        tx.row("SELECT min(next_run_at) FROM scheduler_due", &[])
            .await?
            .try_get(0)?
    } else {
        tx.row(
            "SELECT least((SELECT min(next_run_at) FROM scheduler_due WHERE next_run_at > $1),
                          (SELECT min(next_run_at) FROM scheduler_due WHERE job_key = ANY($2::int8[])))",
            &[&tx.now.get(), &ours],
        )
        .await?
        .try_get(0)?
    };
    Ok(next.map(UtcMicros::new))
}

/// Locks due jobs that nobody else has locked, the earliest first.
async fn lock_due(tx: &Tx<'_>, limit: usize) -> Result<Vec<i64>> {
    let locked = tx
        .rows(
            "SELECT job_key FROM scheduler_due WHERE next_run_at <= $1
             ORDER BY next_run_at, job_key LIMIT $2 FOR UPDATE SKIP LOCKED",
            &[&tx.now.get(), &i64::try_from(limit).unwrap_or(i64::MAX)],
        )
        .await?;
    locked.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Reads what the rule must know of the jobs locked, and applies it. A statement of its own: starting once they are
/// locked, it sees what those who had them before us wrote.
async fn judge(tx: &Tx<'_>, keys: &[i64], decider: &dyn Decider) -> Result<Vec<Judged>> {
    let query = format!(
        "SELECT d.job_key, d.next_run_at, j.id, j.task_id, j.kind, j.definition, j.created_at, t.id IS NOT NULL,
                coalesce(t.enabled, 0) = 1,
                (SELECT count(*) FROM scheduler_run r
                 WHERE r.task_id = j.task_id AND r.job_id = j.id AND r.state IN {OPEN_STATES})
         FROM scheduler_due d JOIN scheduler_job j ON j.key = d.job_key LEFT JOIN task t ON t.id = j.task_id
         WHERE d.job_key = ANY($1::int8[]) ORDER BY d.next_run_at, j.id COLLATE \"C\""
    );
    let mut judged = Vec::with_capacity(keys.len());
    for row in tx.rows(&query, &[&keys]).await? {
        let (id, task): (String, TaskId) = (row.try_get(2)?, row.try_get(3)?);
        let due = UtcMicros::new(row.try_get(1)?);
        let instances: i64 = row.try_get(9)?;
        let enabled: bool = row.try_get(8)?;
        let plan = match codec::job_kind("scheduler_job", &id, row.try_get(4)?) {
            Err(error) => Err(error.to_string()),
            Ok(kind) => {
                let job = DueJob {
                    id: id.clone(),
                    task_id: task,
                    kind,
                    definition: row.try_get(5)?,
                    created_at: UtcMicros::new(row.try_get(6)?),
                    next_run_at: due,
                    instances: u32::try_from(instances).unwrap_or(u32::MAX),
                    task_enabled: row.try_get::<_, bool>(7)?.then_some(enabled),
                };
                decider.plan(&job).map(|plan| (job, plan))
            }
        };
        judged.push(Judged {
            key: row.try_get(0)?,
            due,
            id,
            task,
            plan,
        });
    }
    Ok(judged)
}

/// Moves the due times, each only if it still is what was judged. Answers the jobs moved.
async fn advance(tx: &Tx<'_>, judged: &[Judged]) -> Result<HashSet<i64>> {
    let (mut keys, mut was, mut next) = (Vec::new(), Vec::new(), Vec::new());
    for job in judged {
        keys.push(job.key);
        was.push(job.due.get());
        // An unreadable job stands still: it stays listed, without a next run.
        next.push(match &job.plan {
            Ok((
                _,
                Plan {
                    next: Next::At(at), ..
                },
            )) => Some(at.get()),
            _ => None,
        });
    }
    let mut moved = HashSet::with_capacity(keys.len());
    for statement in [
        "UPDATE scheduler_due d SET next_run_at = n.next
         FROM unnest($1::int8[], $2::int8[], $3::int8[]) AS n (key, was, next)
         WHERE d.job_key = n.key AND d.next_run_at = n.was AND n.next IS NOT NULL RETURNING d.job_key",
        "DELETE FROM scheduler_due d
         USING unnest($1::int8[], $2::int8[], $3::int8[]) AS n (key, was, next)
         WHERE d.job_key = n.key AND d.next_run_at = n.was AND n.next IS NULL RETURNING d.job_key",
    ] {
        for row in tx.rows(statement, &[&keys, &was, &next]).await? {
            moved.insert(row.try_get(0)?);
        }
    }
    Ok(moved)
}

/// Ends the jobs that fire no more.
async fn end_jobs(tx: &Tx<'_>, judged: &[Judged]) -> Result<()> {
    let (mut tombstones, mut gone) = (Vec::new(), Vec::new());
    for job in judged {
        match &job.plan {
            // The tombstone of a finished trigger keeps job_sync from adding it again.
            Ok((
                due,
                Plan {
                    next: Next::Finished, ..
                },
            )) if due.kind.is_trigger() => tombstones.push(job.key),
            Ok((
                _,
                Plan {
                    next: Next::Finished | Next::Removed,
                    ..
                },
            )) => gone.push(job.key),
            _ => {}
        }
    }
    if !tombstones.is_empty() {
        tx.run(
            "UPDATE scheduler_job SET listed = 0 WHERE key = ANY($1)",
            &[&tombstones],
        )
        .await?;
    }
    if !gone.is_empty() {
        tx.run("DELETE FROM scheduler_job WHERE key = ANY($1)", &[&gone])
            .await?;
    }
    Ok(())
}

/// Writes the runs and the events of everything decided; answers the runs to send, in order of run time.
async fn write_runs(tx: &Tx<'_>, judged: &[Judged], decider: &dyn Decider) -> Result<Vec<SendableRun>> {
    let mut new = NewRuns::default();
    for (job, plan) in judged.iter().filter_map(|judged| judged.plan.as_ref().ok()) {
        for verdict in &plan.verdicts {
            let sending = verdict.outcome == Outcome::Send && decider.admit(job.task_id);
            new.push(job, verdict, sending);
        }
    }
    let mut written = new.insert(tx).await?;
    let mut told = new.told.into_iter();
    let (mut runs, mut events) = (Vec::new(), Vec::new());
    for judged in judged {
        let (job, plan) = match &judged.plan {
            Ok(plan) => plan,
            Err(reason) => {
                events.push((judged.task, Event::Unreadable(judged.id.clone(), reason.clone())));
                continue;
            }
        };
        for (verdict, (sending, event)) in plan.verdicts.iter().zip(told.by_ref()) {
            let at = verdict.scheduled_for;
            let Some(key) = written.remove(&(job.id.clone(), at.get())) else {
                events.push((job.task_id, Event::AlreadyDecided(at)));
                continue;
            };
            events.push((job.task_id, event));
            if verdict.outcome == Outcome::Send {
                runs.push(SendableRun {
                    key,
                    job_id: job.id.clone(),
                    task_id: job.task_id,
                    kind: job.kind,
                    scheduled_for: at,
                    fence: 1,
                    attempt: u32::from(sending),
                    not_before: None,
                    sending,
                });
            }
        }
        if matches!(plan.next, Next::Finished | Next::Removed) {
            events.push((job.task_id, Event::JobRemoved));
        }
    }
    tx.record(&events).await?;
    Ok(runs)
}

/// Runs about to be written, column by column.
#[derive(Default)]
struct NewRuns<'a> {
    jobs: Vec<&'a str>,
    tasks: Vec<TaskId>,
    kinds: Vec<&'static str>,
    times: Vec<i64>,
    states: Vec<&'static str>,
    coalesced: Vec<i64>,
    since: Vec<Option<i64>>,
    reasons: Vec<Option<String>>,
    /// Whether the run goes out at once, and the event that tells of it.
    told: Vec<(bool, Event)>,
}

impl<'a> NewRuns<'a> {
    fn push(&mut self, job: &'a DueJob, verdict: &Verdict, sending: bool) {
        let (state, reason, event) = codec::decided(&verdict.outcome, verdict.scheduled_for, sending);
        self.jobs.push(&job.id);
        self.tasks.push(job.task_id);
        self.kinds.push(job.kind.as_str());
        self.times.push(verdict.scheduled_for.get());
        self.states.push(state.as_str());
        self.coalesced
            .push(i64::try_from(verdict.coalesced).unwrap_or(i64::MAX));
        self.since.push(verdict.coalesced_since.map(UtcMicros::get));
        self.reasons.push(reason);
        self.told.push((sending, event));
    }

    /// Writes those that nobody decided before; answers their keys.
    async fn insert(&self, tx: &Tx<'_>) -> Result<HashMap<(String, i64), RunKey>> {
        if self.jobs.is_empty() {
            return Ok(HashMap::new());
        }
        let insert = format!(
            "INSERT INTO scheduler_run (job_id, task_id, kind, scheduled_for, state, decided_at, coalesced,
                                        coalesced_since, attempt, owner, fence, sent_at, finished_at, reason)
             SELECT n.job_id, n.task_id, n.kind, n.at, n.state, $9::int8, n.coalesced, n.since,
                    (n.state = 'sending')::int4, $10::text, 1, CASE WHEN n.state = 'sending' THEN $9::int8 END,
                    CASE WHEN n.state NOT IN {OPEN_STATES} THEN $9::int8 END, n.reason
             FROM unnest($1::text[], $2::int4[], $3::text[], $4::int8[], $5::text[], $6::int8[], $7::int8[],
                         $8::text[]) WITH ORDINALITY
                  AS n (job_id, task_id, kind, at, state, coalesced, since, reason, place)
             -- A one-off has one run in all, at whatever time a change of zone would read its date.
             WHERE NOT (n.kind = 'one_off'
                        AND EXISTS (SELECT 1 FROM scheduler_run o WHERE o.job_id = n.job_id))
             ORDER BY n.place
             ON CONFLICT (job_id, scheduled_for) DO NOTHING RETURNING key, job_id, scheduled_for"
        );
        let rows = tx
            .rows(
                &insert,
                &[
                    &self.jobs,
                    &self.tasks,
                    &self.kinds,
                    &self.times,
                    &self.states,
                    &self.coalesced,
                    &self.since,
                    &self.reasons,
                    &tx.now.get(),
                    &tx.owner,
                ],
            )
            .await?;
        rows.iter()
            .map(|row| Ok(((row.try_get(1)?, row.try_get(2)?), row.try_get(0)?)))
            .collect()
    }
}
