//! A consistent copy of a database file, made by another process while the service reads and writes it.

use std::path::Path;

use rusqlite::Connection;

use super::connect::{self, Role};
use crate::store::{Result, StoreError};

/// A copy about to be made. It needs no lock on the file.
#[derive(Debug)]
pub struct Copying {
    connection: Connection,
}

impl Copying {
    /// Of the file at this path.
    ///
    /// # Errors
    /// It is not there, cannot be read, or is no database.
    pub fn of(path: &Path) -> Result<Self> {
        Ok(Self {
            connection: connect::open(path, Role::Copier)?,
        })
    }

    /// A function that ends the copying from another thread, with an error.
    pub fn stopper(&self) -> impl Fn() + Send + 'static {
        let handle = self.connection.get_interrupt_handle();
        move || handle.interrupt()
    }

    /// Writes the copy into a file that is empty or does not exist. Everything committed before is in it. It has no log, and
    /// it is not flushed.
    ///
    /// # Errors
    /// A file cannot be read or written, or the copying was stopped. What was written is useless then.
    pub fn write(self, to: &Path) -> Result<()> {
        let to = to
            .to_str()
            .ok_or_else(|| StoreError::Other("SQLite knows no path that is not UTF-8 text".into()))?;
        // One statement, and so one snapshot. Until it ends, the write-ahead log cannot restart and keeps what is written
        // meanwhile.
        self.connection.execute("VACUUM INTO ?1", [to])?;
        Ok(())
    }
}
