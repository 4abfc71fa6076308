//! A long list, page by page: read while it is asked for, so that a million rows are never in memory at once.
//!
//! The reading side of the store fills pages and waits where nobody asks for the next one; whoever loses interest drops the
//! list, and the reading ends. Used by what goes through all jobs.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;

use super::{Result, StoreError};
use crate::clock::Stopwatch;

/// Items of a page.
const SIZE: usize = 250;
/// Pages that may wait to be asked for.
const AHEAD: usize = 2;

/// How long a list may take, or it breaks off: behind it stand a connection and a snapshot of the database.
#[derive(Debug, Clone, Copy)]
pub struct ListLimits {
    /// Whoever reads it takes each page within this time,
    pub page: Duration,
    /// and the whole of it within this.
    pub whole: Duration,
}

impl Default for ListLimits {
    fn default() -> Self {
        Self {
            page: Duration::from_secs(5),
            whole: Duration::from_secs(120),
        }
    }
}

/// The reader's end.
#[derive(Debug)]
pub struct Pages<T> {
    parts: Receiver<Result<Part<T>>>,
    ended: bool,
}

/// The writer's end. Dropped without having ended the list, it leaves one that is told to have broken off.
pub(super) struct PageWriter<T> {
    parts: Sender<Result<Part<T>>>,
    page: Vec<T>,
    limits: ListLimits,
    began: Stopwatch,
    /// Tells that it must break off.
    ending: Option<BreakOff>,
}

/// Tells the lists that listen that they must break off, and why.
pub(super) type BreakOff = watch::Receiver<Option<&'static str>>;

#[derive(Debug)]
enum Part<T> {
    Page(Vec<T>),
    /// What came before is the whole list.
    End,
}

/// Both ends of a list.
pub(super) fn pages<T>(limits: ListLimits) -> (PageWriter<T>, Pages<T>) {
    let (sender, receiver) = channel(AHEAD);
    let writer = PageWriter {
        parts: sender,
        page: Vec::new(),
        limits,
        began: Stopwatch::start(),
        ending: None,
    };
    let pages = Pages {
        parts: receiver,
        ended: false,
    };
    (writer, pages)
}

impl<T> Pages<T> {
    /// The next page; none after the last. No page is empty.
    ///
    /// # Errors
    /// The list cannot be read to its end. What came before is not the whole of it.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>> {
        if self.ended {
            return Ok(None);
        }
        match self.parts.recv().await {
            Some(Ok(Part::Page(page))) => Ok(Some(page)),
            Some(Ok(Part::End)) => {
                self.ended = true;
                Ok(None)
            }
            Some(Err(error)) => Err(error),
            None => Err(StoreError::Other("a list broke off while it was read".into())),
        }
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
        let (sender, parts) = channel(AHEAD);
        for part in [Part::Page(list), Part::End] {
            if !matches!(&part, Part::Page(page) if page.is_empty()) {
                // There is room for two, and nobody else has put any there.
                let _ = sender.try_send(Ok(part));
            }
        }
        Self { parts, ended: false }
    }
}

impl<T> PageWriter<T> {
    /// From now on the list breaks off, at the end of a page or while one waits to be taken, when this tells so.
    pub(super) fn listen(&mut self, ending: BreakOff) {
        self.ending = Some(ending);
    }

    /// Adds an item, from a thread that may wait for others.
    pub(super) fn put_blocking(&mut self, item: T) -> Result<()> {
        match self.fill(item) {
            Some(page) => Handle::current().block_on(self.send(page)),
            None => Ok(()),
        }
    }

    /// Adds an item.
    pub(super) async fn put(&mut self, item: T) -> Result<()> {
        match self.fill(item) {
            Some(page) => self.send(page).await,
            None => Ok(()),
        }
    }

    /// Ends the list: it is whole, or it broke off for this reason.
    pub(super) async fn end(mut self, outcome: Result<()>) {
        let last = std::mem::take(&mut self.page);
        let outcome = match outcome {
            Ok(()) if last.is_empty() => Ok(()),
            // No snapshot is in use any more, so nothing hurries the reader.
            Ok(()) => send(&self.parts, last, self.limit()).await,
            failed => failed,
        };
        // Whoever has lost interest, or does not read, misses nothing.
        let told = self.parts.send(outcome.map(|()| Part::End));
        let _ = tokio::time::timeout(self.limit(), told).await;
    }

    fn fill(&mut self, item: T) -> Option<Vec<T>> {
        self.page.push(item);
        (self.page.len() == SIZE).then(|| std::mem::take(&mut self.page))
    }

    async fn send(&mut self, page: Vec<T>) -> Result<()> {
        let limit = self.limit();
        tokio::select! {
            biased;
            why = told(&mut self.ending) => Err(StoreError::Unavailable(why.into())),
            sent = send(&self.parts, page, limit) => sent,
        }
    }

    /// How long the whole list may take.
    pub(super) fn whole(&self) -> Duration {
        self.limits.whole
    }

    /// How long the next page may wait to be taken.
    fn limit(&self) -> Duration {
        let passed = Duration::from_micros(self.began.micros().unsigned_abs());
        self.limits.page.min(self.limits.whole.saturating_sub(passed))
    }
}

async fn send<T>(parts: &Sender<Result<Part<T>>>, page: Vec<T>, limit: Duration) -> Result<()> {
    match tokio::time::timeout(limit, parts.send(Ok(Part::Page(page)))).await {
        Ok(sent) => sent.map_err(|_| unread()),
        Err(_) => Err(StoreError::Unavailable("a list was not read in time".into())),
    }
}

/// Waits until the list must break off; returns why.
async fn told(ending: &mut Option<BreakOff>) -> &'static str {
    let Some(ending) = ending else {
        return std::future::pending().await;
    };
    match ending.wait_for(Option::is_some).await.as_deref() {
        Ok(Some(why)) => why,
        Ok(None) | Err(_) => "the database is closed",
    }
}

/// Ends a reading that nobody waits for; nobody is told.
fn unread() -> StoreError {
    StoreError::Other("nobody reads the list any more".into())
}
