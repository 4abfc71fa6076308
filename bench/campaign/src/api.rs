//! Calls of the service's API, and the ledger of what it acknowledged. A call that meets a dying process is no error
//! here: it stays in the ledger without acknowledgement.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use test_world::client;
use test_world::clock::{self, Stopwatch};

use crate::checker::{Change, Verb};

/// Longer than any call takes that does not wait for a runner that hangs, and than any process is stopped: a call must
/// not take effect when it has been given up.
const PATIENCE: Duration = Duration::from_secs(90);

/// The status of one GET, or nothing where its answer was not whole: a body cut short is no acknowledgement.
pub fn get(address: SocketAddr, path: &str) -> Option<u16> {
    client::get(address, path, PATIENCE).map(|answer| answer.status)
}

/// What was asked of the service through all its lives.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Vec<Change>>);

/// How a call went.
#[derive(Debug, Clone, Copy)]
pub struct CallAnswer {
    /// None where there was no whole answer.
    pub status: Option<u16>,
    /// 200, and the body says so, too.
    pub succeeded: bool,
    pub seconds: f64,
}

impl Ledger {
    /// Makes a call and notes it, before it begins and when it is over. Returns whether it was acknowledged.
    pub fn call(&self, address: SocketAddr, what: (Verb, i32)) -> bool {
        self.ask(address, what).succeeded
    }

    /// The same, and tells more of the answer.
    pub fn ask(&self, address: SocketAddr, (verb, task): (Verb, i32)) -> CallAnswer {
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
        let answer = client::get(address, &path, PATIENCE);
        let over = clock::now();
        let status = answer.as_ref().map(|answer| answer.status);
        let succeeded = answer
            .is_some_and(|answer| answer.status == 200 && answer.body.contains("\"message\":\"Scheduler: "));
        let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let change = &mut changes[place];
        (change.over, change.status) = (over, status);
        change.acknowledged = succeeded.then_some(over);
        CallAnswer {
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
