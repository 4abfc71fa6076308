//! `next` and the people who type: what they are told of what they wrote, right or wrong.

use crate::process::{Ended, Home};

fn next(arguments: &[&str]) -> Ended {
    Home::new().program(&["next"]).args(arguments).run()
}

/// T8, T12, T13.
#[test]
fn what_surprises_is_noted_before_the_clocks_of_the_year() {
    let new_york: &[&str] = &[
        "--tz",
        "America/New_York",
        "--from",
        "2026-01-01T00:00:00Z",
        "-n",
        "1",
    ];
    let skipped = "2026-03-08 02:30:00: 2026-03-08T07:30:00Z is taken, when the clock shows 2026-03-08 03:30:00, not \
                   2026-03-08T06:30:00Z";
    let twice = "2026-11-01 01:30:00, twice: the first time, 2026-11-01T05:30:00Z, is taken, not the second, \
                 2026-11-01T06:30:00Z";
    let table: [(&[&str], Vec<String>); 9] = [
        (
            &["--crontab", "*/90 2 13 * fri"],
            vec![
                "Note:".into(),
                "- minute */90 is minute 0 alone; every 90 minutes is an interval: minutes=90".into(),
                "- day 13 and weekday fri: either is enough, as in every crontab that restricts both".into(),
            ],
        ),
        (
            &["--crontab", "*/25 * * * *"],
            vec![
                "Note:".into(),
                "- minute */25 begins anew each hour: from 50 to the next 0 it is 10 minutes, not 25".into(),
            ],
        ),
        (
            &["--cron", "week=*/2 hour=2 minute=30"],
            vec![
                "Note:".into(),
                "- week */2 counts the ISO weeks of each year anew: from week 53 of a year of 53 to week 1 of the next it is \
                 1 week, not 2; every 2 weeks is an interval: weeks=2, with a start"
                    .into(),
            ],
        ),
        (
            &["--date", "2026-03-08 02:30:00"],
            vec!["Note:".into(), format!("- the clock skips its date, {skipped}")],
        ),
        (
            &["--date", "2026-11-01 01:30:00"],
            vec!["Note:".into(), format!("- the clock shows its date, {twice}")],
        ),
        (
            &["--date", "2025-03-08"],
            vec!["Note:".into(), "- its date, 2025-03-08T05:00:00Z, has passed".into()],
        ),
        (
            &["--cron", "minute=0", "--start", "2026-03-08 02:30:00", "--end", "2026-11-01 01:30:00"],
            vec![
                "Note:".into(),
                format!("- the clock skips its start, {skipped}"),
                format!("- the clock shows its end, {twice}"),
            ],
        ),
        (
            &["--interval", "days=1", "--start", "2026-11-01 01:30:00"],
            vec![
                "Note:".into(),
                "- a day of an interval is 24 hours, so its time of day moves with the clocks of America/New_York; the same \
                 time every day is a cron, such as hour=9"
                    .into(),
                format!("- the clock shows its start, {twice}"),
            ],
        ),
        (
            &["--cron", "hour=2 minute=30 day=8 day_of_week=6 month=3"],
            vec![
                "Note:".into(),
                "- day_of_week 6 is Sunday: the numbers count from 0 = Monday here, and from Sunday in a crontab; names mean \
                 the same in both"
                    .into(),
                String::new(),
                "Note, within a year of that:".into(),
                "- the clock skips 2026-03-08 02:30:00: it fires once instead, at 2026-03-08T07:30:00Z".into(),
            ],
        ),
    ];
    for (arguments, expected) in table {
        let ended = next(&[arguments, new_york].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        let notes: Vec<&str> = ended.out.lines().skip_while(|line| *line != "Note:").collect();
        let is_week =
            arguments.contains(&"week=*/2 hour=2 minute=30") || arguments.contains(&"*/90 2 13 * fri");
        let notes = if is_week {
            &notes[..expected.len()]
        } else {
            &notes[..]
        };
        assert_eq!(notes, expected, "{arguments:?}");
    }
    // The moment that is asked from may be such a time, too.
    let ended = next(&[
        "--cron",
        "hour=9",
        "--tz",
        "America/New_York",
        "--from",
        "2026-03-08 02:15:00",
    ]);
    let told = "em-scheduler: the clock skips --from 2026-03-08 02:15:00: 2026-03-08T07:15:00Z is taken, not \
                2026-03-08T06:15:00Z\n";
    assert_eq!((ended.code, ended.err.as_str()), (0, told));
}

#[test]
fn quotes_round_a_value_are_read() {
    for fields in [
        "day=2nd sun hour=2",
        "day=\"2nd sun\" hour=2",
        "day='2nd sun' hour=\"2\"",
        " hour=2\tday=\"2nd  sun\" ",
        "day=2nd \"sun\" hour=2",
    ] {
        let ended = next(&["--cron", fields, "-n", "1", "--from", "2026-01-01T00:00:00Z"]);
        assert!(
            ended
                .out
                .starts_with("Fires at 02:00 on the 2nd Sunday of each month, UTC.\n"),
            "{fields}: {ended:?}"
        );
    }
}

#[test]
fn what_people_type_is_answered_with_what_to_type() {
    let table: [(&[&str], &str); 38] = [
        (
            &["--cron", "hour=9, minute=5"],
            "by blanks, not by commas: hour=9 minute=5",
        ),
        (
            &["--cron", "hour=9,minute=5"],
            "by blanks, not by commas: hour=9 minute=5",
        ),
        (
            &["--cron", "hour=9; minute=1,5"],
            "by blanks, not by commas: hour=9 minute=1,5",
        ),
        (
            &["--cron", "hour=9 , minute=5"],
            "by blanks, not by commas: hour=9 minute=5",
        ),
        (
            &["--cron", "day=\"2nd sun\", hour=2"],
            "by blanks, not by commas: day=\"2nd sun\" hour=2",
        ),
        (&["--cron", "hour = 9"], "without blanks round the =: hour=9"),
        (
            &["--cron", "hour: 9 minute: 5"],
            "without blanks round the =: hour=9 minute=5",
        ),
        (&["--cron", "day=\"2nd sun"], "a quote in it has no end"),
        (
            &["--cron", "0 9 * * 1-5"],
            "that is a crontab line: --crontab '0 9 * * 1-5'",
        ),
        (
            &["--cron", "@daily"],
            "that is a crontab line: --crontab '@daily'",
        ),
        (&["--cron", "every 5 minutes"], "write --interval 'minutes=5'"),
        (&["--cron", "{\"hour\":9}"], "--jsonl reads cases"),
        (
            &["--cron", ""],
            "it names no field; write name=value, such as hour=2 minute=30",
        ),
        (&["--cron", "hours=9"], "; hint: write hour"),
        (&["--cron", "weekday=mon"], "; hint: write day_of_week"),
        (&["--cron", "hour=9pm"], "; hint: write 21 "),
        (&["--cron", "hour=9,"], "; hint: write 9"),
        (
            &["--cron", "hour="],
            "; hint: write * for every value, or leave the field out",
        ),
        (&["--interval", "90m"], "write --interval 'minutes=90'"),
        (&["--interval", "1h30m"], "write --interval 'hours=1 minutes=30'"),
        (&["--interval", "every 2 days"], "write --interval 'days=2'"),
        (
            &["--interval", "5"],
            "the unit is missing; write minutes=5, or seconds=5",
        ),
        (
            &["--interval", ""],
            "it names no field; write name=value, such as hours=6",
        ),
        (&["--interval", "minutes=5m"], "; hint: write minutes=5"),
        (&["--interval", "minute=5"], "; hint: write minutes"),
        (
            &["--crontab", "hour=9"],
            "; hint: these are fields by their names",
        ),
        (&["--crontab", "0 9 a.txt b.txt 1-5"], "quote the line"),
        (&["--crontab", "0 22-2 * * *"], "; hint: write 0 22-23,0-2 * * *"),
        (
            &["--crontab", "0 9 * * 7", "--dialect", "aps-crontab"],
            "weekdays are 0 (Monday) to 6 (Sunday) here",
        ),
        (
            &["--crontab", "0 9 * * *", "--dialect", "cron"],
            "; hint: write crontab",
        ),
        (
            &["--date", "24.12.2026 18:00"],
            "; hint: write 2026-12-24 18:00:00",
        ),
        (
            &["--cron", "hour=9", "--start", "2026-12-24T18:00"],
            "; hint: write 2026-12-24 18:00:00",
        ),
        (
            &["--cron", "hour=9", "--from", "2026-12-24T18:00"],
            "; hint: write 2026-12-24 18:00:00",
        ),
        (
            &["--cron", "hour=9", "--tz", "Europe/Berln"],
            "no such time zone; the nearest is Europe/Berlin;",
        ),
        // What the shell makes of a value without quotes.
        (
            &["--crontab", "0", "9", "*", "*", "1-5"],
            "quote such a value, as in --crontab '0 9 * * 1-5'",
        ),
        (
            &["--crontab", "0", "9", "a.txt", "b.txt", "1-5"],
            "quote such a value, as in --crontab '0 9 * * 1-5'",
        ),
        (
            &["--cron", "hour=2", "minute=30"],
            "quote such a value, as in --cron 'hour=2 minute=30'",
        ),
        (
            &["--date", "2026-12-01", "09:00:00"],
            "quote such a value, as in --date '2026-12-01 09:00:00'",
        ),
    ];
    for (arguments, part) in table {
        let ended = next(arguments);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.err.contains(part), "{part}: {ended:?}");
        assert!(
            ended.err.lines().last().is_some_and(|line| line.len() < 700),
            "{ended:?}"
        );
    }
    let many: Vec<String> = (0..5_000).map(|number| format!("file-{number}.txt")).collect();
    let arguments: Vec<&str> = ["--crontab", "0"]
        .into_iter()
        .chain(many.iter().map(String::as_str))
        .collect();
    let ended = next(&arguments);
    assert!(ended.code == 2 && ended.err.len() < 300, "{}", ended.err.len());
}
