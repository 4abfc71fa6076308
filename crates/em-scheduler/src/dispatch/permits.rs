//! Permits: how many requests may be in flight, and whose. Plain data; the desk asks it and tells it what begins and ends.
//!
//! No task holds more than a tenth of the permits while others wait, and the last tenth is for tasks below their share
//! (spec §5.5). A task whose requests stay without an answer for half a second is *slow*, until one is answered sooner: all
//! slow tasks together hold at most three quarters, so that fifty tasks whose runner hangs do not hold up the others.

use std::collections::{BTreeSet, HashMap, HashSet};

use triggers::UtcMicros;

use crate::model::{RunKey, TaskId};

/// Microseconds a request may be in flight before its task counts as slow. Less than a second, the least time between
/// two runs of a cron: the second run of a task that hangs must find it slow already.
const SLOW: i64 = 500_000;

#[derive(Debug)]
pub(super) struct Permits {
    limit: usize,
    in_use: usize,
    held: HashMap<TaskId, usize>,
    /// The requests in flight, and in order of their begin those that have not been noticed to be slow.
    flights: HashMap<RunKey, Flight>,
    fresh: BTreeSet<(UtcMicros, RunKey)>,
    /// Those of which another of the same run has begun since: the run was taken from us and came back. They are one task's, so
    /// it does not matter which gives its permit back first.
    older: Vec<(RunKey, Flight)>,
    slow: HashSet<TaskId>,
    /// The permits that slow tasks hold.
    slow_in_use: usize,
}

#[derive(Debug)]
struct Flight {
    task: TaskId,
    since: UtcMicros,
}

impl Permits {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            in_use: 0,
            held: HashMap::new(),
            flights: HashMap::new(),
            older: Vec::new(),
            fresh: BTreeSet::new(),
            slow: HashSet::new(),
            slow_in_use: 0,
        }
    }

    pub(super) fn in_use(&self) -> usize {
        self.in_use
    }

    pub(super) fn any_free(&self) -> bool {
        self.in_use < self.limit
    }

    /// Whether the task may take a permit. `alone`: nobody waits who is below their share.
    pub(super) fn may_take(&self, task: TaskId, alone: bool) -> bool {
        let free = self.limit.saturating_sub(self.in_use);
        let tenth = self.limit / 10;
        let within_share = self.held.get(&task).copied().unwrap_or(0) < tenth.max(1);
        free > 0
            && (within_share || (alone && free > tenth))
            && !(self.slow_are_full() && self.slow.contains(&task))
    }

    pub(super) fn is_slow(&self, task: TaskId) -> bool {
        self.slow.contains(&task)
    }

    /// Whether the slow tasks hold all they may.
    pub(super) fn slow_are_full(&self) -> bool {
        self.slow_in_use >= self.limit - self.limit / 4
    }

    pub(super) fn take(&mut self, task: TaskId) {
        self.in_use += 1;
        *self.held.entry(task).or_default() += 1;
        if self.slow.contains(&task) {
            self.slow_in_use += 1;
        }
    }

    pub(super) fn release(&mut self, task: TaskId) {
        self.in_use = self.in_use.saturating_sub(1);
        let Some(held) = self.held.get_mut(&task) else {
            return;
        };
        *held = held.saturating_sub(1);
        if *held == 0 {
            self.held.remove(&task);
        }
        if self.slow.contains(&task) {
            self.slow_in_use = self.slow_in_use.saturating_sub(1);
        }
    }

    /// A request that holds a permit begins.
    pub(super) fn begin(&mut self, key: RunKey, task: TaskId, now: UtcMicros) {
        if let Some(older) = self.flights.insert(key, Flight { task, since: now }) {
            self.older.push((key, older));
        }
        self.fresh.insert((now, key));
    }

    /// The request waits for the runner no more; what is left is to write down its outcome, which makes nobody slow.
    /// `answered`: by the runner itself. Answers whether its task was slow and no longer is.
    pub(super) fn answer(&mut self, key: RunKey, answered: bool) -> bool {
        let Some(Flight { task, since }) = self.flights.get(&key) else {
            return false;
        };
        let (task, in_time) = (*task, self.fresh.remove(&(*since, key)));
        let recovers = in_time && answered && self.slow.remove(&task);
        if recovers {
            self.slow_in_use = self.slow_in_use.saturating_sub(self.held(task));
        }
        recovers
    }

    /// It has ended, and its permit is free again.
    pub(super) fn end(&mut self, key: RunKey) {
        let older = self.older.iter().position(|(other, _)| *other == key);
        let flight = match older {
            Some(place) => Some(self.older.swap_remove(place).1),
            None => self.flights.remove(&key),
        };
        if let Some(Flight { task, since }) = flight {
            self.fresh.remove(&(since, key));
            self.release(task);
        }
    }

    /// Notes and answers the tasks that have become slow. A clock that was set forward may find too many; each recovers
    /// with its next answer.
    pub(super) fn look(&mut self, now: UtcMicros) -> Vec<TaskId> {
        let mut found = Vec::new();
        while let Some((since, key)) = self.fresh.first().copied() {
            if now.since(since) < SLOW {
                break;
            }
            self.fresh.pop_first();
            let Some(task) = self.flights.get(&key).map(|flight| flight.task) else {
                continue;
            };
            if self.slow.insert(task) {
                self.slow_in_use += self.held(task);
                found.push(task);
            }
        }
        found
    }

    fn held(&self, task: TaskId) -> usize {
        self.held.get(&task).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UtcMicros = UtcMicros::new(0);
    const LATER: UtcMicros = UtcMicros::new(SLOW);

    #[test]
    fn slow_tasks_together_leave_a_quarter() {
        let mut permits = Permits::new(20);
        for task in 1..=8 {
            permits.take(task);
            permits.begin(i64::from(task), task, START);
        }
        assert!(permits.look(UtcMicros::new(SLOW - 1)).is_empty());
        assert!((1..=8).all(|task| !permits.is_slow(task)));
        assert!(!permits.look(LATER).is_empty());
        assert!((1..=8).all(|task| permits.is_slow(task) && permits.may_take(task, false)));
        for task in 1..=7 {
            permits.take(task);
        }
        assert!(permits.slow_are_full());
        assert!(!permits.may_take(8, false), "fifteen of twenty are theirs");
        assert!(permits.may_take(9, false), "the others find five");
    }

    #[test]
    fn a_task_is_slow_until_an_answer_comes_in_time() {
        let mut permits = Permits::new(20);
        for key in [1, 2] {
            permits.take(7);
            permits.begin(key, 7, START);
        }
        assert!(!permits.look(LATER).is_empty());
        assert!(
            !permits.answer(1, true) && permits.is_slow(7),
            "this one came late"
        );
        permits.end(1);
        for key in [3, 4] {
            permits.take(7);
            permits.begin(key, 7, LATER);
        }
        assert!(!permits.answer(3, false), "this one was never sent");
        assert!(permits.answer(4, true) && !permits.is_slow(7), "this one in time");
        assert_eq!((permits.in_use(), permits.slow_in_use), (3, 0));
        (2..=4).for_each(|key| permits.end(key));
        assert_eq!((permits.in_use(), permits.slow_in_use), (0, 0));
    }
}
