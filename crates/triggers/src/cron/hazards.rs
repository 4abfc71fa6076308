//! The hazards of a cron trigger: clock changes that meet its fires, and days that months lack.

use super::compiled::Cron;
use super::field::Field;
use super::grid::Grid;
use super::search::{FIRST_SECOND, LAST_SECOND};
use super::sets::all;
use super::shape::members;
use crate::civil::{DAY, LAST_DAY};
use crate::hazards::{GapEffect, Hazard, OverlapEffect};
use crate::stretches::Stretch;
use crate::time::{UtcMicros, WallMicros};
use std::ops::Range;

const HOUR: i64 = 3600;

impl Cron {
    /// The clock changes that meet the fires and whose effect reaches into a range, in their order, then what the
    /// calendar holds.
    pub(crate) fn hazards(&self, range: &Range<UtcMicros>) -> Vec<Hazard> {
        let mut hazards = Vec::new();
        let from = range.start.second_up().max(self.grid.first).max(FIRST_SECOND);
        let until = range.end.second_up().min(self.grid.last + 1).min(LAST_SECOND + 1);
        if from < until {
            let mut stretch = self.grid.zone.stretch(from);
            // A change just before the range, or at its very beginning, may not be over yet.
            if from < stretch.settled_from() {
                self.grid.at_change(&stretch, from, &mut hazards);
            }
            while stretch.end < until {
                stretch = self.grid.zone.stretch(stretch.end);
                self.grid.at_change(&stretch, from, &mut hazards);
            }
        }
        let months = self.grid.months_without();
        if !months.is_empty() {
            hazards.push(Hazard::SomeMonthsOnly { months });
        }
        hazards
    }
}

impl Grid {
    /// What the clock change at the start of a stretch does to the fires within the bounds, from an instant on, if it does
    /// anything.
    fn at_change(&self, stretch: &Stretch, from: i64, hazards: &mut Vec<Hazard>) {
        if stretch.gap() > 0 {
            hazards.extend(self.at_gap(stretch, from));
        } else {
            self.at_overlap(stretch, from, hazards);
        }
    }

    /// A skipped time is where the wall would have shown it without the change.
    fn at_gap(&self, stretch: &Stretch, from: i64) -> Option<Hazard> {
        let (low, high) = (stretch.start + stretch.before, stretch.start + stretch.offset);
        let from = from.max(self.first);
        let inside = low.max(from + stretch.before)..high.min(self.last + 1 + stretch.before);
        let (first, times) = self.times(&inside, stretch.gap())?;
        let effect = match self.made_up(stretch) {
            Some(made_up) if (self.first..=self.last).contains(&made_up) => {
                // It makes up for all of them, so with it all is over.
                if made_up < from {
                    return None;
                }
                GapEffect::MadeUp(UtcMicros::from_second(made_up))
            }
            None if self.makes_up() => GapEffect::Covered,
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
    fn at_overlap(&self, stretch: &Stretch, from: i64, hazards: &mut Vec<Hazard>) {
        let (low, high) = (stretch.start + stretch.offset, stretch.start + stretch.before);
        // The wall times whose first pass, and whose second, lies within the bounds.
        let first_pass = self.first + stretch.before..self.last + 1 + stretch.before;
        let second_pass = self.first + stretch.offset..self.last + 1 + stretch.offset;
        let (alone, both) = if self.makes_up() {
            (OverlapEffect::Neither, OverlapEffect::FirstPassOnly)
        } else {
            (OverlapEffect::SecondPassOnly, OverlapEffect::Twice)
        };
        // The second pass is still to come where there is one, otherwise the first.
        let (second_from, first_from) = (from + stretch.offset, from + stretch.before);
        let parts = [
            (second_pass.start..first_pass.start.min(second_pass.end), alone),
            (first_pass.start..second_pass.end, both),
            (
                first_pass.start.max(second_pass.end).max(first_from)..first_pass.end,
                OverlapEffect::FirstPassOnly,
            ),
        ];
        for (part, effect) in parts {
            // A trigger of every hour that fires in one of the passes has lost and doubled nothing.
            if self.every_hour && effect != OverlapEffect::Twice {
                continue;
            }
            let inside = part.start.max(low).max(second_from)..part.end.min(high);
            hazards.extend(
                self.times(&inside, stretch.overlap())
                    .map(|(first, times)| Hazard::Overlap {
                        at: UtcMicros::from_second(stretch.start),
                        wall: WallMicros::from_second(low)..WallMicros::from_second(high),
                        first,
                        times,
                        effect,
                    }),
            );
        }
    }

    /// The first of the trigger's times among some wall seconds that a change of that length moves, and how many there
    /// are.
    ///
    /// A trigger of every hour follows the clock, which is what its author asked for (docs/semantics.md T2). Of its times
    /// only those count where the change breaks the rhythm: without it the wall would have shown another time of the
    /// trigger at the same instant, if it goes on as before.
    fn times(&self, wall: &Range<i64>, length: i64) -> Option<(WallMicros, u64)> {
        let pattern = &self.pattern;
        if !self.every_hour {
            let first = pattern.first_in(wall.clone())?;
            return Some((
                WallMicros::from_second(first),
                pattern.count(wall.start, wall.end),
            ));
        }
        if pattern.days.every_day && length % HOUR == 0 {
            return None;
        }
        let (mut found, mut from) = (None, wall.start);
        while let Some(time) = pattern.first_in(from..wall.end) {
            if pattern.first_in(time + length..time + length + 1).is_none() {
                let (_, times) = found.get_or_insert((WallMicros::from_second(time), 0));
                *times += 1;
            }
            from = time + 1;
        }
        found
    }

    /// The months that the trigger names although they lack all of its days, in some of its years at least.
    fn months_without(&self) -> Vec<u8> {
        let days = &self.pattern.days;
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
        let wall_day = |second: i64| (second + self.zone.stretch(second).offset).div_euclid(DAY);
        let (first, last) = (wall_day(self.first).max(0), wall_day(self.last).min(LAST_DAY));
        members(days.months)
            .filter(|month| days.lacks_in_some_year(*month, first..=last))
            .map(|month| month as u8)
            .collect()
    }
}
