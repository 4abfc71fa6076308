//! One transaction and what every operation needs inside it: statements prepared once per connection, the time and
//! the zone given, the locks that make operations wait for one another, and the events they write.
//!
//! **Locks.** Rows are locked in the order `scheduler_due`, `scheduler_job`, `scheduler_run` (by key), `task`; whoever
//! cannot have a row of `task` at once goes on without it, unless the operation makes no sense then. What no row
//! stands for is guarded by advisory locks, each of which ends with its transaction.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use triggers::{UtcMicros, Zone};

use super::debts::Debts;
use super::wall::Wall;
use crate::model::{Event, TaskId};
use crate::store::Result;
use crate::store::codec::EventRow;
use crate::store::em_web::STATUS_SCHEDULER;

/// Parameters of a statement.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Rows of `task_log` written by one statement: enough to be fast, few enough for the statement's time limit.
const EVENTS_AT_ONCE: usize = 20_000;

/// The advisory locks of the scheduler: a number nobody else is likely to use, and what it guards.
const GUARD: i32 = 0x454d_5331;
/// The advisory locks of single tasks.
const TASK_GUARD: i32 = 0x454d_5332;

/// What an advisory lock guards.
#[derive(Debug, Clone, Copy)]
pub(super) enum Guard {
    /// Creating and migrating the tables.
    Schema = 1,
    /// The paused flag: deciders share it, pausing takes it alone. So once paused, nothing more is decided.
    Paused = 2,
    /// The set of stored jobs: changing one task's jobs shares it, changing many takes it alone.
    Jobs = 3,
}

/// A transaction with the circumstances of its operation.
pub(super) struct Tx<'c> {
    transaction: Transaction<'c>,
    pub(super) now: UtcMicros,
    pub(super) zone: Zone,
    /// This process.
    pub(super) owner: String,
    /// What others' locks kept this operation, and those before it, from writing into `task`.
    pub(super) debts: Mutex<Debts>,
}

/// The circumstances of an operation.
pub(super) struct Scope {
    pub(super) now: UtcMicros,
    pub(super) zone: Zone,
    pub(super) owner: String,
    pub(super) debts: Debts,
}

impl<'c> Tx<'c> {
    pub(super) fn new(transaction: Transaction<'c>, scope: Scope) -> Self {
        let Scope {
            now,
            zone,
            owner,
            debts,
        } = scope;
        Self {
            transaction,
            now,
            zone,
            owner,
            debts: Mutex::new(debts),
        }
    }

    /// Makes everything durable; answers what is owed to `task` now.
    pub(super) async fn commit(self) -> Result<Debts> {
        crate::crash::point("commit.before");
        self.transaction.commit().await?;
        crate::crash::point("commit.after");
        Ok(self.debts.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The rows a statement answers.
    pub(super) async fn rows(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>> {
        let statement = self.transaction.prepare_cached(sql).await?;
        Ok(self.transaction.query(&statement, params).await?)
    }

    /// The one row a statement answers.
    pub(super) async fn row(&self, sql: &str, params: Params<'_>) -> Result<Row> {
        let statement = self.transaction.prepare_cached(sql).await?;
        Ok(self.transaction.query_one(&statement, params).await?)
    }

    /// Runs a statement; answers how many rows it changed.
    pub(super) async fn run(&self, sql: &str, params: Params<'_>) -> Result<u64> {
        let statement = self.transaction.prepare_cached(sql).await?;
        Ok(self.transaction.execute(&statement, params).await?)
    }

    /// Runs statements without parameters.
    pub(super) async fn batch(&self, sql: &str) -> Result<()> {
        Ok(self.transaction.batch_execute(sql).await?)
    }

    /// Waits for a guard and holds it to the end of the transaction. Statements after it see all that its holders
    /// before us committed.
    pub(super) async fn hold(&self, guard: Guard) -> Result<()> {
        self.run("SELECT pg_advisory_xact_lock($1, $2)", &[&GUARD, &(guard as i32)])
            .await?;
        Ok(())
    }

    /// The same, together with others that share it.
    pub(super) async fn share(&self, guard: Guard) -> Result<()> {
        self.run(
            "SELECT pg_advisory_xact_lock_shared($1, $2)",
            &[&GUARD, &(guard as i32)],
        )
        .await?;
        Ok(())
    }

    /// Guards the jobs of one task: nobody else changes them, nobody changes those of many.
    pub(super) async fn hold_task(&self, task: TaskId) -> Result<()> {
        self.share(Guard::Jobs).await?;
        self.run("SELECT pg_advisory_xact_lock($1, $2)", &[&TASK_GUARD, &task])
            .await?;
        Ok(())
    }

    /// Writes events in the order given. A task that has vanished gets none; nor does one that somebody is deleting
    /// just now, whose rows would go with it, and waiting for that would hold up everybody.
    pub(super) async fn record(&self, events: &[(TaskId, Event)]) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut tasks: Vec<TaskId> = events.iter().map(|(task, _)| *task).collect();
        tasks.sort_unstable();
        tasks.dedup();
        let found = self
            .rows(
                "SELECT id::int4, coalesce(last_run_job_id, '')::text FROM task WHERE id = ANY($1::int4[])
                 ORDER BY id FOR KEY SHARE SKIP LOCKED",
                &[&tasks],
            )
            .await?;
        let mut last_runs = BTreeMap::new();
        for row in found {
            last_runs.insert(row.try_get::<_, TaskId>(0)?, row.try_get::<_, String>(1)?);
        }
        let kept: Vec<EventRow> = events
            .iter()
            .filter(|(task, _)| last_runs.contains_key(task))
            .map(|(task, event)| EventRow::new(*task, event, &self.zone))
            .collect();
        for events in kept.chunks(EVENTS_AT_ONCE) {
            self.insert(events, &last_runs).await?;
        }
        Ok(())
    }

    async fn insert(&self, events: &[EventRow], last_runs: &BTreeMap<TaskId, String>) -> Result<()> {
        let tasks: Vec<TaskId> = events.iter().map(|event| event.task_id).collect();
        let run_ids: Vec<Option<&str>> = events
            .iter()
            .map(|event| {
                last_runs
                    .get(&event.task_id)
                    .filter(|_| event.links_run)
                    .map(String::as_str)
            })
            .collect();
        let messages: Vec<String> = events.iter().map(|event| storable(&event.message)).collect();
        let errors: Vec<Option<i32>> = events.iter().map(|event| event.error).collect();
        self.run(
            "INSERT INTO task_log (task_id, status_id, job_id, message, status_date, error)
             SELECT e.task_id, $5::int4, e.job_id, e.message, $6::timestamp, e.error
             FROM unnest($1::int4[], $2::text[], $3::text[], $4::int4[])
                  WITH ORDINALITY AS e (task_id, job_id, message, error, place)
             ORDER BY e.place",
            &[
                &tasks,
                &run_ids,
                &messages,
                &errors,
                &STATUS_SCHEDULER,
                &Wall::from(self.zone.to_wall(self.now)),
            ],
        )
        .await?;
        Ok(())
    }
}

/// PostgreSQL's texts hold every character but one, and what runners answer may hold any.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "")
}
