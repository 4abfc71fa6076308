//! `serve`: the composition root. Everything the service consists of is made, joined and ended here and nowhere else.
//!
//! ```text
//!  start: listener bound ─▶ store ─▶ dispatcher ─▶ engine ─▶ API      (what can fail comes before what acts)
//!  stop:  decide no more ─▶ send no more ─▶ requests in flight end, at most 30 s ─▶ API ─▶ engine ─▶ store
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::database::{self, Opened};
use super::listeners::Listeners;
use crate::api::{self, Api};
use crate::config::{Config, Sources};
use crate::control::Control;
use crate::dispatch::{DispatchThread, Dispatcher, Policy, RunnerClient, RunnerTimeouts};
use crate::engine::{Engine, EngineHandle, EngineSettings, FiringRules};
use crate::lifecycle::{self, Signals, State};
use crate::model::life::DeliveryRules;
use crate::model::{ScheduleRules, WireDialect};
use crate::peers::LeaseTimes;
use crate::store::Store;

pub(super) const EXAMPLES: &str = "\
SIGTERM and Ctrl-C stop it gracefully: nothing new is decided or sent, and requests in flight may end within 30 s. \
A second signal ends it at once. Under systemd it may be a unit of Type=notify.

Examples:
  em-scheduler serve
  em-scheduler serve --database-url sqlite:///var/lib/em-scheduler/em.db --timezone Europe/Berlin
  em-scheduler serve --config /etc/em-scheduler.toml --log-format json";

/// How long requests in flight may take to end when the service stops.
const DRAIN: Duration = Duration::from_secs(30);
/// How long the whole stop may take where the database does not answer. Less than systemd waits.
const STOP_WITHIN: Duration = Duration::from_secs(75);
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Runs the service until a signal ends it.
pub(super) async fn run(config: Config, sources: &Sources) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("signals cannot be received")?;
    let mut running = tokio::select! {
        running = Running::start(config, sources) => running?,
        signal = signals.first() => {
            tracing::info!(signal = signal.name(), "stopped before it was started");
            return Ok(());
        }
    };
    let faults = running.faults();
    let ready = async {
        running.ready().await;
        running.announce();
        lifecycle::notify(State::Ready);
        std::future::pending().await
    };
    let signal = tokio::select! {
        signal = signals.first() => signal,
        signal = ready => signal,
        what = faults => return Err(anyhow!("{what} has failed (see the log); the service ends rather than do half its work")),
    };
    tracing::info!(
        signal = signal.name(),
        "stopping; a second signal ends it at once"
    );
    lifecycle::notify(State::Stopping);
    if tokio::time::timeout(STOP_WITHIN, running.stop()).await.is_err() {
        tracing::error!("a part of it did not stop in time; the next start settles what was left");
    }
    tracing::info!("stopped");
    Ok(())
}

/// The service, running.
pub struct Running {
    config: Config,
    dialect: WireDialect,
    address: Option<SocketAddr>,
    store: Arc<dyn Store>,
    dispatcher: Dispatcher,
    dispatching: DispatchThread,
    control: Control,
    engine: EngineHandle,
    api: JoinHandle<()>,
    end_api: watch::Sender<()>,
}

impl Running {
    /// Starts it. On an error nothing is left running; once the engine runs, nothing is awaited any more, so that
    /// whoever gives up waiting for this leaves nothing running either.
    ///
    /// # Errors
    /// The database cannot be opened or is served with other settings than the sources of the configuration tell, the
    /// address is taken, or the runner's address cannot be served.
    pub async fn start(config: Config, sources: &Sources) -> anyhow::Result<Self> {
        let client = RunnerClient::new(config.runner.clone(), RunnerTimeouts::default())
            .map_err(|reason| anyhow!("the runner {}: {reason}", config.runner))?;
        // The listeners first: where an address is taken, not even a table is created.
        let listeners = Listeners::open(&config.exposure).await?;
        let address = listeners.address()?;
        let (config, opened) = database::open_agreed(config, sources).await?;
        let dialect = database::dialect(&config, &opened).await?;
        let client = client.speaking(dialect).retrying(config.retry_statuses.clone());
        let Opened {
            store,
            instance,
            alone,
        } = opened;

        let delivery = DeliveryRules {
            delivery: config.delivery,
            grace: i64::from(config.misfire_grace) * SECOND,
            attempts: config.attempts,
        };
        let policy = Policy {
            concurrency: config.concurrency,
            rules: delivery,
        };
        let dispatching = DispatchThread::start().context("the thread of dispatch cannot be started")?;
        let dispatcher = Dispatcher::start(Arc::clone(&store), client, policy, dispatching.handle());
        let rules = ScheduleRules {
            zone: config.zone.clone(),
            dst: config.dst,
        };
        let firing = FiringRules {
            grace: i64::from(config.misfire_grace) * SECOND,
            coalesce: config.coalesce,
            max_instances: config.max_instances,
        };
        let settings = EngineSettings {
            rules: rules.clone(),
            firing,
            delivery,
            retention: i64::from(config.retention) * DAY,
            alone,
            instance,
        };
        let engine = Engine::new(Arc::clone(&store), dispatcher.clone(), settings);
        let (bell, control) = (engine.bell(), engine.control());
        let engine = engine.spawn().context("the engine cannot be started")?;

        let router = api::router(Api {
            store: Arc::clone(&store),
            dispatcher: dispatcher.clone(),
            bell,
            control: control.clone(),
            rules,
            dialect,
            peers: (!alone).then(|| LeaseTimes::of(firing.grace)),
        });
        let (end_api, end) = watch::channel(());
        let api = tokio::spawn(listeners.serve(router, end));
        Ok(Self {
            config,
            dialect,
            address,
            store,
            dispatcher,
            dispatching,
            control,
            engine,
            api,
            end_api,
        })
    }

    /// Where the API listens: the port is the real one, also where port 0 was asked for; none: on its socket alone.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Waits until what an earlier process left is taken over and every enabled task has its jobs, or until the scheduler was
    /// stopped before.
    pub async fn ready(&mut self) {
        self.engine.ready().await;
    }

    /// Waits until a part of it has failed by a fault of its own, and names the part. Never returns while all is well.
    fn faults(&self) -> impl Future<Output = &'static str> + use<> {
        let (engine, dispatcher) = (self.engine.watch(), self.dispatcher.clone());
        async move {
            tokio::select! {
                () = engine => "the engine",
                () = dispatcher.broken() => "dispatch",
            }
        }
    }

    /// The one line that says what is running on what.
    fn announce(&self) {
        let config = &self.config;
        let bind = self
            .address
            .map_or_else(|| "none".to_owned(), |address| address.to_string());
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            database = %config.database,
            engine = self.store.describe(),
            em_web = %self.store.sequences(),
            bind = %bind,
            token = config.exposure.token.is_some(),
            runner = %config.runner,
            zone = config.zone.name(),
            dst = %config.dst,
            dialect = %self.dialect,
            tz_data = %triggers::tzdb_release(),
            "em-scheduler is ready"
        );
        if let Some(socket) = &config.exposure.socket {
            tracing::info!(socket = %socket.display(), "the API listens on a unix socket");
        }
        if config.database_is_default {
            tracing::info!("no database is named: this is the default file (DATABASE_URL names another)");
        }
    }

    /// Ends it gracefully.
    pub async fn stop(self) {
        // The order makes sure that nothing is decided that would not be sent, and that the answers of requests in
        // flight are still written down.
        self.control.stop().await;
        self.dispatcher.stop();
        let left = self.dispatcher.drained(DRAIN).await;
        if left > 0 {
            tracing::warn!(
                requests = left,
                "some requests had no answer in time; the next start settles their runs"
            );
        }
        // The receivers are gone where the API ended by itself; then there is nothing to end.
        let _ = self.end_api.send(());
        if let Err(error) = self.api.await {
            tracing::error!(%error, "the API ended by a fault");
        }
        self.engine.stop().await;
        self.dispatching.stop().await;
        // Last, also where a handle on it is left: the write-ahead log of an SQLite file is copied into the file (S16).
        self.store.close().await;
    }
}
