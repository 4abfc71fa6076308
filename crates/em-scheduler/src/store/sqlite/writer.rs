//! The one writer of the SQLite file: a thread that owns the connection and commits in groups.
//!
//! Each operation is a closure over the open transaction. The thread takes all that wait, runs them in one
//! transaction, commits once, and only then answers anybody. So one flush to the disk serves every operation that
//! arrived while the flush before it ran, and no answer precedes its durability.
//!
//! An operation keeps its own all-or-nothing: where one of a group fails, the whole group is undone and each is run
//! again in a transaction of its own, so that the failing one undoes only itself. (A savepoint for each would say the
//! same, but SQLite pays for it with every page: see docs/decisions/0002.)
//!
//! Between two transactions it looks at the log (see `log`). Its connection is the last to be closed, and the lock on
//! the file is given up after it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::error::unavailable;
use super::lock::InstanceLock;
use super::log::{self, Barred, Log};
use crate::store::{Result, StoreError};

/// At most so many operations share a commit, so that the first of them does not wait without bound.
const GROUP: usize = 256;

/// An operation and whoever waits for it.
trait Work: Send {
    /// Runs it; true if it succeeded. It may be run a second time, after the first was undone.
    fn run(&mut self, transaction: &Transaction<'_>) -> bool;

    /// Responds to the caller, once it is known whether the commit failed.
    fn answer(self: Box<Self>, failure: Option<&StoreError>);
}

struct Pending<T, F> {
    operation: F,
    outcome: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T, F> Work for Pending<T, F>
where
    T: Send,
    F: Fn(&Transaction<'_>) -> Result<T> + Send,
{
    fn run(&mut self, transaction: &Transaction<'_>) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.operation)(transaction))).unwrap_or_else(|_| {
            Err(StoreError::Other(
                "an operation of the store panicked; see the log".into(),
            ))
        });
        let succeeded = outcome.is_ok();
        self.outcome = Some(outcome);
        succeeded
    }

    fn answer(self: Box<Self>, failure: Option<&StoreError>) {
        let Self {
            operation,
            outcome,
            answer,
        } = *self;
        // Before the caller goes on: what the operation holds may be the last handle on the store.
        drop(operation);
        let outcome = match (outcome, failure) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(failure)) => Err(unavailable(failure)),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(StoreError::Other("an operation was never run".into())),
        };
        // A caller that no longer waits has given up its request; the work is done all the same.
        let _ = answer.send(outcome);
    }
}

/// What the thread is told.
enum Message {
    Work(Box<dyn Work>),
    /// No read is under way: the log can be restarted.
    Restart(Barred),
    /// No more messages follow.
    End,
}

/// A handle on the writer thread. The thread ends, after the work it was given, at [`end`](Self::end) or when the handle is
/// dropped. It closes its connection and then gives up the lock on the file.
pub(super) struct Writer {
    queue: Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, log: Log, lock: InstanceLock) -> Result<Self> {
        let (queue, messages) = channel();
        let again = queue.clone();
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || {
                serve(connection, log, (&messages, &again));
                // From here on another process may open the file.
                drop(lock);
            })
            .map_err(|error| StoreError::Other(format!("the writer thread does not start: {error}")))?;
        Ok(Self {
            queue,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Runs an operation in a transaction of its own (as far as anybody can tell) and waits for its commit. What it
    /// does outside the transaction it may do twice.
    pub(super) async fn write<T, F>(&self, operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work = Box::new(Pending {
            operation,
            outcome: None,
            answer,
        });
        let gone = || StoreError::Unavailable("the database is closed".into());
        self.queue.send(Message::Work(work)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Ends the thread after the work it was given, and waits for that. Operations that come later fail.
    pub(super) fn end(&self) {
        // Where the thread has ended there is nothing to tell.
        let _ = self.queue.send(Message::End);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Of an operation whose caller has gone, the thread itself may drop the last handle on the store.
        let itself = |thread: &JoinHandle<()>| thread.thread().id() == std::thread::current().id();
        if let Some(thread) = thread.filter(|thread| !itself(thread)) {
            // A panic in it has been reported by its hook.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(mut connection: Connection, mut log: Log, (queue, again): (&Receiver<Message>, &Sender<Message>)) {
    let mut ended = false;
    while !ended && let Ok(first) = queue.recv() {
        let mut group: Vec<Box<dyn Work>> = Vec::new();
        let mut barred = None;
        for message in std::iter::once(first).chain(queue.try_iter().take(GROUP - 1)) {
            match message {
                Message::Work(work) => group.push(work),
                Message::Restart(barrier) => barred = Some(barrier),
                Message::End => {
                    ended = true;
                    break;
                }
            }
        }
        if !group.is_empty() {
            carry_out(&mut connection, group);
            let again = again.clone();
            log.look(&connection, move |barrier| {
                // Fails only once this thread has ended, with the database closed.
                let _ = again.send(Message::Restart(barrier));
            });
        }
        if let Some(barrier) = barred {
            log.restart(&connection, barrier);
        }
    }
    log::close(connection);
}

fn carry_out(connection: &mut Connection, mut group: Vec<Box<dyn Work>>) {
    match commit(connection, &mut group) {
        Committed::Undone if group.len() > 1 => {
            for work in group {
                let mut alone = vec![work];
                let committed = commit(connection, &mut alone);
                answer(alone, &committed);
            }
        }
        committed => answer(group, &committed),
    }
}

/// How a transaction ended.
enum Committed {
    Yes,
    /// An operation failed: nothing of the group took effect.
    Undone,
    /// The database failed.
    Failed(StoreError),
}

fn commit(connection: &mut Connection, group: &mut [Box<dyn Work>]) -> Committed {
    let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => return Committed::Failed(error.into()),
    };
    if !group.iter_mut().all(|work| work.run(&transaction)) {
        // Dropping it rolls back.
        return Committed::Undone;
    }
    crate::crash::point("commit.before");
    let committed = transaction.commit();
    crate::crash::point("commit.after");
    match committed {
        Ok(()) => Committed::Yes,
        Err(error) => Committed::Failed(error.into()),
    }
}

fn answer(group: Vec<Box<dyn Work>>, committed: &Committed) {
    let failure = match committed {
        Committed::Yes | Committed::Undone => None,
        Committed::Failed(error) => Some(error),
    };
    for work in group {
        work.answer(failure);
    }
}
