//! The one place where wall time meets instants.
//!
//! A [`Zone`] knows its offsets as stretches of constant offset (see `stretches`). It decides what a wall time
//! means that occurs twice or not at all; what a *trigger* does about such times is decided in `cron::search`.

use crate::civil::{DAY, MICROS};
use crate::error::TriggerError;
use crate::stretches::{Stretch, Stretches};
use crate::time::{UtcMicros, WallMicros};
use crate::tzdb;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// A time zone. Cheap to clone; clones and zones of the same name share one table.
#[derive(Clone)]
pub struct Zone(Arc<Inner>);

struct Inner {
    name: String,
    stretches: Stretches,
}

/// Zones read so far, by name. It is bounded by the number of names in the zone data.
static ZONES: OnceLock<RwLock<HashMap<String, Zone>>> = OnceLock::new();

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        static UTC: OnceLock<Zone> = OnceLock::new();
        let make = || {
            Self(Arc::new(Inner {
                name: "UTC".to_owned(),
                stretches: Stretches::fixed(0),
            }))
        };
        UTC.get_or_init(make).clone()
    }

    /// The zone of an IANA name in its exact spelling, such as `Europe/Berlin`.
    ///
    /// # Errors
    /// The name is not in the zone data, in this spelling.
    pub fn named(name: &str) -> Result<Self, TriggerError> {
        if name == "UTC" {
            return Ok(Self::utc());
        }
        let zones = ZONES.get_or_init(RwLock::default);
        if let Some(zone) = zones.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(zone.clone());
        }
        let unknown = || TriggerError::Zone {
            name: name.to_owned(),
            allowed: "an IANA name in its exact spelling, such as Europe/Berlin, or UTC",
        };
        // The system's zone data are files: only what can be a name may become a path.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+');
        if name.starts_with('/') || !name.bytes().all(plain) {
            return Err(unknown());
        }
        let stretches = tzdb::stretches(name).ok_or_else(unknown)?;
        let zone = Self(Arc::new(Inner {
            name: name.to_owned(),
            stretches,
        }));
        let mut zones = zones.write().unwrap_or_else(PoisonError::into_inner);
        Ok(zones.entry(name.to_owned()).or_insert(zone).clone())
    }

    /// The zone the system is set to (`TZ`, else the system's own setting), by its IANA name. A system without any
    /// setting is in UTC, as everywhere on Unix.
    ///
    /// # Errors
    /// The setting names no zone, or only one without an IANA name.
    pub fn system() -> Result<Self, TriggerError> {
        if std::env::var_os("TZ").is_none() && cfg!(unix) && !Path::new("/etc/localtime").exists() {
            return Ok(Self::utc());
        }
        let zone = jiff::tz::TimeZone::try_system()
            .map_err(|error| TriggerError::ZoneData(format!("the system's time zone is unknown: {error}")))?;
        let unnamed = "the system's time zone has no IANA name";
        let name = zone
            .iana_name()
            .ok_or_else(|| TriggerError::ZoneData(unnamed.to_owned()))?;
        Self::named(name)
    }

    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What a wall clock of this zone shows at an instant.
    #[must_use]
    pub fn to_wall(&self, instant: UtcMicros) -> WallMicros {
        let offset = self.stretch(instant.second_down()).offset;
        WallMicros::new(instant.get().saturating_add(offset * MICROS))
    }

    /// How far ahead of UTC a wall clock of this zone is at an instant, in microseconds, and the first instant from
    /// which on that changes; none where it never does.
    ///
    /// ```
    /// use triggers::{UtcMicros, Zone};
    ///
    /// let instant: UtcMicros = "2024-01-01T00:00:00Z".parse()?;
    /// let (offset, until) = Zone::named("America/New_York")?.steady(instant);
    /// assert_eq!(offset, -5 * 3_600_000_000);
    /// assert_eq!(until.map(|until| until.to_string()), Some("2024-03-10T07:00:00Z".into()));
    /// # Ok::<(), triggers::TriggerError>(())
    /// ```
    #[must_use]
    pub fn steady(&self, instant: UtcMicros) -> (i64, Option<UtcMicros>) {
        let stretch = self.stretch(instant.second_down());
        let until = stretch.end.checked_mul(MICROS).map(UtcMicros::new);
        (stretch.offset * MICROS, until)
    }

    /// The instant at which a wall clock of this zone shows a time.
    ///
    /// A time that occurs twice is taken at its first pass. A time that the clock skips is moved forward by the
    /// length of the gap.
    ///
    /// ```
    /// use triggers::{WallMicros, Zone};
    ///
    /// let zone = Zone::named("America/New_York")?;
    /// let wall: WallMicros = "2024-03-10 02:30:00".parse()?;
    /// assert_eq!(zone.to_utc(wall).to_string(), "2024-03-10T07:30:00Z");
    /// assert_eq!(zone.to_wall(zone.to_utc(wall)).to_string(), "2024-03-10 03:30:00");
    /// # Ok::<(), triggers::TriggerError>(())
    /// ```
    #[must_use]
    pub fn to_utc(&self, wall: WallMicros) -> UtcMicros {
        let second = wall.get().div_euclid(MICROS);
        // No offset exceeds a day and two hours, so the stretch two days before cannot come too late.
        let mut stretch = self.stretch(second - 2 * DAY);
        loop {
            let instant = second - stretch.offset;
            if instant < stretch.end {
                // Within the stretch it is the first pass. Before it, the wall skipped this time: the offset
                // of before the gap then gives the time moved forward.
                let offset = if instant >= stretch.start {
                    stretch.offset
                } else {
                    stretch.before
                };
                return UtcMicros::new(wall.get().saturating_sub(offset * MICROS));
            }
            stretch = self.stretch(stretch.end);
        }
    }

    /// The stretch of constant offset that contains the instant (a second).
    #[inline]
    pub(crate) fn stretch(&self, second: i64) -> Stretch {
        self.0.stretches.at(second)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.0.name)
    }
}
