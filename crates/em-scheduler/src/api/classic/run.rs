//! `/api/run/<task_id>` and `/api/run/<task_id>/delay/<minutes>`: a run asked for by a person, or by the runner
//! that wants to try again.

use std::sync::Arc;

use super::dialect;
use super::failure::Failure;
use super::ids;
use super::reply::{HandlerResult, Reply};
use crate::api::context::Context;
use crate::chance;
use crate::em_web::{delayed_job, manual_job_id};
use crate::http::PathValues;
use crate::model::Delivered;
use crate::store::{JobNamer, JobPlanner, Replaced};

const MICROS_PER_MINUTE: i64 = 60_000_000;

/// Asks the runner now and waits for its answer: outside the queue and its permits, also while the scheduler is
/// paused or stopped.
pub(super) async fn run(Context { api, .. }: Context, path: PathValues) -> HandlerResult {
    let task = dialect::task_id(&api, &path)?;
    let digits = chance::ten_hex_digits();
    let name: JobNamer = Arc::new(move |task| manual_job_id(task, &digits));
    let _asking = api.dispatcher.asking();
    let begun = api.store.begin_manual_run(api.store.now(), task, name).await?;
    let run = begun.ok_or_else(|| dialect::unknown(&api, task))?;
    let sent = api.dispatcher.send_now(&run).await;
    // The request has left by then, so "unavailable, try again" would be the wrong advice.
    match sent.map_err(|error| Failure::Unrecorded(error.to_string()))? {
        Delivered::Accepted { .. } => Reply::message("task job started!"),
        Delivered::Refused(refusal) => Err(Failure::Reason(refusal.message)),
        Delivered::NotSent(reason) => Err(Failure::Reason(format!(
            "The runner cannot be reached, nothing was sent: {reason}"
        ))),
        Delivered::Ambiguous(reason) => Err(Failure::Reason(format!(
            "The runner did not answer; the request may have arrived: {reason}"
        ))),
        // A manual run has no gate to be held or withdrawn at.
        Delivered::Held | Delivered::Withdrawn => Err(Failure::Fault("a manual run was held back".into())),
    }
}

/// Stores one run some minutes ahead, beside whatever jobs the task has.
pub(super) async fn run_later(Context { api, .. }: Context, path: PathValues) -> HandlerResult {
    let task = dialect::task_id(&api, &path)?;
    let minutes = ids::minutes(path.value("minutes")).map_err(Failure::Reason)?;
    let now = api.store.now();
    let at = now.saturating_add(minutes * MICROS_PER_MINUTE);
    let digits = chance::ten_hex_digits();
    let plan: JobPlanner = Arc::new(move |task| Ok(vec![delayed_job(task, at, &digits)?]));
    match api.store.add_jobs(now, task, plan).await? {
        Replaced::Done => {
            api.bell.ring();
            Reply::message("task scheduled!")
        }
        Replaced::UnknownTask => Err(dialect::unknown(&api, task)),
        Replaced::Refused(invalid) => Err(Failure::Reason(invalid.to_string())),
    }
}
