//! What the readers take: a hint proposes nothing else.

use crate::cron::{Cron, Dialect, Setting};
use crate::zone::Zone;

/// Whether this is a line of the dialect.
pub(super) fn reads(dialect: Dialect, line: &str) -> bool {
    Cron::from_crontab(dialect, line, Setting::of(Zone::utc())).is_ok()
}

/// Whether a word in a line is a zone: a place with its region, or UTC.
pub(super) fn is_zone(word: &str) -> bool {
    (word.contains('/') || word == "UTC") && Zone::named(word).is_ok()
}

/// What is told where a line has a zone in it.
pub(super) const BESIDE: &str = "the zone stands beside the line, as tz, not in it";
