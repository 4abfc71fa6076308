//! What a wall time means in a zone: one instant, two, or none; and which dates of a definition are of the latter kinds.
//!
//! `Zone::to_utc` decides which instant is taken (T6 of docs/semantics.md); this tells the people who wrote the time.

use crate::civil::{DAY, MICROS};
use crate::definition::{Context, Definition, Kind};
use crate::error::TriggerError;
use crate::hazards::Hazard;
use crate::text;
use crate::time::{UtcMicros, WallMicros};
use crate::zone::Zone;
use serde_json::Value;
use std::ops::Range;

/// The instants at which a wall clock shows a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// There is one.
    Once(UtcMicros),
    /// The clock skips the time.
    Skipped {
        /// What is taken for it: as far behind the change as the time is behind the last that is shown before it.
        taken: UtcMicros,
        /// What the offset from behind the change would make of it, an instant before the change.
        other: UtcMicros,
    },
    /// The clock shows the time twice.
    Twice {
        /// The first pass, which is taken.
        taken: UtcMicros,
        /// The second pass.
        other: UtcMicros,
    },
}

impl Zone {
    /// The instants at which a wall clock of this zone shows a time; [`to_utc`](Self::to_utc) is the one that is taken.
    ///
    /// ```
    /// use triggers::{Local, WallMicros, Zone};
    ///
    /// let zone = Zone::named("America/New_York")?;
    /// let Local::Twice { taken, other } = zone.local("2026-11-01 01:30:00".parse()?) else { panic!() };
    /// assert_eq!(taken.to_string(), "2026-11-01T05:30:00Z");
    /// assert_eq!(other.to_string(), "2026-11-01T06:30:00Z");
    /// # Ok::<(), triggers::TriggerError>(())
    /// ```
    #[must_use]
    pub fn local(&self, wall: WallMicros) -> Local {
        let taken = self.to_utc(wall);
        let at = |offset: i64| UtcMicros::new(wall.get().saturating_sub(offset.saturating_mul(MICROS)));
        let stretch = self.stretch(taken.second_down());
        if self.to_wall(taken) != wall {
            // Moved behind the gap, where the offset is that of after it.
            return Local::Skipped {
                taken,
                other: at(stretch.offset),
            };
        }
        // No two changes of the clock lie within the days that one can move it; the last stretch has no end.
        let mut later = stretch;
        while later.end < taken.second_down().saturating_add(2 * DAY) {
            later = self.stretch(later.end);
            let other = at(later.offset);
            if other > taken && other.second_down() >= later.start && other.second_down() < later.end {
                return Local::Twice { taken, other };
            }
        }
        Local::Once(taken)
    }
}

impl Definition {
    /// The hazards of the definition's own dates, `run_date`, `start` and `end`: those given as local times that the
    /// clock of the zone skips or shows twice, whenever that is. A definition without dates costs nothing.
    ///
    /// # Errors
    /// A date, or the zone, cannot be read.
    pub fn local_hazards(&self, context: &Context) -> Result<Vec<Hazard>, TriggerError> {
        let run_date = match self.fields.get("run_date") {
            Some(Value::String(text)) if self.kind == Kind::Date => Some(text),
            _ => None,
        };
        let dates = [
            ("run_date", run_date),
            ("start", self.start.as_ref()),
            ("end", self.end.as_ref()),
        ];
        let mut hazards = Vec::new();
        for (field, text) in dates {
            let Some(text) = text else { continue };
            let Some(wall) = text::read(field, text)?.wall_only() else {
                continue;
            };
            let zone = match &self.tz {
                Some(name) => &Zone::named(name)?,
                None => &context.zone,
            };
            hazards.push(match zone.local(wall) {
                Local::Once(_) => continue,
                Local::Skipped { taken, other } => Hazard::LocalSkipped {
                    field,
                    wall,
                    taken,
                    shown: zone.to_wall(taken),
                    other,
                },
                Local::Twice { taken, other } => Hazard::LocalTwice {
                    field,
                    wall,
                    taken,
                    other,
                },
            });
        }
        Ok(hazards)
    }

    /// All that may surprise about the trigger: the hazards of its own dates, whenever they are, then those of its fires
    /// in a range, which is best the coming year (see [`Trigger::hazards`](crate::Trigger::hazards)).
    ///
    /// ```
    /// use triggers::{Context, Definition, Kind, UtcMicros, Zone};
    ///
    /// let now: UtcMicros = "2026-01-01T00:00:00Z".parse()?;
    /// let context = Context::new(Zone::named("America/New_York")?, now);
    /// let once = Definition::new(Kind::Date).with("run_date", "2026-03-08 02:30:00");
    /// assert_eq!(
    ///     once.hazards(&context, now.."2027-01-01T00:00:00Z".parse()?)?[0].to_string(),
    ///     "the clock skips its date, 2026-03-08 02:30:00: 2026-03-08T07:30:00Z is taken, when the clock shows \
    ///      2026-03-08 03:30:00, not 2026-03-08T06:30:00Z",
    /// );
    /// # Ok::<(), triggers::TriggerError>(())
    /// ```
    ///
    /// # Errors
    /// The definition means no trigger.
    pub fn hazards(&self, context: &Context, range: Range<UtcMicros>) -> Result<Vec<Hazard>, TriggerError> {
        let trigger = self.compile(context)?;
        let mut hazards = self.local_hazards(context)?;
        hazards.extend(trigger.hazards(range));
        Ok(hazards)
    }
}
