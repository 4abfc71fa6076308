//! From a decision about a due job to the row of its run, and what becomes of the job.

use triggers::UtcMicros;

use super::lateness_reason;
use crate::model::{Action, Decision, DueJob, Event, JobKind, Next, RunKey, RunState, SendableRun};

/// The row of a run about to be written, and the event that tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// `queued`, `sending`, `missed` or `skipped`.
    pub state: RunState,
    /// Why it is not sent, in words.
    pub reason: Option<String>,
    /// For the task's log.
    pub event: Event,
}

impl NewRun {
    /// Whether its request leaves at once: the caller holds a permit for it.
    pub fn sends(&self) -> bool {
        self.state == RunState::Sending
    }

    /// Whether it ends with the decision.
    pub fn is_final(&self) -> bool {
        self.state.is_final()
    }

    /// The run to hand to dispatch, once its row has this key; none where nothing is sent.
    pub fn sendable(&self, key: RunKey, job: &DueJob, scheduled_for: UtcMicros) -> Option<SendableRun> {
        (!self.is_final()).then(|| SendableRun {
            key,
            job_id: job.id.clone(),
            task_id: job.task_id,
            kind: job.kind,
            scheduled_for,
            fence: 1,
            attempt: u32::from(self.sends()),
            not_before: None,
            sending: self.sends(),
        })
    }
}

/// The row that a decision writes; none where the job's only run has been decided before (a one-off has one run in all,
/// at whatever time a change of zone would read its date). `admit` is asked only for a run that is to be sent: whether
/// there is a permit for it.
pub fn decided(job: &DueJob, decision: &Decision, admit: impl FnOnce() -> bool) -> Option<NewRun> {
    if job.kind == JobKind::OneOff && job.has_run {
        return None;
    }
    let at = decision.scheduled_for;
    let (state, reason, event) = match &decision.action {
        Action::Send if admit() => (RunState::Sending, None, Event::RunSubmitted),
        Action::Send => (RunState::Queued, None, Event::RunSubmitted),
        Action::Missed { late } => (
            RunState::Missed,
            Some(lateness_reason(*late)),
            Event::RunMissed(at, *late),
        ),
        Action::Skipped(reason) => (
            RunState::Skipped,
            Some(reason.to_string()),
            Event::RunSkipped(at, *reason),
        ),
    };
    Some(NewRun { state, reason, event })
}

/// Told where [`decided`] returns none, or where a row with the key (job, run time) exists (F1).
pub fn decided_before(job: &DueJob, scheduled_for: UtcMicros) -> Event {
    Event::AlreadyDecided(job.id.clone(), scheduled_for)
}

/// What becomes of a job whose due time was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobAfter {
    /// It is due again then.
    Due(UtcMicros),
    /// It leaves the lists, and its row stays so that `job_sync` does not add it again (F9).
    Tombstone,
    /// Its row goes.
    Gone,
}

impl JobAfter {
    /// What the task's log is told.
    pub fn event(self) -> Option<Event> {
        match self {
            Self::Due(_) => None,
            Self::Tombstone | Self::Gone => Some(Event::JobEnded),
        }
    }
}

/// Rules F6 and F9.
pub fn job_after(next: Next, kind: JobKind) -> JobAfter {
    match next {
        Next::At(at) => JobAfter::Due(at),
        Next::Finished if kind.is_trigger() => JobAfter::Tombstone,
        Next::Finished | Next::Removed => JobAfter::Gone,
    }
}
