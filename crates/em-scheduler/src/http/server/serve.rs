//! Serves a router on a listener, one HTTP/1 connection per task.
//!
//! It stands on hyper's connection because axum's own server has no header time-out: a client that sends its
//! header a byte at a time would hold a connection for ever. Not in here: what is served, and to whom (`guard`).

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

use super::limits::Limits;
use super::listener::Listener;
use super::slots::{ConnectionSlot, ConnectionSlots};
use super::watched::Watched;

/// A request's head must fit in here, with room beyond what the guard allows, so that it can say what is too long.
const HEAD_LIMIT: usize = 64 * 1024;
/// How long requests may go on once the server is to end.
const GRACE: Duration = Duration::from_secs(5);
/// How long a connection without a request may go on then: an answer may still be on its way. One that is long goes on within
/// the grace while it is read.
const PARTING: Duration = Duration::from_secs(1);

/// Serves until `shutdown` completes, then accepts nothing more and gives the requests under way up to 5 s to end.
/// Idle connections are closed at once.
pub async fn serve(
    listener: impl Listener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let slots = Arc::new(ConnectionSlots::new(limits));
    let (ending, end) = watch::channel(());
    let mut shutdown = std::pin::pin!(shutdown);
    let next = async || {
        let stream = listener.accept().await;
        (stream, ConnectionSlots::take(&slots).await)
    };
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, slot) = next() => {
                tokio::spawn(connection(stream, router.clone(), slot, end.clone()));
            }
        }
    }
    drop((listener, end));
    // Closes the channel: each connection hears it and gives its slot back when its request has ended.
    drop(ending);
    if tokio::time::timeout(GRACE, slots.all_free()).await.is_err() {
        let open = slots.taken();
        warn!(
            open,
            "requests are still running; their connections are left to end by themselves"
        );
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    slot: ConnectionSlot,
    mut end: watch::Receiver<()>,
) {
    let (limits, slot) = (slot.limits(), Arc::new(slot));
    let (router, of_request) = (TowerToHyperService::new(router), Arc::clone(&slot));
    let service = service_fn(move |mut request: Request<Incoming>| {
        let slot = Arc::clone(&of_request);
        slot.taken_on();
        // The service says by it when the request begins to be carried out, and when that ends.
        request.extensions_mut().insert(Arc::clone(&slot));
        let answer = router.call(request);
        async move {
            answer
                .await
                .map(|answer| answer.map(|body| Watched { body, slot }))
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
        () = slot.lost(limits.idle) => {
            debug!("a connection was closed that had gone without a request for too long");
            return;
        }
        // Only the end of the server ends this: nothing is ever sent.
        _ = end.changed() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                // Half a header is no request to wait for.
                () = slot.lost(limits.idle.min(PARTING)) => return,
            }
        }
    };
    if let Err(error) = ended {
        // Clients that hang up, send no HTTP or time out: theirs to see, not ours to report.
        debug!(%error, "a connection ended early");
    }
}
