//! A scheduler's whole world, for tests: a real database of either kind, a real runner, and the engine with its
//! dispatcher between them. Time is the real one; tests wait for receipts and rows, never for luck.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use em_scheduler::chance;
use em_scheduler::clock::SystemClock;
use em_scheduler::control::Control;
use em_scheduler::dispatch::{Dispatcher, Policy, RunnerClient, RunnerTimeouts};
use em_scheduler::engine::{Engine, EngineHandle, EngineSettings, FiringRules};
use em_scheduler::instance::Place;
use em_scheduler::model::life::DeliveryRules;
use em_scheduler::model::{Delivery, JobKind, NewJob, ScheduleRules, WireDialect};
use em_scheduler::store::postgres::{PostgresOptions, PostgresStore};
use em_scheduler::store::sqlite::{SqliteOptions, SqliteStore};
use em_scheduler::store::{Replaced, Store, StoreError};
use em_scheduler::wakeup::Bell;
use triggers::{DstPolicy, UtcMicros, Zone};

use crate::runner::Runner;

pub const SECOND: i64 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

enum Database {
    Sqlite {
        _folder: tempfile::TempDir,
        path: PathBuf,
    },
    Postgres(test_postgres::Database),
    /// A server of its own, which can go away.
    Server(Mutex<test_postgres::Server>),
}

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

pub struct World {
    database: Database,
    pub runner: Runner,
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
        let database = match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("em.db");
                Database::Sqlite {
                    _folder: folder,
                    path,
                }
            }
            Backend::Postgres => Database::Postgres(test_postgres::Database::create().unwrap()),
        };
        Self::on(database).await
    }

    /// On a PostgreSQL server of its own, durable: what it lost at its end would not be our fault.
    pub async fn with_server() -> Self {
        Self::on(Database::Server(Mutex::new(
            test_postgres::Server::start_durable().unwrap(),
        )))
        .await
    }

    async fn on(database: Database) -> Self {
        let world = Self {
            database,
            runner: Runner::start().await,
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

    fn server(&self) -> MutexGuard<'_, test_postgres::Server> {
        match &self.database {
            Database::Server(server) => server.lock().unwrap(),
            _ => panic!("this world has no server of its own"),
        }
    }

    /// The database as a process is told of it.
    pub fn url(&self) -> String {
        match &self.database {
            Database::Sqlite { path, .. } => format!("sqlite://{}", path.display()),
            Database::Postgres(database) => database.url().to_owned(),
            Database::Server(server) => server.lock().unwrap().url("postgres"),
        }
    }

    /// Opens the store without an engine.
    pub async fn open(&self, instance: &str) -> Arc<dyn Store> {
        let (zone, clock) = (Zone::utc(), Arc::new(SystemClock));
        let (instance, place) = (instance.to_owned(), Place::here().to_string());
        match &self.database {
            Database::Sqlite { path, .. } => {
                let options = SqliteOptions {
                    path: path.clone(),
                    zone,
                    clock,
                    instance,
                    place,
                };
                Arc::new(sqlite(options).await)
            }
            Database::Postgres(_) | Database::Server(_) => {
                let options = PostgresOptions {
                    url: self.url(),
                    zone,
                    clock,
                    instance,
                    place,
                    grace: 30_000_000,
                };
                Arc::new(PostgresStore::connect(options).await.unwrap())
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
                alone: matches!(self.database, Database::Sqlite { .. }),
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

    /// Runs statements on the database itself.
    pub fn sql(&self, statements: &str) {
        match &self.database {
            Database::Sqlite { path, .. } => connect(path).execute_batch(statements).unwrap(),
            Database::Postgres(database) => {
                database.run_sql(statements).unwrap();
            }
            Database::Server(server) => {
                server.lock().unwrap().run_sql("postgres", statements).unwrap();
            }
        }
    }

    /// The rows of a query on the database itself, one text per row, columns joined by `|`, null as nothing.
    pub fn rows(&self, query: &str) -> Vec<String> {
        match &self.database {
            Database::Sqlite { path, .. } => {
                let connection = connect(path);
                let mut statement = connection.prepare(query).unwrap();
                let columns = statement.column_count();
                let rows = statement.query_map([], |row| {
                    let cells = (0..columns).map(|place| {
                        Ok(match row.get_ref(place)? {
                            rusqlite::types::ValueRef::Null => String::new(),
                            rusqlite::types::ValueRef::Integer(value) => value.to_string(),
                            rusqlite::types::ValueRef::Real(value) => value.to_string(),
                            rusqlite::types::ValueRef::Text(text) | rusqlite::types::ValueRef::Blob(text) => {
                                String::from_utf8_lossy(text).into_owned()
                            }
                        })
                    });
                    cells.collect::<Result<Vec<_>, _>>()
                });
                rows.unwrap().map(|row| row.unwrap().join("|")).collect()
            }
            Database::Postgres(database) => lines(&database.run_sql(query).unwrap()),
            Database::Server(server) => lines(&server.lock().unwrap().run_sql("postgres", query).unwrap()),
        }
    }

    /// Waits until a query answers these rows.
    pub async fn until(&self, query: &str, expected: &[&str]) {
        let mut last = Vec::new();
        let mut looks = tokio::time::interval(Duration::from_millis(25));
        for _ in 0..1_200 {
            looks.tick().await;
            last = self.rows(query);
            if last == expected {
                return;
            }
        }
        panic!("{query}\nexpected {expected:?}\nbut it is {last:?}");
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

/// Opens a file. That nothing counts as a holder of the store any more comes before its last holder, on a thread of its own, has
/// taken it down and let go of the file's lock.
async fn sqlite(options: SqliteOptions) -> SqliteStore {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    loop {
        looks.tick().await;
        match SqliteStore::open(options.clone()) {
            Err(StoreError::Held(_)) => {}
            opened => return opened.unwrap(),
        }
    }
}

fn lines(answer: &str) -> Vec<String> {
    answer
        .lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
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

fn connect(path: &PathBuf) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection
}
