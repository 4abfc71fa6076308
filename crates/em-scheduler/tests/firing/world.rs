//! A scheduler's whole world, for tests: a real database of either kind, a real runner, and the engine with its
//! dispatcher between them. Time is the real one; tests wait for receipts and rows, never for luck.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use em_scheduler::chance;
use em_scheduler::control::Control;
use em_scheduler::dispatch::{Dispatcher, Policy, RunnerClient, RunnerTimeouts};
use em_scheduler::engine::{Engine, EngineHandle, EngineSettings, FiringRules};
use em_scheduler::instance::Place;
use em_scheduler::model::life::DeliveryRules;
use em_scheduler::model::{Delivery, JobKind, NewJob, ScheduleRules, WireDialect};
use em_scheduler::store::{Replaced, Store, StoreError};
use em_scheduler::wakeup::Bell;
use test_postgres::Server;
use test_world::runner::{Recorder, Runner};
pub use test_world::{Backend, Database};
use triggers::{DstPolicy, UtcMicros, Zone};

use crate::opening::Opening;

pub const SECOND: i64 = 1_000_000;

/// What a scheduler process is told; the defaults are the service's.
#[derive(Debug, Clone)]
pub struct Settings {
    pub firing: FiringRules,
    pub delivery: Delivery,
    pub concurrency: usize,
    pub timeouts: RunnerTimeouts,
    pub dialect: WireDialect,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            firing: FiringRules {
                grace: 30 * SECOND,
                coalesce: true,
                max_instances: 50,
            },
            delivery: Delivery::AtMostOnce,
            concurrency: 100,
            timeouts: RunnerTimeouts::default(),
            dialect: WireDialect::Em2,
        }
    }
}

impl Settings {
    /// The defaults but for this.
    pub fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut settings = Self::default();
        change(&mut settings);
        settings
    }
}

pub struct World {
    database: Database,
    pub runner: Runner<Recorder>,
    /// The server of its own, which can go away.
    server: Option<Mutex<Server>>,
}

/// SQL from beside the store.
impl Deref for World {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

/// A scheduler process's life, without the process.
pub struct Scheduler {
    pub store: Arc<dyn Store>,
    pub dispatcher: Dispatcher,
    pub bell: Bell,
    pub control: Control,
    engine: EngineHandle,
}

impl World {
    pub async fn new(backend: Backend) -> Self {
        Self::on(Database::create(backend), None).await
    }

    /// On a PostgreSQL server of its own, durable: what it lost at its end would not be our fault.
    pub async fn with_server() -> Self {
        let server = Server::start_durable().unwrap();
        let database = Database::on_server(&server, None).unwrap();
        Self::on(database, Some(Mutex::new(server))).await
    }

    async fn on(database: Database, server: Option<Mutex<Server>>) -> Self {
        let world = Self {
            database,
            runner: Runner::recording(),
            server,
        };
        drop(world.open(&chance::instance_id()).await);
        world
    }

    /// Ends the server of its own as a crash would.
    pub fn server_goes(&self) {
        self.server().stop_immediate();
    }

    /// Starts it again, on its old port and data.
    pub fn server_comes_back(&self) {
        self.server().restart().unwrap();
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        let server = self.server.as_ref();
        server.expect("a server of its own").lock().unwrap()
    }

    /// Opens the store without an engine.
    ///
    /// That nothing counts as a holder of a store on a file any more comes before its last holder, on a thread of its own, has
    /// taken it down and let go of the file's lock.
    pub async fn open(&self, instance: &str) -> Arc<dyn Store> {
        let opening = Opening {
            place: Place::here().to_string(),
            ..Opening::of(instance)
        };
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        loop {
            looks.tick().await;
            match opening.clone().open(&self.url).await {
                Err(StoreError::Held(_)) => {}
                opened => return opened.unwrap(),
            }
        }
    }

    pub async fn start(&self) -> Scheduler {
        self.start_with(Settings::default()).await
    }

    pub async fn start_with(&self, settings: Settings) -> Scheduler {
        let mut scheduler = self.begin_to_start(settings).await;
        scheduler.ready().await;
        scheduler
    }

    /// Starts without waiting for what comes before the first decision.
    pub async fn begin_to_start(&self, settings: Settings) -> Scheduler {
        let instance = chance::instance_id();
        let store = self.open(&instance).await;
        let client = RunnerClient::new(self.runner.url().parse().unwrap(), settings.timeouts).unwrap();
        let client = client.speaking(settings.dialect);
        let delivery = DeliveryRules {
            delivery: settings.delivery,
            grace: settings.firing.grace,
            attempts: 3,
        };
        let policy = Policy {
            concurrency: settings.concurrency,
            rules: delivery,
        };
        let runtime = tokio::runtime::Handle::current();
        let dispatcher = Dispatcher::start(Arc::clone(&store), client, policy, &runtime);
        let engine = Engine::new(
            Arc::clone(&store),
            dispatcher.clone(),
            EngineSettings {
                rules: ScheduleRules {
                    zone: Zone::utc(),
                    dst: DstPolicy::Once,
                },
                firing: settings.firing,
                delivery,
                retention: 30 * 86_400 * SECOND,
                alone: !self.database.is_postgres(),
                instance,
            },
        );
        let (bell, control) = (engine.bell(), engine.control());
        Scheduler {
            store,
            dispatcher,
            bell,
            control,
            engine: engine.spawn().unwrap(),
        }
    }

    /// Projects and tasks 1..=count, each task in the project of its number, enabled, without triggers.
    pub fn tasks(&self, count: i32) {
        for first in (1..=count).step_by(500) {
            let ids = first..=(first + 499).min(count);
            let rows = |row: &dyn Fn(i32) -> String| ids.clone().map(row).collect::<Vec<_>>().join(", ");
            self.sql(&format!(
                "INSERT INTO project (id, name) VALUES {};",
                rows(&|id| format!("({id}, 'p{id}')"))
            ));
            self.sql(&format!(
                "INSERT INTO task (id, name, project_id, enabled) VALUES {};",
                rows(&|id| format!("({id}, 't{id}', {id}, 1)"))
            ));
        }
    }
}

impl Scheduler {
    /// Stores a job of the task, due at `at`, with a trigger given as JSON.
    pub async fn job(&self, (task, kind): (i32, JobKind), definition: &str, at: UtcMicros) {
        self.store_jobs(vec![job((task, kind), definition, at)]).await;
    }

    /// A delayed run at `at`.
    pub async fn once(&self, task: i32, at: UtcMicros) {
        self.store_jobs(vec![once(task, at)]).await;
    }

    /// Stores jobs in one transaction.
    pub async fn store_jobs(&self, jobs: Vec<NewJob>) {
        let plan = Arc::new(move |_: &_| Ok(jobs.clone()));
        assert_eq!(
            self.store.add_jobs(self.store.now(), 1, plan).await.unwrap(),
            Replaced::Done
        );
        self.bell.ring();
    }

    /// So many microseconds from now.
    pub fn in_micros(&self, micros: i64) -> UtcMicros {
        self.store.now().saturating_add(micros)
    }

    /// Waits for what comes before the first decision.
    pub async fn ready(&mut self) {
        self.engine.ready().await;
    }

    /// Ends as SIGTERM would: nothing new leaves, what is in flight ends, the rest stays queued.
    pub async fn stop(self) {
        self.dispatcher.stop();
        assert_eq!(self.dispatcher.drained(Duration::from_secs(30)).await, 0);
        self.engine.stop().await;
        // The database is free for the next when the last loop has let go of it, or a moment later (`sqlite`).
        let store = Arc::downgrade(&self.store);
        drop((self.store, self.dispatcher));
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        while store.strong_count() > 0 {
            looks.tick().await;
        }
    }
}

/// A job of the task, due at `at`.
pub fn job((task, kind): (i32, JobKind), definition: &str, at: UtcMicros) -> NewJob {
    let id = match kind {
        JobKind::Cron => format!("{task}-{task}-cron"),
        JobKind::Interval => format!("{task}-{task}-intv"),
        _ => format!("{task}-{task}-{}", chance::ten_hex_digits()),
    };
    NewJob {
        id,
        task_id: task,
        project_id: task,
        kind,
        name: format!("p{task}: t{task}"),
        definition: definition.to_owned(),
        next_run_at: Some(at),
        listed: true,
        hazards: Vec::new(),
    }
}

/// A delayed run of the task at `at`.
pub fn once(task: i32, at: UtcMicros) -> NewJob {
    let definition = format!(r#"{{"kind":"date","fields":{{"run_date":"{at}"}},"tz":"UTC"}}"#);
    job((task, JobKind::Delayed), &definition, at)
}
