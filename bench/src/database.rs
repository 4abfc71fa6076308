//! The databases under test: an empty one is made by the service itself (`migrate`), then em_web's tables are filled
//! in bulk, and afterwards it is asked what the service wrote.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, anyhow, ensure};
use test_postgres::{Console, Server};

use crate::process;

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Engine {
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
    pub engine: Engine,
    /// As the service is told of it.
    pub url: String,
    place: Place,
}

enum Place {
    /// A file in a folder of its own, which goes with it if the database owns it.
    File(PathBuf, Option<tempfile::TempDir>),
    /// The name of a database, its console and the one by which it is dropped, the server's process.
    Server {
        name: String,
        console: Console,
        admin: Console,
        pid: Option<u32>,
    },
}

/// What databases are made with.
pub struct Makers<'a> {
    /// The service.
    pub binary: &'a Path,
    /// Where SQLite files go.
    pub folder: &'a Path,
    /// Where the others go.
    pub server: &'a Server,
}

/// Databases made so far, for their names.
static MADE: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// A database with the tables of em_web and of the service, and the filling.
    ///
    /// # Errors
    /// It cannot be created, or the service cannot make its tables.
    pub fn create(makers: &Makers<'_>, engine: Engine, filling: &Filling) -> anyhow::Result<Self> {
        let database = Self::empty(makers, engine)?;
        database.migrate(makers.binary)?;
        database.fill(filling)?;
        Ok(database)
    }

    /// A database without tables.
    fn empty(makers: &Makers<'_>, engine: Engine) -> anyhow::Result<Self> {
        if engine == Engine::Postgres {
            return Self::on_server(makers.server, None);
        }
        let folder = tempfile::Builder::new()
            .prefix("sqlite-")
            .tempdir_in(makers.folder)?;
        let mut database = Self::file_at(&folder.path().join("bench.db"));
        if let Place::File(_, owned) = &mut database.place {
            *owned = Some(folder);
        }
        Ok(database)
    }

    /// A database on a server: empty, or a copy of another, to which nobody may be connected.
    ///
    /// # Errors
    /// What the server said.
    pub fn on_server(server: &Server, template: Option<&str>) -> anyhow::Result<Self> {
        let name = format!("bench{}", MADE.fetch_add(1, Ordering::Relaxed));
        server.create_database(&name, template)?;
        Ok(Self::named(server, name))
    }

    /// A database of this name that the server has already.
    pub fn named(server: &Server, name: String) -> Self {
        Self {
            engine: Engine::Postgres,
            url: server.url(&name),
            place: Place::Server {
                console: server.console(&name),
                admin: server.console("postgres"),
                pid: server.pid(),
                name,
            },
        }
    }

    /// The SQLite file at this path, which stays when the value goes.
    pub fn file_at(path: &Path) -> Self {
        Self {
            engine: Engine::Sqlite,
            url: format!("sqlite://{}", path.display()),
            place: Place::File(path.to_owned(), None),
        }
    }

    /// Lets the service make or update the tables.
    ///
    /// # Errors
    /// What the service said.
    pub fn migrate(&self, binary: &Path) -> anyhow::Result<()> {
        let migrated = Command::new(binary)
            .args(["migrate", "--database-url", &self.url, "--timezone", "UTC"])
            .output()
            .context("the service cannot be run")?;
        let said = String::from_utf8_lossy(&migrated.stderr);
        ensure!(migrated.status.success(), "migrate: {said}");
        Ok(())
    }

    /// Puts projects and tasks into em_web's tables.
    ///
    /// # Errors
    /// What the database said.
    pub fn fill(&self, filling: &Filling) -> anyhow::Result<()> {
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
    ///
    /// # Errors
    /// What the database said.
    pub fn run(&self, sql: &str) -> anyhow::Result<()> {
        match &self.place {
            Place::File(..) => Ok(self.connection()?.execute_batch(sql)?),
            // Filling may be as fast as it can; what the service does on its own connections is durable.
            Place::Server { console, .. } => {
                console.run_sql(&format!("SET synchronous_commit = off; {sql}"))?;
                Ok(())
            }
        }
    }

    /// The rows a query answers, each column as text, null as nothing. On PostgreSQL only the last column may hold a `|`.
    ///
    /// # Errors
    /// What the database said, or a row of another width.
    pub fn rows<const N: usize>(&self, query: &str) -> anyhow::Result<Vec<[String; N]>> {
        match &self.place {
            Place::File(..) => {
                let connection = self.connection()?;
                let mut statement = connection.prepare(query)?;
                ensure!(statement.column_count() == N, "{query}: not {N} columns");
                let rows = statement.query_map([], |row| {
                    let mut cells = [const { String::new() }; N];
                    for (place, cell) in cells.iter_mut().enumerate() {
                        *cell = text(row.get_ref(place)?);
                    }
                    Ok(cells)
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            }
            Place::Server { console, .. } => {
                let answer = console.run_sql(query)?;
                let rows = answer
                    .lines()
                    .filter(|line| !line.is_empty() || N == 1)
                    .map(|line| {
                        let cells: Vec<String> = line.splitn(N, '|').map(str::to_owned).collect();
                        cells
                            .try_into()
                            .map_err(|_| anyhow!("{query}: {line:?} has not {N} columns"))
                    });
                rows.collect()
            }
        }
    }

    /// The one number that a query answers.
    ///
    /// # Errors
    /// As [`Database::rows`], or the answer is no number.
    pub fn number(&self, query: &str) -> anyhow::Result<i64> {
        let rows = self.rows::<1>(query)?;
        let [text] = rows.first().with_context(|| format!("{query}: no row"))?;
        text.trim().parse().with_context(|| format!("{query}: {text}"))
    }

    /// Runs whose outcome is not written down yet.
    ///
    /// # Errors
    /// What the database said.
    pub fn open_runs(&self) -> anyhow::Result<i64> {
        self.number("SELECT count(*) FROM scheduler_run WHERE state IN ('queued', 'claimed', 'sending')")
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<PathBuf> {
        match &self.place {
            Place::File(path, _) => Some(path.clone()),
            Place::Server { .. } => None,
        }
    }

    /// Processor time of the database's own processes, in microseconds.
    pub fn cpu(&self) -> i64 {
        match &self.place {
            Place::File(..) => 0,
            Place::Server { pid, .. } => pid.map_or(0, process::cpu_with_children),
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

impl Database {
    /// The name of the database on its server, if it is on one.
    pub fn name(&self) -> Option<&str> {
        match &self.place {
            Place::File(..) => None,
            Place::Server { name, .. } => Some(name),
        }
    }
}

fn text(value: rusqlite::types::ValueRef<'_>) -> String {
    match value {
        rusqlite::types::ValueRef::Null => String::new(),
        rusqlite::types::ValueRef::Integer(value) => value.to_string(),
        rusqlite::types::ValueRef::Real(value) => value.to_string(),
        rusqlite::types::ValueRef::Text(text) | rusqlite::types::ValueRef::Blob(text) => {
            String::from_utf8_lossy(text).into_owned()
        }
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
