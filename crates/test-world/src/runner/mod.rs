//! The recording runner: notes every request before it answers, and answers as whoever notes it says.
//!
//! The server is one: a thread of its own with a runtime of its own, no routing, the head of a request read in place. What is
//! noted differs: [`Arrivals`] notes the least, for measurements of ten thousand requests a second; [`Recorder`] notes everything
//! and follows a rule that may change while it runs. What it noted outlives every process of the service.

mod arrivals;
mod recorder;
mod reply;
mod serve;

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

pub use self::arrivals::{Arrival, Arrivals};
pub use self::recorder::{Receipt, Recorder};
pub use self::reply::{Answered, Reply};
pub use self::serve::serve;
use crate::request::Request;

/// Connections that wait to be taken, as many as tokio's own listeners let wait.
const BACKLOG: u32 = 1_024;

/// When a request came, in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrivalTimes {
    /// When its first byte arrived, as well as the connection can tell.
    pub first: i64,
    /// When it was read whole.
    pub whole: i64,
}

/// Notes requests.
pub trait Notes: Send + Sync + 'static {
    /// Notes a request, and says how it is answered.
    fn note(&self, request: &Request<'_>, came: ArrivalTimes) -> Reply;

    /// Waits until a request that was told to wait may be answered.
    fn released(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Begins to serve a request that is not answered at once, or is done with it.
    fn serving(&self, _begins: bool) {}

    /// So many bytes more of a body without end were taken.
    fn poured(&self, _bytes: usize) {}
}

/// A connection as the runner uses it, whatever is spoken on it.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    /// When the bytes read last arrived, in microseconds since 1970, if it knows better than its reader.
    fn arrived(&self) -> Option<i64> {
        None
    }

    /// From now on its end is a reset.
    fn end_with_reset(&self) {}
}

impl Wire for DuplexStream {}

impl Wire for TcpStream {
    fn end_with_reset(&self) {
        // Without lingering the end is a reset.
        let _ = self.set_zero_linger();
    }
}

#[cfg(feature = "tls")]
impl<W: Wire> Wire for tokio_rustls::server::TlsStream<W> {
    fn arrived(&self) -> Option<i64> {
        self.get_ref().0.arrived()
    }

    fn end_with_reset(&self) {
        self.get_ref().0.end_with_reset();
    }
}

impl<W: Wire + ?Sized> Wire for Box<W> {
    fn arrived(&self) -> Option<i64> {
        (**self).arrived()
    }

    fn end_with_reset(&self) {
        (**self).end_with_reset();
    }
}

/// What a connection goes through before its first request.
pub trait Acceptor: Send + Sync + 'static {
    /// What it is then.
    type Wire: Wire + 'static;

    /// Prepares a socket that listens.
    fn prepare(&self, _: &TcpListener) -> io::Result<()> {
        Ok(())
    }

    /// Takes a connection; none where it has gone meanwhile.
    fn accept(&self, stream: TcpStream) -> impl Future<Output = Option<Self::Wire>> + Send;
}

/// Plain HTTP, from the first byte on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Acceptor for Plain {
    type Wire = TcpStream;

    async fn accept(&self, stream: TcpStream) -> Option<TcpStream> {
        // A refusal to switch the delay off costs time, not correctness.
        let _ = stream.set_nodelay(true);
        Some(stream)
    }
}

/// Whether connections are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Taking,
    /// New ones are refused, the others stay.
    Refusing,
    /// The same, and those that were open are closed.
    Down,
}

/// A state, and whom to tell that it is reached.
type Command = (State, std::sync::mpsc::Sender<()>);

/// A running runner, with what it notes. It ends when dropped.
pub struct Runner<N> {
    address: SocketAddr,
    shared: Arc<Shared<N>>,
    /// Its thread ends when this is gone.
    commands: UnboundedSender<Command>,
}

struct Shared<N> {
    notes: N,
    connections: AtomicUsize,
}

impl<N: Notes> Runner<N> {
    /// Starts it on a free port of loopback.
    pub fn start(notes: N) -> anyhow::Result<Self> {
        Self::start_with(Plain, notes)
    }

    /// The same with an acceptor of its own.
    pub fn start_with(acceptor: impl Acceptor, notes: N) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        // Not waited for: the caller may be on a runtime of its own.
        let entered = runtime.enter();
        let socket = TcpSocket::new_v4()?;
        // Or the port stays taken for a minute by connections that have ended, and it could not listen again.
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(BACKLOG)?;
        drop(entered);
        acceptor.prepare(&listener)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            notes,
            connections: AtomicUsize::new(0),
        });
        let (commands, told) = unbounded_channel();
        let serving = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("runner".into())
            .spawn(move || runtime.block_on(listen(listener, Arc::new(acceptor), (serving, told))))
            .context("the thread of the runner")?;
        Ok(Self {
            address,
            shared,
            commands,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The setting `runner-host` that names it.
    pub fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Refuses new connections, or takes them again, as soon as this returns.
    pub fn refuse(&self, refusing: bool) {
        self.change_to(if refusing { State::Refusing } else { State::Taking });
    }

    /// Refuses new connections and closes those that are open.
    pub fn down(&self) {
        self.change_to(State::Down);
    }

    fn change_to(&self, state: State) {
        let (done, reached) = std::sync::mpsc::channel();
        // Its thread ends with this value, or by a panic, which is told there.
        let _ = self.commands.send((state, done));
        let _ = reached.recv();
    }
}

impl<N> Deref for Runner<N> {
    type Target = N;

    fn deref(&self) -> &N {
        &self.shared.notes
    }
}

/// Listens, but for the times in which connections are refused: then the socket is gone.
async fn listen<N: Notes, E: Acceptor>(
    listener: TcpListener,
    acceptor: Arc<E>,
    (shared, mut commands): (Arc<Shared<N>>, UnboundedReceiver<Command>),
) {
    let address = listener.local_addr();
    let mut socket = Some(listener);
    // Dropped with the thread's future, and the connections with it.
    let mut open = JoinSet::new();
    loop {
        let accept = async {
            match &socket {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            command = commands.recv() => {
                let Some((state, done)) = command else { return };
                if state == State::Taking {
                    while socket.is_none() {
                        socket = again(&address, &*acceptor).await;
                    }
                } else {
                    socket = None;
                }
                if state == State::Down {
                    open.shutdown().await;
                }
                // Whoever told it so waits for this.
                let _ = done.send(());
            }
            accepted = accept => match accepted {
                Ok((stream, _)) => {
                    shared.connections.fetch_add(1, Ordering::Relaxed);
                    let (acceptor, shared) = (Arc::clone(&acceptor), Arc::clone(&shared));
                    open.spawn(async move {
                        if let Some(stream) = acceptor.accept(stream).await {
                            serve(stream, &shared.notes).await;
                        }
                    });
                }
                // Out of descriptors, most likely: those who wait in the backlog are taken a moment later.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            // What has ended is forgotten.
            Some(_) = open.join_next() => {}
        }
    }
}

/// Listens where it did before. Somebody's outgoing connection may sit on the port for a moment.
async fn again(address: &io::Result<SocketAddr>, acceptor: &impl Acceptor) -> Option<TcpListener> {
    let bound = TcpListener::bind(address.as_ref().ok()?).await.ok();
    let bound = bound.filter(|listener| acceptor.prepare(listener).is_ok());
    if bound.is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bound
}
