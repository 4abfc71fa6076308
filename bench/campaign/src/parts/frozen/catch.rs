//! Stops a process in the middle of a transaction: when one of its backends is seen in one it is stopped, and if none waits
//! for it then, it goes on, and the next is tried.

use std::time::Duration;

use test_world::clock::{self, Stopwatch};

use super::host::Hosts;
use crate::backends::{self, Stuck};
use crate::dice::Dice;
use crate::pair::Pair;

/// How long is tried at all, and how long for a certain kind of transaction.
const LONGEST: f64 = 20.0;
const PICKY: f64 = 6.0;
/// What the server has heard before it hears nothing more is done by then.
const SETTLES: Duration = Duration::from_millis(60);
/// Between two looks.
const LOOKS: Duration = Duration::from_micros(200);
/// What may be waited for: subjects of last statements that a process is waited for at.
pub const WANTED: [&str; 5] = ["due times", "runs", "tasks", "jobs", "guards"];

/// When to stop it.
#[derive(Debug, Clone, Copy)]
pub enum When {
    /// When one of its transactions is seen.
    Seen,
    /// When one about this is seen; after a while another will do.
    SeenAbout(&'static str),
    /// At this time, whatever is seen, and after that when one is.
    At(i64),
}

/// Stops the process in a transaction. None if it was caught in none.
pub fn catch(
    (pair, hosts): (&Pair<'_>, &Hosts),
    place: usize,
    (when, dice): (When, &mut Dice),
) -> anyhow::Result<Option<Vec<Stuck>>> {
    let (mut at, wanted) = match when {
        When::Seen => (None, None),
        When::SeenAbout(subject) => (None, Some(subject)),
        When::At(at) => (Some(at), None),
    };
    let watch = Stopwatch::start();
    let is_wanted = |subjects: &[&str]| match wanted.filter(|_| watch.seconds() < PICKY) {
        Some(wanted) => subjects.contains(&wanted),
        None => !subjects.is_empty(),
    };
    while watch.seconds() < LONGEST {
        let ports = hosts.ports(pair, place);
        if let Some(at) = at.take() {
            clock::sleep_until(at);
        } else {
            let seen = || backends::in_transaction(&pair.session, &ports);
            while !is_wanted(&seen()?) && watch.seconds() < LONGEST {
                std::thread::sleep(LOOKS);
            }
        }
        hosts.silence(pair, (place, true))?;
        std::thread::sleep(SETTLES);
        let stuck = backends::stuck(&pair.session, &ports)?;
        let subjects: Vec<&str> = stuck.iter().map(|stuck| stuck.subject).collect();
        if is_wanted(&subjects) {
            return Ok(Some(stuck));
        }
        hosts.silence(pair, (place, false))?;
        std::thread::sleep(Duration::from_millis(dice.below(50)));
    }
    Ok(None)
}
