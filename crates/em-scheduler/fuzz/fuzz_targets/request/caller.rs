//! A client in memory: says what it has to say, in pieces, and hangs up once nothing of it is being carried out.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use em_scheduler::http::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, oneshot};

/// So often the server finds nothing to read before the client hangs up: time for a request that was read to begin.
const LOOKS: u8 = 4;

/// Requests that passed the guard and have not been answered.
#[derive(Default)]
pub struct Inside(Mutex<(usize, Option<Waker>)>);

impl Inside {
    pub fn enter(self: &Arc<Self>) -> Entered {
        self.0.lock().expect("the count").0 += 1;
        Entered(Arc::clone(self))
    }
}

/// One of them.
pub struct Entered(Arc<Inside>);

impl Drop for Entered {
    fn drop(&mut self) {
        let mut inside = self.0.0.lock().expect("the count");
        inside.0 -= 1;
        if let Some(waker) = inside.1.take() {
            waker.wake();
        }
    }
}

pub struct Caller {
    said: Vec<u8>,
    at: usize,
    piece: usize,
    looks: u8,
    heard: Vec<u8>,
    inside: Arc<Inside>,
    /// Told what was heard when the server is done with the connection.
    end: Option<oneshot::Sender<Vec<u8>>>,
}

impl Caller {
    pub fn new(said: Vec<u8>, piece: usize, inside: &Arc<Inside>) -> (Self, oneshot::Receiver<Vec<u8>>) {
        let (end, ended) = oneshot::channel();
        let caller = Self {
            said,
            at: 0,
            piece,
            looks: 0,
            heard: Vec::new(),
            inside: Arc::clone(inside),
            end: Some(end),
        };
        (caller, ended)
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(std::mem::take(&mut self.heard));
        }
    }
}

impl AsyncRead for Caller {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let end = self.said.len().min(self.at + self.piece.min(buffer.remaining()));
        if self.at < end {
            buffer.put_slice(&self.said[self.at..end]);
            self.at = end;
            self.looks = 0;
            return Poll::Ready(Ok(()));
        }
        let inside = Arc::clone(&self.inside);
        let mut inside = inside.0.lock().expect("the count");
        if inside.0 > 0 {
            inside.1 = Some(context.waker().clone());
            self.looks = 0;
            return Poll::Pending;
        }
        if self.looks < LOOKS {
            self.looks += 1;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Caller {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.heard.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Where callers come from.
pub struct InMemoryListener(tokio::sync::Mutex<mpsc::UnboundedReceiver<Caller>>);

impl InMemoryListener {
    pub fn new() -> (mpsc::UnboundedSender<Caller>, Self) {
        let (callers, coming) = mpsc::unbounded_channel();
        (callers, Self(tokio::sync::Mutex::new(coming)))
    }
}

impl Listener for InMemoryListener {
    type Stream = Caller;

    async fn accept(&self) -> Caller {
        match self.0.lock().await.recv().await {
            Some(caller) => caller,
            None => std::future::pending().await,
        }
    }
}
