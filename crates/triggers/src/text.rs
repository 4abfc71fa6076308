//! The date texts of `start`, `end` and `run_date`: strict, one form, no guessing.
//!
//! `Y-M-D`, or `Y-M-D` and a time after a blank or `T`: `h:m:s`, then perhaps a decimal fraction of up to six
//! digits, then perhaps `Z` or `+hh:mm`. What a text without offset means as an instant is the zone's business.

use crate::civil::{DAY, MICROS, day_number, month_length};
use crate::error::{TextAt, TriggerError};
use crate::time::{UtcMicros, WallMicros};
use crate::zone::Zone;
use std::str::FromStr;

pub(crate) const ALLOWED: &str = "YYYY-MM-DD, or YYYY-MM-DD HH:MM:SS[.ffffff] with an optional Z or +HH:MM";

/// What an instant may be, which no zone completes.
pub(crate) const INSTANT: &str = "YYYY-MM-DDTHH:MM:SS[.ffffff] and Z or +HH:MM";

/// A date text, read.
#[derive(Clone, Copy)]
pub(crate) struct Stamp {
    wall: WallMicros,
    /// Microseconds east of UTC, where the text gave an offset.
    offset: Option<i64>,
}

impl Stamp {
    /// The instant, where the text itself says which it is.
    pub(crate) fn instant(self) -> Option<UtcMicros> {
        self.offset.map(|offset| UtcMicros::new(self.wall.get() - offset))
    }

    /// The wall time, where the text gave no offset.
    pub(crate) fn wall_only(self) -> Option<WallMicros> {
        self.offset.is_none().then_some(self.wall)
    }

    /// The instant; without an offset the text is wall time of the zone (see [`Zone::to_utc`]).
    pub(crate) fn resolve(self, zone: &Zone) -> UtcMicros {
        self.instant().unwrap_or_else(|| zone.to_utc(self.wall))
    }
}

/// The error of a text that should have had an offset.
pub(crate) fn no_offset(field: &'static str, text: &str) -> TriggerError {
    let at = TextAt {
        field,
        text,
        byte: text.len(),
        allowed: INSTANT,
    };
    TriggerError::text(at, "the offset from UTC is missing")
}

/// The error of an instant whose year is not one of four digits in UTC.
pub(crate) fn outside(field: &'static str, text: &str) -> TriggerError {
    let at = TextAt {
        field,
        text,
        byte: 0,
        allowed: "an instant whose year in UTC is 0001 to 9999",
    };
    TriggerError::text(at, "in UTC its year is outside of 0001 to 9999")
}

/// The error of a text that should have had no offset.
pub(crate) fn no_wall(field: &'static str, text: &str) -> TriggerError {
    let at = TextAt {
        field,
        text,
        byte: 0,
        allowed: "YYYY-MM-DD HH:MM:SS[.ffffff]",
    };
    TriggerError::text(at, "a wall time has no offset")
}

/// Reads a date text; the errors name the field, the text and the position.
pub(crate) fn read(field: &'static str, text: &str) -> Result<Stamp, TriggerError> {
    let mut reader = Reader { field, text, at: 0 };
    let year = reader.number(4, 4, "a year of four digits")?;
    reader.expect(b'-')?;
    let month_at = reader.at;
    let month = reader.number(1, 2, "a month")?;
    reader.expect(b'-')?;
    let day_at = reader.at;
    let day = reader.number(1, 2, "a day")?;
    if year == 0 {
        return Err(reader.error(0, "there is no year 0"));
    }
    if !(1..=12).contains(&month) {
        return Err(reader.error(month_at, format!("there is no month {month}")));
    }
    if day == 0 || day > month_length(i64::from(year), month) {
        return Err(reader.error(day_at, format!("there is no day {day} in {year:04}-{month:02}")));
    }
    let date = day_number(i64::from(year), month, day) * DAY * MICROS;
    if reader.done() {
        return Ok(Stamp {
            wall: WallMicros::new(date),
            offset: None,
        });
    }
    if !reader.take(b' ') && !reader.take(b'T') {
        return Err(reader.error(reader.at, "expected a time after a blank or T, or nothing"));
    }
    let time = reader.time()?;
    let offset = reader.offset()?;
    if !reader.done() {
        return Err(reader.error(reader.at, "something follows the end"));
    }
    Ok(Stamp {
        wall: WallMicros::new(date + time),
        offset,
    })
}

impl UtcMicros {
    /// Reads the instant that a field has.
    pub(crate) fn read(field: &'static str, text: &str) -> Result<Self, TriggerError> {
        let stamp = read(field, text)?;
        let instant = stamp.instant().ok_or_else(|| no_offset(field, text))?;
        // The offset may carry a year of four digits beyond them, and what is printed in UTC must be read back.
        if (Self::FIRST..=Self::LAST).contains(&instant) {
            return Ok(instant);
        }
        Err(outside(field, text))
    }
}

impl FromStr for UtcMicros {
    type Err = TriggerError;

    /// Reads RFC 3339: date, time and an offset or `Z`, at most six fraction digits.
    fn from_str(text: &str) -> Result<Self, TriggerError> {
        Self::read("instant", text)
    }
}

impl FromStr for WallMicros {
    type Err = TriggerError;

    /// Reads `YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS[.ffffff]`, also with a `T`, without an offset.
    fn from_str(text: &str) -> Result<Self, TriggerError> {
        let stamp = read("wall time", text)?;
        stamp.wall_only().ok_or_else(|| no_wall("wall time", text))
    }
}

/// A position in the text that moves on as parts are read.
struct Reader<'a> {
    field: &'static str,
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn done(&self) -> bool {
        self.at == self.text.len()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn error(&self, byte: usize, problem: impl Into<String>) -> TriggerError {
        TriggerError::text(
            TextAt {
                field: self.field,
                text: self.text,
                byte,
                allowed: ALLOWED,
            },
            problem,
        )
    }

    fn expect(&mut self, byte: u8) -> Result<(), TriggerError> {
        if self.take(byte) {
            return Ok(());
        }
        Err(self.error(self.at, format!("expected \"{}\"", char::from(byte))))
    }

    fn number(&mut self, least: usize, most: usize, what: &str) -> Result<u32, TriggerError> {
        let from = self.at;
        let mut value = 0;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            if self.at - from == most {
                break;
            }
            value = value * 10 + u32::from(digit - b'0');
            self.at += 1;
        }
        if self.at - from < least {
            return Err(self.error(from, format!("expected {what}")));
        }
        Ok(value)
    }

    fn below(&mut self, bound: u32, what: &str) -> Result<i64, TriggerError> {
        let from = self.at;
        let value = self.number(1, 2, what)?;
        if value >= bound {
            return Err(self.error(from, format!("{what} is 0 to {}, not {value}", bound - 1)));
        }
        Ok(i64::from(value))
    }

    /// Time of day in microseconds.
    fn time(&mut self) -> Result<i64, TriggerError> {
        let hour = self.below(24, "an hour")?;
        self.expect(b':')?;
        let minute = self.below(60, "a minute")?;
        self.expect(b':')?;
        let second = self.below(60, "a second")?;
        let mut fraction = 0;
        if self.take(b'.') {
            let from = self.at;
            fraction = i64::from(self.number(1, 6, "one to six fraction digits")?);
            for _ in self.at - from..6 {
                fraction *= 10;
            }
        }
        Ok((hour * 3600 + minute * 60 + second) * MICROS + fraction)
    }

    /// The offset in microseconds, if there is one.
    fn offset(&mut self) -> Result<Option<i64>, TriggerError> {
        if self.take(b'Z') {
            return Ok(Some(0));
        }
        let sign = match self.peek() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Ok(None),
        };
        self.at += 1;
        let from = self.at;
        let hour = self.number(2, 2, "two digits of hours")?;
        self.expect(b':')?;
        let minute = self.number(2, 2, "two digits of minutes")?;
        if hour > 23 || minute > 59 {
            return Err(self.error(from, "an offset is less than 24:00"));
        }
        Ok(Some(sign * i64::from(hour * 60 + minute) * 60 * MICROS))
    }
}
