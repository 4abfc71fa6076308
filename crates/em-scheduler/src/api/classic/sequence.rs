//! What an added task means for the others of its sequence (rule F11): the first enabled one has the jobs, and no other.
//!
//! `job_sync` sees to the same within the hour. Here it is done at once, for to add a task is how em_web tells that
//! something has changed: without this the task that was first until now would go on beside the new one.

use std::sync::Arc;

use crate::api::Api;
use crate::em_web::{InvalidSchedule, SyncPlan, SyncPlanner, SyncTask, first_runs};
use crate::model::ScheduleRules;
use crate::store::SyncRange;
use triggers::UtcMicros;

/// Brings the tasks of a sequence in line. What fails is left to `job_sync`: the task itself has been added.
pub(super) async fn settle(api: &Api, project: i32) {
    let (now, rules) = (api.store.now(), api.rules.clone());
    let plan: SyncPlanner = Arc::new(move |task| plan(task, now, &rules).unwrap_or_default());
    let settled = api
        .store
        .sync_page(now, SyncRange::InProject(project), plan)
        .await;
    if let Err(error) = settled {
        tracing::warn!(%error, project, "the other tasks of a sequence wait for the next job_sync");
    }
}

/// What changes for one task; nothing where its schedule is invalid, which is told when it is added.
fn plan(stored: &SyncTask, now: UtcMicros, rules: &ScheduleRules) -> Result<SyncPlan, InvalidSchedule> {
    let mut triggers = stored.jobs.iter().filter(|job| job.kind.is_trigger()).peekable();
    let mut plan = SyncPlan::default();
    match &stored.task {
        Ok(task) if task.enabled && task.follows => {
            plan.remove = triggers.map(|job| job.id.clone()).collect();
            plan.publish = !plan.remove.is_empty();
        }
        // A task whose jobs were deleted may be about to be disabled (rule S12).
        Ok(task) if task.enabled && triggers.peek().is_none() && stored.deleted_at.is_none() => {
            let jobs = first_runs(task, now, rules)?.into_iter();
            plan.add = jobs.map(|job| job.taken_up(now)).collect();
            plan.publish = !plan.add.is_empty();
        }
        _ => {}
    }
    Ok(plan)
}
