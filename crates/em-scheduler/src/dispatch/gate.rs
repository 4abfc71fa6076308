//! The gate: the question asked at the moment at which the first byte of a request is about to be written, and the
//! stream under the HTTP client that asks it.
//!
//! ```text
//!  request handed to the client ─▶ waiting ── first write: the gate says go ──▶ left (ambiguous from here on)
//!                                     │  └─ the write could take nothing yet: still waiting
//!                                     └──── refused: the write fails, no byte has left
//! ```
//! The gate is asked here and not before the request is handed to the client, because the client writes it from a task
//! of its own, at a time of its own. Check and write happen under one lock ([`Gate::pass`]), so that whoever closes the
//! gate and then takes that lock knows: what was let through has left, and nothing follows it (rule S1).

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the gate says right before a first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Send.
    Go,
    /// Not now: paused, stopped, or the lease of this process has lapsed.
    Hold,
    /// Never: its job was deleted.
    Withdrawn,
}

/// Decides whether the first byte of one request may be written.
pub trait Gate: Send + Sync {
    /// Calls `write` if the first byte may leave, and returns the verdict. No change that closes the gate completes
    /// between the check and the end of `write`.
    fn pass(&self, write: &mut dyn FnMut()) -> Verdict;
}

/// The gate of a run that a person asked for: always open.
pub struct AlwaysOpen;

impl Gate for AlwaysOpen {
    fn pass(&self, write: &mut dyn FnMut()) -> Verdict {
        write();
        Verdict::Go
    }
}

/// Where the request on a connection stands; shared between its sender and its stream.
#[derive(Clone, Default)]
pub(super) struct Latch(Arc<Mutex<State>>);

#[derive(Default)]
enum State {
    /// No request is on its way.
    #[default]
    Idle,
    /// A request was handed to the client; no byte of it has been written.
    Waiting(Arc<dyn Gate>),
    /// Bytes of it may have left.
    Left,
    /// The gate refused it: nothing is written on this connection any more.
    Refused(Verdict),
    /// Its sender gave it up before a byte was written: as above.
    GivenUp,
}

/// What became of a request, as far as the stream knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    /// No byte was written, and none will be.
    Unsent,
    /// The gate refused it; no byte was written.
    Refused(Verdict),
    /// Bytes may have left.
    Left,
}

impl Latch {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent after each of the methods.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request is about to be handed to the client.
    pub(super) fn arm(&self, gate: Arc<dyn Gate>) {
        *self.state() = State::Waiting(gate);
    }

    /// The request has ended, or was given up. One of which nothing has left cannot leave any more.
    pub(super) fn end(&self) -> Passage {
        let mut state = self.state();
        match &*state {
            State::Idle | State::Waiting(_) | State::GivenUp => {
                *state = State::GivenUp;
                Passage::Unsent
            }
            State::Refused(verdict) => Passage::Refused(*verdict),
            State::Left => Passage::Left,
        }
    }
}

/// Ends the request when its sender gives it up.
pub(super) struct Attempt<'l>(pub(super) &'l Latch);

impl Drop for Attempt<'_> {
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
        let mut state = latch.state();
        let gate = match &*state {
            State::Waiting(gate) => Arc::clone(gate),
            State::Idle | State::Left => {
                drop(state);
                return write(Pin::new(inner));
            }
            State::Refused(_) | State::GivenUp => return Poll::Ready(Err(refused())),
        };
        let mut written = Poll::Pending;
        let verdict = gate.pass(&mut || written = write(Pin::new(&mut *inner)));
        if verdict != Verdict::Go {
            *state = State::Refused(verdict);
            return Poll::Ready(Err(refused()));
        }
        // A write that took nothing is asked about again.
        let written = ready!(written);
        *state = State::Left;
        Poll::Ready(written)
    }
}

fn refused() -> io::Error {
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

    struct Says(Verdict);

    impl Gate for Says {
        fn pass(&self, write: &mut dyn FnMut()) -> Verdict {
            if self.0 == Verdict::Go {
                write();
            }
            self.0
        }
    }

    #[tokio::test]
    async fn the_gate_is_asked_at_the_first_byte_and_not_again() {
        let (near, mut far) = tokio::io::duplex(64);
        let (mut stream, latch) = Gated::new(near);
        latch.arm(Arc::new(Says(Verdict::Go)));
        stream.write_all(b"GET").await.unwrap();
        assert_eq!(latch.end(), Passage::Left);
        stream.write_all(b" /7").await.unwrap();
        let mut read = [0; 6];
        far.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"GET /7");
    }

    #[tokio::test]
    async fn what_is_refused_or_given_up_never_leaves() {
        for (armed, passage) in [
            (Some(Verdict::Hold), Passage::Refused(Verdict::Hold)),
            (Some(Verdict::Withdrawn), Passage::Refused(Verdict::Withdrawn)),
            (None, Passage::Unsent),
        ] {
            let (near, mut far) = tokio::io::duplex(64);
            let (mut stream, latch) = Gated::new(near);
            latch.arm(Arc::new(Says(armed.unwrap_or(Verdict::Go))));
            if armed.is_none() {
                // Given up before anything was written.
                drop(Attempt(&latch));
            }
            stream.write_all(b"GET").await.unwrap_err();
            stream.write_all(b"GET").await.unwrap_err();
            assert_eq!(latch.end(), passage);
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
        latch.arm(Arc::new(Says(Verdict::Go)));
        let write =
            |stream: &mut Gated<_>, context: &mut Context<'_>| Pin::new(stream).poll_write(context, b"y");
        let written = poll_fn(|context| Poll::Ready(write(&mut stream, context))).await;
        assert!(written.is_pending() && matches!(&*latch.state(), State::Waiting(_)));
        far.read_u8().await.unwrap();
        poll_fn(|context| write(&mut stream, context)).await.unwrap();
        assert_eq!(latch.end(), Passage::Left);
    }
}
