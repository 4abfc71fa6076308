//! Serves a router on a listener, one HTTP/1 connection per task.
//!
//! It stands on hyper's connection because axum's own server has no header time-out: a client that sends its
//! header a byte at a time would hold a connection for ever. Not in here: what is served, and to whom (`guard`).

mod listener;
mod places;
mod socket;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tracing::{debug, warn};

use self::places::Places;
use self::watched::Watched;

pub(super) use self::places::Place;

pub use self::listener::Listener;
pub use self::socket::Socket;

/// A request's head must fit in here, with room beyond what the guard allows, so that it can say what is too long.
const HEAD_LIMIT: usize = 64 * 1024;
/// How long requests may go on once the server is to end.
const GRACE: Duration = Duration::from_secs(5);
/// How long a connection without a request may go on then: an answer may still be on its way. One that is long goes on within
/// the grace while it is read.
const PARTING: Duration = Duration::from_secs(1);

/// The limits of one listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A request's header must be complete within this time, and the next request must begin within it.
    pub header: Duration,
    /// So long a connection may go without a request being carried out on it and without a part of an answer being taken.
    pub idle: Duration,
    /// Connections at a time: more than there may be requests at work, so that switches are read when no other request is
    /// carried out (S15). For one more the one that has waited longest for a request has to go; where all are at work, it waits.
    pub connections: u32,
}

/// The usual number of connections.
const CONNECTIONS: u32 = 320;
const _: () = assert!(CONNECTIONS as usize > super::workload::REMOVALS);

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            connections: CONNECTIONS,
        }
    }
}

/// Serves until `shutdown` completes, then accepts nothing more and gives the requests under way up to 5 s to end.
/// Idle connections are closed at once.
pub async fn serve(
    listener: impl Listener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let places = Arc::new(Places::new(limits));
    let (ending, end) = watch::channel(());
    let mut shutdown = std::pin::pin!(shutdown);
    let next = async || {
        let stream = listener.accept().await;
        (stream, Places::take(&places).await)
    };
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, place) = next() => {
                tokio::spawn(connection(stream, router.clone(), place, end.clone()));
            }
        }
    }
    drop((listener, end));
    // Closes the channel: each connection hears it and gives its place back when its request has ended.
    drop(ending);
    if tokio::time::timeout(GRACE, places.all_free()).await.is_err() {
        let open = places.taken();
        warn!(
            open,
            "requests are still running; their connections are left to end by themselves"
        );
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    place: Place,
    mut end: watch::Receiver<()>,
) {
    let (limits, place) = (place.limits(), Arc::new(place));
    let (router, of_request) = (TowerToHyperService::new(router), Arc::clone(&place));
    let service = service_fn(move |mut request: Request<Incoming>| {
        let place = Arc::clone(&of_request);
        place.taken_on();
        // The service says by it when the request begins to be carried out, and when that ends.
        request.extensions_mut().insert(Arc::clone(&place));
        let answer = router.call(request);
        async move {
            answer
                .await
                .map(|answer| answer.map(|body| Watched { body, place }))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = place.lost(limits.idle) => {
            debug!("a connection was closed that had gone without a request for too long");
            return;
        }
        // Only the end of the server ends this: nothing is ever sent.
        _ = end.changed() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                // Half a header is no request to wait for.
                () = place.lost(limits.idle.min(PARTING)) => return,
            }
        }
    };
    if let Err(error) = ended {
        // Clients that hang up, send no HTTP or time out: theirs to see, not ours to report.
        debug!(%error, "a connection ended early");
    }
}
