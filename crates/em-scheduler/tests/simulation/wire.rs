//! The runner, met by the program's own client over connections in memory. It refuses, hangs, drips, resets, answers
//! late or with nonsense; and the process may die at each of these steps. What it has read, it has read: the checker
//! hears of a request in the instant its last byte is written.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use em_scheduler::dispatch::{Connection, Dial};
use em_scheduler::model::RunKey;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::checker::Receipt;
use crate::life::Life;
use crate::world::Mood;

pub struct Runner(pub Arc<Life>);

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accepting {
    Open,
    OpenLate,
    Refused,
    Silent,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conduct {
    Soon,
    Slow,
    /// After everybody has given up.
    Late,
    Never,
    Drip,
    Error,
    Busy,
    Nonsense,
    /// The connection breaks before the request is read.
    ResetUnread,
    ResetRead,
    /// An answer, and the connection is closed.
    Close,
    /// The sender dies as the request arrives.
    DieSending,
    /// The sender dies as the answer arrives.
    DieAnswered,
}

#[async_trait]
impl Dial for Runner {
    async fn dial(&self) -> Result<Box<dyn Connection>, String> {
        let life = &self.0;
        life.go_on().await;
        let (accepting, delay) = {
            let mut core = life.world.core();
            let mood = core.mood;
            let random = &mut core.random;
            let accepting = match mood {
                Mood::Prompt | Mood::Hanging => Accepting::Open,
                Mood::Distant => Accepting::OpenLate,
                Mood::Refusing => Accepting::Refused,
                Mood::Moody => random.weighted(&[
                    (80, Accepting::Open),
                    (5, Accepting::OpenLate),
                    (12, Accepting::Refused),
                    (3, Accepting::Silent),
                ]),
            };
            (accepting, random.between(1_000, 4_000_000))
        };
        if accepting != Accepting::Open {
            life.note(format_args!("a connection to the runner: {accepting:?}"));
        }
        match accepting {
            Accepting::Refused => return Err("connection refused".into()),
            Accepting::Silent => std::future::pending().await,
            Accepting::OpenLate => tokio::time::sleep(Duration::from_micros(delay.unsigned_abs())).await,
            Accepting::Open => {}
        }
        life.go_on().await;
        Ok(Box::new(Wire {
            life: Arc::clone(life),
            inbox: Vec::new(),
            outbox: VecDeque::new(),
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            reader: None,
            broken: false,
            request: None,
        }))
    }
}

/// Something that comes out of the runner, so long after what came before it.
enum Piece {
    Bytes(&'static [u8]),
    /// The status is out.
    Status(u16),
    End,
    Reset,
    Death,
}

struct Wire {
    life: Arc<Life>,
    inbox: Vec<u8>,
    outbox: VecDeque<(Duration, Piece)>,
    /// When the first of them comes out.
    timer: Pin<Box<Sleep>>,
    reader: Option<Waker>,
    broken: bool,
    /// The run whose request is being answered.
    request: Option<RunKey>,
}

impl Wire {
    /// A whole request has been written.
    fn take(&mut self, head: &str) -> io::Result<()> {
        let (conduct, delay) = self.conduct();
        if conduct != Conduct::Soon {
            self.life.note(format_args!("the runner: {conduct:?}"));
        }
        if conduct == Conduct::ResetUnread {
            self.broken = true;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let receipt = self.receipt(head);
        self.request = Some(self.life.world.core().received(&receipt));
        if conduct == Conduct::DieSending {
            self.life.end("while the runner reads its request");
            return Ok(());
        }
        self.outbox = answer(conduct, delay).into();
        self.wind();
        Ok(())
    }

    fn conduct(&self) -> (Conduct, Duration) {
        let mut core = self.life.world.core();
        let mood = core.mood;
        let random = &mut core.random;
        let conduct = match mood {
            Mood::Prompt | Mood::Distant | Mood::Refusing => Conduct::Soon,
            Mood::Hanging => Conduct::Never,
            Mood::Moody => random.weighted(&[
                (500, Conduct::Soon),
                (100, Conduct::Slow),
                (50, Conduct::Late),
                (50, Conduct::Never),
                (40, Conduct::Drip),
                (60, Conduct::Error),
                (60, Conduct::Busy),
                (20, Conduct::Nonsense),
                (30, Conduct::ResetUnread),
                (30, Conduct::ResetRead),
                (30, Conduct::Close),
                (15, Conduct::DieSending),
                (15, Conduct::DieAnswered),
            ]),
        };
        let micros = match conduct {
            Conduct::Soon => random.below(50_000),
            Conduct::Late => random.between(10_000_000, 40_000_000),
            Conduct::Drip => random.between(50_000, 800_000),
            _ => random.below(5_000_000),
        };
        (conduct, Duration::from_micros(micros.unsigned_abs()))
    }

    fn receipt(&self, head: &str) -> Receipt {
        let header = |name: &str| {
            let mut values = head.lines().filter_map(|line| line.split_once(": "));
            let found = values.find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let path = head.split(' ').nth(1).unwrap_or("");
        let highest = self.life.world.core().wall.highest();
        Receipt {
            process: self.life.name.clone(),
            task: path
                .rsplit('/')
                .next()
                .and_then(|id| id.parse().ok())
                .unwrap_or(0),
            key: header("idempotency-key"),
            job: header("x-job-id"),
            scheduled_for: header("x-scheduled-for"),
            attempt: header("x-attempt").parse().unwrap_or(0),
            passed: self.life.clock.passed(),
            highest,
        }
    }

    /// Sets the timer for the next piece.
    fn wind(&mut self) {
        if let Some((delay, _)) = self.outbox.front() {
            self.timer = Box::pin(tokio::time::sleep(*delay));
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn end_request(&mut self) {
        if let Some(key) = self.request.take() {
            self.life.world.core().checker.ended(key, &self.life.name);
        }
    }
}

/// What comes out for a request.
fn answer(conduct: Conduct, delay: Duration) -> Vec<(Duration, Piece)> {
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let whole = |status: u16, bytes: &'static [u8]| {
        vec![
            (delay, Piece::Status(status)),
            (Duration::ZERO, Piece::Bytes(bytes)),
        ]
    };
    match conduct {
        Conduct::Soon | Conduct::Slow | Conduct::Late => whole(200, OK),
        Conduct::Never | Conduct::DieSending | Conduct::ResetUnread => Vec::new(),
        Conduct::Drip => {
            let bytes = OK.chunks(4).map(|bytes| (delay, Piece::Bytes(bytes)));
            std::iter::once((Duration::ZERO, Piece::Status(200)))
                .chain(bytes)
                .collect()
        }
        Conduct::Error => whole(500, b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n"),
        Conduct::Busy => whole(503, b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"),
        Conduct::Nonsense => vec![
            (delay, Piece::Bytes(b"220 mail.example ESMTP\r\n")),
            (Duration::ZERO, Piece::End),
        ],
        Conduct::ResetRead => vec![(delay, Piece::Reset)],
        Conduct::Close => vec![
            (delay, Piece::Status(200)),
            (
                Duration::ZERO,
                Piece::Bytes(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nok"),
            ),
            (Duration::ZERO, Piece::End),
        ],
        Conduct::DieAnswered => vec![(delay, Piece::Status(200)), (Duration::ZERO, Piece::Death)],
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.life.is_dead() {
                return Poll::Pending;
            }
            if self.broken {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            if self.outbox.is_empty() {
                self.reader = Some(context.waker().clone());
                return Poll::Pending;
            }
            if self.timer.as_mut().poll(context).is_pending() {
                self.reader = Some(context.waker().clone());
                return Poll::Pending;
            }
            let Some((_, piece)) = self.outbox.pop_front() else {
                continue;
            };
            self.wind();
            match piece {
                Piece::Status(status) => {
                    let key = self.request;
                    let mut core = self.life.world.core();
                    let (passed, name) = (self.life.clock.passed(), &self.life.name);
                    core.trace
                        .note(passed, name, format_args!("the runner answers {status}"));
                    if let Some(key) = key {
                        core.checker.answered(key, status);
                    }
                    drop(core);
                    // The rest is the body, for which nobody waits.
                    self.end_request();
                }
                Piece::Bytes(bytes) => {
                    buffer.put_slice(bytes);
                    return Poll::Ready(Ok(()));
                }
                Piece::End => {
                    self.end_request();
                    return Poll::Ready(Ok(()));
                }
                Piece::Reset => {
                    self.broken = true;
                    self.end_request();
                }
                Piece::Death => self.life.end("as the answer arrives"),
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.life.is_dead() {
            return Poll::Pending;
        }
        if self.broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        self.inbox.extend_from_slice(bytes);
        if self.inbox.ends_with(b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&std::mem::take(&mut self.inbox)).into_owned();
            self.take(&head)?;
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.end_request();
    }
}
