//! What connections come from. Failing to accept one is no reason to end.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, warn};

/// The pause after a failure to accept: most are of one connection, but without file handles all fail at once.
const PAUSE: Duration = Duration::from_millis(100);

/// A source of connections.
pub trait Listener: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection. Cancelling it loses none.
    fn accept(&self) -> impl Future<Output = Self::Stream> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> TcpStream {
        loop {
            match self.accept().await {
                Ok((stream, _)) => {
                    // Responses are small and whole: nothing is gained by waiting for more to send. Failing costs only
                    // time.
                    let _ = stream.set_nodelay(true);
                    return stream;
                }
                Err(error) => failed(&error).await,
            }
        }
    }
}

pub(super) async fn failed(error: &io::Error) {
    if of_one_connection(error) {
        debug!(%error, "a connection ended before it began");
    } else {
        warn!(%error, "no connection can be accepted at the moment");
        tokio::time::sleep(PAUSE).await;
    }
}

fn of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
