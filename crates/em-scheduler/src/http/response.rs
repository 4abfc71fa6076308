//! The responses that are sent before a handler is reached: to refused requests, to other methods and to other spellings of
//! a path. Each error has a JSON body, `{"error": "…"}`. The responses of handlers are made in `api`.

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::refusal::Refusal;
use super::routes::Methods;

/// Both, for there are clients that send a password only where they were asked for one.
const CHALLENGE: &str = r#"Bearer realm="em-scheduler", Basic realm="em-scheduler", charset="UTF-8""#;

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
}

/// An error as JSON.
pub fn error(status: StatusCode, error: &str) -> Response {
    // A text always makes JSON; if it ever did not, the status says enough.
    let body = serde_json::to_vec(&ErrorBody { error }).map_or_else(|_| Body::empty(), Body::from);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// The response to a request that was not let in.
pub(super) fn refused(refusal: Refusal) -> Response {
    // Whoever sends what is too long or does not end has no claim to the connection, and the rest of a body is not waited for.
    let (status, close) = match refusal {
        Refusal::Host => (StatusCode::MISDIRECTED_REQUEST, false),
        Refusal::Foreign(_) | Refusal::Prefetch => (StatusCode::FORBIDDEN, false),
        Refusal::NoToken | Refusal::WrongToken => (StatusCode::UNAUTHORIZED, false),
        Refusal::LongTarget => (StatusCode::URI_TOO_LONG, true),
        Refusal::LongHeader => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, true),
        Refusal::LongBody(_) | Refusal::LongUnneededBody => (StatusCode::PAYLOAD_TOO_LARGE, true),
        Refusal::SlowBody | Refusal::SlowUnneededBody => (StatusCode::REQUEST_TIMEOUT, true),
        Refusal::BrokenBody => (StatusCode::BAD_REQUEST, true),
        Refusal::Slow => (StatusCode::SERVICE_UNAVAILABLE, false),
        Refusal::Unknown => (StatusCode::NOT_FOUND, false),
    };
    let mut response = error(status, &format!("{status}: {refusal}"));
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
    }
    if close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The response to a method that no route on the path takes.
pub(super) fn wrong_method(methods: &Methods) -> Response {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = error(status, &format!("{status}: use {} here.", methods.in_words()));
    allow(&mut response, methods);
    response
}

/// The response to OPTIONS.
pub(super) fn options(methods: &Methods) -> Response {
    let mut response = Response::new(Body::empty());
    allow(&mut response, methods);
    response
}

/// The response on a path with doubled slashes: nothing was done, ask there.
pub(super) fn moved(to: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(to) else {
        return refused(Refusal::Unknown);
    };
    let status = StatusCode::PERMANENT_REDIRECT;
    let mut response = error(status, &format!("{status}: the address is {to}"));
    response.headers_mut().insert(LOCATION, location);
    response
}

fn allow(response: &mut Response, methods: &Methods) {
    // The names of methods are tokens, so they always make a header.
    if let Ok(allowed) = HeaderValue::from_str(&methods.allowed()) {
        response.headers_mut().insert(ALLOW, allowed);
    }
}
