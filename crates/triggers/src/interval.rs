//! Interval triggers: a fixed duration in absolute time, in integer microseconds.
//!
//! No zone is in here: a day is 24 hours, so the wall time of the fires moves when the clocks change.

use crate::bounds::Bounds;
use crate::civil::{DAY, MICROS};
use crate::error::TriggerError;
use crate::time::UtcMicros;
use serde_json::Value;
use std::ops::Range;

/// An interval trigger, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Microseconds, at least 1.
    period: i64,
    start: UtcMicros,
    bounds: Bounds,
}

const ALLOWED_FIELDS: &str = "weeks, days, hours, minutes, seconds";
const ALLOWED_VALUE: &str = "a number, not negative; all together at most 999999999 days";
/// Longer periods are taken for mistakes. In microseconds.
const LONGEST: i128 = 999_999_999 * 86_400_000_000;

impl Interval {
    /// A trigger that fires at `start` and then every `period` microseconds, never after `end`.
    ///
    /// A period that is not positive means one second.
    #[must_use]
    pub fn new(period: i64, start: UtcMicros, end: Option<UtcMicros>) -> Self {
        let bounds = Bounds {
            start: Some(start),
            end,
            jitter: 0,
        };
        Self {
            period: if period > 0 { period } else { 1_000_000 },
            start,
            bounds,
        }
    }

    /// The same trigger, its fires to be delivered up to `jitter` microseconds late (none if negative).
    #[must_use]
    pub fn with_jitter(mut self, jitter: i64) -> Self {
        self.bounds.jitter = jitter.max(0);
        self
    }

    /// The period in microseconds.
    #[must_use]
    pub fn period(&self) -> i64 {
        self.period
    }

    /// Whether its fires would have the same time of day, if no clock changed.
    pub(crate) fn is_of_days(&self) -> bool {
        self.period % (DAY * MICROS) == 0
    }

    /// Without `previous` the first time of the grid at or after `now`, otherwise `previous` and one period, whatever
    /// `now` and the start are: a run time that was set by hand moves the grid.
    #[must_use]
    pub fn next_fire(&self, previous: Option<UtcMicros>, now: UtcMicros) -> Option<UtcMicros> {
        let next = match previous {
            Some(previous) => previous.checked_add(self.period)?,
            None if self.start >= now => self.start,
            None => {
                let periods =
                    (i128::from(now.get()) - i128::from(self.start.get()) - 1) / i128::from(self.period) + 1;
                self.nth(self.start, periods)?
            }
        };
        (next <= self.bounds.last()).then_some(next)
    }

    /// The last time of the grid at or before an instant.
    #[must_use]
    pub fn last_fire(&self, at_or_before: UtcMicros) -> Option<UtcMicros> {
        let until = at_or_before.min(self.bounds.last());
        let past = i128::from(until.get()) - i128::from(self.start.get());
        if past < 0 {
            return None;
        }
        self.nth(self.start, past / i128::from(self.period))
    }

    /// How many of `first` + period, `first` + 2 periods, … lie in `from..until`, none after the end.
    #[must_use]
    pub fn count_after(&self, first: UtcMicros, range: Range<UtcMicros>) -> u64 {
        let until = range.end.min(self.bounds.last().saturating_add(1));
        let below = |bound: UtcMicros| {
            let past = i128::from(bound.get()) - i128::from(first.get());
            if past <= 0 {
                0
            } else {
                (past - 1) / i128::from(self.period) + 1
            }
        };
        (below(until) - below(range.start.max(first.saturating_add(1)))).max(0) as u64
    }

    /// `first` and a number of periods.
    pub(crate) fn nth(&self, first: UtcMicros, periods: i128) -> Option<UtcMicros> {
        let micros = i128::from(first.get()) + periods * i128::from(self.period);
        i64::try_from(micros).ok().map(UtcMicros::new)
    }

    /// How many whole periods lie between a fire and an instant, as far as the bounds allow; not negative.
    pub(crate) fn periods_until(&self, first: UtcMicros, until: UtcMicros) -> i128 {
        let until = until.min(self.bounds.last());
        let past = i128::from(until.get()) - i128::from(first.get());
        past.max(0) / i128::from(self.period)
    }

    pub(crate) fn bounds(&self) -> &Bounds {
        &self.bounds
    }
}

/// Reads the duration of an interval from its fields, in microseconds.
pub(crate) fn period<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>) -> Result<i64, TriggerError> {
    let mut period: i128 = 0;
    let (mut nulls, mut numbers) = (None, 0_usize);
    for (name, value) in fields {
        let (field, unit): (&'static str, i64) = match name.as_str() {
            "weeks" => ("weeks", 604_800),
            "days" => ("days", 86_400),
            "hours" => ("hours", 3_600),
            "minutes" => ("minutes", 60),
            "seconds" => ("seconds", 1),
            other => {
                let (kind, field) = ("interval", other.to_owned());
                return Err(TriggerError::UnknownField {
                    kind,
                    field,
                    allowed: ALLOWED_FIELDS,
                });
            }
        };
        let wrong = |problem| TriggerError::Value {
            field,
            value: value.to_string(),
            problem,
            allowed: ALLOWED_VALUE,
        };
        let number = match value {
            Value::Null => {
                nulls = nulls.or(Some(field));
                continue;
            }
            Value::Number(number) => number,
            _ => return Err(wrong("it is not a number")),
        };
        numbers += 1;
        let micros = micros(number, unit).ok_or_else(|| wrong("it is too large"))?;
        if micros < 0 {
            return Err(wrong("it is negative"));
        }
        period += micros;
        if period > LONGEST {
            return Err(wrong("it is too large"));
        }
    }
    if let Some(field) = nulls.filter(|_| numbers == 0) {
        // Units without a number are no interval of one second, which nothing at all means.
        return Err(TriggerError::Value {
            field,
            value: "null".to_owned(),
            problem: "no unit of the interval has a number",
            allowed: ALLOWED_VALUE,
        });
    }
    if period == 0 {
        return Ok(1_000_000);
    }
    // Beyond the number's range lies far beyond the year 9999: the same one fire either way.
    Ok(i64::try_from(period).unwrap_or(i64::MAX))
}

/// A number of units of so many seconds, in microseconds, rounded to the nearest.
pub(crate) fn micros(number: &serde_json::Number, unit: i64) -> Option<i128> {
    let micros = unit * 1_000_000;
    if let Some(whole) = number.as_i64() {
        return Some(i128::from(whole) * i128::from(micros));
    }
    let product = number.as_f64()? * micros as f64;
    (product.abs() <= 1e30).then_some(product.round() as i128)
}
