//! The runner of a site: it answers well or with any fault a runner can have, and speaks HTTP, or HTTPS with as slow a handshake
//! as it is told.

use std::borrow::Cow;
use std::io;
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use test_world::request::Request;
use test_world::runner::{Acceptor, Recorder, Reply, Runner, Wire};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::arrival::{self, StampedStream};
use crate::dice::Dice;
use crate::tls::Identity;

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
    pub faults: Vec<Reply>,
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
            faults: FAULTS.to_vec(),
            hangs_for: 0..0,
            handshake: None,
        }
    }
}

impl Manners {
    /// Taking every run, after so many microseconds.
    pub fn thinking(thinks: Range<u64>) -> Self {
        Self {
            thinks,
            ..Self::default()
        }
    }
}

/// The ways not to answer well; the first two are slow.
pub const FAULTS: [Reply; 8] = [
    Reply::Hang,
    Reply::Drip,
    Reply::Reset,
    Reply::Close,
    Reply::Whole(Cow::Borrowed(
        b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n",
    )),
    Reply::Whole(Cow::Borrowed(
        b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\n{}",
    )),
    Reply::Pour("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n", HUGE),
    Reply::Last(Cow::Borrowed(b"\x16\x03\x01\x02garbage\r\n\r\n")),
];

type SharedDice = Arc<Mutex<Dice>>;

/// A running runner. It ends when dropped.
pub struct SiteRunner {
    recording: Runner<Recorder>,
    dice: SharedDice,
    /// See [`SiteRunner::authority`].
    authority: Option<String>,
}

impl Deref for SiteRunner {
    type Target = Runner<Recorder>;

    fn deref(&self) -> &Self::Target {
        &self.recording
    }
}

impl SiteRunner {
    /// Starts it on a free port.
    pub fn start(manners: Manners, dice: Dice) -> anyhow::Result<Self> {
        let dice = Arc::new(Mutex::new(dice));
        let identity = manners.handshake.as_ref().map(|_| Identity::new()).transpose()?;
        let (tls, authority) = identity.map(|own| (own.acceptor, own.authority)).unzip();
        let acceptor = SiteAcceptor {
            tls,
            waits: manners.handshake.clone().unwrap_or(0..1),
            dice: Arc::clone(&dice),
        };
        let recorder = Recorder::with(rule(manners, &dice));
        Ok(Self {
            recording: Runner::start_with(acceptor, recorder)?,
            dice,
            authority,
        })
    }

    /// The setting `runner-host` that names it.
    pub fn url(&self) -> String {
        let url = self.recording.url();
        match self.authority {
            Some(_) => url.replacen("http:", "https:", 1),
            None => url,
        }
    }

    /// The certificate by which it is to be trusted, in PEM, where it speaks TLS.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// Behaves like this from now on.
    pub fn behave(&self, manners: Manners) {
        self.answer_by(rule(manners, &self.dice));
    }
}

fn rule(manners: Manners, dice: &SharedDice) -> impl Fn(&Request<'_>) -> Reply + Send + 'static {
    let dice = Arc::clone(dice);
    move |request| {
        let thinks = within(&dice, &manners.thinks);
        let mut dice = dice.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = if manners.hangs_for.contains(&request.task) {
            Reply::Hang
        } else if dice.per_mille(manners.faulty) {
            dice.one_of(&manners.faults).clone()
        } else {
            Reply::TAKEN
        };
        Reply::After(thinks, Box::new(reply))
    }
}

/// So many microseconds of a range.
fn within(dice: &SharedDice, range: &Range<u64>) -> Duration {
    let mut dice = dice.lock().unwrap_or_else(PoisonError::into_inner);
    Duration::from_micros(range.start + dice.below(range.end - range.start))
}

/// Notes arrivals by the kernel's clock, and makes the handshake where the runner speaks TLS.
struct SiteAcceptor {
    tls: Option<TlsAcceptor>,
    waits: Range<u64>,
    dice: SharedDice,
}

impl Acceptor for SiteAcceptor {
    type Wire = Box<dyn Wire>;

    fn prepare(&self, listener: &TcpListener) -> io::Result<()> {
        arrival::stamp(listener)
    }

    async fn accept(&self, stream: TcpStream) -> Option<Box<dyn Wire>> {
        let stream = StampedStream::new(stream);
        let Some(tls) = &self.tls else {
            return Some(Box::new(stream));
        };
        tokio::time::sleep(within(&self.dice, &self.waits)).await;
        // One that has gone meanwhile has sent nothing.
        let stream = tls.accept(stream).await.ok()?;
        Some(Box::new(stream))
    }
}
