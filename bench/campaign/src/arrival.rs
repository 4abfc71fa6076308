//! A connection of the runner that knows when its bytes arrived, by the kernel: a busy runner reads them later, and what
//! counts is when they left. On one machine a byte arrives some ten microseconds after it has left.

use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use test_world::clock;
use test_world::runner::Wire;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// A TCP connection with the arrival of what was read last.
pub struct StampedStream {
    stream: TcpStream,
    arrived: i64,
}

impl StampedStream {
    /// The connection of a listener that was told to [`stamp`].
    pub fn new(stream: TcpStream) -> Self {
        // A refusal to switch the delay off costs time, not correctness.
        let _ = stream.set_nodelay(true);
        Self { stream, arrived: 0 }
    }
}

/// Has the kernel note the arrival of what comes on this listener's connections: they inherit it. Where nobody on the
/// machine asked for that before, it begins some milliseconds later, and until then the time of reading counts.
pub fn stamp(listener: &TcpListener) -> io::Result<()> {
    Ok(setsockopt(listener, sockopt::ReceiveTimestampns, &true)?)
}

impl Wire for StampedStream {
    fn arrived(&self) -> Option<i64> {
        Some(self.arrived)
    }

    fn end_with_reset(&self) {
        self.stream.end_with_reset();
    }
}

/// Reads what is there; of several packets the last one's arrival counts. A TLS record of the request is never read
/// together with a later one: the runner has to answer first.
fn receive(stream: &TcpStream, into: &mut [u8]) -> io::Result<(usize, i64)> {
    let mut told = nix::cmsg_space!(TimeSpec);
    let mut parts = [IoSliceMut::new(into)];
    let flags = MsgFlags::empty();
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut told), flags)?;
    let arrived = message.cmsgs()?.find_map(|told| match told {
        ControlMessageOwned::ScmTimestampns(at) => Some(at.tv_sec() * 1_000_000 + at.tv_nsec() / 1_000),
        _ => None,
    });
    // Nothing is told of the end of a connection.
    Ok((message.bytes, arrived.unwrap_or_else(clock::now)))
}

impl AsyncRead for StampedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            ready!(this.stream.poll_read_ready(context))?;
            let into = buffer.initialize_unfilled();
            let received = this
                .stream
                .try_io(Interest::READABLE, || receive(&this.stream, into));
            match received {
                Ok((length, arrived)) => {
                    this.arrived = arrived;
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for StampedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn what_is_read_late_arrived_when_it_was_sent() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            stamp(&listener).unwrap();
            let mut sending = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let mut reading = StampedStream::new(listener.accept().await.unwrap().0);
            let began = clock::now();
            let (mut last, mut noted) = (0, 0);
            while noted < 2 {
                let before = clock::now();
                sending.write_all(b"x").await.unwrap();
                let after = clock::now();
                // Long enough that the time of reading is another.
                while clock::now() < after + 20_000 {
                    tokio::task::yield_now().await;
                }
                reading.read_exact(&mut [0; 1]).await.unwrap();
                let arrived = reading.arrived().unwrap();
                assert!(arrived > last && arrived >= before, "{before}: {arrived}");
                last = arrived;
                if arrived < after + 10_000 {
                    noted += 1;
                }
                assert!(
                    after < began + 10_000_000,
                    "sent from {before} to {after}, arrived at {arrived}"
                );
            }
        });
    }
}
