//! The next and the last fire: a pattern laid over the stretches of a zone, under one of the two policies.
//!
//! Within a stretch of constant offset wall time and instants run side by side, so the plain calendar can be
//! asked. A wall time in a gap lies in no stretch, one in an overlap in two: that is the policy `literal`. The
//! policy `once` adds at most one instant per gap and takes away the second passes:
//!
//! ```text
//!            gap of length g at T                     overlap of length g at T
//!   before ──────────┐                        before ──────────┐
//!                    T ── window ── T+g ──▶                     T ── second pass ── T+g ──▶
//!   nothing fires in the window, but a skipped        nothing fires in the second pass
//!   time matched: fire once, that time moved by g
//! ```
//!
//! All times are seconds. Bounds (`start`, `end`) are laid over the result by the callers in `cron`; here they only
//! bear on whether something fires in the window behind a gap.

use super::grid::Grid;
use crate::civil::{DAY, LAST_DAY};
use crate::stretches::Stretch;

/// No fire lies later: 9999-12-31T23:59:59Z.
pub(super) const LAST_SECOND: i64 = LAST_DAY * DAY + DAY - 1;
/// No fire lies earlier: a wall at the largest offset shows 1970 at this instant.
pub(super) const FIRST_SECOND: i64 = -2 * DAY;
/// Ample: two offsets differ by 26 hours at most, and so long a second pass may be skipped besides.
const REACH: i64 = 4 * DAY;

impl Grid {
    /// Whether clock changes are made up for: with every hour the trigger just follows the clock.
    #[inline]
    pub(super) fn makes_up(&self) -> bool {
        self.once && !self.every_hour
    }

    /// The first fire at or after `from`.
    #[inline]
    pub(super) fn next(&self, from: i64) -> Option<i64> {
        let mut from = from.max(FIRST_SECOND);
        while from <= LAST_SECOND {
            let stretch = self.zone.stretch(from);
            let found = self.next_in(&stretch, from);
            let wall = match found {
                Found::Fire(instant) => return Some(instant).filter(|instant| *instant <= LAST_SECOND),
                Found::Later(wall) => wall,
            };
            if stretch.end == i64::MAX {
                return None;
            }
            // What matches later shows a wall time from `wall` on, except close behind `from`, where the clock
            // may be set back. So the stretches between need not be looked at.
            let near = stretch.end < from + REACH;
            from = match wall {
                _ if near => stretch.end,
                Some(wall) => stretch.end.max(wall - REACH),
                None => return None,
            };
        }
        None
    }

    /// Searches one stretch from an instant in it.
    #[inline]
    fn next_in(&self, stretch: &Stretch, from: i64) -> Found {
        let mut from = from;
        if self.makes_up() && from < stretch.settled_from() {
            if let Some(made_up) = self.made_up(stretch).filter(|made_up| *made_up >= from) {
                return Found::Fire(made_up);
            }
            from = from.max(stretch.fresh_from());
        }
        let wall = self.pattern.next(from + stretch.offset);
        match wall {
            Some(wall) if wall - stretch.offset < stretch.end => Found::Fire(wall - stretch.offset),
            wall => Found::Later(wall),
        }
    }

    /// The fire that makes up for the times skipped at the start of a stretch, if there is one.
    ///
    /// It does not depend on where a search starts, so that all searches agree. What lies outside the bounds of the
    /// trigger does not fire and so covers nothing; whether this fire lies within them is the callers' question.
    pub(super) fn made_up(&self, stretch: &Stretch) -> Option<i64> {
        if !self.makes_up() || stretch.gap() == 0 {
            return None;
        }
        let gap_end = stretch.start + stretch.offset;
        let skipped = self.pattern.first_in(stretch.start + stretch.before..gap_end)?;
        // Moved forward by the gap: what the wall would have shown without the change.
        let made_up = skipped - stretch.before;
        let from = gap_end.max(self.first + stretch.offset);
        let until = (gap_end + stretch.gap()).min(self.last + 1 + stretch.offset);
        let covered = self.pattern.first_in(from..until).is_some();
        (!covered && made_up < stretch.end).then_some(made_up)
    }

    /// The last fire at or before `until`.
    pub(super) fn previous(&self, until: i64) -> Option<i64> {
        let mut until = until.min(LAST_SECOND);
        while until >= FIRST_SECOND {
            let stretch = self.zone.stretch(until);
            let wall = self.pattern.previous(until + stretch.offset);
            let first = if self.makes_up() {
                stretch.fresh_from()
            } else {
                stretch.start
            };
            let regular = wall
                .map(|wall| wall - stretch.offset)
                .filter(|instant| *instant >= first);
            if regular.is_some_and(|regular| regular >= stretch.settled_from()) {
                return regular;
            }
            let made_up = self.made_up(&stretch).filter(|made_up| *made_up <= until);
            if let Some(found) = regular.max(made_up) {
                return Some(found);
            }
            if stretch.start == i64::MIN {
                return None;
            }
            let near = stretch.start > until - REACH;
            until = match wall {
                _ if near => stretch.start - 1,
                Some(wall) => (stretch.start - 1).min(wall + REACH),
                None => return None,
            };
        }
        None
    }
}

/// What the search of one stretch came to.
enum Found {
    /// The fire.
    Fire(i64),
    /// No fire in the rest of the stretch; the first wall second that matches after it, if any does.
    Later(Option<i64>),
}
