//! What the removal of a job does to its runs that are not final (S2).

use triggers::UtcMicros;

use crate::model::{Event, RunState, SkipReason};

/// What becomes of such a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// It has not left: it ends as `skipped`, for this reason, and the task's log is told so.
    Skips(SkipReason, Event),
    /// It may have left: it ends by itself and is not sent again; who removes the job says whether it is also muted.
    Withdraws,
}

/// What the removal of its job does to a run in this state; none where the run is final.
pub fn remove(state: RunState, scheduled_for: UtcMicros) -> Option<Removal> {
    match state {
        RunState::Queued | RunState::Claimed => {
            let reason = SkipReason::Deleted;
            Some(Removal::Skips(reason, Event::RunSkipped(scheduled_for, reason)))
        }
        RunState::Sending => Some(Removal::Withdraws),
        _ => None,
    }
}
