//! What is told of a trigger before it is saved: clock changes, months that lack its day, no fires at all (T2 and T5).

use crate::{at, context, cron};
use triggers::{Definition, DstPolicy, GapEffect, Hazard, Kind, OverlapEffect};

/// Fields of a cron: names and texts.
type Given<'a> = &'a [(&'a str, &'a str)];

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
    let never = cron(&[("month", "2"), ("day", "30")], "UTC", DstPolicy::Once).hazards(year.clone());
    assert_eq!(never, [Hazard::NeverFires]);
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
fn months_that_lack_the_day_are_those_of_the_years_and_bounds_that_are_meant() {
    let year = at("2024-01-01T00:00:00Z")..at("2025-01-01T00:00:00Z");
    let ask = |fields: Given<'_>, start: &str, end: &str| {
        let mut definition = fields
            .iter()
            .fold(Definition::new(Kind::Cron), |definition, (name, value)| {
                definition.with(name, *value)
            });
        definition.start = Some(start.to_owned());
        definition.end = Some(end.to_owned());
        let trigger = definition
            .compile(&context("America/New_York", DstPolicy::Once))
            .unwrap();
        match &trigger.hazards(year.clone())[..] {
            [] => vec![],
            [Hazard::SomeMonthsOnly { months }] => months.clone(),
            other => panic!("{fields:?}: {other:?}"),
        }
    };
    let always = ("1970-01-01", "9999-12-31 12:00:00");
    let months = |list: &str| {
        list.split(' ')
            .map(|month| month.parse().unwrap())
            .collect::<Vec<u8>>()
    };
    let rows: [(Given<'_>, (&str, &str), Vec<u8>); 14] = [
        (&[("month", "2"), ("day", "29")], always, months("2")),
        (&[("year", "2024"), ("month", "2"), ("day", "29")], always, vec![]),
        (
            &[("year", "2024,2028"), ("month", "2"), ("day", "29")],
            always,
            vec![],
        ),
        (
            &[("year", "2024,2025"), ("month", "2"), ("day", "29")],
            always,
            months("2"),
        ),
        // 2100 is no leap year.
        (
            &[("year", "2024-2096/4"), ("month", "2"), ("day", "29")],
            always,
            vec![],
        ),
        (
            &[("year", "2024/4"), ("month", "2"), ("day", "29")],
            always,
            months("2"),
        ),
        (&[("year", "2024"), ("day", "30")], always, months("2")),
        (&[("month", "1-7/2"), ("day", "31")], always, vec![]),
        (&[("day", "30,31")], always, months("2")),
        // 2024-09-30 is a Monday; the Septembers of other years have but four.
        (
            &[("year", "2024"), ("month", "9"), ("day", "5th mon")],
            always,
            vec![],
        ),
        (&[("month", "9"), ("day", "5th mon")], always, months("9")),
        // The bounds are wall time, and a month counts if it reaches between them.
        (&[("day", "31")], ("2024-05-01", "2024-05-31 23:59:59"), vec![]),
        (&[("day", "31")], ("2024-05-01", "2024-06-01"), months("6")),
        (&[("day", "29")], ("2024-01-01", "2024-12-31"), vec![]),
    ];
    for (fields, (start, end), expected) in rows {
        assert_eq!(ask(fields, start, end), expected, "{fields:?} {start} {end}");
    }
}

#[test]
fn triggers_of_every_hour_are_told_what_a_change_off_the_hour_breaks() {
    let ask = |fields: Given<'_>, zone: &str, dst, range: (&str, &str)| {
        let hazards = cron(fields, zone, dst).hazards(at(range.0)..at(range.1));
        hazards
            .iter()
            .map(Hazard::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    };
    let howe = "Australia/Lord_Howe";
    // 2024-10-06 02:00 to 02:30 is skipped, 2024-04-07 01:30 to 02:00 is shown twice.
    let (gap, overlap) = (
        ("2024-10-01T00:00:00Z", "2024-10-10T00:00:00Z"),
        ("2024-04-01T00:00:00Z", "2024-04-10T00:00:00Z"),
    );
    let apia = ("2011-12-01T00:00:00Z", "2012-01-01T00:00:00Z");
    // 2018-11-04 00:00 to 01:00 is skipped, a Sunday.
    let sao_paulo = ("2018-11-01T00:00:00Z", "2018-11-10T00:00:00Z");
    let lost = "the clock skips 2024-10-06 02:15:00: it does not fire then";
    let twice = "the clock shows 2024-04-07 01:45:00 twice: it fires both times";
    let rows: [(Given<'_>, &str, (&str, &str), &str); 16] = [
        (&[("minute", "15")], howe, gap, lost),
        (&[("hour", "0-23"), ("minute", "15")], howe, gap, lost),
        (&[("minute", "45")], howe, gap, ""),
        (&[("minute", "15")], howe, overlap, ""),
        (&[("minute", "45")], howe, overlap, twice),
        // Half an hour is a number of their periods.
        (&[("minute", "*/15")], howe, gap, ""),
        (&[("minute", "15,45")], howe, gap, ""),
        (&[("minute", "*/15")], howe, overlap, ""),
        (&[("minute", "*"), ("second", "7")], howe, gap, ""),
        (&[("second", "*")], howe, overlap, ""),
        // 02:00 goes on at 02:30, 02:15 at nothing.
        (&[("minute", "0,15,30")], howe, gap, lost),
        (
            &[("minute", "*/20")],
            howe,
            gap,
            "the clock skips 2024-10-06 02:00:00 and one time more: it does not fire at any of them",
        ),
        (&[("minute", "30")], "Pacific/Apia", apia, ""),
        (
            &[("day", "30"), ("hour", "*"), ("minute", "30")],
            "Pacific/Apia",
            apia,
            "the clock skips 2011-12-30 00:30:00 and 23 times more: it does not fire at any of them; \
             it does not fire in every February: the month may lack its day",
        ),
        (
            &[("day_of_week", "sun"), ("hour", "*"), ("minute", "30")],
            "America/Sao_Paulo",
            sao_paulo,
            "",
        ),
        (
            &[("day_of_week", "sun"), ("hour", "*"), ("second", "*")],
            "America/Sao_Paulo",
            sao_paulo,
            "",
        ),
    ];
    for (fields, zone, range, expected) in rows {
        for dst in [DstPolicy::Once, DstPolicy::Literal] {
            assert_eq!(ask(fields, zone, dst, range), expected, "{fields:?} {zone} {dst}");
        }
    }
}

#[test]
fn what_of_a_change_is_over_before_the_range_is_not_told() {
    use DstPolicy::{Literal, Once};
    let ask = |fields: Given<'_>, dst, from: &str| {
        let trigger = cron(fields, "America/New_York", dst);
        let hazards = trigger.hazards(at(from)..at("2024-12-01T00:00:00Z"));
        let changes = hazards
            .iter()
            .filter(|hazard| !matches!(hazard, Hazard::Overlap { .. }));
        changes.map(Hazard::to_string).collect::<Vec<_>>().join("; ")
    };
    // 02:00 to 03:00 is skipped at 07:00Z.
    let one: Given<'_> = &[("hour", "2"), ("minute", "30")];
    let two: Given<'_> = &[("hour", "2"), ("minute", "15,45")];
    let covered: Given<'_> = &[("hour", "2,3"), ("minute", "30")];
    let rows = [
        (
            one,
            Once,
            "2024-03-10T07:30:00Z",
            "the clock skips 2024-03-10 02:30:00: it fires once instead, at 2024-03-10T07:30:00Z",
        ),
        (one, Once, "2024-03-10T07:30:01Z", ""),
        (
            one,
            Literal,
            "2024-03-10T07:30:00Z",
            "the clock skips 2024-03-10 02:30:00: it does not fire then",
        ),
        (one, Literal, "2024-03-10T07:30:01Z", ""),
        (
            two,
            Once,
            "2024-03-10T07:15:00Z",
            "the clock skips 2024-03-10 02:15:00 and one time more: it fires once instead, at 2024-03-10T07:15:00Z",
        ),
        (two, Once, "2024-03-10T07:15:01Z", ""),
        (
            two,
            Literal,
            "2024-03-10T07:15:01Z",
            "the clock skips 2024-03-10 02:45:00: it does not fire then",
        ),
        (
            covered,
            Once,
            "2024-03-10T07:30:00Z",
            "the clock skips 2024-03-10 02:30:00: it fires right behind the gap anyway",
        ),
        (covered, Once, "2024-03-10T07:30:01Z", ""),
    ];
    for (fields, dst, from, expected) in rows {
        assert_eq!(ask(fields, dst, from), expected, "{fields:?} {dst} {from}");
    }
    // 01:00 to 02:00 is shown again from 06:00Z on.
    let ask = |dst, from: &str| {
        let trigger = cron(&[("hour", "1"), ("minute", "15,45")], "America/New_York", dst);
        let hazards = trigger.hazards(at(from)..at("2024-12-01T00:00:00Z"));
        hazards
            .iter()
            .map(Hazard::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    };
    for (from, told) in [
        ("2024-11-03T06:15:00Z", "2024-11-03 01:15:00 and one time more"),
        ("2024-11-03T06:15:01Z", "2024-11-03 01:45:00"),
    ] {
        assert_eq!(
            ask(Literal, from),
            format!("the clock shows {told} twice: it fires both times")
        );
        assert_eq!(
            ask(Once, from),
            format!("the clock shows {told} twice: it fires the first time only")
        );
    }
    assert_eq!(ask(Once, "2024-11-03T06:45:01Z"), "");
}
