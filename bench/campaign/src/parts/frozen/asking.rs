//! Calls of the API at the process that is well, while the other is in the middle of a transaction: it must answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use test_world::clock::Stopwatch;

use super::Tally;
use super::calls::{CALLERS, Led};
use crate::api::{self, CallAnswer};
use crate::checker::{Invariant, Verb, Violation};
use crate::pair::{self, Pair};
use test_world::session::BlockingSession;

/// A call may wait until a lease of ten seconds has ended, where what it promises depends on the other process (pause
/// and delete: nothing leaves any more), else not for it.
const PROMISES: f64 = 15.0;
const OTHERS: f64 = 6.0;
/// So often a resumption is asked for: what is paused for ever tells nothing more.
const RESUMES: usize = 5;

/// Where answers are noted.
pub type Noted<'a> = (&'a mut Tally, &'a mut Vec<Violation>);

/// Who asks, and whom.
pub struct Asking<'a> {
    pub pair: &'a Pair<'a>,
    pub led: &'a Led,
    pub place: usize,
    /// It is also asked to pause and resume.
    pub switches: bool,
}

impl Asking<'_> {
    /// Asks for everything, again and again until it is over.
    pub fn all(&self, over: &AtomicBool, (tally, violations): Noted<'_>) -> anyhow::Result<()> {
        let session = BlockingSession::open(&self.pair.site.database.url)?;
        for number in 0.. {
            let task = self.led.task(self.place, CALLERS, number);
            let mut calls = vec![(Verb::Add, task), (Verb::Delete, task)];
            if self.switches && number == 0 {
                calls.splice(0..0, [(Verb::Pause, 0), (Verb::Resume, 0)]);
            }
            self.list((tally, violations));
            for what in calls {
                if over.load(Ordering::Relaxed) && what.0 != Verb::Resume {
                    return Ok(());
                }
                if what.0 == Verb::Delete {
                    pair::disable(&session, &[task])?;
                }
                self.change(what, (tally, violations));
                if what.1 == 0 {
                    self.pair.look_whether_paused(&session)?;
                }
            }
            let watch = Stopwatch::start();
            while watch.seconds() < 1.0 && !over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }

    fn address(&self) -> SocketAddr {
        self.pair.address(self.place)
    }

    /// One change; a resumption until it is done.
    pub fn change(&self, (verb, task): (Verb, i32), (tally, violations): (&mut Tally, &mut Vec<Violation>)) {
        let limit = if matches!(verb, Verb::Pause | Verb::Delete) {
            PROMISES
        } else {
            OTHERS
        };
        for _ in 0..RESUMES {
            let answer = self.pair.site.ledger.ask(self.address(), (verb, task));
            note((tally, violations), (&format!("{verb:?}"), limit), answer);
            if answer.succeeded || verb != Verb::Resume {
                break;
            }
        }
    }

    fn list(&self, noted: Noted<'_>) {
        let watch = Stopwatch::start();
        let status = api::get(self.address(), "/api/details");
        let answer = CallAnswer {
            status,
            succeeded: status == Some(200),
            seconds: watch.seconds(),
        };
        note(noted, ("details", OTHERS), answer);
    }
}

fn note((tally, violations): Noted<'_>, (what, limit): (&str, f64), answer: CallAnswer) {
    tally.calls += 1;
    tally.refused += usize::from(answer.status == Some(503));
    tally.slowest = tally.slowest.max(answer.seconds);
    if !answer.succeeded || answer.seconds > limit {
        violations.push(Violation::of(
            Invariant::I8,
            format!(
                "{what} at the well process was answered {:?} after {:.2} s",
                answer.status, answer.seconds
            ),
        ));
    }
}
