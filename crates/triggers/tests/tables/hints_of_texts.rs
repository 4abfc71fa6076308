//! What helps the author of a field, a zone, a date or a member of a definition that is none (T8).

use crate::context;
use triggers::{Definition, DstPolicy, Kind, TriggerError, WallMicros, Zone};

fn refused(definition: &Definition) -> TriggerError {
    definition.compile(&context("UTC", DstPolicy::Once)).unwrap_err()
}

/// What a hint says to write, if it is a text and nothing else.
fn better(hint: &str) -> Option<&str> {
    let text = hint.rsplit_once("write ")?.1;
    let end = [" (", "; "].iter().filter_map(|end| text.find(end)).min();
    Some(&text[..end.unwrap_or(text.len())])
}

#[test]
fn fields_of_a_cron() {
    let rows = [
        ("minute", "60", "write 0"),
        ("minute", "*/60", "write 0"),
        ("minute", "*/90", "every 90 minutes is an interval: minutes=90"),
        ("minute", "5-5/1", "write 5"),
        ("minute", "59/1", "write 59"),
        ("minute", "0-0/5", "write 0"),
        ("minute", "٥-٩", "\"٥\" only looks like \"5\": write 5-9"),
        ("minute", "*5", "write */5"),
        ("minute", "/5", "write */5"),
        ("minute", "*/5m", "write */5"),
        (
            "minute",
            "H",
            "Jenkins' H is not read; write a value of your own, such as 3",
        ),
        (
            "minute",
            "H/5",
            "Jenkins' H is not read; write */5, or a value of your own, such as 3",
        ),
        ("minute", "1.5", "write whole numbers"),
        ("minute", ".5", "write whole numbers"),
        ("minute", "1,,2", "write 1,2"),
        ("minute", "09:30", "write hour=9 minute=30"),
        ("hour", "22-2", "write 22-23,0-2"),
        ("hour", "24", "write 0"),
        ("hour", "9,", "write 9"),
        ("hour", "9pm", "write 21 (hours are 0 to 23)"),
        ("hour", "9:30", "write hour=9 minute=30"),
        ("hour", "noon", "write 12 (hours are 0 to 23)"),
        ("hour", "*/24", "write 0"),
        ("hour", "*/36", "every 36 hours is an interval: hours=36"),
        ("hour", "0-24", "write 0-23"),
        ("hour", "9-17/20", "write 9"),
        ("hour", "", "write * for every value, or leave the field out"),
        ("hour", " ", "write * for every value, or leave the field out"),
        ("hour", "1 - 5", "write 1-5"),
        ("hour", "* /5", "write */5"),
        ("hour", "last", "that belongs to the field day: day=last"),
        ("hour", "mon", "weekdays are the field day_of_week"),
        ("hour", "?", "write *"),
        ("hour", "\"9\"", "write 9"),
        ("second", "*/90", "every 90 seconds is an interval: seconds=90"),
        ("second", "60", "write 0"),
        ("day", "L", "write last"),
        ("day", "LW", "the nearest working day (W) cannot be had here"),
        ("day", "15W", "the nearest working day (W) cannot be had here"),
        (
            "day",
            "L-3",
            "of the days counted from the end of the month only the last can be had: day=last",
        ),
        ("day", "\"last\"", "write last"),
        ("day", "'2nd sun'", "write 2nd sun"),
        ("day", "\"2nd sun\"", "write 2nd sun"),
        ("day", "second sunday", "write 2nd sun"),
        ("day", "2th fri", "write 2nd fri"),
        ("day", "1st,3rd mon", "write 1st mon,3rd mon"),
        ("day", "1st", "write 1"),
        ("day", "15th", "write 15"),
        ("day", "first mon", "write 1st mon"),
        ("day", "first", "write 1"),
        ("day", "lastfri", "write last fri"),
        ("day", "last friday", "write last fri"),
        ("day", "last day", "write last"),
        ("day", "final", "write last"),
        (
            "day",
            "mon",
            "weekdays are the field day_of_week; the first Monday of each month is day=1st mon",
        ),
        (
            "day",
            "mon-fri",
            "weekdays are the field day_of_week; the first Monday of each month is day=1st mon",
        ),
        ("day", "0", "days count from 1"),
        ("day", "?", "write *"),
        ("day", "*/31", "write 1"),
        ("day", "*/45", "every 45 days is an interval: days=45"),
        ("day", "28-3", "write 28-31,1-3"),
        ("day", "fri#2", "write 2nd fri"),
        ("day_of_week", "fri-mon", "write fri-sun,mon"),
        ("day_of_week", "sun-thu", "write sun,mon-thu"),
        (
            "day_of_week",
            "mon-4",
            "write mon-fri (a range is of names or of numbers)",
        ),
        (
            "day_of_week",
            "0-fri",
            "write mon-fri (a range is of names or of numbers)",
        ),
        (
            "day_of_week",
            "mon-fri/2",
            "write mon,wed,fri (names take no step)",
        ),
        ("day_of_week", "mon;tue", "write mon,tue"),
        ("day_of_week", "monday", "write mon"),
        ("day_of_week", "Mondays", "write mon"),
        ("day_of_week", "mo", "write mon"),
        (
            "day_of_week",
            "5L",
            "that belongs to the field day: day=last and the weekday's name, such as last fri",
        ),
        (
            "day_of_week",
            "fri#3",
            "that belongs to the field day: day=3rd fri",
        ),
        (
            "day_of_week",
            "3rd fri",
            "that belongs to the field day: day=3rd fri",
        ),
        (
            "day_of_week",
            "last fri",
            "that belongs to the field day: day=last fri",
        ),
        ("day_of_week", "last", "that belongs to the field day: day=last"),
        (
            "day_of_week",
            "7",
            "weekdays are 0 (Monday) to 6 (Sunday) here; names, such as sun, mean the same everywhere",
        ),
        (
            "day_of_week",
            "0-7",
            "weekdays are 0 (Monday) to 6 (Sunday) here; names, such as sun, mean the same everywhere",
        ),
        (
            "day_of_week",
            "1-7",
            "weekdays are 0 (Monday) to 6 (Sunday) here; names, such as sun, mean the same everywhere",
        ),
        ("day_of_week", "weekdays", "write mon-fri"),
        ("day_of_week", "weekend", "write sat,sun"),
        ("day_of_week", "*/7", "write 0"),
        ("day_of_week", "jan", "months are the field month"),
        ("day_of_week", "MON..FRI", "write MON-FRI"),
        ("day_of_week", "mon to fri", "write mon-fri"),
        ("month", "january", "write jan"),
        (
            "month",
            "jan/2",
            "write jan,mar,may,jul,sep,nov (names take no step)",
        ),
        ("month", "jan-mar/2", "write jan,mar (names take no step)"),
        ("month", "nov-feb", "write nov-dec,jan-feb"),
        (
            "month",
            "1-feb",
            "write jan-feb (a range is of names or of numbers)",
        ),
        ("month", "0", "months count from 1"),
        ("month", "*/12", "write 1"),
        ("month", "mon", "weekdays are the field day_of_week"),
        ("month", "sept", "write sep"),
        ("week", "52-1", "write 52-53,1"),
        ("week", "0", "weeks count from 1"),
        ("week", "*/53", "write 1"),
        ("year", "24", "write 2024"),
        ("year", "2026-2024", "write 2024-2026"),
    ];
    for (field, text, expected) in rows {
        let error = refused(&Definition::new(Kind::Cron).with(field, text));
        assert_eq!(error.hint().as_deref(), Some(expected), "{field} {text:?}");
        let is_value = |text: &&str| !text.contains(['=', '*']) && text.len() < 30;
        if let Some(better) = better(expected)
            .filter(is_value)
            .filter(|_| !expected.contains("your own"))
        {
            let definition = Definition::new(Kind::Cron).with(field, better);
            let is_read = definition.compile(&context("UTC", DstPolicy::Once)).is_ok();
            assert!(is_read || better == "whole numbers", "{field} {text:?}: {better}");
        }
    }
    for (field, text) in [
        ("day", "6th mon"),
        ("day_of_week", "montag"),
        ("month", "ma"),
        ("hour", "0x10"),
        ("week", "54"),
    ] {
        let error = refused(&Definition::new(Kind::Cron).with(field, text));
        assert_eq!(error.hint(), None, "{field} {text:?}");
    }
}

#[test]
fn zones() {
    let rows = [
        ("europe/berlin", "the nearest is Europe/Berlin"),
        ("Europe/Berln", "the nearest is Europe/Berlin"),
        ("Berlin", "the nearest is Europe/Berlin"),
        ("berlin", "the nearest is Europe/Berlin"),
        ("New York", "the nearest is America/New_York"),
        ("America/New York", "the nearest is America/New_York"),
        ("America/Newyork", "the nearest is America/New_York"),
        ("NewYork", "the nearest is America/New_York"),
        ("PST", "write America/Los_Angeles"),
        ("CEST", "write Europe/Berlin"),
        (
            "UTC+2",
            "the offset +02:00 all year is Etc/GMT-2 (there the sign is the other way round); a place, such as Europe/Berlin, follows its clock changes",
        ),
        (
            "GMT+2",
            "the offset +02:00 all year is Etc/GMT-2 (there the sign is the other way round); a place, such as Europe/Berlin, follows its clock changes",
        ),
        (
            "UTC-05:00",
            "the offset -05:00 all year is Etc/GMT+5 (there the sign is the other way round); a place, such as Europe/Berlin, follows its clock changes",
        ),
        (
            "+05:30",
            "an offset of +05:30 has no name; a place, such as Europe/Berlin, follows its clock changes",
        ),
        ("UTC+0", "write UTC"),
        ("utc", "the nearest is UTC"),
        ("Utc", "the nearest is UTC"),
        ("gmt", "the nearest is GMT"),
        ("Z", "write UTC"),
        ("Europe/Munich", "the nearest is Europe/Berlin"),
        ("Munich", "write Europe/Berlin"),
        ("Asia/Mumbai", "the nearest is Asia/Kolkata"),
        ("Asia/Calcuta", "the nearest is Asia/Calcutta"),
        (
            "W. Europe Standard Time",
            "that is what Windows calls a zone; write a place, such as America/New_York",
        ),
        (
            "CET-1CEST,M3.5.0,M10.5.0/3",
            "rules are not read; write a place, such as Europe/Berlin",
        ),
        ("America/Los_Angels", "the nearest is America/Los_Angeles"),
        ("America/LosAngeles", "the nearest is America/Los_Angeles"),
        ("San Francisco", "write America/Los_Angeles"),
        ("Asia/Bejing", "the nearest is Asia/Shanghai"),
        ("London", "the nearest is Europe/London"),
        ("London/Europe", "the nearest is Europe/London"),
        ("IST", "write Asia/Kolkata, Asia/Jerusalem or Europe/Dublin"),
        ("BST", "write Europe/London"),
        ("Europa/Berlin", "the nearest is Europe/Berlin"),
        (":Europe/Berlin", "the nearest is Europe/Berlin"),
        ("Sydney", "the nearest is Australia/Sydney"),
        ("Tokyo", "the nearest is Asia/Tokyo"),
        ("\"UTC\"", "the nearest is UTC"),
    ];
    for (name, expected) in rows {
        let error = Zone::named(name).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some(expected), "{name:?}");
        let words: Vec<&str> = expected.split([' ', ',']).collect();
        let named: Vec<&&str> = words.iter().filter(|word| word.contains('/')).collect();
        assert!(named.iter().all(|name| Zone::named(name).is_ok()), "{named:?}");
    }
    for name in ["Mars/Olympus", "../etc/passwd", "", "local", "x"] {
        assert_eq!(Zone::named(name).unwrap_err().hint(), None, "{name:?}");
    }
    let long = "Europe/Berlin".repeat(10_000);
    assert_eq!(Zone::named(&long).unwrap_err().hint(), None);
}

#[test]
fn dates() {
    let rows = [
        ("2026-12-24T18:00", "write 2026-12-24 18:00:00"),
        ("2026-12-24 18:00", "write 2026-12-24 18:00:00"),
        ("24.12.2026", "write 2026-12-24"),
        ("24.12.2026 18:00", "write 2026-12-24 18:00:00"),
        ("12/24/2026", "write 2026-12-24"),
        ("24/12/2026 6pm", "write 2026-12-24 18:00:00"),
        (
            "1/2/2026",
            "write the year first, then the month, then the day: 2026-12-24",
        ),
        ("2026/12/24", "write 2026-12-24"),
        ("20261224", "write 2026-12-24"),
        ("20261224T180000", "write 2026-12-24 18:00:00"),
        ("2026-12-24T18:00:00z", "write 2026-12-24 18:00:00Z"),
        ("2026-12-24T18:00:00+0100", "write 2026-12-24 18:00:00+01:00"),
        ("2026-12-24T18:00:00+01", "write 2026-12-24 18:00:00+01:00"),
        ("2026-12-24 18:00:00 +01:00", "write 2026-12-24 18:00:00+01:00"),
        ("2026-12-24 18:00:00 UTC", "write 2026-12-24 18:00:00Z"),
        (
            "2026-12-24 18:00:00 Europe/Berlin",
            "write 2026-12-24 18:00:00; the zone stands beside it, as tz",
        ),
        (
            "2026-12-24 18:00:00 CET",
            "write 2026-12-24 18:00:00; the zone stands beside it, as tz",
        ),
        ("2026-12-24 6pm", "write 2026-12-24 18:00:00"),
        ("2026-12-24 6:30 PM", "write 2026-12-24 18:30:00"),
        ("2026-12-24 24:00", "write 2026-12-25 00:00:00"),
        ("2026-12-31 24:00:00", "write 2027-01-01 00:00:00"),
        (
            "tomorrow",
            "words are not read; write the date, such as 2026-12-24 18:00:00",
        ),
        (
            "now",
            "words are not read; write the date, such as 2026-12-24 18:00:00",
        ),
        (
            "in 5 minutes",
            "words are not read; write the date, such as 2026-12-24 18:00:00",
        ),
        (
            "+1h",
            "words are not read; write the date, such as 2026-12-24 18:00:00",
        ),
        (
            "18:00",
            "a time needs a date before it, such as 2026-12-24 18:00:00",
        ),
        (
            "6pm",
            "a time needs a date before it, such as 2026-12-24 18:00:00",
        ),
        ("1766599200", "write 2025-12-24T18:00:00Z"),
        ("@1766599200", "write 2025-12-24T18:00:00Z"),
        ("Fri Dec 25 09:00:00 2026", "write 2026-12-25 09:00:00"),
        ("1766599200000", "write 2025-12-24T18:00:00Z"),
        ("Dec 24 2026", "write 2026-12-24"),
        ("Dec 24, 2026 18:00", "write 2026-12-24 18:00:00"),
        ("24 December 2026", "write 2026-12-24"),
        ("24th Dec 2026", "write 2026-12-24"),
        (" 2026-12-24", "write 2026-12-24"),
        ("2026-12-24T18:00:00.1234567", "write 2026-12-24 18:00:00.123456"),
        ("2026-12-24 18:00:00,5", "write 2026-12-24 18:00:00.5"),
        ("２０２６-12-24", "write 2026-12-24"),
        ("Thu Dec 24 2026", "write 2026-12-24"),
        ("Thu, 24 Dec 2026 18:00:00 GMT", "write 2026-12-24 18:00:00Z"),
        ("\"2026-12-24 18:00:00\"", "write 2026-12-24 18:00:00"),
        ("2026-12-24T18", "write 2026-12-24 18:00:00"),
        ("2026-12-24 18h", "write 2026-12-24 18:00:00"),
        (
            "2026-12-24T18:00:00.123456789Z",
            "write 2026-12-24 18:00:00.123456Z",
        ),
        ("Thursday 2026-12-24 18:00", "write 2026-12-24 18:00:00"),
    ];
    for (text, expected) in rows {
        let error = refused(&Definition::new(Kind::Date).with("run_date", text));
        assert_eq!(error.hint().as_deref(), Some(expected), "{text:?}");
        if let Some(better) = better(expected).filter(|better| better.starts_with('2')) {
            let definition = Definition::new(Kind::Date).with("run_date", better);
            assert!(
                definition.compile(&context("UTC", DstPolicy::Once)).is_ok(),
                "{text:?}: {better}"
            );
        }
        // Start and end are written like it.
        let mut bounded = Definition::new(Kind::Interval).with("hours", 1);
        bounded.start = Some(text.to_owned());
        assert_eq!(refused(&bounded).hint().as_deref(), Some(expected), "{text:?}");
    }
    for text in [
        "2026-02-30",
        "2026-13-01",
        "26-12-24",
        "2026-W52-4",
        "2026-12",
        "",
        "24. Dezember 2026",
    ] {
        let error = refused(&Definition::new(Kind::Date).with("run_date", text));
        assert_eq!(error.hint(), None, "{text:?}");
    }
    let error = "2026-12-24 18:00:00".parse::<triggers::UtcMicros>().unwrap_err();
    assert_eq!(
        error.hint().as_deref(),
        Some("write Z behind it for UTC, or an offset such as +02:00")
    );
    let error = "24.12.2026".parse::<WallMicros>().unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("write 2026-12-24"));
}

#[test]
fn members_of_a_definition() {
    let rows = [
        (
            r#"{"kind":"interval","fields":{"minutes":"90"}}"#,
            "write the number without quotes: 90",
        ),
        (
            r#"{"kind":"interval","fields":{"minutes":"5m"}}"#,
            "write minutes=5",
        ),
        (
            r#"{"kind":"interval","fields":{"hours":"1h30m"}}"#,
            "write hours=1 minutes=30",
        ),
        (r#"{"kind":"interval","fields":{"minute":5}}"#, "write minutes"),
        (r#"{"kind":"interval","fields":{"hrs":5}}"#, "write hours"),
        (
            r#"{"kind":"interval","fields":{"months":1}}"#,
            "months and years have no fixed length: they are a cron, such as day=1",
        ),
        (
            r#"{"kind":"interval","fields":{"weekday":1}}"#,
            "that is a field of a cron",
        ),
        (r#"{"kind":"cron","fields":{"hours":9}}"#, "write hour"),
        (r#"{"kind":"cron","fields":{"Minute":9}}"#, "write minute"),
        (
            r#"{"kind":"cron","fields":{"weekday":"mon"}}"#,
            "write day_of_week",
        ),
        (r#"{"kind":"cron","fields":{"dow":"mon"}}"#, "write day_of_week"),
        (r#"{"kind":"cron","fields":{"dom":1}}"#, "write day"),
        (
            r#"{"kind":"cron","fields":{"timezone":"UTC"}}"#,
            "that stands beside the fields",
        ),
        (
            r#"{"kind":"date","fields":{"date":"2026-12-24"}}"#,
            "write run_date",
        ),
    ];
    for (text, expected) in rows {
        let definition: Definition = serde_json::from_str(text).unwrap();
        assert_eq!(refused(&definition).hint().as_deref(), Some(expected), "{text}");
    }
    let rows = [
        (r#"{"kind":"crontab"}"#, "; hint: write cron "),
        (r#"{"kind":"every"}"#, "; hint: write interval "),
        (r#"{"kind":"once"}"#, "; hint: write date "),
        (r#"{"kind":"intervall"}"#, "; hint: write interval "),
        (
            r#"{"kind":"cron","crontab":"","dialect":"cron"}"#,
            "; hint: write crontab ",
        ),
        (
            r#"{"kind":"cron","crontab":"","dialect":"aps"}"#,
            "; hint: write aps-crontab ",
        ),
        (
            r#"{"kind":"cron","crontab":"","dialect":"quartz"}"#,
            "; hint: the fields of a cron have its seconds ",
        ),
        (r#"{"kind":"cron","dst":"onse"}"#, "; hint: write once "),
    ];
    for (text, expected) in rows {
        let error = serde_json::from_str::<Definition>(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// T3: nothing at all is an interval of a second, as in APScheduler; units without a number are a mistake.
#[test]
fn units_without_a_number_are_no_interval() {
    for text in [
        r#"{"kind":"interval","fields":{"seconds":null}}"#,
        r#"{"kind":"interval","fields":{"seconds":null,"weeks":null}}"#,
    ] {
        let definition: Definition = serde_json::from_str(text).unwrap();
        let error = refused(&definition).to_string();
        assert!(
            error.starts_with("seconds null: no unit of the interval has a number; allowed: a number"),
            "{error}"
        );
    }
    for text in [
        r#"{"kind":"interval"}"#,
        r#"{"kind":"interval","fields":{"seconds":0,"hours":null}}"#,
        r#"{"kind":"interval","fields":{"seconds":1,"hours":null}}"#,
    ] {
        let definition: Definition = serde_json::from_str(text).unwrap();
        let trigger = definition.compile(&context("UTC", DstPolicy::Once)).unwrap();
        assert_eq!(
            trigger.describe(),
            "every second, from 2024-01-01 00:00:01 UTC",
            "{text}"
        );
    }
}
