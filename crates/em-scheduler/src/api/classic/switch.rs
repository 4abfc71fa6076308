//! `/api/pause`, `/api/resume`, `/api/shutdown`, `/api/kill`: the whole scheduler on and off.
//!
//! ```text
//!            pause ▼ ▲ resume                      shutdown | kill
//!  deciding ───────▶ paused (written in the store) ──────────────▶ stopped (until the process starts again)
//! ```
//! Pause and resume are for all processes on the database, shutdown and kill for the one that is asked: what waits there
//! is left to the others (rules S1 and S8).

use std::time::Duration;

use tracing::{info, warn};

use super::dialect;
use super::failure::Failure;
use super::reply::{HandlerResult, Reply};
use crate::api::context::{Api, Context};

/// How long shutdown waits for requests in flight.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

pub(super) async fn pause(Context { api, switching }: Context) -> HandlerResult {
    let _alone = switching.lock().await;
    refuse_if_stopped(&api)?;
    api.store.set_paused(api.store.now(), true).await?;
    // Before the answer: what was decided but has not begun must not begin after it.
    api.dispatcher.pause();
    api.bind_peers().await?;
    info!("paused");
    Reply::message("all jobs paused!")
}

pub(super) async fn resume(Context { api, switching }: Context) -> HandlerResult {
    let _alone = switching.lock().await;
    refuse_if_stopped(&api)?;
    api.store.set_paused(api.store.now(), false).await?;
    api.dispatcher.resume();
    api.bell.ring();
    info!("resumed");
    Reply::message("all jobs resumed!")
}

pub(super) async fn shutdown(Context { api, .. }: Context) -> HandlerResult {
    stop(&api).await?;
    let in_flight = api.dispatcher.drained(LONGEST_WAIT).await;
    if in_flight > 0 {
        warn!(in_flight, "shut down while requests are still in flight");
    }
    Reply::message("scheduler shutdown!")
}

pub(super) async fn kill(Context { api, .. }: Context) -> HandlerResult {
    stop(&api).await?;
    Reply::message("scheduler killed!")
}

/// When it returns, nothing is being decided and no first byte leaves any more.
async fn stop(api: &Api) -> Result<(), Failure> {
    if !api.control.stop().await {
        return Err(dialect::not_running(api));
    }
    api.dispatcher.stop();
    info!("stopped deciding and sending");
    Ok(())
}

fn refuse_if_stopped(api: &Api) -> Result<(), Failure> {
    if api.control.is_stopped() {
        return Err(dialect::not_running(api));
    }
    Ok(())
}
