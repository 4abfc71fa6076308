//! Single cases worth a name: what a person would look up in the manual, one row each (T1, T2, T7 and T8 of docs/semantics.md).

#![expect(clippy::unwrap_used, reason = "a row that cannot be asked fails the test")]

mod changes;
mod hazards;
mod hints_of_lines;
mod hints_of_other_languages;
mod hints_of_texts;
mod local;
mod notes;
mod refusals;

use triggers::cron::Setting;
use triggers::{Context, Cron, Definition, Dialect, DstPolicy, Kind, Trigger, UtcMicros, Zone};

fn at(text: &str) -> UtcMicros {
    text.parse().unwrap()
}

fn context(zone: &str, dst: DstPolicy) -> Context {
    Context {
        zone: Zone::named(zone).unwrap(),
        dst,
        created: at("2024-01-01T00:00:00Z"),
    }
}

fn crontab(line: &str) -> Trigger {
    Definition::crontab(line)
        .compile(&context("UTC", DstPolicy::Once))
        .unwrap()
}

fn cron(fields: &[(&str, &str)], zone: &str, dst: DstPolicy) -> Trigger {
    let start = Definition::new(Kind::Cron);
    let definition = fields
        .iter()
        .fold(start, |definition, (name, text)| definition.with(name, *text));
    definition.compile(&context(zone, dst)).unwrap()
}

fn fires(trigger: &Trigger, from: &str, count: usize) -> Vec<String> {
    trigger
        .fires(None, at(from))
        .take(count)
        .map(|fire| fire.to_string())
        .collect()
}

#[test]
fn crontab_as_people_write_it() {
    // 2024-01-01 is a Monday.
    let rows: [(&str, &[&str]); 17] = [
        // Blanks that do not break are blanks.
        ("0\u{a0}0 * *\u{a0}0", &["2024-01-07T00:00:00Z"]),
        ("@DAILY", &["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"]),
        (" @Weekly ", &["2024-01-07T00:00:00Z", "2024-01-14T00:00:00Z"]),
        ("@daily", &["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"]),
        ("@midnight", &["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"]),
        ("@hourly", &["2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"]),
        ("@weekly", &["2024-01-07T00:00:00Z", "2024-01-14T00:00:00Z"]),
        ("@monthly", &["2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"]),
        ("@yearly", &["2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"]),
        ("0 0 * * 0", &["2024-01-07T00:00:00Z", "2024-01-14T00:00:00Z"]),
        ("0 0 * * 7", &["2024-01-07T00:00:00Z", "2024-01-14T00:00:00Z"]),
        (
            "0 0 * * 5-7",
            &[
                "2024-01-05T00:00:00Z",
                "2024-01-06T00:00:00Z",
                "2024-01-07T00:00:00Z",
            ],
        ),
        (
            "0 0 * * fri-sun",
            &[
                "2024-01-05T00:00:00Z",
                "2024-01-06T00:00:00Z",
                "2024-01-07T00:00:00Z",
            ],
        ),
        // Day or weekday when both are restricted, day and weekday when one begins with a star.
        (
            "0 0 13 * fri",
            &[
                "2024-01-05T00:00:00Z",
                "2024-01-12T00:00:00Z",
                "2024-01-13T00:00:00Z",
            ],
        ),
        (
            "0 0 */2 * mon",
            &[
                "2024-01-01T00:00:00Z",
                "2024-01-15T00:00:00Z",
                "2024-01-29T00:00:00Z",
            ],
        ),
        ("*/60 * * * *", &["2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"]),
        (
            "0 12 * feb-MAR/1 Mon",
            &["2024-02-05T12:00:00Z", "2024-02-12T12:00:00Z"],
        ),
    ];
    for (line, expected) in rows {
        assert_eq!(
            fires(&crontab(line), "2024-01-01T00:00:00Z", expected.len()),
            expected,
            "{line}"
        );
    }
}

#[test]
fn the_two_dialects_differ_where_they_say() {
    let read = |dialect, line| Cron::from_crontab(dialect, line, Setting::of(Zone::utc()));
    let sunday = read(Dialect::Crontab, "0 0 * * 0")
        .unwrap()
        .next_fire(None, at("2024-01-01T00:00:00Z"));
    let monday = read(Dialect::ApsCrontab, "0 0 * * 0")
        .unwrap()
        .next_fire(None, at("2024-01-01T00:00:00Z"));
    assert_eq!(
        (sunday, monday),
        (Some(at("2024-01-07T00:00:00Z")), Some(at("2024-01-01T00:00:00Z")))
    );
    for line in ["0 0 * * 7", "@daily", "0 0 * * fri-sun,0 *"] {
        assert!(read(Dialect::ApsCrontab, line).is_err(), "{line}");
    }
    for line in [
        "0 0 last * *",
        "5/15 * * * *",
        "@reboot",
        "0 0 * * 8",
        "0 0 * * sun-fri/0",
        "* * * *",
        "0 0 30-1 * *",
    ] {
        assert!(read(Dialect::Crontab, line).is_err(), "{line}");
    }
}

/// T6 where it assumes or excepts something.
#[test]
fn the_next_fire_is_after_the_previous_unless_asked_before_it() {
    let hourly = cron(&[("hour", "*")], "UTC", DstPolicy::Once);
    let (previous, later) = (at("2024-05-01T12:00:00Z"), at("2024-05-01T13:00:00Z"));
    for now in [previous, later, at("2030-01-01T00:00:00Z")] {
        assert_eq!(hourly.next_fire(Some(previous), now), Some(later));
    }
    assert_eq!(
        hourly.next_fire(Some(previous), at("2024-05-01T11:30:00Z")),
        Some(previous)
    );
    let mut definition = Definition::new(Kind::Interval).with("hours", 1);
    definition.start = Some("2024-05-02".to_owned());
    let interval = definition.compile(&context("UTC", DstPolicy::Once)).unwrap();
    assert_eq!(
        interval.next_fire(None, previous),
        Some(at("2024-05-02T00:00:00Z"))
    );
    assert_eq!(
        interval.next_fire(Some(previous), previous),
        Some(later),
        "a run set by hand moves the grid"
    );
}

#[test]
fn words() {
    let rows: [(&[(&str, &str)], &str); 16] = [
        (&[("second", "30")], "at second 30, every minute, New York time"),
        (
            &[("second", "0,30"), ("minute", "*"), ("hour", "9")],
            "at the seconds 0 and 30, every minute, at hour 9, New York time",
        ),
        (
            &[("day", "last fri"), ("hour", "2"), ("minute", "30")],
            "at 02:30 on the last Friday of each month, New York time",
        ),
        (
            &[("hour", "2"), ("minute", "30")],
            "at 02:30 every day, New York time",
        ),
        (
            &[("day_of_week", "mon-fri"), ("hour", "9,17")],
            "at 09:00 and 17:00 from Monday to Friday, New York time",
        ),
        (&[("minute", "*/15")], "every 15 minutes, New York time"),
        (&[("minute", "*")], "every minute, New York time"),
        (&[("minute", "5")], "at minute 5 of every hour, New York time"),
        (&[("hour", "*")], "every hour, New York time"),
        (&[("second", "*")], "every second, New York time"),
        (
            &[("second", "*/20"), ("minute", "*")],
            "every 20 seconds, New York time",
        ),
        (
            &[("hour", "8-18"), ("minute", "*/10")],
            "every 10 minutes, every hour from 8 to 18, New York time",
        ),
        (
            &[("day", "1,15"), ("month", "jan,jul")],
            "at 00:00 on days 1 and 15 of January and July, New York time",
        ),
        (
            &[("day", "13"), ("day_of_week", "fri")],
            "at 00:00 on day 13 of each month if it falls on Friday, New York time",
        ),
        (
            &[("week", "*/2"), ("day_of_week", "mon")],
            "at 00:00 on Monday in every 2nd ISO week from 1 to 53, New York time",
        ),
        (
            &[("year", "2030"), ("month", "6-8"), ("day", "*")],
            "at 00:00 every day in June to August in 2030, New York time",
        ),
    ];
    for (fields, expected) in rows {
        assert_eq!(
            cron(fields, "America/New_York", DstPolicy::Once).describe(),
            *expected
        );
    }
    let lines = [
        (
            "0 0 13 * fri",
            "at 00:00 on day 13 of each month or on Friday, UTC",
        ),
        // The months limit both alternatives; a side that every day meets leaves nothing to restrict.
        (
            "0 0 1 1 mon",
            "at 00:00 on day 1 of the month or on Monday, in January, UTC",
        ),
        ("0 0 1 * 0-6", "at 00:00 every day, UTC"),
        ("0 0 1-31 * mon", "at 00:00 every day, UTC"),
        ("0 0 1-31 6 mon", "at 00:00 every day in June, UTC"),
        ("0 0 * * mon", "at 00:00 on Monday, UTC"),
        (
            "0 0 */2 * mon",
            "at 00:00 on every 2nd day from 1 to 31 of each month if it falls on Monday, UTC",
        ),
    ];
    for (line, expected) in lines {
        assert_eq!(crontab(line).describe(), expected, "{line}");
    }
    let mut definition = Definition::new(Kind::Interval).with("hours", 1.5);
    definition.start = Some("2024-01-01".to_owned());
    let words = definition
        .compile(&context("UTC", DstPolicy::Once))
        .unwrap()
        .describe();
    assert_eq!(words, "every 1 hour and 30 minutes, from 2024-01-01 00:00:00 UTC");
    let weekly = Definition::new(Kind::Interval)
        .with("weeks", 1)
        .compile(&context("UTC", DstPolicy::Once))
        .unwrap();
    assert_eq!(weekly.describe(), "every week, from 2024-01-08 00:00:00 UTC");
    let date = Definition::new(Kind::Date)
        .with("run_date", "2024-05-01")
        .compile(&context("UTC", DstPolicy::Once));
    assert_eq!(date.unwrap().describe(), "once, at 2024-05-01 00:00:00 UTC");
}

#[test]
fn the_edge_of_time() {
    let last = cron(&[("second", "*")], "America/New_York", DstPolicy::Once);
    assert_eq!(
        last.next_fire(None, at("9999-12-31T23:59:59Z")),
        Some(at("9999-12-31T23:59:59Z"))
    );
    assert_eq!(last.next_fire(None, at("9999-12-31T23:59:59.000001Z")), None);
    assert_eq!(last.next_fire(None, UtcMicros::new(i64::MAX)), None);
    assert_eq!(fires(&last, "0001-01-01T00:00:00Z", 1), ["1970-01-01T05:00:00Z"]);
    let centuries = Definition::new(Kind::Interval).with("days", 146_097 * 10);
    let mut far = centuries.clone();
    far.start = Some("2024-01-01".to_owned());
    assert_eq!(
        fires(
            &far.compile(&context("UTC", DstPolicy::Once)).unwrap(),
            "2024-01-01T00:00:00Z",
            5
        ),
        ["2024-01-01T00:00:00Z", "6024-01-01T00:00:00Z"]
    );
    let too_long = Definition::new(Kind::Interval).with("weeks", 1_000_000_000);
    assert!(too_long.compile(&context("UTC", DstPolicy::Once)).is_err());
}

/// The choice of zone data is made once for a process; nextest gives each test its own.
#[test]
fn the_release_of_the_zone_data_is_known() {
    let release = triggers::tzdb_release();
    assert!(
        release.release.len() == 5 && release.release.starts_with("20"),
        "{release}"
    );
    assert_eq!(release.to_string(), format!("{} (bundled)", release.release));
    triggers::choose_tzdb(triggers::TzdbSource::Bundled).unwrap();
    assert!(triggers::choose_tzdb(triggers::TzdbSource::System).is_err());
}
