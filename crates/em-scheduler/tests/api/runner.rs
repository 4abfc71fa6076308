//! A real HTTP runner that answers as told, notes what it was asked, and can be away.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

/// What the runner does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Answers with this status.
    Answer(u16),
    /// Answers with this status and body.
    Say(u16, &'static str),
    /// Closes the connection without a word.
    Cut,
    /// Answers 200 once it is released.
    Wait,
}

struct Shared {
    mode: Mutex<Mode>,
    /// Path and job id of each request, in order.
    requests: watch::Sender<Vec<(String, String)>>,
    released: Semaphore,
}

pub struct Runner {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: Option<JoinHandle<()>>,
}

impl Runner {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let mut runner = Self {
            address: listener.local_addr().expect("address"),
            shared: Arc::new(Shared {
                mode: Mutex::new(Mode::Answer(200)),
                requests: watch::Sender::default(),
                released: Semaphore::new(0),
            }),
            serving: None,
        };
        runner.serve(listener);
        runner
    }

    fn serve(&mut self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        self.serving = Some(tokio::spawn(async move {
            // Dropped with this task, and the connections with it.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        }));
    }

    pub fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    pub fn mode(&self, mode: Mode) {
        *self.shared.mode.lock().expect("mode") = mode;
    }

    /// Lets one waiting request, or the next that waits, be answered.
    pub fn release(&self) {
        self.shared.released.add_permits(1);
    }

    /// Goes away: connections are closed, new ones refused.
    pub async fn down(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            assert!(serving.await.is_err_and(|error| error.is_cancelled()));
        }
    }

    /// Comes back at the same address.
    pub async fn up(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("bind");
        self.serve(listener);
    }

    /// Path and job id of each request so far.
    pub fn requests(&self) -> Vec<(String, String)> {
        self.shared.requests.borrow().clone()
    }

    /// Waits until so many requests have arrived in all.
    pub async fn received(&self, count: usize) {
        let mut requests = self.shared.requests.subscribe();
        requests
            .wait_for(|requests| requests.len() >= count)
            .await
            .expect("the runner lives");
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let job_id = request
        .headers()
        .get("x-job-id")
        .map_or("", |id| id.to_str().expect("text"));
    let request = (request.uri().path().to_owned(), job_id.to_owned());
    // Before anybody hears of the request, and perhaps changes it.
    let mode = *shared.mode.lock().expect("mode");
    shared.requests.send_modify(|requests| requests.push(request));
    let (status, body) = match mode {
        Mode::Answer(status) => (status, ""),
        Mode::Say(status, body) => (status, body),
        Mode::Cut => return Err(std::io::Error::other("cut")),
        Mode::Wait => {
            shared.released.acquire().await.expect("open").forget();
            (200, "")
        }
    };
    Ok(Response::builder()
        .status(status)
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .expect("an answer"))
}
