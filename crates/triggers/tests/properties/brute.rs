//! The fires of a cron by looking at every second of a few hours, with the zone library's own clock:
//! T1 and T2 of docs/semantics.md word by word.

use crate::config;
use crate::make::{Meant, Recipe, at_a_change, cron, instant, library_zone};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use std::ops::Range;
use triggers::{DstPolicy, UtcMicros};

/// Seconds looked at around the instant asked about.
const WINDOW: i64 = 5 * 3600;

/// Whether a wall time matches all fields.
pub(crate) fn matches(meant: &[Meant], wall: DateTime) -> bool {
    let weekday = wall.weekday().to_monday_zero_offset() as u32;
    let date = wall.date();
    let day = date.day() as u32;
    let place = |(place, of): &(u32, u32)| match (*place, *of) {
        (6, 7) => date == date.last_of_month(),
        (6, of) => weekday == of && day + 7 > date.days_in_month() as u32,
        (place, of) => weekday == of && (day - 1) / 7 + 1 == place,
    };
    // The finest first: most seconds are done with there.
    let has = |field: usize, value: u32| meant[field].values.contains(&value);
    has(7, wall.second() as u32)
        && has(6, wall.minute() as u32)
        && has(5, wall.hour() as u32)
        && has(4, weekday)
        && (has(2, day) || meant[2].places.iter().any(place))
        && has(1, date.month() as u32)
        && has(0, date.year() as u32)
        && has(3, date.iso_week_date().week() as u32)
}

/// The seconds in `from..until` whose wall time matches, by the zone library's clock.
///
/// A minute of UTC that is a minute of the wall as well (the offset is one of whole minutes, and the same at its beginning
/// and its end) is first looked at by one second: its other fields are those of all sixty. All others, and what is left of
/// these, are looked at second by second.
fn matching<'a>(meant: &'a [Meant], zone: &'a TimeZone, range: Range<i64>) -> impl Iterator<Item = i64> + 'a {
    let at = |second| Timestamp::from_second(second).unwrap();
    let alike = move |minute: i64| {
        let offset = zone.to_offset(at(minute));
        offset.seconds() % 60 == 0 && zone.to_offset(at(minute + 59)) == offset
    };
    // A second that matches if any of its minute does.
    let any_second = meant[7].values.first().copied().unwrap_or(0);
    let (first, last) = (range.start.div_euclid(60), (range.end + 59).div_euclid(60));
    let minutes = (first..last).map(|minute| minute * 60);
    let open = minutes.filter(move |minute| {
        !alike(*minute) || matches(meant, zone.to_datetime(at(minute + i64::from(any_second))))
    });
    let seconds = open.flat_map(|minute| minute..minute + 60);
    seconds.filter(move |second| range.contains(second) && matches(meant, zone.to_datetime(at(*second))))
}

/// The fires in `from..until` by the rules of the two policies, second by second.
fn fires(recipe: &Recipe, from: i64, until: i64) -> Vec<i64> {
    let inside = |second: &i64| {
        let fire = UtcMicros::new(second * 1_000_000);
        recipe.start.is_none_or(|start| start <= fire) && recipe.end.is_none_or(|end| fire <= end)
    };
    let zone = library_zone(recipe.context.zone.name());
    let at = |second| Timestamp::from_second(second).unwrap();
    // Nothing fires outside the bounds, so nothing there counts as firing behind a gap either.
    let regular = |range| matching(&recipe.meant, &zone, range).filter(inside);
    let mut fires: Vec<i64> = regular(from..until).collect();
    let every_hour = recipe.meant[5].values.len() == 24;
    if recipe.context.dst == DstPolicy::Literal || every_hour {
        return fires;
    }
    // A change up to a day before the window may still bear on it.
    for change in zone
        .following(at(from - 90_000))
        .take_while(|change| change.timestamp().as_second() < until)
    {
        let at_change = change.timestamp().as_second();
        let before = i64::from(zone.to_offset(at(at_change - 1)).seconds());
        let length = i64::from(change.offset().seconds()) - before;
        let behind = at_change..at_change + length.abs();
        if length < 0 {
            fires.retain(|second| !behind.contains(second));
        } else if length > 0 && regular(behind).next().is_none() {
            let skipped = jiff::tz::Offset::from_seconds(before as i32)
                .unwrap()
                .to_datetime(at(at_change));
            let made_up = (0..length)
                .find(|second| matches(&recipe.meant, skipped.checked_add(second.seconds()).unwrap()));
            fires.extend(
                made_up
                    .map(|second| at_change + second)
                    .filter(|second| (from..until).contains(second) && inside(second)),
            );
            fires.sort_unstable();
        }
    }
    fires
}

/// Compares the engine with the search of every second, from an instant on: fires, the last of them, their number.
fn check(recipe: &Recipe, from: i64) -> Result<(), TestCaseError> {
    let from = from.max(172_800);
    let until = from + WINDOW;
    let trigger = recipe.compile();
    let expected = fires(recipe, from, until);
    let range = UtcMicros::new(from * 1_000_000)..UtcMicros::new(until * 1_000_000);
    let got: Vec<i64> = trigger
        .fires(None, range.start)
        .take_while(|fire| *fire < range.end)
        .map(|fire| fire.get() / 1_000_000)
        .collect();
    prop_assert_eq!(&got, &expected);
    let last = trigger.last_fire(range.end.saturating_add(-1));
    prop_assert_eq!(
        last.filter(|last| *last >= range.start),
        expected.last().map(|last| UtcMicros::new(last * 1_000_000))
    );
    prop_assert_eq!(
        trigger.count(UtcMicros::new(i64::MIN), range),
        expected.len() as u64
    );
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn fires_equal_brute_force(recipe in cron(), near in instant()) {
        check(&recipe, near.get().div_euclid(1_000_000))?;
    }

    #[test]
    fn fires_at_changes_equal_brute_force((recipe, change) in at_a_change(), before in 0_i64..9_000) {
        check(&recipe, change - before)?;
    }
}
