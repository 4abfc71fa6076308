//! A real HTTP runner for tests: records every request with the instant of its arrival, answers as told, and lets
//! tests await the n-th receipt instead of sleeping.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use em_scheduler::clock::{Clock, SystemClock};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use triggers::UtcMicros;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Receipt {
    pub path: String,
    pub key: String,
    pub scheduled_for: UtcMicros,
    pub job_id: String,
    pub attempt: u32,
    /// By the wall clock of this machine.
    pub at: UtcMicros,
}

/// How the runner answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Status(u16),
    /// This status and body.
    Say(u16, &'static str),
    /// Takes the request and never answers.
    Hang,
    /// The same for the requests of one task only; the others get 200.
    HangFor(i32),
    /// Takes the request and closes the connection.
    Cut,
    /// Takes the request and answers 200 when it is told to.
    Wait,
    /// The same for the requests of the tasks from this one on; the others get 200.
    WaitFrom(i32),
    /// Answers 200 and never ends the body.
    Drip,
}

#[derive(Clone)]
pub struct Runner {
    pub address: SocketAddr,
    receipts: Arc<Mutex<Vec<Receipt>>>,
    count: watch::Sender<usize>,
    mode: Arc<Mutex<Mode>>,
    go_on: Arc<Notify>,
    connections: Arc<AtomicUsize>,
}

impl Runner {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener)
    }

    pub fn on(listener: TcpListener) -> Self {
        let runner = Self {
            address: listener.local_addr().unwrap(),
            receipts: Arc::default(),
            count: watch::Sender::new(0),
            mode: Arc::new(Mutex::new(Mode::Status(200))),
            go_on: Arc::default(),
            connections: Arc::default(),
        };
        let serving = runner.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let runner = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| runner.clone().answer(request));
                    // A connection may be cut by either side; that is part of what is tested.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        runner
    }

    pub fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn answer_with(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    /// Lets the requests answer that wait for it.
    pub fn answer_now(&self) {
        self.go_on.notify_waiters();
    }

    pub fn receipts(&self) -> Vec<Receipt> {
        self.receipts.lock().unwrap().clone()
    }

    /// Waits until so many requests have arrived in all.
    pub async fn received(&self, count: usize) -> Vec<Receipt> {
        let mut seen = self.count.subscribe();
        let waited =
            tokio::time::timeout(Duration::from_secs(60), seen.wait_for(|have| *have >= count)).await;
        assert!(
            waited.is_ok(),
            "{count} requests were to arrive, {} did",
            self.receipts().len()
        );
        self.receipts()
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, std::io::Error> {
        let at = SystemClock.now();
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .map_or("", |value| value.to_str().unwrap())
                .to_owned()
        };
        let receipt = Receipt {
            path: request.uri().path().to_owned(),
            key: header("idempotency-key"),
            scheduled_for: header("x-scheduled-for").parse().unwrap(),
            job_id: header("x-job-id"),
            attempt: header("x-attempt").parse().unwrap(),
            at,
        };
        // Read before anybody can know of the request, so that a test may change it for the next one.
        let asked = request.uri().path().rsplit('/').next().unwrap().parse::<i32>();
        let mode = match *self.mode.lock().unwrap() {
            Mode::HangFor(task) if asked == Ok(task) => Mode::Hang,
            Mode::WaitFrom(first) if asked.as_ref().is_ok_and(|task| *task >= first) => Mode::Wait,
            Mode::HangFor(_) | Mode::WaitFrom(_) => Mode::Status(200),
            mode => mode,
        };
        let told = self.go_on.notified();
        self.receipts.lock().unwrap().push(receipt);
        self.count.send_modify(|count| *count += 1);
        let (status, body) = match mode {
            Mode::Status(status) => (status, STARTED),
            Mode::Say(status, body) => (status, body),
            Mode::Hang | Mode::HangFor(_) | Mode::WaitFrom(_) => std::future::pending().await,
            Mode::Cut => return Err(std::io::Error::other("cut")),
            Mode::Wait => {
                told.await;
                (200, STARTED)
            }
            Mode::Drip => {
                let body = Body::new(Endless);
                return Ok(Response::new(body));
            }
        };
        let body = Full::new(Bytes::from_static(body.as_bytes()));
        let response = Response::builder().status(StatusCode::from_u16(status).unwrap());
        Ok(response
            .body(Body::new(body.map_err(|never| match never {})))
            .unwrap())
    }
}

const STARTED: &str = r#"{"message":"started"}"#;

/// A body that is announced and never comes.
struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        Poll::Pending
    }
}
