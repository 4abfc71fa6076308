//! Single cases worth a name: what a person would look up in the manual, one row each (T1, T2, T7 and T8 of docs/semantics.md).

#![expect(clippy::unwrap_used, reason = "a row that cannot be asked fails the test")]

use triggers::cron::Setting;
use triggers::{
    Context, Cron, Definition, Dialect, DstPolicy, GapEffect, Hazard, Kind, OverlapEffect, Trigger,
    TriggerError, UtcMicros, Zone,
};

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
    let rows: [(&str, &[&str]); 14] = [
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

#[test]
fn errors_say_field_text_position_and_what_is_allowed() {
    let compile = |field: &str, text: &str| {
        let definition = Definition::new(Kind::Cron).with(field, text);
        definition
            .compile(&context("UTC", DstPolicy::Once))
            .unwrap_err()
            .to_string()
    };
    let rows = [
        (
            "minute",
            "1,99",
            "minute \"1,99\": the last value (99) is higher than the maximum value (59) (at character 3)",
        ),
        (
            "hour",
            "20/4",
            "hour \"20/4\": the step (4) is higher than the range it divides (3) (at character 3)",
        ),
        (
            "day",
            "0",
            "day \"0\": the first value (0) is lower than the minimum value (1) (at character 1)",
        ),
        (
            "day",
            "1st foo",
            "day \"1st foo\": there is no weekday \"foo\" (at character 5)",
        ),
        (
            "day_of_week",
            "fri-mon",
            "day_of_week \"fri-mon\": the range goes backwards (at character 1)",
        ),
        (
            "month",
            "jan,foo",
            "month \"jan,foo\": there is no month \"foo\" (at character 5)",
        ),
        (
            "second",
            "*/0",
            "second \"*/0\": the step must be higher than 0 (at character 2)",
        ),
        (
            "year",
            "é",
            "year \"é\": not an expression of this field (at character 1)",
        ),
    ];
    for (field, text, expected) in rows {
        let error = compile(field, text);
        assert!(error.starts_with(expected), "{error}");
        assert!(error.contains("; allowed: "), "{error}");
    }
    assert!(
        compile("weekday", "1")
            .starts_with("unknown field \"weekday\" of a trigger of kind cron; allowed: year,")
    );
    let dates = [
        (
            "2024-02-30",
            "start \"2024-02-30\": there is no day 30 in 2024-02 (at character 9)",
        ),
        (
            "2024-01-01 12:00",
            "start \"2024-01-01 12:00\": expected \":\" (at character 17)",
        ),
        (
            "2024-01-01T24:00:00",
            "start \"2024-01-01T24:00:00\": an hour is 0 to 23, not 24 (at character 12)",
        ),
    ];
    for (text, expected) in dates {
        let mut definition = Definition::new(Kind::Interval).with("hours", 1);
        definition.start = Some(text.to_owned());
        let error = definition
            .compile(&context("UTC", DstPolicy::Once))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn errors_of_a_crontab_line_say_where_in_the_line() {
    let error = |dialect, line: &str| {
        let read = Cron::from_crontab(dialect, line, Setting::of(Zone::utc()));
        read.unwrap_err().to_string()
    };
    const SUNDAY: &str =
        "*, a, a-b, */n, a-b/n or a list of these, with values 0 to 7 (0 and 7 = Sunday) or sun to sat";
    let rows = [
        (
            Dialect::Crontab,
            "0 0 * * 1,8",
            "crontab \"0 0 * * 1,8\": day_of_week \"1,8\": the value (8) is higher than the maximum value (7) (at character 11); allowed: ",
        ),
        (
            Dialect::Crontab,
            " 0\t0 0  * *",
            "crontab \" 0\t0 0  * *\": day \"0\": the value (0) is lower than the minimum value (1) (at character 6); allowed: ",
        ),
        (
            Dialect::Crontab,
            "5/15 * * * *",
            "crontab \"5/15 * * * *\": minute \"5/15\": a step needs a range before it, such as */5 or 10-50/5 (at character 1)",
        ),
        (
            Dialect::Crontab,
            "* * * é,foo *",
            "crontab \"* * * é,foo *\": month \"é,foo\": \"é\" is no value of this field (at character 7)",
        ),
        (
            Dialect::Crontab,
            "* 1-x * * *",
            "crontab \"* 1-x * * *\": hour \"1-x\": \"x\" is no value of this field (at character 5); allowed: *, a, a-b, */n, a-b/n or a list of these, with values 0 to 23",
        ),
        (
            Dialect::Crontab,
            "* 1,,2 * * *",
            "crontab \"* 1,,2 * * *\": hour \"1,,2\": a value is missing (at character 5)",
        ),
        (
            Dialect::Crontab,
            "* * * *",
            "crontab \"* * * *\": it has 4 of 5 fields: the day_of_week is missing (at character 8); allowed: five fields",
        ),
        (
            Dialect::Crontab,
            "* * * * * /bin/true",
            "crontab \"* * * * * /bin/true\": it has 6 fields, not 5 (at character 11); allowed: five fields",
        ),
        (
            Dialect::Crontab,
            "  @reboot",
            "crontab \"  @reboot\": there is no nickname \"@reboot\" here (at character 3); allowed: five fields",
        ),
        (
            Dialect::ApsCrontab,
            "0 0 * * 1,7",
            "crontab \"0 0 * * 1,7\": day_of_week \"1,7\": the last value (7) is higher than the maximum value (6) (at character 11); allowed: ",
        ),
        (
            Dialect::ApsCrontab,
            "é 0 * * 1",
            "crontab \"é 0 * * 1\": minute \"é\": not an expression of this field (at character 1)",
        ),
        (
            Dialect::ApsCrontab,
            "0 12  1-40 * *",
            "crontab \"0 12  1-40 * *\": day \"1-40\": the last value (40) is higher than the maximum value (31) (at character 7)",
        ),
        (
            Dialect::ApsCrontab,
            "@daily",
            "crontab \"@daily\": it has 1 of 5 fields: the hour is missing (at character 7); allowed: five fields",
        ),
        (
            Dialect::ApsCrontab,
            "",
            "crontab \"\": it has 0 of 5 fields: the minute is missing (at character 1)",
        ),
    ];
    for (dialect, line, expected) in rows {
        let error = error(dialect, line);
        assert!(error.starts_with(expected), "{error}\n{expected}");
        assert!(error.contains("; allowed: "), "{error}");
    }
    assert!(error(Dialect::Crontab, "0 0 * * 8").ends_with(SUNDAY));
}

#[test]
fn json_that_means_something_else_is_refused() {
    let rows = [
        (r#"["cron",{"hour":1}]"#, "as a JSON object"),
        (
            r#"["cron",{"hour":1},null,null,null,null,null,null,null,null,null,null,1]"#,
            "as a JSON object",
        ),
        (r#""cron""#, "as a JSON object"),
        (
            r#"{"kind":"cron","fields":[["hour",1]]}"#,
            "fields as a JSON object",
        ),
        (
            r#"{"kind":"cron","fields":{"hour":1,"hour":2}}"#,
            "the field \"hour\" is given twice",
        ),
        (
            r#"{"kind":"interval","fields":{"hours":1,"hours":1}}"#,
            "the field \"hours\" is given twice",
        ),
        (r#"{"kind":"cron","kind":"cron"}"#, "duplicate field `kind`"),
    ];
    for (text, part) in rows {
        let definition = serde_json::from_str::<Definition>(text).unwrap_err().to_string();
        let case = triggers::Case::parse(text).unwrap_err().to_string();
        for error in [definition, case] {
            assert!(error.contains(part), "{text}: {error}");
        }
    }
    let value = serde_json::json!(["cron"]);
    assert!(serde_json::from_value::<Definition>(value).is_err());
    for text in [r#"{"kind":"cron"}"#, r#"{"kind":"cron","fields":{"hour":1}}"#] {
        let definition: Definition = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&definition).unwrap(), text);
    }
    assert!(triggers::Case::parse(r#"{"kind":"cron","fields":null}"#).is_ok());
}

#[test]
fn contradictions_are_refused() {
    let mut both = Definition::crontab("* * * * *").with("hour", 1);
    both.dialect = None;
    let mut date = Definition::new(Kind::Date);
    date.end = Some("2024-01-01".to_owned());
    let mut dialect = Definition::new(Kind::Cron);
    dialect.dialect = Some(Dialect::Crontab);
    let mut interval = Definition::new(Kind::Interval);
    interval.crontab = Some("* * * * *".to_owned());
    for definition in [both, date, dialect, interval] {
        let result = definition.compile(&context("UTC", DstPolicy::Once));
        assert!(
            matches!(result, Err(TriggerError::Contradiction(_))),
            "{definition:?}"
        );
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
fn hazards() {
    let year = at("2024-01-01T00:00:00Z")..at("2025-01-01T00:00:00Z");
    let daily =
        |dst| cron(&[("hour", "2,3"), ("minute", "30")], "America/New_York", dst).hazards(year.clone());
    let effects = |hazards: &[Hazard]| match hazards {
        [Hazard::Gap { effect, times: 1, .. }] => *effect,
        other => panic!("{other:?}"),
    };
    assert_eq!(effects(&daily(DstPolicy::Literal)), GapEffect::Skipped);
    assert_eq!(effects(&daily(DstPolicy::Once)), GapEffect::Covered);
    let night = cron(
        &[("hour", "1,2"), ("minute", "0,30")],
        "America/New_York",
        DstPolicy::Once,
    )
    .hazards(year.clone());
    let [
        Hazard::Gap { effect, at: gap, .. },
        Hazard::Overlap {
            effect: overlap,
            times,
            ..
        },
    ] = &night[..]
    else {
        panic!("{night:?}");
    };
    assert_eq!(
        (*effect, *gap),
        (
            GapEffect::MadeUp(at("2024-03-10T07:00:00Z")),
            at("2024-03-10T07:00:00Z")
        )
    );
    assert_eq!((*overlap, *times), (OverlapEffect::FirstPassOnly, 2));
    assert_eq!(
        night[1].to_string(),
        "the clock shows 2024-11-03 01:00:00 and one time more twice: it fires the first time only"
    );
    assert_eq!(
        cron(&[("minute", "30")], "America/New_York", DstPolicy::Literal).hazards(year.clone()),
        []
    );
    let rare = cron(&[("day", "31")], "UTC", DstPolicy::Once).hazards(year.clone());
    assert_eq!(
        rare,
        [Hazard::SomeMonthsOnly {
            months: vec![2, 4, 6, 9, 11]
        }]
    );
    assert_eq!(
        rare[0].to_string(),
        "it does not fire in every February, April, June, September or November: the month may lack its day"
    );
    let fifth = cron(&[("day", "5th mon")], "UTC", DstPolicy::Once).hazards(year.clone());
    assert_eq!(
        fifth[0].to_string(),
        "it does not fire in every month: the month may lack its day"
    );
    let leap = cron(&[("month", "2"), ("day", "29")], "UTC", DstPolicy::Once).hazards(year.clone());
    assert_eq!(leap, [Hazard::SomeMonthsOnly { months: vec![2] }]);
    let never = cron(&[("month", "2"), ("day", "30")], "UTC", DstPolicy::Once).hazards(year.clone());
    assert_eq!(never.last(), Some(&Hazard::NeverFires));
    let over = cron(&[("year", "2020")], "UTC", DstPolicy::Once).hazards(year);
    assert_eq!(over, [Hazard::NeverFiresAgain]);
}

#[test]
fn hazards_know_the_bounds_and_the_beginning_of_the_range() {
    let ask = |fields: (&str, &str), dst, start: Option<&str>, end: Option<&str>, range: (&str, &str)| {
        let mut definition = Definition::new(Kind::Cron)
            .with("hour", fields.0)
            .with("minute", fields.1);
        (definition.start, definition.end) = (start.map(str::to_owned), end.map(str::to_owned));
        let trigger = definition.compile(&context("America/New_York", dst)).unwrap();
        let words: Vec<_> = trigger
            .hazards(at(range.0)..at(range.1))
            .iter()
            .map(Hazard::to_string)
            .collect();
        words.join("; ")
    };
    use DstPolicy::{Literal, Once};
    // 02:00 to 03:00 is skipped at 07:00Z.
    let gap = ("2024-03-01T00:00:00Z", "2024-04-01T00:00:00Z");
    let lost = "the clock skips 2024-03-10 02:30:00: it does not fire then";
    let made_up = "the clock skips 2024-03-10 02:30:00: it fires once instead, at 2024-03-10T07:30:00Z";
    let rows = [
        (("2", "30"), None, None, gap, made_up),
        (("2", "30"), None, Some("2024-03-10T07:30:00Z"), gap, made_up),
        // The shifted fire would lie outside the bounds, and with it the time itself.
        (("2", "30"), None, Some("2024-03-10T07:29:59Z"), gap, ""),
        (("2", "30"), Some("2024-03-10T07:30:01Z"), None, gap, ""),
        // The first of two times decides, and it lies before the start.
        (("2", "15,30"), Some("2024-03-10T07:20:00Z"), None, gap, lost),
        // A range, or a start, exactly at the change and within its effect.
        (
            ("2", "30"),
            None,
            None,
            ("2024-03-10T07:00:00Z", "2024-04-01T00:00:00Z"),
            made_up,
        ),
        (
            ("2", "30"),
            None,
            None,
            ("2024-03-10T07:10:00Z", "2024-04-01T00:00:00Z"),
            made_up,
        ),
        (
            ("2", "30"),
            None,
            None,
            ("2024-03-10T08:00:00Z", "2024-04-01T00:00:00Z"),
            "",
        ),
        (("2", "30"), Some("2024-03-10T07:00:00Z"), None, gap, made_up),
        (("2", "30"), Some("2024-03-10 02:30:00"), None, gap, made_up),
        (
            ("2", "30"),
            None,
            None,
            ("2024-03-01T00:00:00Z", "2024-03-10T07:00:00Z"),
            "",
        ),
    ];
    for (fields, start, end, range, expected) in rows {
        assert_eq!(
            ask(fields, Once, start, end, range),
            expected,
            "{fields:?} {start:?} {end:?} {range:?}"
        );
    }
    // 01:00 to 02:00 is shown twice: from 05:00Z, and from 06:00Z on.
    let overlap = ("2024-11-01T00:00:00Z", "2024-12-01T00:00:00Z");
    let told =
        |first: &str, effect: &str| format!("the clock shows 2024-11-03 {first} twice: it fires {effect}");
    let rows = [
        (
            ("1", "30"),
            Once,
            None,
            None,
            told("01:30:00", "the first time only"),
        ),
        (("1", "30"), Literal, None, None, told("01:30:00", "both times")),
        (
            ("1", "30"),
            Once,
            Some("2024-11-03T05:31:00Z"),
            None,
            told("01:30:00", "neither time"),
        ),
        (
            ("1", "30"),
            Literal,
            Some("2024-11-03T05:31:00Z"),
            None,
            told("01:30:00", "the second time only"),
        ),
        (
            ("1", "30"),
            Literal,
            None,
            Some("2024-11-03T06:29:59Z"),
            told("01:30:00", "the first time only"),
        ),
        (
            ("1", "30"),
            Literal,
            None,
            Some("2024-11-03T06:30:00Z"),
            told("01:30:00", "both times"),
        ),
        (
            ("1", "0"),
            Literal,
            None,
            Some("2024-11-03T06:00:00Z"),
            told("01:00:00", "both times"),
        ),
        (
            ("1", "30"),
            Literal,
            None,
            Some("2024-11-03T05:59:59Z"),
            String::new(),
        ),
        (
            ("1", "30"),
            Once,
            Some("2024-11-03T06:00:00Z"),
            None,
            told("01:30:00", "neither time"),
        ),
        (
            ("1", "30"),
            Once,
            Some("2024-11-03T06:31:00Z"),
            None,
            String::new(),
        ),
        (
            ("1", "10,50"),
            Literal,
            Some("2024-11-03T05:30:00Z"),
            None,
            format!(
                "{}; {}",
                told("01:10:00", "the second time only"),
                told("01:50:00", "both times")
            ),
        ),
    ];
    for (fields, dst, start, end, expected) in rows {
        assert_eq!(
            ask(fields, dst, start, end, overlap),
            expected,
            "{fields:?} {dst} {start:?} {end:?}"
        );
    }
    let within = ("2024-11-03T06:10:00Z", "2024-12-01T00:00:00Z");
    assert_eq!(
        ask(("1", "30"), Once, None, None, within),
        told("01:30:00", "the first time only")
    );
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

#[test]
fn zone_names_are_exact() {
    for name in [
        "utc",
        "America/New_york",
        "../etc/passwd",
        "/etc/localtime",
        "GMT+25",
        "",
        "Etc/Unknown",
        "Europe//Berlin",
    ] {
        assert!(Zone::named(name).is_err(), "{name}");
    }
    assert_eq!(Zone::named("Etc/GMT+12").unwrap().name(), "Etc/GMT+12");
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
