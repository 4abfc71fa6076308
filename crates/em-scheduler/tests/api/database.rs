//! A throw-away database of either kind, the store on it, and a way past the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use em_scheduler::chance;
use em_scheduler::clock::SystemClock;
use em_scheduler::store::postgres::{PostgresOptions, PostgresStore};
use em_scheduler::store::sqlite::{SqliteOptions, SqliteStore};
use em_scheduler::store::{ListLimits, Store};
use rusqlite::types::ValueRef;
use triggers::Zone;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

pub enum Database {
    Sqlite {
        _folder: tempfile::TempDir,
        path: PathBuf,
    },
    Postgres(test_postgres::Database),
}

impl Database {
    pub fn create(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().expect("a folder");
                let path = folder.path().join("em.db");
                Self::Sqlite {
                    _folder: folder,
                    path,
                }
            }
            Backend::Postgres => Self::Postgres(test_postgres::Database::create().expect("a database")),
        }
    }

    pub async fn open(&self, zone: &Zone, lists: ListLimits) -> Arc<dyn Store> {
        match self {
            Self::Sqlite { path, .. } => Arc::new(sqlite(path, zone).with_list_limits(lists)),
            Self::Postgres(database) => {
                Arc::new(postgres(database.url(), zone).await.with_list_limits(lists))
            }
        }
    }

    pub fn run(&self, statements: &str) {
        match self {
            Self::Sqlite { path, .. } => connect(path).execute_batch(statements).expect(statements),
            Self::Postgres(database) => {
                database.run_sql(statements).expect(statements);
            }
        }
    }

    pub fn rows(&self, query: &str) -> Vec<String> {
        match self {
            Self::Sqlite { path, .. } => sqlite_rows(path, query),
            Self::Postgres(database) => {
                let answer = database.run_sql(query).expect(query);
                answer.lines().map(str::to_owned).collect()
            }
        }
    }
}

fn sqlite(path: &Path, zone: &Zone) -> SqliteStore {
    let options = SqliteOptions {
        path: path.to_owned(),
        zone: zone.clone(),
        clock: Arc::new(SystemClock),
        instance: chance::instance_id(),
        place: "here".into(),
    };
    SqliteStore::open(options).expect("a store")
}

pub async fn postgres(url: &str, zone: &Zone) -> PostgresStore {
    let options = PostgresOptions {
        url: url.to_owned(),
        zone: zone.clone(),
        clock: Arc::new(SystemClock),
        instance: chance::instance_id(),
        place: "here".into(),
        grace: 30_000_000,
    };
    PostgresStore::connect(options).await.expect("a store")
}

fn connect(path: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).expect("open");
    connection
        .busy_timeout(Duration::from_secs(10))
        .expect("a time-out");
    connection
}

fn sqlite_rows(path: &Path, query: &str) -> Vec<String> {
    let connection = connect(path);
    let mut statement = connection.prepare(query).expect(query);
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let cells = (0..columns).map(|place| {
            Ok(match row.get_ref(place)? {
                ValueRef::Null => String::new(),
                ValueRef::Integer(value) => value.to_string(),
                ValueRef::Real(value) => value.to_string(),
                ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
            })
        });
        cells.collect::<Result<Vec<_>, _>>()
    });
    rows.expect(query)
        .map(|row| row.expect(query).join("|"))
        .collect()
}
