//! Dates of a definition in local time that the clock skips or shows twice (T12).

use crate::{at, context};
use triggers::{Definition, DstPolicy, Hazard, Kind, Local, Zone};

/// The hazards of a definition's dates, in words.
fn told(definition: &Definition, zone: &str) -> Vec<String> {
    let hazards = definition.local_hazards(&context(zone, DstPolicy::Once)).unwrap();
    hazards.iter().map(Hazard::to_string).collect()
}

#[test]
fn a_date_in_a_gap_or_an_overlap_is_told_with_both_instants() {
    let (new_york, howe) = ("America/New_York", "Australia/Lord_Howe");
    let rows = [
        (
            new_york,
            "2026-03-08 02:30:00",
            "the clock skips its date, 2026-03-08 02:30:00: 2026-03-08T07:30:00Z is taken, when the clock shows \
             2026-03-08 03:30:00, not 2026-03-08T06:30:00Z",
        ),
        (
            new_york,
            "2026-03-08 02:00:00",
            "the clock skips its date, 2026-03-08 02:00:00: 2026-03-08T07:00:00Z is taken, when the clock shows \
             2026-03-08 03:00:00, not 2026-03-08T06:00:00Z",
        ),
        (new_york, "2026-03-08 03:00:00", ""),
        (new_york, "2026-03-08 01:59:59.999999", ""),
        (
            new_york,
            "2026-11-01 01:30:00",
            "the clock shows its date, 2026-11-01 01:30:00, twice: the first time, 2026-11-01T05:30:00Z, is taken, not the \
             second, 2026-11-01T06:30:00Z",
        ),
        (
            new_york,
            "2026-11-01 01:59:59.999999",
            "the clock shows its date, 2026-11-01 01:59:59.999999, twice: the first time, 2026-11-01T05:59:59.999999Z, is \
             taken, not the second, 2026-11-01T06:59:59.999999Z",
        ),
        (new_york, "2026-11-01 02:00:00", ""),
        (new_york, "2026-11-01 00:59:59", ""),
        (new_york, "2026-11-01 01:30:00-05:00", ""),
        (new_york, "2026-11-01 01:30:00Z", ""),
        ("UTC", "2026-11-01 01:30:00", ""),
        ("Asia/Kolkata", "2026-11-01 01:30:00", ""),
        // Half an hour.
        (
            howe,
            "2024-10-06 02:15:00",
            "the clock skips its date, 2024-10-06 02:15:00: 2024-10-05T15:45:00Z is taken, when the clock shows \
             2024-10-06 02:45:00, not 2024-10-05T15:15:00Z",
        ),
        (
            howe,
            "2024-04-07 01:45:00",
            "the clock shows its date, 2024-04-07 01:45:00, twice: the first time, 2024-04-06T14:45:00Z, is taken, not the \
             second, 2024-04-06T15:15:00Z",
        ),
        // A whole day.
        (
            "Pacific/Apia",
            "2011-12-30 12:00:00",
            "the clock skips its date, 2011-12-30 12:00:00: 2011-12-30T22:00:00Z is taken, when the clock shows \
             2011-12-31 12:00:00, not 2011-12-29T22:00:00Z",
        ),
        // Far ahead, where only rules decide.
        (
            new_york,
            "2456-03-12 02:30:00",
            "the clock skips its date, 2456-03-12 02:30:00: 2456-03-12T07:30:00Z is taken, when the clock shows \
             2456-03-12 03:30:00, not 2456-03-12T06:30:00Z",
        ),
    ];
    for (zone, date, expected) in rows {
        let definition = Definition::new(Kind::Date).with("run_date", date);
        assert_eq!(told(&definition, zone).join("; "), expected, "{date} {zone}");
        // What is told is what is done.
        let trigger = definition.compile(&context(zone, DstPolicy::Once)).unwrap();
        let fire = trigger.next_fire(None, at("2024-01-01T00:00:00Z")).unwrap();
        assert!(
            expected.is_empty() || expected.contains(&fire.to_string()),
            "{date} {zone}: {fire}"
        );
    }
}

#[test]
fn start_and_end_are_told_of_every_kind_that_has_them() {
    for kind in [Kind::Cron, Kind::Interval] {
        let mut definition = Definition::new(kind);
        definition.tz = Some("America/New_York".to_owned());
        definition.start = Some("2026-03-08 02:30:00".to_owned());
        definition.end = Some("2026-11-01T01:30:00".to_owned());
        let expected = [
            "the clock skips its start, 2026-03-08 02:30:00: 2026-03-08T07:30:00Z is taken, when the clock shows \
             2026-03-08 03:30:00, not 2026-03-08T06:30:00Z",
            "the clock shows its end, 2026-11-01 01:30:00, twice: the first time, 2026-11-01T05:30:00Z, is taken, not the \
             second, 2026-11-01T06:30:00Z",
        ];
        // The definition's zone counts, not the context's.
        assert_eq!(told(&definition, "UTC"), expected, "{kind}");
        let range = at("2024-01-01T00:00:00Z")..at("2024-01-02T00:00:00Z");
        let all = definition
            .hazards(&context("UTC", DstPolicy::Once), range)
            .unwrap();
        assert_eq!(all.iter().map(Hazard::to_string).collect::<Vec<_>>(), expected);
        let json = serde_json::to_value(&all[0]).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "hazard": "local_skipped", "field": "start", "wall": "2026-03-08 02:30:00",
                "taken": "2026-03-08T07:30:00Z", "shown": "2026-03-08 03:30:00", "other": "2026-03-08T06:30:00Z",
            })
        );
    }
}

#[test]
fn a_date_that_has_passed_is_told_so() {
    let definition = Definition::new(Kind::Date).with("run_date", "2024-01-01 00:00:00");
    let ask = |from: &str| {
        let range = at(from)..at("2025-01-01T00:00:00Z");
        let hazards = definition.hazards(&context("UTC", DstPolicy::Once), range);
        hazards.unwrap().iter().map(Hazard::to_string).collect::<Vec<_>>()
    };
    assert_eq!(ask("2024-01-01T00:00:00Z"), Vec::<String>::new());
    assert_eq!(
        ask("2024-01-01T00:00:00.000001Z"),
        ["its date, 2024-01-01T00:00:00Z, has passed"]
    );
}

/// Each wall time of the days round a change, against the instants at which the clock shows it.
#[test]
fn local_times_are_what_the_clock_shows() {
    const MINUTE: i64 = 60_000_000;
    for (zone, from) in [
        ("America/New_York", "2026-03-08T00:00:00Z"),
        ("America/New_York", "2026-11-01T00:00:00Z"),
        ("Australia/Lord_Howe", "2024-10-05T06:00:00Z"),
        ("Australia/Lord_Howe", "2024-04-06T06:00:00Z"),
        ("America/St_Johns", "2004-10-30T20:00:00Z"),
        ("Antarctica/Troll", "2019-10-26T18:00:00Z"),
        ("Pacific/Kwajalein", "1993-08-19T00:00:00Z"),
        ("Pacific/Apia", "2011-12-29T00:00:00Z"),
    ] {
        let zone = Zone::named(zone).unwrap();
        let from = at(from);
        // Far enough round the walls that are asked about for any change.
        let shown = |wall| {
            (-2_880..5_760)
                .map(|minute| from.saturating_add(minute * MINUTE))
                .filter(|instant| zone.to_wall(*instant) == wall)
                .collect::<Vec<_>>()
        };
        let first = zone.to_wall(from);
        for minute in (0..1_800).step_by(7) {
            let wall = first.saturating_add(minute * MINUTE);
            let expected = shown(wall);
            match zone.local(wall) {
                Local::Once(instant) => assert_eq!(expected, [instant], "{zone:?} {wall}"),
                Local::Twice { taken, other } => assert_eq!(expected, [taken, other], "{zone:?} {wall}"),
                Local::Skipped { taken, other } => {
                    assert_eq!(expected, [], "{zone:?} {wall}");
                    assert!(other < taken, "{zone:?} {wall}");
                    // The one is as far behind the time as the other is before it, on the clock.
                    let (after, before) = (zone.to_wall(taken), zone.to_wall(other));
                    assert_eq!(after.since(wall), wall.since(before), "{zone:?} {wall}");
                }
            }
        }
    }
}
