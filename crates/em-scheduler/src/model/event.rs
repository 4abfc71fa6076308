//! Events: one per transition, written in the same transaction as the transition itself. In which words people read
//! them is for whoever shows them to say (`em_web::log`).

use triggers::{Hazard, UtcMicros};

use super::SkipReason;

/// Something that happened to a job or a run of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A job was stored, with its first run time (none: the trigger never fires again) and the hazards of its own dates.
    JobAdded(Option<UtcMicros>, Vec<Hazard>),
    /// A job was removed, or its schedule ended.
    JobRemoved,
    /// A run was decided and will be sent.
    RunSubmitted,
    /// The runner took the run, after so many microseconds.
    RunDelivered(i64),
    /// The run could not be handed over.
    RunFailed(UtcMicros, String),
    /// The run may have arrived or not.
    RunUnknown(UtcMicros, String),
    /// The run came too late, by so many microseconds.
    RunMissed(UtcMicros, i64),
    /// The run was not sent on purpose.
    RunSkipped(UtcMicros, SkipReason),
    /// The run time had been decided before: nothing is sent a second time.
    AlreadyDecided(UtcMicros),
    /// The task could not be scheduled; its jobs stay as they were.
    Refused(String),
    /// The stored trigger of a job cannot be read: the job stands still.
    Unreadable(String, String),
    /// The row of a run cannot be read: the run is passed over.
    RunUnreadable(String),
}
