//! The link to one database: connections lent for as long as one operation may take, and the clock behind them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::runtime::Handle;
use tokio_postgres::Row;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::clock::DatabaseClock;
use super::connect::HoldLimits;
use super::tx::Params;
use super::url::Target;
use super::{connect, error, tls};
use crate::store::{Result, StoreError};

/// How long an operation may take before its connection is given up. The server limits each statement, but a server
/// that has frozen limits nothing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// For a single question.
    Short,
    /// For one transaction of the engine or the API.
    Usual,
    /// For what goes through all jobs.
    Long,
}

impl Patience {
    fn limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::Short => 5,
            Self::Usual => 40,
            Self::Long => 300,
        })
    }
}

/// Due times moved since the last cleaning that make the next one worth while. It takes some milliseconds, and some
/// tens where a million jobs are held.
const WORN: usize = 20_000;

/// Shared between the store and the task that watches the clock.
pub(super) struct Link {
    pool: Pool,
    tls: MakeRustlsConnect,
    /// What is cancelled is cancelled here, whoever asked for it.
    runtime: Handle,
    /// Due times moved since the last cleaning.
    moved: AtomicUsize,
    pub(super) target: Target,
    pub(super) clock: DatabaseClock,
}

impl Link {
    /// A link that has not been used yet.
    ///
    /// # Errors
    /// The roots to trust cannot be read.
    pub(super) fn new(target: Target, limits: HoldLimits) -> Result<Self> {
        let tls = tls::connector(&target)?;
        Ok(Self {
            pool: connect::pool(&target, tls.clone(), limits)?,
            tls,
            runtime: Handle::current(),
            moved: AtomicUsize::new(0),
            target,
            clock: DatabaseClock::new(),
        })
    }

    /// Lends a connection. One that does not answer in time is not used again, nor is one whose work was given up by
    /// its caller: the next would wait until the server has done that work.
    pub(super) async fn lend<T, F>(&self, patience: Patience, work: F) -> Result<T>
    where
        F: AsyncFnOnce(&Object) -> Result<T>,
    {
        self.lend_checked(patience, work, |_| true).await
    }

    /// The same, but a connection on which the work failed is given up: there may be an open transaction on it, or an
    /// answer that nobody has read to its end.
    pub(super) async fn lend_whole<F>(&self, patience: Patience, work: F) -> Result<()>
    where
        F: AsyncFnOnce(&Object) -> Result<()>,
    {
        self.lend_checked(patience, work, Result::is_ok).await
    }

    /// A connection whose work ended in time is given back if its outcome says that it is `reusable`.
    async fn lend_checked<T, F>(
        &self,
        patience: Patience,
        work: F,
        reusable: fn(&Result<T>) -> bool,
    ) -> Result<T>
    where
        F: AsyncFnOnce(&Object) -> Result<T>,
    {
        let lent = self.get().await?;
        let outcome = tokio::time::timeout(patience.limit(), work(lent.client())).await;
        if outcome.as_ref().is_ok_and(reusable) {
            lent.give_back();
        }
        outcome.unwrap_or_else(|_| Err(self.silent()))
    }

    async fn get(&self) -> Result<LentClient<'_>> {
        let client = self.pool.get().await;
        let client = client.map_err(|failure| error::connecting(failure, &self.target))?;
        Ok(LentClient {
            client: Some(client),
            link: self,
        })
    }

    fn silent(&self) -> StoreError {
        StoreError::Unavailable(format!("PostgreSQL does not answer ({})", self.target))
    }

    /// The rows of a single statement that changes nothing.
    pub(super) async fn rows(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>> {
        self.lend(Patience::Usual, async |client: &Object| {
            let statement = client.prepare_cached(sql).await?;
            Ok(client.query(&statement, params).await?)
        })
        .await
    }

    /// Looks at the database's clock.
    pub(super) async fn sample(&self) -> Result<()> {
        self.lend(Patience::Short, async |client: &Object| {
            self.clock.sample(client).await
        })
        .await
    }

    /// Notes that so many due times were moved.
    pub(super) fn wear(&self, moved: usize) {
        self.moved.fetch_add(moved, Ordering::Relaxed);
    }

    /// Clears away what moved due times have left. Each leaves a dead entry at the very place where the next due job
    /// is looked for, so every round walks over all of them; the server itself comes by once a minute, and at
    /// 10,000 fires a second that is half a million.
    pub(super) async fn clean(&self) -> Result<()> {
        if self.moved.load(Ordering::Relaxed) < WORN {
            return Ok(());
        }
        self.moved.store(0, Ordering::Relaxed);
        // Whoever is cleaning there already does it for us. On a table of somebody else's the server only warns.
        let clean = "VACUUM (SKIP_LOCKED, INDEX_CLEANUP on, TRUNCATE off) em_scheduler.scheduler_due";
        self.lend(Patience::Usual, async |client: &Object| {
            Ok(client.batch_execute(clean).await?)
        })
        .await
    }

    /// For connections beside the pool.
    pub(super) fn tls(&self) -> MakeRustlsConnect {
        self.tls.clone()
    }

    /// Ends all connections that nobody uses, and the others once they are given back.
    pub(super) fn close(&self) {
        self.pool.close();
    }

    /// An error at start, where there is nobody who knows the database yet, names it.
    pub(super) fn naming(&self, error: StoreError) -> StoreError {
        let target = &self.target;
        match error {
            StoreError::Unusable(reason) => StoreError::Unusable(format!("{reason} ({target})")),
            StoreError::Other(reason) => {
                StoreError::Unusable(format!("the database cannot be used: {reason} ({target})"))
            }
            error => error,
        }
    }
}

/// A connection while somebody works on it. Unless it is given back it leaves the pool, and the server is asked to end
/// what it is doing for it.
struct LentClient<'l> {
    client: Option<Object>,
    link: &'l Link,
}

impl LentClient<'_> {
    fn client(&self) -> &Object {
        self.client.as_ref().expect("only the end takes it out")
    }

    fn give_back(mut self) {
        self.client = None;
    }
}

impl Drop for LentClient<'_> {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else {
            return;
        };
        let (token, tls) = (client.cancel_token(), self.link.tls.clone());
        drop(Object::take(client));
        // The connection ends when its work has ended; where the server does not hear of it, by its own time limits.
        self.link.runtime.spawn(async move {
            let cancelling = token.cancel_query(tls);
            if let Ok(Err(error)) = tokio::time::timeout(connect::PATIENCE, cancelling).await {
                tracing::debug!(%error, "what was given up could not be cancelled on PostgreSQL");
            }
        });
    }
}
