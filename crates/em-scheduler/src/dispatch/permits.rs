//! Permits: how many requests may be in flight, and whose. Plain data; the desk asks it and tells it what begins and ends.
//!
//! No task holds more than a tenth of the permits while others wait, and the last tenth of what a task may have is for
//! tasks below their share (D7). What a task may have depends on its standing (D10), so that tasks whose runner hangs do not
//! hold up the others, however many they are and whether or not they have hung before:
//!
//! ```text
//!  0                                              3/4         7/8         all permits
//!  ├──────────── unproven and slow ────────────────┤           │           │
//!  ├──────────── and proven ───────────────────────────────────┤           │
//!  ├──────────── and recent ───────────────────────────────────────────────┤
//! ```

use std::collections::{BTreeSet, HashMap};

use triggers::UtcMicros;

use super::standing::{Standing, Standings};
use crate::model::{RunKey, TaskId};

/// Microseconds a request may be in flight before its task counts as slow. Less than a second, the least time between
/// two runs of a cron: the second run of a task that hangs must find it slow already.
pub(super) const SLOW: i64 = 500_000;

#[derive(Debug)]
pub(super) struct Permits {
    limit: usize,
    /// The permits held, by the standing of the task.
    held: [usize; Standing::ALL.len()],
    holders: HashMap<TaskId, Holder>,
    /// The requests in flight, and in order of their begin those that have not been noticed to be slow.
    flights: HashMap<RunKey, Flight>,
    fresh: BTreeSet<(UtcMicros, RunKey)>,
    /// Those of which another of the same run has begun since: the run was taken from us and came back. They are one task's, so
    /// it does not matter which gives its permit back first.
    older: Vec<(RunKey, Flight)>,
    standings: Standings,
}

/// A task that holds permits, and the standing they count for.
#[derive(Debug)]
struct Holder {
    permits: usize,
    standing: Standing,
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
            held: Default::default(),
            holders: HashMap::new(),
            flights: HashMap::new(),
            older: Vec::new(),
            fresh: BTreeSet::new(),
            standings: Standings::default(),
        }
    }

    pub(super) fn in_use(&self) -> usize {
        self.held.iter().sum()
    }

    /// How a task stands. While it holds permits that does not change by the mere passing of time.
    pub(super) fn standing(&self, task: TaskId) -> Standing {
        let holder = self.holders.get(&task);
        holder.map_or_else(|| self.standings.of(task), |holder| holder.standing)
    }

    /// Whether no task that stands so may take a permit.
    pub(super) fn is_full(&self, standing: Standing) -> bool {
        self.room(standing) == 0
    }

    /// How many permits tasks that stand so may take: as many as are left to them, and to all that stand better.
    fn room(&self, standing: Standing) -> usize {
        let mut held = self.in_use();
        let mut room = self.limit;
        for better in &Standing::ALL[..=standing.place()] {
            room = room.min(self.limit_of(*better).saturating_sub(held));
            held -= self.held[better.place()];
        }
        room
    }

    /// What tasks that stand so, or worse, may hold together.
    fn limit_of(&self, standing: Standing) -> usize {
        match standing {
            Standing::Recent => self.limit,
            Standing::Proven => self.limit - self.limit / 8,
            Standing::Unproven | Standing::Slow => self.limit - self.limit / 4,
        }
    }

    /// Whether a task that stands so may take a permit. `alone`: no task waits that is below its share.
    pub(super) fn may_take(&self, (task, standing): (TaskId, Standing), alone: bool) -> bool {
        let room = self.room(standing);
        let tenth = self.limit / 10;
        let permits = self.holders.get(&task).map_or(0, |holder| holder.permits);
        let within_share = permits < tenth.max(1);
        room > 0 && (within_share || (alone && room > tenth))
    }

    pub(super) fn take(&mut self, (task, standing): (TaskId, Standing)) {
        let holder = self
            .holders
            .entry(task)
            .or_insert(Holder { permits: 0, standing });
        holder.permits += 1;
        self.held[holder.standing.place()] += 1;
    }

    pub(super) fn release(&mut self, task: TaskId) {
        let Some(holder) = self.holders.get_mut(&task) else {
            return;
        };
        self.held[holder.standing.place()] -= 1;
        holder.permits -= 1;
        if holder.permits == 0 {
            self.holders.remove(&task);
        }
    }

    /// A request that holds a permit begins.
    pub(super) fn begin(&mut self, key: RunKey, task: TaskId, now: UtcMicros) {
        if let Some(older) = self.flights.insert(key, Flight { task, since: now }) {
            self.older.push((key, older));
        }
        self.fresh.insert((now, key));
    }

    /// The request waits for the runner no more; what is left is to write down its outcome, which makes no task slow.
    /// `answered`: by the runner itself. Returns whether its task is recent by that.
    pub(super) fn answer(&mut self, key: RunKey, answered: bool) -> bool {
        let Some(Flight { task, since }) = self.flights.get(&key) else {
            return false;
        };
        let (task, in_time) = (*task, self.fresh.remove(&(*since, key)));
        let recent = in_time && answered;
        if recent {
            self.standings.answered(task);
            self.count_for(task, Standing::Recent);
        }
        recent
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

    /// Notes and returns the tasks that have become slow. A clock that was set forward may find too many; each recovers
    /// with its next answer.
    pub(super) fn look(&mut self, now: UtcMicros) -> Vec<TaskId> {
        self.standings.pass(now);
        let mut found = Vec::new();
        while let Some((since, key)) = self.fresh.first().copied() {
            if now.since(since) < SLOW {
                break;
            }
            self.fresh.pop_first();
            let Some(task) = self.flights.get(&key).map(|flight| flight.task) else {
                continue;
            };
            if self.standings.unanswered(task) {
                self.count_for(task, Standing::Slow);
                found.push(task);
            }
        }
        found
    }

    /// The task was answered in time by what is written down of it. Whether it was unproven before.
    pub(super) fn trust(&mut self, task: TaskId) -> bool {
        let unproven = self.standing(task) == Standing::Unproven;
        self.standings.trust(task);
        if unproven {
            self.count_for(task, Standing::Proven);
        }
        unproven
    }

    /// The permits that the task holds count for this standing from now on.
    fn count_for(&mut self, task: TaskId, standing: Standing) {
        if let Some(holder) = self.holders.get_mut(&task) {
            self.held[holder.standing.place()] -= holder.permits;
            holder.standing = standing;
            self.held[standing.place()] += holder.permits;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Standing::{Proven, Recent, Slow, Unproven};
    use super::*;

    const START: UtcMicros = UtcMicros::new(0);
    const LATER: UtcMicros = UtcMicros::new(SLOW);

    /// So many permits, and a hundred tasks of each standing: the first is 100, 200, 300 or 400 in the order of the standings.
    fn permits(limit: usize) -> Permits {
        let mut permits = Permits::new(limit);
        for place in 0..100 {
            permits.standings.answered(100 + place);
            permits.standings.trust(200 + place);
            permits.standings.unanswered(400 + place);
        }
        permits
    }

    fn first(standing: Standing) -> TaskId {
        100 * (1 + TaskId::try_from(standing.place()).unwrap())
    }

    /// Gives the tasks of a standing one permit each, as long as there is one; how many that were.
    fn fill(permits: &mut Permits, standing: Standing) -> usize {
        let mut taken = 0;
        for task in first(standing)..first(standing) + 100 {
            assert_eq!(permits.standing(task), standing);
            if permits.may_take((task, standing), false) {
                permits.take((task, standing));
                taken += 1;
            }
        }
        taken
    }

    /// How many permits there are, which tasks come one after the other, and how many permits those find.
    #[test]
    fn what_is_left_to_each_standing() {
        let table: [(usize, &[(Standing, usize)]); 16] = [
            (100, &[(Recent, 100), (Proven, 0), (Unproven, 0)]),
            (100, &[(Proven, 88), (Unproven, 0), (Recent, 12)]),
            (100, &[(Unproven, 75), (Slow, 0), (Proven, 13), (Recent, 12)]),
            (100, &[(Slow, 75), (Unproven, 0), (Proven, 13), (Recent, 12)]),
            (100, &[(Slow, 75), (Recent, 25), (Proven, 0)]),
            (20, &[(Unproven, 15), (Proven, 3), (Recent, 2)]),
            (10, &[(Unproven, 8), (Proven, 1), (Recent, 1)]),
            (8, &[(Unproven, 6), (Proven, 1), (Recent, 1)]),
            (7, &[(Unproven, 6), (Proven, 1), (Recent, 0)]),
            (4, &[(Unproven, 3), (Proven, 1), (Recent, 0)]),
            (3, &[(Unproven, 3), (Recent, 0)]),
            (1, &[(Unproven, 1), (Recent, 0)]),
            (1, &[(Slow, 1), (Recent, 0)]),
            (1, &[(Recent, 1), (Slow, 0)]),
            // No permits are one permit.
            (0, &[(Unproven, 1), (Recent, 0)]),
            (200, &[(Unproven, 100), (Slow, 50), (Proven, 25), (Recent, 25)]),
        ];
        for (limit, steps) in table {
            let mut permits = permits(limit);
            for (standing, found) in steps {
                assert_eq!(fill(&mut permits, *standing), *found, "{limit}: {steps:?}");
            }
            assert_eq!(permits.is_full(Recent), permits.in_use() == limit.max(1));
        }
    }

    /// A task alone leaves the last tenth of what its standing may have to those below their share.
    #[test]
    fn what_a_task_may_have_alone() {
        for (standing, most) in [(Recent, 90), (Proven, 78), (Unproven, 65), (Slow, 65)] {
            let mut permits = permits(100);
            let task = (first(standing), standing);
            while permits.may_take(task, true) {
                assert_eq!(permits.may_take(task, false), permits.in_use() < 10);
                permits.take(task);
            }
            assert_eq!(permits.in_use(), most, "{standing:?}");
            assert_eq!(fill(&mut permits, standing), 10, "{standing:?}");
        }
    }

    /// Of a burst of tasks that were never asked those that are answered make room at once, though their outcome is not yet
    /// written down.
    #[test]
    fn answers_make_room() {
        let mut permits = permits(100);
        assert_eq!(fill(&mut permits, Unproven), 75);
        for task in 300..375 {
            permits.begin(i64::from(task), task, START);
        }
        for (task, answered) in [(300, true), (301, true), (302, false)] {
            assert_eq!(permits.answer(i64::from(task), answered), answered);
        }
        assert_eq!(permits.standing(300), Recent);
        assert_eq!(permits.standing(302), Unproven, "it was not asked after all");
        assert_eq!((fill_more(&mut permits, 375), permits.in_use()), (2, 77));
        permits.end(302);
        assert_eq!((fill_more(&mut permits, 380), permits.in_use()), (1, 77));
    }

    /// The same for unproven tasks from this one on.
    fn fill_more(permits: &mut Permits, from: TaskId) -> usize {
        let before = permits.in_use();
        for task in from..400 {
            if permits.may_take((task, Unproven), false) {
                permits.take((task, Unproven));
            }
        }
        permits.in_use() - before
    }

    #[test]
    fn a_task_is_slow_until_an_answer_comes_in_time() {
        let mut permits = Permits::new(20);
        for key in [1, 2] {
            permits.take((7, Unproven));
            permits.begin(key, 7, START);
        }
        assert!(permits.look(UtcMicros::new(SLOW - 1)).is_empty());
        assert_eq!(permits.standing(7), Unproven);
        assert_eq!(permits.look(LATER), [7]);
        assert!(!permits.answer(1, true), "this one came late");
        assert_eq!(permits.standing(7), Slow);
        permits.end(1);
        for key in [3, 4] {
            permits.take((7, Slow));
            permits.begin(key, 7, LATER);
        }
        assert!(!permits.answer(3, false), "this one was never sent");
        assert!(permits.answer(4, true), "this one in time");
        assert_eq!((permits.standing(7), permits.held), (Recent, [3, 0, 0, 0]));
        (2..=4).for_each(|key| permits.end(key));
        assert_eq!((permits.in_use(), permits.holders.len()), (0, 0));
    }

    #[test]
    fn what_is_written_down_helps_only_who_is_unproven() {
        let mut permits = Permits::new(20);
        for (key, task) in [(1, 7), (2, 8), (3, 9)] {
            permits.take((task, Unproven));
            permits.begin(key, task, START);
        }
        assert!(permits.answer(3, true));
        permits.end(2);
        assert_eq!(permits.look(LATER), [7]);
        let told = [7, 8, 9, 10].map(|task| (permits.trust(task), permits.standing(task)));
        assert_eq!(
            told,
            [(false, Slow), (true, Proven), (false, Recent), (true, Proven)]
        );
        assert_eq!(permits.held, [1, 0, 0, 1]);
    }
}
