//! The standing of a key: what its latest requests say about how long its next one will hold a permit. Plain data;
//! the permits ask it and tell it what was answered, and when.
//!
//! ```text
//!  any ─────── answered within 0.5 s ───────▶ recent ── none such for 10 to 20 s ──▶ proven
//!  any ─────── no answer within 0.5 s ──────▶ slow
//!  unproven ── by the table, at a start ────▶ proven
//! ```

use std::collections::HashMap;

use triggers::UtcMicros;

use super::key::FairnessKey;

/// Microseconds. *Recent* is what was answered in this stretch of time or in the one before it.
const STRETCH: i64 = 10_000_000;

/// How a key stands, best first (rule D10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Answered in time within the last 10 to 20 s.
    Recent,
    /// Answered in time before.
    Proven,
    /// Never answered, as far as is known.
    Unproven,
    /// Its latest request had no answer in time.
    Slow,
}

impl Standing {
    pub(super) const ALL: [Self; 4] = [Self::Recent, Self::Proven, Self::Unproven, Self::Slow];

    /// One value for each standing, in this order.
    pub(super) fn place(self) -> usize {
        self as usize
    }
}

/// What is known of every key. Some bits for each, as there may be a million of them; that of a deleted task keeps them.
#[derive(Debug, Default)]
pub(super) struct Standings {
    answered: KeySet,
    /// In this stretch of time, and in the one before.
    lately: KeySet,
    before: KeySet,
    stretch_began: Option<UtcMicros>,
    slow: KeySet,
}

impl Standings {
    pub(super) fn of(&self, key: FairnessKey) -> Standing {
        if self.slow.contains(key) {
            Standing::Slow
        } else if self.lately.contains(key) || self.before.contains(key) {
            Standing::Recent
        } else if self.answered.contains(key) {
            Standing::Proven
        } else {
            Standing::Unproven
        }
    }

    /// A request of the key was answered in time.
    pub(super) fn answered(&mut self, key: FairnessKey) {
        self.answered.insert(key);
        self.lately.insert(key);
        self.slow.remove(key);
    }

    /// A request of the key was not answered in time. Whether that is new.
    pub(super) fn unanswered(&mut self, key: FairnessKey) -> bool {
        self.slow.insert(key)
    }

    /// The key was answered in time by what is written down of it.
    pub(super) fn trust(&mut self, key: FairnessKey) {
        self.answered.insert(key);
    }

    /// It is `now`. A clock that was set back begins a new stretch, too: none lasts for longer than it should.
    pub(super) fn pass(&mut self, now: UtcMicros) {
        let began = *self.stretch_began.get_or_insert(now);
        if !(0..STRETCH).contains(&now.since(began)) {
            self.stretch_began = Some(now);
            self.before = std::mem::take(&mut self.lately);
        }
    }
}

/// A set of keys: 64 to an entry, for task ids are handed out one after the other.
#[derive(Debug, Default)]
struct KeySet(HashMap<u64, u64>);

impl KeySet {
    fn place(key: FairnessKey) -> (u64, u64) {
        let number = key.get();
        (number / 64, 1 << (number % 64))
    }

    fn contains(&self, key: FairnessKey) -> bool {
        let (entry, bit) = Self::place(key);
        self.0.get(&entry).is_some_and(|bits| bits & bit != 0)
    }

    /// Whether it was not in it.
    fn insert(&mut self, key: FairnessKey) -> bool {
        let (entry, bit) = Self::place(key);
        let bits = self.0.entry(entry).or_default();
        let new = *bits & bit == 0;
        *bits |= bit;
        new
    }

    fn remove(&mut self, key: FairnessKey) {
        let (entry, bit) = Self::place(key);
        if let Some(bits) = self.0.get_mut(&entry) {
            *bits &= !bit;
            if *bits == 0 {
                self.0.remove(&entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::local_runs::tests::key;
    use crate::model::TaskId;

    #[derive(Debug, Clone, Copy)]
    enum StandingStep {
        Answered,
        Unanswered,
        Trusted,
        /// It is so many seconds after the start.
        At(i64),
    }

    #[test]
    fn standings_by_what_was_told() {
        use Standing::{Proven, Recent, Slow, Unproven};
        use StandingStep::{Answered, At, Trusted, Unanswered};
        let table: [(&[StandingStep], Standing); 12] = [
            (&[], Unproven),
            (&[Trusted], Proven),
            (&[Answered], Recent),
            (&[Unanswered], Slow),
            (&[Unanswered, Trusted], Slow),
            (&[Trusted, Unanswered], Slow),
            (&[Unanswered, Answered], Recent),
            (&[Answered, Unanswered], Slow),
            (&[Answered, At(10)], Recent),
            (&[Answered, At(10), At(20)], Proven),
            (&[At(9), Answered, At(10), At(19)], Recent),
            // The clock is set back: no standing stays for ever.
            (&[Answered, At(-3_600), At(-3_590)], Proven),
        ];
        for (told, expected) in table {
            let mut standings = Standings::default();
            standings.pass(UtcMicros::new(0));
            for one in told {
                match one {
                    Answered => standings.answered(key(7)),
                    Unanswered => drop(standings.unanswered(key(7))),
                    Trusted => standings.trust(key(7)),
                    At(seconds) => standings.pass(UtcMicros::new(seconds * 1_000_000)),
                }
            }
            assert_eq!(standings.of(key(7)), expected, "{told:?}");
            assert_eq!(standings.of(key(8)), Unproven, "{told:?}: another key");
        }
    }

    #[test]
    fn a_million_keys_are_few_entries() {
        let mut keys = KeySet::default();
        for task in (0..1_000_000).chain([TaskId::MAX, -1]) {
            assert!(keys.insert(key(task)) && !keys.insert(key(task)), "{task}");
        }
        assert_eq!(keys.0.len(), 15_627);
        assert!(keys.contains(key(63)) && keys.contains(key(64)) && !keys.contains(key(1_000_000)));
        (0..1_000_000).for_each(|task| keys.remove(key(task)));
        assert!(keys.contains(key(TaskId::MAX)) && keys.0.len() == 2);
    }
}
