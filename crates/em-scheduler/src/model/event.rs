//! Events: one per transition, written in the same transaction as the transition itself (F13). In which words people read
//! them is for whoever shows them to say (`em_web::log`).

use serde_json::{Value, json};
use triggers::{Hazard, UtcMicros};

use super::ids::RunKey;
use super::skip::SkipReason;

/// Something that happened to a job or a run of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A job was stored.
    JobAdded {
        /// Its id.
        job: String,
        /// Its first run time; none: the trigger never fires again.
        next: Option<UtcMicros>,
        /// Those of its own dates.
        hazards: Vec<Hazard>,
    },
    /// The job with this id was removed.
    JobRemoved(String),
    /// The last run of a job was decided, and it left the lists (F9), or its task is gone (F6): told with that run.
    JobEnded,
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
    /// This run time of the job with this id had been decided before: nothing is sent a second time.
    AlreadyDecided(String, UtcMicros),
    /// The task could not be scheduled; its jobs stay as they were.
    Refused(String),
    /// The stored trigger of the job with this id cannot be read: the job stands still.
    Unreadable(String, String),
    /// The row of a run cannot be read: the run is passed over.
    RunUnreadable(Option<RunKey>, String),
}

/// An event as `scheduler_event` has it, but for its key, time and task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord<'e> {
    /// `job_id`.
    pub job: Option<&'e str>,
    /// `run_key`.
    pub run: Option<RunKey>,
    /// `kind`.
    pub kind: &'static str,
    /// `detail`: a JSON object with instants in UTC microseconds, or null.
    pub detail: Value,
}

impl Event {
    /// The row that tells of it; none where the row of the run says the same: its state with its reason, and the times at
    /// which it was decided, sent and finished (docs/decisions/0011). So nothing is written twice while runs come and go.
    pub fn record(&self) -> Option<EventRecord<'_>> {
        let of_job = |job, kind, detail| EventRecord {
            job,
            run: None,
            kind,
            detail,
        };
        Some(match self {
            Self::JobEnded
            | Self::RunSubmitted
            | Self::RunDelivered(_)
            | Self::RunFailed(..)
            | Self::RunUnknown(..)
            | Self::RunMissed(..)
            | Self::RunSkipped(..) => return None,
            Self::JobAdded { job, next, hazards } => {
                let hazards: Vec<String> = hazards.iter().map(Hazard::to_string).collect();
                let next = next.map(UtcMicros::get);
                of_job(
                    Some(job),
                    "job_added",
                    json!({ "next_run_at": next, "hazards": hazards }),
                )
            }
            Self::JobRemoved(job) => of_job(Some(job), "job_removed", Value::Null),
            Self::AlreadyDecided(job, at) => {
                let detail = json!({ "scheduled_for": at.get() });
                of_job(Some(job), "already_decided", detail)
            }
            Self::Refused(reason) => of_job(None, "refused", json!({ "reason": reason })),
            Self::Unreadable(job, reason) => of_job(Some(job), "job_unreadable", json!({ "reason": reason })),
            Self::RunUnreadable(run, reason) => EventRecord {
                run: *run,
                ..of_job(None, "run_unreadable", json!({ "reason": reason }))
            },
        })
    }
}
