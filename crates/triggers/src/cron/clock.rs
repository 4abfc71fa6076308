//! The times of day of a cron trigger: three sets of bits, searched and counted without a loop.

use super::field::Field;
use super::sets::{Bits, all};

/// Hours, minutes and seconds at which a trigger fires on a day that matches; none of the sets is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) hours: Bits,
    pub(crate) minutes: Bits,
    pub(crate) seconds: Bits,
}

/// The first member of a set at or after `from`.
#[inline]
fn at_or_after(bits: Bits, from: u32) -> Option<u32> {
    let rest = bits.checked_shr(from).unwrap_or(0);
    (rest != 0).then(|| from + rest.trailing_zeros())
}

/// The last member of a set before `bound`.
#[inline]
fn before(bits: Bits, bound: u32) -> Option<u32> {
    let rest = below(bits, bound);
    (rest != 0).then(|| 63 - rest.leading_zeros())
}

/// The members of a set below `bound` (less than 64).
#[inline]
fn below(bits: Bits, bound: u32) -> Bits {
    bits & ((1 << bound) - 1)
}

impl Clock {
    /// Whether the hours are all 24: such a trigger follows the clock, whatever it does.
    pub(crate) fn every_hour(&self) -> bool {
        self.hours == all(Field::Hour)
    }

    /// Fires on one day.
    pub(crate) fn per_day(&self) -> u64 {
        u64::from(self.hours.count_ones()) * self.per_hour()
    }

    fn per_hour(&self) -> u64 {
        u64::from(self.minutes.count_ones()) * u64::from(self.seconds.count_ones())
    }

    /// First second of the day.
    #[inline]
    pub(crate) fn first(&self) -> u32 {
        self.hours.trailing_zeros() * 3600 + self.first_of_hour()
    }

    #[inline]
    fn first_of_hour(&self) -> u32 {
        self.minutes.trailing_zeros() * 60 + self.seconds.trailing_zeros()
    }

    /// Last second of the day.
    pub(crate) fn last(&self) -> u32 {
        (63 - self.hours.leading_zeros()) * 3600 + self.last_of_hour()
    }

    fn last_of_hour(&self) -> u32 {
        (63 - self.minutes.leading_zeros()) * 60 + (63 - self.seconds.leading_zeros())
    }

    /// The first second of the day at or after `second` (less than a day).
    #[inline]
    pub(crate) fn next(&self, second: u32) -> Option<u32> {
        let (hour, of_hour) = (second / 3600, second % 3600);
        let (minute, second) = (of_hour / 60, of_hour % 60);
        if self.hours >> hour & 1 == 1 {
            if self.minutes >> minute & 1 == 1
                && let Some(found) = at_or_after(self.seconds, second)
            {
                return Some(hour * 3600 + minute * 60 + found);
            }
            if let Some(found) = at_or_after(self.minutes, minute + 1) {
                return Some(hour * 3600 + found * 60 + self.seconds.trailing_zeros());
            }
        }
        let found = at_or_after(self.hours, hour + 1)?;
        Some(found * 3600 + self.first_of_hour())
    }

    /// The last second of the day at or before `second` (less than a day).
    pub(crate) fn previous(&self, second: u32) -> Option<u32> {
        let (hour, of_hour) = (second / 3600, second % 3600);
        let (minute, second) = (of_hour / 60, of_hour % 60);
        if self.hours >> hour & 1 == 1 {
            if self.minutes >> minute & 1 == 1
                && let Some(found) = before(self.seconds, second + 1)
            {
                return Some(hour * 3600 + minute * 60 + found);
            }
            if let Some(found) = before(self.minutes, minute) {
                return Some(hour * 3600 + found * 60 + 63 - self.seconds.leading_zeros());
            }
        }
        let found = before(self.hours, hour)?;
        Some(found * 3600 + self.last_of_hour())
    }

    /// How many seconds of the day before `second` (less than a day) match.
    #[inline]
    pub(crate) fn count_below(&self, second: u32) -> u64 {
        let (hour, of_hour) = (second / 3600, second % 3600);
        let (minute, second) = (of_hour / 60, of_hour % 60);
        let mut count = u64::from(below(self.hours, hour).count_ones()) * self.per_hour();
        if self.hours >> hour & 1 == 1 {
            count +=
                u64::from(below(self.minutes, minute).count_ones()) * u64::from(self.seconds.count_ones());
            if self.minutes >> minute & 1 == 1 {
                count += u64::from(below(self.seconds, second).count_ones());
            }
        }
        count
    }
}
