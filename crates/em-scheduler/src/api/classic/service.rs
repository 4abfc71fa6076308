//! The classic API as an application: its table, its handlers, its responses.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;

use super::failure::Failure;
use super::reply::HandlerResult;
use super::response::{busy, respond};
use super::routes::{Handler, TABLE};
use crate::api::context::{Api, Context};
use crate::api::refusals::{Cause, Refusals};
use crate::http::{Application, Call, Route, Table, Unserved};

/// Cheap to clone.
#[derive(Clone)]
struct Classic {
    context: Context,
    refusals: Refusals,
}

/// The whole API as a service, open to every client that can reach it: a listener needs a [`Guard`](crate::http::Guard) before it, and
/// the guard the [`table`](super::table).
pub fn router(api: Api) -> Router {
    crate::http::router(Classic {
        refusals: Refusals::new(Arc::clone(&api.store)),
        context: Context {
            api,
            switching: Arc::default(),
        },
    })
}

impl Application for Classic {
    type Handler = Handler;
    type Handled = HandlerResult;

    fn table(&self) -> &'static Table<Handler> {
        &TABLE
    }

    fn handle(
        &self,
        route: &'static Route<Handler>,
        call: Call,
    ) -> impl Future<Output = HandlerResult> + Send + 'static {
        (route.handler.run)(self.context.clone(), call.values)
    }

    fn respond(&self, route: &'static Route<Handler>, ended: Result<HandlerResult, Unserved>) -> Response {
        let verb = route.handler.verb;
        let result = match ended {
            Ok(result) => result,
            Err(Unserved::Busy(reason)) => {
                self.refusals.note(Cause::Busy, verb, &reason);
                return busy(verb, &reason);
            }
            Err(Unserved::Ended(error)) => Err(Failure::Fault(format!("a handler ended: {error}"))),
        };
        if let Err(failure @ Failure::Unavailable(_)) = &result {
            self.refusals.note(Cause::Database, verb, failure);
        }
        respond(verb, result)
    }
}
