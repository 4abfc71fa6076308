//! An empty database of either engine with a store on it, and SQL from beside the store.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use em_scheduler::clock::ManualClock;
use em_scheduler::model::TaskId;
use em_scheduler::store::postgres::PostgresOptions;
use em_scheduler::store::{Result, Store};
use test_world::rows::TextRow;
use test_world::session::Session;
use test_world::{Backend, Database};
use triggers::{UtcMicros, Zone};

use crate::opening::Opening;

/// The time of most tests: 16:12:04.150220 on the walls of Berlin.
pub(crate) const NOW: &str = "2026-11-23T15:12:04.150220Z";

/// The zone of all tests. No server runs in it.
pub(crate) const ZONE: &str = "Europe/Berlin";

/// The id of the process that a test is.
pub(crate) const ME: &str = "0123456789abcdef";

/// Where the rows are, with a session of its own on PostgreSQL.
pub(crate) struct Place {
    // Before the database it uses.
    session: Option<Session>,
    database: Database,
}

impl Deref for Place {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

/// A database and a store on it.
pub(crate) struct Harness {
    // Before the database it uses.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) place: Place,
}

pub(crate) fn at(text: &str) -> UtcMicros {
    text.parse().unwrap()
}

/// So many seconds after [`NOW`].
pub(crate) fn after(seconds: i64) -> UtcMicros {
    at(NOW).saturating_add(seconds * 1_000_000)
}

pub(crate) fn on_sqlite(test: impl AsyncFnOnce(Harness)) {
    run(async { sqlite() }, test);
}

pub(crate) fn on_postgres(test: impl AsyncFnOnce(Harness)) {
    run(postgres(), test);
}

/// A test that waits for what never comes fails.
const PATIENCE: Duration = Duration::from_secs(100);

fn run(place: impl Future<Output = Place>, test: impl AsyncFnOnce(Harness)) {
    runtime().block_on(async {
        let place = place.await;
        let store = place.open(ME).await.unwrap();
        tokio::time::timeout(PATIENCE, test(Harness { store, place }))
            .await
            .unwrap();
    });
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// An empty SQLite file. Nothing here is about what a flush makes durable.
pub(crate) fn sqlite() -> Place {
    Place {
        session: None,
        database: Database::in_memory(Backend::Sqlite),
    }
}

/// An empty PostgreSQL database.
pub(crate) async fn postgres() -> Place {
    let database = Database::create(Backend::Postgres);
    Place {
        session: Some(client(&database.url).await),
        database,
    }
}

pub(crate) async fn client(url: &str) -> Session {
    Session::open(url).await.unwrap()
}

fn opening(instance: &str) -> Opening {
    Opening {
        zone: Zone::named(ZONE).unwrap(),
        ..Opening::of(instance)
    }
}

/// How a process of that id is told of a PostgreSQL database.
pub(crate) fn postgres_options(url: &str, instance: &str) -> PostgresOptions {
    opening(instance).on_postgres(url)
}

impl Place {
    /// Opens a store as the process of that id.
    pub(crate) async fn open(&self, instance: &str) -> Result<Arc<dyn Store>> {
        let mut opening = opening(instance);
        if !self.is_postgres() {
            opening.clock = Arc::new(ManualClock::new(at(NOW)));
        }
        opening.open(&self.url).await
    }

    /// Runs statements from beside the store.
    pub(crate) async fn run(&self, sql: &str) {
        self.say(sql).await.unwrap();
    }

    /// The same where the database may refuse a value; returns whether it took it. Foreign keys are off where they can be.
    pub(crate) async fn try_run(&self, sql: &str) -> bool {
        let off = match self.session {
            Some(_) => "",
            None => "PRAGMA foreign_keys = OFF;",
        };
        self.say(&format!("{off}{sql}")).await.is_ok()
    }

    async fn say(&self, sql: &str) -> anyhow::Result<()> {
        match &self.session {
            Some(session) => session.run(sql).await,
            None => self.database.run(sql),
        }
    }

    /// The rows of a query, with the names of their columns.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<TextRow> {
        let rows = match &self.session {
            Some(session) => session.rows(sql).await,
            None => self.database.query(sql),
        };
        rows.unwrap()
    }

    /// The rows of a query as lines, `|` between the columns, null as `~`.
    pub(crate) async fn lines(&self, sql: &str) -> Vec<String> {
        let rows = self.rows(sql).await;
        rows.iter().map(|row| row.line("~")).collect()
    }

    /// Looks until a query answers this one value.
    pub(crate) async fn until(&self, sql: &str, expected: &str) {
        let mut looks = tokio::time::interval(Duration::from_millis(10));
        while self.lines(sql).await != [expected] {
            looks.tick().await;
        }
    }

    /// An expression for a naive time in the form SQLite stores.
    pub(crate) fn wall(&self, column: &str) -> String {
        if self.is_postgres() {
            format!("to_char({column}, 'YYYY-MM-DD HH24:MI:SS.US')")
        } else {
            column.into()
        }
    }

    /// What the scheduler wrote into `task_log`: task, status, job id, error, time and message of each row.
    pub(crate) async fn log(&self) -> Vec<String> {
        let wall = self.wall("status_date");
        self.lines(&format!(
            "SELECT task_id, status_id, job_id, error, {wall}, message FROM task_log ORDER BY id"
        ))
        .await
    }

    /// The messages of `task_log` alone.
    pub(crate) async fn messages(&self) -> Vec<String> {
        self.lines("SELECT message FROM task_log ORDER BY id").await
    }

    /// A project without triggers and a task of it.
    pub(crate) async fn task(&self, id: TaskId, enabled: bool) {
        let enabled = i32::from(enabled);
        self.run(&format!(
            "INSERT INTO project (id, name) SELECT 3, 'Project' WHERE NOT EXISTS (SELECT 1 FROM project WHERE id = 3);
             INSERT INTO task (id, name, project_id, enabled, status_id) VALUES ({id}, 'Task {id}', 3, {enabled}, 4)"
        ))
        .await;
    }
}

impl Harness {
    /// With a store opened anew.
    pub(crate) async fn reopened(self) -> Self {
        let Self { store, place } = self;
        drop(store);
        Self {
            store: place.open(ME).await.unwrap(),
            place,
        }
    }
}
