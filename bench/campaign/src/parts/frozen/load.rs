//! What is due while processes freeze.

use crate::schedules::{SECOND, Schedules, Timing, whole_second};

/// Seconds between two bursts.
pub const APART: i64 = 6;
/// What falls due in one instant: one-offs, crons and intervals, 300 in all.
const ONE_OFFS: i64 = 200;
const CRONS: i64 = 20;
const INTERVALS: i64 = 80;
/// Fires in a second between the bursts, and without any.
const BETWEEN: i64 = 40;
const STEADY: i64 = 400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// 300 jobs in one instant, again and again, and 40 a second between.
    Bursts,
    /// 400 jobs a second.
    Steady,
}

impl Load {
    pub fn name(self) -> &'static str {
        match self {
            Self::Bursts => "300 at once, 40/s",
            Self::Steady => "400/s",
        }
    }

    /// Schedules for so many seconds.
    pub fn schedules(self, seconds: i64) -> Schedules {
        let mut schedules = Schedules::default();
        let every_second = |schedules: &mut Schedules, count: i64| {
            let start = whole_second(60);
            schedules.add_all(count, |place| {
                Timing::Every(1, Some(start + place * SECOND / count))
            });
        };
        match self {
            Self::Steady => every_second(&mut schedules, STEADY),
            Self::Bursts => {
                every_second(&mut schedules, BETWEEN);
                // The one-offs must lie ahead when the processes start, and the more there are, the longer filling takes.
                let first = next_burst(whole_second(0) + (10 + seconds / 10) * SECOND);
                schedules.add_all(INTERVALS, |_| Timing::Every(APART, Some(first)));
                let seconds_of = 60 / APART;
                schedules.add_all(CRONS * seconds_of, |place| {
                    Timing::AtSecond(place % seconds_of * APART)
                });
                schedules.add_all(ONE_OFFS * seconds / APART, |place| {
                    Timing::Once(first + place / ONE_OFFS * APART * SECOND)
                });
            }
        }
        schedules
    }
}

/// When the next burst after this time is.
pub fn next_burst(after: i64) -> i64 {
    (after / (APART * SECOND) + 1) * APART * SECOND
}
