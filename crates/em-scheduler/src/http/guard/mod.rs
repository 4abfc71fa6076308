//! Who may call: the layer that stands before a router and judges every request before anything is done.
//!
//! The API is on a well-known port and much of it is plain GETs, so that any page in any browser on this host could try to
//! call it. A request is refused, in this order, where it is too long (`bounds`), calls us by a foreign name (`hosts`), was
//! sent by a foreign page (`browser`), or lacks the token (`token`). What a method on a path may do, and how long its body
//! may be, is asked of the route table ([`Classify`]), never read from the path; what is in no table never reaches a handler.
//! Not in here: connections and their time-outs (`server`).

mod bounds;
mod browser;
mod hosts;
mod token;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use http::HeaderValue;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use tracing::{debug, warn};

use super::path;
use super::refusal::Refusal;
use super::response;
use super::routes::{Access, Classification, Classify};

pub use self::hosts::Hosts;
pub use self::token::Token;

/// From the whole request to its response: `/api/run` waits for the runner, `/api/shutdown` for all that is in flight,
/// each up to 30 s and some for the database.
const PATIENCE: Duration = Duration::from_secs(120);

/// The whole body.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// What a browser may do with a response: nothing but show it.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// The rules of one listener.
#[derive(Debug, Clone)]
pub struct Guard {
    hosts: Hosts,
    token: Option<Token>,
    patience: Duration,
}

impl Guard {
    /// Without a token: whoever reaches the listener and calls it by one of these names may use it.
    pub fn new(hosts: Hosts) -> Self {
        Self {
            hosts,
            token: None,
            patience: PATIENCE,
        }
    }

    /// With a token that every request must carry.
    #[must_use]
    pub fn with_token(self, token: Option<Token>) -> Self {
        Self { token, ..self }
    }

    /// With another limit to the time that a response may take, and a body where it is shorter than its own.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Stands before the router. Nothing reaches it but what was let through, and is in the table.
    pub fn protect(self, router: Router, table: &'static dyn Classify) -> Router {
        let guarding = Arc::new((self, table));
        router.layer(middleware::from_fn_with_state(guarding, pass))
    }

    /// Whether a request may go on, by its head alone, and how many bytes of a body; none: it reads no body.
    fn judge(&self, request: &Request, table: &dyn Classify) -> Result<Option<usize>, Refusal> {
        let (uri, headers) = (request.uri(), request.headers());
        bounds::head(uri, headers)?;
        let host = self.hosts.check(uri, headers)?;
        // What is in no table is treated as the worst, until it is refused below.
        let (access, go_on) = match table.classify(request.method(), &path::decode(uri.path())) {
            Classification::Unknown => (Access::Changes, Err(Refusal::Unknown)),
            Classification::Moved(access) | Classification::NotServed(access) => (access, Ok(None)),
            Classification::Served(class) => (class.access, Ok(class.body)),
        };
        if access == Access::Changes {
            browser::check(headers, host)?;
        }
        if let Some(token) = &self.token {
            token.check(headers)?;
        }
        go_on
    }
}

/// A guard and the table of what it guards.
type Guarding = Arc<(Guard, &'static dyn Classify)>;

async fn pass(State(guarding): State<Guarding>, request: Request, next: Next) -> Response {
    let (guard, table) = (&guarding.0, guarding.1);
    let responding = async {
        let body = guard.judge(&request, table)?;
        // One after the other, each with a limit of its own: two limits that run at once would leave open what is told.
        let reading = bounds::body(request, body);
        let read = tokio::time::timeout(guard.patience.min(BODY_PATIENCE), reading).await;
        let slow = body.map_or(Refusal::SlowUnneededBody, |_| Refusal::SlowBody);
        let request = read.unwrap_or(Err(slow))?;
        let response = tokio::time::timeout(guard.patience, next.run(request)).await;
        response.map_err(|_| Refusal::Slow)
    };
    let mut response = responding.await.unwrap_or_else(|refusal| {
        match refusal {
            // Somebody tries secrets, or their owner has a wrong one: both are worth a look.
            Refusal::WrongToken => warn!("a request with a wrong token was refused"),
            Refusal::Unknown => {}
            // The header's texts stay out: they are anybody's, and one of them may be a secret.
            refusal => debug!(%refusal, "a request was refused"),
        }
        response::refused(refusal)
    });
    response.headers_mut().extend(HEADERS);
    response
}
