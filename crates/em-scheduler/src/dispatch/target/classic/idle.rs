//! Connections kept for the next request, and how an answer is read to its end so that its connection can be kept.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::connect::HttpConnection;
use crate::clock::Stopwatch;

/// A kept-alive connection that has idled for longer is not used again: the runner may be closing it right now,
/// and a request lost on it would be ambiguous.
const LONGEST_IDLE_MICROS: i64 = 1_000_000;
/// No more than this of an answer's body is read.
const BODY_LIMIT: usize = 64 * 1024;
/// And the body is waited for no longer than this.
const BODY_WITHIN: Duration = Duration::from_secs(5);

/// The connections that no request is on, the freshest last.
#[derive(Default)]
pub(super) struct IdleConnections(Mutex<Vec<(HttpConnection, Stopwatch)>>);

impl IdleConnections {
    /// One that can be used, if there is one.
    pub(super) fn take(&self) -> Option<HttpConnection> {
        let mut idle = self.idle();
        // Where even the last one kept is stale, all are.
        while let Some((connection, since)) = idle.pop() {
            if since.micros() > LONGEST_IDLE_MICROS {
                idle.clear();
            } else if !connection.sender.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    /// Reads the rest of an answer, so that its connection can be used again, and keeps what is read where that is wanted.
    /// False where it is too long, comes too late or breaks off.
    pub(super) async fn finish(
        &self,
        connection: HttpConnection,
        body: Incoming,
        keep: Option<&mut Vec<u8>>,
    ) -> bool {
        let whole = tokio::time::timeout(BODY_WITHIN, read_to_end(body, keep)).await == Ok(true);
        if whole && !connection.sender.is_closed() {
            self.idle().push((connection, Stopwatch::start()));
        }
        whole
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(HttpConnection, Stopwatch)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads an answer's body. False where it is too long or breaks off; the status counts all the same.
async fn read_to_end(mut body: Incoming, mut keep: Option<&mut Vec<u8>>) -> bool {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let Some(data) = frame.data_ref() else { continue };
        read += data.len();
        if read > BODY_LIMIT {
            return false;
        }
        if let Some(kept) = &mut keep {
            kept.extend_from_slice(data);
        }
    }
    true
}
