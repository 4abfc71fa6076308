//! Clock changes: what fires at them (T2).

use crate::{at, context, cron, fires};
use triggers::{Definition, DstPolicy, Kind, UtcMicros};

#[test]
fn once_makes_up_for_a_gap_within_the_bounds_wherever_the_search_begins() {
    let new_york = context("America/New_York", DstPolicy::Once);
    let made_up = "2024-03-10T07:30:00Z";
    let ask = |start: Option<&str>, end: Option<&str>, from: &str| {
        let mut definition = Definition::new(Kind::Cron)
            .with("hour", 2)
            .with("minute", "30,45");
        (definition.start, definition.end) = (start.map(str::to_owned), end.map(str::to_owned));
        fires(&definition.compile(&new_york).unwrap(), from, 1).concat()
    };
    let next_day = "2024-03-11T06:30:00Z";
    assert_eq!(ask(None, None, "2024-03-10T06:00:00Z"), made_up);
    assert_eq!(
        ask(None, None, "2024-03-10T07:10:00Z"),
        made_up,
        "the search starts behind the gap"
    );
    assert_eq!(ask(None, None, made_up), made_up);
    assert_eq!(ask(None, None, "2024-03-10T07:30:00.000001Z"), next_day);
    assert_eq!(
        ask(Some("2024-03-10T07:31:00Z"), None, "2024-03-10T00:00:00Z"),
        next_day
    );
    assert_eq!(ask(None, Some(made_up), "2024-03-10T00:00:00Z"), made_up);
    assert_eq!(
        ask(None, Some("2024-03-10T07:29:59Z"), "2024-03-10T00:00:00Z"),
        ""
    );
}

#[test]
fn what_lies_outside_the_bounds_covers_no_gap() {
    // Lord Howe skips 02:00 to 02:30 on 2024-10-06; the gap ends at 15:30Z.
    let rows = [
        ("20,35", None, None, "2024-10-05T15:35:00Z"),
        ("20,35", Some("2024-10-06 02:40:00"), None, "2024-10-05T15:50:00Z"),
        ("20,35", Some("2024-10-06 02:50:01"), None, "2024-10-06T15:20:00Z"),
        ("15,50", None, None, "2024-10-05T15:50:00Z"),
        ("15,50", None, Some("2024-10-06 02:47:00"), "2024-10-05T15:45:00Z"),
        ("15,50", None, Some("2024-10-06 02:50:00"), "2024-10-05T15:50:00Z"),
        (
            "15,50",
            None,
            Some("2024-10-06 02:44:59.9"),
            "2024-10-05T15:15:00Z",
        ),
    ];
    for (minute, start, end, expected) in rows {
        let mut definition = Definition::new(Kind::Cron).with("hour", 2).with("minute", minute);
        (definition.start, definition.end) = (start.map(str::to_owned), end.map(str::to_owned));
        let context = context("Australia/Lord_Howe", DstPolicy::Once);
        let trigger = definition.compile(&context).unwrap();
        // The last fire, the count and the first fire all know it.
        let (from, until) = (at("2024-10-05T15:00:00Z"), at(expected));
        let fires: Vec<_> = trigger
            .fires(None, from)
            .take_while(|fire| *fire <= until)
            .collect();
        assert_eq!(
            fires.last().copied(),
            (expected != "2024-10-05T15:15:00Z").then_some(until),
            "{definition:?}"
        );
        assert_eq!(
            trigger.last_fire(until).filter(|last| *last >= from),
            fires.last().copied()
        );
        assert_eq!(
            trigger.count(UtcMicros::new(0), from..until.saturating_add(1)),
            fires.len() as u64
        );
    }
}

#[test]
fn once_keeps_the_first_pass_only() {
    let trigger = cron(
        &[("hour", "1"), ("minute", "30")],
        "America/New_York",
        DstPolicy::Once,
    );
    let expected = ["2024-11-03T05:30:00Z", "2024-11-04T06:30:00Z"];
    assert_eq!(fires(&trigger, "2024-11-03T00:00:00Z", 2), expected);
    assert_eq!(
        fires(&trigger, "2024-11-03T06:10:00Z", 1),
        expected[1..],
        "the search starts in the second pass"
    );
    assert_eq!(
        trigger.last_fire(at("2024-11-03T06:45:00Z")),
        Some(at(expected[0]))
    );
}

#[test]
fn a_day_that_a_zone_skips_is_made_up_for_on_the_next() {
    let trigger = cron(
        &[("day_of_week", "fri"), ("hour", "9")],
        "Pacific/Apia",
        DstPolicy::Once,
    );
    // Friday 2011-12-30 did not exist: the run is on Saturday at 09:00.
    assert_eq!(
        fires(&trigger, "2011-12-29T00:00:00Z", 2),
        ["2011-12-30T19:00:00Z", "2012-01-05T19:00:00Z"]
    );
}
