//! The standing of a task: what its latest requests say about how long its next one will hold a permit. Plain data;
//! the permits ask it and tell it what was answered, and when.
//!
//! ```text
//!  any ─────── answered within 0.5 s ───────▶ recent ── none such for 10 to 20 s ──▶ proven
//!  any ─────── no answer within 0.5 s ──────▶ slow
//!  unproven ── by the table, at a start ────▶ proven
//! ```

use std::collections::HashMap;

use triggers::UtcMicros;

use crate::model::TaskId;

/// Microseconds. *Recent* is what was answered in this stretch of time or in the one before it.
const STRETCH: i64 = 10_000_000;

/// How a task stands, best first (rule D10).
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

/// What is known of every task. Some bits for each, as there may be a million of them; a task that is deleted keeps them.
#[derive(Debug, Default)]
pub(super) struct Standings {
    answered: TaskSet,
    /// In this stretch of time, and in the one before.
    lately: TaskSet,
    before: TaskSet,
    stretch_began: Option<UtcMicros>,
    slow: TaskSet,
}

impl Standings {
    pub(super) fn of(&self, task: TaskId) -> Standing {
        if self.slow.contains(task) {
            Standing::Slow
        } else if self.lately.contains(task) || self.before.contains(task) {
            Standing::Recent
        } else if self.answered.contains(task) {
            Standing::Proven
        } else {
            Standing::Unproven
        }
    }

    /// A request of the task was answered in time.
    pub(super) fn answered(&mut self, task: TaskId) {
        self.answered.insert(task);
        self.lately.insert(task);
        self.slow.remove(task);
    }

    /// A request of the task was not answered in time. Whether that is new.
    pub(super) fn unanswered(&mut self, task: TaskId) -> bool {
        self.slow.insert(task)
    }

    /// The task was answered in time by what is written down of it.
    pub(super) fn trust(&mut self, task: TaskId) {
        self.answered.insert(task);
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

/// A set of tasks: 64 ids to an entry, for ids are handed out one after the other.
#[derive(Debug, Default)]
struct TaskSet(HashMap<u32, u64>);

impl TaskSet {
    fn place(task: TaskId) -> (u32, u64) {
        let id = task.cast_unsigned();
        (id / 64, 1 << (id % 64))
    }

    fn contains(&self, task: TaskId) -> bool {
        let (entry, bit) = Self::place(task);
        self.0.get(&entry).is_some_and(|bits| bits & bit != 0)
    }

    /// Whether it was not in it.
    fn insert(&mut self, task: TaskId) -> bool {
        let (entry, bit) = Self::place(task);
        let bits = self.0.entry(entry).or_default();
        let new = *bits & bit == 0;
        *bits |= bit;
        new
    }

    fn remove(&mut self, task: TaskId) {
        let (entry, bit) = Self::place(task);
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

    #[derive(Debug, Clone, Copy)]
    enum Told {
        Answered,
        Unanswered,
        Trusted,
        /// It is so many seconds after the start.
        At(i64),
    }

    #[test]
    fn standings_by_what_was_told() {
        use Standing::{Proven, Recent, Slow, Unproven};
        use Told::{Answered, At, Trusted, Unanswered};
        let table: [(&[Told], Standing); 12] = [
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
                    Answered => standings.answered(7),
                    Unanswered => drop(standings.unanswered(7)),
                    Trusted => standings.trust(7),
                    At(seconds) => standings.pass(UtcMicros::new(seconds * 1_000_000)),
                }
            }
            assert_eq!(standings.of(7), expected, "{told:?}");
            assert_eq!(standings.of(8), Unproven, "{told:?}: another task");
        }
    }

    #[test]
    fn a_million_tasks_are_few_entries() {
        let mut tasks = TaskSet::default();
        for task in (0..1_000_000).chain([TaskId::MAX, -1]) {
            assert!(tasks.insert(task) && !tasks.insert(task), "{task}");
        }
        assert_eq!(tasks.0.len(), 15_627);
        assert!(tasks.contains(63) && tasks.contains(64) && !tasks.contains(1_000_000));
        (0..1_000_000).for_each(|task| tasks.remove(task));
        assert!(tasks.contains(TaskId::MAX) && tasks.0.len() == 2);
    }
}
