//! A pass of `job_sync` under way: first the store finds out, beside the loop, which tasks may have to change, then they
//! are compared and changed a page at a time, each page one step of the loop. Where the store does not know, the pages go
//! through all tasks.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};

use super::sync::Pass;
use crate::model::TaskId;
use crate::store::{Result, Store, StoreError, SyncRange};

/// Tasks compared and changed in one step.
const PAGE: usize = 1_000;

/// A pass, and what is left of it.
#[derive(Debug)]
pub(super) struct Syncing {
    pass: Arc<Pass>,
    left: Left,
    changed: usize,
}

#[derive(Debug)]
enum Left {
    /// It is being found out.
    Finding(JoinHandle<Found>),
    /// All tasks after this one.
    After(Option<TaskId>),
    /// These, but for so many of them that are done.
    Of(Vec<TaskId>, usize),
}

/// The tasks that may have to change, as the store tells them.
type Found = Result<Option<Vec<TaskId>>>;

impl Syncing {
    /// Begins a pass.
    pub(super) fn begin(pass: Pass, store: &Arc<dyn Store>) -> Self {
        Self {
            left: find(&pass, store),
            pass: Arc::new(pass),
            changed: 0,
        }
    }

    /// Whether a page is to be done, and no longer waited for what is to be found out.
    pub(super) fn has_page(&self) -> bool {
        !matches!(&self.left, Left::Finding(finding) if !finding.is_finished())
    }

    /// The next page, or, while it is being found out, nothing after so many microseconds. Answers whether the pass has
    /// ended.
    ///
    /// # Errors
    /// What failed is done again by the next step.
    pub(super) async fn step(&mut self, store: &Arc<dyn Store>, longest_wait: i64) -> Result<bool> {
        if let Left::Finding(finding) = &mut self.left {
            let longest = Duration::from_micros(longest_wait.unsigned_abs());
            let Ok(found) = tokio::time::timeout(longest, finding).await else {
                return Ok(false);
            };
            self.left = match found.unwrap_or_else(|panic| Err(panicked(&panic))) {
                Ok(Some(tasks)) => Left::Of(tasks, 0),
                Ok(None) => Left::After(None),
                Err(error) => {
                    self.left = find(&self.pass, store);
                    return Err(error);
                }
            };
        }
        let range = match &self.left {
            Left::After(after) => SyncRange::After(*after, PAGE),
            Left::Of(tasks, done) => SyncRange::Of(tasks.iter().skip(*done).take(PAGE).copied().collect()),
            Left::Finding(_) => return Ok(false),
        };
        let planner = Arc::clone(&self.pass);
        let plan = Arc::new(move |task: &_| planner.plan(task));
        let page = store.sync_page(store.now(), range, plan).await?;
        self.changed += page.changed;
        let Some(last) = page.last else {
            self.ended(store).await?;
            return Ok(true);
        };
        match &mut self.left {
            Left::After(after) => *after = Some(last),
            Left::Of(_, done) => *done += PAGE,
            Left::Finding(_) => {}
        }
        Ok(false)
    }

    async fn ended(&mut self, store: &Arc<dyn Store>) -> Result<()> {
        if self.pass.first_ever {
            store.set_synced(store.now()).await?;
        }
        if self.changed > 0 {
            tracing::info!(tasks = self.changed, "job_sync brought tasks and jobs in line");
        }
        Ok(())
    }

    /// Gives the pass up. Awaited, so that nothing of it holds the store afterwards.
    pub(super) async fn end(self) {
        if let Left::Finding(finding) = self.left {
            finding.abort();
            let _ = finding.await;
        }
    }
}

fn find(pass: &Pass, store: &Arc<dyn Store>) -> Left {
    let (store, rules) = (Arc::clone(store), pass.rules.clone());
    Left::Finding(tokio::spawn(async move {
        store.find_differing(store.now(), rules).await
    }))
}

fn panicked(error: &JoinError) -> StoreError {
    StoreError::Other(format!("job_sync could not find out what differs: {error}"))
}
