//! The response of a handler that has ended: its reply or its failure.
//!
//! The classic clients read nothing but the body, so what the caller can mend is a 200 with an error in it. A 5xx
//! says only that something is wrong here; the log says what, once.

use axum::response::Response;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use super::failure::Failure;
use super::reply::{HandlerResult, Reply};
use crate::http::{Busy, error};

/// The response to a request that a handler has carried out. `verb` is what its errors begin with, unless empty.
pub(super) fn respond(verb: &str, result: HandlerResult) -> Response {
    let failure = match result {
        Ok(reply) => return json(reply),
        Err(failure) => failure,
    };
    match &failure {
        Failure::Reason(reason) => error(StatusCode::OK, &prefixed(verb, reason)),
        Failure::Whole(said) => error(StatusCode::OK, said),
        // Not said here: as long as the database is away that would be a line for each request (`refusals`).
        Failure::Unavailable(_) => {
            let said = "The database is unavailable. Try again later.";
            error(StatusCode::SERVICE_UNAVAILABLE, &prefixed(verb, said))
        }
        Failure::Unrecorded(_) => {
            tracing::error!(verb, %failure, "a request failed");
            let said = "The runner was asked, but the database became unavailable before its answer could be \
                        recorded.";
            error(StatusCode::SERVICE_UNAVAILABLE, &prefixed(verb, said))
        }
        Failure::Fault(_) => {
            tracing::error!(verb, %failure, "a request failed");
            let said = "Internal error. The scheduler's log says more.";
            error(StatusCode::INTERNAL_SERVER_ERROR, &prefixed(verb, said))
        }
    }
}

/// The response to a request that came when too many were at work. `verb` as above. Its connection ends, so that another caller can have it.
pub(super) fn busy(verb: &str, busy: &Busy) -> Response {
    let said = format!(
        "The API is busy: {busy}. Nothing was done; try again later. Pause, resume, delete, shutdown and kill are still \
         carried out."
    );
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, &prefixed(verb, &said));
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn prefixed(verb: &str, reason: &str) -> String {
    if verb.is_empty() {
        reason.to_owned()
    } else {
        format!("Scheduler ({verb}):\n{reason}")
    }
}

fn json(reply: Reply) -> Response {
    let mut response = Response::new(reply.into_body());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fault_is_an_error_that_says_nothing() {
        let response = respond("add job", Err(Failure::Fault("password=secret".into())));
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
