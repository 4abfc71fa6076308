//! Where an item stands: the field, and whether that is one of a crontab line. It knows how values are called there.

use super::names;
use crate::cron::{Dialect, Expression, Field, MONTHS, WEEKDAYS, reads_in_crontab};

/// A field, alone or in a line.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) field: Field,
    pub(super) line: Option<Dialect>,
}

/// `a-b` and `a-b/n`.
pub(super) struct Span {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) step: Option<u16>,
    /// How many of its ends are names.
    pub(super) names: usize,
}

impl Place {
    /// Whether a text can stand there.
    pub(super) fn reads(self, text: &str) -> bool {
        match self.line {
            Some(_) if text.contains(char::is_whitespace) => false,
            Some(Dialect::Crontab) => reads_in_crontab(self.field, text),
            _ => Expression::parse(self.field, text).is_ok(),
        }
    }

    /// Whether the grammar is that of crontab, in which weekdays count from Sunday = 0.
    pub(super) fn crontab(self) -> bool {
        self.line == Some(Dialect::Crontab)
    }

    fn sunday_first(self) -> bool {
        self.crontab() && self.field == Field::DayOfWeek
    }

    /// The least and the greatest number.
    pub(super) fn bounds(self) -> (u16, u16) {
        if self.sunday_first() {
            (0, 7)
        } else {
            self.field.bounds()
        }
    }

    /// The greatest value, each being counted once.
    pub(super) fn last(self) -> u16 {
        self.field.bounds().1
    }

    /// The value of a number or of a name, long or short.
    pub(super) fn value(self, word: &str) -> Option<u16> {
        if let Ok(number) = word.parse() {
            return Some(number);
        }
        match self.field {
            Field::Month => names::month(word),
            Field::DayOfWeek if self.sunday_first() => names::weekday(word).map(|day| (day + 1) % 7),
            Field::DayOfWeek => names::weekday(word),
            _ => None,
        }
    }

    /// The name of a value; its number where it has none.
    pub(super) fn name(self, value: u16) -> String {
        let place = usize::from(value);
        let name = match self.field {
            Field::Month => MONTHS.get(place.wrapping_sub(1)),
            Field::DayOfWeek if self.sunday_first() => WEEKDAYS.get((place + 6) % 7),
            Field::DayOfWeek => WEEKDAYS.get(place),
            _ => None,
        };
        name.map_or_else(|| value.to_string(), |name| (*name).to_owned())
    }

    /// A value by its name, if it has one and that is asked for, else by its number.
    pub(super) fn write(self, value: u16, by_name: bool) -> String {
        if by_name {
            self.name(value)
        } else {
            value.to_string()
        }
    }

    /// Both ends of a range and its step, in bounds or not.
    pub(super) fn span(self, text: &str) -> Option<Span> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(step.parse().ok()?)),
            None => (text, None),
        };
        let (first, last) = range.split_once('-')?;
        let is_name = |word: &&str| word.parse::<u16>().is_err();
        Some(Span {
            first: self.value(first)?,
            last: self.value(last)?,
            step,
            names: [first, last].iter().filter(|word| is_name(word)).count(),
        })
    }
}
