//! The lease of this process as dispatch knows it: until when a first byte may leave without this process having been
//! heard of by the others on the database. A process alone on its database needs none.
//!
//! It is counted from before the lease was written, on the monotonic clock, plus whatever the machine stood still
//! unnoticed (`clock::wall_lead`); the others count from after they have seen it. So who holds a lease here has not been
//! given up there, whatever the clocks of machines and database show.

use std::sync::{Mutex, PoisonError};

use crate::clock::{self, Stopwatch};

/// A lease that may be renewed. Held for ever until it is renewed the first time.
#[derive(Debug, Default)]
pub(super) struct Lease(Mutex<Option<Term>>);

#[derive(Debug, Clone, Copy)]
struct Term {
    since: LeaseStart,
    /// Microseconds from `since` on.
    length: i64,
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

impl Lease {
    /// Holds from `since` on for so many microseconds. Returns for how many microseconds it had lapsed before.
    pub(super) fn renew(&self, since: LeaseStart, length: i64) -> i64 {
        let mut term = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = term.replace(Term { since, length });
        before.map_or(0, |before| (before.since.passed() - before.length).max(0))
    }

    pub(super) fn holds(&self) -> bool {
        let term = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        term.is_none_or(|term| term.since.passed() < term.length)
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
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(!lease.holds());
        // The machine may have taken a moment between two readings of its clocks.
        assert!((1_900_000..3_000_000).contains(&lease.renew(LeaseStart::now(), 9_000_000)));
        assert!(lease.holds());
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
