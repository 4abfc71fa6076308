//! Opens a connection for each of its uses.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::store::Result;

/// What the writer keeps of the file in memory.
const WRITER_CACHE_KB: i64 = 32 * 1024;
/// What a reader keeps: what a list of 10,000 jobs goes back to again and again. A quarter of it made such lists half as fast.
const READER_CACHE_KB: i64 = 2 * 1024;

/// Statements that each keeps planned.
const STATEMENTS: usize = 64;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The only one that writes. It creates the file where there is none.
    Writer,
    /// Reads, in the process of the writer.
    Reader,
    /// Reads the whole file, in any process.
    Copier,
}

pub(super) fn open(path: &Path, role: Role) -> Result<Connection> {
    let connection = match role {
        Role::Writer => with(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        ),
        Role::Reader => with(path, OpenFlags::SQLITE_OPEN_READ_ONLY),
        // It only reads, but it may be the last to close the file, and a read-only connection would leave the log there.
        Role::Copier => with(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .or_else(|_| with(path, OpenFlags::SQLITE_OPEN_READ_ONLY)),
    }?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    match role {
        Role::Writer => set_up_writer(&connection)?,
        Role::Reader => connection.pragma_update(None, "cache_size", -READER_CACHE_KB)?,
        Role::Copier => {}
    }
    Ok(connection)
}

fn with(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

fn set_up_writer(connection: &Connection) -> Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // F12: what is written refers to tasks whose existence is checked in the same transaction. Were a row of task_status
    // deleted meanwhile, every event would be refused; so it is written all the same, and job_sync warns of it.
    connection.pragma_update(None, "foreign_keys", "OFF")?;
    // One plan per statement: to look at the values bound would mean to plan anew for each.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // What a statement must be able to undo is kept in memory, not in a file beside the database.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // The default of 2 MB is smaller than the indexes a burst touches.
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KB)?;
    // SQLite's own checkpoint would run at every commit beyond its limit, each time in vain while there are readers (see `log`).
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(())
}
