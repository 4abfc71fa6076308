//! Calls of the service's API, and the ledger of what it acknowledged. A call that meets a dying process is no error
//! here: it stays in the ledger without acknowledgement.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bench::clock;

use crate::checker::{Change, Verb};

/// Longer than any call takes that does not wait for a runner that hangs.
const PATIENCE: Duration = Duration::from_secs(40);

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
    // A body cut short is no acknowledgement.
    let whole = head.lines().any(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length:")
            .is_some_and(|length| length.trim().parse() == Ok(body.len()))
    });
    whole.then(|| (status, body.to_owned()))
}

/// What was asked of the service through all its lives.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Vec<Change>>);

impl Ledger {
    /// Makes a call and notes it, before it begins and when it was acknowledged. Answers whether it was.
    pub fn call(&self, address: SocketAddr, (verb, task): (Verb, i32)) -> bool {
        let path = match verb {
            Verb::Add => format!("/api/add/{task}"),
            Verb::Delete => format!("/api/delete/{task}"),
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
            });
            changes.len() - 1
        };
        let answer = get(address, &path);
        let succeeded =
            answer.is_some_and(|(status, body)| status == 200 && body.contains("\"message\":\"Scheduler: "));
        if succeeded {
            let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            changes[place].acknowledged = Some(clock::now());
        }
        succeeded
    }

    /// What was asked so far.
    pub fn changes(&self) -> Vec<Change> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
