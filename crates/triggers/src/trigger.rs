//! A compiled trigger of any kind, and the questions a scheduler asks of it.
//!
//! Everything here is a pure function of the trigger and its arguments: no clock, no randomness. The arithmetic
//! is in `cron`, `interval` and `date`; this adds what is common to them.

use crate::bounds::Bounds;
use crate::cron::Cron;
use crate::date::Date;
use crate::hazards::Hazard;
use crate::interval::Interval;
use crate::time::UtcMicros;
use std::ops::Range;

/// When something fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Fields that the wall clock must match.
    Cron(Cron),
    /// A fixed duration.
    Interval(Interval),
    /// One instant.
    Date(Date),
}

/// All run times that are due, taken in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    /// How many run times are due, at least 1.
    pub count: u64,
    /// The last of them.
    pub last: UtcMicros,
    /// The run time after the last; `None` where the schedule is finished.
    pub next: Option<UtcMicros>,
}

/// Between which instants a fire with jitter may be delivered, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterWindow {
    /// The fire's own time.
    pub min: UtcMicros,
    /// The latest delivery, never after the end of the schedule.
    pub max: UtcMicros,
    /// The jitter reaches beyond the end of an interval. APScheduler ends the schedule where it draws a time
    /// there; for a cron it takes the end instead.
    pub beyond_end: bool,
}

impl Trigger {
    /// The next run time, or `None` where the schedule is finished.
    ///
    /// `previous` is the last run time, however long past, and absent for the first run and after a resume.
    /// `now` is assumed not to lie before `previous`, as in every scheduler; then the next is strictly after
    /// `previous`. It is never after the end. Before the start lies none of a cron, and no first one of an interval;
    /// a later one of an interval is `previous` and one period, wherever that is.
    ///
    /// ```
    /// use triggers::{Context, Definition, UtcMicros, Zone};
    ///
    /// let now: UtcMicros = "2024-05-01T12:00:00Z".parse()?;
    /// let trigger = Definition::crontab("30 2 * * *").compile(&Context::new(Zone::utc(), now))?;
    /// let first = trigger.next_fire(None, now).expect("it fires daily");
    /// assert_eq!(first.to_string(), "2024-05-02T02:30:00Z");
    /// # Ok::<(), triggers::TriggerError>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn next_fire(&self, previous: Option<UtcMicros>, now: UtcMicros) -> Option<UtcMicros> {
        match self {
            Self::Cron(cron) => cron.next_fire(previous, now),
            Self::Interval(interval) => interval.next_fire(previous, now),
            Self::Date(date) => date.next_fire(previous),
        }
    }

    /// Everything that is due in one step: `due`, the run time after it, … while not after `now`.
    ///
    /// The run times are counted, not walked, so the work does not grow with their number. `due` counts in any
    /// case, also if it is no time of the trigger's own or lies after `now`.
    #[must_use]
    pub fn advance(&self, due: UtcMicros, now: UtcMicros) -> Advance {
        let now = now.max(due);
        match self {
            Self::Cron(cron) => {
                let count = 1 + cron.count(due.saturating_add(1)..now.saturating_add(1));
                let last = cron.last_fire(now).map_or(due, |last| last.max(due));
                Advance {
                    count,
                    last,
                    next: cron.next_fire(Some(last), now),
                }
            }
            Self::Interval(interval) => {
                let periods = interval.periods_until(due, now);
                let last = interval.nth(due, periods).unwrap_or(due);
                Advance {
                    count: periods as u64 + 1,
                    last,
                    next: interval.next_fire(Some(last), now),
                }
            }
            Self::Date(_) => Advance {
                count: 1,
                last: due,
                next: None,
            },
        }
    }

    /// How many run times lie in a range, of the chain that starts with the run time `first`, itself included.
    ///
    /// Counted, not walked.
    ///
    /// ```
    /// use triggers::{Context, Definition, UtcMicros, Zone};
    ///
    /// let now: UtcMicros = "2024-01-01T00:00:00Z".parse()?;
    /// let until: UtcMicros = "2025-01-01T00:00:00Z".parse()?;
    /// let trigger = Definition::crontab("*/5 * * * *").compile(&Context::new(Zone::utc(), now))?;
    /// assert_eq!(trigger.count(now, now..until), 366 * 24 * 12);
    /// # Ok::<(), triggers::TriggerError>(())
    /// ```
    #[must_use]
    pub fn count(&self, first: UtcMicros, range: Range<UtcMicros>) -> u64 {
        let later = match self {
            Self::Cron(cron) => cron.count(range.start.max(first.saturating_add(1))..range.end),
            Self::Interval(interval) => interval.count_after(first, range.clone()),
            Self::Date(_) => 0,
        };
        later + u64::from(range.contains(&first))
    }

    /// Counts the run times of consecutive buckets: `out[i]` grows by those in `bounds[i]..bounds[i + 1]`.
    ///
    /// The bounds ascend. Buckets without a place in `out` are left out.
    pub fn histogram(&self, first: UtcMicros, bounds: &[UtcMicros], out: &mut [u64]) {
        for (bucket, count) in bounds.windows(2).zip(out) {
            // No run time lies before the first one, so such buckets need no arithmetic.
            if bucket[1] > first {
                *count += self.count(first, bucket[0]..bucket[1]);
            }
        }
    }

    /// The last time of the trigger's own grid at or before an instant.
    #[must_use]
    pub fn last_fire(&self, at_or_before: UtcMicros) -> Option<UtcMicros> {
        match self {
            Self::Cron(cron) => cron.last_fire(at_or_before),
            Self::Interval(interval) => interval.last_fire(at_or_before),
            Self::Date(date) => date.next_fire(None).filter(|run| *run <= at_or_before),
        }
    }

    /// The run times one after the other: the first as [`next_fire`](Self::next_fire) finds it from `from`, then
    /// each the next after the one before. It allocates nothing.
    pub fn fires(&self, previous: Option<UtcMicros>, from: UtcMicros) -> impl Iterator<Item = UtcMicros> {
        std::iter::successors(self.next_fire(previous, from), |last| {
            self.next_fire(Some(*last), *last)
        })
    }

    /// Between which instants a run time may be delivered; without jitter that is one instant.
    ///
    /// The draw itself belongs to the caller: there is no randomness in this crate. The run time, not the
    /// delivery, is the `previous` of the next question, so that jitter neither loses nor shifts fires.
    #[must_use]
    pub fn jitter_window(&self, base: UtcMicros) -> JitterWindow {
        let (jitter, end) = match self.bounds() {
            Some(bounds) => (bounds.jitter, bounds.last()),
            None => (0, UtcMicros::LAST),
        };
        let latest = base.saturating_add(jitter);
        let beyond_end = latest > end && matches!(self, Self::Interval(_));
        JitterWindow {
            min: base,
            max: latest.min(end).max(base),
            beyond_end,
        }
    }

    /// First and last instant and jitter, where the kind has them.
    pub(crate) fn bounds(&self) -> Option<&Bounds> {
        match self {
            Self::Cron(cron) => Some(cron.bounds()),
            Self::Interval(interval) => Some(interval.bounds()),
            Self::Date(_) => None,
        }
    }
}

impl Trigger {
    /// What may surprise about the fires in a range, which is best the coming year.
    ///
    /// A clock change belongs to the range as long as it has an effect in there: a skipped time that would still be to
    /// come, the fire that makes up for it, or a second pass; what is over when the range begins is not told. Triggers of
    /// every hour follow the clock, and at a change of whole hours go on at the same distance in absolute time; of them
    /// only those times are told that are lost or doubled in that distance, as at a change of half an hour. Intervals and
    /// dates know no wall, so they meet none; the texts of dates are told by [`Definition::hazards`](crate::Definition::hazards).
    ///
    /// ```
    /// use triggers::{Context, Definition, UtcMicros, Zone};
    ///
    /// let now: UtcMicros = "2024-01-01T00:00:00Z".parse()?;
    /// let year = now.."2025-01-01T00:00:00Z".parse()?;
    /// let context = Context::new(Zone::named("America/New_York")?, now);
    /// let hazards = Definition::crontab("30 2 * * *").compile(&context)?.hazards(year);
    /// assert_eq!(
    ///     hazards[0].to_string(),
    ///     "the clock skips 2024-03-10 02:30:00: it fires once instead, at 2024-03-10T07:30:00Z",
    /// );
    /// # Ok::<(), triggers::TriggerError>(())
    /// ```
    #[must_use]
    pub fn hazards(&self, range: Range<UtcMicros>) -> Vec<Hazard> {
        let mut hazards = match self {
            Self::Cron(cron) => cron.hazards(&range),
            Self::Interval(_) => Vec::new(),
            Self::Date(date) => {
                let past = date.next_fire(None).filter(|at| *at < range.start);
                past.map(|at| Hazard::Past { at }).into_iter().collect()
            }
        };
        if self.next_fire(None, range.start).is_none() {
            // That says it all.
            hazards.retain(|hazard| !matches!(hazard, Hazard::SomeMonthsOnly { .. }));
            hazards.push(match self.last_fire(range.start) {
                Some(_) => Hazard::NeverFiresAgain,
                None => Hazard::NeverFires,
            });
        }
        hazards
    }
}
