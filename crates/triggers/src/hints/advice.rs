//! What cannot be rewritten within its field: words of other dialects, weekdays among the hours, times of day.

use super::names;
use super::place::Place;
use super::positions::position;
use super::wording::{is_number, say};
use crate::cron::Field;

/// What to do instead, where an item is of a kind that is known.
pub(super) fn of(place: Place, item: &str) -> Option<String> {
    let lower = item.to_ascii_lowercase();
    hashed(place, &lower)
        .or_else(|| days_of_quartz(place, &lower))
        .or_else(|| elsewhere(place, &lower))
        .or_else(|| time_of_day(place, &lower))
        .or_else(|| numbers(place, &lower))
}

/// `H`, `H/15`, `H(0-29)`, and OpenBSD's `~`: a value that the program chooses.
fn hashed(place: Place, item: &str) -> Option<String> {
    let own = place.bounds().0 + 3;
    if item.contains('~') {
        return Some(format!(
            "a random value (~) is not read; write one of your own, such as {own}"
        ));
    }
    let rest = item.strip_prefix('h')?;
    if !rest.is_empty() && !rest.starts_with(['/', '(']) {
        return None;
    }
    Some(match rest.strip_prefix('/') {
        Some(step) => {
            format!("Jenkins' H is not read; write */{step}, or a value of your own, such as {own}")
        }
        None => format!("Jenkins' H is not read; write a value of your own, such as {own}"),
    })
}

/// `L`, `L-3`, `LW`, `15W`, `5L`, `fri#3`; and their words in this crate where they do not belong.
fn days_of_quartz(place: Place, item: &str) -> Option<String> {
    let by_day = |meant: &str| match place.line {
        Some(_) => format!("a crontab line has no word for that; the fields of a cron have: day={meant}"),
        None if place.field == Field::Day => say(meant),
        None => format!("that belongs to the field day: day={meant}"),
    };
    let nth =
        |number: &str| ["1st", "2nd", "3rd", "4th", "5th"].get(number.parse::<usize>().ok()?.checked_sub(1)?);
    let is_day = matches!(place.field, Field::Day | Field::DayOfWeek);
    if item == "last" && (place.line.is_some() || place.field != Field::Day) || item == "l" && is_day {
        return Some(by_day("last"));
    }
    if let Some(meant) = position(item).filter(|meant| !is_number(meant) && place.line.is_some()) {
        return Some(by_day(&meant));
    }
    if !is_day {
        return None;
    }
    if item == "lw" || item == "wl" || item.strip_suffix('w').is_some_and(is_number) {
        return Some("the nearest working day (W) cannot be had here".to_owned());
    }
    if item.strip_prefix("l-").is_some_and(is_number) {
        let last = "of the days counted from the end of the month only the last can be had";
        return Some(match place.line {
            Some(_) => format!("{last}, by the fields of a cron: day=last"),
            None => format!("{last}: day=last"),
        });
    }
    // Their numbers of weekdays differ from one program to the next; names do not.
    let which = |nth: &str, weekday: &str| match names::short(Field::DayOfWeek, weekday) {
        Some(name) => by_day(&format!("{nth} {name}")),
        None if place.line.is_none() && place.field == Field::Day => {
            format!("the weekday stands by its name, as in {nth} fri")
        }
        None => format!("{} and the weekday's name, such as {nth} fri", by_day(nth)),
    };
    if let Some((weekday, number)) = item.split_once('#') {
        return Some(which(nth(number)?, weekday));
    }
    let weekday = item.strip_suffix('l')?;
    let is_weekday = is_number(weekday) || names::weekday(weekday).is_some();
    is_weekday.then(|| which("last", weekday))
}

/// Weekdays and months in the place of others, and nicknames in any.
fn elsewhere(place: Place, item: &str) -> Option<String> {
    if item.starts_with('@') {
        return Some("a nickname stands alone, in place of all the fields".to_owned());
    }
    let mut words = item
        .split(['-', '/', '.', ' ', ':'])
        .filter(|word| !word.is_empty());
    let first = words.next().filter(|word| word.len() >= 3)?;
    let line = place.line.is_some();
    if names::weekday(first).is_some() && place.field != Field::DayOfWeek {
        return Some(match place.field {
            _ if line => "weekdays stand in the fifth field: minute hour day month weekday".to_owned(),
            Field::Day => {
                "weekdays are the field day_of_week; the first Monday of each month is day=1st mon".to_owned()
            }
            _ => "weekdays are the field day_of_week".to_owned(),
        });
    }
    if names::month(first).is_some() && place.field != Field::Month {
        return Some(match line {
            true => "months stand in the fourth field: minute hour day month weekday".to_owned(),
            false => "months are the field month".to_owned(),
        });
    }
    let is_position = ["1st", "2nd", "3rd", "4th", "5th", "last"].contains(&first);
    (is_position && place.field == Field::DayOfWeek && !line)
        .then(|| format!("that belongs to the field day: day={item}"))
}

/// `9:30`, `9am`, `12:30 pm` in the field of the hour or of the minute.
fn time_of_day(place: Place, item: &str) -> Option<String> {
    if !matches!(place.field, Field::Hour | Field::Minute) {
        return None;
    }
    let (hour, minute) = clock(item)?;
    Some(match (place.line, minute, place.field) {
        (_, None, Field::Hour) => format!("write {hour} (hours are 0 to 23)"),
        (Some(_), minute, _) => format!("write the minute, then the hour: {} {hour}", minute.unwrap_or(0)),
        (None, minute, _) => format!("write hour={hour} minute={}", minute.unwrap_or(0)),
    })
}

/// A time of day as people write it: `9am`, `9:30`, `21:30`, `noon`. The minute only where it is written.
pub(super) fn clock(text: &str) -> Option<(u8, Option<u8>)> {
    let text = text.trim().to_ascii_lowercase();
    match text.as_str() {
        "noon" => return Some((12, None)),
        "midnight" => return Some((0, None)),
        _ => {}
    }
    let late = ["am", "a.m.", "pm", "p.m."].into_iter().find_map(|word| {
        text.strip_suffix(word)
            .map(|rest| (rest.trim(), word.starts_with('p')))
    });
    let (digits, late) = match late {
        Some((rest, late)) => (rest, Some(late)),
        None => (text.as_str(), None),
    };
    let (hour, minute) = match digits.split_once(':') {
        Some((hour, minute)) => (hour, Some(minute.strip_suffix(":00").unwrap_or(minute))),
        None => (digits, None),
    };
    let number = |text: &str, below: u8| {
        text.parse::<u8>()
            .ok()
            .filter(|value| *value < below && text.len() <= 2)
    };
    let minute = match minute {
        Some(minute) => Some(number(minute, 60)?),
        None => None,
    };
    match late {
        Some(late) => {
            let hour = number(hour, 13).filter(|hour| *hour > 0)?;
            Some((hour % 12 + if late { 12 } else { 0 }, minute))
        }
        None => Some((number(hour, 24)?, Some(minute?))),
    }
}

/// Numbers that the field has not.
fn numbers(place: Place, item: &str) -> Option<String> {
    let is_decimal = |text: &str| text.contains('.') && !text.contains("..") && text.parse::<f64>().is_ok();
    if item.split(['-', '/']).any(is_decimal) {
        return Some("write whole numbers".to_owned());
    }
    let largest = item
        .split(['-', '/'])
        .next_back()
        .and_then(|text| text.parse::<u16>().ok());
    if let Some(step) = item.strip_prefix("*/").and_then(|step| step.parse::<u16>().ok()) {
        let (least, greatest) = place.bounds();
        let unit = match place.field {
            Field::Second => "seconds",
            Field::Minute => "minutes",
            Field::Hour => "hours",
            Field::Day => "days",
            Field::Week => "weeks",
            _ => return None,
        };
        return (step > greatest - least + 1)
            .then(|| format!("every {step} {unit} is an interval: {unit}={step}"));
    }
    match (place.field, largest?) {
        (Field::Day | Field::Month | Field::Week, 0) => Some(format!("{}s count from 1", place.field.name())),
        (Field::DayOfWeek, 8..) if place.crontab() => {
            Some("weekdays are 0 (Sunday) to 6 (Saturday), and 7 is Sunday as well".to_owned())
        }
        (Field::DayOfWeek, 7..) if !place.crontab() => Some(
            "weekdays are 0 (Monday) to 6 (Sunday) here; names, such as sun, mean the same everywhere"
                .to_owned(),
        ),
        _ => None,
    }
}
