//! A database of either kind with the real store on it, the notes of its triggers, and SQL from beside the store (what
//! em_web does, and what the sabotages do).

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use em_scheduler::clock::{Clock, ManualClock};
use em_scheduler::store::postgres::{PostgresOptions, PostgresStore};
use em_scheduler::store::sqlite::{SqliteOptions, SqliteStore};
use em_scheduler::store::{Result, Store};
use tokio::runtime::{Handle, Runtime};
use triggers::{UtcMicros, Zone};

use crate::audit::{self, Change};
use crate::blocking::finish;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

pub struct Database {
    place: Place,
    seen: i64,
}

enum Place {
    Sqlite {
        connection: rusqlite::Connection,
        folder: tempfile::TempDir,
    },
    Postgres {
        client: Box<tokio_postgres::Client>,
        database: test_postgres::Database,
        runtime: Runtime,
    },
}

/// A store and the runtime that it needs beside its caller's, if any.
pub type Opened = (Arc<dyn Store>, Option<Handle>);

/// What the tables are called on SQLite. The second name is a link to the first: the lock that keeps a second process
/// from the file goes by the name, and two owners of one file are what some seeds are about.
const NAMES: [&str; 2] = ["em.db", "other.db"];

impl Database {
    pub fn new(backend: Backend) -> Self {
        let place = match backend {
            Backend::Sqlite => sqlite(),
            Backend::Postgres => postgres(),
        };
        Self { place, seen: 0 }
    }

    /// Opens the store for the process in this place (0 or 1).
    pub fn open(&self, place: usize, instance: &str, clock: Arc<dyn Clock>) -> Result<Opened> {
        let zone = Zone::utc();
        // A place of which nothing can be proved: whether a process is dead is for its lease to tell.
        let (instance, nowhere) = (instance.to_owned(), "simulated".to_owned());
        match &self.place {
            Place::Sqlite { folder, .. } => {
                let options = SqliteOptions {
                    path: folder.path().join(NAMES[place]),
                    zone,
                    clock,
                    instance,
                    place: nowhere,
                };
                Ok((Arc::new(SqliteStore::open(options)?), None))
            }
            Place::Postgres {
                database, runtime, ..
            } => {
                let options = PostgresOptions {
                    url: database.url().to_owned(),
                    zone,
                    clock,
                    instance,
                    place: nowhere,
                    grace: 30_000_000,
                };
                let store = finish(runtime.spawn(PostgresStore::connect(options))).unwrap()?;
                Ok((Arc::new(store), Some(runtime.handle().clone())))
            }
        }
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.place, Place::Sqlite { .. })
    }

    /// The file, for whoever opens it beside the store.
    pub fn file(&self) -> PathBuf {
        match &self.place {
            Place::Sqlite { folder, .. } => folder.path().join(NAMES[0]),
            Place::Postgres { .. } => panic!("only SQLite has a file"),
        }
    }

    /// Runs statements from beside the store.
    pub fn execute(&self, sql: &str) {
        match &self.place {
            Place::Sqlite { connection, .. } => connection.execute_batch(sql).unwrap(),
            Place::Postgres { client, .. } => finish(client.batch_execute(sql)).unwrap(),
        }
    }

    /// What has changed since this was asked last.
    pub fn changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        match &self.place {
            Place::Sqlite { connection, .. } => {
                let mut statement = connection
                    .prepare_cached("SELECT seq, what, row FROM audit WHERE seq > ?1 ORDER BY seq")
                    .unwrap();
                let mut rows = statement.query([self.seen]).unwrap();
                while let Some(row) = rows.next().unwrap() {
                    self.seen = row.get(0).unwrap();
                    let text = |place| row.get_ref(place).unwrap().as_str().unwrap();
                    changes.push(Change::read(text(1), text(2)));
                }
            }
            Place::Postgres { client, .. } => {
                let sql = "SELECT seq, what, row FROM audit WHERE seq > $1 ORDER BY seq";
                for row in finish(client.query(sql, &[&self.seen])).unwrap() {
                    self.seen = row.get(0);
                    changes.push(Change::read(row.get(1), row.get(2)));
                }
            }
        }
        changes
    }
}

/// A new file made from one that was set up once. Where the system has a file system in memory, it lies there.
fn sqlite() -> Place {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    let folder = folder();
    let file = folder.path().join(NAMES[0]);
    std::fs::write(&file, TEMPLATE.get_or_init(template)).unwrap();
    std::os::unix::fs::symlink(&file, folder.path().join(NAMES[1])).unwrap();
    let connection = connect(&file);
    Place::Sqlite { connection, folder }
}

fn template() -> Vec<u8> {
    let folder = folder();
    let file = folder.path().join(NAMES[0]);
    let options = SqliteOptions {
        path: file.clone(),
        zone: Zone::utc(),
        clock: Arc::new(ManualClock::new(UtcMicros::new(0))),
        instance: "template".into(),
        place: "simulated".into(),
    };
    drop(SqliteStore::open(options).unwrap());
    let connection = connect(&file);
    connection.execute_batch(&audit::sqlite()).unwrap();
    // The last connection to go takes the log of the file with it.
    connection.close().unwrap();
    std::fs::read(&file).unwrap()
}

fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory).unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// A connection beside the store's.
pub fn connect(file: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.pragma_update(None, "synchronous", "OFF").unwrap();
    connection
}

fn postgres() -> Place {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let database = test_postgres::Database::create().unwrap();
    let url = database.url().to_owned();
    let client = runtime.block_on(async {
        let options = PostgresOptions {
            url: url.clone(),
            zone: Zone::utc(),
            clock: Arc::new(ManualClock::new(UtcMicros::new(0))),
            instance: "template".into(),
            place: "simulated".into(),
            grace: 30_000_000,
        };
        drop(PostgresStore::connect(options).await.unwrap());
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(async move { drop(connection.await) });
        let path = "SET search_path = public, em_scheduler";
        client.batch_execute(path).await.unwrap();
        client.batch_execute(&audit::postgres()).await.unwrap();
        client
    });
    Place::Postgres {
        client: Box::new(client),
        database,
        runtime,
    }
}
