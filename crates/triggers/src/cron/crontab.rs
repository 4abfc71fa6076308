//! Two crontab dialects, named, never guessed.
//!
//! `aps-crontab` is five fields of this crate's own grammar: 0 is Monday, and day and weekday must both match.
//! `crontab` is what `crontab(5)` means: 0 and 7 are Sunday, day and weekday are alternatives when both are
//! restricted, and there are nicknames such as `@daily`.

use super::clock::Clock;
use super::days::Days;
use super::expression::lone_number;
use super::field::{Field, Fields};
use super::pattern::Pattern;
use super::sets::{Bits, MonthDays, Span, add_steps, all};
use super::years::Years;
use crate::dialect::Dialect;
use crate::error::{TextAt, TriggerError};
use crate::object;
use serde::{Deserialize, Deserializer};
use std::str::FromStr;

/// The dialects by name.
const DIALECTS: &str = "aps-crontab, crontab";

impl FromStr for Dialect {
    type Err = TriggerError;

    fn from_str(text: &str) -> Result<Self, TriggerError> {
        match text {
            "aps-crontab" => Ok(Self::ApsCrontab),
            "crontab" => Ok(Self::Crontab),
            other => Err(TriggerError::no_such(
                "dialect",
                other,
                "there is no such dialect",
                DIALECTS,
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Dialect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object::named(deserializer, "dialect", DIALECTS)
    }
}

/// The fields of a line, in its order.
pub(crate) const ORDER: [Field; 5] = [
    Field::Minute,
    Field::Hour,
    Field::Day,
    Field::Month,
    Field::DayOfWeek,
];

/// The five parts of a line, with where they begin.
fn parts(dialect: Dialect, text: &str) -> Result<[(usize, &str); 5], TriggerError> {
    let mut found = [(0, ""); 5];
    let mut count = 0;
    // Too many: where the first of those begins. Too few: where the next would begin.
    let mut byte = text.trim_end().len();
    for part in text.split_whitespace() {
        let at = part.as_ptr().addr() - text.as_ptr().addr();
        match found.get_mut(count) {
            Some(slot) => *slot = (at, part),
            None if count == ORDER.len() => byte = at,
            None => {}
        }
        count += 1;
    }
    if count == found.len() {
        return Ok(found);
    }
    let missing = match ORDER.get(count) {
        Some(field) => format!("it has {count} of 5 fields: the {} is missing", field.name()),
        None => format!("it has {count} fields, not 5"),
    };
    Err(TriggerError::line(dialect, text, byte, missing))
}

/// The fields of a line in the dialect `aps-crontab`.
pub(super) fn aps_fields(text: &str) -> Result<Fields<'_>, TriggerError> {
    let [minute, hour, day, month, weekday] = parts(Dialect::ApsCrontab, text)?.map(|(_, part)| part);
    let order = [
        None,
        Some(month),
        Some(day),
        None,
        Some(weekday),
        Some(hour),
        Some(minute),
        None,
    ];
    Ok(order)
}

/// The error of a single field as one of the line in the dialect `aps-crontab` that it stands in.
pub(super) fn aps_error(line: &str, error: TriggerError) -> TriggerError {
    let TriggerError::Text { field, .. } = &error else {
        return error;
    };
    let place = ORDER.iter().position(|known| known.name() == *field);
    match (place, parts(Dialect::ApsCrontab, line)) {
        (Some(place), Ok(parts)) => error.in_line(Dialect::ApsCrontab, line, parts[place].0),
        _ => error,
    }
}

/// What a field of the dialect `crontab` may be, for error messages.
const fn allowed(field: Field) -> &'static str {
    match field {
        Field::Hour => "*, a, a-b, */n, a-b/n or a list of these, with values 0 to 23",
        Field::Day => "*, a, a-b, */n, a-b/n or a list of these, with values 1 to 31",
        Field::Month => "*, a, a-b, */n, a-b/n or a list of these, with values 1 to 12 or jan to dec",
        Field::DayOfWeek => {
            "*, a, a-b, */n, a-b/n or a list of these, with values 0 to 7 (0 and 7 = Sunday) or sun to sat"
        }
        // The others have no place in a line.
        Field::Minute | Field::Second | Field::Year | Field::Week => {
            "*, a, a-b, */n, a-b/n or a list of these, with values 0 to 59"
        }
    }
}

/// The pattern of a line in the dialect `crontab`.
pub(super) fn pattern(text: &str) -> Result<Pattern, TriggerError> {
    let trimmed = text.trim();
    if trimmed.starts_with('@') {
        let Some(line) = nickname(trimmed) else {
            let byte = text.len() - text.trim_start().len();
            let problem = format!("there is no nickname \"{trimmed}\" here");
            return Err(TriggerError::line(Dialect::Crontab, text, byte, problem));
        };
        return pattern(line);
    }
    let [minute, hour, day, month, weekday] = parts(Dialect::Crontab, text)?;
    let read = |field, part: (usize, &str)| {
        Part {
            line: text,
            field,
            at: part.0,
            text: part.1,
        }
        .values()
    };
    let weekdays = read(Field::DayOfWeek, weekday)?;
    // Bit 0 and bit 7 are Sunday there, bit 0 is Monday here.
    let weekdays = (weekdays >> 1 | (weekdays & 1) << 6) as u8 & 0x7f;
    let days = Days {
        years: Years::All,
        months: read(Field::Month, month)?,
        month_days: MonthDays::of(read(Field::Day, day)?),
        weeks: all(Field::Week),
        weekdays,
        either: !day.1.starts_with('*') && !weekday.1.starts_with('*'),
        every_day: false,
    };
    let clock = Clock {
        hours: read(Field::Hour, hour)?,
        minutes: read(Field::Minute, minute)?,
        seconds: 1,
    };
    Ok(Pattern {
        days: days.with_short_cut(),
        clock,
    })
}

/// The nicknames, and the lines they stand for.
pub(crate) const NICKNAMES: [(&str, &str); 7] = [
    ("@daily", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@midnight", "0 0 * * *"),
];

/// The line that a nickname stands for, in any case.
pub(crate) fn nickname(text: &str) -> Option<&'static str> {
    NICKNAMES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
        .map(|(_, line)| *line)
}

/// Whether a text can be that field of a line in the dialect `crontab`.
pub(crate) fn reads_in_crontab(field: Field, text: &str) -> bool {
    let part = Part {
        line: text,
        field,
        at: 0,
        text,
    };
    part.values().is_ok()
}

/// One field of a line.
struct Part<'a> {
    line: &'a str,
    field: Field,
    /// Where it begins in the line, in bytes.
    at: usize,
    text: &'a str,
}

impl Part<'_> {
    /// Bits of the values; of weekdays bit 0 and bit 7 are Sunday.
    fn values(&self) -> Result<Bits, TriggerError> {
        let (least, greatest) = self.bounds();
        let mut bits = 0;
        let mut at = 0;
        // Behind the last item `at` is one past the end, behind a comma at the end it is the end: an empty item.
        while let Some(rest) = self.text.get(at..) {
            let length = match lone_number(rest.as_bytes()) {
                Some((value, length)) if (least..=greatest).contains(&value) => {
                    bits |= 1 << value;
                    length
                }
                _ => {
                    let item = rest.split(',').next().unwrap_or(rest);
                    add_steps(&mut bits, self.span(item, at)?);
                    item.len()
                }
            };
            at += length + 1;
        }
        Ok(bits)
    }

    fn span(&self, item: &str, at: usize) -> Result<Span, TriggerError> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let (least, greatest) = self.bounds();
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (
                least,
                if self.field == Field::DayOfWeek {
                    6
                } else {
                    greatest
                },
            ),
            Some((first, last)) => {
                let first = self.value(first, at)?;
                let last_at = at + range.len() - last.len();
                // `fri-sun` is what people write, although Sunday's name stands for 0.
                let sunday = self.field == Field::DayOfWeek && last.eq_ignore_ascii_case("sun") && first > 0;
                (first, if sunday { 7 } else { self.value(last, last_at)? })
            }
            None if step.is_some() => {
                return Err(self.error(at, "a step needs a range before it, such as */5 or 10-50/5"));
            }
            None => {
                let value = self.value(range, at)?;
                (value, value)
            }
        };
        if first > last {
            return Err(self.error(at, "the range goes backwards"));
        }
        let step = match step.map(number) {
            None => 1,
            Some(Some(step)) if step > 0 => step,
            Some(_) => return Err(self.error(at + range.len(), "the step must be a number higher than 0")),
        };
        Ok(Span { first, last, step })
    }

    fn bounds(&self) -> (u16, u16) {
        if self.field == Field::DayOfWeek {
            (0, 7)
        } else {
            self.field.bounds()
        }
    }

    fn value(&self, text: &str, at: usize) -> Result<u16, TriggerError> {
        let (least, greatest) = self.bounds();
        if let Some(value) = number(text) {
            if value < least {
                let problem = format!("the value ({text}) is lower than the minimum value ({least})");
                return Err(self.error(at, problem));
            }
            if value > greatest {
                let problem = format!("the value ({text}) is higher than the maximum value ({greatest})");
                return Err(self.error(at, problem));
            }
            return Ok(value);
        }
        let named = self.field.value_of(text);
        // Names count from Monday in this crate and from Sunday in a crontab.
        let shift = |value| {
            if self.field == Field::DayOfWeek {
                (value + 1) % 7
            } else {
                value
            }
        };
        let unknown = || match text {
            "" => self.error(at, "a value is missing"),
            text => self.error(at, format!("\"{text}\" is no value of this field")),
        };
        named.map(shift).ok_or_else(unknown)
    }

    fn error(&self, byte: usize, problem: impl Into<String>) -> TriggerError {
        let at = TextAt {
            field: self.field.name(),
            text: self.text,
            byte,
            allowed: allowed(self.field),
        };
        TriggerError::text(at, problem).in_line(Dialect::Crontab, self.line, self.at)
    }
}

/// A run of ASCII digits as a number; one too large for any field stays too large.
fn number(text: &str) -> Option<u16> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u16::MAX))
}
