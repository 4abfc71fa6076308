//! The HTTP API: requests in, store operations and answers out.
//!
//! This page is the whole route table: what is not in it is denied, and what a route may do is said here once, for
//! whatever asks (the methods it accepts, the checks on who may call it). Who may call is judged in `guard`, paths are
//! matched in `routes`, requests carried out in `service`, answers made in `error`; the handlers live in `classic`. It meets the engine
//! only in the store and by ringing the bell.

mod classic;
mod error;
mod guard;
mod ids;
mod path;
mod reply;
mod routes;
mod server;
mod service;

use std::sync::Arc;

use crate::control::Control;
use crate::dispatch::Dispatcher;
use crate::model::ScheduleRules;
use crate::peers::{self, LeaseTimes};
use crate::store::{Store, StoreError};
use crate::wakeup::Bell;

use self::routes::Access::{Changes, Reads};
use self::routes::Route;

pub use self::guard::{Guard, Hosts, Token};
pub use self::server::{Limits, Listener, Socket, serve};
pub use self::service::router;

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// Jobs and runs.
    pub store: Arc<dyn Store>,
    /// Sends what is asked for now, and must hear of pauses, stops and deletions.
    pub dispatcher: Dispatcher,
    /// Rung after each write that may change what is due.
    pub bell: Bell,
    /// Stops the engine.
    pub control: Control,
    /// The zone and the policy at clock changes.
    pub rules: ScheduleRules,
    /// The leases of the other processes on the database; none: there can be no other.
    pub peers: Option<LeaseTimes>,
}

impl Api {
    /// Returns when a change that is committed binds the other processes, too (rule S1).
    async fn bind_peers(&self) -> Result<(), StoreError> {
        match self.peers {
            Some(lease) => peers::tell(self.store.as_ref(), lease).await,
            None => Ok(()),
        }
    }
}

/// The routes: pattern, what it may do, the verb that its errors begin with (none: no beginning), handler.
///
/// All answer GET and OPTIONS; those that only read answer HEAD as well. Each also answers with one slash more at
/// its end. A `{name}` stands for one segment that is not empty.
const ROUTES: [Route; 15] = [
    Route::new("/api", Reads, "", |api, _| Box::pin(classic::alive(api))),
    Route::new("/api/add/{task_id}", Changes, "add job", |api, path| {
        Box::pin(classic::add(api, path))
    }),
    Route::new(
        "/api/delete/{task_id}",
        Changes,
        "delete task jobs",
        |api, path| Box::pin(classic::delete(api, path)),
    ),
    Route::new("/api/run/{task_id}", Changes, "run task", |api, path| {
        Box::pin(classic::run(api, path))
    }),
    Route::new(
        "/api/run/{task_id}/delay/{minutes}",
        Changes,
        "run task with delay",
        |api, path| Box::pin(classic::run_later(api, path)),
    ),
    Route::new("/api/delete", Changes, "delete all tasks", |api, _| {
        Box::pin(classic::delete_all(api))
    }),
    Route::new("/api/delete-orphans", Changes, "delete orphans", |api, _| {
        Box::pin(classic::delete_orphans(api))
    }),
    Route::new("/api/pause", Changes, "pause all jobs", |api, _| {
        Box::pin(classic::pause(api))
    }),
    Route::new("/api/resume", Changes, "resume jobs", |api, _| {
        Box::pin(classic::resume(api))
    }),
    Route::new("/api/shutdown", Changes, "shutdown", |api, _| {
        Box::pin(classic::shutdown(api))
    }),
    Route::new("/api/kill", Changes, "kill", |api, _| {
        Box::pin(classic::kill(api))
    }),
    Route::new("/api/jobs", Reads, "", |api, _| Box::pin(classic::jobs(api))),
    Route::new("/api/details", Reads, "", |api, _| {
        Box::pin(classic::details(api))
    }),
    Route::new("/api/scheduled", Reads, "", |api, _| {
        Box::pin(classic::scheduled(api))
    }),
    Route::new("/api/schedule", Reads, "", |api, _| {
        Box::pin(classic::schedule(api))
    }),
];
