//! The words for days mean what fires: a sentence is read back and compared with the engine, day by day.
//!
//! The reader knows only the sentence, so it can lean neither on the fields nor on the sets behind it.

use crate::config;
use crate::make::cron;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use std::collections::BTreeSet;
use triggers::{Context, Definition, Trigger, UtcMicros, Zone};

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// What a sentence says of days; nothing said is nothing restricted.
#[derive(Debug, Default)]
struct Said {
    numbers: BTreeSet<u32>,
    /// Place (6 is the last) and weekday (7 is any).
    places: BTreeSet<(u32, u32)>,
    days_said: bool,
    weekdays: Option<BTreeSet<u32>>,
    either: bool,
    months: Option<BTreeSet<u32>>,
    weeks: Option<BTreeSet<u32>>,
    years: Option<BTreeSet<u32>>,
}

/// `a, b and c` in its parts.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(", ").flat_map(|part| part.split(" and "))
}

/// `day 3`, `3`, `days 3 to 5`, `every 2nd day from 1 to 31`.
fn numbers(part: &str) -> Vec<u32> {
    let found: Vec<u32> = part
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.parse().unwrap())
        .collect();
    match found[..] {
        [one] => vec![one],
        [first, last] => (first..=last).collect(),
        [step, first, last] if part.starts_with("every") => (first..=last).step_by(step as usize).collect(),
        _ => panic!("{part:?} has no meaning"),
    }
}

/// `Monday and Friday`, `June to August`.
fn named(list: &str, names: &[&str]) -> BTreeSet<u32> {
    let place = |name: &str| {
        let found = names.iter().position(|known| *known == name);
        found.unwrap_or_else(|| panic!("{name:?} in {list:?} is no name")) as u32
    };
    parts(list)
        .flat_map(|part| match part.split_once(" to ") {
            Some((first, last)) => (place(first)..=place(last)).collect(),
            None => vec![place(part)],
        })
        .collect()
}

/// `on Friday`, `from Monday to Friday`.
fn weekdays(text: &str) -> BTreeSet<u32> {
    let list = text.strip_prefix("on ").or(text.strip_prefix("from "));
    named(
        list.unwrap_or_else(|| panic!("{text:?} says no weekday")),
        &WEEKDAYS,
    )
}

fn read(sentence: &str) -> Said {
    let days = sentence
        .strip_prefix("at 00:00 ")
        .and_then(|rest| rest.strip_suffix(", UTC"));
    let mut said = Said::default();
    let mut segments = days.unwrap_or_else(|| panic!("{sentence:?}")).split(" in ");
    let head = segments.next().unwrap().trim_end_matches(',');
    for segment in segments {
        let values = || parts(segment).flat_map(numbers).collect();
        if segment.contains("ISO week") {
            said.weeks = Some(values());
        } else if segment.starts_with(|c: char| c.is_ascii_digit()) || segment.contains("year") {
            said.years = Some(values());
        } else {
            said.months = Some(named(segment, &MONTHS).iter().map(|month| month + 1).collect());
        }
    }
    if head == "every day" {
        return said;
    }
    let Some((days, rest)) = head.split_once(" of ") else {
        said.weekdays = Some(weekdays(head));
        return said;
    };
    said.days_said = true;
    for part in parts(days.strip_prefix("on ").unwrap()) {
        match part
            .strip_prefix("the ")
            .map(|place| place.split_once(' ').unwrap())
        {
            Some((place, weekday)) => {
                let place = place.chars().next().unwrap().to_digit(10).unwrap_or(6);
                let weekday = WEEKDAYS.iter().position(|name| *name == weekday).unwrap_or(7);
                said.places.insert((place, weekday as u32));
            }
            None => said.numbers.extend(numbers(part)),
        }
    }
    let months = match (rest.split_once(" if it falls "), rest.split_once(" or ")) {
        (Some((months, weekday)), _) => {
            said.weekdays = Some(weekdays(weekday));
            months
        }
        (None, Some((months, weekday))) => {
            said.weekdays = Some(weekdays(weekday));
            said.either = true;
            months
        }
        (None, None) => rest,
    };
    if months != "each month" && months != "the month" {
        assert!(said.months.is_none(), "{sentence:?}");
        said.months = Some(named(months, &MONTHS).iter().map(|month| month + 1).collect());
    }
    said
}

impl Said {
    fn has(&self, date: Date) -> bool {
        let has =
            |set: &Option<BTreeSet<u32>>, value: u32| set.as_ref().is_none_or(|set| set.contains(&value));
        let (day, weekday) = (date.day() as u32, date.weekday().to_monday_zero_offset() as u32);
        let in_places = self.places.iter().any(|(place, of)| match (*place, *of) {
            (6, 7) => date == date.last_of_month(),
            (6, of) => weekday == of && day + 7 > date.days_in_month() as u32,
            (place, of) => weekday == of && (day - 1) / 7 + 1 == place,
        });
        let by_day = !self.days_said || in_places || self.numbers.contains(&day);
        let by_weekday = has(&self.weekdays, weekday);
        let by_both = if self.either {
            by_day || by_weekday
        } else {
            by_day && by_weekday
        };
        by_both
            && has(&self.months, date.month() as u32)
            && has(&self.years, date.year() as u32)
            && has(&self.weeks, date.iso_week_date().week() as u32)
    }
}

/// Reads the sentence of a trigger that fires at midnight and compares `count` days.
fn check(trigger: &Trigger, from: Date, count: i32) -> Result<(), TestCaseError> {
    let sentence = trigger.describe();
    let said = read(&sentence);
    let midnight = |date: Date| {
        let instant = jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap();
        UtcMicros::new(instant.as_microsecond())
    };
    let until = from + count.days();
    let fires: BTreeSet<Date> = trigger
        .fires(None, midnight(from))
        .take_while(|fire| *fire < midnight(until))
        .map(|fire| {
            let instant = Timestamp::from_microsecond(fire.get()).unwrap();
            jiff::tz::Offset::UTC.to_datetime(instant).date()
        })
        .collect();
    for date in from.series(1.day()).take_while(|date| *date < until) {
        let (fires, says) = (fires.contains(&date), said.has(date));
        prop_assert_eq!(
            fires,
            says,
            "whether it fires on {}, and what is said: {}",
            date,
            sentence
        );
    }
    Ok(())
}

/// All combinations of an open side, a full set in other words, and a restricted one.
#[test]
fn words_of_crontab_lines_mean_what_fires() {
    let context = Context::new(Zone::utc(), UtcMicros::new(0));
    for day in [
        "*",
        "*/1",
        "1-31",
        "1-15,16-31",
        "1",
        "31",
        "1,15",
        "10-20",
        "*/2",
    ] {
        for month in ["*", "1-12", "jan", "jan,jul", "6-8", "*/5"] {
            for weekday in [
                "*", "*/1", "0-6", "1-7", "mon", "mon,thu", "1-5", "fri-sun", "*/2",
            ] {
                let line = format!("0 0 {day} {month} {weekday}");
                let trigger = Definition::crontab(&*line).compile(&context).unwrap();
                check(&trigger, Date::constant(2023, 1, 1), 800)
                    .unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn words_for_days_mean_what_fires(recipe in cron(), year in 1970_i16..2120) {
        let mut definition = recipe.definition;
        definition.fields.retain(|name, _| !matches!(&**name, "hour" | "minute" | "second"));
        let definition = Definition { start: None, end: None, ..definition }.with("hour", 0);
        let trigger = definition.compile(&Context::new(Zone::utc(), UtcMicros::new(0))).unwrap();
        check(&trigger, Date::constant(year, 1, 1), 800)?;
    }
}
