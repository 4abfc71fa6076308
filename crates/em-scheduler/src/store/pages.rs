//! A long list, page by page: read while it is asked for, so that a million rows are never in memory at once.
//!
//! The reading side of the store fills pages and waits where nobody asks for the next one; whoever loses interest drops the
//! list, and the reading ends. Used by what goes through all jobs.

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{Result, StoreError};

/// Items of a page.
const SIZE: usize = 1_000;
/// Pages that may wait to be asked for.
const AHEAD: usize = 2;

/// The reader's end.
#[derive(Debug)]
pub struct Pages<T>(Receiver<Result<Vec<T>>>);

/// The writer's end.
pub(super) struct PageWriter<T> {
    pages: Sender<Result<Vec<T>>>,
    page: Vec<T>,
}

/// Both ends of a list.
pub(super) fn pages<T>() -> (PageWriter<T>, Pages<T>) {
    let (sender, receiver) = channel(AHEAD);
    let writer = PageWriter {
        pages: sender,
        page: Vec::new(),
    };
    (writer, Pages(receiver))
}

impl<T> Pages<T> {
    /// The next page; none after the last. No page is empty.
    ///
    /// # Errors
    /// The list cannot be read to its end. What came before is not the whole of it.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>> {
        self.0.recv().await.transpose()
    }

    /// All that is left, in memory.
    ///
    /// # Errors
    /// As for [`next`](Self::next).
    pub async fn all(mut self) -> Result<Vec<T>> {
        let mut all = Vec::new();
        while let Some(page) = self.next().await? {
            all.extend(page);
        }
        Ok(all)
    }
}

/// A list that is in memory already, for a store that stands before another.
impl<T> From<Vec<T>> for Pages<T> {
    fn from(list: Vec<T>) -> Self {
        let (sender, receiver) = channel(1);
        if !list.is_empty() {
            // There is room for one page, and nobody else has put any there.
            let _ = sender.try_send(Ok(list));
        }
        Self(receiver)
    }
}

impl<T> PageWriter<T> {
    /// Adds an item, from a thread that may wait.
    pub(super) fn put_blocking(&mut self, item: T) -> Result<()> {
        match self.fill(item) {
            Some(page) => self.pages.blocking_send(Ok(page)).map_err(|_| unread()),
            None => Ok(()),
        }
    }

    /// Adds an item.
    pub(super) async fn put(&mut self, item: T) -> Result<()> {
        match self.fill(item) {
            Some(page) => self.pages.send(Ok(page)).await.map_err(|_| unread()),
            None => Ok(()),
        }
    }

    /// Ends the list, from a thread that may wait.
    pub(super) fn end_blocking(self, outcome: Result<()>) {
        if let Some(last) = Self::last(self.page, outcome) {
            // Whoever has lost interest misses nothing.
            let _ = self.pages.blocking_send(last);
        }
    }

    /// Ends the list.
    pub(super) async fn end(self, outcome: Result<()>) {
        if let Some(last) = Self::last(self.page, outcome) {
            let _ = self.pages.send(last).await;
        }
    }

    fn fill(&mut self, item: T) -> Option<Vec<T>> {
        self.page.push(item);
        (self.page.len() == SIZE).then(|| std::mem::take(&mut self.page))
    }

    fn last(page: Vec<T>, outcome: Result<()>) -> Option<Result<Vec<T>>> {
        match outcome {
            Ok(()) if page.is_empty() => None,
            outcome => Some(outcome.map(|()| page)),
        }
    }
}

/// Ends a reading that nobody waits for; nobody is told.
fn unread() -> StoreError {
    StoreError::Other("nobody reads the list any more".into())
}
