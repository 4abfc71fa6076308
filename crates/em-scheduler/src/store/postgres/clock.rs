//! The database's clock, as far as it can be known without asking it each time.
//!
//! A sample is the server's `clock_timestamp()` minus our own monotonic time, read after the answer arrived: the
//! server's clock had at least that lead over ours, so a time computed with it is never ahead of the server's. With
//! our time read before the question it would be an upper bound. The largest lower bound of the last few samples is
//! the best; an upper bound below it shows that the server's clock was set back, and then only the newest counts.
//!
//! Our wall clock plays no part, so that replicas whose clocks disagree agree here, and no step of it is felt.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use deadpool_postgres::Object;
use triggers::UtcMicros;

use crate::clock::Stopwatch;
use crate::store::Result;

/// With a sample each second, this is how long a good one is kept: clocks drift apart slowly.
const KEPT: usize = 8;

/// Tells the database's time.
#[derive(Debug)]
pub(super) struct DatabaseClock {
    running: Stopwatch,
    lead: AtomicI64,
    samples: Mutex<VecDeque<i64>>,
}

impl DatabaseClock {
    /// A clock that knows nothing until its first sample.
    pub(super) fn new() -> Self {
        Self {
            running: Stopwatch::start(),
            lead: AtomicI64::new(0),
            samples: Mutex::default(),
        }
    }

    /// The time, never ahead of the database's own.
    pub(super) fn now(&self) -> UtcMicros {
        UtcMicros::new(
            self.running
                .micros()
                .saturating_add(self.lead.load(Ordering::Relaxed)),
        )
    }

    /// Asks the server.
    pub(super) async fn sample(&self, client: &Object) -> Result<()> {
        let asking = client
            .prepare_cached("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
            .await?;
        let before = self.running.micros();
        let server: i64 = client.query_one(&asking, &[]).await?.try_get(0)?;
        let after = self.running.micros();
        self.take(server.saturating_sub(after), server.saturating_sub(before));
        Ok(())
    }

    fn take(&self, least: i64, most: i64) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let best = samples.iter().copied().max();
        if best.is_some_and(|best| best > most) {
            samples.clear();
        }
        samples.push_back(least);
        if samples.len() > KEPT {
            samples.pop_front();
        }
        if let Some(best) = samples.iter().copied().max() {
            self.lead.store(best, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(clock: &DatabaseClock) -> i64 {
        clock.lead.load(Ordering::Relaxed)
    }

    #[test]
    fn the_best_lower_bound_of_the_last_samples_counts() {
        let clock = DatabaseClock::new();
        for (least, most, lead_after) in [
            (1_000, 1_900, 1_000),
            (1_200, 1_300, 1_200),
            // A slow answer says less, and is no reason to doubt.
            (400, 1_500, 1_200),
        ] {
            clock.take(least, most);
            assert_eq!(lead(&clock), lead_after);
        }
        for _ in 0..KEPT {
            clock.take(500, 1_500);
        }
        assert_eq!(lead(&clock), 500, "a sample is not kept for ever");
    }

    #[test]
    fn a_step_of_the_servers_clock_is_followed_at_once() {
        let clock = DatabaseClock::new();
        clock.take(1_000_000, 1_000_100);
        clock.take(9_000_000, 9_000_100);
        assert_eq!(lead(&clock), 9_000_000);
        clock.take(2_000_000, 2_000_100);
        assert_eq!(lead(&clock), 2_000_000);
    }
}
