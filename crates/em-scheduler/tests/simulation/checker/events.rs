//! I7: each transition has its one row in the task's log, written in the same transaction.

use super::{Carried, Doing, Verdict, Violation};
use crate::operation::Op;

pub(super) const JOB_ADDED: &str = "Job added";
pub(super) const JOB_REMOVED: &str = "Job removed";
/// What a log says beside the transitions, and the only operations that say it.
const REPEATED: &str = "Job not sent again";
const REFUSED: &str = "Job could not be scheduled";

const TOLD: [&str; 10] = [
    JOB_ADDED,
    JOB_REMOVED,
    "Job submitted",
    "Job executed",
    "Job error",
    "Job outcome unknown",
    "Job missed",
    "Job skipped",
    REPEATED,
    REFUSED,
];

/// The event of a row that is decided in this state; none: no decision has it.
pub(super) fn of_decision(state: &str) -> Option<&'static str> {
    match state {
        "queued" | "sending" => Some("Job submitted"),
        "missed" => Some("Job missed"),
        "skipped" => Some("Job skipped"),
        _ => None,
    }
}

/// The event of a run that ends so.
pub(super) fn of_end(state: &str) -> Option<&'static str> {
    match state {
        "delivered" => Some("Job executed"),
        "failed" => Some("Job error"),
        "unknown" => Some("Job outcome unknown"),
        other => of_decision(other),
    }
}

pub(super) fn judge(carried: Carried<'_>, doing: &mut Doing, gone: impl Fn(i32) -> bool) -> Verdict {
    let mut told = Vec::new();
    for (task, message) in &doing.logged {
        let Some(kind) = TOLD.iter().find(|kind| message.starts_with(**kind)) else {
            return Err(Violation::new(
                "I7",
                format!("an event that nobody knows: {message}"),
            ));
        };
        let beside = match *kind {
            REPEATED => matches!(carried.op, Op::Decide(_)),
            REFUSED => matches!(carried.op, Op::Replace(_) | Op::Sync),
            _ => false,
        };
        if !beside {
            told.push((*task, *kind));
        }
    }
    // The log of a task that is gone is gone.
    let mut expected: Vec<_> = std::mem::take(&mut doing.expected);
    expected.retain(|(task, _)| !gone(*task));
    told.sort_unstable();
    expected.sort_unstable();
    if told != expected {
        return Err(Violation::new(
            "I7",
            format!("{} writes the events {told:?} for {expected:?}", carried.op),
        ));
    }
    Ok(())
}
