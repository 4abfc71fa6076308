//! The values of a field as sets of bits; the years, which are many, are in `years`.
//!
//! Built from items once, when a trigger is read; the search only asks.

use super::expression::{Item, Nth, items};
use super::field::Field;
use crate::error::TriggerError;

/// A set of numbers below 64.
pub(crate) type Bits = u64;

/// The bits `first..=last`.
pub(crate) const fn run(first: u32, last: u32) -> Bits {
    (u64::MAX >> (63 - last)) & (u64::MAX << first)
}

/// All values of a field but the year.
pub(crate) const fn all(field: Field) -> Bits {
    let (first, last) = field.bounds();
    run(first as u32, last as u32)
}

/// Adds `first`, `first + step`, … up to `last`.
pub(crate) fn add_steps(bits: &mut Bits, span: Span) {
    if span.step == 1 {
        *bits |= run(u32::from(span.first), u32::from(span.last));
        return;
    }
    for value in (span.first..=span.last).step_by(usize::from(span.step)) {
        *bits |= 1 << value;
    }
}

/// `first`, `first + step`, … up to `last`; never empty, the step at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: u16,
    pub(crate) last: u16,
    pub(crate) step: u16,
}

/// What an item spans in its field; nothing for those that only the field `day` has.
pub(crate) fn span(field: Field, item: Item) -> Option<Span> {
    let (least, greatest) = field.bounds();
    let (first, last, step) = match item {
        Item::All { step } => (least, greatest, step.unwrap_or(1)),
        Item::One(value) => (value, value, 1),
        Item::Range { first, last, step } => (first, last, step.unwrap_or(1)),
        Item::From { first, step } => (first, greatest, step),
        Item::Weekday { .. } | Item::LastDay => return None,
    };
    Some(Span { first, last, step })
}

/// The values of a field that has neither years nor positions.
pub(crate) fn values(field: Field, text: &str) -> Result<Bits, TriggerError> {
    let mut bits = 0;
    for item in items(field, text) {
        if let Some(span) = span(field, item?) {
            add_steps(&mut bits, span);
        }
    }
    Ok(bits)
}

/// Days of a month: by number, by weekday and its position, and the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MonthDays {
    /// Bit d is day d, from 1.
    pub(crate) numbers: Bits,
    /// Weekdays (bit 0 = Monday) that are meant at their first to fifth place of the month.
    pub(crate) nth: [u8; 5],
    /// Weekdays that are meant at their last place.
    pub(crate) last_weekdays: u8,
    /// The last day of the month.
    pub(crate) last_day: bool,
}

impl MonthDays {
    pub(crate) const fn of(numbers: Bits) -> Self {
        Self {
            numbers,
            nth: [0; 5],
            last_weekdays: 0,
            last_day: false,
        }
    }

    pub(crate) fn read(text: &str) -> Result<Self, TriggerError> {
        let mut days = Self::of(0);
        for item in items(Field::Day, text) {
            match item? {
                Item::LastDay => days.last_day = true,
                Item::Weekday {
                    nth: Nth::Last,
                    weekday,
                } => days.last_weekdays |= 1 << weekday,
                Item::Weekday {
                    nth: Nth::At(n),
                    weekday,
                } => days.nth[usize::from(n) - 1] |= 1 << weekday,
                item => {
                    if let Some(span) = span(Field::Day, item) {
                        add_steps(&mut days.numbers, span);
                    }
                }
            }
        }
        Ok(days)
    }

    /// Whether every day of every month is meant by its number.
    pub(crate) fn is_every(&self) -> bool {
        self.numbers == all(Field::Day)
    }

    /// Whether days are meant by anything but their number.
    pub(crate) fn has_positions(&self) -> bool {
        self.nth != [0; 5] || self.last_weekdays != 0 || self.last_day
    }
}
