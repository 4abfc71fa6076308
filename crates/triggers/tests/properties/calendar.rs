//! Which days match, by looking at every day: far years, 29 February, ISO week 53, the last and the n-th weekdays, years
//! in lists, and the end of a search after 400 years (docs/semantics.md T1 and T10).
//!
//! The days come from the zone library's calendar. It repeats after 400 years, so they are read once for one cycle.

use crate::config;
use crate::lines::{Line, line};
use crate::make::{Meant, by_days, library_zone};
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use proptest::prelude::*;
use std::sync::OnceLock;
use triggers::{Context, Definition, Kind, UtcMicros, Zone};

/// A day of the cycle, with all that fields ask of it.
struct Day {
    date: Date,
    month: u32,
    day: u32,
    week: u32,
    weekday: u32,
    /// Days of its month.
    length: u32,
}

const CYCLE: i16 = 400;

/// The days of the years 2000 to 2399, by year.
fn cycle() -> &'static Vec<Vec<Day>> {
    static CYCLE_DAYS: OnceLock<Vec<Vec<Day>>> = OnceLock::new();
    let read = |date: Date| Day {
        date,
        month: date.month() as u32,
        day: date.day() as u32,
        week: date.iso_week_date().week() as u32,
        weekday: date.weekday().to_monday_zero_offset() as u32,
        length: date.days_in_month() as u32,
    };
    let year = |year: i16| -> Vec<Day> {
        let first = Date::constant(2000 + year, 1, 1);
        let days = std::iter::successors(Some(first), |date| date.tomorrow().ok());
        days.take_while(|date| date.year() == 2000 + year)
            .map(read)
            .collect()
    };
    CYCLE_DAYS.get_or_init(|| (0..CYCLE).map(year).collect())
}

/// A field as bits, for speed: the walk may be long.
fn bits(meant: &Meant) -> u64 {
    meant.values.iter().fold(0, |bits, value| bits | 1 << value)
}

/// The first matching dates from a date on, at most so many.
fn dates(meant: &[Meant], either: bool, from: Date, most: usize) -> Vec<Date> {
    let [years, rest @ ..] = meant else {
        return Vec::new();
    };
    let (months, days, weeks, weekdays) = (bits(&rest[0]), bits(&rest[1]), bits(&rest[2]), bits(&rest[3]));
    let every_year = years.values.len() == 8030;
    // The calendar has shown everything after 400 years. A list of years ends by itself.
    let last_year = if every_year { from.year() + CYCLE } else { 9999 };
    let place = |day: &Day| {
        rest[1].places.iter().any(|(place, of)| match (*place, *of) {
            (6, 7) => day.day == day.length,
            (6, of) => day.weekday == of && day.day + 7 > day.length,
            (place, of) => day.weekday == of && (day.day - 1) / 7 + 1 == place,
        })
    };
    let matches = |day: &&Day| {
        let by_day = days >> day.day & 1 == 1 || place(day);
        let by_weekday = weekdays >> day.weekday & 1 == 1;
        let by_both = if either {
            by_day || by_weekday
        } else {
            by_day && by_weekday
        };
        by_both && months >> day.month & 1 == 1 && weeks >> day.week & 1 == 1
    };
    let mut found = Vec::new();
    for year in from.year()..=last_year.min(9999) {
        if !years.values.contains(&(year as u32)) {
            continue;
        }
        let of_year = cycle()[usize::try_from((year - 2000).rem_euclid(CYCLE)).unwrap()].iter();
        let dates = of_year.filter(matches).map(|day| {
            Date::new(year, day.date.month(), day.date.day()).unwrap_or_else(|error| panic!("{error}"))
        });
        found.extend(dates.filter(|date| *date >= from).take(most - found.len()));
        if found.len() == most {
            break;
        }
    }
    found
}

/// The instants of a day's noon: none where the zone skips it, two where it shows it twice.
fn noon(zone: &TimeZone, date: Date) -> Vec<UtcMicros> {
    let wall = date.at(12, 0, 0, 0);
    let offsets = match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => vec![offset],
        AmbiguousOffset::Gap { .. } => vec![],
        AmbiguousOffset::Fold { before, after } => vec![before, after],
    };
    offsets
        .iter()
        .map(|offset| UtcMicros::new(offset.to_timestamp(wall).unwrap().as_microsecond()))
        .collect()
}

/// Mostly the years that people schedule for, some near the end of time. The library's instants end with the year 9999.
fn date() -> impl Strategy<Value = Date> {
    let year = prop_oneof![3 => 1970_i16..2150, 1 => 2150_i16..9990, 1 => Just(9980_i16)];
    (year, 1_i8..=12, 1_i8..=28).prop_map(|(year, month, day)| Date::constant(year, month, day))
}

/// Fires compared.
const FIRES: usize = 6;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn days_equal_brute_force(recipe in by_days(), from in date()) {
        let zone = library_zone(recipe.context.zone.name());
        let trigger = recipe.compile();
        let found = dates(&recipe.meant, false, from, FIRES);
        let complete = found.len() < FIRES;
        let expected: Vec<UtcMicros> = found
            .into_iter()
            .filter(|date| date.year() < 9999)
            .flat_map(|date| noon(&zone, date))
            .collect();
        let start = UtcMicros::new(zone.to_ambiguous_timestamp(from.at(0, 0, 0, 0)).compatible().unwrap().as_microsecond());
        // On the walls of the zone, as the dates are.
        let year_9999 = zone.to_ambiguous_timestamp(Date::constant(9999, 1, 1).at(0, 0, 0, 0)).compatible().unwrap();
        let year_9999 = UtcMicros::new(year_9999.as_microsecond());
        let got: Vec<UtcMicros> = trigger
            .fires(None, start)
            .take(FIRES + usize::from(complete))
            .filter(|fire| *fire < year_9999)
            .collect();
        prop_assert_eq!(&got[..got.len().min(expected.len())], &expected[..]);
        if complete {
            // Far behind the last the engine may find what the walk does not look for: each fire is searched 400 years on.
            prop_assert!(got.len() == expected.len() || !expected.is_empty(), "{:?}", got);
        }
        for pair in expected.windows(2) {
            prop_assert_eq!(trigger.last_fire(pair[1].saturating_add(-1)), Some(pair[0]));
            prop_assert_eq!(trigger.count(UtcMicros::new(i64::MIN), pair[0]..pair[1]), 1);
        }
    }

    #[test]
    fn days_of_lines_equal_brute_force(line in line(), from in date()) {
        let Line { dialect, text, meant, either } = line;
        let mut definition = Definition::new(Kind::Cron);
        (definition.crontab, definition.dialect) = (Some(format!("0 12 {text}")), Some(dialect));
        let trigger = definition.compile(&Context::new(Zone::utc(), UtcMicros::new(0))).unwrap();
        let expected: Vec<UtcMicros> =
            dates(&meant, either, from, FIRES).into_iter().flat_map(|date| noon(&TimeZone::UTC, date)).collect();
        let start = noon(&TimeZone::UTC, from)[0];
        let got: Vec<UtcMicros> = trigger.fires(None, start).take(FIRES).collect();
        prop_assert_eq!(&got[..got.len().min(expected.len())], &expected[..]);
        prop_assert!(!expected.is_empty() || got.is_empty());
    }
}

/// What the property is for is really reached, in a small number of cases already.
#[test]
fn rare_days_are_among_the_cases() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = [0; 5];
    for _ in 0..400 {
        let recipe = by_days().new_tree(&mut runner).unwrap().current();
        let found = dates(&recipe.meant, false, Date::constant(2020, 1, 1), FIRES);
        let any = |rare: fn(&Date) -> bool| found.iter().any(rare);
        seen[0] += usize::from(any(|date| date.month() == 2 && date.day() == 29));
        seen[1] += usize::from(any(|date| date.iso_week_date().week() == 53));
        seen[2] += usize::from(found.is_empty());
        seen[3] += usize::from(any(|date| date.year() > 3000));
        seen[4] += usize::from(!recipe.meant[2].places.is_empty() && !found.is_empty());
    }
    assert!(seen.iter().all(|count| *count >= 10), "{seen:?}");
}
