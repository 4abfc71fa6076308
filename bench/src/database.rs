//! The databases under test: an empty one is made by the service itself (`migrate`), then em_web's tables are filled
//! in bulk, and afterwards it is asked what the service wrote.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, ensure};
use test_postgres::Server;

use crate::process;

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// Projects and tasks to put into em_web's tables.
#[derive(Debug, Clone, Default)]
pub struct Filling {
    /// The columns of `project` after its id, and one text of SQL values for each project; ids count from 1.
    pub columns: &'static str,
    pub projects: Vec<String>,
    /// Tasks; ids count from 1.
    pub tasks: usize,
    /// So many tasks in a row belong to the same project, then the next begins; after the last the first again.
    pub run_length: usize,
    /// Tasks from this id on are not enabled.
    pub disabled_from: Option<usize>,
}

/// One database, gone when dropped.
pub struct Database<'a> {
    pub engine: Engine,
    pub url: String,
    place: Place<'a>,
}

enum Place<'a> {
    File(tempfile::TempDir),
    Server(&'a Server, String),
}

/// What databases are made with.
pub struct Makers<'a> {
    /// The service.
    pub binary: &'a Path,
    /// Where SQLite files go.
    pub folder: &'a Path,
    pub server: &'a Server,
}

/// Databases made so far, for their names.
static MADE: AtomicU32 = AtomicU32::new(0);

impl<'a> Database<'a> {
    /// A database with the tables of em_web and of the service, and the filling.
    pub fn create(makers: &Makers<'a>, engine: Engine, filling: &Filling) -> anyhow::Result<Self> {
        let (place, url) = match engine {
            Engine::Sqlite => {
                let folder = tempfile::Builder::new()
                    .prefix("sqlite-")
                    .tempdir_in(makers.folder)?;
                let url = format!("sqlite://{}", folder.path().join("bench.db").display());
                (Place::File(folder), url)
            }
            Engine::Postgres => {
                let name = format!("bench{}", MADE.fetch_add(1, Ordering::Relaxed));
                makers.server.create_database(&name, None)?;
                let url = makers.server.url(&name);
                (Place::Server(makers.server, name), url)
            }
        };
        let migrated = Command::new(makers.binary)
            .args(["migrate", "--database-url", &url, "--timezone", "UTC"])
            .output()
            .context("the service cannot be run")?;
        let said = String::from_utf8_lossy(&migrated.stderr);
        ensure!(migrated.status.success(), "migrate: {said}");
        let database = Self { engine, url, place };
        database.fill(filling)?;
        Ok(database)
    }

    fn fill(&self, filling: &Filling) -> anyhow::Result<()> {
        let series = match self.engine {
            Engine::Sqlite => format!(
                "WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {})",
                filling.tasks
            ),
            Engine::Postgres => format!(
                "WITH s AS (SELECT i FROM generate_series(1, {}) i)",
                filling.tasks
            ),
        };
        let rows: Vec<String> = filling
            .projects
            .iter()
            .enumerate()
            .map(|(place, values)| format!("({}, 'bench', {values})", place + 1))
            .collect();
        let (run_length, projects) = (filling.run_length.max(1), filling.projects.len());
        let disabled_from = filling.disabled_from.unwrap_or(filling.tasks + 1);
        self.run(&format!(
            "INSERT INTO project (id, name, {}) VALUES {};
             INSERT INTO task (id, name, project_id, enabled)
             {series} SELECT i, 'task ' || i, 1 + ((i - 1) / {run_length}) % {projects},
                             CASE WHEN i < {disabled_from} THEN 1 ELSE 0 END FROM s;
             ANALYZE;",
            filling.columns,
            rows.join(",")
        ))
    }

    /// Runs SQL that answers nothing of interest.
    pub fn run(&self, sql: &str) -> anyhow::Result<()> {
        match &self.place {
            Place::File(_) => Ok(self.connection()?.execute_batch(sql)?),
            // Filling may be as fast as it can; what the service does on its own connections is durable.
            Place::Server(server, name) => {
                server.run_sql(name, &format!("SET synchronous_commit = off; {sql}"))?;
                Ok(())
            }
        }
    }

    /// The one number that a query answers.
    pub fn number(&self, query: &str) -> anyhow::Result<i64> {
        match &self.place {
            Place::File(_) => Ok(self.connection()?.query_row(query, [], |row| row.get(0))?),
            Place::Server(server, name) => {
                let text = server.run_sql(name, query)?;
                text.trim().parse().with_context(|| format!("{query}: {text}"))
            }
        }
    }

    /// Runs whose outcome is not written down yet.
    pub fn open_runs(&self) -> anyhow::Result<i64> {
        self.number("SELECT count(*) FROM scheduler_run WHERE state IN ('queued', 'claimed', 'sending')")
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<PathBuf> {
        match &self.place {
            Place::File(folder) => Some(folder.path().join("bench.db")),
            Place::Server(..) => None,
        }
    }

    /// Processor time of the database's own processes, in microseconds.
    pub fn cpu(&self) -> i64 {
        match &self.place {
            Place::File(_) => 0,
            Place::Server(server, _) => server.pid().map_or(0, process::cpu_with_children),
        }
    }

    fn connection(&self) -> anyhow::Result<rusqlite::Connection> {
        let path = self.file().context("it is no file")?;
        let connection = rusqlite::Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::from_secs(30))?;
        // For filling; the service sets its own, durable value on its own connection.
        connection.pragma_update(None, "synchronous", "OFF")?;
        Ok(connection)
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        if let Place::Server(server, name) = &self.place {
            // The folder goes with the server in any case; this only saves space meanwhile.
            let _ = server.run_sql(
                "postgres",
                &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            );
        }
    }
}
