//! Calls of the API at the process that will be caught, so that it may be in the middle of one.
//!
//! Each task is called at one process alone, and one call after the other: so what a call that hangs with its process may
//! still come to is known.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::checker::Verb;
use crate::dice::Dice;
use crate::pair::{self, Pair};
use crate::schedules::{Schedules, Timing};
use test_world::session::BlockingSession;

/// Threads that call the process to be caught.
pub const CALLERS: usize = 2;
/// Tasks of each at each process; the calls at the other process have as many.
const TASKS: usize = 2;
/// What a call that failed has begun is over by then.
const CALMS: Duration = Duration::from_secs(3);

/// Whom the callers call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Nobody,
    /// Adds, deletions and runs later.
    Changes(usize),
    /// Pauses and resumptions.
    Switches(usize),
}

/// What the callers and the one who leads them share.
pub struct Led {
    turn: Mutex<Turn>,
    over: AtomicBool,
    calling: AtomicUsize,
    /// The first of the tasks for calls.
    first: i32,
}

impl Led {
    /// Adds the tasks for calls to the schedules.
    pub fn new(schedules: &mut Schedules) -> Self {
        let ids: Vec<i32> = (0..2 * (CALLERS + 1) * TASKS)
            .map(|_| schedules.add(Timing::Far))
            .collect();
        Self {
            turn: Mutex::new(Turn::Nobody),
            over: AtomicBool::new(false),
            calling: AtomicUsize::new(0),
            first: ids[0],
        }
    }

    /// Whether a task is one for calls.
    pub fn is_called(&self, task: i32) -> bool {
        task >= self.first
    }

    /// A task of one caller at one process; the caller behind the last is the one who asks the other process.
    pub fn task(&self, place: usize, caller: usize, number: usize) -> i32 {
        let offset = (place * (CALLERS + 1) + caller) * TASKS + number % TASKS;
        self.first + i32::try_from(offset).unwrap_or(0)
    }

    pub fn turn_to(&self, turn: Turn) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }

    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Waits until no call of a caller is under way.
    pub fn wait_quiet(&self) {
        while self.calling.load(Ordering::Relaxed) > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn take_turn(&self) -> Turn {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if *turn != Turn::Nobody {
            // Under the lock: who has turned to nobody need only wait for those who call.
            self.calling.fetch_add(1, Ordering::Relaxed);
        }
        *turn
    }
}

/// Calls whom it is told to call, until it is over.
pub fn call(pair: &Pair<'_>, led: &Led, (caller, dice): (usize, &mut Dice)) -> anyhow::Result<()> {
    let session = BlockingSession::open(&pair.site.database.url)?;
    let mut paused = false;
    while !led.over.load(Ordering::Relaxed) {
        let (place, what) = match led.take_turn() {
            Turn::Switches(place) if caller == 0 => {
                paused = !paused;
                (place, (if paused { Verb::Pause } else { Verb::Resume }, 0))
            }
            Turn::Changes(place) => {
                let verb = *dice.one_of(&[Verb::Add, Verb::Add, Verb::Delete, Verb::Delay]);
                (place, (verb, led.task(place, caller, dice.below(2) as usize)))
            }
            turn => {
                if turn != Turn::Nobody {
                    led.calling.fetch_sub(1, Ordering::Relaxed);
                }
                paused = false;
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
        };
        let disabled = what.0 != Verb::Delete || pair::disable(&session, &[what.1]).is_ok();
        let done = disabled && pair.site.ledger.call(pair.address(place), what);
        if !done {
            std::thread::sleep(CALMS);
        }
        led.calling.fetch_sub(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(dice.below(5)));
    }
    Ok(())
}
