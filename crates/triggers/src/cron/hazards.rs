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
    /// The clock changes that meet the fires and whose effect reaches into a range, in their order, then what the
    /// calendar holds.
    pub(crate) fn hazards(&self, range: &Range<UtcMicros>) -> Vec<Hazard> {
        let mut hazards = Vec::new();
        let from = range.start.second_up().max(self.grid.first).max(FIRST_SECOND);
        let until = range.end.second_up().min(self.grid.last + 1).min(LAST_SECOND + 1);
        if from < until {
            let mut stretch = self.grid.zone.stretch(from);
            // A change just before the range, or at its very beginning, is not over yet.
            if from < stretch.settled_from() {
                self.grid.at_change(&stretch, &mut hazards);
            }
            while stretch.end < until {
                stretch = self.grid.zone.stretch(stretch.end);
                self.grid.at_change(&stretch, &mut hazards);
            }
        }
        let months = months_without(&self.grid.pattern.days);
        if !months.is_empty() {
            hazards.push(Hazard::SomeMonthsOnly { months });
        }
        hazards
    }
}

impl Grid {
    /// What the clock change at the start of a stretch does to the fires within the bounds, if it does anything.
    ///
    /// A trigger of every hour follows the clock, which is what its author asked for (docs/semantics.md T2).
    fn at_change(&self, stretch: &Stretch, hazards: &mut Vec<Hazard>) {
        if self.every_hour {
            return;
        }
        if stretch.gap() > 0 {
            hazards.extend(self.at_gap(stretch));
        } else {
            self.at_overlap(stretch, hazards);
        }
    }

    /// A skipped time is within the bounds if the wall would have shown it there without the change.
    fn at_gap(&self, stretch: &Stretch) -> Option<Hazard> {
        let (low, high) = (stretch.start + stretch.before, stretch.start + stretch.offset);
        let inside = low.max(self.first + stretch.before)..high.min(self.last + 1 + stretch.before);
        let (first, times) = self.times(&inside)?;
        let effect = match self.made_up(stretch) {
            Some(made_up) if (self.first..=self.last).contains(&made_up) => {
                GapEffect::MadeUp(UtcMicros::from_second(made_up))
            }
            None if self.once => GapEffect::Covered,
            _ => GapEffect::Skipped,
        };
        Some(Hazard::Gap {
            at: UtcMicros::from_second(stretch.start),
            wall: WallMicros::from_second(low)..WallMicros::from_second(high),
            first,
            times,
            effect,
        })
    }

    /// Where a bound lies between the passes, the times on its two sides fare differently.
    fn at_overlap(&self, stretch: &Stretch, hazards: &mut Vec<Hazard>) {
        let (low, high) = (stretch.start + stretch.offset, stretch.start + stretch.before);
        // The wall times whose first pass, and whose second, lies within the bounds.
        let first_pass = self.first + stretch.before..self.last + 1 + stretch.before;
        let second_pass = self.first + stretch.offset..self.last + 1 + stretch.offset;
        let alone = if self.once {
            OverlapEffect::Neither
        } else {
            OverlapEffect::SecondPassOnly
        };
        let both = if self.once {
            OverlapEffect::FirstPassOnly
        } else {
            OverlapEffect::Twice
        };
        let parts = [
            (second_pass.start..first_pass.start.min(second_pass.end), alone),
            (first_pass.start..second_pass.end, both),
            (
                first_pass.start.max(second_pass.end)..first_pass.end,
                OverlapEffect::FirstPassOnly,
            ),
        ];
        for (part, effect) in parts {
            let inside = part.start.max(low)..part.end.min(high);
            hazards.extend(self.times(&inside).map(|(first, times)| Hazard::Overlap {
                at: UtcMicros::from_second(stretch.start),
                wall: WallMicros::from_second(low)..WallMicros::from_second(high),
                first,
                times,
                effect,
            }));
        }
    }

    /// The first of the trigger's times among some wall seconds, and how many there are.
    fn times(&self, wall: &Range<i64>) -> Option<(WallMicros, u64)> {
        let first = self.pattern.first_in(wall.clone())?;
        Some((
            WallMicros::from_second(first),
            self.pattern.count(wall.start, wall.end),
        ))
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
