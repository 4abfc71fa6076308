//! A bare HTTP client on hyper's connection: for calls of the API, and for the floor.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use test_world::clock::Stopwatch;

/// One kept-alive connection.
pub struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    host: String,
}

impl Connection {
    /// Connects, on the runtime that calls this.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // How it ends is told to whoever waits for an answer.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            host: address.to_string(),
        })
    }

    /// One GET; answers the length of the body.
    /// Fails where the answer is no success, too.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<usize> {
        let request = Request::get(path)
            .header("host", self.host.as_str())
            .body(Empty::new())?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let mut body = response.into_body();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, Bytes::len);
        }
        ensure!(status.is_success(), "{path} answered {status}");
        Ok(length)
    }
}

/// Calls an API from ordinary code, one call after the other.
pub struct Caller {
    runtime: tokio::runtime::Runtime,
    connection: Connection,
}

impl Caller {
    /// Connects.
    pub fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let connection = runtime.block_on(Connection::open(address))?;
        Ok(Self { runtime, connection })
    }

    /// With a fresh connection to where it was connected before.
    pub fn reconnect(&mut self) -> anyhow::Result<()> {
        let address = self.connection.host.parse()?;
        self.connection = self.runtime.block_on(Connection::open(address))?;
        Ok(())
    }

    /// One GET; answers how long it took in microseconds, until the whole answer was there, and its length.
    pub fn get(&mut self, path: &str) -> anyhow::Result<(i64, usize)> {
        let watch = Stopwatch::start();
        let length = self
            .runtime
            .block_on(self.connection.get(path))
            .with_context(|| format!("GET {path}"))?;
        Ok((watch.micros(), length))
    }
}
