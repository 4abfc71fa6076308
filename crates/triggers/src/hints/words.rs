//! Schedules in other words than crontab's: lengths of time, times of day, systemd's calendar, AWS, English.

use super::taken::{BESIDE, is_zone, reads};
use super::wording::say;
use super::{advice, date, duration, names};
use crate::cron::{Dialect, Field};
use crate::text;

/// What is meant, and how that is written here.
pub(super) fn hint(dialect: Dialect, text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    if let Some(inner) = inside(&lower, "rate(") {
        return Some(interval(inner).unwrap_or_else(|| ENGLISH.to_owned()));
    }
    if let Some(inner) = inside(&lower, "cron(") {
        return Some(aws(dialect, inner));
    }
    if let Some(rest) = lower.strip_prefix("every") {
        let rest = rest.trim();
        return Some(
            interval(rest)
                .or_else(|| interval(&format!("1 {rest}")))
                .or_else(|| calendar(dialect, rest))
                .unwrap_or_else(|| ENGLISH.to_owned()),
        );
    }
    let as_date = date::hint("run_date", text);
    let is_date = as_date.is_some_and(|hint| hint.starts_with("write 2") || hint.starts_with("words"));
    if is_date || text::read("run_date", text).is_ok() {
        return Some("one date is a trigger of kind date, not of kind cron".to_owned());
    }
    interval(&lower)
        .or_else(|| calendar(dialect, text))
        .or_else(|| text.contains("-*").then(|| SYSTEMD.to_owned()))
}

const SYSTEMD: &str = "systemd's calendar is not read; write five fields, such as 30 2 * * mon-fri, or the fields of a cron by \
                       their names, such as year=2027 hour=2";
const ENGLISH: &str =
    "English is not read; write the five fields, such as 30 2 * * mon-fri, or an interval, such as minutes=5";

fn interval(text: &str) -> Option<String> {
    duration::interval(text).map(|fields| format!("that is an interval: {fields}"))
}

/// What stands in the brackets of such a call.
fn inside<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.strip_prefix(start)
        .map(|rest| rest.trim_end().trim_end_matches(')'))
}

/// The expression of AWS: the year at the end, weekdays from 1 = Sunday.
fn aws(dialect: Dialect, inner: &str) -> String {
    let fields: Vec<&str> = inner.split_whitespace().collect();
    let told = "AWS's form is not read";
    let line = fields.get(..5).map(|fields| fields.join(" ").replace('?', "*"));
    let by_number = fields
        .get(4)
        .is_some_and(|field| field.contains(|c: char| c.is_ascii_digit()));
    match line
        .filter(|line| !by_number && fields.get(5).is_none_or(|year| *year == "*") && reads(dialect, line))
    {
        Some(line) => format!("{told}; {}", say(&line)),
        None => {
            format!("{told}; write five fields, the weekdays by name, and a year as the field year of a cron")
        }
    }
}

/// systemd's calendar as far as five fields go: weekdays, a date, a time of day; also a time alone.
fn calendar(dialect: Dialect, text: &str) -> Option<String> {
    const FILLING: [&str; 6] = ["at", "on", "day", "daily", "every", "the"];
    let is_filling = |word: &&str| FILLING.contains(&word.to_ascii_lowercase().as_str());
    let words: Vec<&str> = text.split_whitespace().filter(|word| !is_filling(word)).collect();
    if let Some((zone, words)) = words.split_last().filter(|(last, _)| is_zone(last)) {
        return calendar(dialect, &words.join(" ")).map(|told| format!("{BESIDE} ({zone}): {told}"));
    }
    let (mut minute, mut hour) = ("0".to_owned(), "0".to_owned());
    let (mut day, mut month, mut weekday) = ("*".to_owned(), "*".to_owned(), "*".to_owned());
    let (mut is_calendar, mut rest) = (false, words.as_slice());
    while let Some((word, others)) = rest.split_first() {
        rest = others;
        let is_late = others
            .first()
            .is_some_and(|next| ["am", "pm"].contains(&next.to_ascii_lowercase().as_str()));
        let spelled = if is_late {
            format!("{word}{}", others[0])
        } else {
            (*word).to_owned()
        };
        if let Some((at_hour, at_minute)) = advice::clock(&spelled) {
            (hour, minute) = (at_hour.to_string(), at_minute.unwrap_or(0).to_string());
            rest = if is_late { &others[1..] } else { others };
            is_calendar = true;
        } else if let Some((of_hour, of_minute)) = word.split_once(':') {
            let of_minute = of_minute
                .strip_suffix(":00")
                .or(of_minute.strip_suffix(":0"))
                .unwrap_or(of_minute);
            (hour, minute) = (repeated(of_hour), repeated(of_minute));
            is_calendar = true;
        } else if let Some((of_month, of_day)) = word.strip_prefix("*-").and_then(|date| date.split_once('-'))
        {
            (month, day) = (repeated(of_month), repeated(of_day));
            is_calendar = true;
        } else if names::weekday(word.split(['.', ',', '-']).next()?).is_some() {
            weekday = days(word)?;
        } else if word.eq_ignore_ascii_case("weekdays") {
            weekday = "mon-fri".to_owned();
        } else {
            return None;
        }
    }
    if dialect == Dialect::Crontab && day != "*" && weekday != "*" {
        // There both must match, here either would do.
        return None;
    }
    let line = format!("{minute} {hour} {day} {month} {weekday}");
    (is_calendar && reads(dialect, &line)).then(|| say(&line))
}

/// A part of a date or a time: `0/15` begins at the least value, ranges have two dots.
fn repeated(part: &str) -> String {
    let part = part.replace("..", "-");
    match part.strip_prefix("0/").or(part.strip_prefix("00/")) {
        Some(step) => format!("*/{step}"),
        None => match part.parse::<u8>() {
            Ok(number) => number.to_string(),
            Err(_) => part,
        },
    }
}

/// `Mon..Fri`, `Sat,Sun`.
fn days(word: &str) -> Option<String> {
    let mut days = String::new();
    for part in word.replace("..", "-").split_inclusive(['-', ',']) {
        let name = part.trim_end_matches(['-', ',']);
        days.push_str(names::short(Field::DayOfWeek, name)?);
        days.push_str(&part[name.len()..]);
    }
    Some(days)
}
