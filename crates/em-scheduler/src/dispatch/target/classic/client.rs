//! The client of the runner: one `GET <base>/<task_id>` per attempt over kept-alive connections, and a result that
//! says for certain whether anything can have left.
//!
//! It stands directly on hyper's connection, not on a pooled client, for two reasons: the gate must be asked at the
//! first byte (see `gated`); and nothing below may retry on its own. No redirect is followed, no proxy of the system used.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use http_body_util::Empty;
use hyper::body::Incoming;

use super::address::RunnerAddress;
use super::answer;
use super::connect::{Connector, Dial, HttpConnection};
use super::idle::IdleConnections;
use crate::clock::Stopwatch;
use crate::dispatch::gate::{Gate, GateAnswer};
use crate::dispatch::target::Deliver;
use crate::dispatch::target::gated::{EndAtDrop, Latch, RequestEnd};
use crate::model::Delivered;
use crate::model::{SendableRun, WireDialect};

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

const AGENT: HeaderValue = HeaderValue::from_static(concat!("em-scheduler/", env!("CARGO_PKG_VERSION")));
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const SCHEDULED_FOR: HeaderName = HeaderName::from_static("x-scheduled-for");
const JOB_ID: HeaderName = HeaderName::from_static("x-job-id");
const ATTEMPT: HeaderName = HeaderName::from_static("x-attempt");

/// The head of an answer; its body comes on this connection.
struct Head {
    status: u16,
    took: i64,
    connection: HttpConnection,
    body: Incoming,
}

/// Sends requests to one runner.
pub struct RunnerClient {
    connector: Connector,
    timeouts: RunnerTimeouts,
    dialect: WireDialect,
    retry_statuses: Vec<u16>,
    idle: Arc<IdleConnections>,
}

#[async_trait]
impl Deliver for RunnerClient {
    async fn deliver(&self, run: &SendableRun, gate: Arc<dyn Gate>) -> Delivered {
        let watch = Stopwatch::start();
        let current = Mutex::new(None);
        let attempt = self.attempt(run, (gate, &current), watch);
        let seconds = self.timeouts.total.as_secs();
        match tokio::time::timeout(self.timeouts.total, attempt).await {
            // The time is up for the head alone: once it is there the outcome is never ambiguous again.
            Ok(Ok(head)) => return self.answered(head).await,
            Ok(Err(delivered)) => return delivered,
            Err(_) => {}
        }
        // The attempt has been given up: what has not left by now never will.
        let current = current.into_inner().unwrap_or_else(PoisonError::into_inner);
        match current.map_or(RequestEnd::Unsent, |latch| latch.end()) {
            RequestEnd::Left => Delivered::Ambiguous(format!("no answer within {seconds} s")),
            RequestEnd::Unsent | RequestEnd::HeldBack(_) => {
                Delivered::NotSent(format!("nothing could be sent within {seconds} s"))
            }
        }
    }
}

impl RunnerClient {
    /// A client of the runner at `address`.
    ///
    /// # Errors
    /// An https runner, and the system has no root certificates to trust it by.
    pub fn new(address: RunnerAddress, timeouts: RunnerTimeouts) -> Result<Self, String> {
        Ok(Self::with(Connector::new(address)?, timeouts))
    }

    /// A client that reaches the runner another way; the address is only what its requests name.
    pub fn dialling(dial: Arc<dyn Dial>, address: RunnerAddress, timeouts: RunnerTimeouts) -> Self {
        Self::with(Connector::dialling(dial, address), timeouts)
    }

    fn with(connector: Connector, timeouts: RunnerTimeouts) -> Self {
        Self {
            connector,
            timeouts,
            dialect: WireDialect::Em2,
            retry_statuses: Vec::new(),
            idle: Arc::default(),
        }
    }

    /// The same client for a runner of this dialect; a new one is for em2.
    #[must_use]
    pub fn speaking(self, dialect: WireDialect) -> Self {
        Self { dialect, ..self }
    }

    /// The same client for a runner that says by these statuses that it does not take a run for now (rule D5); a new one
    /// knows of none.
    #[must_use]
    pub fn retrying(self, retry_statuses: Vec<u16>) -> Self {
        Self {
            retry_statuses,
            ..self
        }
    }

    /// Until the head of an answer is there; or how the attempt ended without one.
    async fn attempt(
        &self,
        run: &SendableRun,
        (gate, current): (Arc<dyn Gate>, &Mutex<Option<Latch>>),
        watch: Stopwatch,
    ) -> Result<Head, Delivered> {
        loop {
            let idle = self.idle.take();
            let reused = idle.is_some();
            let mut connection = match idle {
                Some(connection) => connection,
                None => {
                    let connected = self.connector.connect(self.timeouts.connect).await;
                    connected.map_err(Delivered::NotSent)?
                }
            };
            let request = self.request(run).map_err(Delivered::NotSent)?;
            if connection.sender.ready().await.is_err() {
                if reused {
                    continue;
                }
                let reason = "the runner closed the connection at once";
                return Err(Delivered::NotSent(reason.into()));
            }
            let latch = connection.latch.clone();
            latch.arm(Arc::clone(&gate));
            *current.lock().unwrap_or_else(PoisonError::into_inner) = Some(latch.clone());
            let given_up = EndAtDrop(&latch);
            let sent = connection.sender.try_send_request(request).await;
            let error = match sent {
                Ok(response) => {
                    return Ok(Head {
                        status: response.status().as_u16(),
                        took: watch.micros(),
                        connection,
                        body: response.into_body(),
                    });
                }
                Err(error) => error,
            };
            drop(given_up);
            let reason = error.error();
            return Err(match latch.end() {
                RequestEnd::HeldBack(GateAnswer::Withdrawn) => Delivered::Withdrawn,
                RequestEnd::HeldBack(_) => Delivered::Held,
                RequestEnd::Left => Delivered::Ambiguous(format!("the connection failed: {reason}")),
                // The connection had gone before the request: a kept one may have, and another is tried.
                RequestEnd::Unsent if reused => continue,
                RequestEnd::Unsent => {
                    Delivered::NotSent(format!("the connection closed before the request left: {reason}"))
                }
            });
        }
    }

    fn request(&self, run: &SendableRun) -> Result<Request<Empty<Bytes>>, String> {
        let address = &self.connector.address;
        let value = |text: String| HeaderValue::from_str(&text).map_err(|error| error.to_string());
        Request::get(format!("{}/{}", address.path, run.task_id))
            .header(HOST, address.authority.clone())
            .header(USER_AGENT, AGENT)
            .header(IDEMPOTENCY_KEY, value(run.idempotency_key())?)
            .header(SCHEDULED_FOR, value(run.scheduled_for.to_string())?)
            .header(JOB_ID, value(run.job_id.clone())?)
            .header(ATTEMPT, HeaderValue::from(run.attempt))
            .body(Empty::new())
            .map_err(|error| error.to_string())
    }

    /// What an answer means whose head is there. The status is the answer, whatever becomes of the body, and the body is read
    /// beside everything else; only a 2xx of a hub's runner is waited out, which may report an error (rule D11).
    async fn answered(&self, head: Head) -> Delivered {
        let Head {
            status,
            took,
            connection,
            body,
        } = head;
        let by_status = || answer::by_status(status, took, &self.retry_statuses);
        if self.dialect != WireDialect::Hub || !answer::is_success(status) {
            let idle = Arc::clone(&self.idle);
            tokio::spawn(async move { idle.finish(connection, body, None).await });
            return by_status();
        }
        let mut read = Vec::new();
        let whole = self.idle.finish(connection, body, Some(&mut read)).await;
        let by_body = whole.then(|| answer::by_body(&read)).flatten();
        by_body.unwrap_or_else(by_status)
    }
}
