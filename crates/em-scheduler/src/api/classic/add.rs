//! `/api/add/<task_id>`: the task's jobs become what its project asks for.

use std::sync::{Arc, OnceLock};

use super::dialect;
use super::sequence;
use crate::api::error::Failure;
use crate::api::path::PathValues;
use crate::api::reply::Reply;
use crate::api::routes::Outcome;
use crate::api::service::Context;
use crate::em_web;
use crate::model::WireDialect;
use crate::store::{JobPlanner, Replaced};

pub(in crate::api) async fn add(Context { api, .. }: Context, path: PathValues) -> Outcome {
    let task = dialect::task_id(&api, &path)?;
    let now = api.store.now();
    let (rules, sequence) = (api.rules.clone(), Arc::new(OnceLock::new()));
    let found = Arc::clone(&sequence);
    let plan: JobPlanner = Arc::new(move |task| {
        if let Some(project) = task.project.as_ref().filter(|project| project.sequence) {
            found.get_or_init(|| project.id);
        }
        em_web::first_runs(task, now, &rules)
    });
    let replaced = api.store.replace_jobs(now, task, plan).await?;
    if let (Replaced::Done, Some(project)) = (&replaced, sequence.get()) {
        sequence::settle(&api, *project).await;
    }
    api.bell.ring();
    match replaced {
        Replaced::Done => Reply::message("task job added!"),
        // No error: the original's word for it. Its successor has another (rule S14).
        Replaced::UnknownTask if api.dialect == WireDialect::Hub => Err(dialect::unknown(&api, task)),
        Replaced::UnknownTask => Reply::message("failed to create job!"),
        Replaced::Refused(invalid) => Err(Failure::Reason(invalid.to_string())),
    }
}
