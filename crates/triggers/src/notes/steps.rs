//! What steps in a field come to.

use super::note::{Note, Surprise};
use crate::cron::Field;
use crate::english::{MONTH_NAMES, WEEKDAY_NAMES};

/// The notes on the items of a field that step through its values. In a crontab a step may be longer than what it divides.
pub(super) fn notes(field: Field, text: &str, crontab: bool, notes: &mut Vec<Note>) {
    for item in text.split(',').map(str::trim) {
        let surprise = Steps::read(field, item, crontab).and_then(|steps| steps.surprise(field, crontab));
        notes.extend(surprise.map(|surprise| Note {
            field: field.name(),
            text: item.to_owned(),
            surprise,
        }));
    }
}

/// `first`, `first + step`, … up to `last`.
struct Steps {
    first: u16,
    last: u16,
    step: u16,
    /// They go through the whole field, from a value before the first step on.
    whole: bool,
}

impl Steps {
    /// The steps of an item that is read; nothing for others.
    fn read(field: Field, item: &str, crontab: bool) -> Option<Self> {
        let (range, step) = item.split_once('/')?;
        let step = step.parse().ok().filter(|step| *step > 0)?;
        let (least, greatest) = field.bounds();
        let number = |text: &str| text.parse::<u16>().ok();
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None if range == "*" => (least, greatest),
            // To the end of the field, as the field's own grammar has it.
            None => (number(range).filter(|_| !crontab)?, greatest),
        };
        // A year of 52 weeks is whole, too.
        let ends = last == greatest || field == Field::Week && last + 1 == greatest;
        let whole = ends && first - least.min(first) < step;
        Some(Self {
            first,
            last,
            step,
            whole,
        })
    }

    /// The last value that is reached, if none is above the top.
    fn reached(&self, top: u16) -> u16 {
        self.first + (self.last.min(top) - self.first) / self.step * self.step
    }

    fn surprise(&self, field: Field, crontab: bool) -> Option<Surprise> {
        let Self {
            first,
            last,
            step,
            whole,
        } = *self;
        let (least, greatest) = field.bounds();
        let size = greatest - least + 1;
        if step > last - first {
            let beyond = whole && step > size;
            let value = first;
            return Some(Surprise::OneValue { value, step, beyond });
        }
        if !whole || step == 1 {
            return None;
        }
        let reached = self.reached(greatest);
        let distance = first + size - reached;
        match field {
            Field::Year => (first == least).then_some(Surprise::YearsFrom1970 { step }),
            Field::Week => Some(Surprise::WeeksOfYear {
                step,
                first,
                last_of_52: self.reached(52),
                last_of_53: self.reached(53),
            }),
            _ => (distance != step).then(|| Surprise::Uneven {
                step,
                last: called(field, reached, crontab),
                first: called(field, first, crontab),
                distance,
            }),
        }
    }
}

/// A value by its name, if it has one.
fn called(field: Field, value: u16, crontab: bool) -> String {
    let place = usize::from(value);
    let name = match field {
        Field::Month => MONTH_NAMES.get(place.wrapping_sub(1)),
        // A crontab counts from Sunday.
        Field::DayOfWeek => WEEKDAY_NAMES.get((place + if crontab { 6 } else { 0 }) % 7),
        _ => None,
    };
    name.map_or_else(|| value.to_string(), |name| (*name).to_owned())
}
