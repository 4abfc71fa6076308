//! An empty database of either engine with a store on it, and SQL from beside the store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use em_scheduler::clock::{ManualClock, SystemClock};
use em_scheduler::model::TaskId;
use em_scheduler::store::postgres::{PostgresOptions, PostgresStore};
use em_scheduler::store::sqlite::{SqliteOptions, SqliteStore};
use em_scheduler::store::{Result, Store};
use test_postgres::Database;
use tokio_postgres::{NoTls, SimpleQueryMessage};
use triggers::{UtcMicros, Zone};

/// The time of most tests: 16:12:04.150220 on the walls of Berlin.
pub(crate) const NOW: &str = "2026-11-23T15:12:04.150220Z";

/// The zone of all tests. No server runs in it.
pub(crate) const ZONE: &str = "Europe/Berlin";

/// The id of the process that a test is.
pub(crate) const ME: &str = "0123456789abcdef";

/// Where the rows are.
pub(crate) enum Place {
    Sqlite {
        _folder: tempfile::TempDir,
        file: PathBuf,
    },
    Postgres {
        database: Database,
        client: Box<tokio_postgres::Client>,
    },
}

/// A database and a store on it.
pub(crate) struct Harness {
    // Before the database it uses.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) place: Place,
}

/// A row: the names of its columns and their values as text.
pub(crate) type Row = Vec<(String, Option<String>)>;

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

/// A folder, in memory where the system has such: nothing here is about what a flush makes durable, and a test of thousands
/// of commits need not wait for the disk.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

/// An empty SQLite file.
pub(crate) fn sqlite() -> Place {
    let folder = folder();
    let file = folder.path().join("em.db");
    Place::Sqlite {
        _folder: folder,
        file,
    }
}

/// An empty PostgreSQL database.
pub(crate) async fn postgres() -> Place {
    let database = Database::create().unwrap();
    let client = Box::new(client(database.url()).await);
    Place::Postgres { database, client }
}

pub(crate) async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    // Tests find our tables by their bare names; what the store says must not depend on that.
    let path = "SET search_path = public, em_scheduler";
    client.batch_execute(path).await.unwrap();
    client
}

/// How a process of that id is told of a PostgreSQL database.
pub(crate) fn postgres_options(url: &str, instance: &str) -> PostgresOptions {
    PostgresOptions {
        url: url.to_owned(),
        zone: Zone::named(ZONE).unwrap(),
        clock: Arc::new(SystemClock),
        instance: instance.to_owned(),
        place: "here".to_owned(),
        grace: 30_000_000,
    }
}

impl Place {
    /// Opens a store as the process of that id.
    pub(crate) async fn open(&self, instance: &str) -> Result<Arc<dyn Store>> {
        let (zone, instance, place) = (Zone::named(ZONE).unwrap(), instance.to_owned(), "here".to_owned());
        match self {
            Self::Sqlite { file, .. } => {
                let clock = Arc::new(ManualClock::new(at(NOW)));
                let options = SqliteOptions {
                    path: file.clone(),
                    zone,
                    clock,
                    instance,
                    place,
                };
                Ok(Arc::new(SqliteStore::open(options)?))
            }
            Self::Postgres { database, .. } => {
                let options = postgres_options(database.url(), &instance);
                Ok(Arc::new(PostgresStore::connect(options).await?))
            }
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    /// Runs statements from beside the store.
    pub(crate) async fn run(&self, sql: &str) {
        match self {
            Self::Sqlite { file, .. } => rusqlite::Connection::open(file)
                .unwrap()
                .execute_batch(sql)
                .unwrap(),
            Self::Postgres { client, .. } => client.batch_execute(sql).await.unwrap(),
        }
    }

    /// The same where the database may refuse a value; returns whether it took it. Foreign keys are off where they can be.
    pub(crate) async fn try_run(&self, sql: &str) -> bool {
        match self {
            Self::Sqlite { file, .. } => rusqlite::Connection::open(file)
                .unwrap()
                .execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}"))
                .is_ok(),
            Self::Postgres { client, .. } => client.batch_execute(sql).await.is_ok(),
        }
    }

    /// The rows of a query, with the names of their columns.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<Row> {
        match self {
            Self::Sqlite { file, .. } => sqlite_rows(file, sql),
            Self::Postgres { client, .. } => {
                let answer = client.simple_query(sql).await.unwrap();
                answer.iter().filter_map(postgres_row).collect()
            }
        }
    }

    /// The rows of a query as lines, `|` between the columns, null as `~`.
    pub(crate) async fn lines(&self, sql: &str) -> Vec<String> {
        let rows = self.rows(sql).await;
        rows.into_iter()
            .map(|row| {
                let cells: Vec<String> = row
                    .into_iter()
                    .map(|(_, value)| value.unwrap_or_else(|| "~".into()))
                    .collect();
                cells.join("|")
            })
            .collect()
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

fn sqlite_rows(file: &PathBuf, sql: &str) -> Vec<Row> {
    let connection = rusqlite::Connection::open(file).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let rows = statement.query_map([], |row| {
        names
            .iter()
            .enumerate()
            .map(|(place, name)| {
                let value = match row.get::<_, rusqlite::types::Value>(place)? {
                    rusqlite::types::Value::Null => None,
                    rusqlite::types::Value::Integer(number) => Some(number.to_string()),
                    rusqlite::types::Value::Text(text) => Some(text),
                    other => Some(format!("{other:?}")),
                };
                Ok((name.clone(), value))
            })
            .collect()
    });
    rows.unwrap().map(|row| row.unwrap()).collect()
}

fn postgres_row(message: &SimpleQueryMessage) -> Option<Row> {
    let SimpleQueryMessage::Row(row) = message else {
        return None;
    };
    let cells = row.columns().iter().enumerate();
    Some(
        cells
            .map(|(place, column)| (column.name().to_owned(), row.get(place).map(str::to_owned)))
            .collect(),
    )
}
