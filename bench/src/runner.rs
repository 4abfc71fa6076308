//! The recording runner: answers every GET at once and notes when it came and for which due time.
//!
//! It shares the machine with what is measured, so it does the least a server can do: one thread, no routing, a
//! fixed answer, the head of the request read in place. The floor (`workloads::floor`) measures it by itself.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::clock::{self, Stopwatch};
use crate::request::{self, Head, Request};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
/// Room for a burst, so that noting an arrival seldom allocates.
const ROOM: usize = 1 << 19;

/// One request that came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// A digest of its path and idempotency key: equal for a run sent twice.
    pub key: u64,
    /// The number at the end of its path.
    pub task: u32,
    /// The due time it names, in microseconds since 1970; 0 where it names none.
    pub scheduled_for: i64,
}

type Arrivals = Arc<Mutex<Vec<Arrival>>>;

/// A running runner. It ends when dropped.
pub struct Runner {
    address: SocketAddr,
    arrivals: Arrivals,
    _end: oneshot::Sender<()>,
}

impl Runner {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// What the system refused.
    pub fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let arrivals: Arrivals = Arc::new(Mutex::new(Vec::with_capacity(ROOM)));
        let (end, ended) = oneshot::channel();
        let noted = Arc::clone(&arrivals);
        std::thread::Builder::new()
            .name("runner".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(&listener, &noted) => {}
                        _ = ended => {}
                    }
                });
            })
            .context("the thread of the runner")?;
        Ok(Self {
            address,
            arrivals,
            _end: end,
        })
    }

    /// The setting `runner-host` that names it.
    pub fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests have come since they were last taken.
    pub fn count(&self) -> usize {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What has come since this was last asked.
    pub fn take(&self) -> Vec<Arrival> {
        let fresh = Vec::with_capacity(ROOM);
        std::mem::replace(
            &mut *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner),
            fresh,
        )
    }

    /// Waits until so many have come, or so long. Answers whether they came.
    pub fn wait_for(&self, count: usize, limit: Duration) -> bool {
        let watch = Stopwatch::start();
        while self.count() < count {
            if watch.seconds() > limit.as_secs_f64() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

async fn accept(listener: &TcpListener, arrivals: &Arrivals) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, Arc::clone(arrivals)));
            }
            // Out of descriptors, most likely: those who wait in the backlog are taken a moment later.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

async fn serve(mut stream: TcpStream, arrivals: Arrivals) {
    // A refusal to switch the delay off costs time, not correctness.
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(4096);
    let mut answers = Vec::new();
    loop {
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let at = clock::now();
        let mut read = 0;
        loop {
            match request::read(&buffer[read..]) {
                Head::Whole(request) => {
                    read += request.length;
                    arrivals
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(arrival(&request, at));
                    answers.extend_from_slice(ANSWER);
                }
                Head::Partial => break,
                Head::Wrong => return,
            }
        }
        buffer.drain(..read);
        if stream.write_all(&answers).await.is_err() {
            return;
        }
        answers.clear();
    }
}

/// What is noted of one request.
fn arrival(request: &Request<'_>, at: i64) -> Arrival {
    let mut digest = DefaultHasher::new();
    request.path.hash(&mut digest);
    request.key.hash(&mut digest);
    Arrival {
        at,
        key: digest.finish(),
        task: request.task,
        scheduled_for: request.scheduled_for,
    }
}
