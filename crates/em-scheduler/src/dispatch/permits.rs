//! Permits: how many requests may be in flight, and whose. Plain data; who asks it tells it what begins and ends.
//!
//! No key holds more than a tenth of the permits while others wait, and the last tenth of what a key may have is for
//! keys below their share (D7). What a key may have depends on its standing (D10; the numbers are in `limits`), so that tasks
//! whose runner hangs do not hold up the others, however many they are and whether or not they have hung before.

use std::collections::HashMap;

use triggers::UtcMicros;

use super::flights::Flights;
use super::key::FairnessKey;
use super::limits::{PerStanding, PermitLimits};
use super::standing::{Standing, Standings};
use crate::model::RunKey;

#[derive(Debug)]
pub(super) struct Permits {
    limits: PermitLimits,
    /// The permits held, by the standing of the key.
    held: PerStanding,
    holders: HashMap<FairnessKey, Holder>,
    flights: Flights,
    standings: Standings,
}

/// A key that holds permits, and the standing they count for.
#[derive(Debug)]
struct Holder {
    permits: usize,
    standing: Standing,
}

impl Permits {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limits: PermitLimits::new(limit),
            held: Default::default(),
            holders: HashMap::new(),
            flights: Flights::default(),
            standings: Standings::default(),
        }
    }

    pub(super) fn in_use(&self) -> usize {
        self.held.iter().sum()
    }

    /// How a key stands. While it holds permits that does not change by the mere passing of time.
    pub(super) fn standing(&self, key: FairnessKey) -> Standing {
        let holder = self.holders.get(&key);
        holder.map_or_else(|| self.standings.of(key), |holder| holder.standing)
    }

    /// Whether no key that stands so may take a permit.
    pub(super) fn is_full(&self, standing: Standing) -> bool {
        self.limits.room(&self.held, standing) == 0
    }

    /// Whether a key that stands so may take a permit. `alone`: no key waits that is below its share.
    pub(super) fn may_take(&self, (key, standing): (FairnessKey, Standing), alone: bool) -> bool {
        let own = self.holders.get(&key).map_or(0, |holder| holder.permits);
        self.limits
            .allow(own, self.limits.room(&self.held, standing), alone)
    }

    pub(super) fn take(&mut self, (key, standing): (FairnessKey, Standing)) {
        let holder = self.holders.entry(key).or_insert(Holder { permits: 0, standing });
        holder.permits += 1;
        self.held[holder.standing.place()] += 1;
    }

    /// Gives back a permit with which nothing has begun.
    pub(super) fn release(&mut self, key: FairnessKey) {
        let Some(holder) = self.holders.get_mut(&key) else {
            return;
        };
        self.held[holder.standing.place()] -= 1;
        holder.permits -= 1;
        if holder.permits == 0 {
            self.holders.remove(&key);
        }
    }

    /// A request that holds a permit begins.
    pub(super) fn begin(&mut self, run: RunKey, key: FairnessKey, now: UtcMicros) {
        self.flights.begin(run, key, now);
    }

    /// The request waits for its target no more; what is left is to write down its outcome, which makes no key slow.
    /// `answered`: by the target itself. Returns whose it is, if that is recent by it.
    pub(super) fn answer(&mut self, run: RunKey, answered: bool) -> Option<FairnessKey> {
        let (key, in_time) = self.flights.answer(run)?;
        let recent = in_time && answered;
        if recent {
            self.standings.answered(key);
            self.count_for(key, Standing::Recent);
        }
        recent.then_some(key)
    }

    /// The outcome of a run that held a permit is durable, or the run never left: its permit is free again.
    pub(super) fn end(&mut self, run: RunKey) {
        if let Some(key) = self.flights.end(run) {
            self.release(key);
        }
    }

    /// Notes and returns the keys that have become slow. A clock that was set forward may find too many; each recovers
    /// with its next answer.
    pub(super) fn look(&mut self, now: UtcMicros) -> Vec<FairnessKey> {
        self.standings.pass(now);
        let mut found = Vec::new();
        while let Some(key) = self.flights.next_slow(now) {
            if self.standings.unanswered(key) {
                self.count_for(key, Standing::Slow);
                found.push(key);
            }
        }
        found
    }

    /// The key was answered in time by what is written down of it. Whether it was unproven before.
    pub(super) fn trust(&mut self, key: FairnessKey) -> bool {
        let unproven = self.standing(key) == Standing::Unproven;
        self.standings.trust(key);
        if unproven {
            self.count_for(key, Standing::Proven);
        }
        unproven
    }

    /// The permits that the key holds count for this standing from now on.
    fn count_for(&mut self, key: FairnessKey, standing: Standing) {
        if let Some(holder) = self.holders.get_mut(&key) {
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
    use crate::dispatch::flights::SLOW;
    use crate::dispatch::local_runs::tests::key;
    use crate::model::TaskId;

    const START: UtcMicros = UtcMicros::new(0);
    const LATER: UtcMicros = UtcMicros::new(SLOW);

    /// So many permits, and a hundred keys of each standing: the first is 100, 200, 300 or 400 in the order of the standings.
    fn permits(limit: usize) -> Permits {
        let mut permits = Permits::new(limit);
        for place in 0..100 {
            permits.standings.answered(key(100 + place));
            permits.standings.trust(key(200 + place));
            permits.standings.unanswered(key(400 + place));
        }
        permits
    }

    fn first(standing: Standing) -> TaskId {
        100 * (1 + TaskId::try_from(standing.place()).unwrap())
    }

    /// Gives the keys of a standing one permit each, as long as there is one; how many that were.
    fn fill(permits: &mut Permits, standing: Standing) -> usize {
        let mut taken = 0;
        for task in first(standing)..first(standing) + 100 {
            assert_eq!(permits.standing(key(task)), standing);
            if permits.may_take((key(task), standing), false) {
                permits.take((key(task), standing));
                taken += 1;
            }
        }
        taken
    }

    /// How many permits there are, which keys come one after the other, and how many permits those find.
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

    /// A key alone leaves the last tenth of what its standing may have to those below their share.
    #[test]
    fn what_a_key_may_have_alone() {
        for (standing, most) in [(Recent, 90), (Proven, 78), (Unproven, 65), (Slow, 65)] {
            let mut permits = permits(100);
            let one = (key(first(standing)), standing);
            while permits.may_take(one, true) {
                assert_eq!(permits.may_take(one, false), permits.in_use() < 10);
                permits.take(one);
            }
            assert_eq!(permits.in_use(), most, "{standing:?}");
            assert_eq!(fill(&mut permits, standing), 10, "{standing:?}");
        }
    }

    /// Of a burst of keys that were never asked those that are answered make room at once, though their outcome is not yet
    /// written down.
    #[test]
    fn answers_make_room() {
        let mut permits = permits(100);
        assert_eq!(fill(&mut permits, Unproven), 75);
        for task in 300..375 {
            permits.begin(i64::from(task), key(task), START);
        }
        for (task, answered) in [(300, true), (301, true), (302, false)] {
            let recent = permits.answer(i64::from(task), answered);
            assert_eq!(recent, answered.then(|| key(task)));
        }
        assert_eq!(permits.standing(key(300)), Recent);
        assert_eq!(permits.standing(key(302)), Unproven, "it was not asked after all");
        assert_eq!((fill_more(&mut permits, 375), permits.in_use()), (2, 77));
        permits.end(302);
        assert_eq!((fill_more(&mut permits, 380), permits.in_use()), (1, 77));
    }

    /// The same for unproven keys from this one on.
    fn fill_more(permits: &mut Permits, from: TaskId) -> usize {
        let before = permits.in_use();
        for task in from..400 {
            if permits.may_take((key(task), Unproven), false) {
                permits.take((key(task), Unproven));
            }
        }
        permits.in_use() - before
    }

    #[test]
    fn a_key_is_slow_until_an_answer_comes_in_time() {
        let mut permits = Permits::new(20);
        for run in [1, 2] {
            permits.take((key(7), Unproven));
            permits.begin(run, key(7), START);
        }
        assert!(permits.look(UtcMicros::new(SLOW - 1)).is_empty());
        assert_eq!(permits.standing(key(7)), Unproven);
        assert_eq!(permits.look(LATER), [key(7)]);
        assert!(permits.answer(1, true).is_none(), "this one came late");
        assert_eq!(permits.standing(key(7)), Slow);
        permits.end(1);
        for run in [3, 4] {
            permits.take((key(7), Slow));
            permits.begin(run, key(7), LATER);
        }
        assert!(permits.answer(3, false).is_none(), "this one was never sent");
        assert!(permits.answer(4, true).is_some(), "this one in time");
        assert_eq!((permits.standing(key(7)), permits.held), (Recent, [3, 0, 0, 0]));
        (2..=4).for_each(|run| permits.end(run));
        assert_eq!((permits.in_use(), permits.holders.len()), (0, 0));
    }

    #[test]
    fn what_is_written_down_helps_only_who_is_unproven() {
        let mut permits = Permits::new(20);
        for (run, task) in [(1, 7), (2, 8), (3, 9)] {
            permits.take((key(task), Unproven));
            permits.begin(run, key(task), START);
        }
        assert!(permits.answer(3, true).is_some());
        permits.end(2);
        assert_eq!(permits.look(LATER), [key(7)]);
        let told = [7, 8, 9, 10].map(|task| (permits.trust(key(task)), permits.standing(key(task))));
        assert_eq!(
            told,
            [(false, Slow), (true, Proven), (false, Recent), (true, Proven)]
        );
        assert_eq!(permits.held, [1, 0, 0, 1]);
    }
}
