//! From `queued` to `sending`: durable before the first byte leaves (D1); and a run asked for now, which is `sending` from the start (D9).

use triggers::UtcMicros;

use crate::model::{JobKind, RunKey, RunState, SendableRun, TaskId};

/// Whether a run in this state (none: a text that is no state) waits to be sent.
pub fn is_waiting(state: Option<RunState>) -> bool {
    state == Some(RunState::Queued)
}

/// The run as it is once it is `sending`: a new fence, one attempt more. None where it is not held under this fence.
pub fn begin(waiting: SendableRun, fence: i64) -> Option<SendableRun> {
    (waiting.fence == fence).then(|| SendableRun {
        fence: waiting.fence + 1,
        attempt: waiting.attempt + 1,
        not_before: None,
        sending: true,
        ..waiting
    })
}

/// A run asked for now, as its row has it; the row names its key.
pub fn manual(key: RunKey, job_id: String, task_id: TaskId, now: UtcMicros) -> SendableRun {
    SendableRun {
        key,
        job_id,
        task_id,
        kind: JobKind::Manual,
        scheduled_for: now,
        fence: 1,
        attempt: 1,
        not_before: None,
        sending: true,
    }
}
