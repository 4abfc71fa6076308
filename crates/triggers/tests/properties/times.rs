//! Wall time and instants against the zone library, and the texts of both.

use crate::config;
use crate::make::{ZONES, instant, library_zone};
use jiff::Timestamp;
use proptest::prelude::*;
use triggers::{UtcMicros, WallMicros, Zone};

/// Any second of the years that the zone library knows, short of its very edge.
fn second() -> impl Strategy<Value = i64> {
    prop_oneof![
        -62_000_000_000_i64..253_400_000_000,
        instant().prop_map(|at| at.get() / 1_000_000)
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn walls_agree_with_the_zone_library(second in second()) {
        for name in ZONES {
            let zone = Zone::named(name).unwrap();
            let library = library_zone(name);
            let offset = i64::from(library.to_offset(Timestamp::from_second(second).unwrap()).seconds());
            let wall = zone.to_wall(UtcMicros::new(second * 1_000_000));
            prop_assert_eq!(wall.get(), (second + offset) * 1_000_000, "{} at {}", name, second);
        }
    }

    #[test]
    fn instants_agree_with_the_zone_library(second in second(), fraction in 0_i64..1_000_000) {
        for name in ZONES {
            let wall = WallMicros::new(second * 1_000_000 + fraction);
            let civil = jiff::tz::Offset::UTC.to_datetime(Timestamp::from_microsecond(wall.get()).unwrap());
            // "Compatible" is the same rule: the first pass, or forward by the gap.
            let expected = library_zone(name).to_ambiguous_timestamp(civil).compatible().unwrap();
            let got = Zone::named(name).unwrap().to_utc(wall);
            prop_assert_eq!(got.get(), expected.as_microsecond(), "{} at {}", name, wall);
        }
    }

    #[test]
    fn times_read_back_what_they_print(micros in -62_135_596_800_000_000..=UtcMicros::LAST.get()) {
        let (instant, wall) = (UtcMicros::new(micros), WallMicros::new(micros));
        prop_assert_eq!(instant.to_string().parse::<UtcMicros>().unwrap(), instant);
        prop_assert_eq!(wall.to_string().parse::<WallMicros>().unwrap(), wall);
        let json = serde_json::to_string(&instant).unwrap();
        prop_assert_eq!(serde_json::from_str::<UtcMicros>(&json).unwrap(), instant);
    }
}
