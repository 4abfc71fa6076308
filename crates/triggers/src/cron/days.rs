//! Which days match: year, month, day, ISO week and weekday, joined month by month into one set of bits.

use super::field::Field;
use super::sets::{Bits, MonthDays, all};
use super::years::Years;
use crate::civil::{CYCLE_DAYS, LAST_DAY, date_from_1970, day_number, is_leap, month_length, weekday};
use std::ops::RangeInclusive;

/// Years in which the calendar passes through all it can be.
const CYCLE_YEARS: u16 = 400;
const EVERY_WEEKDAY: u8 = 0x7f;

/// The days of a cron trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Days {
    pub(crate) years: Years,
    /// Bit m is month m, from 1.
    pub(crate) months: Bits,
    pub(crate) month_days: MonthDays,
    /// Bit w is ISO week w, from 1.
    pub(crate) weeks: Bits,
    /// Bit 0 is Monday.
    pub(crate) weekdays: u8,
    /// Day and weekday are alternatives, as a crontab has it, where otherwise both must match. Then both are
    /// restricted.
    pub(crate) either: bool,
    /// No field restricts the day at all. Kept because it spares the search the calendar.
    pub(crate) every_day: bool,
}

/// A month of the calendar.
#[derive(Clone, Copy)]
struct Month {
    year: u16,
    month: u32,
    /// Day number of its first day.
    first: i64,
}

impl Month {
    fn new(year: u16, month: u32) -> Self {
        Self {
            year,
            month,
            first: day_number(i64::from(year), month, 1),
        }
    }
}

impl Days {
    /// The same days in their plainest form, with the short cut found out.
    pub(crate) fn with_short_cut(mut self) -> Self {
        // An alternative that every day meets leaves the other side nothing to restrict.
        if self.either && (self.month_days.is_every() || self.weekdays == EVERY_WEEKDAY) {
            self.month_days = MonthDays::of(all(Field::Day));
            self.weekdays = EVERY_WEEKDAY;
            self.either = false;
        }
        let every_day = self.month_days.is_every()
            && self.weekdays == EVERY_WEEKDAY
            && self.years == Years::All
            && self.months == all(Field::Month)
            && self.weeks == all(Field::Week);
        Self { every_day, ..self }
    }

    /// Whether a day matches, from 1970 on.
    #[inline]
    pub(crate) fn has(&self, day: i64) -> bool {
        if day > LAST_DAY || self.every_day {
            return day <= LAST_DAY;
        }
        let (year, month, of_month) = date_from_1970(day as u32);
        let this = Month {
            year,
            month,
            first: day - i64::from(of_month) + 1,
        };
        self.years.has(year)
            && self.months >> month & 1 == 1
            && self.of_month(this) >> (of_month - 1) & 1 == 1
    }

    /// The first matching day at or after `day`, which is from 1970 on.
    #[inline]
    pub(crate) fn next(&self, day: i64) -> Option<i64> {
        if day > LAST_DAY {
            return None;
        }
        if self.every_day {
            return Some(day);
        }
        let (year, month, of_month) = date_from_1970(day as u32);
        if self.years.has(year) && self.months >> month & 1 == 1 {
            let this = Month {
                year,
                month,
                first: day - i64::from(of_month) + 1,
            };
            let rest = self.of_month(this) >> (of_month - 1);
            if rest != 0 {
                return Some(day + i64::from(rest.trailing_zeros()));
            }
        }
        self.next_after_month(year, month)
    }

    /// The first matching day in a later month. The calendar repeats after 400 years, so does `every year`.
    fn next_after_month(&self, year: u16, month: u32) -> Option<i64> {
        let last_year = if self.years == Years::All {
            year + CYCLE_YEARS
        } else {
            u16::MAX
        };
        let mut later = self.months & !1 & (u64::MAX << (month + 1));
        let mut year = year;
        if !self.years.has(year) {
            later = 0;
        }
        loop {
            while later != 0 {
                let this = Month::new(year, later.trailing_zeros());
                let days = self.of_month(this);
                if days != 0 {
                    return Some(this.first + i64::from(days.trailing_zeros()));
                }
                later &= later - 1;
            }
            year = self.years.next(year + 1).filter(|year| *year <= last_year)?;
            later = self.months;
        }
    }

    /// The last matching day at or before `day`, from 1970 on.
    pub(crate) fn previous(&self, day: i64) -> Option<i64> {
        let day = day.min(LAST_DAY);
        if day < 0 {
            return None;
        }
        if self.every_day {
            return Some(day);
        }
        let (mut year, month, of_month) = date_from_1970(day as u32);
        let first_year = if self.years == Years::All {
            year.saturating_sub(CYCLE_YEARS)
        } else {
            0
        };
        // The days up to the one asked for, in the first month looked at only.
        let mut within = (1 << of_month) - 1;
        let mut earlier = self.months & ((1 << (month + 1)) - 1);
        if !self.years.has(year) {
            earlier = 0;
        }
        loop {
            while earlier != 0 {
                let number = 63 - earlier.leading_zeros();
                let this = Month::new(year, number);
                let mask = if number == month { within } else { u32::MAX };
                let days = self.of_month(this) & mask;
                if days != 0 {
                    return Some(this.first + i64::from(31 - days.leading_zeros()));
                }
                earlier &= !(1 << number);
            }
            within = u32::MAX;
            year = self.years.previous(year - 1).filter(|year| *year >= first_year)?;
            earlier = self.months;
        }
    }

    /// How many days match in `from..until`, both from 1970 on.
    pub(crate) fn count(&self, from: i64, until: i64) -> u64 {
        let until = until.min(LAST_DAY + 1);
        if from >= until {
            return 0;
        }
        if self.every_day {
            return (until - from) as u64;
        }
        // Whole cycles of the calendar are alike, so of many only one is walked.
        let cycles = if self.years == Years::All {
            (until - from) / CYCLE_DAYS
        } else {
            0
        };
        let mut count = match cycles {
            0 => 0,
            cycles => cycles as u64 * self.count_months(from, from + CYCLE_DAYS),
        };
        count += self.count_months(from + cycles * CYCLE_DAYS, until);
        count
    }

    fn count_months(&self, from: i64, until: i64) -> u64 {
        let mut count = 0;
        let (mut year, month, _) = date_from_1970(from as u32);
        let mut later = self.months & (u64::MAX << month);
        loop {
            if !self.years.has(year) {
                later = 0;
            }
            while later != 0 {
                let this = Month::new(year, later.trailing_zeros());
                if this.first >= until {
                    return count;
                }
                let mut days = self.of_month(this);
                if this.first < from {
                    days &= u32::MAX << (from - this.first);
                }
                if until - this.first < 32 {
                    days &= (1 << (until - this.first)) - 1;
                }
                count += u64::from(days.count_ones());
                later &= later - 1;
            }
            let Some(next) = self.years.next(year + 1) else {
                return count;
            };
            year = next;
            later = self.months;
            if day_number(i64::from(year), 1, 1) >= until {
                return count;
            }
        }
    }

    /// Whether a month has none of the days of the month in at least one of the years, among the months that reach into
    /// a range of days, from 1970 on. Neither weekdays nor weeks are looked at.
    pub(crate) fn lacks_in_some_year(&self, month: u32, range: RangeInclusive<i64>) -> bool {
        if range.is_empty() {
            return false;
        }
        let year_of = |day: i64| date_from_1970(day as u32).0;
        let (first, last) = (year_of(*range.start()), year_of(*range.end()));
        // All that a month can be it is within a cycle of years.
        let most = if self.years == Years::All {
            first + CYCLE_YEARS
        } else {
            last
        };
        let years = std::iter::successors(self.years.next(first), |year| self.years.next(year + 1));
        years.take_while(|year| *year <= last.min(most)).any(|year| {
            let this = Month::new(year, month);
            let length = month_length(i64::from(year), month);
            let days = self.month_days.of_month(length, weekday(this.first)) & u32::MAX >> (32 - length);
            days == 0 && this.first <= *range.end() && *range.start() < this.first + i64::from(length)
        })
    }

    /// The matching days of a month that year and month allow; bit 0 is its first day.
    #[inline]
    fn of_month(&self, this: Month) -> u32 {
        let length = month_length(i64::from(this.year), this.month);
        let starts_on = weekday(this.first);
        let spread = |weekdays: u8| spread(weekdays, starts_on);
        let mut days = self.month_days.of_month(length, starts_on);
        if self.either {
            days |= spread(self.weekdays);
        } else if self.weekdays != EVERY_WEEKDAY {
            days &= spread(self.weekdays);
        }
        if self.weeks != all(Field::Week) && days != 0 {
            days &= self.days_by_week(this, starts_on);
        }
        days & (u32::MAX >> (32 - length))
    }

    /// The days of a month whose ISO week is in the set.
    fn days_by_week(&self, this: Month, starts_on: u32) -> u32 {
        let year = i64::from(this.year);
        let length = 365 + i64::from(is_leap(year));
        let new_year = day_number(year, 1, 1);
        // A week belongs to the year of its Thursday, and is numbered by it. The first of the month may lie in the year
        // before, the last in the year behind; all between are of this year and follow each other.
        let mut thursday = this.first - i64::from(starts_on) + 3 - new_year;
        let mut week = if thursday < 0 {
            (thursday + 365 + i64::from(is_leap(year - 1))) / 7 + 1
        } else {
            thursday / 7 + 1
        };
        let mut days = 0;
        for row in 0..6_u32 {
            if self.weeks >> week & 1 == 1 {
                days |= (0x7f_u64 << (7 * row) >> starts_on) as u32;
            }
            week = if thursday < 0 { 1 } else { week + 1 };
            thursday += 7;
            if thursday >= length {
                week = 1;
            }
        }
        days
    }
}

impl MonthDays {
    /// The days of a month of that length that starts on that weekday; bits beyond its length may be set.
    #[inline]
    fn of_month(&self, length: u32, starts_on: u32) -> u32 {
        let mut days = (self.numbers >> 1) as u32;
        if self.has_positions() {
            for (n, weekdays) in self.nth.into_iter().enumerate() {
                days |= spread(weekdays, starts_on) & (0x7f << (7 * n));
            }
            days |= spread(self.last_weekdays, starts_on) & (0x7f << (length - 7));
            days |= u32::from(self.last_day) << (length - 1);
        }
        days
    }
}

/// The days 1 to 31 (bit 0 is the first) that fall on one of the weekdays in a month that starts on the given one.
#[inline]
fn spread(weekdays: u8, starts_on: u32) -> u32 {
    const WEEKLY: u64 = 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28;
    let weekdays = u64::from(weekdays);
    let turned = (weekdays >> starts_on | weekdays << (7 - starts_on)) & 0x7f;
    (turned * WEEKLY) as u32
}
