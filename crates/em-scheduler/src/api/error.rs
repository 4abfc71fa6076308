//! What can go wrong, and how it is told: the only place that knows status codes.
//!
//! The classic clients read nothing but the body, so what the caller can mend is a 200 with an error in it. A 5xx
//! says only that something is wrong here; the log says what, once.

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tracing::{error, warn};

use super::reply::Reply;
use super::routes::{Access, Outcome};
use crate::store::StoreError;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The caller asked for what cannot be had. The reason is theirs to read.
    #[error("{0}")]
    Reason(String),
    /// The database cannot be reached. What it said is for the log alone.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database cannot be reached, but the runner has been asked already: repeating the request would ask it
    /// twice.
    #[error("the outcome of a run could not be written down: {0}")]
    Unrecorded(String),
    /// A fault of ours or a damaged database. For the log alone.
    #[error("{0}")]
    Fault(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            // The driver's words, without the sentence that Display puts before them.
            StoreError::Unavailable(reason) => Self::Unavailable(reason),
            // A row of em_web's tables that cannot be read concerns its task; whoever asked can mend it.
            StoreError::Corrupt {
                table: "task" | "project",
                ..
            } => Self::Reason(error.to_string()),
            error => Self::Fault(error.to_string()),
        }
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
}

/// The answer to a request that a handler has carried out. `verb` is what its errors begin with, unless empty.
pub(super) fn answer(verb: &str, outcome: Outcome) -> Response {
    let failure = match outcome {
        Ok(reply) => return json(StatusCode::OK, reply),
        Err(failure) => failure,
    };
    match &failure {
        Failure::Reason(reason) => refusal(StatusCode::OK, &prefixed(verb, reason)),
        Failure::Unavailable(_) => {
            warn!(verb, %failure, "a request was refused");
            let said = "The database is unavailable. Try again later.";
            refusal(StatusCode::SERVICE_UNAVAILABLE, &prefixed(verb, said))
        }
        Failure::Unrecorded(_) => {
            error!(verb, %failure, "a request failed");
            let said = "The runner was asked, but the database became unavailable before its answer could be \
                        recorded.";
            refusal(StatusCode::SERVICE_UNAVAILABLE, &prefixed(verb, said))
        }
        Failure::Fault(_) => {
            error!(verb, %failure, "a request failed");
            let said = "Internal error. The scheduler's log says more.";
            refusal(StatusCode::INTERNAL_SERVER_ERROR, &prefixed(verb, said))
        }
    }
}

/// The answer on a path that is in no table.
pub(super) fn not_found() -> Response {
    refusal(
        StatusCode::NOT_FOUND,
        "404 Not Found: the scheduler has nothing at this address.",
    )
}

/// The answer to a method that the route does not take.
pub(super) fn wrong_method(access: Access) -> Response {
    let said = match access {
        Access::Reads => "405 Method Not Allowed: use GET or HEAD here.",
        Access::Changes => "405 Method Not Allowed: use GET here.",
    };
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, said);
    response.headers_mut().insert(ALLOW, access.allowed());
    response
}

/// The answer to OPTIONS.
pub(super) fn options(access: Access) -> Response {
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(ALLOW, access.allowed());
    response
}

/// The answer on a path with doubled slashes: nothing was done, ask there.
pub(super) fn moved(to: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(to) else {
        return not_found();
    };
    let said = format!("308 Permanent Redirect: the address is {to}");
    let mut response = refusal(StatusCode::PERMANENT_REDIRECT, &said);
    response.headers_mut().insert(LOCATION, location);
    response
}

fn prefixed(verb: &str, reason: &str) -> String {
    if verb.is_empty() {
        reason.to_owned()
    } else {
        format!("Scheduler ({verb}):\n{reason}")
    }
}

fn refusal(status: StatusCode, error: &str) -> Response {
    match Reply::json(&ErrorBody { error }) {
        Ok(reply) => json(status, reply),
        // A text always makes JSON; if it ever did not, the status says enough.
        Err(_) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            response
        }
    }
}

fn json(status: StatusCode, reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.into_bytes()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
