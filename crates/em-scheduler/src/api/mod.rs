//! The HTTP API: requests in, store operations and answers out.
//!
//! This page is the whole route table: what is not in it is denied, and what a route may do is said here once, for
//! whatever asks (the methods it accepts, the checks on who may call it, what becomes of it where too much is asked for). Who may
//! call is judged in `guard`, paths are matched in `routes`, requests carried out in `service`, as many at a time as `workload` lets
//! in, answers made in `error`, refusals that repeat counted in `refusals`; the handlers live in `classic`. It meets the engine only
//! in the store and by ringing the bell.

mod classic;
mod error;
mod guard;
mod ids;
mod path;
mod refusals;
mod reply;
mod routes;
mod server;
mod service;
mod workload;

use std::sync::Arc;

use crate::control::Control;
use crate::dispatch::Dispatcher;
use crate::model::{ScheduleRules, WireDialect};
use crate::peers::{self, LeaseTimes};
use crate::store::{Store, StoreError};
use crate::wakeup::Bell;

use self::routes::Access::{Changes, Reads};
use self::routes::Route;
use self::routes::Urgency::{Health, Ordinary, Removal, Switch};

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
    /// Whose clients are answered: those of whom the runner is (rule S14).
    pub dialect: WireDialect,
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

/// The routes. All answer GET and OPTIONS; those that only read answer HEAD as well. Each also answers with one slash more at
/// its end. A `{name}` stands for one segment that is not empty.
const ROUTES: [Route; 15] = [
    Route {
        pattern: "/api",
        access: Reads,
        urgency: Health,
        verb: "",
        handler: |api, _| Box::pin(classic::alive(api)),
    },
    Route {
        pattern: "/api/add/{task_id}",
        access: Changes,
        urgency: Ordinary,
        verb: "add job",
        handler: |api, path| Box::pin(classic::add(api, path)),
    },
    Route {
        pattern: "/api/delete/{task_id}",
        access: Changes,
        urgency: Removal,
        verb: "delete task jobs",
        handler: |api, path| Box::pin(classic::delete(api, path)),
    },
    Route {
        pattern: "/api/run/{task_id}",
        access: Changes,
        urgency: Ordinary,
        verb: "run task",
        handler: |api, path| Box::pin(classic::run(api, path)),
    },
    Route {
        pattern: "/api/run/{task_id}/delay/{minutes}",
        access: Changes,
        urgency: Ordinary,
        verb: "run task with delay",
        handler: |api, path| Box::pin(classic::run_later(api, path)),
    },
    Route {
        pattern: "/api/delete",
        access: Changes,
        urgency: Removal,
        verb: "delete all tasks",
        handler: |api, _| Box::pin(classic::delete_all(api)),
    },
    Route {
        pattern: "/api/delete-orphans",
        access: Changes,
        urgency: Removal,
        verb: "delete orphans",
        handler: |api, _| Box::pin(classic::delete_orphans(api)),
    },
    Route {
        pattern: "/api/pause",
        access: Changes,
        urgency: Switch,
        verb: "pause all jobs",
        handler: |api, _| Box::pin(classic::pause(api)),
    },
    Route {
        pattern: "/api/resume",
        access: Changes,
        urgency: Switch,
        verb: "resume jobs",
        handler: |api, _| Box::pin(classic::resume(api)),
    },
    Route {
        pattern: "/api/shutdown",
        access: Changes,
        urgency: Switch,
        verb: "shutdown",
        handler: |api, _| Box::pin(classic::shutdown(api)),
    },
    Route {
        pattern: "/api/kill",
        access: Changes,
        urgency: Switch,
        verb: "kill",
        handler: |api, _| Box::pin(classic::kill(api)),
    },
    Route {
        pattern: "/api/jobs",
        access: Reads,
        urgency: Ordinary,
        verb: "",
        handler: |api, _| Box::pin(classic::jobs(api)),
    },
    Route {
        pattern: "/api/details",
        access: Reads,
        urgency: Ordinary,
        verb: "",
        handler: |api, _| Box::pin(classic::details(api)),
    },
    Route {
        pattern: "/api/scheduled",
        access: Reads,
        urgency: Ordinary,
        verb: "",
        handler: |api, _| Box::pin(classic::scheduled(api)),
    },
    Route {
        pattern: "/api/schedule",
        access: Reads,
        urgency: Ordinary,
        verb: "",
        handler: |api, _| Box::pin(classic::schedule(api)),
    },
];
