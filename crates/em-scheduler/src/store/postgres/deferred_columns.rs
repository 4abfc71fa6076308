//! What could not be written into `task` because somebody else held the row. em_web may keep a row locked as long as
//! it likes; the scheduler's own work must not wait for that, so it remembers and writes when the row is free.
//!
//! Kept in memory: who dies meanwhile leaves an old status or time standing, never a wrong decision.

use std::collections::BTreeSet;

use crate::model::TaskId;

/// Columns deferred, by task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DeferredColumns {
    /// `task.status_id` is to be 2.
    pub(super) status: BTreeSet<TaskId>,
    /// `task.next_run` is to be published.
    pub(super) next_run: BTreeSet<TaskId>,
}

impl DeferredColumns {
    /// Takes over how one operation, which began with `before`, left what is deferred. Others may have done so since.
    pub(super) fn changed(&mut self, before: &Self, after: Self) {
        for (ours, before, after) in [
            (&mut self.status, &before.status, after.status),
            (&mut self.next_run, &before.next_run, after.next_run),
        ] {
            ours.retain(|task| !before.contains(task) || after.contains(task));
            ours.extend(after.difference(before));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debts_of_operations_at_the_same_time_add_up() {
        let deferring = |tasks: &[TaskId]| DeferredColumns {
            status: tasks.iter().copied().collect(),
            ..DeferredColumns::default()
        };
        let mut all = deferring(&[1, 2]);
        let before = all.clone();
        // One pays 1 and incurs 3, the other pays 2 and incurs 4.
        all.changed(&before, deferring(&[2, 3]));
        all.changed(&before, deferring(&[1, 4]));
        assert_eq!(all, deferring(&[3, 4]));
    }
}
