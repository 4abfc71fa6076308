//! The API with all it stands on: a database of either kind, a dispatcher, a runner, a server on a port of its own.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use em_scheduler::api::{Api, router, table};
use em_scheduler::control::Control;
use em_scheduler::dispatch::{Dispatcher, Policy, RunnerClient, RunnerTimeouts};
use em_scheduler::engine::plan::{FiringRules, plan};
use em_scheduler::http::{Guard, Hosts, Limits, serve};
use em_scheduler::model::life::DeliveryRules;
use em_scheduler::model::{
    Delivery, DueJob, Plan, ScheduleRules, SendableRun, TaskId, UnreadableTrigger, WireDialect,
};
use em_scheduler::store::{Decider, ListLimits, Store};
use em_scheduler::wakeup::Bell;
use test_world::client::{self, Answer};
use test_world::runner::{Recorder, Runner};
pub use test_world::{Backend, Database};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use triggers::{Context, Definition, DstPolicy, UtcMicros, WallMicros, Zone};

use crate::opening::Opening;

pub const SECOND: i64 = 1_000_000;

pub struct World {
    database: Database,
    pub zone: Zone,
    pub store: Arc<dyn Store>,
    pub runner: Runner<Recorder>,
    pub server: Server,
}

/// What a process has beside its store.
pub struct Server {
    pub address: SocketAddr,
    pub control: Control,
    pub dispatcher: Dispatcher,
    end: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// SQL from beside the store.
impl Deref for World {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

impl World {
    pub async fn new(backend: Backend) -> Self {
        Self::in_zone(backend, "UTC").await
    }

    pub async fn in_zone(backend: Backend, zone: &str) -> Self {
        Self::made(backend, zone, ListLimits::default()).await
    }

    pub async fn with_lists(backend: Backend, lists: ListLimits) -> Self {
        Self::made(backend, "UTC", lists).await
    }

    /// On a database in a later model of em_web, which these statements make.
    pub async fn migrated(backend: Backend, statements: &str) -> Self {
        let database = Database::create(backend);
        let opened = Opening::of("me").open(&database.url).await;
        drop(opened.expect("a store"));
        database.sql(statements);
        Self::on(database, Opening::of("me")).await
    }

    async fn made(backend: Backend, zone: &str, lists: ListLimits) -> Self {
        let opening = Opening {
            zone: Zone::named(zone).expect("a zone"),
            lists,
            ..Opening::of("me")
        };
        Self::on(Database::create(backend), opening).await
    }

    pub async fn on(database: Database, opening: Opening) -> Self {
        let zone = opening.zone.clone();
        let store = opening.open(&database.url).await.expect("a store");
        let runner = Runner::recording();
        let server = Server::start(&store, &zone, &runner.url()).await;
        Self {
            database,
            zone,
            store,
            runner,
            server,
        }
    }

    /// The same served by a process that is told this dialect.
    pub async fn speaking(mut self, dialect: WireDialect) -> Self {
        let client = client_of(&self.runner.url()).speaking(dialect);
        let api = Api {
            dialect,
            ..api_of(&self.store, &self.zone, client)
        };
        let server = Server::guarded(api).await;
        std::mem::replace(&mut self.server, server).stop().await;
        self
    }

    /// As after a restart of the process: the database stays, everything else is new.
    pub async fn restart(&mut self) {
        let server = Server::start(&self.store, &self.zone, &self.runner.url()).await;
        std::mem::replace(&mut self.server, server).stop().await;
    }

    pub async fn send(&self, method: &str, target: &str) -> Answer {
        client::send(self.server.address, method, target).await
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.send("GET", target).await
    }

    /// A GET that must say this.
    pub async fn expect(&self, target: &str, message: &str) {
        let answer = self.get(target).await;
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (200, message),
            "{target}"
        );
    }

    /// A GET whose error must begin so, with a reason after it, which is returned.
    pub async fn refused(&self, target: &str, prefix: &str) -> String {
        let answer = self.get(target).await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        let error = answer.error();
        let reason = error
            .strip_prefix(prefix)
            .unwrap_or_else(|| panic!("{target}: {error:?}"));
        assert!(!reason.trim().is_empty(), "{target}: {error:?}");
        reason.to_owned()
    }

    /// What the database says now plus so many seconds, as em_web writes it.
    pub fn wall_in(&self, seconds: i64) -> WallMicros {
        self.zone
            .to_wall(self.store.now().saturating_add(seconds * SECOND))
    }

    /// As if so many seconds had gone by: what was ahead is nearer, or due.
    pub fn pass(&self, seconds: i64) {
        self.sql(&format!(
            "UPDATE scheduler_due SET next_run_at = next_run_at - {}",
            seconds * SECOND
        ));
    }

    /// Decides everything that is due, as the engine would, and lets nothing leave.
    pub async fn decide(&self) {
        self.decide_runs().await;
    }

    /// The same, and gives the runs to whoever wants to send them.
    pub async fn decide_runs(&self) -> Vec<SendableRun> {
        let now = self.store.now();
        let decider = Deciding {
            now,
            zone: self.zone.clone(),
        };
        let decided = self
            .store
            .decide(now, 1_000, Arc::new(decider))
            .await
            .expect("decide");
        decided.runs
    }
}

impl Server {
    /// As the service has it: behind a guard for its own address.
    pub async fn start(store: &Arc<dyn Store>, zone: &Zone, runner: &str) -> Self {
        Self::guarded(api_of(store, zone, client_of(runner))).await
    }

    async fn guarded(api: Api) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address");
        let guard = Guard::new(Hosts::of_address(address, &[]));
        Self::of((listener, Limits::default(), Some(guard)), api)
    }

    /// Behind another guard, or none.
    pub fn start_behind(
        place: (TcpListener, Limits, Option<Guard>),
        store: &Arc<dyn Store>,
        zone: &Zone,
        runner: &str,
    ) -> Self {
        Self::of(place, api_of(store, zone, client_of(runner)))
    }

    fn of((listener, limits, guard): (TcpListener, Limits, Option<Guard>), api: Api) -> Self {
        let (control, dispatcher) = (api.control.clone(), api.dispatcher.clone());
        let mut router = router(api);
        if let Some(guard) = guard {
            router = guard.protect(router, table());
        }
        let (end, ended) = oneshot::channel();
        Self {
            address: listener.local_addr().expect("address"),
            control,
            dispatcher,
            end,
            serving: tokio::spawn(serve(listener, router, limits, async {
                // A sender that is dropped ends it as well.
                let _ = ended.await;
            })),
        }
    }

    /// Asks the server to end; the handle tells when it has.
    pub fn end(self) -> JoinHandle<()> {
        let _ = self.end.send(());
        self.serving
    }

    pub async fn stop(self) {
        self.end().await.expect("the server ends in order");
    }
}

fn client_of(runner: &str) -> RunnerClient {
    RunnerClient::new(runner.parse().expect("an address"), RunnerTimeouts::default()).expect("a client")
}

/// All that an API needs, but for a listener.
pub fn api_of(store: &Arc<dyn Store>, zone: &Zone, client: RunnerClient) -> Api {
    let policy = Policy {
        concurrency: 100,
        rules: DeliveryRules {
            delivery: Delivery::AtMostOnce,
            grace: 30 * SECOND,
            attempts: 3,
        },
    };
    let runtime = tokio::runtime::Handle::current();
    Api {
        store: Arc::clone(store),
        dispatcher: Dispatcher::start(Arc::clone(store), client, policy, &runtime),
        bell: Bell::default(),
        control: Control::default(),
        rules: ScheduleRules {
            zone: zone.clone(),
            dst: DstPolicy::Once,
        },
        dialect: WireDialect::Em2,
        peers: None,
    }
}

struct Deciding {
    now: UtcMicros,
    zone: Zone,
}

impl Decider for Deciding {
    fn plan(&self, job: &DueJob) -> Result<Plan, UnreadableTrigger> {
        let definition: Definition = serde_json::from_str(&job.definition)?;
        let context = Context::new(self.zone.clone(), job.created_at);
        let trigger = definition.compile(&context)?;
        let rules = FiringRules {
            grace: 30 * SECOND,
            coalesce: true,
            max_instances: 50,
        };
        Ok(plan(job, &trigger, &rules, self.now))
    }

    fn admit(&self, _: TaskId) -> bool {
        false
    }
}
