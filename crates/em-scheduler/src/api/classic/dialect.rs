//! Where the clients of Extract Management 2.0 and those of its successor read different answers (rule S14).

use super::failure::Failure;
use super::ids;
use crate::api::context::Api;
use crate::http::PathValues;
use crate::model::{TaskId, WireDialect};

/// A hub's client is told no more of a task that cannot be.
const INVALID: &str = "Invalid job.";

/// The task id in the path.
pub(super) fn task_id(api: &Api, path: &PathValues) -> Result<TaskId, Failure> {
    ids::task_id(path.value("task_id")).map_err(|reason| match api.dialect {
        WireDialect::Em2 => Failure::Reason(reason),
        WireDialect::Hub => Failure::Whole(INVALID),
    })
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
