//! The one writer of the SQLite file: a thread that owns the connection and commits in groups.
//!
//! Each operation is a closure over the open transaction. The thread takes all that wait, runs each in a savepoint
//! of its own (a failing one undoes only itself), commits once, and only then answers anybody. So one flush to the
//! disk serves every operation that arrived while the flush before it ran, and no answer precedes its durability.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::unavailable;
use crate::store::{Result, StoreError};

/// At most so many operations share a commit, so that the first of them does not wait without bound.
const GROUP: usize = 256;

/// Answers the caller once it is known whether the commit succeeded.
type Reply = Box<dyn FnOnce(Option<&StoreError>) + Send>;
/// Runs the operation, if there is a transaction for it, and leaves its answer for after the commit.
type Work = Box<dyn FnOnce(Option<&Transaction<'_>>) -> Reply + Send>;

/// A handle on the writer thread. The thread ends when the handle is dropped, after the work it was given.
pub(super) struct Writer {
    queue: Option<Sender<Work>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self> {
        let (queue, work) = channel();
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || serve(connection, &work))
            .map_err(|error| StoreError::Other(format!("the writer thread does not start: {error}")))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Runs an operation in a transaction of its own (as far as anybody can tell) and waits for its commit.
    pub(super) async fn write<T, F>(&self, operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |transaction| {
            let outcome = transaction.map(|transaction| in_savepoint(transaction, operation));
            Box::new(move |failure| {
                let outcome = match (failure, outcome) {
                    (None, Some(outcome)) => outcome,
                    (Some(error), _) => Err(unavailable(error)),
                    (None, None) => Err(StoreError::Other("committed without a transaction".into())),
                };
                // A caller that no longer waits has given up its request; the work is done all the same.
                let _ = answer.send(outcome);
            })
        });
        let gone = || StoreError::Unavailable("the database writer has stopped".into());
        self.queue
            .as_ref()
            .ok_or_else(gone)?
            .send(work)
            .map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // It ends as soon as its queue is empty; a panic in it has been reported by its hook.
            let _ = thread.join();
        }
    }
}

fn serve(mut connection: Connection, queue: &Receiver<Work>) {
    while let Ok(first) = queue.recv() {
        let group: Vec<Work> = std::iter::once(first)
            .chain(queue.try_iter().take(GROUP - 1))
            .collect();
        let (replies, error) = commit(&mut connection, group);
        for reply in replies {
            reply(error.as_ref());
        }
    }
}

fn commit(connection: &mut Connection, group: Vec<Work>) -> (Vec<Reply>, Option<StoreError>) {
    match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => {
            let replies = group.into_iter().map(|work| work(Some(&transaction))).collect();
            crate::crash::point("commit.before");
            let committed = transaction.commit().map_err(StoreError::from);
            crate::crash::point("commit.after");
            (replies, committed.err())
        }
        // Nothing ran, and each caller learns why.
        Err(error) => (
            group.into_iter().map(|work| work(None)).collect(),
            Some(error.into()),
        ),
    }
}

fn in_savepoint<T>(
    transaction: &Transaction<'_>,
    operation: impl FnOnce(&Transaction<'_>) -> Result<T>,
) -> Result<T> {
    transaction.execute_batch("SAVEPOINT operation")?;
    let outcome = catch_unwind(AssertUnwindSafe(|| operation(transaction))).unwrap_or_else(|_| {
        Err(StoreError::Other(
            "an operation of the store panicked; see the log".into(),
        ))
    });
    transaction.execute_batch(match outcome {
        Ok(_) => "RELEASE operation",
        Err(_) => "ROLLBACK TO operation; RELEASE operation",
    })?;
    outcome
}
