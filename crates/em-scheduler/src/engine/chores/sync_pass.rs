//! A pass of `job_sync` under way: first the store finds out, beside the loop, which tasks may have to change, then they
//! are compared and changed a page at a time, each page one step of the loop. Where the store does not know, the pages go
//! through all tasks. Begun and stepped by `sync`.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::em_web::{Announced, Earlier, Pass};
use crate::model::TaskId;
use crate::store::{Result, Store, SyncRange};
use crate::wakeup::Bell;

/// Tasks compared and changed in one step.
const PAGE: usize = 1_000;

/// A pass, and what is left of it.
#[derive(Debug)]
pub(super) struct Syncing {
    pass: Pass,
    left: Left,
    changed: usize,
}

#[derive(Debug)]
enum Left {
    /// It is being found out.
    Finding(JoinHandle<FoundTasks>),
    /// All tasks after this one.
    After(Option<TaskId>),
    /// These, but for so many of them that are done.
    Of(Vec<TaskId>, usize),
}

/// The tasks that may have to change, as the store tells them.
type FoundTasks = Result<Option<Vec<TaskId>>>;

impl Syncing {
    /// Begins a pass. The bell is rung when there is something to do.
    pub(super) fn begin(pass: Pass, store: &Arc<dyn Store>, bell: Bell) -> Self {
        Self {
            left: find(&pass, store, bell),
            pass,
            changed: 0,
        }
    }

    /// Whether a page is to be done, and no longer waited for what is to be found out.
    pub(super) fn has_page(&self) -> bool {
        !matches!(&self.left, Left::Finding(finding) if !finding.is_finished())
    }

    /// The next page, or nothing while it is being found out. Returns whether the pass has ended.
    ///
    /// # Errors
    /// What failed is done again by the next step.
    pub(super) async fn step(&mut self, store: &Arc<dyn Store>) -> Result<bool> {
        if !self.has_page() {
            return Ok(false);
        }
        if let Left::Finding(finding) = &mut self.left {
            self.left = match finding.await {
                Ok(Ok(Some(tasks))) => Left::Of(tasks, 0),
                Ok(Ok(None)) => Left::After(None),
                Ok(Err(error)) => all_instead(&error),
                Err(panic) => all_instead(&panic),
            };
        }
        let range = match &self.left {
            Left::After(after) => SyncRange::After(*after, PAGE),
            Left::Of(tasks, done) => SyncRange::Of(tasks.iter().skip(*done).take(PAGE).copied().collect()),
            Left::Finding(_) => return Ok(false),
        };
        let served_before = match &self.pass.served_before {
            Some(earlier) => Some(Earlier {
                announced: announced(store, &range).await,
                ..earlier.clone()
            }),
            None => None,
        };
        // The time of the page, not of the pass, which may have begun long before a deletion (S12).
        let now = store.now();
        let planner = Pass {
            now,
            served_before,
            ..self.pass.clone()
        };
        let plan = Arc::new(move |task: &_| planner.plan(task));
        let page = store.sync_page(now, range, plan).await?;
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
        if self.pass.served_before.is_some() {
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

/// What the logs say of these tasks. The pass does not depend on it: it is the rhythm of few intervals.
async fn announced(store: &Arc<dyn Store>, range: &SyncRange) -> BTreeMap<TaskId, Announced> {
    store.announced(range).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the logs of tasks cannot be read; an interval may go on from the time of a delayed run");
        BTreeMap::new()
    })
}

fn find(pass: &Pass, store: &Arc<dyn Store>, bell: Bell) -> Left {
    let (store, rules) = (Arc::clone(store), pass.rules.clone());
    // Rung when this has ended, however it ends.
    let ring = RingAtEnd(bell);
    Left::Finding(tokio::spawn(async move {
        let _ring = ring;
        store.find_differing(store.now(), rules).await
    }))
}

struct RingAtEnd(Bell);

impl Drop for RingAtEnd {
    fn drop(&mut self) {
        self.0.ring();
    }
}

/// Where the database is away altogether, the first page will tell.
fn all_instead(error: &dyn std::fmt::Display) -> Left {
    tracing::warn!(%error, "job_sync could not find out which tasks differ; it goes through all of them");
    Left::After(None)
}
