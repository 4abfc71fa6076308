//! Plain proleptic Gregorian arithmetic on day numbers.
//!
//! A day number counts days since 1970-01-01. There are no zones and no clocks in here; `time`, `text`
//! and `cron` are the callers.

/// Seconds of a day on a wall that no clock change disturbs.
pub(crate) const DAY: i64 = 86_400;
/// Microseconds of a second.
pub(crate) const MICROS: i64 = 1_000_000;
/// Days after which the calendar, weekdays included, repeats: 400 years.
pub(crate) const CYCLE_DAYS: i64 = 146_097;
/// Day number of 9999-12-31, the last day anything in this crate speaks of.
pub(crate) const LAST_DAY: i64 = 2_932_896;

/// The day number of a date; `month` and `day` from 1. Any year is accepted, also negative ones.
pub(crate) fn day_number(year: i64, month: u32, day: u32) -> i64 {
    // Years that start in March put the leap day last, so that month lengths follow a fixed pattern.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leaps = y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400);
    365 * y + leaps + i64::from((153 * m + 2) / 5 + day - 1) - 719_468
}

/// Year, month and day of a day number.
pub(crate) fn date(day: i64) -> (i64, u32, u32) {
    let shifted = day + 719_468;
    let cycle = shifted.div_euclid(CYCLE_DAYS);
    let (year, month, day) = split(shifted.rem_euclid(CYCLE_DAYS) as u32);
    (i64::from(year) + 400 * cycle, month, day)
}

/// Year, month and day of a day number from 1970-01-01 on: the search's path, all in 32 bits.
pub(crate) fn date_from_1970(day: u32) -> (u16, u32, u32) {
    let shifted = day + 719_468;
    let cycle = shifted / CYCLE_DAYS as u32;
    let (year, month, day) = split(shifted - cycle * CYCLE_DAYS as u32);
    ((year + 400 * cycle) as u16, month, day)
}

/// Splits the days since 1 March of a year divisible by 400 (less than one cycle of them).
fn split(days: u32) -> (u32, u32, u32) {
    let quarter = 4 * days + 3;
    let century = quarter / CYCLE_DAYS as u32;
    let in_century = (quarter % CYCLE_DAYS as u32) / 4;
    let quarter = 4 * in_century + 3;
    let year_of_century = quarter / 1461;
    let day_of_year = (quarter % 1461) / 4;
    let m = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * m + 2) / 5 + 1;
    let year = 100 * century + year_of_century;
    if m < 10 {
        (year, m + 3, day)
    } else {
        (year + 1, m - 9, day)
    }
}

/// Whether the year has a 29 February.
pub(crate) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month, `month` from 1.
pub(crate) fn month_length(year: i64, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Weekday of a day number, 0 = Monday.
pub(crate) fn weekday(day: i64) -> u32 {
    (day + 3).rem_euclid(7) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_jiff_over_ten_thousand_years() {
        let mut date_of = jiff::civil::date(1, 1, 1);
        let mut number = day_number(1, 1, 1);
        loop {
            let (year, month, day) = date(number);
            assert_eq!(
                (year, month, day),
                (
                    date_of.year().into(),
                    date_of.month() as u32,
                    date_of.day() as u32
                )
            );
            assert_eq!(day_number(year, month, day), number);
            assert_eq!(weekday(number), date_of.weekday().to_monday_zero_offset() as u32);
            assert_eq!(month_length(year, month), date_of.days_in_month() as u32);
            if number >= 0 {
                let (short, m, d) = date_from_1970(number as u32);
                assert_eq!((i64::from(short), m, d), (year, month, day));
            }
            let Ok(next) = date_of.tomorrow() else { break };
            date_of = next;
            number += 1;
        }
        assert_eq!(number, LAST_DAY);
    }
}
