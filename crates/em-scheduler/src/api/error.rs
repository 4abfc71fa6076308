//! What can go wrong, and how it is told: the only place that knows status codes.
//!
//! The classic clients read nothing but the body, so what the caller can mend is a 200 with an error in it. A 5xx
//! says only that something is wrong here; the log says what, once.

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tracing::error;

use super::reply::Reply;
use super::routes::{Access, Outcome};
use super::workload::Busy;
use crate::model::Corrupt;
use crate::store::StoreError;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The caller asked for what cannot be had. The reason is theirs to read.
    #[error("{0}")]
    Reason(String),
    /// The same, in words that a client knows whole: its verb does not stand before them.
    #[error("{0}")]
    Whole(&'static str),
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
            StoreError::Unavailable(reason) | StoreError::Locked(reason) | StoreError::Vanished(reason) => {
                Self::Unavailable(reason)
            }
            // A row of em_web's tables that cannot be read concerns its task; whoever asked can mend it.
            StoreError::Corrupt(Corrupt {
                table: "task" | "project",
                ..
            }) => Self::Reason(error.to_string()),
            error => Self::Fault(error.to_string()),
        }
    }
}

/// Why a request was not let in. Nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Not called by one of our names, or by none, or by two.
    #[error("the Host header is missing, doubled, or names no host that is served here (setting allow-host)")]
    Host,
    /// Sent by a page of another site, as this header says.
    #[error("a page of another site must not do this (header {0})")]
    Foreign(&'static str),
    /// Sent by a browser that only guesses what will be asked for.
    #[error("this is not done in advance")]
    Prefetch,
    /// No token where there must be one.
    #[error("a token is needed, as bearer token or as password")]
    NoToken,
    /// Another token.
    #[error("this is not the token")]
    WrongToken,
    /// The target.
    #[error("the address is longer than 8 KiB")]
    LongTarget,
    /// The header.
    #[error("the header is longer than 16 KiB")]
    LongHeader,
    /// The body.
    #[error("the body is longer than 64 KiB, and none is needed")]
    LongBody,
    /// A body that ended early.
    #[error("the body broke off")]
    BrokenBody,
    /// A body that did not come.
    #[error("the body did not come in time, and none is needed")]
    SlowBody,
    /// It took too long; what a handler has begun goes on.
    #[error("there is no answer yet; what was begun goes on, so look before you repeat it")]
    Slow,
    /// There is no such route.
    #[error("the scheduler has nothing at this address.")]
    Unknown,
}

/// The answer to a request that was not let in.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::Host => StatusCode::MISDIRECTED_REQUEST,
        Refusal::Foreign(_) | Refusal::Prefetch => StatusCode::FORBIDDEN,
        Refusal::NoToken | Refusal::WrongToken => StatusCode::UNAUTHORIZED,
        Refusal::LongTarget => StatusCode::URI_TOO_LONG,
        Refusal::LongHeader => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Refusal::LongBody => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::SlowBody => StatusCode::REQUEST_TIMEOUT,
        Refusal::BrokenBody => StatusCode::BAD_REQUEST,
        Refusal::Slow => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Unknown => return not_found(),
    };
    let mut response = refuse(status, &format!("{status}: {refusal}"));
    if status == StatusCode::UNAUTHORIZED {
        // Both, for there are clients that send a password only where they were asked for one.
        let challenge = r#"Bearer realm="em-scheduler", Basic realm="em-scheduler", charset="UTF-8""#;
        let challenge = HeaderValue::from_static(challenge);
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    if matches!(
        refusal,
        Refusal::LongTarget
            | Refusal::LongHeader
            | Refusal::LongBody
            | Refusal::BrokenBody
            | Refusal::SlowBody
    ) {
        // Whoever sends such requests has no claim to the connection, and the rest of a body is not waited for.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
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
        Failure::Reason(reason) => refuse(StatusCode::OK, &prefixed(verb, reason)),
        Failure::Whole(said) => refuse(StatusCode::OK, said),
        // Not said here: as long as the database is away that would be a line for each request (`refusals`).
        Failure::Unavailable(_) => {
            let said = "The database is unavailable. Try again later.";
            refuse(StatusCode::SERVICE_UNAVAILABLE, &prefixed(verb, said))
        }
        Failure::Unrecorded(_) => {
            error!(verb, %failure, "a request failed");
            let said = "The runner was asked, but the database became unavailable before its answer could be \
                        recorded.";
            refuse(StatusCode::SERVICE_UNAVAILABLE, &prefixed(verb, said))
        }
        Failure::Fault(_) => {
            error!(verb, %failure, "a request failed");
            let said = "Internal error. The scheduler's log says more.";
            refuse(StatusCode::INTERNAL_SERVER_ERROR, &prefixed(verb, said))
        }
    }
}

/// The answer to a request that came when too many were at work. `verb` as above. Its connection ends, so that another caller can have it.
pub(super) fn busy(verb: &str, busy: &Busy) -> Response {
    let said = format!(
        "The API is busy: {busy}. Nothing was done; try again later. Pause, resume, delete, shutdown and kill are still \
         carried out."
    );
    let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, &prefixed(verb, &said));
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The answer on a path that is in no table.
pub(super) fn not_found() -> Response {
    refuse(
        StatusCode::NOT_FOUND,
        &format!("404 Not Found: {}", Refusal::Unknown),
    )
}

/// The answer to a method that the route does not take.
pub(super) fn wrong_method(access: Access) -> Response {
    let said = match access {
        Access::Reads => "405 Method Not Allowed: use GET or HEAD here.",
        Access::Changes => "405 Method Not Allowed: use GET here.",
    };
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, said);
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
    let mut response = refuse(StatusCode::PERMANENT_REDIRECT, &said);
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

fn refuse(status: StatusCode, error: &str) -> Response {
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
    let mut response = Response::new(reply.into_body());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
