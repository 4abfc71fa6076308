//! Counting fires without walking them: stretch by stretch, each by the pattern's arithmetic.

use super::grid::Grid;
use super::search::{FIRST_SECOND, LAST_SECOND};

impl Grid {
    /// How many fires lie in `from..until` (seconds).
    pub(super) fn count(&self, from: i64, until: i64) -> u64 {
        let until = until.min(LAST_SECOND + 1);
        let mut from = from.max(FIRST_SECOND);
        let makes_up = self.makes_up();
        let mut count = 0;
        while from < until {
            let stretch = self.zone.stretch(from);
            let end = stretch.end.min(until);
            let mut first = from;
            if makes_up && from < stretch.settled_from() {
                first = first.max(stretch.fresh_from());
                let made_up = self.made_up(&stretch);
                count += u64::from(made_up.is_some_and(|made_up| (from..end).contains(&made_up)));
            }
            count += self.pattern.count(first + stretch.offset, end + stretch.offset);
            from = end;
        }
        count
    }
}
