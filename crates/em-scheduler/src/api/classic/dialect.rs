//! Where the clients of Extract Management 2.0 and those of its successor read different answers (rule S14).

use crate::api::Api;
use crate::api::error::Failure;
use crate::api::path::PathValues;
use crate::model::{TaskId, WireDialect};

/// A hub's client is told no more of a task that cannot be.
const INVALID: &str = "Invalid job.";

/// The task id in the path.
pub(super) fn task_id(api: &Api, path: &PathValues) -> Result<TaskId, Failure> {
    match api.dialect {
        WireDialect::Em2 => path.task_id(),
        WireDialect::Hub => path.task_id().map_err(|_| Failure::Whole(INVALID)),
    }
}

/// There is no such task.
pub(super) fn unknown(api: &Api, task: TaskId) -> Failure {
    match api.dialect {
        WireDialect::Em2 => Failure::Reason(format!("There is no task with id {task}.")),
        WireDialect::Hub => Failure::Whole(INVALID),
    }
}

/// The scheduler was stopped before: what the originals say, word for word.
pub(super) fn not_running(api: &Api) -> Failure {
    match api.dialect {
        WireDialect::Em2 => Failure::Reason("Scheduler is not running".into()),
        WireDialect::Hub => Failure::Whole("Scheduler: scheduler not running, restart service!"),
    }
}
