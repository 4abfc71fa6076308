//! The store on SQLite: one writer thread that owns the connection and commits in groups, a few reader connections
//! beside it (WAL lets them read while it writes), one process per file (see `lock`).
//!
//! The process clock is the authoritative time. `synchronous=FULL`: a decision survives power loss.

mod catalog;
mod cells;
mod cluster;
mod connect;
mod copy;
mod em_web;
mod error;
mod events;
mod files;
mod firing;
mod lock;
mod log;
mod readers;
mod rows;
mod runs;
mod samples;
mod schedules;
mod schema;
mod tasks;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction};
use triggers::{UtcMicros, Zone};

pub use self::copy::Copying;
pub use self::files::open_to_others;
pub use self::log::LogLimits;
pub use self::samples::insert_samples;

use self::connect::Role;
use self::error::naming;
use self::lock::InstanceLock;
use self::log::Log;
use self::readers::Readers;
use self::writer::Writer;
use super::codec;
use super::pages::{self, PageWriter};
use super::{ListLimits, Pages, Result, SchemaStanding, StoreError};
use crate::clock::Clock;
use crate::em_web::Sequences;

/// Names in `scheduler_state`.
const PAUSED: &str = "paused";
const SYNCED: &str = "synced";

/// What is true of a run that is not final, in the words of the index that holds just these rows (and not by `IN`,
/// for which SQLite builds a table of the three at each turn).
const OPEN: &str = "(state = 'queued' OR state = 'claimed' OR state = 'sending')";

/// How the store is opened.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The database file. Its folder must exist.
    pub path: PathBuf,
    /// The zone of em_web's naive times.
    pub zone: Zone,
    /// The process clock.
    pub clock: Arc<dyn Clock>,
    /// The id of this process.
    pub instance: String,
    /// Where this process runs.
    pub place: String,
}

/// The store on SQLite.
pub struct SqliteStore {
    /// Shared with the task that closes it.
    writer: Arc<Writer>,
    readers: Readers,
    list_limits: ListLimits,
    options: SqliteOptions,
    /// What the file is called where it is shown.
    shown: PathBuf,
    /// What em_web's model knows of sequences.
    sequences: Sequences,
}

/// What every write needs to know beside its own arguments.
#[derive(Debug, Clone)]
struct WriteContext {
    now: UtcMicros,
    /// The same on the wall, as em_web stores it.
    wall: Arc<str>,
    zone: Zone,
    owner: String,
    sequences: Sequences,
}

impl SqliteStore {
    /// Opens the file, creates or checks its tables, and holds it alone.
    ///
    /// # Errors
    /// The file cannot be opened or written, another process holds it, or it is no em_web database.
    pub fn open(options: SqliteOptions) -> Result<Self> {
        Self::open_with(options, LogLimits::default())
    }

    /// The same, with other limits for the write-ahead log.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_with(options: SqliteOptions, limits: LogLimits) -> Result<Self> {
        let shown = options.path.clone();
        Self::open_shown(options, limits, shown)
    }

    /// Opens the copy of a file: errors name that file, and so does the description.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_copy(options: SqliteOptions, of: PathBuf) -> Result<Self> {
        Self::open_shown(options, LogLimits::default(), of)
    }

    fn open_shown(options: SqliteOptions, limits: LogLimits, shown: PathBuf) -> Result<Self> {
        let lock = InstanceLock::take(&options.path)?;
        let (mut connection, reader, sequences) = match Self::prepared(&options) {
            Ok(connections) => connections,
            Err(error) => {
                lock.abandon();
                return Err(naming(&shown, error));
            }
        };
        let warnings = [
            files::open_to_others(&options.path),
            files::other_names(&options.path),
        ];
        for warning in warnings.into_iter().flatten() {
            tracing::warn!("{warning}");
        }
        let readers = Readers::new(options.path.clone(), reader);
        let log = Log::new(&mut connection, readers.clone(), limits)?;
        Ok(Self {
            writer: Arc::new(Writer::start(connection, log, lock)?),
            readers,
            list_limits: ListLimits::default(),
            shown,
            options,
            sequences,
        })
    }

    /// The connection of the writer and one that reads, of a file whose tables are as they must be. A file that was made
    /// for this is there only if all went well.
    fn prepared(options: &SqliteOptions) -> Result<(Connection, Connection, Sequences)> {
        let made = files::make(&options.path).map_err(|error| StoreError::Unusable(error.to_string()))?;
        let prepared = || {
            let mut connection = connect::open(&options.path, Role::Writer)?;
            let sequences = schema::prepare(&mut connection, options.clock.now().get())?;
            Ok((connection, connect::open(&options.path, Role::Reader)?, sequences))
        };
        let prepared = prepared();
        if let (Err(_), Some(made)) = (&prepared, made) {
            made.undo();
        }
        prepared
    }

    /// What opening this file would do to its tables. Changes nothing.
    ///
    /// # Errors
    /// The file cannot be read, or its tables are those of a newer program.
    pub fn inspect(path: &Path) -> Result<SchemaStanding> {
        schema::standing(&connect::open(path, Role::Reader)?)
    }

    /// With other limits for lists.
    #[must_use]
    pub fn with_list_limits(mut self, list_limits: ListLimits) -> Self {
        self.list_limits = list_limits;
        self
    }

    async fn write<T, F>(&self, now: UtcMicros, operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&Transaction<'_>, &WriteContext) -> Result<T> + Send + 'static,
    {
        let context = WriteContext {
            now,
            wall: codec::wall_text(self.options.zone.to_wall(now)).into(),
            zone: self.options.zone.clone(),
            owner: self.options.instance.clone(),
            sequences: self.sequences,
        };
        self.writer
            .write(move |transaction| operation(transaction, &context))
            .await
    }

    fn list<T, F>(&self, operation: F) -> Pages<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut PageWriter<T>) -> Result<()> + Send + 'static,
    {
        let (writer, pages) = pages::pages(self.list_limits);
        self.readers.list(writer, operation);
        pages
    }
}

/// Readers first: the connection that is closed last copies the log into the file, and a reader cannot write.
fn close(readers: &Readers, writer: &Writer) {
    readers.close();
    writer.end();
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        close(&self.readers, &self.writer);
    }
}

fn state(connection: &Connection, name: &str) -> Result<i64> {
    let mut statement = connection.prepare_cached("SELECT value FROM scheduler_state WHERE name = ?1")?;
    Ok(statement
        .query_row([name], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}

fn set_state(connection: &Connection, name: &str, value: i64) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO scheduler_state (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?
        .execute((name, value))?;
    Ok(())
}
