//! From a request to its handler: finds the route, holds the connection, makes sure that there is room, carries it out.
//! Open to whoever can reach it: a listener needs a [`Guard`](super::Guard) before it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use http::Method;
use tokio::task::JoinError;

use super::path::{self, PathValues};
use super::refusal::Refusal;
use super::response;
use super::routes::{Route, RouteMatch, Table};
use super::server::ConnectionSlot;
use super::workload::{Busy, Workload};

/// A table with what carries its routes out.
pub trait Application: Clone + Send + Sync + 'static {
    /// What the table has for each route.
    type Handler: Sync + 'static;
    /// What a handler returns.
    type Handled: Send + 'static;

    /// All its routes.
    fn table(&self) -> &'static Table<Self::Handler>;

    /// Begins to carry a request out. It goes on in a task of its own until it has ended.
    fn handle(
        &self,
        route: &'static Route<Self::Handler>,
        call: Call,
    ) -> impl Future<Output = Self::Handled> + Send + 'static;

    /// The response to a request that was let in.
    fn respond(
        &self,
        route: &'static Route<Self::Handler>,
        ended: Result<Self::Handled, Unserved>,
    ) -> Response;
}

/// A request as its handler gets it.
pub struct Call {
    /// The values of the variables in the route's pattern.
    pub values: PathValues,
    /// The request; behind a guard its body is whole, and there only where the route allows one.
    pub request: Request,
}

/// Why a request that was let in has not been handled.
#[derive(Debug)]
pub enum Unserved {
    /// Too many are at work; it was not begun.
    Busy(Busy),
    /// Its handler panicked.
    Ended(JoinError),
}

/// The application as a service. Requests that fit no route of its table get a 404 from here, whatever their method.
pub fn router(application: impl Application) -> Router {
    Router::new()
        .fallback(serve)
        .with_state((application, Workload::default()))
}

async fn serve<A: Application>(
    State((application, workload)): State<(A, Workload)>,
    mut request: Request,
) -> Response {
    let (method, uri) = (request.method(), request.uri());
    let (route, values) = match application.table().find(method, &path::decode(uri.path())) {
        RouteMatch::Served(route, values) => (route, values),
        RouteMatch::NotServed(methods) if *method == Method::OPTIONS => return response::options(&methods),
        RouteMatch::NotServed(methods) => return response::wrong_method(&methods),
        RouteMatch::Moved(to, _) => {
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            return response::moved(&(path::encode(&to) + &query));
        }
        RouteMatch::Nothing => return response::refused(Refusal::Unknown),
    };
    // A request that did not come over a connection of ours has no slot to lose. A handler must not hold one: it may go on when
    // the client is gone.
    let slot = request.extensions_mut().remove::<Arc<ConnectionSlot>>();
    let serving = slot.as_ref().map(ConnectionSlot::begin);
    if let Some(None) = serving {
        return std::future::pending().await;
    }
    let work = match workload.begin(route.pattern, route.class.urgency) {
        Ok(work) => work,
        Err(busy) => return application.respond(route, Err(Unserved::Busy(busy))),
    };
    let handling = application.handle(route, Call { values, request });
    // In a task of its own: a client that goes away does not stop it half-way, and a panic in it ends neither the
    // connection nor the process. It is at work until it has ended.
    let handled = tokio::spawn(async move {
        let outcome = handling.await;
        drop(work);
        outcome
    });
    application.respond(route, handled.await.map_err(Unserved::Ended))
}
