//! A cron trigger as an English sentence: the time of day, then the days, then the zone.
//!
//! The sentence is made from the sets, not from the text, so it says what the trigger does, however it was
//! written. `Trigger::describe` is the only caller.

use super::clock::Clock;
use super::compiled::Cron;
use super::days::Days;
use super::field::Field;
use super::sets::{Bits, Span, values};
use super::shape::{Shape, members, shape};
use super::years::Years;
use crate::english::{WEEKDAY_NAMES, listed, month_name, zone_words};

/// So many times of day are listed one by one.
const LISTED_TIMES: usize = 6;

impl Cron {
    /// The sentence, without the bounds.
    pub(crate) fn words(&self) -> String {
        let pattern = &self.grid.pattern;
        let listed = times(&pattern.clock);
        let days = day_words(&pattern.days, listed.is_some());
        let time = match listed {
            Some(times) => format!("at {times}"),
            None => rhythm(&pattern.clock),
        };
        let separator = if days.is_empty() { "" } else { " " };
        format!("{time}{separator}{days}, {}", zone_words(self.zone()))
    }
}

/// The weekdays of a text in the field's own grammar, unless they are all: `Tuesday to Saturday`.
pub(crate) fn weekday_words(text: &str) -> Option<String> {
    let words = weekdays(values(Field::DayOfWeek, text).ok()? as u8)?;
    let words = words.strip_prefix("on ").or(words.strip_prefix("from "));
    words.map(str::to_owned)
}

/// Few times of day, each spelled out.
fn times(clock: &Clock) -> Option<String> {
    if clock.every_hour() || clock.per_day() > LISTED_TIMES as u64 {
        return None;
    }
    let mut times = Vec::new();
    for hour in members(clock.hours) {
        for minute in members(clock.minutes) {
            for second in members(clock.seconds) {
                times.push(match clock.seconds {
                    1 => format!("{hour:02}:{minute:02}"),
                    _ => format!("{hour:02}:{minute:02}:{second:02}"),
                });
            }
        }
    }
    Some(listed(times, "and"))
}

/// Many times of day: seconds, minutes and hours, the finest first.
fn rhythm(clock: &Clock) -> String {
    let mut parts = Vec::new();
    let second = match shape(clock.seconds, Field::Second.bounds()) {
        Shape::One(0) => None,
        other => Some(repeated(other, "second", 60)),
    };
    let minute = match shape(clock.minutes, Field::Minute.bounds()) {
        Shape::One(0) if second.is_none() => None,
        // "every 20 seconds" says it for every minute; "at second 30" alone would not.
        Shape::All if second.as_ref().is_some_and(|part| part.starts_with("every")) => None,
        other => Some(repeated(other, "minute", 60)),
    };
    let hour = match shape(clock.hours, Field::Hour.bounds()) {
        Shape::All if second.is_some() || minute.is_some() => None,
        other => Some(repeated(other, "hour", 24)),
    };
    for part in [second, minute, hour].into_iter().flatten() {
        parts.push(part);
    }
    // "every 20 seconds" stands alone; "at minute 5" alone would leave open in which hour.
    let sentence = parts.join(", ");
    let needs_hour = clock.every_hour() && parts.iter().all(|part| part.starts_with("at "));
    if needs_hour {
        format!("{sentence} of every hour")
    } else {
        sentence
    }
}

/// Values of one unit of time.
fn repeated(values: Shape, unit: &str, top: u32) -> String {
    match values {
        Shape::All => format!("every {unit}"),
        Shape::One(value) => format!("at {unit} {value}"),
        Shape::Range(first, last) => format!("every {unit} from {first} to {last}"),
        Shape::Steps { first: 0, last, step } if last + step == top => format!("every {step} {unit}s"),
        Shape::Steps { first, last, step } => format!("every {step} {unit}s from {unit} {first} to {last}"),
        Shape::List(bits) => {
            format!(
                "at the {unit}s {}",
                listed(members(bits).map(|value| value.to_string()).collect(), "and")
            )
        }
    }
}

/// Which days. Every day is worth its words only beside times of day.
fn day_words(days: &Days, beside_times: bool) -> String {
    let month_days = month_days(days);
    let weekdays = weekdays(days.weekdays);
    let weeks = match shape(days.weeks, Field::Week.bounds()) {
        Shape::All => None,
        other => Some(numbered(other, "ISO week")),
    };
    let months = months(days.months);
    let years = years(&days.years);
    let mut parts = Vec::new();
    match (month_days, weekdays) {
        // The months limit the weekday, too, which "of January or on Monday" would not say.
        (Some(of_month), Some(weekday)) if days.either => parts.push(match months {
            Some(months) => format!("on {of_month} of the month or {weekday}, in {months}"),
            None => format!("on {of_month} of each month or {weekday}"),
        }),
        (Some(of_month), weekday) => {
            let months = months.as_deref().unwrap_or("each month");
            parts.push(format!("on {of_month} of {months}"));
            parts.extend(weekday.map(|weekday| format!("if it falls {weekday}")));
        }
        (None, weekday) => {
            parts.extend(weekday.or_else(|| beside_times.then(|| "every day".to_owned())));
            parts.extend(months.map(|months| format!("in {months}")));
        }
    }
    parts.extend(weeks.map(|weeks| format!("in {weeks}")));
    parts.extend(years.map(|years| format!("in {years}")));
    parts.join(" ")
}

/// Days of the month without the month, or `None` for all of them.
fn month_days(days: &Days) -> Option<String> {
    let set = &days.month_days;
    if set.is_every() {
        return None;
    }
    let mut parts = Vec::new();
    if set.numbers != 0 {
        parts.push(numbered(shape(set.numbers, Field::Day.bounds()), "day"));
    }
    const NTH: [&str; 5] = ["1st", "2nd", "3rd", "4th", "5th"];
    for (nth, weekdays) in NTH.into_iter().zip(set.nth).chain([("last", set.last_weekdays)]) {
        parts.extend(
            members(Bits::from(weekdays))
                .map(|weekday| format!("the {nth} {}", WEEKDAY_NAMES[weekday as usize])),
        );
    }
    if set.last_day {
        parts.push("the last day".to_owned());
    }
    Some(listed(parts, "and"))
}

fn weekdays(bits: u8) -> Option<String> {
    let name = |day: u32| WEEKDAY_NAMES[day as usize % 7].to_owned();
    match shape(Bits::from(bits), Field::DayOfWeek.bounds()) {
        Shape::All => None,
        Shape::Range(first, last) => Some(format!("from {} to {}", name(first), name(last))),
        _ => Some(format!(
            "on {}",
            listed(members(Bits::from(bits)).map(name).collect(), "and")
        )),
    }
}

fn months(bits: Bits) -> Option<String> {
    let name = |month: u32| month_name(month).to_owned();
    match shape(bits, Field::Month.bounds()) {
        Shape::All => None,
        Shape::Range(first, last) => Some(format!("{} to {}", name(first), name(last))),
        _ => Some(listed(members(bits).map(name).collect(), "and")),
    }
}

/// Values that are called by their number.
fn numbered(values: Shape, what: &str) -> String {
    match values {
        Shape::All => format!("every {what}"),
        Shape::One(value) => format!("{what} {value}"),
        Shape::Range(first, last) => format!("{what}s {first} to {last}"),
        Shape::Steps { first, last, step } => {
            format!(
                "every {step}{} {what} from {first} to {last}",
                ordinal_ending(step)
            )
        }
        Shape::List(bits) => {
            format!(
                "{what}s {}",
                listed(members(bits).map(|value| value.to_string()).collect(), "and")
            )
        }
    }
}

fn ordinal_ending(number: u32) -> &'static str {
    match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

fn years(years: &Years) -> Option<String> {
    let Years::Of(listed_years) = years else {
        return None;
    };
    let words = |span: &Span| match (span.first, span.last, span.step) {
        (first, last, _) if first == last => first.to_string(),
        (first, last, 1) => format!("{first} to {last}"),
        (first, last, step) => {
            let last = first + (last - first) / step * step;
            format!(
                "every {step}{} year from {first} to {last}",
                ordinal_ending(u32::from(step))
            )
        }
    };
    Some(listed(listed_years.items().iter().map(words).collect(), "and"))
}
