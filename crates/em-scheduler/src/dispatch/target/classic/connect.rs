//! How the runner is reached: TCP, TLS, or another way that a test gives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::RunnerAddress;
use crate::dispatch::target::gated::{Gated, Latch};

/// What is read ahead of an answer: its head must fit in here. Of a runner that sends without end hyper would else keep up to
/// 400 KB for each request.
const READ_AHEAD: usize = 16 * 1024;

/// A connection to the runner.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Another way to the runner than TCP and TLS.
#[async_trait]
pub trait Dial: Send + Sync {
    /// A new connection, or why there is none: nothing has left then.
    async fn dial(&self) -> Result<Box<dyn Connection>, String>;
}

/// A connection ready for a request, and where that request stands.
pub(super) struct HttpConnection {
    pub(super) sender: SendRequest<Empty<Bytes>>,
    pub(super) latch: Latch,
}

/// Makes connections to one runner.
pub(super) struct Connector {
    pub(super) address: RunnerAddress,
    way: Way,
}

enum Way {
    Tcp,
    Tls(TlsConnector),
    Dial(Arc<dyn Dial>),
}

impl Connector {
    /// By TCP, and TLS where the address says https.
    ///
    /// # Errors
    /// An https runner, and the system has no root certificates to trust it by.
    pub(super) fn new(address: RunnerAddress) -> Result<Self, String> {
        let way = if address.https {
            Way::Tls(tls_connector()?)
        } else {
            Way::Tcp
        };
        Ok(Self { address, way })
    }

    /// Another way; the address is only what requests name.
    pub(super) fn dialling(dial: Arc<dyn Dial>, address: RunnerAddress) -> Self {
        let way = Way::Dial(dial);
        Self { address, way }
    }

    /// A new connection within so long, or why there is none.
    pub(super) async fn connect(&self, within: Duration) -> Result<HttpConnection, String> {
        let address = &self.address;
        match tokio::time::timeout(within, self.open()).await {
            Ok(opened) => opened.map_err(|reason| format!("{address} cannot be reached: {reason}")),
            Err(_) => Err(format!(
                "{address} cannot be reached: no connection within {} s",
                within.as_secs()
            )),
        }
    }

    async fn open(&self) -> Result<HttpConnection, String> {
        match &self.way {
            Way::Tcp => handshake(self.tcp().await?).await,
            Way::Tls(connector) => {
                let stream = self.tcp().await?;
                let name =
                    ServerName::try_from(self.address.host.clone()).map_err(|error| error.to_string())?;
                let stream = connector
                    .connect(name, stream)
                    .await
                    .map_err(|error| format!("TLS: {error}"))?;
                handshake(stream).await
            }
            Way::Dial(dial) => handshake(dial.dial().await?).await,
        }
    }

    async fn tcp(&self) -> Result<TcpStream, String> {
        let host = (self.address.host.as_str(), self.address.port);
        let resolved = tokio::net::lookup_host(host)
            .await
            .map_err(|error| error.to_string())?;
        let mut last = "the name has no address".to_owned();
        for address in resolved.collect::<Vec<SocketAddr>>() {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // One small packet per request: waiting to fill it would only make it late.
                    stream.set_nodelay(true).map_err(|error| error.to_string())?;
                    return Ok(stream);
                }
                Err(error) => last = error.to_string(),
            }
        }
        Err(last)
    }
}

async fn handshake<S>(stream: S) -> Result<HttpConnection, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stream, latch) = Gated::new(stream);
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(READ_AHEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    // The connection is driven until it ends; how it ended is told to whoever waits on the sender.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(HttpConnection { sender, latch })
}

fn tls_connector() -> Result<TlsConnector, String> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (accepted, _) = roots.add_parsable_certificates(found.certs);
    if accepted == 0 {
        return Err(
            "the system has no root certificates to trust an https runner by (package ca-certificates)"
                .into(),
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
