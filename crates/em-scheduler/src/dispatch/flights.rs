//! The requests in flight: whose they are, since when, and which of them have waited for an answer for too long. Plain data of
//! the permits.

use std::collections::{BTreeSet, HashMap};

use triggers::UtcMicros;

use super::key::FairnessKey;
use crate::model::RunKey;

/// Microseconds a request may be in flight before its key counts as slow. Less than a second, the least time between
/// two runs of a cron: the second run of a task that hangs must find it slow already.
pub(super) const SLOW: i64 = 500_000;

/// The requests in flight that hold permits.
#[derive(Debug, Default)]
pub(super) struct Flights {
    /// The newest of each run.
    newest: HashMap<RunKey, Flight>,
    /// In order of their begin, those that have not been noticed to be slow.
    fresh: BTreeSet<(UtcMicros, RunKey)>,
    /// Those of which another of the same run has begun since: the run was taken from us and came back. They are of one key, so
    /// it does not matter which gives its permit back first.
    older: Vec<(RunKey, Flight)>,
}

#[derive(Debug)]
struct Flight {
    key: FairnessKey,
    since: UtcMicros,
}

impl Flights {
    /// A request begins.
    pub(super) fn begin(&mut self, run: RunKey, key: FairnessKey, now: UtcMicros) {
        if let Some(older) = self.newest.insert(run, Flight { key, since: now }) {
            self.older.push((run, older));
        }
        self.fresh.insert((now, run));
    }

    /// It waits for its target no more. Returns whose it is, and whether it was in time.
    pub(super) fn answer(&mut self, run: RunKey) -> Option<(FairnessKey, bool)> {
        let Flight { key, since } = self.newest.get(&run)?;
        Some((*key, self.fresh.remove(&(*since, run))))
    }

    /// It has ended. Returns whose it was.
    pub(super) fn end(&mut self, run: RunKey) -> Option<FairnessKey> {
        let older = self.older.iter().position(|(other, _)| *other == run);
        let Flight { key, since } = match older {
            Some(place) => self.older.swap_remove(place).1,
            None => self.newest.remove(&run)?,
        };
        self.fresh.remove(&(since, run));
        Some(key)
    }

    /// Whose request has become slow, of one that was not noticed before. A clock that was set forward may find too many.
    pub(super) fn next_slow(&mut self, now: UtcMicros) -> Option<FairnessKey> {
        loop {
            let (since, run) = *self.fresh.first()?;
            if now.since(since) < SLOW {
                return None;
            }
            self.fresh.pop_first();
            if let Some(flight) = self.newest.get(&run) {
                return Some(flight.key);
            }
        }
    }
}
