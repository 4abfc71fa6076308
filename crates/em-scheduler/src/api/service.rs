//! From a request to an answer: finds the route, checks the method, carries the handler out.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use http::Method;
use tokio::sync::Mutex;

use super::Api;
use super::error::{self, Failure};
use super::path::{self, PathValues};
use super::refusals::{Cause, Refusals};
use super::routes::{Found, Route, find};
use super::server::Place;
use super::workload::{Work, Workload};

/// What every handler gets: the parts of the service, and what the handlers share among themselves.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) api: Api,
    /// Held while pausing or resuming: each writes the state down and then tells the dispatcher, and two of them
    /// interleaved would leave the two disagreeing.
    pub(super) switching: Arc<Mutex<()>>,
}

/// What stands between a request and its handler.
#[derive(Clone)]
struct Entrance {
    context: Context,
    workload: Workload,
    refusals: Refusals,
}

/// The whole API as a service, open to whoever can reach it: a listener needs a [`Guard`](super::Guard) before it.
/// Requests that fit no route of the table get a 404 from here, whatever their method.
pub fn router(api: Api) -> Router {
    Router::new().fallback(handle).with_state(Entrance {
        refusals: Refusals::new(Arc::clone(&api.store)),
        workload: Workload::default(),
        context: Context {
            api,
            switching: Arc::default(),
        },
    })
}

async fn handle(State(entrance): State<Entrance>, request: Request) -> Response {
    let (method, uri) = (request.method(), request.uri());
    let (route, values) = match find(&path::decode(uri.path())) {
        Found::Route(route, values) => (route, values),
        Found::Moved(route, _) if !route.access.serves(method) && *method != Method::OPTIONS => {
            return error::wrong_method(route.access);
        }
        Found::Moved(_, to) => {
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            return error::moved(&(path::encode(&to) + &query));
        }
        Found::Nothing => return error::not_found(),
    };
    if *method == Method::OPTIONS {
        return error::options(route.access);
    }
    if !route.access.serves(method) {
        return error::wrong_method(route.access);
    }
    // A request that did not come over a connection of ours has no place to lose.
    let serving = request.extensions().get::<Arc<Place>>().map(Place::begin);
    if let Some(None) = serving {
        return std::future::pending().await;
    }
    match entrance.workload.begin(route) {
        Ok(work) => carry_out(route, (entrance, work), values).await,
        Err(busy) => {
            entrance.refusals.note(Cause::Busy, route.verb, &busy);
            error::busy(route.verb, &busy)
        }
    }
}

/// Runs the handler in a task of its own: a client that goes away does not stop it half-way, and a panic in it ends
/// neither the connection nor the process. It is at work until it has ended.
async fn carry_out(
    route: &'static Route,
    (entrance, work): (Entrance, Work),
    values: PathValues,
) -> Response {
    let handling = (route.handler)(entrance.context, values);
    let handled = tokio::spawn(async move {
        let outcome = handling.await;
        drop(work);
        outcome
    });
    let outcome = handled
        .await
        .unwrap_or_else(|error| Err(Failure::Fault(format!("a handler ended: {error}"))));
    if let Err(failure @ Failure::Unavailable(_)) = &outcome {
        entrance.refusals.note(Cause::Database, route.verb, failure);
    }
    error::answer(route.verb, outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::routes::{Access, Urgency};
    use crate::chance;
    use crate::clock::SystemClock;
    use crate::control::Control;
    use crate::dispatch::{Dispatcher, Policy, RunnerClient, RunnerTimeouts};
    use crate::model::life::DeliveryRules;
    use crate::model::{Delivery, ScheduleRules, WireDialect};
    use crate::store::Store;
    use crate::store::sqlite::{SqliteOptions, SqliteStore};
    use crate::wakeup::Bell;
    use triggers::{DstPolicy, Zone};

    static PANICS: Route = Route {
        pattern: "/x",
        access: Access::Changes,
        urgency: Urgency::Ordinary,
        verb: "add job",
        handler: |_, _| Box::pin(async { panic!("password=secret") }),
    };

    fn entrance(folder: &std::path::Path) -> Entrance {
        let options = SqliteOptions {
            path: folder.join("em.db"),
            zone: Zone::utc(),
            clock: Arc::new(SystemClock),
            instance: chance::instance_id(),
            place: "here".into(),
        };
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options).unwrap());
        let address = "http://127.0.0.1:9".parse().unwrap();
        let client = RunnerClient::new(address, RunnerTimeouts::default()).unwrap();
        let policy = Policy {
            concurrency: 1,
            rules: DeliveryRules {
                delivery: Delivery::AtMostOnce,
                grace: 0,
                attempts: 1,
            },
        };
        let runtime = tokio::runtime::Handle::current();
        let api = Api {
            dispatcher: Dispatcher::start(Arc::clone(&store), client, policy, &runtime),
            store,
            bell: Bell::default(),
            control: Control::default(),
            rules: ScheduleRules {
                zone: Zone::utc(),
                dst: DstPolicy::Once,
            },
            dialect: WireDialect::Em2,
            peers: None,
        };
        Entrance {
            refusals: Refusals::new(Arc::clone(&api.store)),
            workload: Workload::default(),
            context: Context {
                api,
                switching: Arc::default(),
            },
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_error_that_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let entrance = entrance(folder.path());
        let work = entrance.workload.begin(&PANICS).unwrap();
        let response = carry_out(&PANICS, (entrance.clone(), work), PathValues::default()).await;
        assert!(entrance.workload.is_idle(), "it is at work no more");
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["content-type"], "application/json");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let error = body["error"].as_str().unwrap();
        assert!(
            error.starts_with("Scheduler (add job):\nInternal error"),
            "{error}"
        );
        assert!(!error.contains("secret"), "{error}");
    }
}
