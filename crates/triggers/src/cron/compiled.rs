//! A cron trigger, from its texts to its fires.

use super::clock::Clock;
use super::crontab;
use super::days::Days;
use super::field::{Field, Fields};
use super::grid::Grid;
use super::pattern::Pattern;
use super::search::{FIRST_SECOND, LAST_SECOND};
use super::sets::{Bits, MonthDays, all, values};
use super::years::Years;
use crate::bounds::Bounds;
use crate::dialect::Dialect;
use crate::dst::DstPolicy;
use crate::error::TriggerError;
use crate::time::UtcMicros;
use crate::zone::Zone;
use std::ops::Range;

/// A cron trigger, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    pub(super) grid: Grid,
    bounds: Bounds,
}

/// What a cron trigger has beside its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Whose wall clock is meant.
    pub zone: Zone,
    /// What happens at clock changes.
    pub dst: DstPolicy,
    /// No fire before it.
    pub start: Option<UtcMicros>,
    /// No fire after it.
    pub end: Option<UtcMicros>,
}

impl Setting {
    /// A zone with the default policy and no bounds.
    #[must_use]
    pub fn of(zone: Zone) -> Self {
        Self {
            zone,
            dst: DstPolicy::default(),
            start: None,
            end: None,
        }
    }
}

impl Cron {
    /// A trigger from the texts of its fields.
    ///
    /// A field that is not given is `*` if a less significant one is given; otherwise it is its least value, but
    /// week and day of the week always `*`. With no field given the trigger fires every second.
    ///
    /// # Errors
    /// A text is outside the grammar or the bounds of its field.
    pub fn from_fields(fields: &Fields<'_>, setting: Setting) -> Result<Self, TriggerError> {
        let last_given = fields.iter().rposition(Option::is_some).unwrap_or(fields.len());
        let text = |field: Field| match fields[field as usize] {
            Some(text) => text,
            None if (field as usize) < last_given => "*",
            None => match field {
                Field::Week | Field::DayOfWeek | Field::Year => "*",
                Field::Month | Field::Day => "1",
                Field::Hour | Field::Minute | Field::Second => "0",
            },
        };
        let small = |field: Field| small_set(field, text(field));
        let days = Days {
            years: Years::read(text(Field::Year))?,
            months: small(Field::Month)?,
            month_days: match text(Field::Day) {
                "*" => MonthDays::of(all(Field::Day)),
                text => MonthDays::read(text)?,
            },
            weeks: small(Field::Week)?,
            weekdays: small(Field::DayOfWeek)? as u8,
            either: false,
            every_day: false,
        };
        let hours = small(Field::Hour)?;
        let clock = Clock {
            hours,
            minutes: small(Field::Minute)?,
            seconds: small(Field::Second)?,
        };
        Ok(Self::new(
            Pattern {
                days: days.with_short_cut(),
                clock,
            },
            setting,
        ))
    }

    /// A trigger from a crontab line in one of the two dialects; nothing guesses between them.
    ///
    /// # Errors
    /// The text is outside the dialect.
    pub fn from_crontab(dialect: Dialect, text: &str, setting: Setting) -> Result<Self, TriggerError> {
        match dialect {
            Dialect::ApsCrontab => Self::from_fields(&crontab::aps_fields(text)?, setting)
                .map_err(|error| crontab::aps_error(text, error)),
            Dialect::Crontab => Ok(Self::new(crontab::pattern(text)?, setting)),
        }
    }

    fn new(pattern: Pattern, setting: Setting) -> Self {
        let Setting {
            zone,
            dst,
            start,
            end,
        } = setting;
        let every_hour = pattern.clock.every_hour();
        let grid = Grid {
            pattern,
            zone,
            once: dst == DstPolicy::Once,
            every_hour,
            first: start.map_or(FIRST_SECOND, UtcMicros::second_up),
            last: end.map_or(LAST_SECOND, UtcMicros::second_down),
        };
        Self {
            grid,
            bounds: Bounds {
                start,
                end,
                jitter: 0,
            },
        }
    }

    /// The same trigger, its fires to be delivered up to `jitter` microseconds late (none if negative).
    #[must_use]
    pub fn with_jitter(mut self, jitter: i64) -> Self {
        self.bounds.jitter = jitter.max(0);
        self
    }

    /// The first fire: at or after `now` without `previous`, otherwise after `previous`. Never before `start`,
    /// never after `end`.
    ///
    /// `now` is assumed not to lie before `previous`; then the fire is strictly after `previous`, however late it is
    /// asked for. If it does, the search starts at `now`, as APScheduler's does, and may return `previous` again.
    #[must_use]
    #[inline]
    pub fn next_fire(&self, previous: Option<UtcMicros>, now: UtcMicros) -> Option<UtcMicros> {
        let from = match previous {
            None => now,
            Some(previous) if now < previous => now,
            Some(previous) => previous.saturating_add(1),
        };
        self.at_or_after(from)
    }

    /// The first fire at or after an instant.
    #[inline]
    fn at_or_after(&self, from: UtcMicros) -> Option<UtcMicros> {
        let from = self.bounds.start.map_or(from, |start| start.max(from));
        let fire = UtcMicros::from_second(self.grid.next(from.second_up())?);
        self.bounds.end.is_none_or(|end| fire <= end).then_some(fire)
    }

    /// The last fire at or before an instant.
    #[must_use]
    pub fn last_fire(&self, at_or_before: UtcMicros) -> Option<UtcMicros> {
        let until = self.bounds.end.map_or(at_or_before, |end| end.min(at_or_before));
        let fire = UtcMicros::from_second(self.grid.previous(until.second_down())?);
        self.bounds
            .start
            .is_none_or(|start| start <= fire)
            .then_some(fire)
    }

    /// How many fires lie in a range.
    #[must_use]
    pub fn count(&self, range: Range<UtcMicros>) -> u64 {
        let from = self
            .bounds
            .start
            .map_or(range.start, |start| start.max(range.start));
        let until = self
            .bounds
            .end
            .map_or(range.end, |end| end.saturating_add(1).min(range.end));
        if from >= until {
            return 0;
        }
        self.grid.count(from.second_up(), until.second_up())
    }

    /// Whose wall clock is meant.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.grid.zone
    }

    /// What happens at clock changes.
    #[must_use]
    pub fn dst(&self) -> DstPolicy {
        if self.grid.once {
            DstPolicy::Once
        } else {
            DstPolicy::Literal
        }
    }

    /// No fire lies outside of these.
    pub(crate) fn bounds(&self) -> &Bounds {
        &self.bounds
    }
}

/// The values of a field below 64; the commonest texts without the grammar.
fn small_set(field: Field, text: &str) -> Result<Bits, TriggerError> {
    match text {
        "*" => Ok(all(field)),
        "0" if field.bounds().0 == 0 => Ok(1),
        text => values(field, text),
    }
}
