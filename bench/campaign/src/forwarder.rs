//! A TCP forwarder between one service and PostgreSQL, which can fall silent: it then passes nothing on, neither bytes nor
//! the end of a connection, and keeps all connections open. To the server that is a host that has vanished without a
//! word, to the service a server that has.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

/// A running forwarder. Its connections end when it is dropped.
pub struct Forwarder {
    address: SocketAddr,
    silent: watch::Sender<bool>,
    shared: Arc<Shared>,
    _end: oneshot::Sender<()>,
}

struct Shared {
    /// Where it forwards to.
    server: u16,
    silent: watch::Receiver<bool>,
    /// Its own ports towards the server.
    ports: Mutex<BTreeSet<u16>>,
}

impl Forwarder {
    /// Starts it on a free port of loopback, to a server on another one.
    pub fn start(server: u16) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let (silent, hears) = watch::channel(false);
        let shared = Arc::new(Shared {
            server,
            silent: hears,
            ports: Mutex::default(),
        });
        let forwarding = Arc::clone(&shared);
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("forwarder".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = listen(listener, forwarding) => {}
                        _ = ended => {}
                    }
                });
            })
            .context("the thread of the forwarder")?;
        Ok(Self {
            address,
            silent,
            shared,
            _end: end,
        })
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Its ports towards the server.
    pub fn ports(&self) -> Vec<u16> {
        let ports = self.shared.ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.iter().copied().collect()
    }

    /// Passes nothing on from now on, or everything again, also what was held back.
    pub fn fall_silent(&self, silent: bool) {
        self.silent.send_replace(silent);
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    // Out of descriptors, most likely: the campaign is at its end then.
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(forward(client, Arc::clone(&shared)));
    }
}

async fn forward(client: TcpStream, shared: Arc<Shared>) {
    // A new connection to a host that is gone gets no answer either.
    if passing(&mut shared.silent.clone()).await.is_none() {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", shared.server)).await else {
        return;
    };
    let Ok(own) = server.local_addr() else { return };
    let ports = || shared.ports.lock().unwrap_or_else(PoisonError::into_inner);
    ports().insert(own.port());
    for stream in [&client, &server] {
        // A refusal to switch the delay off costs time, not correctness.
        let _ = stream.set_nodelay(true);
    }
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::join!(
        pass(&mut from_client, &mut to_server, shared.silent.clone()),
        pass(&mut from_server, &mut to_client, shared.silent.clone())
    );
    ports().remove(&own.port());
}

/// Passes on until one side ends, and then tells the other.
async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut silent: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await;
        // What came when it had fallen silent is kept, the end of the connection, too.
        if passing(&mut silent).await.is_none() {
            return;
        }
        let passed = match read {
            Ok(length) if length > 0 => to.write_all(&buffer[..length]).await.is_ok(),
            _ => false,
        };
        if !passed {
            // It may be gone already.
            let _ = to.shutdown().await;
            return;
        }
    }
}

/// Waits until it passes things on; none where the forwarder is gone.
async fn passing(silent: &mut watch::Receiver<bool>) -> Option<()> {
    silent.wait_for(|silent| !silent).await.ok().map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net;
    use std::time::Duration;

    use super::*;

    #[test]
    fn while_silent_it_passes_nothing_on_not_even_an_end() {
        let server = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let forwarder = Forwarder::start(server.local_addr().unwrap().port()).unwrap();
        let mut client = net::TcpStream::connect(("127.0.0.1", forwarder.port())).unwrap();
        let (mut accepted, from) = server.accept().unwrap();
        client.write_all(b"a").unwrap();
        let mut byte = [0; 1];
        accepted.read_exact(&mut byte).unwrap();
        assert_eq!(forwarder.ports(), [from.port()]);
        forwarder.fall_silent(true);
        client.write_all(b"b").unwrap();
        drop(client);
        accepted
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        assert!(accepted.read(&mut byte).is_err(), "{byte:?} came");
        forwarder.fall_silent(false);
        accepted.set_read_timeout(None).unwrap();
        accepted.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"b");
        assert_eq!(accepted.read(&mut byte).unwrap(), 0, "and then the end");
    }
}
