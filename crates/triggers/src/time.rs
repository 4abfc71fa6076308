//! The two kinds of time of this crate: an instant, and what a wall clock shows.
//!
//! They are different types so that no arithmetic mixes them by accident; only [`Zone`](crate::Zone) turns one
//! into the other. Neither reads a clock. How they are read from text is in `text`.

use crate::civil::{DAY, MICROS, date};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// An instant: microseconds since 1970-01-01T00:00:00Z.
///
/// As text it is RFC 3339 in UTC, with six fraction digits only when there is a fraction.
///
/// ```
/// use triggers::UtcMicros;
///
/// let t: UtcMicros = "2024-03-10T02:30:00.5-05:00".parse()?;
/// assert_eq!(t.to_string(), "2024-03-10T07:30:00.500000Z");
/// assert_eq!(UtcMicros::new(0).to_string(), "1970-01-01T00:00:00Z");
/// # Ok::<(), triggers::TriggerError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcMicros(i64);

/// A wall-clock date and time: microseconds since 1970-01-01 00:00:00 on that wall, in no particular zone.
///
/// As text it is `YYYY-MM-DD HH:MM:SS`, with six fraction digits only when there is a fraction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallMicros(i64);

/// What both kinds of time can do.
macro_rules! micros {
    ($name:ident) => {
        impl $name {
            /// The time that many microseconds after the epoch. Any number is accepted.
            #[must_use]
            pub const fn new(micros: i64) -> Self {
                Self(micros)
            }

            /// Microseconds since the epoch.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }

            /// This time moved by that many microseconds, or `None` where the number overflows.
            #[must_use]
            pub const fn checked_add(self, micros: i64) -> Option<Self> {
                match self.0.checked_add(micros) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// This time moved by that many microseconds, held at the bounds of the number.
            #[must_use]
            pub const fn saturating_add(self, micros: i64) -> Self {
                Self(self.0.saturating_add(micros))
            }

            /// Microseconds from `earlier` to this time, negative when it is later, held at the bounds.
            #[must_use]
            pub const fn since(self, earlier: Self) -> i64 {
                self.0.saturating_sub(earlier.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

micros!(UtcMicros);
micros!(WallMicros);

impl UtcMicros {
    /// The first instant that can be written and read: 0001-01-01T00:00:00Z. No date trigger fires before it.
    pub const FIRST: Self = Self(-62_135_596_800_000_000);

    /// The last instant that has a four-digit year: 9999-12-31T23:59:59.999999Z. No trigger fires after it.
    pub const LAST: Self = Self(253_402_300_799_999_999);

    /// The first whole second at or after this instant.
    pub(crate) const fn second_up(self) -> i64 {
        self.0.div_euclid(MICROS) + (self.0.rem_euclid(MICROS) != 0) as i64
    }

    /// The last whole second at or before this instant.
    pub(crate) const fn second_down(self) -> i64 {
        self.0.div_euclid(MICROS)
    }

    /// The instant at a whole second; the caller holds the second within the years of this crate.
    pub(crate) const fn from_second(second: i64) -> Self {
        Self(second.saturating_mul(MICROS))
    }
}

impl WallMicros {
    /// The wall time at a whole second; the caller holds the second within the years of this crate.
    pub(crate) const fn from_second(second: i64) -> Self {
        Self(second.saturating_mul(MICROS))
    }
}

impl fmt::Display for UtcMicros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_time(f, self.0, 'T')?;
        f.write_str("Z")
    }
}

impl fmt::Display for WallMicros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_time(f, self.0, ' ')
    }
}

/// Writes date and time. A year of more or less than four digits gets a sign, as ISO 8601 has it.
fn write_time(f: &mut fmt::Formatter<'_>, micros: i64, between: char) -> fmt::Result {
    let seconds = micros.div_euclid(MICROS);
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let of_day = seconds.rem_euclid(DAY);
    if (0..=9999).contains(&year) {
        write!(f, "{year:04}")?;
    } else {
        write!(f, "{year:+07}")?;
    }
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    write!(
        f,
        "-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}"
    )?;
    match micros.rem_euclid(MICROS) {
        0 => Ok(()),
        fraction => write!(f, ".{fraction:06}"),
    }
}
