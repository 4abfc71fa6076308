//! Calls of the service's API, and the ledger of what it acknowledged. A call that meets a dying process is no error
//! here: it stays in the ledger without acknowledgement.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bench::clock::{self, Stopwatch};

use crate::checker::{Change, Verb};

/// Longer than any call takes that does not wait for a runner that hangs, and than any process is stopped: a call must
/// not take effect when it has been given up.
const PATIENCE: Duration = Duration::from_secs(90);

/// One GET; status and body, or nothing where the answer was not whole.
pub fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    // A body cut short is no acknowledgement. A long list is sent in chunks, of which the last is empty.
    let whole = head.lines().any(|line| {
        let line = line.to_ascii_lowercase();
        line.strip_prefix("content-length:")
            .is_some_and(|length| length.trim().parse() == Ok(body.len()))
            || (line == "transfer-encoding: chunked" && body.ends_with("\r\n0\r\n\r\n"))
    });
    whole.then(|| (status, body.to_owned()))
}

/// What was asked of the service through all its lives.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Vec<Change>>);

/// How a call went.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// None where there was no whole answer.
    pub status: Option<u16>,
    /// 200, and the body says so, too.
    pub succeeded: bool,
    pub seconds: f64,
}

impl Ledger {
    /// Makes a call and notes it, before it begins and when it is over. Answers whether it was acknowledged.
    pub fn call(&self, address: SocketAddr, what: (Verb, i32)) -> bool {
        self.ask(address, what).succeeded
    }

    /// The same, and tells more of the answer.
    pub fn ask(&self, address: SocketAddr, (verb, task): (Verb, i32)) -> Answer {
        let path = match verb {
            Verb::Add => format!("/api/add/{task}"),
            Verb::Delete => format!("/api/delete/{task}"),
            Verb::DeleteAll => "/api/delete".into(),
            Verb::Delay => format!("/api/run/{task}/delay/0"),
            Verb::Run => format!("/api/run/{task}"),
            Verb::Pause => "/api/pause".into(),
            Verb::Resume => "/api/resume".into(),
        };
        let place = {
            let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            changes.push(Change {
                verb,
                task,
                asked: clock::now(),
                acknowledged: None,
                over: i64::MAX,
                status: None,
                port: address.port(),
            });
            changes.len() - 1
        };
        let watch = Stopwatch::start();
        let answer = get(address, &path);
        let over = clock::now();
        let status = answer.as_ref().map(|(status, _)| *status);
        let succeeded =
            answer.is_some_and(|(status, body)| status == 200 && body.contains("\"message\":\"Scheduler: "));
        let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let change = &mut changes[place];
        (change.over, change.status) = (over, status);
        change.acknowledged = succeeded.then_some(over);
        Answer {
            status,
            succeeded,
            seconds: watch.seconds(),
        }
    }

    /// What was asked so far.
    pub fn changes(&self) -> Vec<Change> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
