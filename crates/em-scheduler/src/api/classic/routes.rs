//! The whole route table of the classic API: what is not in it is denied, and what a route may do is said here once, for
//! whatever asks (the methods it accepts, the checks on who may call it, what becomes of it where too much is asked for).
//!
//! All are GETs, also those that change something, and none reads a body: so the clients have it.

use std::pin::Pin;

use http::Method;

use super::add::add;
use super::delete::{delete, delete_all, delete_orphans};
use super::lists::{alive, details, jobs, scheduled};
use super::reply::HandlerResult;
use super::run::{run, run_later};
use super::schedule::schedule;
use super::switch::{kill, pause, resume, shutdown};
use crate::api::context::Context;
use crate::http::Access::{Changes, Reads};
use crate::http::Urgency::{Health, Ordinary, Removal, Switch};
use crate::http::{Class, Classify, PathValues, Route, Table};

/// What carries a route out.
pub(super) struct Handler {
    /// What the errors of the route begin with; empty for none.
    pub(super) verb: &'static str,
    pub(super) run: fn(Context, PathValues) -> HandlerFuture,
}

pub(super) type HandlerFuture = Pin<Box<dyn Future<Output = HandlerResult> + Send>>;

/// The routes: pattern, class, verb, handler.
#[rustfmt::skip]
pub(super) static TABLE: Table<Handler> = Table(&[
    get("/api", Class::new(Reads, Health), "", |api, _| Box::pin(alive(api))),
    get("/api/add/{task_id}", Class::new(Changes, Ordinary), "add job", |api, path| Box::pin(add(api, path))),
    get("/api/delete/{task_id}", Class::new(Changes, Removal), "delete task jobs", |api, path| Box::pin(delete(api, path))),
    get("/api/run/{task_id}", Class::new(Changes, Ordinary), "run task", |api, path| Box::pin(run(api, path))),
    get("/api/run/{task_id}/delay/{minutes}", Class::new(Changes, Ordinary), "run task with delay", |api, path| Box::pin(run_later(api, path))),
    get("/api/delete", Class::new(Changes, Removal), "delete all tasks", |api, _| Box::pin(delete_all(api))),
    get("/api/delete-orphans", Class::new(Changes, Removal), "delete orphans", |api, _| Box::pin(delete_orphans(api))),
    get("/api/pause", Class::new(Changes, Switch), "pause all jobs", |api, _| Box::pin(pause(api))),
    get("/api/resume", Class::new(Changes, Switch), "resume jobs", |api, _| Box::pin(resume(api))),
    get("/api/shutdown", Class::new(Changes, Switch), "shutdown", |api, _| Box::pin(shutdown(api))),
    get("/api/kill", Class::new(Changes, Switch), "kill", |api, _| Box::pin(kill(api))),
    get("/api/jobs", Class::new(Reads, Ordinary), "", |api, _| Box::pin(jobs(api))),
    get("/api/details", Class::new(Reads, Ordinary), "", |api, _| Box::pin(details(api))),
    get("/api/scheduled", Class::new(Reads, Ordinary), "", |api, _| Box::pin(scheduled(api))),
    get("/api/schedule", Class::new(Reads, Ordinary), "", |api, _| Box::pin(schedule(api))),
]);

/// What each request is, for a guard.
pub fn table() -> &'static dyn Classify {
    &TABLE
}

const fn get(
    pattern: &'static str,
    class: Class,
    verb: &'static str,
    run: fn(Context, PathValues) -> HandlerFuture,
) -> Route<Handler> {
    Route {
        method: Method::GET,
        pattern,
        class,
        handler: Handler { verb, run },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Access, Urgency};

    /// The contract, a second time and by hand: a new route is classed here, too, for a
    /// changing one that is called a reading one is open to every page on the web.
    #[test]
    fn each_route_is_classed_as_the_contract_says() {
        let reads = [
            "/api",
            "/api/jobs",
            "/api/details",
            "/api/scheduled",
            "/api/schedule",
        ];
        let changes = [
            "/api/add/{task_id}",
            "/api/delete/{task_id}",
            "/api/run/{task_id}",
            "/api/run/{task_id}/delay/{minutes}",
            "/api/delete",
            "/api/pause",
            "/api/resume",
            "/api/shutdown",
            "/api/kill",
            "/api/delete-orphans",
        ];
        assert_eq!(TABLE.0.len(), reads.len() + changes.len());
        for route in TABLE.0 {
            let (is_read, is_change) = (reads.contains(&route.pattern), changes.contains(&route.pattern));
            let classed = match route.class.access {
                Access::Reads => is_read && !is_change,
                Access::Changes => is_change && !is_read,
            };
            assert!(classed, "{} is {:?}", route.pattern, route.class.access);
        }
    }

    /// By hand as well: a switch that is not let through does not work when it is needed, and what is let through without need
    /// takes the places of those that are (S15).
    #[test]
    fn each_route_is_as_urgent_as_the_rules_say() {
        let urgent: [(&str, Urgency); 8] = [
            ("/api", Urgency::Health),
            ("/api/delete/{task_id}", Urgency::Removal),
            ("/api/delete", Urgency::Removal),
            ("/api/delete-orphans", Urgency::Removal),
            ("/api/pause", Urgency::Switch),
            ("/api/resume", Urgency::Switch),
            ("/api/shutdown", Urgency::Switch),
            ("/api/kill", Urgency::Switch),
        ];
        for route in TABLE.0 {
            let named = urgent.iter().find(|(pattern, _)| *pattern == route.pattern);
            let expected = named.map_or(Urgency::Ordinary, |(_, urgency)| *urgency);
            assert_eq!(route.class.urgency, expected, "{}", route.pattern);
        }
        let of_table = |pattern| TABLE.0.iter().any(|route| route.pattern == pattern);
        assert!(urgent.iter().all(|(pattern, _)| of_table(*pattern)));
    }
}
