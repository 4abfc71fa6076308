//! The store on PostgreSQL: a small pool of connections, each operation one transaction of set-based statements, any
//! number of processes on one database.
//!
//! ```text
//!  url ─▶ connect (pool, session, tls) ─▶ link ─▶ schema (create, verify, migrate)
//!                                          tx      one transaction: statements, locks, events
//!          jobs  sync      what the API and job_sync change
//!          compare         what job_sync may have to change
//!          lists           what goes through all jobs, row by row
//!          firing  runs    what the engine decides and settles
//!          tasks  debts    what is written into em_web's task
//!          rows  wall      what is read from em_web
//!          cells           what is read from our own tables
//!          clock           the database's time
//! ```
//! The database's clock is the authoritative time. Transactions read committed rows statement by statement; what must
//! not move between two statements is locked (see `tx`).

mod answered;
mod beside;
mod cells;
mod clock;
mod compare;
mod connect;
mod debts;
mod deferred;
mod error;
mod firing;
mod instances;
mod jobs;
mod link;
mod listener;
mod lists;
mod own;
mod places;
mod rows;
mod runs;
mod schema;
mod settings;
mod stuck;
mod sync;
mod tasks;
mod tls;
mod tx;
mod url;
mod wall;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::Object;
use tokio::sync::Semaphore;
use tokio_postgres::Row;
use triggers::{UtcMicros, Zone};

use self::beside::Beside;
pub use self::compare::Portions;
use self::connect::HoldLimits;
use self::debts::Debts;
use self::link::{Link, Patience};
use self::places::Places;
use self::rows::Reading;
use self::tx::{Guard, Scope, Tx};
use self::url::Target;
use super::{
    Decided, Decider, Instance, JobNamer, JobPlanner, ListLimits, NextRun, Notice, Pages, Replaced, Result,
    Sequences, Standing, Store, StoreError, SyncPlanner, SyncRange, SyncedPage, TakeOverJudge, codec, pages,
};
use crate::clock::{Clock, Stopwatch};
use crate::model::{Announced, ListedJob, RunKey, ScheduleRules, SendableRun, Settlement, TaskId, TaskRow};

/// Names in `scheduler_state`.
const PAUSED: &str = "paused";
const SYNCED: &str = "synced";

/// Microseconds by which the clocks may differ before somebody is told.
const TOLERATED: i64 = 2_000_000;

/// How long a caller waits for rows that another session holds, in microseconds, and the pauses between two looks.
const ROW_PATIENCE: i64 = 5_000_000;
const ROW_LOOKS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// How the store is opened.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database`, with `sslmode` and `sslrootcert` as libpq knows them.
    pub url: String,
    /// The zone of em_web's naive times.
    pub zone: Zone,
    /// The process clock. Only compared with the database's, for a warning where they differ.
    pub clock: Arc<dyn Clock>,
    /// The id of this process.
    pub instance: String,
    /// Where this process runs.
    pub place: String,
    /// The misfire grace, in microseconds: what this process holds must be free well within it, whatever becomes of it.
    pub grace: i64,
}

/// Without the URL, which may hold a password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("zone", &self.zone)
            .field("instance", &self.instance)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// The store on PostgreSQL.
pub struct PostgresStore {
    link: Arc<Link>,
    options: PostgresOptions,
    version: String,
    debts: Mutex<Debts>,
    /// What goes on beside the operations; nothing in a store that is only inspected.
    beside: Option<Beside>,
    /// Places for what others ask for. It may wait for rows that em_web holds; the engine must not wait with it.
    callers: Places,
    /// The same for what must always get through.
    switches: Places,
    /// Places for lists, which are read for as long as whoever asked takes.
    lists: Arc<Semaphore>,
    list_limits: ListLimits,
    /// The shared settings, for the case that their table vanishes.
    agreed: Mutex<BTreeMap<String, String>>,
    /// How em_web's rows are read, once its model is known.
    reading: OnceLock<Arc<Reading>>,
}

/// What an operation does inside its transaction.
type Working<'t, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 't>>;

impl PostgresStore {
    /// Connects, creates or checks the tables, and begins to watch the database's clock. Connections live on the
    /// runtime that calls this.
    ///
    /// # Errors
    /// The server does not answer (`Unavailable`), refuses us, or holds no em_web database (`Unusable`).
    pub async fn connect(options: PostgresOptions) -> Result<Self> {
        let mut store = Self::unprepared(options).await?;
        let prepared = store
            .write_much(store.now(), |tx| Box::pin(schema::prepare(tx)))
            .await;
        let sequences = prepared.map_err(|error| store.link.naming(error))?;
        store.read_as(sequences);
        store.beside = Some(Beside::start(&store.link, store.options.grace));
        Ok(store)
    }

    /// Connects and changes nothing: what a start would do before the store can be used as one, and whether the role may
    /// create tables at all.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub async fn inspect(options: PostgresOptions) -> Result<(Self, Standing, bool)> {
        let store = Self::unprepared(options).await?;
        let looked = store
            .write(store.now(), |tx| Box::pin(schema::standing(tx)))
            .await;
        let (standing, may_create, sequences) = looked.map_err(|error| store.link.naming(error))?;
        store.read_as(sequences);
        Ok((store, standing, may_create))
    }

    /// [`Store::find_differing`], with projects gone through in other portions than the usual ones.
    ///
    /// # Errors
    /// The database fails.
    pub async fn find_differing_in(
        &self,
        now: UtcMicros,
        rules: ScheduleRules,
        portions: Portions,
    ) -> Result<Vec<TaskId>> {
        self.write_much(now, move |tx| {
            Box::pin(async move { compare::find_differing(tx, &rules, portions).await })
        })
        .await
    }

    /// The ids of the enabled tasks, also of a store that was only inspected.
    ///
    /// # Errors
    /// The database fails.
    pub async fn enabled_tasks(&self) -> Result<Vec<TaskId>> {
        self.write(self.now(), |tx| Box::pin(schema::enabled_tasks(tx)))
            .await
    }

    async fn unprepared(options: PostgresOptions) -> Result<Self> {
        let limits = HoldLimits::of(options.grace);
        let link = Arc::new(Link::new(Target::parse(&options.url)?, limits)?);
        link.sample().await?;
        let ahead = options.clock.now().since(link.clock.now());
        if ahead.abs() > TOLERATED {
            tracing::warn!(
                "this machine's clock is {} s ahead of the database's, which is the one that counts",
                ahead / 1_000_000
            );
        }
        let mut store = Self {
            link,
            options,
            version: String::new(),
            debts: Mutex::default(),
            beside: None,
            callers: Places::new(connect::CALLERS),
            switches: Places::new(connect::SWITCHES),
            lists: Arc::new(Semaphore::new(lists::AT_ONCE)),
            list_limits: ListLimits::default(),
            agreed: Mutex::default(),
            reading: OnceLock::new(),
        };
        let version = store.link.rows("SHOW server_version", &[]).await?;
        store.version = version.first().map_or(Ok(String::new()), |row| row.try_get(0))?;
        Ok(store)
    }

    fn read_as(&self, sequences: Sequences) {
        self.reading.get_or_init(|| Arc::new(Reading::of(sequences)));
    }

    fn reading(&self) -> Arc<Reading> {
        let known = self.reading.get().cloned();
        known.unwrap_or_else(|| Arc::new(Reading::of(Sequences::Unknown)))
    }

    /// With other limits for lists.
    #[must_use]
    pub fn with_list_limits(mut self, list_limits: ListLimits) -> Self {
        self.list_limits = list_limits;
        self
    }

    /// Runs an operation in a transaction and waits for its commit.
    async fn write<T, F>(&self, now: UtcMicros, operation: F) -> Result<T>
    where
        T: Send,
        F: for<'t> FnOnce(&'t Tx<'_>) -> Working<'t, T> + Send,
    {
        self.write_within(Patience::Usual, now, operation).await
    }

    /// The same for operations that may take long.
    async fn write_much<T, F>(&self, now: UtcMicros, operation: F) -> Result<T>
    where
        T: Send,
        F: for<'t> FnOnce(&'t Tx<'_>) -> Working<'t, T> + Send,
    {
        self.write_within(Patience::Long, now, operation).await
    }

    /// Runs an operation for a caller that needs rows which em_web may hold. While it waits for them it takes up neither
    /// a place nor a connection, so that it is held up by its own rows alone and holds up no other call.
    async fn write_when_free<T, F, O>(&self, places: &Places, now: UtcMicros, operation: O) -> Result<T>
    where
        T: Send,
        O: Fn() -> F + Send,
        F: for<'t> FnOnce(&'t Tx<'_>) -> Working<'t, T> + Send,
    {
        let waiting = Stopwatch::start();
        let mut pause = ROW_LOOKS.0;
        loop {
            let place = places.place().await?;
            let outcome = self.write(now, operation()).await;
            drop(place);
            match outcome {
                Err(StoreError::Locked(_)) if waiting.micros() < ROW_PATIENCE => {}
                outcome => return outcome,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(ROW_LOOKS.1);
        }
    }

    async fn write_within<T, F>(&self, patience: Patience, now: UtcMicros, operation: F) -> Result<T>
    where
        T: Send,
        F: for<'t> FnOnce(&'t Tx<'_>) -> Working<'t, T> + Send,
    {
        let before = self.debts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let scope = Scope {
            now,
            zone: self.options.zone.clone(),
            owner: self.options.instance.clone(),
            debts: before.clone(),
            reading: self.reading(),
        };
        let in_transaction = async |client: &Object| {
            let tx = Tx::new(client, scope);
            let done = operation(&tx).await?;
            Ok((done, tx.commit().await?))
        };
        let (done, after) = self.link.lend(patience, in_transaction).await?;
        self.debts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .changed(&before, after);
        Ok(done)
    }

    fn list<T: Send + 'static>(&self, sql: String, reading: lists::Reading<T>) -> Pages<T> {
        let (writer, list) = pages::pages(self.list_limits);
        lists::read((&self.link, &self.lists), (sql, reading), writer);
        list
    }

    async fn flag(&self, name: &str) -> Result<bool> {
        let rows = self
            .link
            .rows(
                "SELECT value <> 0 FROM em_scheduler.scheduler_state WHERE name = $1",
                &[&name],
            )
            .await?;
        rows.first().map_or(Ok(false), |row| Ok(row.try_get(0)?))
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.beside = None;
        self.link.close();
    }
}

/// Reads one of the values.
const STATE: &str = "SELECT value FROM em_scheduler.scheduler_state WHERE name = $1";

/// What [`STATE`] answered; 0 where nothing was written yet.
fn value(rows: &[Row]) -> Result<i64> {
    rows.first().map_or(Ok(0), |row| Ok(row.try_get(0)?))
}

fn set_state(tx: &Tx<'_>, name: &'static str, value: i64) {
    tx.later(
        "INSERT INTO em_scheduler.scheduler_state (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        vec![Box::new(name), Box::new(value)],
    );
}

#[async_trait]
impl Store for PostgresStore {
    fn describe(&self) -> String {
        format!("PostgreSQL {} at {}", self.version, self.link.target)
    }

    fn sequences(&self) -> Sequences {
        self.reading().sequences
    }

    fn now(&self) -> UtcMicros {
        self.link.clock.now()
    }

    async fn ping(&self) -> Result<()> {
        self.link.sample().await
    }

    async fn restore_tables(&self) -> Result<bool> {
        let restored = self
            .write_much(self.now(), |tx| Box::pin(own::restore(tx)))
            .await?;
        if restored {
            let known = self.agreed.lock().unwrap_or_else(PoisonError::into_inner).clone();
            self.change_settings(known).await?;
        }
        Ok(restored)
    }

    async fn paused(&self) -> Result<bool> {
        self.flag(PAUSED).await
    }

    fn job_pages(&self, with_definitions: bool) -> Pages<ListedJob> {
        self.list(jobs::list(with_definitions), |row| {
            codec::readable(jobs::listed_job(row))
        })
    }

    fn next_runs(&self) -> Pages<NextRun> {
        self.list(jobs::NEXT_RUNS.into(), |row| codec::readable(jobs::next_run(row)))
    }

    async fn task(&self, id: TaskId) -> Result<Option<TaskRow>> {
        let _place = self.callers.place().await?;
        self.link
            .rows(&self.reading().one_task, &[&id])
            .await?
            .first()
            .map(rows::task_row)
            .transpose()
    }

    async fn listed_jobs(&self, task: TaskId) -> Result<Option<usize>> {
        let _place = self.switches.place().await?;
        jobs::listed(&self.link.rows(jobs::LISTED, &[&task]).await?)
    }

    async fn has_sequences(&self) -> Result<bool> {
        let found = self.link.rows(schema::SEQUENCES, &[]).await?;
        Ok(!found.is_empty())
    }

    async fn settings(&self) -> Result<BTreeMap<String, String>> {
        settings::read(&self.link.rows(settings::ALL, &[]).await?)
    }

    async fn agree_settings(&self, ours: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
        let agreed = self
            .write(self.now(), move |tx| Box::pin(settings::agree(tx, ours)))
            .await?;
        self.agreed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&agreed);
        Ok(agreed)
    }

    async fn change_settings(&self, new: BTreeMap<String, String>) -> Result<()> {
        self.write(self.now(), move |tx| {
            Box::pin(async move {
                settings::change(tx, new);
                Ok(())
            })
        })
        .await
    }

    async fn replace_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced> {
        self.write_when_free(&self.callers, now, || {
            let plan = Arc::clone(&plan);
            move |tx: &_| Box::pin(async move { jobs::replace(tx, task, &plan).await })
        })
        .await
    }

    async fn add_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced> {
        let _place = self.callers.place().await?;
        self.write(now, move |tx| {
            Box::pin(async move { jobs::add(tx, task, &plan).await })
        })
        .await
    }

    async fn remove_jobs(&self, now: UtcMicros, task: TaskId) -> Result<Vec<RunKey>> {
        self.write_when_free(&self.switches, now, || {
            move |tx: &_| Box::pin(jobs::remove(tx, task))
        })
        .await
    }

    async fn remove_all_jobs(&self, now: UtcMicros) -> Result<Vec<RunKey>> {
        let _place = self.switches.place().await?;
        self.write_much(now, |tx| Box::pin(jobs::remove_everything(tx)))
            .await
    }

    async fn remove_orphans(&self, now: UtcMicros) -> Result<Vec<RunKey>> {
        let _place = self.switches.place().await?;
        self.write_much(now, |tx| Box::pin(jobs::remove_orphans(tx)))
            .await
    }

    async fn set_paused(&self, now: UtcMicros, paused: bool) -> Result<()> {
        let _place = self.switches.place().await?;
        self.write(now, move |tx| {
            Box::pin(async move {
                tx.hold(Guard::Paused).await?;
                set_state(tx, PAUSED, i64::from(paused));
                Ok(())
            })
        })
        .await
    }

    async fn begin_manual_run(
        &self,
        now: UtcMicros,
        task: TaskId,
        job_id: JobNamer,
    ) -> Result<Option<SendableRun>> {
        let _place = self.callers.place().await?;
        self.write(now, move |tx| {
            Box::pin(async move { jobs::begin_manual_run(tx, task, &job_id).await })
        })
        .await
    }

    async fn decide(&self, now: UtcMicros, limit: usize, decider: Arc<dyn Decider>) -> Result<Decided> {
        let decided = self
            .write(now, move |tx| {
                Box::pin(async move { firing::decide(tx, limit, &*decider).await })
            })
            .await?;
        self.link.wear(decided.jobs);
        Ok(decided)
    }

    async fn begin_sends(&self, now: UtcMicros, runs: Vec<(RunKey, i64)>) -> Result<Vec<SendableRun>> {
        self.write(now, move |tx| {
            Box::pin(async move { runs::begin_sends(tx, &runs).await })
        })
        .await
    }

    async fn settle(&self, now: UtcMicros, settlements: Vec<Settlement>) -> Result<()> {
        self.write(now, move |tx| {
            Box::pin(async move { runs::settle(tx, &settlements).await })
        })
        .await
    }

    async fn publish_next_runs(&self, now: UtcMicros, tasks: Vec<TaskId>) -> Result<Vec<TaskId>> {
        self.write(now, move |tx| {
            Box::pin(async move { tasks::publish_next_runs(tx, &tasks).await })
        })
        .await
    }

    async fn sync_page(&self, now: UtcMicros, range: SyncRange, plan: SyncPlanner) -> Result<SyncedPage> {
        // Asked for by a call of the API.
        let _place = match range {
            SyncRange::InProject(_) => Some(self.callers.place().await?),
            SyncRange::After(..) | SyncRange::Of(_) => None,
        };
        self.write_much(now, move |tx| {
            Box::pin(async move { sync::sync_page(tx, &range, &plan).await })
        })
        .await
    }

    async fn find_differing(&self, now: UtcMicros, rules: ScheduleRules) -> Result<Option<Vec<TaskId>>> {
        self.find_differing_in(now, rules, Portions::default())
            .await
            .map(Some)
    }

    async fn synced_before(&self) -> Result<bool> {
        self.flag(SYNCED).await
    }

    async fn earlier_zone(&self) -> Result<Option<String>> {
        let rows = self.link.rows(sync::DEFAULT_ZONE, &[]).await?;
        rows.first().map(|row| Ok(row.try_get(0)?)).transpose()
    }

    async fn announced(&self, range: &SyncRange) -> Result<BTreeMap<TaskId, Announced>> {
        let range = range.clone();
        self.write_much(self.now(), move |tx| {
            Box::pin(async move { sync::announced(tx, &range).await })
        })
        .await
    }

    async fn set_synced(&self, now: UtcMicros) -> Result<()> {
        self.write(now, |tx| {
            Box::pin(async move {
                set_state(tx, SYNCED, 1);
                Ok(())
            })
        })
        .await
    }

    async fn renew_lease(&self, now: UtcMicros, lease_until: UtcMicros) -> Result<()> {
        let place = self.options.place.clone();
        self.write(now, move |tx| {
            Box::pin(async move {
                instances::renew_lease(tx, place, lease_until);
                Ok(())
            })
        })
        .await
    }

    async fn other_instances(&self) -> Result<Vec<Instance>> {
        let rows = self
            .link
            .rows(instances::OTHERS, &[&self.options.instance])
            .await?;
        rows.iter().map(instances::instance).collect()
    }

    async fn post_notice(&self) -> Result<Vec<Instance>> {
        let _place = self.switches.place().await?;
        self.write(self.now(), |tx| Box::pin(instances::post_notice(tx)))
            .await
    }

    async fn noticed(&self) {
        match &self.beside {
            Some(beside) => beside.listener.heard().await,
            None => std::future::pending().await,
        }
    }

    async fn notice(&self, always: bool) -> Result<Option<Notice>> {
        instances::notice(&self.link, &self.options.instance, always).await
    }

    async fn acknowledge(&self, number: i64) -> Result<()> {
        self.write(self.now(), move |tx| {
            Box::pin(async move {
                instances::acknowledge(tx, number);
                Ok(())
            })
        })
        .await
    }

    async fn release_queued(&self, now: UtcMicros) -> Result<usize> {
        self.write(now, |tx| Box::pin(instances::release_queued(tx)))
            .await
    }

    async fn take_over(
        &self,
        now: UtcMicros,
        owners: Vec<String>,
        strangers: bool,
        judge: TakeOverJudge,
    ) -> Result<Vec<SendableRun>> {
        self.write(now, move |tx| {
            Box::pin(async move { runs::take_over(tx, (&owners, strangers), &judge).await })
        })
        .await
    }

    async fn forget_instances(&self, ids: Vec<String>) -> Result<()> {
        self.write(self.now(), move |tx| {
            Box::pin(async move {
                instances::forget(tx, ids);
                Ok(())
            })
        })
        .await
    }

    async fn answered_tasks(&self, newest: usize, within: i64) -> Result<Vec<TaskId>> {
        answered::tasks(&self.link, (newest, within)).await
    }

    async fn delete_old_runs(&self, before: UtcMicros, limit: usize) -> Result<usize> {
        self.write(before, move |tx| {
            Box::pin(runs::delete_old_runs(tx, before, limit))
        })
        .await
    }
}
