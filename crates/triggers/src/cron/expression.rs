//! The grammar of one field: a text becomes items, one after the other, without a buffer.
//!
//! What the items add up to is collected in `sets`. The crontab dialect as people write it has its own, smaller
//! grammar in `crontab`.

use super::field::{Field, WEEKDAYS};
use crate::error::{TextAt, TriggerError};
use std::fmt;

/// Which of the weekdays of a month is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nth {
    /// The first to the fifth, counted from 1.
    At(u8),
    /// The last one.
    Last,
}

/// One item of an expression; a field is the union of its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// `*` and `*/step`: every value, or every step-th from the least one on.
    All {
        /// Distance of the values.
        step: Option<u16>,
    },
    /// `a`.
    One(u16),
    /// `a-b` and `a-b/step`.
    Range {
        /// First value.
        first: u16,
        /// Last value, inclusive.
        last: u16,
        /// Distance of the values.
        step: Option<u16>,
    },
    /// `a/step`: from `a` to the greatest value.
    From {
        /// First value.
        first: u16,
        /// Distance of the values.
        step: u16,
    },
    /// `3rd fri`: in the field `day` only.
    Weekday {
        /// Which of them.
        nth: Nth,
        /// The weekday, 0 = Monday.
        weekday: u8,
    },
    /// `last`: the last day of the month.
    LastDay,
}

/// An expression of one field, as written: its items in their order.
///
/// ```
/// use triggers::cron::{Expression, Field};
///
/// let days = Expression::parse(Field::Day, " 1-7/2 , LAST  fri")?;
/// assert_eq!(days.to_string(), "1-7/2,last fri");
/// # Ok::<(), triggers::TriggerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression(Vec<Item>);

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// The text is outside the grammar or the bounds of the field.
    pub fn parse(field: Field, text: &str) -> Result<Self, TriggerError> {
        items(field, text).collect::<Result<_, _>>().map(Self)
    }

    /// The items in their order, at least one.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.0
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, item) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            item.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::All { step: None } => f.write_str("*"),
            Self::All { step: Some(step) } => write!(f, "*/{step}"),
            Self::One(value) => write!(f, "{value}"),
            Self::Range {
                first,
                last,
                step: None,
            } => write!(f, "{first}-{last}"),
            Self::Range {
                first,
                last,
                step: Some(step),
            } => write!(f, "{first}-{last}/{step}"),
            Self::From { first, step } => write!(f, "{first}/{step}"),
            Self::Weekday { nth, weekday } => write!(f, "{nth} {}", WEEKDAYS[usize::from(weekday % 7)]),
            Self::LastDay => f.write_str("last"),
        }
    }
}

impl fmt::Display for Nth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(1) => f.write_str("1st"),
            Self::At(2) => f.write_str("2nd"),
            Self::At(3) => f.write_str("3rd"),
            Self::At(n) => write!(f, "{n}th"),
            Self::Last => f.write_str("last"),
        }
    }
}

/// The items of a text, read one by one.
pub(crate) fn items(field: Field, text: &str) -> impl Iterator<Item = Result<Item, TriggerError>> {
    // White space of any kind is trimmed outside, but only blanks may stand round a comma.
    let from = text.len() - text.trim_start().len();
    let end = text.trim_end().len().max(from);
    let (least, greatest) = field.bounds();
    let mut next = Some(from);
    std::iter::from_fn(move || {
        let start = next?;
        if let Some((value, length)) = lone_number(&text.as_bytes()[start..end])
            && (least..=greatest).contains(&value)
        {
            next = (start + length < end).then_some(start + length + 1);
            return Some(Ok(Item::One(value)));
        }
        let length = text.as_bytes()[start..end].iter().position(|byte| *byte == b',');
        let stop = length.map_or(end, |length| start + length);
        next = length.map(|_| stop + 1);
        let part = &text[start..stop];
        let inner = part.trim_start_matches(' ');
        let at = start + part.len() - inner.len();
        let reader = Reader {
            field,
            text,
            at,
            item: inner.trim_end_matches(' '),
            pos: 0,
        };
        Some(reader.item())
    })
}

/// The number that a text begins with and its length, if that is an item of its own. It is the commonest item, so lists
/// are read mostly by this; whatever it does not know is for the grammar.
#[inline]
pub(super) fn lone_number(text: &[u8]) -> Option<(u16, usize)> {
    let (mut value, mut length) = (0, 0);
    loop {
        match text.get(length) {
            None | Some(b',') if length > 0 => return Some((value, length)),
            Some(digit) if digit.is_ascii_digit() && length < 4 => {
                value = value * 10 + u16::from(digit - b'0');
                length += 1;
            }
            _ => return None,
        }
    }
}

/// Reads one item.
struct Reader<'a> {
    field: Field,
    text: &'a str,
    /// Where the item begins in the text, in bytes.
    at: usize,
    item: &'a str,
    /// How far the item is read.
    pos: usize,
}

impl<'a> Reader<'a> {
    fn item(mut self) -> Result<Item, TriggerError> {
        match self.peek() {
            None => Err(self.error(0, "an item is missing")),
            Some(b'*') => {
                self.pos = 1;
                let (first, last) = self.field.bounds();
                let step = self.step(first, last)?;
                self.end(Item::All { step })
            }
            Some(byte) if byte.is_ascii_digit() => self.numbers(),
            Some(_) => self.words(),
        }
    }

    /// `n`, `n-n`, `n/n`, `n-n/n`, and the position of a weekday, which starts with a digit too.
    fn numbers(&mut self) -> Result<Item, TriggerError> {
        let (first, first_text) = self.number();
        if self.field == Field::Day && self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            self.pos = 0;
            return self.position();
        }
        let last = if self.take(b'-') {
            Some(self.number_after("-")?)
        } else {
            None
        };
        let (least, greatest) = self.field.bounds();
        if first < u32::from(least) {
            let problem = format!("the first value ({first_text}) is lower than the minimum value ({least})");
            return Err(self.error(0, problem));
        }
        let (checked, text) = last.unwrap_or((first, first_text));
        if checked > u32::from(greatest) {
            let problem = format!("the last value ({text}) is higher than the maximum value ({greatest})");
            return Err(self.error(0, problem));
        }
        if first > checked {
            let problem = format!("the range goes backwards, from {first_text} to {text}");
            return Err(self.error(0, problem));
        }
        let (first, last) = (first as u16, last.map(|(last, _)| last as u16));
        let step = self.step(first, last.unwrap_or(greatest))?;
        self.end(match (last, step) {
            (Some(last), step) => Item::Range { first, last, step },
            (None, Some(step)) => Item::From { first, step },
            (None, None) => Item::One(first),
        })
    }

    /// Names of months or weekdays, or what the field `day` has.
    fn words(&mut self) -> Result<Item, TriggerError> {
        if self.field == Field::Day {
            return self.position();
        }
        if !matches!(self.field, Field::Month | Field::DayOfWeek) {
            return Err(self.error(0, "not an expression of this field"));
        }
        let first = self.name()?;
        if !self.take(b'-') {
            return self.end(Item::One(first));
        }
        match self.peek() {
            None => {
                let problem = format!("a {} is missing after \"-\"", self.named());
                return Err(self.error(self.pos, problem));
            }
            Some(byte) if byte.is_ascii_digit() => {
                let problem = format!(
                    "a range from the name of a {0} ends in the name of a {0}",
                    self.named()
                );
                return Err(self.error(self.pos, problem));
            }
            Some(_) => {}
        }
        let last = self.name()?;
        if first > last {
            return Err(self.error(0, "the range goes backwards"));
        }
        self.end(Item::Range {
            first,
            last,
            step: None,
        })
    }

    /// `last`, `last fri`, `3rd fri`.
    fn position(&mut self) -> Result<Item, TriggerError> {
        let (word, rest) = match self.item.split_once(' ') {
            Some((word, rest)) => (word, Some(rest)),
            None => (self.item, None),
        };
        const POSITIONS: [&str; 5] = ["1st", "2nd", "3rd", "4th", "5th"];
        let is_last = word.eq_ignore_ascii_case("last");
        let nth = match POSITIONS
            .iter()
            .position(|known| known.eq_ignore_ascii_case(word))
        {
            Some(found) => Nth::At(found as u8 + 1),
            None if is_last => Nth::Last,
            None => return Err(self.error(0, "not an expression of this field")),
        };
        let Some(rest) = rest else {
            if is_last {
                return Ok(Item::LastDay);
            }
            return Err(self.error(word.len(), "a weekday is missing"));
        };
        let name = rest.trim_start_matches(' ');
        match Field::DayOfWeek.value_of(name) {
            Some(weekday) => Ok(Item::Weekday {
                nth,
                weekday: weekday as u8,
            }),
            None => Err(self.error(
                self.item.len() - name.len(),
                format!("there is no weekday \"{name}\""),
            )),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.item.as_bytes().get(self.pos).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.pos += usize::from(found);
        found
    }

    /// A run of digits, as a number and as written; one too large for any field stays too large.
    fn number(&mut self) -> (u32, &'a str) {
        let from = self.pos;
        let mut value: u32 = 0;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            value = value.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
            self.pos += 1;
        }
        (value, &self.item[from..self.pos])
    }

    fn number_after(&mut self, what: &str) -> Result<(u32, &'a str), TriggerError> {
        if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Ok(self.number());
        }
        Err(self.error(self.pos, format!("a number is missing after \"{what}\"")))
    }

    /// What the names of the field stand for.
    fn named(&self) -> &'static str {
        if self.field == Field::Month {
            "month"
        } else {
            "weekday"
        }
    }

    /// A run of letters as the value it names.
    fn name(&mut self) -> Result<u16, TriggerError> {
        let rest = &self.item[self.pos..];
        let length = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let (at, name) = (self.pos, &rest[..length]);
        self.pos += length;
        match self.field.value_of(name) {
            Some(value) => Ok(value),
            None if name.is_empty() => Err(self.error(at, "not an expression of this field")),
            None => Err(self.error(at, format!("there is no {} \"{name}\"", self.named()))),
        }
    }

    /// The step, if there is one. It must reach a second value.
    fn step(&mut self, first: u16, last: u16) -> Result<Option<u16>, TriggerError> {
        let at = self.pos;
        if !self.take(b'/') {
            return Ok(None);
        }
        let (step, text) = self.number_after("/")?;
        if step == 0 {
            return Err(self.error(at, "the step must be higher than 0"));
        }
        let range = last - first;
        if step > u32::from(range) {
            let problem = format!("the step ({text}) is higher than the range it divides ({range})");
            return Err(self.error(at, problem));
        }
        Ok(Some(step as u16))
    }

    fn end(&self, item: Item) -> Result<Item, TriggerError> {
        if self.pos == self.item.len() {
            return Ok(item);
        }
        Err(self.error(self.pos, "something follows the end of the item"))
    }

    fn error(&self, byte: usize, problem: impl Into<String>) -> TriggerError {
        let at = TextAt {
            field: self.field.name(),
            text: self.text,
            byte: self.at + byte,
            allowed: self.field.allowed(),
        };
        TriggerError::text(at, problem)
    }
}
