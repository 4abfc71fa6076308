//! A database of either kind with the real store on it, the notes of its triggers, and SQL from beside the store (what
//! em_web does, and what the sabotages do).

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use em_scheduler::clock::{Clock, ManualClock};
use em_scheduler::store::{Result, Store};
pub use test_world::Backend;
use test_world::database::folder_in_memory;
use test_world::session::Session;
use tokio::runtime::{Handle, Runtime};
use triggers::UtcMicros;

use crate::audit::{self, Change};
use crate::blocking::finish;
use crate::opening::Opening;

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
        client: Box<Session>,
        database: test_world::Database,
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
        let opening = opening(instance, clock);
        match &self.place {
            Place::Sqlite { folder, .. } => {
                let url = format!("sqlite://{}", folder.path().join(NAMES[place]).display());
                Ok((finish(opening.open(&url))?, None))
            }
            Place::Postgres {
                database, runtime, ..
            } => {
                let url = database.url.clone();
                let opened = runtime.spawn(async move { opening.open(&url).await });
                Ok((finish(opened).unwrap()?, Some(runtime.handle().clone())))
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
    let folder = folder_in_memory();
    let file = folder.path().join(NAMES[0]);
    std::fs::write(&file, TEMPLATE.get_or_init(template)).unwrap();
    std::os::unix::fs::symlink(&file, folder.path().join(NAMES[1])).unwrap();
    let connection = connect(&file);
    Place::Sqlite { connection, folder }
}

/// As a process of a place of which nothing can be proved: whether it is dead is for its lease to tell.
fn opening(instance: &str, clock: Arc<dyn Clock>) -> Opening {
    Opening {
        clock,
        place: "simulated".to_owned(),
        ..Opening::of(instance)
    }
}

fn for_a_template() -> Opening {
    opening("template", Arc::new(ManualClock::new(UtcMicros::new(0))))
}

fn template() -> Vec<u8> {
    let folder = folder_in_memory();
    let file = folder.path().join(NAMES[0]);
    drop(finish(for_a_template().open(&format!("sqlite://{}", file.display()))).unwrap());
    let connection = connect(&file);
    connection.execute_batch(&audit::sqlite()).unwrap();
    // The last connection to go takes the log of the file with it.
    connection.close().unwrap();
    std::fs::read(&file).unwrap()
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
    let database = test_world::Database::create(Backend::Postgres);
    let client = runtime.block_on(async {
        drop(for_a_template().open(&database.url).await.unwrap());
        let client = Session::open(&database.url).await.unwrap();
        client.batch_execute(&audit::postgres()).await.unwrap();
        client
    });
    Place::Postgres {
        client: Box::new(client),
        database,
        runtime,
    }
}
