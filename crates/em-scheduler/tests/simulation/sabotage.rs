//! Stores with a fault built in, each a mistake that schedulers have been shipped with: the checker must find every one
//! of them, or it is worth nothing. They work on the SQLite file beside the real store, with SQL of their own.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use em_scheduler::em_web::TaskRow;
use em_scheduler::model::{
    Action, DueJob, JobKind, Next, Outcome, Plan, RunKey, SendableRun, Settlement, TaskId,
};
use em_scheduler::store::{DecidedBatch, Decider, JobPlanner, Notice, Replaced, Result};
use rusqlite::{Connection, Row, Transaction};
use triggers::UtcMicros;

use crate::blocking::finish;
use crate::database::{self, Opened};
use crate::life::Life;
use crate::operation::Op;
use crate::scenario::SECOND;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The job moves on in one transaction and its run is inserted in the next: loses.
    AdvanceThenInsert,
    /// The run is inserted in one transaction and the job moves on in the next, and no unique key: doubles.
    InsertThenAdvance,
    /// What is due is read outside of the transaction that moves the job on, unconditionally, without key or lock:
    /// doubles where there are two owners.
    Unconditional,
    /// An outcome is written whoever holds the run now.
    IgnoreTheFence,
    /// The events are written in a transaction of their own.
    EventsApart,
    /// A run leaves before its row says that it is being sent.
    SendFirst,
    /// The API answers before its change is committed.
    AnswerFirst,
    /// A process goes by a clock of its own, two seconds ahead of the one that counts.
    OwnClock,
    /// What a dead process left is left to itself.
    TakeNothingOver,
    /// A process acknowledges what others have changed, and does not act by it.
    AcknowledgeOnly,
    /// Each task of a sequence is given the project's jobs, not only the first.
    AddAllOfASequence,
}

impl Sabotage {
    /// Whether it needs two processes on one database.
    pub fn takes_two(self) -> bool {
        matches!(
            self,
            Self::Unconditional | Self::IgnoreTheFence | Self::AcknowledgeOnly
        )
    }
}

/// One process's share in a sabotage.
pub struct Saboteur {
    sabotage: Sabotage,
    connection: Mutex<Connection>,
}

impl Saboteur {
    pub fn new(sabotage: Sabotage, file: &Path) -> Self {
        Self {
            sabotage,
            connection: Mutex::new(database::connect(file)),
        }
    }

    /// Makes the tables fit, before anything runs.
    pub fn prepare(sabotage: Sabotage, file: &Path) {
        if matches!(sabotage, Sabotage::InsertThenAdvance | Sabotage::Unconditional) {
            without_unique_key(&database::connect(file));
        }
    }

    pub fn decides(&self) -> bool {
        matches!(
            self.sabotage,
            Sabotage::AdvanceThenInsert | Sabotage::InsertThenAdvance | Sabotage::Unconditional
        )
    }

    pub fn settles(&self) -> bool {
        matches!(self.sabotage, Sabotage::IgnoreTheFence | Sabotage::EventsApart)
    }

    pub fn sends_early(&self) -> bool {
        self.sabotage == Sabotage::SendFirst
    }

    pub fn takes_nothing_over(&self) -> bool {
        self.sabotage == Sabotage::TakeNothingOver
    }

    /// What a process is told of what others have changed.
    pub fn spoil(&self, notice: Notice) -> Notice {
        if self.sabotage == Sabotage::AcknowledgeOnly {
            return Notice {
                number: notice.number,
                ..Notice::default()
            };
        }
        notice
    }

    /// Plans the jobs of a task that is added.
    pub fn plan(&self, plan: JobPlanner) -> JobPlanner {
        if self.sabotage == Sabotage::AddAllOfASequence {
            return Arc::new(move |task: &TaskRow| {
                plan(&TaskRow {
                    follows: false,
                    ..task.clone()
                })
            });
        }
        plan
    }

    /// How far its clock is ahead, in microseconds.
    pub fn ahead(&self) -> i64 {
        if self.sabotage == Sabotage::OwnClock {
            2 * SECOND
        } else {
            0
        }
    }

    pub fn answers_early(&self) -> bool {
        self.sabotage == Sabotage::AnswerFirst
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, work: impl FnOnce(&Transaction<'_>)) {
        let mut connection = self.connection();
        let transaction = connection.transaction().unwrap();
        work(&transaction);
        transaction.commit().unwrap();
    }

    pub async fn decide(
        &self,
        life: &Life,
        (now, limit): (UtcMicros, usize),
        decider: &dyn Decider,
    ) -> Result<DecidedBatch> {
        let op = Op::Decide(now.get());
        let mut decided = DecidedBatch {
            paused: self.number("SELECT coalesce(max(value), 0) FROM scheduler_state WHERE name = 'paused'")
                == Some(1),
            ..DecidedBatch::default()
        };
        if decided.paused {
            return Ok(decided);
        }
        let due: Vec<(i64, DueJob, Plan)> = due_jobs(&self.connection(), now, limit)
            .into_iter()
            .filter_map(|(key, job)| decider.plan(&job).ok().map(|plan| (key, job, plan)))
            .collect();
        match self.sabotage {
            Sabotage::AdvanceThenInsert => {
                self.write(|tx| due.iter().for_each(|due| advance(tx, due)));
                life.between(&op).await;
                self.write(|tx| {
                    decided.runs = due.iter().flat_map(|due| insert(tx, due, (now, life))).collect();
                });
            }
            Sabotage::InsertThenAdvance => {
                self.write(|tx| {
                    decided.runs = due.iter().flat_map(|due| insert(tx, due, (now, life))).collect();
                });
                life.between(&op).await;
                self.write(|tx| due.iter().for_each(|due| advance(tx, due)));
            }
            _ => {
                life.held_up().await;
                self.write(|tx| {
                    decided.runs = due.iter().flat_map(|due| insert(tx, due, (now, life))).collect();
                    due.iter().for_each(|due| advance(tx, due));
                });
            }
        }
        decided.jobs = due.len();
        decided.tasks = due.iter().map(|(_, job, _)| job.task_id).collect();
        decided.next_due = self
            .number("SELECT min(next_run_at) FROM scheduler_due")
            .map(UtcMicros::new);
        Ok(decided)
    }

    pub async fn settle(&self, life: &Life, now: UtcMicros, settlements: &[Settlement]) -> Result<()> {
        let mut events = Vec::new();
        self.write(|tx| {
            for settlement in settlements {
                if self.end(tx, now, settlement)
                    && let Some((_, message)) = ending(&settlement.outcome)
                {
                    events.push((settlement.task_id, message));
                }
            }
            if self.sabotage != Sabotage::EventsApart {
                events
                    .drain(..)
                    .for_each(|(task, message)| log(tx, task, message));
            }
        });
        if self.sabotage == Sabotage::EventsApart {
            let named = settlements.iter().map(|one| (one.key, one.fence)).collect();
            life.between(&Op::Settle(named)).await;
            self.write(|tx| {
                events
                    .drain(..)
                    .for_each(|(task, message)| log(tx, task, message));
            });
        }
        Ok(())
    }

    /// Writes one outcome; true if it did.
    fn end(&self, tx: &Transaction<'_>, now: UtcMicros, settlement: &Settlement) -> bool {
        let held = if self.sabotage == Sabotage::IgnoreTheFence {
            "?2 = ?2"
        } else {
            "fence = ?2 AND state IN ('queued', 'sending') AND muted = 0"
        };
        let (key, fence) = (settlement.key, settlement.fence);
        let changed = match (&settlement.outcome, ending(&settlement.outcome)) {
            (_, Some((state, _))) => tx
                .execute(
                    &format!(
                        "UPDATE scheduler_run SET state = ?3, finished_at = ?4 WHERE key = ?1 AND {held}"
                    ),
                    (key, fence, state, now.get()),
                )
                .unwrap(),
            (Outcome::Requeued { attempted, .. }, None) => {
                requeue(tx, (key, fence, held), i64::from(!attempted))
            }
            _ => requeue(tx, (key, fence, held), 0),
        };
        changed > 0
    }

    /// Says that runs are being sent, and writes it down a little later.
    pub fn begin_later(
        &self,
        life: Arc<Life>,
        (now, runs): (UtcMicros, Vec<(RunKey, i64)>),
        inner: &Opened,
    ) -> Result<Vec<SendableRun>> {
        let begun = runs.iter().filter_map(|held| self.begun(*held)).collect();
        let inner = Arc::clone(&inner.0);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            life.go_on().await;
            let op = Op::Begin(runs.clone());
            // Whatever it answers, the caller has its answer already.
            let _ = finish(inner.begin_sends(now, runs));
            life.world
                .core()
                .carried_out(&life.name, &op, life.clock.passed());
        });
        Ok(begun)
    }

    fn begun(&self, (key, fence): (RunKey, i64)) -> Option<SendableRun> {
        let sql = "SELECT key, job_id, task_id, kind, scheduled_for, fence, attempt FROM scheduler_run
                   WHERE key = ?1 AND fence = ?2 AND state = 'queued'";
        let run = |row: &Row<'_>| {
            Ok(SendableRun {
                key: row.get(0)?,
                job_id: row.get(1)?,
                task_id: row.get(2)?,
                kind: JobKind::from_text(&row.get::<_, String>(3)?).unwrap(),
                scheduled_for: UtcMicros::new(row.get(4)?),
                fence: row.get::<_, i64>(5)? + 1,
                attempt: row.get::<_, u32>(6)? + 1,
                not_before: None,
                sending: true,
            })
        };
        self.connection().query_row(sql, (key, fence), run).ok()
    }

    /// Says that the jobs are replaced, and replaces them a little later.
    pub fn replace_later(
        &self,
        life: Arc<Life>,
        (now, task, plan): (UtcMicros, TaskId, JobPlanner),
        inner: &Opened,
    ) -> Result<Replaced> {
        let inner = Arc::clone(&inner.0);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            life.go_on().await;
            // Whatever it answers, the caller has its answer already.
            let _ = finish(inner.replace_jobs(now, task, plan));
            let mut core = life.world.core();
            core.carried_out(&life.name, &Op::Replace(task), life.clock.passed());
        });
        Ok(Replaced::Done)
    }

    fn number(&self, sql: &str) -> Option<i64> {
        self.connection().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn due_jobs(connection: &Connection, now: UtcMicros, limit: usize) -> Vec<(i64, DueJob)> {
    let sql = "SELECT d.job_key, j.id, j.task_id, j.kind, j.definition, j.created_at, d.next_run_at, t.enabled,
                      (SELECT count(*) FROM scheduler_run r
                       WHERE r.job_id = j.id AND r.state IN ('queued', 'claimed', 'sending'))
               FROM scheduler_due d JOIN scheduler_job j ON j.key = d.job_key LEFT JOIN task t ON t.id = j.task_id
               WHERE d.next_run_at <= ?1 ORDER BY d.next_run_at, j.id LIMIT ?2";
    let mut statement = connection.prepare_cached(sql).unwrap();
    let rows = statement.query_map((now.get(), i64::try_from(limit).unwrap()), |row| {
        let job = DueJob {
            id: row.get(1)?,
            task_id: row.get(2)?,
            kind: JobKind::from_text(&row.get::<_, String>(3)?).unwrap(),
            definition: row.get(4)?,
            created_at: UtcMicros::new(row.get(5)?),
            next_run_at: UtcMicros::new(row.get(6)?),
            instances: row.get(8)?,
            has_run: false,
            task_enabled: row.get::<_, Option<i64>>(7)?.map(|enabled| enabled == 1),
        };
        Ok((row.get(0)?, job))
    });
    rows.unwrap().map(|row| row.unwrap()).collect()
}

fn insert(
    tx: &Transaction<'_>,
    (_, job, plan): &(i64, DueJob, Plan),
    (now, life): (UtcMicros, &Life),
) -> Vec<SendableRun> {
    let mut runs = Vec::new();
    for decision in &plan.decisions {
        let (state, reason, message) = match decision.action {
            Action::Send => ("queued", None, "Job submitted."),
            Action::Missed { .. } => ("missed", None, "Job missed."),
            Action::Skipped(reason) => ("skipped", Some(reason.to_string()), "Job skipped."),
        };
        tx.prepare_cached(
            "INSERT OR IGNORE INTO scheduler_run (job_id, task_id, kind, scheduled_for, state, decided_at, coalesced,
               coalesced_since, owner, fence, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10)",
        )
        .unwrap()
        .execute((
            &job.id,
            job.task_id,
            job.kind.as_str(),
            decision.scheduled_for.get(),
            state,
            now.get(),
            i64::try_from(decision.coalesced).unwrap(),
            decision.coalesced_since.map(UtcMicros::get),
            &life.name,
            reason,
        ))
        .unwrap();
        if tx.changes() == 0 {
            continue;
        }
        let key = tx.last_insert_rowid();
        log(tx, job.task_id, message);
        if state == "queued" {
            runs.push(SendableRun {
                key,
                job_id: job.id.clone(),
                task_id: job.task_id,
                kind: job.kind,
                scheduled_for: decision.scheduled_for,
                fence: 1,
                attempt: 0,
                not_before: None,
                sending: false,
            });
        }
    }
    runs
}

fn advance(tx: &Transaction<'_>, (key, job, plan): &(i64, DueJob, Plan)) {
    match plan.next {
        Next::At(at) => tx
            .execute(
                "UPDATE scheduler_due SET next_run_at = ?2 WHERE job_key = ?1",
                (key, at.get()),
            )
            .unwrap(),
        next => {
            tx.execute("DELETE FROM scheduler_due WHERE job_key = ?1", [key])
                .unwrap();
            let buries = next == Next::Finished && job.kind.is_trigger();
            let verb = if buries {
                "UPDATE scheduler_job SET listed = 0"
            } else {
                "DELETE FROM scheduler_job"
            };
            let gone = tx.execute(&format!("{verb} WHERE key = ?1"), [key]).unwrap();
            if gone > 0 {
                log(tx, job.task_id, "Job removed.");
            }
            gone
        }
    };
}

fn requeue(tx: &Transaction<'_>, (key, fence, held): (RunKey, i64, &str), uncounted: i64) -> usize {
    let sql = format!(
        "UPDATE scheduler_run SET state = 'queued', attempt = attempt - ?3
         WHERE key = ?1 AND withdrawn = 0 AND state = 'sending' AND {held}"
    );
    tx.execute(&sql, (key, fence, uncounted)).unwrap()
}

/// The state and the event of a run that ends so.
fn ending(outcome: &Outcome) -> Option<(&'static str, &'static str)> {
    match outcome {
        Outcome::Delivered { .. } => Some(("delivered", "Job executed.")),
        Outcome::Failed { .. } => Some(("failed", "Job error.")),
        Outcome::Unknown { .. } => Some(("unknown", "Job outcome unknown.")),
        Outcome::Missed { .. } => Some(("missed", "Job missed.")),
        Outcome::Skipped(_) => Some(("skipped", "Job skipped.")),
        Outcome::Requeued { .. } | Outcome::Repeat { .. } => None,
    }
}

fn log(tx: &Transaction<'_>, task: TaskId, message: &str) {
    tx.prepare_cached("INSERT INTO task_log (task_id, message) SELECT id, ?2 FROM task WHERE id = ?1")
        .unwrap()
        .execute((task, message))
        .unwrap();
}

/// The table of runs as it is, but for its key.
fn without_unique_key(connection: &Connection) {
    let mut statement = connection
        .prepare("SELECT sql FROM sqlite_master WHERE tbl_name = 'scheduler_run' AND sql IS NOT NULL ORDER BY rowid")
        .unwrap();
    let made: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(|sql| sql.unwrap())
        .collect();
    const KEY: &str = "UNIQUE (scheduled_for, job_id)";
    assert!(made.iter().any(|sql| sql.contains(KEY)), "{made:?}");
    let mut sql = "DROP TABLE scheduler_run;".to_owned();
    for made in made {
        sql += &made.replace(KEY, "CHECK (key = key)");
        sql += ";";
    }
    connection.execute_batch(&sql).unwrap();
}
