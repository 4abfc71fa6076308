//! The lease of this process as dispatch knows it: until when a first byte may leave without this process having been
//! heard of by the others on the database. A process alone on its database needs none.
//!
//! It is counted from before the lease was written, on the monotonic clock, plus whatever the machine stood still
//! unnoticed (`clock::wall_lead`); the others count from after they have seen it. So who holds a lease here has not been
//! given up there, whatever the clocks of machines and database show.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::{self, Stopwatch};

/// A lease that may be renewed. Held for ever until it is renewed the first time.
#[derive(Debug, Default)]
pub(super) struct Lease(Mutex<LeaseState>);

#[derive(Debug, Default)]
struct LeaseState {
    term: Option<Term>,
    era: Era,
}

/// The time in which a lease was held without a break. What belongs to an earlier one may have been taken over: its rows
/// say so, and this process has not read them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Era(u64);

#[derive(Debug, Clone, Copy)]
struct Term {
    since: LeaseStart,
    /// Microseconds from `since` on.
    length: i64,
}

impl Term {
    fn holds(self) -> bool {
        self.since.passed() < self.length
    }
}

/// The moment just before a lease was asked for.
#[derive(Debug, Clone, Copy)]
pub struct LeaseStart {
    watch: Stopwatch,
    wall_lead: i64,
}

impl LeaseStart {
    /// Now.
    pub fn now() -> Self {
        Self {
            watch: Stopwatch::start(),
            wall_lead: clock::wall_lead(),
        }
    }

    /// Microseconds since then, those included in which the machine stood still.
    fn passed(&self) -> i64 {
        let unnoticed = clock::wall_lead().saturating_sub(self.wall_lead).max(0);
        self.watch.micros().saturating_add(unnoticed)
    }
}

impl LeaseState {
    fn holds(&self) -> bool {
        self.term.is_none_or(Term::holds)
    }
}

impl Lease {
    /// Holds from `since` on for so many microseconds. Where it had lapsed another era begins, and how many microseconds
    /// had passed since it was renewed is returned; otherwise 0.
    pub(super) fn renew(&self, since: LeaseStart, length: i64) -> i64 {
        let mut state = self.state();
        let Some(before) = state.term.replace(Term { since, length }) else {
            return 0;
        };
        if before.holds() {
            return 0;
        }
        state.era.0 += 1;
        before.since.passed()
    }

    pub(super) fn holds(&self) -> bool {
        self.state().holds()
    }

    pub(super) fn era(&self) -> Era {
        self.state().era
    }

    /// Whether it holds, and the era.
    pub(super) fn look(&self) -> (bool, Era) {
        let state = self.state();
        (state.holds(), state.era)
    }

    fn state(&self) -> MutexGuard<'_, LeaseState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lease_holds_until_its_time_has_passed_and_again_once_renewed() {
        let lease = Lease::default();
        assert!(lease.holds(), "who has never asked for one needs none");
        assert_eq!(lease.renew(LeaseStart::now(), 9_000_000), 0);
        tokio::time::advance(Duration::from_secs(8)).await;
        assert!(lease.holds());
        let era = lease.era();
        assert_eq!(lease.renew(LeaseStart::now(), 9_000_000), 0);
        assert_eq!(lease.era(), era);
        tokio::time::advance(Duration::from_secs(11)).await;
        assert!(!lease.holds());
        // The machine may have taken a moment between two readings of its clocks.
        assert!((10_900_000..12_000_000).contains(&lease.renew(LeaseStart::now(), 9_000_000)));
        assert!(lease.holds());
        assert_ne!(lease.era(), era, "it was not held without a break");
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_the_machine_stood_still_counts() {
        let lease = Lease::default();
        let now = LeaseStart::now();
        let suspended_since = LeaseStart {
            wall_lead: now.wall_lead - 60_000_000,
            ..now
        };
        lease.renew(suspended_since, 9_000_000);
        assert!(!lease.holds());
        let stepped_back_since = LeaseStart {
            wall_lead: now.wall_lead + 60_000_000,
            ..now
        };
        lease.renew(stepped_back_since, 9_000_000);
        assert!(lease.holds());
    }
}
