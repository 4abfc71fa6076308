//! The files of a database: created for their owner alone, and removed by a start that created them and was refused.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The database holds names, schedules and the tasks' log. SQLite gives `-wal` and `-shm` the mode of the database file.
pub(super) const MODE: u32 = 0o600;

/// The rights of all other users.
const OTHERS: u32 = 0o007;

/// A file beside another.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// A database file that this start has created.
#[derive(Debug)]
pub(super) struct Made(PathBuf);

/// Creates the file, empty, where there is none. The caller holds the lock.
pub(super) fn make(path: &Path) -> io::Result<Option<Made>> {
    if path.exists() {
        // SQLite would open it to read, and leave files beside it with the mode of this one, which stay in the way of a user
        // who may write it later.
        return match OpenOptions::new().write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(io::Error::new(
                error.kind(),
                format!("it cannot be written: {error}"),
            )),
            // Whatever else is wrong with it, SQLite says.
            _ => Ok(None),
        };
    }
    // Not `create_new`: where the path is a link, its target is created.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .open(path)?;
    Ok(Some(Made(fs::canonicalize(path)?)))
}

impl Made {
    /// Removes it: the start was refused before anything was stored in it.
    pub(super) fn undo(self) {
        for path in [beside(&self.0, "-wal"), beside(&self.0, "-shm"), self.0] {
            // SQLite may not have created the last two.
            let _ = fs::remove_file(path);
        }
    }
}

/// Whether it is one by its first bytes, or empty.
fn is_database(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(16).read_to_end(&mut start));
    read.is_ok() && (start.is_empty() || start == b"SQLite format 3\0")
}

/// What to say where the file has other names: the lock is beside one of them.
pub(super) fn other_names(path: &Path) -> Option<String> {
    let names = fs::metadata(path).ok()?.nlink();
    (names > 1).then(|| {
        format!(
            "the database file {} has {names} names (hard links): a scheduler that is started by another of them would run \
             everything a second time",
            path.display()
        )
    })
}

/// What to say where other users can read or write the file, and how to change that. Its mode stays as it is: it may be
/// intended.
pub fn open_to_others(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || !is_database(path) {
        return None;
    }
    let mode = metadata.permissions().mode() & 0o777;
    let file = path.display();
    (mode & OTHERS != 0).then(|| {
        format!(
            "the database file {file} is open to every user of this machine (mode {mode:04o}); to close it: chmod o= {file} \
             {file}-*"
        )
    })
}
