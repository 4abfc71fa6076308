//! One transaction and what every operation needs inside it: statements prepared once per connection and sent
//! together where none needs another's answer, the time and the zone given, the locks that make operations wait for
//! one another, and the events they write.
//!
//! **Round trips.** On a busy machine a statement costs less than the way to the server and back, so an operation is
//! written as a few round trips: BEGIN travels with the first statements, what nobody waits for ([`Tx::later`]) with the
//! next ones, COMMIT with the last. The server runs them in this order, each seeing what was committed before it.
//!
//! **Locks.** Rows are locked in the order `scheduler_due`, `scheduler_job`, `scheduler_run` (by key), `task`; whoever
//! cannot have a row of `task` at once goes on without it, unless the operation makes no sense then. What no row
//! stands for is guarded by advisory locks, each of which ends with its transaction.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use deadpool_postgres::Object;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};
use triggers::{UtcMicros, Zone};

use super::deferred_columns::DeferredColumns;
use super::rows::EmWebStatements;
use crate::store::Result;

/// Parameters of a statement.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A statement with its parameters.
pub(super) type Step<'a> = (&'a str, Params<'a>);

/// Parameters of a statement left for later.
pub(super) type OwnedParams = Vec<Box<dyn ToSql + Sync + Send>>;

/// The advisory locks of the scheduler: a number nobody else is likely to use, and what it guards.
pub(super) const GUARD: i32 = 0x454d_5331;
/// The advisory locks of single tasks.
pub(super) const TASK_GUARD: i32 = 0x454d_5332;

/// Waits for a guard ([`GUARD`] or [`TASK_GUARD`], and which) and holds it to the end of the transaction. Statements
/// after it see all that its holders before us committed.
pub(super) const HOLD: &str = "SELECT pg_advisory_xact_lock($1, $2)";
/// The same, together with others that share it.
pub(super) const SHARE: &str = "SELECT pg_advisory_xact_lock_shared($1, $2)";

/// Undoes, for one transaction, what [`super::connect`] tells every session about the ways of a statement: here a plan
/// must fit the size the tables have now. And gives it the memory to hash and sort some 100,000 jobs without files.
pub(super) const WIDE: &str =
    "SELECT set_config('enable_seqscan', 'on', true), set_config('enable_hashjoin', 'on', true),
     set_config('enable_mergejoin', 'on', true), set_config('plan_cache_mode', 'force_custom_plan', true),
     set_config('work_mem', '32MB', true)";

/// What an advisory lock guards.
#[derive(Debug, Clone, Copy)]
pub(super) enum AdvisoryLock {
    /// Creating and migrating the tables.
    Schema = 1,
    /// The paused flag: deciders share it, pausing takes it alone. So once paused, nothing more is decided.
    Paused = 2,
    /// The set of stored jobs: changing one task's jobs shares it, changing many takes it alone.
    Jobs = 3,
}

/// A transaction with the circumstances of its operation.
pub(super) struct Tx<'c> {
    client: &'c Object,
    /// Whether BEGIN has been sent, and whether COMMIT was answered.
    begun: AtomicBool,
    ended: AtomicBool,
    /// Statements left for later, in their order.
    waiting: Mutex<Vec<(String, OwnedParams)>>,
    pub(super) now: UtcMicros,
    pub(super) zone: Zone,
    /// This process.
    pub(super) owner: String,
    /// What others' locks kept this operation, and those before it, from writing into `task`.
    pub(super) deferred_columns: Mutex<DeferredColumns>,
    /// How em_web's rows are read.
    pub(super) reading: Arc<EmWebStatements>,
}

/// The circumstances of an operation.
pub(super) struct TxContext {
    pub(super) now: UtcMicros,
    pub(super) zone: Zone,
    pub(super) owner: String,
    pub(super) deferred_columns: DeferredColumns,
    pub(super) reading: Arc<EmWebStatements>,
}

/// A transaction that was not committed is rolled back, before anybody uses its connection again.
impl Drop for Tx<'_> {
    fn drop(&mut self) {
        if self.begun.load(Ordering::Relaxed) && !self.ended.load(Ordering::Relaxed) {
            // The first look at it sends it. The answer is awaited by the connection itself, before that of whatever comes next.
            let rollback = pin!(self.client.batch_execute("ROLLBACK"));
            let _ = rollback.poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

impl<'c> Tx<'c> {
    /// A transaction that begins with its first statement.
    pub(super) fn new(client: &'c Object, scope: TxContext) -> Self {
        let TxContext {
            now,
            zone,
            owner,
            deferred_columns,
            reading,
        } = scope;
        Self {
            client,
            begun: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            waiting: Mutex::default(),
            now,
            zone,
            owner,
            deferred_columns: Mutex::new(deferred_columns),
            reading,
        }
    }

    /// Makes everything durable; returns what is deferred to `task` now.
    pub(super) async fn commit(self) -> Result<DeferredColumns> {
        crate::crash::point("commit.before");
        if self.begun.load(Ordering::Relaxed) || !lock(&self.waiting).is_empty() {
            self.round_trip(&[("COMMIT", &[])]).await?;
        }
        self.ended.store(true, Ordering::Relaxed);
        crate::crash::point("commit.after");
        Ok(std::mem::take(&mut *lock(&self.deferred_columns)))
    }

    /// Leaves a statement whose answer nobody needs: it travels with the next one, or with COMMIT.
    pub(super) fn later(&self, sql: impl Into<String>, values: OwnedParams) {
        lock(&self.waiting).push((sql.into(), values));
    }

    /// Sends what has been left for later and these statements together, and awaits all answers. The server runs
    /// them in this order; after one that failed the others do nothing, COMMIT neither. (Where BEGIN itself fails they
    /// fail too: outside a transaction the session may only read, see `connect`.)
    async fn round_trip(&self, steps: &[Step<'_>]) -> Result<Vec<Vec<Row>>> {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        let mut questions: Vec<(&str, Vec<&(dyn ToSql + Sync)>)> = Vec::new();
        if !self.begun.swap(true, Ordering::Relaxed) {
            questions.push(("BEGIN READ WRITE", Vec::new()));
        }
        for (sql, values) in &waiting {
            let values = values.iter().map(|value| &**value as &(dyn ToSql + Sync));
            questions.push((sql, values.collect()));
        }
        questions.extend(steps.iter().map(|(sql, values)| (*sql, values.to_vec())));
        // Preparing is a round trip of its own, once per connection. All of it comes first: nothing may be sent before
        // what stands before it.
        let mut prepared = Vec::with_capacity(questions.len());
        for (sql, values) in questions {
            prepared.push((self.client.prepare_cached(sql).await?, values));
        }
        let questions = prepared
            .iter()
            .map(|(statement, values)| Box::pin(self.client.query(statement, values)) as Question<'_>)
            .collect();
        let mut answers = in_order(questions).await?;
        Ok(answers.split_off(answers.len() - steps.len()))
    }

    /// The rows that statements sent together answer.
    pub(super) async fn together<const N: usize>(&self, steps: [Step<'_>; N]) -> Result<[Vec<Row>; N]> {
        let mut answers = self.round_trip(&steps).await?.into_iter();
        Ok(std::array::from_fn(|_| answers.next().unwrap_or_default()))
    }

    /// The rows a statement returns.
    pub(super) async fn rows(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>> {
        let [rows] = self.together([(sql, params)]).await?;
        Ok(rows)
    }

    /// The one row a statement returns.
    pub(super) async fn row(&self, sql: &str, params: Params<'_>) -> Result<Row> {
        self.together::<0>([]).await?;
        let statement = self.client.prepare_cached(sql).await?;
        Ok(self.client.query_one(&statement, params).await?)
    }

    /// Runs a statement; returns how many rows it changed.
    pub(super) async fn run(&self, sql: &str, params: Params<'_>) -> Result<u64> {
        self.together::<0>([]).await?;
        let statement = self.client.prepare_cached(sql).await?;
        Ok(self.client.execute(&statement, params).await?)
    }

    /// Runs statements without parameters.
    pub(super) async fn batch(&self, sql: &str) -> Result<()> {
        self.together::<0>([]).await?;
        Ok(self.client.batch_execute(sql).await?)
    }

    /// For what goes through whole tables: lets the planner weigh all ways again (see `connect`).
    pub(super) fn wide(&self) {
        self.later(WIDE, Vec::new());
    }

    /// Waits for a guard and holds it to the end of the transaction.
    pub(super) async fn hold(&self, guard: AdvisoryLock) -> Result<()> {
        self.rows(HOLD, &[&GUARD, &(guard as i32)]).await?;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A statement on its way.
type Question<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Error>> + Send + 'a>>;

/// Awaits all answers. Looking at a question for the first time sends it, so they are looked at in their order. Of
/// several failures the first counts: the others follow from it.
async fn in_order(mut questions: Vec<Question<'_>>) -> Result<Vec<Vec<Row>>, Error> {
    let mut answers: Vec<Option<Result<Vec<Row>, Error>>> = questions.iter().map(|_| None).collect();
    let mut sent = false;
    poll_fn(|context| {
        for (question, answer) in questions.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let Poll::Ready(answered) = question.as_mut().poll(context)
            {
                if !sent && let Err(error) = answered {
                    // It could not even be sent, so nothing that was to follow it may be.
                    return Poll::Ready(Some(error));
                }
                *answer = Some(answered);
            }
        }
        sent = true;
        if answers.iter().all(Option::is_some) {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    })
    .await
    .map_or_else(|| answers.into_iter().flatten().collect(), Err)
}

/// PostgreSQL's texts hold every character but one, and what runners answer may hold any.
pub(super) fn storable(mut text: String) -> String {
    text.retain(|character| character != '\0');
    text
}
