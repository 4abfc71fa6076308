//! The recording runner: notes every request before it answers, and answers well or with any fault a runner can have. It
//! speaks HTTP, or HTTPS with as slow a handshake as it is told.
//!
//! One thread with a runtime of its own. What it noted outlives every process of the service.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bench::clock;
use bench::request::{self, Head};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::arrival::{self, Arrivals, Wire};
use crate::checker::{Answered, Receipt};
use crate::dice::Dice;
use crate::tls::Identity;

/// Longer than the service waits for an answer.
const HANGS: Duration = Duration::from_secs(35);
/// More than the service reads of an answer.
const HUGE: usize = 8 << 20;

/// How it behaves. May be changed while it runs.
#[derive(Debug, Clone)]
pub struct Manners {
    /// Microseconds it thinks before it answers.
    pub thinks: Range<u64>,
    /// So many of a thousand requests meet a fault.
    pub faulty: u64,
    /// The faults there are.
    pub faults: Vec<Fault>,
    /// Requests for these tasks are never answered.
    pub hangs_for: Range<u32>,
    /// Microseconds until it begins a TLS handshake; none: it speaks plain HTTP. Which of the two is settled at its start.
    pub handshake: Option<Range<u64>>,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            thinks: 0..1,
            faulty: 0,
            faults: Fault::ALL.to_vec(),
            hangs_for: 0..0,
            handshake: None,
        }
    }
}

/// A way not to answer well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No answer, the connection stays open.
    Hang,
    /// An answer so slow that it is never whole.
    Drip,
    /// The connection is reset.
    Reset,
    /// The connection ends without an answer.
    Close,
    /// A redirect to itself.
    Redirect,
    /// 500.
    Broken,
    /// 200 with a body without end.
    Huge,
    /// Something that is no HTTP.
    Garbage,
}

impl Fault {
    pub const ALL: [Self; 8] = [
        Self::Hang,
        Self::Drip,
        Self::Reset,
        Self::Close,
        Self::Redirect,
        Self::Broken,
        Self::Huge,
        Self::Garbage,
    ];

    fn answered(self) -> Answered {
        match self {
            Self::Redirect | Self::Broken => Answered::Refused,
            _ => Answered::Unclear,
        }
    }
}

struct Shared {
    receipts: Mutex<Vec<Receipt>>,
    manners: Mutex<Manners>,
    dice: Mutex<Dice>,
    /// Where it speaks TLS.
    acceptor: Option<TlsAcceptor>,
    refusing: AtomicBool,
    /// Requests being served, and the most there ever were.
    served: AtomicUsize,
    most: AtomicUsize,
}

/// A running runner. It ends when dropped.
pub struct Runner {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// See [`Runner::authority`].
    authority: Option<String>,
    _end: oneshot::Sender<()>,
}

impl Runner {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// What the system refused.
    pub fn start(manners: Manners, dice: Dice) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        arrival::stamp(&listener)?;
        let address = listener.local_addr()?;
        let identity = manners.handshake.as_ref().map(|_| Identity::new()).transpose()?;
        let (acceptor, authority) = identity.map(|own| (own.acceptor, own.authority)).unzip();
        let shared = Arc::new(Shared {
            receipts: Mutex::default(),
            manners: Mutex::new(manners),
            dice: Mutex::new(dice),
            acceptor,
            refusing: AtomicBool::new(false),
            served: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        });
        let (end, ended) = oneshot::channel();
        let serving = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("runner".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = listen(listener, address, &serving) => {}
                        _ = ended => {}
                    }
                });
            })
            .context("the thread of the runner")?;
        Ok(Self {
            address,
            shared,
            authority,
            _end: end,
        })
    }

    /// The setting `runner-host` that names it.
    pub fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/api", self.address)
    }

    /// The certificate by which it is to be trusted, in PEM, where it speaks TLS.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// What it noted so far.
    pub fn receipts(&self) -> Vec<Receipt> {
        locked(&self.shared.receipts).clone()
    }

    /// How many requests it noted so far.
    pub fn count(&self) -> usize {
        locked(&self.shared.receipts).len()
    }

    /// Behaves like this from now on.
    pub fn behave(&self, manners: Manners) {
        *locked(&self.shared.manners) = manners;
    }

    /// Refuses connections, or takes them again.
    pub fn refuse(&self, refusing: bool) {
        self.shared.refusing.store(refusing, Ordering::Relaxed);
    }

    /// The most requests it ever served at a time.
    pub fn most_at_once(&self) -> usize {
        self.shared.most.load(Ordering::Relaxed)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens, but for the times in which connections are refused: then the socket is gone.
async fn listen(listener: TcpListener, address: SocketAddr, shared: &Arc<Shared>) {
    let mut socket = Some(listener);
    loop {
        if shared.refusing.load(Ordering::Relaxed) {
            socket = None;
        } else if socket.is_none() {
            // Somebody's outgoing connection may sit on the port for a moment.
            let bound = TcpListener::bind(address).await.ok();
            socket = bound.filter(|listener| arrival::stamp(listener).is_ok());
        }
        let look = || tokio::time::sleep(Duration::from_millis(20));
        match &socket {
            None => look().await,
            Some(listener) => tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        tokio::spawn(take(Arrivals::new(stream), Arc::clone(shared)));
                    }
                    // Out of descriptors, most likely: those who wait in the backlog are taken a moment later.
                    Err(_) => look().await,
                },
                () = look() => {}
            },
        }
    }
}

/// Takes a connection: after the handshake, where it speaks TLS.
async fn take(stream: Arrivals, shared: Arc<Shared>) {
    let Some(acceptor) = &shared.acceptor else {
        return serve(stream, shared).await;
    };
    let waits = {
        let waits = locked(&shared.manners).handshake.clone().unwrap_or(0..1);
        waits.start + locked(&shared.dice).below(waits.end - waits.start)
    };
    tokio::time::sleep(Duration::from_micros(waits)).await;
    // One that has gone meanwhile has sent nothing.
    if let Ok(stream) = acceptor.accept(stream).await {
        serve(stream, shared).await;
    }
}

async fn serve(mut stream: impl Wire, shared: Arc<Shared>) {
    let mut buffer = Vec::with_capacity(1024);
    let mut first = None;
    loop {
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let at = clock::now();
        first.get_or_insert(stream.arrived());
        loop {
            let request = match request::read(&buffer) {
                Head::Partial => break,
                Head::Wrong => return,
                Head::Whole(request) => request,
            };
            let (thinks, fault) = plan(&shared, request.task);
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            locked(&shared.receipts).push(Receipt {
                left: first.unwrap_or(at),
                at,
                path: request.path.to_owned(),
                task: i32::try_from(request.task).unwrap_or(0),
                key: text(request.key),
                job: text(request.job),
                scheduled_for: request.scheduled_for,
                attempt: request.attempt,
                answered: fault.map_or(Answered::Taken, Fault::answered),
            });
            let length = request.length;
            buffer.drain(..length);
            // What follows in the same piece came with it.
            first = (!buffer.is_empty()).then(|| stream.arrived());
            let served = shared.served.fetch_add(1, Ordering::Relaxed) + 1;
            shared.most.fetch_max(served, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_micros(thinks)).await;
            let goes_on = answer(&mut stream, fault).await;
            shared.served.fetch_sub(1, Ordering::Relaxed);
            if !goes_on {
                return;
            }
        }
    }
}

fn plan(shared: &Shared, task: u32) -> (u64, Option<Fault>) {
    let manners = locked(&shared.manners);
    let mut dice = locked(&shared.dice);
    let thinks = manners.thinks.start + dice.below(manners.thinks.end - manners.thinks.start);
    if manners.hangs_for.contains(&task) {
        return (thinks, Some(Fault::Hang));
    }
    let fault = dice
        .per_mille(manners.faulty)
        .then(|| *dice.one_of(&manners.faults));
    (thinks, fault)
}

/// Answers; says whether the connection may be used again.
async fn answer(stream: &mut impl Wire, fault: Option<Fault>) -> bool {
    let whole: &[u8] = match fault {
        None => b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        Some(Fault::Redirect) => b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n",
        Some(Fault::Broken) => b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\n{}",
        Some(Fault::Garbage) => b"\x16\x03\x01\x02garbage\r\n\r\n",
        Some(Fault::Huge) => b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n",
        Some(Fault::Hang | Fault::Drip | Fault::Reset | Fault::Close) => b"",
    };
    if stream.write_all(whole).await.is_err() {
        return false;
    }
    match fault {
        None | Some(Fault::Redirect | Fault::Broken) => return true,
        Some(Fault::Garbage | Fault::Close) => {}
        Some(Fault::Hang) => left_alone(stream, HANGS).await,
        Some(Fault::Drip) => drip(stream).await,
        Some(Fault::Reset) => stream.end_with_reset(),
        Some(Fault::Huge) => {
            let piece = [b'x'; 8192];
            for _ in 0..HUGE / piece.len() {
                if stream.write_all(&piece).await.is_err() {
                    break;
                }
            }
        }
    }
    false
}

/// Waits until the other side goes, or so long.
async fn left_alone(stream: &mut impl Wire, limit: Duration) {
    let mut byte = [0; 1];
    // Either end is one.
    let _ = tokio::time::timeout(limit, stream.read(&mut byte)).await;
}

async fn drip(stream: &mut impl Wire) {
    for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"
        .iter()
        .cycle()
        .take(400)
    {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
