//! Handles: which runs are here, which handle of each counts, and which of them were withdrawn. Plain data.

use std::collections::{HashMap, HashSet};

use crate::model::{RunKey, SendableRun};

#[derive(Debug, Default)]
pub(super) struct Handles {
    /// Each run that is here, and the fence of its newest handle: a run that was taken from us may have come back while an older
    /// handle waits or is in flight. Only the newest one counts.
    pub(super) newest: HashMap<RunKey, i64>,
    /// Runs of deleted jobs: they never leave, also if they are handed over later.
    pub(super) withdrawn: HashSet<RunKey>,
}

impl Handles {
    /// Notes a run.
    pub(super) fn note(&mut self, run: &SendableRun) {
        let newest = self.newest.entry(run.key).or_insert(run.fence);
        *newest = run.fence.max(*newest);
    }

    /// Whether a run is here of which this handle, or its request, is the newest.
    pub(super) fn counts(&self, run: &SendableRun) -> bool {
        let newest = self.newest.get(&run.key);
        newest.is_some_and(|newest| *newest <= run.fence)
    }

    /// Forgets a run whose outcome is durable, or that is not ours any more; unless it has come back since.
    pub(super) fn forget(&mut self, run: &SendableRun) {
        if self.counts(run) {
            self.newest.remove(&run.key);
            self.withdrawn.remove(&run.key);
        }
    }

    /// Forgets the withdrawn runs that are not here: they had ended before they were withdrawn, or another process has them.
    pub(super) fn prune_withdrawn(&mut self) {
        self.withdrawn.retain(|run| self.newest.contains_key(run));
    }

    /// How many entries there are.
    pub(super) fn remembered(&self) -> usize {
        self.newest.len() + self.withdrawn.len()
    }
}
