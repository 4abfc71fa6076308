//! Publishing next runs into em_web's `task`, beside the loop and not in it.
//!
//! An update of `task` is dear (em_web has 38 indexes on it, and each gets a new entry: some 100 µs), and a task that
//! fires each second is one update a second. In the loop a page of them made every run late that came due meanwhile.
//! Here they are written in a task of their own, which rests four times as long as it works: firing comes first. So
//! each is published within a second while there are some 2,000 a second to write; beyond that they come later.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::clock::Stopwatch;
use crate::model::TaskId;
use crate::store::Store;

/// Microseconds from one beginning to the next.
const EVERY: i64 = 1_000_000;
/// Tasks published in one transaction.
const PAGE: usize = 200;
/// After a page the publisher rests for so many times what the page took.
const REST: u32 = 4;

/// The tasks whose next run may have changed, and those being written just now.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    waiting: BTreeSet<TaskId>,
    /// By the time that has passed, as the chores count it.
    at: i64,
    /// Answers the tasks it could not write.
    at_work: Option<JoinHandle<Vec<TaskId>>>,
}

impl Publisher {
    /// Notes tasks whose next run is to be published.
    pub(super) fn note(&mut self, tasks: Vec<TaskId>) {
        self.waiting.extend(tasks);
    }

    /// When it wants to be looked at, unless there is nothing to do.
    pub(super) fn wants(&self) -> Option<i64> {
        (self.at_work.is_some() || !self.waiting.is_empty()).then_some(self.at)
    }

    /// It wants nothing before then.
    pub(super) fn put_off(&mut self, later: i64) {
        self.at = self.at.max(later);
    }

    /// Ends what is being written; what has not been is found by the next job_sync.
    pub(super) async fn end(&mut self) {
        if let Some(work) = self.at_work.take() {
            work.abort();
            // Awaited, so that nothing of it holds the store when the loop has ended.
            let _ = work.await;
        }
    }

    /// Takes back what the last round could not write, and begins the next if its time has come.
    pub(super) async fn look(&mut self, passed: i64, store: &Arc<dyn Store>) {
        if self.wants().is_none_or(|at| at > passed) {
            return;
        }
        self.at = passed + EVERY;
        if let Some(ended) = self.at_work.take_if(|work| work.is_finished()) {
            // A panic in it has been reported by its hook; job_sync will find what it left.
            self.waiting.extend(ended.await.unwrap_or_default());
        }
        if self.at_work.is_none() && !self.waiting.is_empty() {
            let tasks = std::mem::take(&mut self.waiting).into_iter().collect();
            self.at_work = Some(tokio::spawn(publish(Arc::clone(store), tasks)));
        }
    }
}

async fn publish(store: Arc<dyn Store>, tasks: Vec<TaskId>) -> Vec<TaskId> {
    let mut left = Vec::new();
    for (place, page) in tasks.chunks(PAGE).enumerate() {
        let took = Stopwatch::start();
        match store.publish_next_runs(store.now(), page.to_vec()).await {
            Ok(held) => left.extend(held),
            Err(error) => {
                tracing::warn!(%error, "next runs could not be published; it is tried again");
                left.extend_from_slice(&tasks[place * PAGE..]);
                break;
            }
        }
        tokio::time::sleep(REST * Duration::from_micros(took.micros().unsigned_abs())).await;
    }
    left
}
