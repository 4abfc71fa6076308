//! The system's zone data instead of the bundled ones. One test, because the choice holds for its whole process.

use triggers::{TzdbSource, Zone, choose_tzdb, tzdb_release};

#[test]
fn the_system_s_zone_data_can_be_chosen() {
    if choose_tzdb(TzdbSource::System).is_err() {
        // No zone data on this system: then the bundled ones are still to be had.
        assert_eq!(tzdb_release().source, TzdbSource::Bundled);
        return;
    }
    assert_eq!(tzdb_release().source, TzdbSource::System);
    assert!(
        choose_tzdb(TzdbSource::Bundled).is_err(),
        "two releases in one process"
    );
    let zone = Zone::named("America/New_York").unwrap();
    let instant = "2024-03-10T07:00:00Z".parse().unwrap();
    assert_eq!(zone.to_wall(instant).to_string(), "2024-03-10 03:00:00");
    for name in ["America/New_york", "../zoneinfo/UTC", "/usr/share/zoneinfo/UTC"] {
        assert!(Zone::named(name).is_err(), "{name}");
    }
    assert!(Zone::system().is_ok_and(|zone| !zone.name().is_empty()));
}
