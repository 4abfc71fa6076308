//! `/api/delete…`: jobs go, and what they had waiting or about to leave goes with them.
//!
//! The rows are changed first; then this process and every other one on the database close their gates for runs that were
//! written as `sending` but have not left. The answer comes after that, so no send begins after it (rule S1).

use super::dialect;
use super::reply::{HandlerResult, Reply};
use crate::api::context::{Api, Context};
use crate::http::PathValues;
use crate::model::{RunKey, WireDialect};
use crate::store::StoreError;

pub(super) async fn delete(Context { api, .. }: Context, path: PathValues) -> HandlerResult {
    let task = dialect::task_id(&api, &path)?;
    let had_jobs = match api.dialect {
        // It was deleted, whatever there was.
        WireDialect::Em2 => true,
        WireDialect::Hub => {
            let jobs = api.store.listed_jobs(task).await?;
            jobs.ok_or_else(|| dialect::unknown(&api, task))? > 0
        }
    };
    // Also where there are no jobs: runs of it may wait.
    let in_flight = api.store.remove_jobs(api.store.now(), task).await?;
    withdraw(&api, &in_flight).await?;
    Reply::message(if had_jobs {
        "task job deleted!"
    } else {
        "failed to delete job!"
    })
}

pub(super) async fn delete_all(Context { api, .. }: Context) -> HandlerResult {
    let in_flight = api.store.remove_all_jobs(api.store.now()).await?;
    withdraw(&api, &in_flight).await?;
    Reply::message("all jobs deleted!")
}

pub(super) async fn delete_orphans(Context { api, .. }: Context) -> HandlerResult {
    let in_flight = api.store.remove_orphans(api.store.now()).await?;
    withdraw(&api, &in_flight).await?;
    Reply::message("orphans deleted!")
}

/// When this returns, none of the runs whose jobs were removed can begin, in any process.
async fn withdraw(api: &Api, in_flight: &[RunKey]) -> Result<(), StoreError> {
    api.dispatcher.withdraw(in_flight);
    api.bind_peers().await?;
    api.bell.ring();
    Ok(())
}
