//! Runs that wait for the time of their next attempt. Plain data.

use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;

use triggers::UtcMicros;

use crate::model::{RunKey, SendableRun};

/// Microseconds; twice what the longest retry waits.
pub(super) const LONGEST_WAIT: i64 = 150_000_000;

#[derive(Debug, Default)]
pub(super) struct Retries(BTreeMap<(UtcMicros, RunKey), SendableRun>);

impl Retries {
    /// Takes a run that is not to be tried before `at`.
    pub(super) fn push(&mut self, at: UtcMicros, run: SendableRun) {
        self.0.insert((at, run.key), run);
    }

    /// Takes out a run whose time has come. No retry waits for longer than the longest wait: one that seems to was put off before
    /// the clock was set back.
    pub(super) fn pop(&mut self, now: UtcMicros) -> Option<SendableRun> {
        let first = self.0.first_entry();
        if let Some(due) = first.filter(|entry| entry.key().0.since(now) <= 0) {
            return Some(due.remove());
        }
        let last = self.0.last_entry();
        last.filter(|entry| entry.key().0.since(now) > LONGEST_WAIT)
            .map(OccupiedEntry::remove)
    }

    /// When the next one's time comes.
    pub(super) fn next(&self) -> Option<UtcMicros> {
        self.0.first_key_value().map(|((at, _), _)| *at)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes out all of them.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = SendableRun> + use<> {
        std::mem::take(&mut self.0).into_values()
    }
}
