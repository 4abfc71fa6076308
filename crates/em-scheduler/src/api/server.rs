//! Serves the router on a listener, one HTTP/1 connection per task.
//!
//! It stands on hyper's connection because axum's own server has no header time-out: a client that sends its
//! header a byte at a time would hold a connection for ever. Not in here: what is served.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::{debug, warn};

/// A request's header must be complete within this time, and the next request must begin within it.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Request line and header together, in bytes.
const HEADER_LIMIT: usize = 16 * 1024;
/// Connections at a time. Who comes after waits in the listener's queue.
const CONNECTIONS: u32 = 256;
/// How long requests may go on once the server is to end.
const GRACE: Duration = Duration::from_secs(5);
/// The pause after a failure to accept: most are of one connection, but without file handles all fail at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` completes, then accepts nothing more and gives the requests under way up to 5 s to end.
/// Idle connections are closed at once.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS as usize));
    let (ending, end) = watch::channel(());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, place) = accept(&listener, &places) => {
                tokio::spawn(connection(stream, router.clone(), (place, end.clone())));
            }
        }
    }
    drop((listener, end));
    // Closes the channel: each connection hears it and gives its place back when its request has ended.
    drop(ending);
    if tokio::time::timeout(GRACE, places.acquire_many(CONNECTIONS))
        .await
        .is_err()
    {
        let open = CONNECTIONS as usize - places.available_permits();
        warn!(
            open,
            "requests are still running; their connections are left to end by themselves"
        );
    }
}

/// The next connection with its place. Cancelling it loses neither.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let Ok(place) = Arc::clone(places).acquire_owned().await else {
            // Nobody closes the semaphore.
            return std::future::pending().await;
        };
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) if of_one_connection(&error) => debug!(%error, "a connection ended before it began"),
            Err(error) => {
                warn!(%error, "no connection can be accepted at the moment");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

async fn connection(
    stream: TcpStream,
    router: Router,
    (place, mut end): (OwnedSemaphorePermit, watch::Receiver<()>),
) {
    // Answers are small and whole: nothing is gained by waiting for more to send. Failing costs only time.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        // Only the end of the server ends this: nothing is ever sent.
        _ = end.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients that hang up, send no HTTP or time out: theirs to see, not ours to report.
        debug!(%error, "a connection ended early");
    }
    drop(place);
}
