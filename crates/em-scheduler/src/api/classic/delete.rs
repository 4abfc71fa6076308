//! `/api/delete…`: jobs go, and what they had waiting or about to leave goes with them.
//!
//! The rows are changed first and the dispatcher hears of it before the answer: a run that was written as `sending`
//! but whose first byte has not left is stopped at the gate, so no send begins after the answer.

use crate::api::path::PathValues;
use crate::api::reply::Reply;
use crate::api::routes::Outcome;
use crate::api::service::Context;

pub(in crate::api) async fn delete(Context { api, .. }: Context, path: PathValues) -> Outcome {
    let task = path.task_id()?;
    let in_flight = api.store.remove_jobs(api.store.now(), task).await?;
    api.dispatcher.withdraw(&in_flight);
    api.bell.ring();
    Reply::message("task job deleted!")
}

pub(in crate::api) async fn delete_all(Context { api, .. }: Context) -> Outcome {
    let in_flight = api.store.remove_all_jobs(api.store.now()).await?;
    api.dispatcher.withdraw(&in_flight);
    api.bell.ring();
    Reply::message("all jobs deleted!")
}

pub(in crate::api) async fn delete_orphans(Context { api, .. }: Context) -> Outcome {
    let in_flight = api.store.remove_orphans(api.store.now()).await?;
    api.dispatcher.withdraw(&in_flight);
    api.bell.ring();
    Reply::message("orphans deleted!")
}
