//! The store on PostgreSQL: a small pool of connections, each operation one transaction of set-based statements, any
//! number of processes on one database.
//!
//! ```text
//!  url ─▶ connect (pool, session, tls) ─▶ link ─▶ schema, own (create, verify, migrate)
//!                                          tx      one transaction: statements, locks
//!          catalog  schedules  firing  runs  cluster  em_web      the store's operations, a file per trait
//!          events  deferred    what is told of them
//!          tasks  deferred_columns        what is written into em_web's task
//!          compare             what job_sync may have to change
//!          lists               what goes through all jobs, row by row
//!          rows  wall          what is read from em_web
//!          cells               what is read from our own tables
//!          clock               the database's time
//! ```
//! The database's clock is the authoritative time. Transactions read committed rows statement by statement; what must
//! not move between two statements is locked (see `tx`).

mod beside;
mod catalog;
mod cells;
mod clock;
mod cluster;
mod compare;
mod connect;
mod deferred;
mod deferred_columns;
mod em_web;
mod error;
mod events;
mod firing;
mod link;
mod listener;
mod lists;
mod own;
mod places;
mod rows;
mod runs;
mod schedules;
mod schema;
mod stuck;
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

use deadpool_postgres::Object;
use tokio::sync::Semaphore;
use tokio_postgres::Row;
use triggers::{UtcMicros, Zone};

use self::beside::Beside;
pub use self::compare::Portions;
use self::connect::HoldLimits;
use self::deferred_columns::DeferredColumns;
use self::link::{Link, Patience};
use self::places::Places;
use self::rows::EmWebStatements;
use self::tx::{Tx, TxContext};
use self::url::Target;
use super::{Catalog, ListLimits, Pages, Result, SchemaStanding, StoreError, pages};
use crate::clock::{Clock, Stopwatch};
use crate::em_web::Sequences;
use crate::model::{ScheduleRules, TaskId};

/// Names in `scheduler_state`.
const PAUSED: &str = "paused";
const SYNCED: &str = "synced";
/// The tables were made again: no other scheduler has served this database meanwhile.
const RESTORED: &str = "restored";

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
    deferred_columns: Mutex<DeferredColumns>,
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
    reading: OnceLock<Arc<EmWebStatements>>,
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

    /// Connects and changes nothing: what a start would do before the store can be used as one, and the statements that grant
    /// the role what it lacks for creating tables.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub async fn inspect(options: PostgresOptions) -> Result<(Self, SchemaStanding, Vec<String>)> {
        let store = Self::unprepared(options).await?;
        let looked = store
            .write(store.now(), |tx| Box::pin(schema::standing(tx)))
            .await;
        let (standing, grants, sequences) = looked.map_err(|error| store.link.naming(error))?;
        store.read_as(sequences);
        Ok((store, standing, grants))
    }

    /// [`EmWeb::find_differing`](crate::store::EmWeb::find_differing), with projects gone through in other portions than the usual ones.
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
            deferred_columns: Mutex::default(),
            beside: None,
            callers: Places::new(connect::CALLERS),
            switches: Places::new(connect::SWITCHES),
            lists: Arc::new(Semaphore::new(connect::LISTS)),
            list_limits: ListLimits::default(),
            agreed: Mutex::default(),
            reading: OnceLock::new(),
        };
        let version = store.link.rows("SHOW server_version", &[]).await?;
        store.version = version.first().map_or(Ok(String::new()), |row| row.try_get(0))?;
        Ok(store)
    }

    fn read_as(&self, sequences: Sequences) {
        self.reading
            .get_or_init(|| Arc::new(EmWebStatements::of(sequences)));
    }

    fn reading(&self) -> Arc<EmWebStatements> {
        let known = self.reading.get().cloned();
        known.unwrap_or_else(|| Arc::new(EmWebStatements::of(Sequences::Unknown)))
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

    /// Runs an operation for a caller. It may need rows which em_web holds, or a guard which processes hold that have
    /// stopped, one after the other. While it waits for a row it takes up neither a place nor a connection, so that it is
    /// held up by its own rows alone and holds up no other call.
    async fn write_when_free<T, F, O>(
        &self,
        (places, patience): (&Places, Patience),
        now: UtcMicros,
        operation: O,
    ) -> Result<T>
    where
        T: Send,
        O: Fn() -> F + Send,
        F: for<'t> FnOnce(&'t Tx<'_>) -> Working<'t, T> + Send,
    {
        let waiting = Stopwatch::start();
        let mut pause = ROW_LOOKS.0;
        let mut now = now;
        loop {
            let place = places.place().await?;
            let outcome = self.write_within(patience, now, operation()).await;
            drop(place);
            match outcome {
                Err(StoreError::Locked(_)) if waiting.micros() < ROW_PATIENCE => {}
                outcome => return outcome,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(ROW_LOOKS.1);
            // What it ends meanwhile may have been decided after the call came.
            now = now.max(self.now());
        }
    }

    async fn write_within<T, F>(&self, patience: Patience, now: UtcMicros, operation: F) -> Result<T>
    where
        T: Send,
        F: for<'t> FnOnce(&'t Tx<'_>) -> Working<'t, T> + Send,
    {
        let before = self
            .deferred_columns
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let scope = TxContext {
            now,
            zone: self.options.zone.clone(),
            owner: self.options.instance.clone(),
            deferred_columns: before.clone(),
            reading: self.reading(),
        };
        let in_transaction = async |client: &Object| {
            let tx = Tx::new(client, scope);
            let done = operation(&tx).await?;
            Ok((done, tx.commit().await?))
        };
        let (done, after) = self.link.lend(patience, in_transaction).await?;
        self.deferred_columns
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .changed(&before, after);
        Ok(done)
    }

    fn list<T: Send + 'static>(&self, sql: String, reading: lists::RowReader<T>) -> Pages<T> {
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
