//! The write-ahead log (`-wal`): when it is checkpointed, that is, its pages are copied into the database file. It stays
//! bounded while the service runs, and after a stop there is none (S16).
//!
//! The log restarts from its beginning only when all of it has been copied and no reader uses it. Where lists are read all
//! the time that never happens by itself, and the log grew without bound (495 MB within 20 s). So:
//!
//! ```text
//!  pages in the log
//!  ≥ full           checkpoint: all of it is copied, unless a reader uses an older snapshot
//!                   one does ─▶ barrier: new reads wait, present ones end within `patience`
//!                                 ├─ they ended ─▶ checkpoint the rest; the next commit restarts the log
//!                                 └─ they did not ─▶ let them go on; try again after `step` more pages
//!  ≥ most           as before, but lists that have not ended break off with an error
//! ```
//! The writer commits meanwhile; it never waits for a reader. Readers of other processes (`backup`, a shell) cannot be made
//! to wait: while one of them keeps a snapshot the log grows, and a warning says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use tokio::runtime::Handle;

use super::readers::{Barrier, Readers};
use crate::store::{Result, StoreError};

/// The bytes of a page in the log.
const PAGE: i64 = 4_096 + 24;

/// How long the last checkpoint waits for readers of other processes.
const LAST: Duration = Duration::from_secs(1);

/// How much the log may hold, in pages, and how long reads may delay its restart.
#[derive(Debug, Clone, Copy)]
pub struct LogLimits {
    /// From so many pages on it is checkpointed, the only long pause of the writer.
    pub full: i64,
    /// Where readers prevented the restart, it is tried again after so many pages more.
    pub step: i64,
    /// From so many pages on a list that prevents the restart breaks off.
    pub most: i64,
    /// How long a barrier waits for reads to end. A short read takes milliseconds, a list of 100,000 jobs a quarter of a
    /// second. Less than the time that a list waits for its permit.
    pub patience: Duration,
}

/// 82, 16 and 264 MB.
impl Default for LogLimits {
    fn default() -> Self {
        Self {
            full: 20_000,
            step: 4_000,
            most: 64_000,
            patience: Duration::from_secs(2),
        }
    }
}

/// The state of the log, kept by the writer's thread.
pub(super) struct Log {
    limits: LogLimits,
    readers: Readers,
    /// Where barriers are awaited. Without a runtime there are no reads either.
    runtime: Option<Handle>,
    /// With so many pages the next checkpoint is made.
    next: i64,
    /// The pages after the last commit, also for the task that awaits a barrier.
    pages: Arc<AtomicI64>,
    /// A barrier is awaited or held.
    barred: Arc<AtomicBool>,
    /// The warning about other processes has been logged.
    warned: bool,
}

/// A barrier on its way to the writer's thread. No read is under way until it is dropped.
pub(super) struct Barred {
    _barrier: Barrier,
    _over: Over,
}

/// Allows the next barrier, however this one ends.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Log {
    /// The log of the writer's connection. To be called within the runtime on which reads run.
    pub(super) fn new(connection: &mut Connection, readers: Readers, limits: LogLimits) -> Result<Self> {
        let pages = Arc::new(AtomicI64::new(0));
        let committed = Arc::clone(&pages);
        connection.wal_hook(Some(move |_: &mut Wal, pages| {
            committed.store(i64::from(pages), Ordering::Relaxed);
            Ok(())
        }))?;
        // A log file that has grown beyond is cut to this size when the log restarts.
        connection.pragma_update_and_check(None, "journal_size_limit", limits.full * PAGE, |_| Ok(()))?;
        Ok(Self {
            limits,
            readers,
            runtime: Handle::try_current().ok(),
            next: limits.full,
            pages,
            barred: Arc::default(),
            warned: false,
        })
    }

    /// Looks at the log between two transactions. Where readers prevent the restart, a barrier is awaited elsewhere and
    /// given to `deliver`, for [`restart`](Self::restart).
    pub(super) fn look<F>(&mut self, connection: &Connection, deliver: F)
    where
        F: FnOnce(Barred) + Send + 'static,
    {
        let pages = self.pages.load(Ordering::Relaxed);
        let LogLimits {
            full,
            step,
            most,
            patience,
        } = self.limits;
        if pages < full {
            self.next = full;
            self.warned = false;
        }
        if pages < self.next {
            return;
        }
        self.next = pages + step;
        let Some(size) = warned(checkpoint(connection, "PASSIVE")) else {
            return;
        };
        // The next commit restarts the log, unless a reader uses it still: then it comes to another step.
        if size.is_copied() && pages < full + step {
            return;
        }
        let Some(runtime) = &self.runtime else { return };
        if self.barred.swap(true, Ordering::AcqRel) {
            return;
        }
        let (readers, over) = (self.readers.clone(), Over(Arc::clone(&self.barred)));
        let pages = Arc::clone(&self.pages);
        runtime.spawn(async move {
            let must = || pages.load(Ordering::Relaxed) >= most;
            if let Some(barrier) = readers.barrier(patience, must).await {
                deliver(Barred {
                    _barrier: barrier,
                    _over: over,
                });
            }
        });
    }

    /// Copies what is left, so that the next commit restarts the log.
    pub(super) fn restart(&mut self, connection: &Connection, barred: Barred) {
        let size = warned(checkpoint(connection, "PASSIVE"));
        drop(barred);
        if let Some(size) = size.filter(|size| !size.is_copied() && size.pages >= self.limits.most)
            && !std::mem::replace(&mut self.warned, true)
        {
            tracing::warn!(
                megabytes = size.pages * PAGE / 1_000_000,
                "the write-ahead log grows: another process has been reading the database for long (a backup, a shell)"
            );
        }
    }
}

/// What the log holds.
#[derive(Debug, Clone, Copy)]
struct Size {
    pages: i64,
    /// So many of them are in the file.
    copied: i64,
    /// Another connection was in the way.
    busy: bool,
}

impl Size {
    fn is_copied(self) -> bool {
        !self.busy && self.copied >= self.pages
    }
}

fn checkpoint(connection: &Connection, mode: &str) -> Result<Size> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    let size = statement.query_row([], |row| {
        Ok(Size {
            busy: row.get(0)?,
            pages: row.get(1)?,
            copied: row.get(2)?,
        })
    })?;
    Ok(size)
}

/// A checkpoint that fails loses nothing: the log stays valid, and the next step tries again.
fn warned(size: Result<Size>) -> Option<Size> {
    size.inspect_err(|error| tracing::warn!(%error, "the write-ahead log could not be checkpointed"))
        .ok()
}

/// Closes the writer's connection, the last one of this process: the file alone is whole then, without a log (S16).
pub(super) fn close(connection: Connection) {
    let last = connection
        .busy_timeout(LAST)
        .map_err(StoreError::from)
        .and_then(|()| checkpoint(&connection, "TRUNCATE"));
    if warned(last).is_some_and(|size| size.busy) {
        tracing::warn!(
            "another process reads the database, so a part of it stays in the write-ahead log beside the file (-wal): a copy \
             of the file needs both"
        );
    }
    // An error of closing has been logged as one of the checkpoint; the next process that opens the file copies the rest.
    let _ = connection.close();
}
