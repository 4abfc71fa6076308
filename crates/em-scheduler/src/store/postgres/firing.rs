//! Deciding on PostgreSQL. Any number of processes decide at once: each locks the due jobs it can have and leaves the
//! others' alone (`SKIP LOCKED`, which is only speed; the conditional advance and the unique key are the safety).

use super::cells::PgColumns;
use super::link::Patience;
use super::tx::{AdvisoryLock, GUARD, SHARE, Step, Tx};
use super::{PAUSED, PostgresStore, set_state};
use crate::model::life::{self, JobAfter, NewRun};
use crate::model::{Decision, DueJob, Event, Plan, RunKey, SendableRun, TaskId};
use crate::store::codec::{self, OPEN_STATES};
use crate::store::{DecidedBatch, Decider, Firing, Result, StoreError, passed_over};
use async_trait::async_trait;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use triggers::UtcMicros;

#[async_trait]
impl Firing for PostgresStore {
    async fn paused(&self) -> Result<bool> {
        self.flag(PAUSED).await
    }

    async fn set_paused(&self, now: UtcMicros, paused: bool) -> Result<()> {
        self.write_when_free((&self.switches, Patience::Usual), now, || {
            move |tx: &_| {
                Box::pin(async move {
                    tx.hold(AdvisoryLock::Paused).await?;
                    set_state(tx, PAUSED, i64::from(paused));
                    Ok(())
                })
            }
        })
        .await
    }

    async fn decide(&self, now: UtcMicros, limit: usize, decider: Arc<dyn Decider>) -> Result<DecidedBatch> {
        let decided = self
            .write(now, move |tx| {
                Box::pin(async move { decide(tx, limit, &*decider).await })
            })
            .await?;
        self.link.wear(decided.jobs);
        Ok(decided)
    }
}

/// A due job, locked, and what is to become of it.
struct Judged {
    key: i64,
    due: UtcMicros,
    id: String,
    task: TaskId,
    plan: Result<(DueJob, Plan), String>,
}

impl Judged {
    /// What becomes of the job; none where it stands still: it stays listed, without a next run (F10).
    fn after(&self) -> Option<JobAfter> {
        let plan = self.plan.as_ref().ok();
        plan.map(|(job, plan)| life::job_after(plan.next, job.kind))
    }
}

/// Due jobs read on the round trip that locks them, at most; the others, if any, on one of their own.
const FEW: i64 = 64;

pub(super) async fn decide(tx: &Tx<'_>, limit: usize, decider: &dyn Decider) -> Result<DecidedBatch> {
    let Some((keys, first)) = lock_due(tx, limit).await? else {
        return Ok(DecidedBatch {
            paused: true,
            ..DecidedBatch::default()
        });
    };
    let more = keys.len() >= limit;
    let decided = if keys.is_empty() {
        DecidedBatch {
            next_due: next_due(&tx.rows(NEXT_OF_OTHERS, &[&tx.now.get()]).await?)?,
            ..DecidedBatch::default()
        }
    } else {
        let judged = judge(tx, (keys, &first), decider).await?;
        end_jobs(tx, &judged);
        let (runs, next_due) = write(tx, &judged, (decider, more)).await?;
        DecidedBatch {
            runs,
            jobs: judged.len(),
            tasks: judged.iter().map(|job| job.task).collect(),
            next_due,
            paused: false,
        }
    };
    crate::crash::point("decide.uncommitted");
    Ok(decided)
}

/// The earliest run time of all, for a round that left due jobs behind.
const NEXT_OF_ALL: &str = "SELECT min(next_run_at) FROM em_scheduler.scheduler_due";

/// The earliest run time left for us. Jobs that are due and that we could not have are being decided by somebody else:
/// to count them would have us ask again and again until that is done.
const NEXT_OF_OTHERS: &str = "SELECT min(next_run_at) FROM em_scheduler.scheduler_due WHERE next_run_at > $1";

fn next_due(rows: &[Row]) -> Result<Option<UtcMicros>> {
    let next: Option<i64> = rows.first().map_or(Ok(None), |row| row.try_get(0))?;
    Ok(next.map(UtcMicros::new))
}

/// Locks due jobs that nobody else has locked, the earliest first, and reads the first few of all that are due. None
/// while the scheduler is paused.
async fn lock_due(tx: &Tx<'_>, limit: usize) -> Result<Option<(Vec<i64>, Vec<Row>)>> {
    // Pausing waits for those who decide, and whoever decides after it sees it. All this is asked on one round trip; what
    // is locked while paused is locked in vain, until the transaction ends.
    let (now, limit) = (tx.now.get(), i64::try_from(limit).unwrap_or(i64::MAX));
    let [_, paused, locked, first] = tx
        .together([
            (SHARE, &[&GUARD, &(AdvisoryLock::Paused as i32)]),
            (super::STATE, &[&PAUSED]),
            (
                // The index is in this very order: no more is read than is locked, however many are due at once.
                "SELECT job_key FROM em_scheduler.scheduler_due WHERE next_run_at <= $1
                 ORDER BY next_run_at, job_key LIMIT $2 FOR UPDATE SKIP LOCKED",
                &[&now, &limit],
            ),
            (&DUE_FIRST, &[&now, &FEW.min(limit)]),
        ])
        .await?;
    if super::value(&paused)? != 0 {
        return Ok(None);
    }
    let keys: Result<Vec<i64>> = locked.iter().map(|row| Ok(row.try_get(0)?)).collect();
    Ok(Some((keys?, first)))
}

/// What the rule must know of due jobs, `d` being which. A statement of its own: starting once they are locked, it
/// sees what those who had them before us wrote.
fn due(d: &str) -> String {
    format!(
        "SELECT d.job_key, d.next_run_at, j.id, j.task_id, j.kind, j.definition, j.created_at, t.id IS NOT NULL,
                coalesce(t.enabled, 0) = 1,
                (SELECT count(*) FROM em_scheduler.scheduler_run r
                 WHERE r.task_id = j.task_id AND r.job_id = j.id AND r.state IN {OPEN_STATES}),
                -- No EXISTS, which the planner might answer by going through all runs once.
                CASE WHEN j.kind = 'one_off'
                     THEN (SELECT 1 FROM em_scheduler.scheduler_run r WHERE r.job_id = j.id LIMIT 1) IS NOT NULL
                     ELSE false END
         FROM {d} AS d JOIN em_scheduler.scheduler_job j ON j.key = d.job_key LEFT JOIN task t ON t.id = j.task_id"
    )
}

static DUE_FIRST: LazyLock<String> = LazyLock::new(|| {
    due(
        "(SELECT job_key, next_run_at FROM em_scheduler.scheduler_due WHERE next_run_at <= $1 ORDER BY next_run_at, job_key LIMIT $2)",
    )
});

static DUE_BY_KEY: LazyLock<String> = LazyLock::new(|| {
    due("(SELECT job_key, next_run_at FROM em_scheduler.scheduler_due WHERE job_key = ANY($1::int8[]))")
});

/// Applies the rule to the jobs locked; of `first` to those that are among them, the others are read. By run time.
async fn judge(tx: &Tx<'_>, (keys, first): (Vec<i64>, &[Row]), decider: &dyn Decider) -> Result<Vec<Judged>> {
    let mut judged = Vec::with_capacity(keys.len());
    let mut locked: HashSet<i64> = keys.into_iter().collect();
    for row in first {
        // Where somebody else decides too, some of the first are theirs.
        if locked.remove(&row.try_get(0)?) {
            judged.push(judge_one(row, decider)?);
        }
    }
    if !locked.is_empty() {
        let rest: Vec<i64> = locked.iter().copied().collect();
        for row in tx.rows(&DUE_BY_KEY, &[&rest]).await? {
            locked.remove(&row.try_get(0)?);
            judged.push(judge_one(&row, decider)?);
        }
        if !locked.is_empty() {
            forget(tx, locked.into_iter().collect());
        }
    }
    judged.sort_by(|one, other| (one.due, &one.id).cmp(&(other.due, &other.id)));
    Ok(judged)
}

/// Removes due times that belong to no job: they would be looked at for ever.
fn forget(tx: &Tx<'_>, keys: Vec<i64>) {
    for key in &keys {
        passed_over::tell(&codec::no_job_is_due(*key));
    }
    tx.later(
        "DELETE FROM em_scheduler.scheduler_due WHERE job_key = ANY($1::int8[])",
        vec![Box::new(keys)],
    );
}

fn judge_one(row: &Row, decider: &dyn Decider) -> Result<Judged> {
    let (id, task): (String, TaskId) = (row.try_get(2)?, row.try_get(3)?);
    let plan = match due_job(row) {
        Ok(job) => match decider.plan(&job) {
            Ok(plan) => Ok((job, plan)),
            Err(unreadable) => Err(unreadable.to_string()),
        },
        Err(error) => Err(error.unreadable()?.to_string()),
    };
    Ok(Judged {
        key: row.try_get(0)?,
        due: UtcMicros::new(row.try_get(1)?),
        id,
        task,
        plan,
    })
}

fn due_job(row: &Row) -> Result<DueJob> {
    let cells = PgColumns::new(row, "scheduler_job", 2);
    let (instances, enabled): (i64, bool) = (row.try_get(9)?, row.try_get(8)?);
    Ok(DueJob {
        id: cells.job_id(2, "id")?.to_owned(),
        task_id: row.try_get(3)?,
        kind: cells.job_kind(4)?,
        definition: row.try_get(5)?,
        created_at: cells.instant(6, "created_at")?,
        next_run_at: cells.of_table("scheduler_due").instant(1, "next_run_at")?,
        instances: u32::try_from(instances).unwrap_or(u32::MAX),
        has_run: row.try_get(10)?,
        task_enabled: row.try_get::<_, bool>(7)?.then_some(enabled),
    })
}

/// Moves the due times, each only if it still is what was judged, and returns how many were.
const ADVANCE: &str = "WITH
   judged AS (SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[]) AS n (key, was, next)),
   moved AS (UPDATE em_scheduler.scheduler_due d SET next_run_at = n.next FROM judged n
             WHERE d.job_key = n.key AND d.next_run_at = n.was AND n.next IS NOT NULL RETURNING 1),
   ended AS (DELETE FROM em_scheduler.scheduler_due d USING judged n
             WHERE d.job_key = n.key AND d.next_run_at = n.was AND n.next IS NULL RETURNING 1)
 SELECT (SELECT count(*) FROM moved) + (SELECT count(*) FROM ended)";

/// The columns of [`ADVANCE`].
#[derive(Default)]
struct Advances {
    keys: Vec<i64>,
    was: Vec<i64>,
    next: Vec<Option<i64>>,
}

impl Advances {
    fn of(judged: &[Judged]) -> Self {
        let mut advances = Self::default();
        for job in judged {
            advances.keys.push(job.key);
            advances.was.push(job.due.get());
            advances.next.push(match job.after() {
                Some(JobAfter::Due(at)) => Some(at.get()),
                _ => None,
            });
        }
        advances
    }

    /// The earliest time any of the jobs has now.
    fn earliest(&self) -> Option<i64> {
        self.next.iter().copied().flatten().min()
    }
}

/// Ends the jobs that fire no more.
fn end_jobs(tx: &Tx<'_>, judged: &[Judged]) {
    let (mut tombstones, mut gone) = (Vec::new(), Vec::new());
    for job in judged {
        match job.after() {
            Some(JobAfter::Tombstone) => tombstones.push(job.key),
            Some(JobAfter::Gone) => gone.push(job.key),
            Some(JobAfter::Due(_)) | None => {}
        }
    }
    if !tombstones.is_empty() {
        let unlist = "UPDATE em_scheduler.scheduler_job SET listed = 0 WHERE key = ANY($1::int8[])";
        tx.later(unlist, vec![Box::new(tombstones)]);
    }
    if !gone.is_empty() {
        tx.later(
            "DELETE FROM em_scheduler.scheduler_job WHERE key = ANY($1::int8[])",
            vec![Box::new(gone)],
        );
    }
}

/// Writes everything decided: due times and runs on one round trip, events later. Returns the runs to send, in order of
/// run time, and the earliest run time left for us.
async fn write(
    tx: &Tx<'_>,
    judged: &[Judged],
    (decider, more): (&dyn Decider, bool),
) -> Result<(Vec<SendableRun>, Option<UtcMicros>)> {
    let advances = Advances::of(judged);
    let mut new = NewRuns::default();
    for (job, plan) in judged.iter().filter_map(|judged| judged.plan.as_ref().ok()) {
        for decision in &plan.decisions {
            let run = life::decided(job, decision, || decider.admit(job.task_id));
            new.push(job, decision, run);
        }
    }
    let now = tx.now.get();
    let next: Step<'_> = if more {
        (NEXT_OF_ALL, &[])
    } else {
        (NEXT_OF_OTHERS, &[&now])
    };
    let [moved, written, next] = tx
        .together([
            (ADVANCE, &[&advances.keys, &advances.was, &advances.next]),
            (&INSERT_RUNS, &new.values(&now, &tx.owner)),
            next,
        ])
        .await?;
    let moved: i64 = moved.first().map_or(Ok(0), |row| row.try_get(0))?;
    if usize::try_from(moved) != Ok(judged.len()) {
        // Locked rows do not move. Should they, all that was sent with this is undone.
        return Err(StoreError::Unavailable(format!(
            "{} due jobs were locked, and {moved} of them still had the time they were locked with",
            judged.len()
        )));
    }
    // Those that ours have now may have passed already.
    let next = next_due(&next)?
        .into_iter()
        .chain(advances.earliest().map(UtcMicros::new))
        .min();
    let written: Written<'_> = written
        .iter()
        .map(|row| Ok(((row.try_get(1)?, row.try_get(2)?), row.try_get(0)?)))
        .collect::<Result<_>>()?;
    Ok((tell(tx, judged, (new.decided, written)), next))
}

/// The keys of runs written, by job and time.
type Written<'a> = HashMap<(&'a str, i64), RunKey>;

/// Leaves the events of everything decided for later; returns the runs to send, in order of run time.
fn tell(
    tx: &Tx<'_>,
    judged: &[Judged],
    (decided, mut written): (Vec<Option<NewRun>>, Written<'_>),
) -> Vec<SendableRun> {
    let mut decided = decided.into_iter();
    let (mut runs, mut events) = (Vec::new(), Vec::new());
    for judged in judged {
        let (job, plan) = match &judged.plan {
            Ok(plan) => plan,
            Err(reason) => {
                events.push((judged.task, Event::Unreadable(judged.id.clone(), reason.clone())));
                continue;
            }
        };
        for (decision, new) in plan.decisions.iter().zip(decided.by_ref()) {
            let at = decision.scheduled_for;
            match new.zip(written.remove(&(job.id.as_str(), at.get()))) {
                Some((new, key)) => {
                    runs.extend(new.sendable(key, job, at));
                    events.push((job.task_id, new.event));
                }
                None => events.push((job.task_id, life::decided_before(job, at))),
            }
        }
        let ended = judged.after().and_then(JobAfter::event);
        events.extend(ended.map(|event| (job.task_id, event)));
    }
    tx.record(&events);
    runs
}

/// Writes runs, but for those that somebody decided before; returns their keys.
static INSERT_RUNS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO em_scheduler.scheduler_run (job_id, task_id, kind, scheduled_for, state, decided_at, coalesced,
                                    coalesced_since, attempt, owner, fence, sent_at, finished_at, reason)
         SELECT n.job_id, n.task_id, n.kind, n.at, n.state, $9::int8, n.coalesced, n.since,
                (n.state = 'sending')::int4, $10::text, 1, CASE WHEN n.state = 'sending' THEN $9::int8 END,
                CASE WHEN n.state NOT IN {OPEN_STATES} THEN $9::int8 END, n.reason
         FROM unnest($1::text[], $2::int4[], $3::text[], $4::int8[], $5::text[], $6::int8[], $7::int8[],
                     $8::text[]) WITH ORDINALITY
              AS n (job_id, task_id, kind, at, state, coalesced, since, reason, place)
         ORDER BY n.place
         ON CONFLICT (job_id, scheduled_for) DO NOTHING RETURNING key, job_id, scheduled_for"
    )
});

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
    /// What was decided, in order; none where nothing is written.
    decided: Vec<Option<NewRun>>,
}

impl<'a> NewRuns<'a> {
    fn push(&mut self, job: &'a DueJob, decision: &Decision, new: Option<NewRun>) {
        if let Some(new) = &new {
            self.jobs.push(&job.id);
            self.tasks.push(job.task_id);
            self.kinds.push(job.kind.as_str());
            self.times.push(decision.scheduled_for.get());
            self.states.push(new.state.as_str());
            self.coalesced
                .push(i64::try_from(decision.coalesced).unwrap_or(i64::MAX));
            self.since.push(decision.coalesced_since.map(UtcMicros::get));
            self.reasons.push(new.reason.clone());
        }
        self.decided.push(new);
    }

    /// What [`INSERT_RUNS`] is given.
    fn values<'v>(&'v self, now: &'v i64, owner: &'v String) -> [&'v (dyn ToSql + Sync); 10] {
        [
            &self.jobs,
            &self.tasks,
            &self.kinds,
            &self.times,
            &self.states,
            &self.coalesced,
            &self.since,
            &self.reasons,
            now,
            owner,
        ]
    }
}
