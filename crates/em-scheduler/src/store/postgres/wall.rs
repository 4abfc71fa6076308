//! Naive local times on the wire: a binary `timestamp` is a count of microseconds and knows no zone, so neither the
//! session's zone nor anybody's rounding touches it.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};
use triggers::WallMicros;

/// PostgreSQL counts from 2000-01-01.
const FROM_1970: i64 = 946_684_800_000_000;

/// A `timestamp without time zone`, as PostgreSQL counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wall(i64);

impl Wall {
    /// The wall time.
    ///
    /// # Errors
    /// What is there instead: PostgreSQL knows infinite times, a clock does not.
    pub(super) fn finite(self) -> Result<WallMicros, String> {
        match self.0 {
            i64::MAX => Err("infinity is no date".into()),
            i64::MIN => Err("-infinity is no date".into()),
            // Its last year is 294276: far from overflow.
            micros => Ok(WallMicros::new(micros.saturating_add(FROM_1970))),
        }
    }
}

impl From<WallMicros> for Wall {
    fn from(wall: WallMicros) -> Self {
        Self(wall.get().saturating_sub(FROM_1970))
    }
}

impl<'a> FromSql<'a> for Wall {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?)))
    }

    accepts!(TIMESTAMP);
}

impl ToSql for Wall {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0.to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMP);
    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_microsecond_survives_the_way_there_and_back() {
        for micros in [0, -1, 1_795_450_324_150_221, 253_402_300_799_999_999] {
            let wall = WallMicros::new(micros);
            assert_eq!(Wall::from(wall).finite(), Ok(wall));
        }
        assert!(Wall(i64::MAX).finite().is_err() && Wall(i64::MIN).finite().is_err());
    }
}
