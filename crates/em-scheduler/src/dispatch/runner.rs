//! The client of the runner: one `GET <base>/<task_id>` per attempt over kept-alive connections, and an answer that
//! says for certain whether anything can have left.
//!
//! It stands directly on hyper's connection, not on a pooled client, for two reasons: the gate must be asked at the
//! first byte (see `gate`); and nothing below may retry on its own. No redirect is followed, no proxy of the system used.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::gate::{Attempt, Gate, Gated, Latch, Passage, Verdict};
use super::report;
use crate::clock::Stopwatch;
use crate::model::{SendableRun, WireDialect};

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The runner answered with this status after so many microseconds.
    Status(u16, i64),
    /// The runner answered 2xx and reported this error in the body (rule D11).
    Declined(String),
    /// Nothing can have left, for this reason.
    NotSent(String),
    /// Something may have left and no answer came, for this reason.
    Ambiguous(String),
    /// The gate was closed: nothing has left.
    Held,
    /// The job was deleted: nothing has left.
    Withdrawn,
}

/// Where the runner is: `http://host[:port][/path]` or https.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerAddress {
    https: bool,
    host: String,
    port: u16,
    authority: HeaderValue,
    path: String,
}

/// The time-outs of an attempt.
#[derive(Debug, Clone, Copy)]
pub struct RunnerTimeouts {
    /// Until the connection stands, name resolution and TLS included.
    pub connect: Duration,
    /// Until the whole answer is there, from the start of the attempt.
    pub total: Duration,
}

impl Default for RunnerTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(30),
        }
    }
}

/// A kept-alive connection that has idled for longer is not used again: the runner may be closing it right now,
/// and a request lost on it would be ambiguous.
const LONGEST_IDLE_MICROS: i64 = 1_000_000;
/// No more than this of an answer's body is read.
const BODY_LIMIT: usize = 64 * 1024;
/// What is read ahead of an answer: its head must fit in here. Of a runner that sends without end hyper would else keep up to
/// 400 KB for each request.
const READ_AHEAD: usize = 16 * 1024;
/// And the body is waited for no longer than this.
const BODY_WITHIN: Duration = Duration::from_secs(5);
const AGENT: HeaderValue = HeaderValue::from_static(concat!("em-scheduler/", env!("CARGO_PKG_VERSION")));
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const SCHEDULED_FOR: HeaderName = HeaderName::from_static("x-scheduled-for");
const JOB_ID: HeaderName = HeaderName::from_static("x-job-id");
const ATTEMPT: HeaderName = HeaderName::from_static("x-attempt");

/// What has come of an attempt.
enum Attempted {
    /// Nothing more will.
    Ended(Answer),
    /// The head of an answer; its body comes on this line.
    Head {
        status: u16,
        took: i64,
        line: Line,
        body: Incoming,
    },
}

/// A connection ready for a request, and where that request stands.
struct Line {
    sender: SendRequest<Empty<Bytes>>,
    latch: Latch,
}

/// A connection to the runner.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Another way to the runner than TCP and TLS.
#[async_trait]
pub trait Dial: Send + Sync {
    /// A new connection, or why there is none: nothing has left then.
    async fn dial(&self) -> Result<Box<dyn Connection>, String>;
}

/// Sends requests to one runner. Cheap to clone.
#[derive(Clone)]
pub struct RunnerClient {
    address: Arc<RunnerAddress>,
    timeouts: RunnerTimeouts,
    tls: Option<TlsConnector>,
    dial: Option<Arc<dyn Dial>>,
    dialect: WireDialect,
    idle: Arc<Mutex<Vec<(Line, Stopwatch)>>>,
}

impl std::str::FromStr for RunnerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected http://host[:port][/path] or https://…";
        let refuse = |why: &str| format!("{text:?} is not a runner's address: {why}; {expected}");
        let uri: Uri = text.parse().map_err(|_| refuse("it is no URL"))?;
        let https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(refuse("the scheme must be http or https")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("a user or password in it is not supported"));
        }
        if uri.query().is_some() {
            return Err(refuse("it must not have a query"));
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if host.is_empty() {
            return Err(refuse("it names no host"));
        }
        // A port that is none must not become the usual one: that would be another runner.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => Some(if https { 443 } else { 80 }),
            Some(_) => authority.port_u16().filter(|port| *port != 0),
            None => None,
        };
        Ok(Self {
            https,
            host,
            port: port.ok_or_else(|| refuse("its port is no number from 1 to 65535"))?,
            authority: HeaderValue::from_str(authority.as_str())
                .map_err(|_| refuse("its host is not a name"))?,
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl std::fmt::Display for RunnerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(
            f,
            "{scheme}://{}{}",
            self.authority.to_str().unwrap_or(&self.host),
            self.path
        )
    }
}

impl RunnerClient {
    /// A client of the runner at `address`.
    ///
    /// # Errors
    /// An https runner, and the system has no root certificates to trust it by.
    pub fn new(address: RunnerAddress, timeouts: RunnerTimeouts) -> Result<Self, String> {
        let tls = if address.https {
            Some(tls_connector()?)
        } else {
            None
        };
        Ok(Self {
            address: Arc::new(address),
            timeouts,
            tls,
            dial: None,
            dialect: WireDialect::Em2,
            idle: Arc::default(),
        })
    }

    /// A client that reaches the runner another way; the address is only what its requests name.
    pub fn dialling(dial: Arc<dyn Dial>, address: RunnerAddress, timeouts: RunnerTimeouts) -> Self {
        Self {
            address: Arc::new(address),
            timeouts,
            tls: None,
            dial: Some(dial),
            dialect: WireDialect::Em2,
            idle: Arc::default(),
        }
    }

    /// The same client for a runner of this dialect; a new one is for em2.
    #[must_use]
    pub fn speaking(self, dialect: WireDialect) -> Self {
        Self { dialect, ..self }
    }

    /// Whose runner it is.
    pub(super) fn dialect(&self) -> WireDialect {
        self.dialect
    }

    /// One attempt. `gate` is asked at the moment at which the first byte is about to be written; its word is final.
    pub async fn send(&self, run: &SendableRun, gate: Arc<dyn Gate>) -> Answer {
        let watch = Stopwatch::start();
        let current = Mutex::new(Latch::default());
        let attempt = self.attempt(run, (gate, &current), watch);
        let seconds = self.timeouts.total.as_secs();
        match tokio::time::timeout(self.timeouts.total, attempt).await {
            Ok(Attempted::Ended(answer)) => return answer,
            // The time is up for the head alone: once it is there the outcome is never ambiguous again.
            Ok(Attempted::Head {
                status,
                took,
                line,
                body,
            }) => {
                return self.answered((status, took), line, body).await;
            }
            Err(_) => {}
        }
        // The attempt has been given up: what has not left by now never will.
        match current.into_inner().unwrap_or_else(PoisonError::into_inner).end() {
            Passage::Left => Answer::Ambiguous(format!("no answer within {seconds} s")),
            Passage::Unsent | Passage::Refused(_) => {
                Answer::NotSent(format!("nothing could be sent within {seconds} s"))
            }
        }
    }

    async fn attempt(
        &self,
        run: &SendableRun,
        (gate, current): (Arc<dyn Gate>, &Mutex<Latch>),
        watch: Stopwatch,
    ) -> Attempted {
        let ended = Attempted::Ended;
        loop {
            let (mut connection, reused) = match self.idle_connection() {
                Some(connection) => (connection, true),
                None => match self.connect().await {
                    Ok(connection) => (connection, false),
                    Err(reason) => return ended(Answer::NotSent(reason)),
                },
            };
            let request = match self.request(run) {
                Ok(request) => request,
                Err(reason) => return ended(Answer::NotSent(reason)),
            };
            if connection.sender.ready().await.is_err() {
                if reused {
                    continue;
                }
                let reason = "the runner closed the connection at once";
                return ended(Answer::NotSent(reason.into()));
            }
            let latch = connection.latch.clone();
            latch.arm(Arc::clone(&gate));
            *current.lock().unwrap_or_else(PoisonError::into_inner) = latch.clone();
            let attempt = Attempt(&latch);
            let sent = connection.sender.try_send_request(request).await;
            let error = match sent {
                Ok(response) => {
                    return Attempted::Head {
                        status: response.status().as_u16(),
                        took: watch.micros(),
                        line: connection,
                        body: response.into_body(),
                    };
                }
                Err(error) => error,
            };
            drop(attempt);
            let reason = error.error();
            match latch.end() {
                Passage::Refused(Verdict::Withdrawn) => return ended(Answer::Withdrawn),
                Passage::Refused(_) => return ended(Answer::Held),
                Passage::Left => {
                    return ended(Answer::Ambiguous(format!("the connection failed: {reason}")));
                }
                // The connection had gone before the request: a kept one may have, and another is tried.
                Passage::Unsent if reused => {}
                Passage::Unsent => {
                    return ended(Answer::NotSent(format!(
                        "the connection closed before the request left: {reason}"
                    )));
                }
            }
        }
    }

    fn request(&self, run: &SendableRun) -> Result<Request<Empty<Bytes>>, String> {
        let value = |text: String| HeaderValue::from_str(&text).map_err(|error| error.to_string());
        Request::get(format!("{}/{}", self.address.path, run.task_id))
            .header(HOST, self.address.authority.clone())
            .header(USER_AGENT, AGENT)
            .header(IDEMPOTENCY_KEY, value(run.idempotency_key())?)
            .header(SCHEDULED_FOR, value(run.scheduled_for.to_string())?)
            .header(JOB_ID, value(run.job_id.clone())?)
            .header(ATTEMPT, HeaderValue::from(run.attempt))
            .body(Empty::new())
            .map_err(|error| error.to_string())
    }

    fn idle_connection(&self) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // The last one kept is the freshest; where even that is stale, all are.
        while let Some((connection, since)) = idle.pop() {
            if since.micros() > LONGEST_IDLE_MICROS {
                idle.clear();
            } else if !connection.sender.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    /// What an answer means whose head is there. The status is the answer, whatever becomes of the body, and the body is read
    /// beside everything else; only a 2xx of a hub's runner is waited out, which may report an error (rule D11).
    async fn answered(&self, (status, took): (u16, i64), line: Line, body: Incoming) -> Answer {
        let may_report = self.dialect == WireDialect::Hub && (200..300).contains(&status);
        let client = self.clone();
        if !may_report {
            tokio::spawn(async move { client.finish(line, body, None).await });
            return Answer::Status(status, took);
        }
        let mut read = Vec::new();
        let whole = client.finish(line, body, Some(&mut read)).await;
        match report::error_in(&read).filter(|_| whole) {
            Some(error) => Answer::Declined(error),
            None => Answer::Status(status, took),
        }
    }

    /// Reads the rest of an answer, so that its connection can be used again, and keeps what is read where that is wanted.
    /// False where it is too long, comes too late or breaks off.
    async fn finish(&self, connection: Line, body: Incoming, keep: Option<&mut Vec<u8>>) -> bool {
        let whole = tokio::time::timeout(BODY_WITHIN, read_to_end(body, keep)).await == Ok(true);
        if whole && !connection.sender.is_closed() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push((connection, Stopwatch::start()));
        }
        whole
    }

    async fn connect(&self) -> Result<Line, String> {
        let address = &self.address;
        match tokio::time::timeout(self.timeouts.connect, self.open()).await {
            Ok(opened) => opened.map_err(|reason| format!("{address} cannot be reached: {reason}")),
            Err(_) => Err(format!(
                "{address} cannot be reached: no connection within {} s",
                self.timeouts.connect.as_secs()
            )),
        }
    }

    async fn open(&self) -> Result<Line, String> {
        if let Some(dial) = &self.dial {
            return handshake(dial.dial().await?).await;
        }
        let stream = self.tcp().await?;
        // One small packet per request: waiting to fill it would only make it late.
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        match &self.tls {
            None => handshake(stream).await,
            Some(connector) => {
                let name =
                    ServerName::try_from(self.address.host.clone()).map_err(|error| error.to_string())?;
                let stream = connector
                    .connect(name, stream)
                    .await
                    .map_err(|error| format!("TLS: {error}"))?;
                handshake(stream).await
            }
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
                Ok(stream) => return Ok(stream),
                Err(error) => last = error.to_string(),
            }
        }
        Err(last)
    }
}

async fn handshake<S>(stream: S) -> Result<Line, String>
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
    Ok(Line { sender, latch })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_refused() {
        for (text, shown) in [
            ("http://127.0.0.1:5002/api", "http://127.0.0.1:5002/api"),
            ("http://127.0.0.1:5002/api/", "http://127.0.0.1:5002/api"),
            ("https://runner.example", "https://runner.example"),
            ("http://[::1]:5002", "http://[::1]:5002"),
        ] {
            assert_eq!(
                text.parse::<RunnerAddress>().map(|address| address.to_string()),
                Ok(shown.to_owned())
            );
        }
        for text in [
            "",
            "127.0.0.1:5002",
            "ftp://x/api",
            "http://user:word@x/",
            "http://x/?a=1",
            "http:///api",
            // Found by fuzzing: these went to port 80.
            "http://h:-hos",
            "http://h:99999",
            "http://h:",
            "https://[::1]:0/api",
        ] {
            assert!(text.parse::<RunnerAddress>().is_err(), "{text}");
        }
    }
}
