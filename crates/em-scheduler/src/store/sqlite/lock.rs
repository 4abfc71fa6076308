//! One process per SQLite file: an advisory lock on a file beside it, held until the process ends however it ends.
//! That is also the proof that whoever held runs before is dead.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::store::{Result, StoreError};

/// Held as long as the value lives.
#[derive(Debug)]
pub(super) struct InstanceLock {
    _file: File,
}

impl InstanceLock {
    /// Takes the lock of the database at `database`.
    ///
    /// # Errors
    /// Another process holds it (named by its pid), or the file beside the database cannot be written.
    pub(super) fn take(database: &Path) -> Result<Self> {
        let path = beside(database);
        let unwritable = |error: std::io::Error| {
            StoreError::Unusable(format!("the lock file {}: {error}", path.display()))
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)
                    .and_then(|()| file.seek(SeekFrom::Start(0)))
                    .map_err(unwritable)?;
                writeln!(file, "{}", std::process::id()).map_err(unwritable)?;
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder's number is a courtesy; without it the refusal stands.
                let _ = file.read_to_string(&mut holder);
                let holder = holder.trim();
                let holder = if holder.is_empty() {
                    "another process".into()
                } else {
                    format!("process {holder}")
                };
                Err(StoreError::Held(format!(
                    "the database {} is in use by {holder}: an SQLite file serves one scheduler at a time (several \
                     share a PostgreSQL database)",
                    database.display()
                )))
            }
            Err(TryLockError::Error(error)) => Err(unwritable(error)),
        }
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}
