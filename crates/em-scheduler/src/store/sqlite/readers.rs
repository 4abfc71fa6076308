//! The connections that only read, and how many of them work at a time.
//!
//! ```text
//!  short reads ─▶ READS permits ─┐
//!                                ├─▶ a connection, on a thread for blocking work ─▶ given back
//!  lists ───────▶ LISTS permits ─┘
//! ```
//! A read waits for its permit before it takes a thread, so there are never more threads and connections than permits.
//! That bounds the memory: each thread and each connection keeps some. All permits taken together are a barrier: reads that
//! began before it end, later ones wait, and while it is held no snapshot of the database is in use (see `log`).

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, watch};

use super::connect::{self, Role};
use crate::store::pages::PageWriter;
use crate::store::{Result, StoreError};

/// Short reads at a time.
const READS: u32 = 2;
/// Lists read at a time, and how long another one waits for its permit.
const LISTS: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the closing of the database waits for reads to end.
const CLOSING: Duration = Duration::from_secs(5);

/// Why a list ends early.
const CLOSED: &str = "the database is closed";
const IN_THE_WAY: &str =
    "a list broke off: it was read so slowly that the write-ahead log could not be checkpointed";

/// A handle on the readers; clones share them.
#[derive(Clone)]
pub(super) struct Readers(Arc<Shared>);

struct Shared {
    path: PathBuf,
    reads: Arc<Semaphore>,
    lists: Arc<Semaphore>,
    kept: Mutex<KeptReader>,
    given_back: Condvar,
    ending: watch::Sender<Option<&'static str>>,
}

/// The connections.
#[derive(Default)]
struct KeptReader {
    idle: Vec<Connection>,
    lent: usize,
    /// No further connection is opened, and what is given back is closed.
    closed: bool,
}

/// All permits: no read is under way while this is held.
pub(super) struct Barrier {
    _permits: [OwnedSemaphorePermit; 2],
}

impl Readers {
    /// Readers of the file; the first connection is open already.
    pub(super) fn new(path: PathBuf, first: Connection) -> Self {
        Self(Arc::new(Shared {
            path,
            reads: Arc::new(Semaphore::new(READS as usize)),
            lists: Arc::new(Semaphore::new(LISTS as usize)),
            kept: Mutex::new(KeptReader {
                idle: vec![first],
                ..KeptReader::default()
            }),
            given_back: Condvar::new(),
            ending: watch::Sender::new(None),
        }))
    }

    /// Reads something short.
    pub(super) async fn read<T, F>(&self, operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.0.reads).acquire_owned().await.map_err(closed)?;
        let readers = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            // The permit belongs to the work, not to the caller: the caller may give up before the work ends.
            let _permit = permit;
            readers.lend(operation)
        });
        reading
            .await
            .map_err(|error| StoreError::Other(format!("a read panicked: {error}")))?
    }

    /// Reads a list within one transaction, so that its pages fit together.
    pub(super) fn list<T, F>(&self, writer: PageWriter<T>, operation: F)
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut PageWriter<T>) -> Result<()> + Send + 'static,
    {
        // With a permit at hand the work begins here: the simulator lets no other task run while it waits for a page.
        if let Ok(permit) = Arc::clone(&self.0.lists).try_acquire_owned() {
            return self.read_list(permit, writer, operation);
        }
        let readers = self.clone();
        tokio::spawn(async move {
            match readers.permit_for_list().await {
                Ok(permit) => readers.read_list(permit, writer, operation),
                Err(error) => writer.end(Err(error)).await,
            }
        });
    }

    fn read_list<T, F>(&self, permit: OwnedSemaphorePermit, mut writer: PageWriter<T>, operation: F)
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut PageWriter<T>) -> Result<()> + Send + 'static,
    {
        writer.listen(self.0.ending.subscribe());
        let readers = self.clone();
        tokio::task::spawn_blocking(move || {
            // After a panic here the writer is dropped, which the reader sees as a list that broke off.
            let outcome = readers.lend(|connection| {
                let transaction = connection.unchecked_transaction()?;
                operation(&transaction, &mut writer)
            });
            // Given back before the last page is taken, which may last.
            drop(permit);
            Handle::current().block_on(writer.end(outcome));
        });
    }

    async fn permit_for_list(&self) -> Result<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.0.lists).acquire_owned();
        match tokio::time::timeout(PATIENCE, permit).await {
            Ok(permit) => permit.map_err(closed),
            Err(_) => Err(StoreError::Unavailable("too many lists are being read".into())),
        }
    }

    fn lend<T>(&self, operation: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let lent = LentReader::from(&self.0)?;
        operation(lent.connection())
    }

    /// Waits up to `quick` for all reads to end, while later ones wait, and keeps them waiting until it is dropped.
    /// Where lists have not ended by then and they `must`, they are told to break off. None where reads go on.
    pub(super) async fn barrier(&self, quick: Duration, must: impl Fn() -> bool) -> Option<Barrier> {
        // Lists first: short reads go on while lists are waited for.
        let mut lists = std::pin::pin!(Arc::clone(&self.0.lists).acquire_many_owned(LISTS));
        let ended = match tokio::time::timeout(quick, &mut lists).await {
            Ok(ended) => ended,
            Err(_) if must() => {
                self.0.swap_ending(None, Some(IN_THE_WAY));
                let ended = tokio::time::timeout(quick, lists).await;
                self.0.swap_ending(Some(IN_THE_WAY), None);
                ended.ok()?
            }
            Err(_) => return None,
        };
        let reads = Arc::clone(&self.0.reads).acquire_many_owned(READS);
        let reads = tokio::time::timeout(quick, reads).await.ok()?;
        Some(Barrier {
            _permits: [ended.ok()?, reads.ok()?],
        })
    }

    /// Closes all connections and waits, up to [`CLOSING`], for those that are lent. Every later read fails.
    pub(super) fn close(&self) {
        self.0.reads.close();
        self.0.lists.close();
        self.0.ending.send_replace(Some(CLOSED));
        let mut kept = self.0.kept();
        kept.closed = true;
        kept.idle.clear();
        let left = self
            .0
            .given_back
            .wait_timeout_while(kept, CLOSING, |kept| kept.lent > 0);
        let (kept, _) = left.unwrap_or_else(PoisonError::into_inner);
        if kept.lent > 0 {
            tracing::warn!(
                reads = kept.lent,
                "the database is closed while reads are under way"
            );
        }
    }
}

impl Shared {
    /// Changes what lists are told, unless it has changed meanwhile: the database may have been closed.
    fn swap_ending(&self, from: Option<&'static str>, to: Option<&'static str>) {
        self.ending.send_if_modified(|why| {
            let unchanged = *why == from;
            if unchanged {
                *why = to;
            }
            unchanged
        });
    }

    fn kept(&self) -> MutexGuard<'_, KeptReader> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is given back when dropped, also by a panic.
struct LentReader<'a> {
    shared: &'a Shared,
    connection: Option<Connection>,
}

impl<'a> LentReader<'a> {
    fn from(shared: &'a Shared) -> Result<Self> {
        let mut kept = shared.kept();
        if kept.closed {
            return Err(StoreError::Unavailable(CLOSED.into()));
        }
        kept.lent += 1;
        let mut lent = Self {
            shared,
            connection: kept.idle.pop(),
        };
        drop(kept);
        if lent.connection.is_none() {
            lent.connection = Some(connect::open(&shared.path, Role::Reader)?);
        }
        Ok(lent)
    }

    fn connection(&self) -> &Connection {
        self.connection
            .as_ref()
            .expect("it is there until it is given back")
    }
}

impl Drop for LentReader<'_> {
    fn drop(&mut self) {
        let mut kept = self.shared.kept();
        let connection = self.connection.take();
        if !kept.closed {
            kept.idle.extend(connection);
        } else if let Some(connection) = connection {
            // Closed before it counts as given back: the writer's connection must be the last.
            drop(connection);
        }
        kept.lent -= 1;
        self.shared.given_back.notify_all();
    }
}

fn closed(_: AcquireError) -> StoreError {
    StoreError::Unavailable(CLOSED.into())
}
