//! One process per SQLite file: an advisory lock on a file beside it, held until the process ends however it ends.
//! That is also the proof that whoever held runs before is dead.
//!
//! The lock file stays when the lock is given up, except after a start that was refused: that one removes the file if it
//! created it. So a path may name another file by the time it is locked, and the lock counts only if the path still names
//! the locked file (compared by inode).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::files;
use crate::store::{Result, StoreError};

/// How often a file that was removed meanwhile is opened anew.
const TRIES: usize = 100;

/// Held as long as the value lives.
#[derive(Debug)]
pub(super) struct InstanceLock {
    file: File,
    path: PathBuf,
    /// This start created the file.
    made: bool,
}

impl InstanceLock {
    /// Takes the lock of the database at `database`.
    ///
    /// # Errors
    /// Another process holds it (named by its pid), or the file beside the database cannot be written.
    pub(super) fn take(database: &Path) -> Result<Self> {
        let path = files::beside(database, ".lock");
        let unwritable =
            |error: io::Error| StoreError::Unusable(format!("the lock file {}: {error}", path.display()));
        for _ in 0..TRIES {
            let (file, made) = open(&path).map_err(unwritable)?;
            let mut lock = Self {
                file,
                path: path.clone(),
                made,
            };
            match lock.file.try_lock() {
                Ok(()) if lock.is_by_its_name().map_err(unwritable)? => {
                    lock.sign().map_err(unwritable)?;
                    return Ok(lock);
                }
                // The start that held it before was refused and removed it.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(held(database, lock.file)),
                Err(TryLockError::Error(error)) => return Err(unwritable(error)),
            }
        }
        Err(unwritable(io::Error::other(
            "it is created and removed again and again",
        )))
    }

    /// Gives it up after a start that was refused, and removes the file if this start created it.
    pub(super) fn abandon(self) {
        if self.made {
            // The lock is still held, and a process that has opened the file meanwhile compares inodes. Where the removal
            // fails, a file with a number in it stays, which does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Whether the path still names the locked file.
    fn is_by_its_name(&self) -> io::Result<bool> {
        let ours = self.file.metadata()?;
        match fs::metadata(&self.path) {
            Ok(named) => Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes the id of this process into it.
    fn sign(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        writeln!(self.file, "{}", std::process::id())
    }
}

/// The file, and whether it was not there before.
fn open(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(files::MODE);
    match options.clone().create_new(true).open(path) {
        Ok(file) => Ok((file, true)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Where it was removed meanwhile, it is created all the same.
            Ok((options.create(true).truncate(false).open(path)?, false))
        }
        Err(error) => Err(error),
    }
}

fn held(database: &Path, mut file: File) -> StoreError {
    let mut holder = String::new();
    // The holder's number is a courtesy; without it the refusal stands.
    let _ = file.read_to_string(&mut holder);
    let holder = holder.trim();
    let holder = if holder.is_empty() {
        "another process".into()
    } else {
        format!("process {holder}")
    };
    StoreError::Held(format!(
        "the database {} is in use by {holder}: an SQLite file serves one scheduler at a time (several share a \
         PostgreSQL database)",
        database.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("em.db");
        let lock = files::beside(&database, ".lock");
        (folder, database, lock)
    }

    #[test]
    fn a_refused_start_removes_the_lock_file_that_it_made_and_no_other() {
        let (_folder, database, path) = database();
        InstanceLock::take(&database).unwrap().abandon();
        assert!(!path.exists());
        drop(InstanceLock::take(&database).unwrap());
        assert!(path.exists(), "it stays after a start that was not refused");
        InstanceLock::take(&database).unwrap().abandon();
        assert!(path.exists(), "another start made it");
    }

    #[test]
    fn a_lock_on_a_file_that_was_removed_is_none() {
        let (_folder, database, path) = database();
        let first = InstanceLock::take(&database).unwrap();
        // One that opened it before it was removed, and locks it after.
        let (late, made) = open(&path).unwrap();
        first.abandon();
        let late = InstanceLock {
            file: late,
            path: path.clone(),
            made,
        };
        late.file.try_lock().unwrap();
        assert!(!late.is_by_its_name().unwrap());
        let second = InstanceLock::take(&database).unwrap();
        assert!(second.is_by_its_name().unwrap());
        assert!(!late.is_by_its_name().unwrap(), "another file has the name now");
    }

    #[test]
    fn of_many_starts_that_are_refused_or_not_one_at_a_time_holds_the_name() {
        let (_folder, database, path) = database();
        let holders = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for start in 0..8 {
                let (database, path, holders) = (&database, &path, &holders);
                scope.spawn(move || {
                    for round in 0..500 {
                        let Ok(lock) = InstanceLock::take(database) else {
                            continue;
                        };
                        let before = holders.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        assert_eq!(before, 0, "two hold it");
                        assert!(path.exists());
                        holders.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        if (start + round) % 3 == 0 {
                            lock.abandon();
                        }
                    }
                });
            }
        });
    }
}
