//! What permits, turns and standings go by. The rest of fairness knows no task.

use crate::model::TaskId;

/// Names whose run it is: runs of one key share their permits and their turn (D7, D10). Nothing else is read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FairnessKey(u64);

impl FairnessKey {
    /// Each task has one of its own.
    pub(super) fn of_task(task: TaskId) -> Self {
        Self(u64::from(task.cast_unsigned()))
    }

    /// The number: as close to others as the ids of tasks are.
    pub(super) fn get(self) -> u64 {
        self.0
    }
}
