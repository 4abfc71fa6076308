//! Days and times of day together: which seconds of a plain wall calendar match.
//!
//! There is no zone in here. Wall seconds count from 1970-01-01 00:00:00; nothing matches before that or after
//! the year 9999. `search` and `count` lay the pattern over the stretches of a zone.

use super::clock::Clock;
use super::days::Days;
use crate::civil::DAY;
use std::ops::Range;

/// The fields of a cron trigger, ready to be searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) days: Days,
    pub(crate) clock: Clock,
}

impl Pattern {
    /// The first matching wall second at or after `wall`.
    #[inline]
    pub(crate) fn next(&self, wall: i64) -> Option<i64> {
        let wall = wall.max(0);
        let today = wall / DAY;
        let mut day = self.days.next(today)?;
        if day == today {
            if let Some(second) = self.clock.next((wall % DAY) as u32) {
                return Some(day * DAY + i64::from(second));
            }
            day = self.days.next(today + 1)?;
        }
        Some(day * DAY + i64::from(self.clock.first()))
    }

    /// The first matching wall second of a range of a few days.
    ///
    /// Unlike [`next`](Self::next) it never looks beyond, where a rare trigger is searched for through centuries.
    pub(crate) fn first_in(&self, wall: Range<i64>) -> Option<i64> {
        let from = wall.start.max(0);
        let (mut day, mut second) = (from / DAY, (from % DAY) as u32);
        while day * DAY < wall.end {
            if self.days.has(day)
                && let Some(found) = self.clock.next(second)
            {
                return Some(day * DAY + i64::from(found)).filter(|found| *found < wall.end);
            }
            (day, second) = (day + 1, 0);
        }
        None
    }

    /// The last matching wall second at or before `wall`.
    pub(crate) fn previous(&self, wall: i64) -> Option<i64> {
        let today = wall.div_euclid(DAY);
        let mut day = self.days.previous(today)?;
        if day == today {
            if let Some(second) = self.clock.previous(wall.rem_euclid(DAY) as u32) {
                return Some(day * DAY + i64::from(second));
            }
            day = self.days.previous(today - 1)?;
        }
        Some(day * DAY + i64::from(self.clock.last()))
    }

    /// How many wall seconds match in `from..until`.
    pub(crate) fn count(&self, from: i64, until: i64) -> u64 {
        let from = from.max(0);
        if from >= until {
            return 0;
        }
        let (first, last) = (from / DAY, until / DAY);
        let (of_first, of_last) = ((from % DAY) as u32, (until % DAY) as u32);
        if first == last {
            let one_day = || self.clock.count_below(of_last) - self.clock.count_below(of_first);
            return if self.days.has(first) { one_day() } else { 0 };
        }
        let mut count = self.days.count(first + 1, last) * self.clock.per_day();
        if self.days.has(first) {
            count += self.clock.per_day() - self.clock.count_below(of_first);
        }
        if of_last != 0 && self.days.has(last) {
            count += self.clock.count_below(of_last);
        }
        count
    }
}
