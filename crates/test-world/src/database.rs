//! A database of either kind, and SQL on it from beside the service: filled before, looked at while, and read after it ran.
//!
//! Each statement has a connection of its own, so the server may go away and come back meanwhile, and nothing stays open that
//! the service could feel.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use rusqlite::types::ValueRef;
use serde::de::DeserializeOwned;
use serde_json::Value;
use test_postgres::{Console, Server};

use crate::process::{self, Program};
use crate::rows::TextRow;
use crate::session::Session;

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Backend {
    /// All there are.
    pub const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

impl FromStr for Backend {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            _ => Err(anyhow!("expected sqlite or postgres")),
        }
    }
}

/// Projects and tasks to put into em_web's tables.
#[derive(Debug, Clone, Default)]
pub struct Filling {
    /// The columns of `project` after its id, and one text of SQL values for each project; ids count from 1.
    pub columns: &'static str,
    /// See `columns`.
    pub projects: Vec<String>,
    /// Tasks; ids count from 1.
    pub tasks: usize,
    /// So many tasks in a row belong to the same project, then the next begins; after the last the first again.
    pub run_length: usize,
    /// Tasks from this id on are not enabled.
    pub disabled_from: Option<usize>,
}

/// One database, gone when dropped.
pub struct Database {
    /// Its kind.
    pub backend: Backend,
    /// As the service is told of it.
    pub url: String,
    place: Place,
}

enum Place {
    /// A file, and the folder that goes with it if the database owns one.
    File(PathBuf, Option<tempfile::TempDir>),
    /// On a server that the tests share; dropped with the value.
    Shared(#[expect(dead_code, reason = "held, for it drops the database")] test_postgres::Database),
    /// The name of a database, the console by which it is dropped, the server's process.
    Server {
        name: String,
        admin: Console,
        pid: Option<u32>,
    },
}

/// Databases made so far on servers that are given, for their names.
static MADE: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// An empty one for a test.
    pub fn create(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::file_in(tempfile::tempdir().expect("a folder")),
            Backend::Postgres => {
                let database = test_postgres::Database::create().expect("a database");
                Self {
                    backend,
                    url: database.url().to_owned(),
                    place: Place::Shared(database),
                }
            }
        }
    }

    /// An empty one for a test that makes nothing durable: the file lies in memory where the system has such a folder, so that
    /// thousands of commits need not wait for the disk.
    pub fn in_memory(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::file_in(folder_in_memory()),
            Backend::Postgres => Self::create(backend),
        }
    }

    /// An SQLite file in a folder that goes with it.
    pub fn file_in(folder: tempfile::TempDir) -> Self {
        let mut database = Self::file_at(&folder.path().join("em.db"));
        if let Place::File(_, owned) = &mut database.place {
            *owned = Some(folder);
        }
        database
    }

    /// The SQLite file at this path, which stays when the value goes.
    pub fn file_at(path: &Path) -> Self {
        Self {
            backend: Backend::Sqlite,
            url: format!("sqlite://{}", path.display()),
            place: Place::File(path.to_owned(), None),
        }
    }

    /// A database on a server: empty, or a copy of another, to which nobody may be connected.
    pub fn on_server(server: &Server, template: Option<&str>) -> anyhow::Result<Self> {
        let name = format!("world{}", MADE.fetch_add(1, Ordering::Relaxed));
        server.create_database(&name, template)?;
        Ok(Self::named(server, name))
    }

    /// A database of this name that the server has already.
    pub fn named(server: &Server, name: String) -> Self {
        Self {
            backend: Backend::Postgres,
            url: server.url(&name),
            place: Place::Server {
                admin: server.console("postgres"),
                pid: server.pid(),
                name,
            },
        }
    }

    /// Whether it is on PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.backend == Backend::Postgres
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path, _) => Some(path),
            _ => None,
        }
    }

    /// The name of the database on the server that it was given, if it was.
    pub fn name(&self) -> Option<&str> {
        match &self.place {
            Place::Server { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Processor time of the processes of the server that it was given, in microseconds.
    pub fn cpu(&self) -> i64 {
        match &self.place {
            Place::Server { pid: Some(pid), .. } => process::cpu_with_children(*pid),
            _ => 0,
        }
    }

    /// Lets the service make or update the tables.
    pub fn migrate(&self, binary: &Path) -> anyhow::Result<()> {
        let migrate = ["migrate", "--database-url", &self.url, "--timezone", "UTC"];
        let ended = Program::new(binary).args(&migrate).run();
        ensure!(ended.code == 0, "migrate: {}", ended.err);
        Ok(())
    }

    /// Runs statements whose rows nobody needs.
    pub fn run(&self, sql: &str) -> anyhow::Result<()> {
        match self.file() {
            Some(path) => connect(path)?.execute_batch(sql).with_context(|| sql.to_owned()),
            None => self.ask(async |session| session.run(sql).await),
        }
    }

    /// The rows that a query returns.
    pub fn query(&self, sql: &str) -> anyhow::Result<Vec<TextRow>> {
        match self.file() {
            Some(path) => {
                let rows = each(path, sql, text).with_context(|| sql.to_owned())?;
                Ok(rows.into_iter().map(TextRow).collect())
            }
            None => self.ask(async |session| session.rows(sql).await),
        }
    }

    /// The rows that a query returns, each column as text, null as nothing.
    pub fn cells<const N: usize>(&self, query: &str) -> anyhow::Result<Vec<[String; N]>> {
        TextRow::cells(self.query(query)?).with_context(|| query.to_owned())
    }

    /// The rows that a query returns, with types (such as those in [`crate::rows`]), each field by the name of its column.
    pub fn typed<T: DeserializeOwned>(&self, query: &str) -> anyhow::Result<Vec<T>> {
        let rows: Vec<Value> = match self.file() {
            Some(path) => {
                let rows = each(path, query, json).with_context(|| query.to_owned())?;
                let rows = rows.into_iter();
                rows.map(|row| row.into_iter().collect()).collect()
            }
            None => {
                let rows = self.cells::<1>(&format!("SELECT to_json(r) FROM ({query}) r"))?;
                rows.iter()
                    .map(|[text]| serde_json::from_str(text))
                    .collect::<Result<_, _>>()?
            }
        };
        let rows = rows.into_iter().map(serde_json::from_value);
        rows.collect::<Result<_, _>>().with_context(|| query.to_owned())
    }

    /// The one number that a query returns.
    pub fn number(&self, query: &str) -> anyhow::Result<i64> {
        let rows = self.cells::<1>(query)?;
        let [text] = rows.first().with_context(|| format!("{query}: no row"))?;
        text.trim().parse().with_context(|| format!("{query}: {text}"))
    }

    /// Runs whose outcome is not written down yet.
    pub fn open_runs(&self) -> anyhow::Result<i64> {
        self.number("SELECT count(*) FROM scheduler_run WHERE state IN ('queued', 'claimed', 'sending')")
    }

    /// Puts projects and tasks into em_web's tables. That is as fast as it can be; what the service does on its own
    /// connections is durable.
    pub fn fill(&self, filling: &Filling) -> anyhow::Result<()> {
        let (hurry, series) = match self.backend {
            Backend::Sqlite => (
                "",
                format!(
                    "WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {})",
                    filling.tasks
                ),
            ),
            Backend::Postgres => (
                "SET synchronous_commit = off;",
                format!(
                    "WITH s AS (SELECT i FROM generate_series(1, {}) i)",
                    filling.tasks
                ),
            ),
        };
        let rows: Vec<String> = (1..)
            .zip(&filling.projects)
            .map(|(id, values)| format!("({id}, 'bench', {values})"))
            .collect();
        let (run_length, projects) = (filling.run_length.max(1), filling.projects.len());
        let disabled_from = filling.disabled_from.unwrap_or(filling.tasks + 1);
        self.run(&format!(
            "{hurry}
             INSERT INTO project (id, name, {}) VALUES {};
             INSERT INTO task (id, name, project_id, enabled)
             {series} SELECT i, 'task ' || i, 1 + ((i - 1) / {run_length}) % {projects},
                             CASE WHEN i < {disabled_from} THEN 1 ELSE 0 END FROM s;
             ANALYZE;",
            filling.columns,
            rows.join(",")
        ))
    }

    /// One question to PostgreSQL on a connection of its own. On a thread of its own, too, for callers on an async runtime.
    fn ask<T: Send>(
        &self,
        question: impl AsyncFnOnce(&Session) -> anyhow::Result<T> + Send,
    ) -> anyhow::Result<T> {
        let asked = std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(async { question(&Session::open(&self.url).await?).await })
            });
            asking.join()
        });
        asked.map_err(|_| anyhow!("the thread of the question panicked"))?
    }
}

/// What tests say in passing: it panics where the database refuses.
impl Database {
    /// Runs statements.
    pub fn sql(&self, statements: &str) {
        self.run(statements).expect(statements);
    }

    /// The rows of a query, one text per row, columns joined by `|`, null as nothing.
    pub fn rows(&self, query: &str) -> Vec<String> {
        let rows = self.query(query).expect(query);
        rows.iter().map(|row| row.line("")).collect()
    }

    /// The one row of a query, or nothing.
    pub fn row(&self, query: &str) -> String {
        let rows = self.rows(query);
        assert!(rows.len() <= 1, "{query}: {rows:?}");
        rows.into_iter().next().unwrap_or_default()
    }

    /// Waits until a query returns these rows. Only for what no answer and no receipt tells.
    pub async fn until(&self, query: &str, expected: &[&str]) {
        let mut last = Vec::new();
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        for _ in 0..3_000 {
            looks.tick().await;
            last = self.rows(query);
            if last == expected {
                return;
            }
        }
        panic!("{query}\nexpected {expected:?}\nbut it is {last:?}");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Place::Server { admin, name, .. } = &self.place {
            // The folder goes with the server in any case; this only saves space meanwhile.
            let _ = admin.run_sql(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// A folder in memory, where the system has such.
pub fn folder_in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a folder")
}

/// A connection beside the service's.
fn connect(path: &Path) -> rusqlite::Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(30))?;
    // Nothing that is done beside the service needs to be durable; the service sets its own value on its own connections.
    connection.pragma_update(None, "synchronous", "OFF")?;
    Ok(connection)
}

/// The rows of a query, each cell as `read` has it.
fn each<T>(path: &Path, query: &str, read: fn(ValueRef<'_>) -> T) -> rusqlite::Result<Vec<Vec<(String, T)>>> {
    let connection = connect(path)?;
    let mut statement = connection.prepare(query)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let rows = statement.query_map([], |row| {
        let cells = names.iter().enumerate();
        cells
            .map(|(place, name)| Ok((name.clone(), read(row.get_ref(place)?))))
            .collect()
    })?;
    rows.collect()
}

fn text(value: ValueRef<'_>) -> Option<String> {
    Some(match value {
        ValueRef::Null => return None,
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        // Told apart from the text of the same look.
        ValueRef::Real(value) => format!("{value:?}"),
        ValueRef::Blob(bytes) => format!("{bytes:?}"),
    })
}

fn json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Integer(value) => value.into(),
        value => text(value).into(),
    }
}
