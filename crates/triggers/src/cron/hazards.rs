//! The hazards of a cron trigger: clock changes that meet its fires, and days that months lack.

use super::days::Days;
use super::field::Field;
use super::search::{FIRST_SECOND, LAST_SECOND};
use super::sets::all;
use super::shape::members;
use super::{Cron, Grid};
use crate::civil::month_length;
use crate::hazards::{GapEffect, Hazard, OverlapEffect};
use crate::stretches::Stretch;
use crate::time::{UtcMicros, WallMicros};
use std::ops::Range;

impl Cron {
    /// The clock changes in a range that meet the fires, in their order, then what the calendar holds.
    pub(crate) fn hazards(&self, range: &Range<UtcMicros>) -> Vec<Hazard> {
        let mut hazards = Vec::new();
        let from = self
            .bounds
            .start
            .map_or(range.start, |start| start.max(range.start));
        let until = self.bounds.end.map_or(range.end, |end| end.min(range.end));
        let until = until.second_up().min(LAST_SECOND);
        let mut stretch = self.grid.zone.stretch(from.second_up().max(FIRST_SECOND));
        while stretch.end < until {
            stretch = self.grid.zone.stretch(stretch.end);
            hazards.extend(self.grid.at_change(&stretch));
        }
        let months = months_without(&self.grid.pattern.days);
        if !months.is_empty() {
            hazards.push(Hazard::SomeMonthsOnly { months });
        }
        hazards
    }
}

impl Grid {
    /// What the clock change at the start of a stretch does to the fires, if it does anything.
    ///
    /// A trigger of every hour follows the clock: its rhythm in absolute time does not break.
    fn at_change(&self, stretch: &Stretch) -> Option<Hazard> {
        if self.every_hour {
            return None;
        }
        let at = UtcMicros::from_second(stretch.start);
        let (was, is) = (stretch.start + stretch.before, stretch.start + stretch.offset);
        let (low, high) = (was.min(is), was.max(is));
        let times = self.pattern.count(low, high);
        let first = self
            .pattern
            .next(low)
            .filter(|first| *first < high)
            .map(WallMicros::from_second)?;
        let wall = WallMicros::from_second(low)..WallMicros::from_second(high);
        Some(if was < is {
            let effect = match self.made_up(stretch) {
                _ if !self.once => GapEffect::Skipped,
                Some(made_up) => GapEffect::MadeUp(UtcMicros::from_second(made_up)),
                None => GapEffect::Covered,
            };
            Hazard::Gap {
                at,
                wall,
                first,
                times,
                effect,
            }
        } else {
            let effect = if self.once {
                OverlapEffect::FirstPassOnly
            } else {
                OverlapEffect::Twice
            };
            Hazard::Overlap {
                at,
                wall,
                first,
                times,
                effect,
            }
        })
    }
}

/// The months that a trigger names although they lack all of its days, in some years at least.
fn months_without(days: &Days) -> Vec<u8> {
    let set = &days.month_days;
    let early = all(Field::Day) >> 3;
    if days.either
        || set.numbers & early != 0
        || set.last_weekdays != 0
        || set.last_day
        || set.nth[..4] != [0; 4]
    {
        return Vec::new();
    }
    // A fifth weekday needs the month to begin right as well, so none has it every year.
    let lacks = |month: u32| set.numbers == 0 || month_length(2023, month) < set.numbers.trailing_zeros();
    members(days.months)
        .filter(|month| lacks(*month))
        .map(|month| month as u8)
        .collect()
}
