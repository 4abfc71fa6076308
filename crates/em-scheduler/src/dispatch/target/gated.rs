//! The stream under a client that asks the gate before the first byte of each request, and what it knows afterwards. For targets
//! that are reached over a connection; it knows no protocol.
//!
//! ```text
//!  request handed to the client ─▶ waiting ── first write: the gate says go ──▶ left (ambiguous from here on)
//!                                     │  └─ the write could take nothing yet: still waiting
//!                                     └──── held back: the write fails, no byte has left
//! ```
//! The gate is asked here and not before the request is handed to the client, because the client writes it from a task
//! of its own, at a time of its own.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::dispatch::gate::{Gate, GateAnswer};

/// Where the request on a connection stands; shared between its sender and its stream.
#[derive(Clone, Default)]
pub(super) struct Latch(Arc<Mutex<Stage>>);

#[derive(Default)]
enum Stage {
    /// No request is on its way.
    #[default]
    Idle,
    /// A request was handed to the client; no byte of it has been written.
    Waiting(Arc<dyn Gate>),
    /// Bytes of it may have left.
    Left,
    /// The gate held it back: nothing is written on this connection any more.
    HeldBack(GateAnswer),
    /// Its sender gave it up before a byte was written: as above.
    GivenUp,
}

/// What became of a request, as far as the stream knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestEnd {
    /// No byte was written, and none will be.
    Unsent,
    /// The gate held it back; no byte was written.
    HeldBack(GateAnswer),
    /// Bytes may have left.
    Left,
}

impl Latch {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        // The stage is consistent after each of the methods.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request is about to be handed to the client.
    pub(super) fn arm(&self, gate: Arc<dyn Gate>) {
        *self.stage() = Stage::Waiting(gate);
    }

    /// The request has ended, or was given up. One of which nothing has left cannot leave any more.
    pub(super) fn end(&self) -> RequestEnd {
        let mut stage = self.stage();
        match &*stage {
            Stage::Idle | Stage::Waiting(_) | Stage::GivenUp => {
                *stage = Stage::GivenUp;
                RequestEnd::Unsent
            }
            Stage::HeldBack(said) => RequestEnd::HeldBack(*said),
            Stage::Left => RequestEnd::Left,
        }
    }
}

/// Ends the request when its sender gives it up.
pub(super) struct EndAtDrop<'l>(pub(super) &'l Latch);

impl Drop for EndAtDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A connection that asks the gate before the first byte of each request.
pub(super) struct Gated<S> {
    inner: S,
    latch: Latch,
}

impl<S> Gated<S> {
    pub(super) fn new(inner: S) -> (Self, Latch) {
        let latch = Latch::default();
        let gated = Self {
            inner,
            latch: latch.clone(),
        };
        (gated, latch)
    }
}

impl<S: AsyncWrite + Unpin> Gated<S> {
    /// Writes, if the request on this connection may leave.
    fn let_through(
        &mut self,
        mut write: impl FnMut(Pin<&mut S>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Self { inner, latch } = self;
        let mut stage = latch.stage();
        let gate = match &*stage {
            Stage::Waiting(gate) => Arc::clone(gate),
            Stage::Idle | Stage::Left => {
                drop(stage);
                return write(Pin::new(inner));
            }
            Stage::HeldBack(_) | Stage::GivenUp => return Poll::Ready(Err(held_back())),
        };
        let mut written = Poll::Pending;
        let said = gate.pass(&mut || written = write(Pin::new(&mut *inner)));
        if said != GateAnswer::Go {
            *stage = Stage::HeldBack(said);
            return Poll::Ready(Err(held_back()));
        }
        // A write that took nothing is asked about again.
        let written = ready!(written);
        *stage = Stage::Left;
        Poll::Ready(written)
    }
}

fn held_back() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the request was held back")
}

impl<S: AsyncRead + Unpin> AsyncRead for Gated<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gated<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.let_through(|inner| inner.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.let_through(|inner| inner.poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    struct Says(GateAnswer);

    impl Gate for Says {
        fn pass(&self, write: &mut dyn FnMut()) -> GateAnswer {
            if self.0 == GateAnswer::Go {
                write();
            }
            self.0
        }
    }

    #[tokio::test]
    async fn the_gate_is_asked_at_the_first_byte_and_not_again() {
        let (near, mut far) = tokio::io::duplex(64);
        let (mut stream, latch) = Gated::new(near);
        latch.arm(Arc::new(Says(GateAnswer::Go)));
        stream.write_all(b"GET").await.unwrap();
        assert_eq!(latch.end(), RequestEnd::Left);
        stream.write_all(b" /7").await.unwrap();
        let mut read = [0; 6];
        far.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"GET /7");
    }

    #[tokio::test]
    async fn what_is_held_back_or_given_up_never_leaves() {
        for (armed, ended) in [
            (Some(GateAnswer::Hold), RequestEnd::HeldBack(GateAnswer::Hold)),
            (
                Some(GateAnswer::Withdrawn),
                RequestEnd::HeldBack(GateAnswer::Withdrawn),
            ),
            (None, RequestEnd::Unsent),
        ] {
            let (near, mut far) = tokio::io::duplex(64);
            let (mut stream, latch) = Gated::new(near);
            latch.arm(Arc::new(Says(armed.unwrap_or(GateAnswer::Go))));
            if armed.is_none() {
                // Given up before anything was written.
                drop(EndAtDrop(&latch));
            }
            stream.write_all(b"GET").await.unwrap_err();
            stream.write_all(b"GET").await.unwrap_err();
            assert_eq!(latch.end(), ended);
            drop(stream);
            let mut read = Vec::new();
            far.read_to_end(&mut read).await.unwrap();
            assert!(read.is_empty());
        }
    }

    #[tokio::test]
    async fn a_write_that_took_nothing_is_asked_about_again() {
        let (near, mut far) = tokio::io::duplex(1);
        let (mut stream, latch) = Gated::new(near);
        // The connection is full: nothing can be taken.
        stream.write_all(b"x").await.unwrap();
        latch.arm(Arc::new(Says(GateAnswer::Go)));
        let write =
            |stream: &mut Gated<_>, context: &mut Context<'_>| Pin::new(stream).poll_write(context, b"y");
        let written = poll_fn(|context| Poll::Ready(write(&mut stream, context))).await;
        assert!(written.is_pending() && matches!(&*latch.stage(), Stage::Waiting(_)));
        far.read_u8().await.unwrap();
        poll_fn(|context| write(&mut stream, context)).await.unwrap();
        assert_eq!(latch.end(), RequestEnd::Left);
    }
}
