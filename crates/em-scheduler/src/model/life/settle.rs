//! What settling does: to the row of a run, to its task, and to its task's log.

use triggers::UtcMicros;

use super::lateness_reason;
use crate::model::{Event, Outcome, RunState, Settlement, SkipReason};

/// How the row of a run stands when something is to become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// None: a text that is no state; such a run is nobody's to settle.
    pub state: Option<RunState>,
    /// The fence under which it is held.
    pub fence: i64,
    /// Requests begun, as stored.
    pub attempt: i64,
    /// Its job was deleted: it is not sent again.
    pub withdrawn: bool,
    /// Nothing of it is written into the task's log any more (S2).
    pub muted: bool,
}

/// What becomes of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settling {
    /// It is final, or held under another fence, or was requeued before by a commit whose answer got lost.
    Nothing,
    /// It is final from now on.
    Ends(Ending),
    /// It is `queued` again.
    Requeues {
        /// Not to be sent before.
        not_before: UtcMicros,
        /// Requests begun, as stored.
        attempt: i64,
    },
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// A final state.
    pub state: RunState,
    /// Why, in words.
    pub reason: Option<String>,
    /// For the task's log; none where the run is muted.
    pub event: Option<Event>,
    /// Whether its task is marked as errored (D8).
    pub marks_task: bool,
}

/// What this settlement does to the run it names.
pub fn settle(settlement: &Settlement, held: &Held) -> Settling {
    let open = held.state.is_some_and(|state| !state.is_final());
    if !open || held.fence != settlement.fence {
        return Settling::Nothing;
    }
    let at = settlement.scheduled_for;
    let (state, reason, event) = match &settlement.outcome {
        Outcome::Requeued { .. } | Outcome::Repeat { .. } if held.withdrawn => {
            skipped(SkipReason::Deleted, at)
        }
        Outcome::Requeued { .. } | Outcome::Repeat { .. } if held.state != Some(RunState::Sending) => {
            return Settling::Nothing;
        }
        Outcome::Requeued {
            not_before,
            attempted,
        } => return requeue(*not_before, held.attempt, *attempted),
        Outcome::Repeat { not_before } => return requeue(*not_before, held.attempt, true),
        Outcome::Delivered { took } => (RunState::Delivered, None, Event::RunDelivered(*took)),
        Outcome::Failed { reason } => (
            RunState::Failed,
            Some(reason.clone()),
            Event::RunFailed(at, reason.clone()),
        ),
        Outcome::Unknown { reason } => (
            RunState::Unknown,
            Some(reason.clone()),
            Event::RunUnknown(at, reason.clone()),
        ),
        Outcome::Missed { late } => (
            RunState::Missed,
            Some(lateness_reason(*late)),
            Event::RunMissed(at, *late),
        ),
        Outcome::Skipped(reason) => skipped(*reason, at),
    };
    Settling::Ends(Ending {
        state,
        reason,
        event: (!held.muted).then_some(event),
        marks_task: state == RunState::Failed && !held.muted,
    })
}

fn skipped(reason: SkipReason, at: UtcMicros) -> (RunState, Option<String>, Event) {
    let told = Event::RunSkipped(at, reason);
    (RunState::Skipped, Some(reason.to_string()), told)
}

/// An attempt that did not even begin is not counted.
fn requeue(not_before: UtcMicros, attempt: i64, attempted: bool) -> Settling {
    Settling::Requeues {
        not_before,
        attempt: attempt.max(1) - i64::from(!attempted),
    }
}
