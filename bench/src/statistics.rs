//! From arrivals and durations to the numbers in the tables.

use std::collections::HashSet;

use test_world::runner::Arrival;

/// What came of a set of runs that were due.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delivered {
    /// Runs that arrived at least once.
    pub arrived: usize,
    /// Arrivals beyond the first of a run.
    pub twice: usize,
    /// Arrivals before their due time.
    pub early: usize,
    /// Lateness in milliseconds: median, 99th percentile, greatest.
    pub p50: f64,
    /// See `p50`.
    pub p99: f64,
    /// See `p50`.
    pub last: f64,
}

impl Delivered {
    /// Judges arrivals, each with the time it was due at.
    pub fn of(arrivals: impl IntoIterator<Item = (Arrival, i64)>) -> Self {
        let mut seen = HashSet::new();
        let mut delivered = Self::default();
        let mut late = Vec::new();
        for (arrival, due) in arrivals {
            if !seen.insert((arrival.key, due)) {
                delivered.twice += 1;
                continue;
            }
            delivered.early += usize::from(arrival.at < due);
            late.push(arrival.at - due);
        }
        let late = Sorted::of(late);
        Self {
            arrived: seen.len(),
            p50: late.millis(0.5),
            p99: late.millis(0.99),
            last: late.millis(1.0),
            ..delivered
        }
    }
}

/// Durations in microseconds, in order.
#[derive(Debug, Clone, Default)]
pub struct Sorted(Vec<i64>);

impl Sorted {
    /// Sorts them.
    pub fn of(mut micros: Vec<i64>) -> Self {
        micros.sort_unstable();
        Self(micros)
    }

    /// The value below which this part of them lies (nearest rank), in milliseconds; 0 if there are none.
    pub fn millis(&self, part: f64) -> f64 {
        let Some(last) = self.0.len().checked_sub(1) else {
            return 0.0;
        };
        let place = ((self.0.len() as f64 * part).ceil() as usize)
            .saturating_sub(1)
            .min(last);
        self.0[place] as f64 / 1_000.0
    }
}

/// The middle value; of an even count the lower one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank_and_median() {
        let sorted = Sorted::of((1..=100).rev().map(|value| value * 1_000).collect());
        assert_eq!(
            [0.5, 0.99, 1.0].map(|part| sorted.millis(part)),
            [50.0, 99.0, 100.0]
        );
        assert_eq!(Sorted::default().millis(0.5), 0.0);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }

    #[test]
    fn a_run_that_came_twice_is_told() {
        let arrival = |at, key| Arrival {
            at,
            key,
            task: 1,
            scheduled_for: 0,
        };
        let delivered = Delivered::of([(arrival(10, 1), 0), (arrival(20, 1), 0), (arrival(4, 2), 5)]);
        assert_eq!((delivered.arrived, delivered.twice, delivered.early), (2, 1, 1));
    }
}
