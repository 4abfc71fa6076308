//! The pool, and what every connection is told before it is used.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime, Timeouts,
};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Error, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::{Target, TlsMode};
use crate::store::{Result, StoreError};

/// Calls of the API that may be at work at a time.
pub(super) const CALLERS: usize = 4;

/// And as many that must always get through: pause, resume, what removes jobs.
pub(super) const SWITCHES: usize = 3;

/// Theirs, and enough for the engine, its publisher, its notices and its comparison, the two loops of dispatch and the
/// clock, which never wait for a caller.
const CONNECTIONS: usize = CALLERS + SWITCHES + 7 + super::lists::AT_ONCE;

/// A connection that takes longer counts as none.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long a process may hold what it has locked while it does nothing, and how long anything waits for a lock. A
/// process that was stopped, or whose machine has vanished, must not keep due jobs from the others until they are missed:
/// so both are a small part of the misfire grace (in microseconds), and never more than some seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HoldLimits {
    /// A transaction whose client says nothing for so long is rolled back and its session ended.
    pub(super) idle: Duration,
    /// A statement that waits longer for a lock fails, and is tried again.
    pub(super) lock: Duration,
}

impl HoldLimits {
    pub(super) fn of(grace: i64) -> Self {
        let part = |of: i64, least, most| {
            let micros = (grace / of).clamp(least, most);
            Duration::from_micros(micros.unsigned_abs())
        };
        Self {
            idle: part(10, 500_000, 2_000_000),
            lock: part(6, 1_000_000, 3_000_000),
        }
    }
}

/// What every session is told.
///
/// The operations reason statement by statement, so each must see what was committed before it began. No wait lasts
/// longer than the engine can bear, and the zone of the session is nobody's business. The server finds out within
/// seconds that a client has vanished, and ends the transaction of one that has stopped.
///
/// Every statement of an operation looks up rows by key, a few or a thousand, and none is worth being planned anew:
/// to plan one takes longer than to run it, so each is planned once per connection, for any parameters. That plan
/// must not depend on how small the tables were when it was made (on the first day they are empty), so it may only go by
/// index, row by row. And what seems dear for want of another way must not be compiled (`jit`).
///
/// Outside a transaction nothing can be written: were a BEGIN cut off, what travels behind it would else take effect
/// statement by statement.
fn session(limits: HoldLimits) -> String {
    let (idle, lock) = (limits.idle.as_millis(), limits.lock.as_millis());
    format!(
        "SET timezone = 'UTC'; SET lock_timeout = {lock}; SET statement_timeout = '30s';
         SET idle_in_transaction_session_timeout = {idle}; SET tcp_user_timeout = '10s';
         SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3;
         SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = on;
         SET plan_cache_mode = 'force_generic_plan'; SET jit = off; SET enable_seqscan = off;
         SET enable_hashjoin = off; SET enable_mergejoin = off"
    )
}

/// The name by which the sessions of all processes are known to the server (see `stuck`).
pub(super) const APPLICATION: &str = "em-scheduler";

type Connecting<'a> = Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

/// A pool of connections to the target. Connects to nobody yet.
///
/// # Errors
/// The pool cannot be built.
pub(super) fn pool(target: &Target, tls: MakeRustlsConnect, limits: HoldLimits) -> Result<Pool> {
    let dialer = Dialer {
        tls,
        attempts: attempts(target),
        session: session(limits).into(),
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
    session: Arc<str>,
    /// Connections live here, whoever asks for one: the runtime that asks may end before the connection does.
    runtime: Handle,
}

impl Connect for Dialer {
    fn connect(&self, config: &Config) -> Connecting<'_> {
        let config = config.clone();
        let (tls, attempts) = (self.tls.clone(), self.attempts.clone());
        let (session, runtime) = (Arc::clone(&self.session), self.runtime.clone());
        Box::pin(async move {
            let dialing = self.runtime.spawn(async move {
                let (client, connection) = reach(&config, &attempts, &tls).await?;
                let task = runtime.spawn(async move {
                    if let Err(error) = connection.await {
                        // Whoever used the connection learns it too, and tells what it meant.
                        tracing::debug!(%error, "a connection to PostgreSQL has ended");
                    }
                });
                client.batch_execute(&session).await?;
                Ok((client, task))
            });
            match dialing.await {
                Ok(dialled) => dialled,
                Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
                // It ends early only with its runtime, and then nobody waits here.
                Err(_) => std::future::pending().await,
            }
        })
    }
}

/// A connection of no pool, to be driven by the caller; its session is told nothing.
pub(super) async fn apart(target: &Target, tls: &MakeRustlsConnect) -> Result<(Client, Wire), Error> {
    reach(&target.config, &attempts(target), tls).await
}

/// What a client's statements travel by.
pub(super) type Wire =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

async fn reach(
    config: &Config,
    attempts: &[SslMode],
    tls: &MakeRustlsConnect,
) -> Result<(Client, Wire), Error> {
    let dial = async |mode| config.clone().ssl_mode(mode).connect(tls.clone()).await;
    let mut outcome = dial(attempts[0]).await;
    for mode in &attempts[1..] {
        if !outcome.as_ref().is_err_and(another_way) {
            break;
        }
        outcome = dial(*mode).await;
    }
    outcome
}

/// Whether the server, or the handshake, refused this way of connecting and may take the other.
fn another_way(error: &Error) -> bool {
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
        || (error.as_db_error().is_none() && error.to_string().contains("TLS"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_held_for_more_than_a_part_of_the_grace() {
        for (grace, idle, lock) in [
            (30, 2_000, 3_000),
            (12, 1_200, 2_000),
            (5, 500, 1_000),
            (3_600, 2_000, 3_000),
        ] {
            let limits = HoldLimits::of(grace * 1_000_000);
            assert_eq!(
                (limits.idle.as_millis(), limits.lock.as_millis()),
                (idle, lock),
                "{grace} s"
            );
        }
    }
}
