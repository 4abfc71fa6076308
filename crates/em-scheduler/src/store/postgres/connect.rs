//! The pool, and what every connection is told before it is used.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime, Timeouts,
};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::{Target, TlsMode};
use crate::store::{Result, StoreError};

/// Calls of the API that may be at work at a time.
pub(super) const CALLERS: usize = 4;

/// Theirs, and enough for the engine, its publisher and its comparison, the two loops of dispatch and the clock, which never
/// wait for a caller.
const CONNECTIONS: usize = CALLERS + 6 + super::lists::AT_ONCE;

/// A connection that takes longer counts as none.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The operations reason statement by statement, so each must see what was committed before it began. No wait lasts
/// longer than the engine can bear, and the zone of the session is nobody's business.
///
/// Every statement of an operation looks up rows by key, a few or a thousand, and none is worth being planned anew:
/// to plan one takes longer than to run it, so each is planned once per connection, for any parameters. That plan
/// must not depend on how small the tables were when it was made (on the first day they are empty), so it may only go by
/// index, row by row. And what seems dear for want of another way must not be compiled (`jit`).
///
/// Outside a transaction nothing can be written: were a BEGIN cut off, what travels behind it would else take effect
/// statement by statement.
const SESSION: &str = "SET timezone = 'UTC'; SET lock_timeout = '5s'; SET statement_timeout = '30s';
    SET idle_in_transaction_session_timeout = '60s'; SET default_transaction_isolation = 'read committed';
    SET default_transaction_read_only = on; SET plan_cache_mode = 'force_generic_plan'; SET jit = off;
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off";

type Connecting<'a> = Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

/// A pool of connections to the target. Connects to nobody yet.
///
/// # Errors
/// The pool cannot be built.
pub(super) fn pool(target: &Target, tls: MakeRustlsConnect) -> Result<Pool> {
    let dialer = Dialer {
        tls,
        attempts: attempts(target),
        runtime: Handle::current(),
    };
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    Pool::builder(Manager::from_connect(target.config.clone(), dialer, recycling))
        .max_size(CONNECTIONS)
        // The one used last: what it has prepared, and what its server process has in its caches, is used again.
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(PATIENCE),
            create: Some(PATIENCE),
            recycle: Some(PATIENCE),
        })
        .build()
        .map_err(|error| StoreError::Other(format!("the pool of connections: {error}")))
}

/// The ways to connect, in the order in which libpq tries them.
fn attempts(target: &Target) -> Vec<SslMode> {
    if target.is_local_socket() {
        return vec![SslMode::Disable];
    }
    match target.tls {
        TlsMode::Disable => vec![SslMode::Disable],
        TlsMode::Allow => vec![SslMode::Disable, SslMode::Require],
        TlsMode::Prefer => vec![SslMode::Prefer, SslMode::Disable],
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => vec![SslMode::Require],
    }
}

struct Dialer {
    tls: MakeRustlsConnect,
    attempts: Vec<SslMode>,
    /// Connections live here, whoever asks for one: the runtime that asks may end before the connection does.
    runtime: Handle,
}

impl Connect for Dialer {
    fn connect(&self, config: &Config) -> Connecting<'_> {
        let config = config.clone();
        let (tls, attempts) = (self.tls.clone(), self.attempts.clone());
        let runtime = self.runtime.clone();
        Box::pin(async move {
            let dialing = self.runtime.spawn(async move {
                let mut outcome = dial(&config, attempts[0], (&tls, &runtime)).await;
                for mode in &attempts[1..] {
                    if !outcome.as_ref().is_err_and(another_way) {
                        break;
                    }
                    outcome = dial(&config, *mode, (&tls, &runtime)).await;
                }
                outcome
            });
            // It ends early only with its runtime, and then nobody waits here.
            dialing
                .await
                .unwrap_or_else(|_| Err(Error::__private_api_timeout()))
        })
    }
}

/// Whether the server, or the handshake, refused this way of connecting and may take the other.
fn another_way(error: &Error) -> bool {
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
        || (error.as_db_error().is_none() && error.to_string().contains("TLS"))
}

async fn dial(
    config: &Config,
    mode: SslMode,
    (tls, runtime): (&MakeRustlsConnect, &Handle),
) -> Result<(Client, JoinHandle<()>), Error> {
    let (client, connection) = config.clone().ssl_mode(mode).connect(tls.clone()).await?;
    let task = runtime.spawn(async move {
        if let Err(error) = connection.await {
            // Whoever used the connection learns it too, and tells what it meant.
            tracing::debug!(%error, "a connection to PostgreSQL has ended");
        }
    });
    client.batch_execute(SESSION).await?;
    Ok((client, task))
}
