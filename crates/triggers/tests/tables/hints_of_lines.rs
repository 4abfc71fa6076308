//! What helps the author of a crontab line that is none (T8): slips of the hand and of the shell, other programs' ways.
//! Those of other languages are in `hints_of_other_languages`.

use crate::context;
use triggers::Dialect::{self, ApsCrontab, Crontab};
use triggers::{Definition, DstPolicy};

const QUOTE: &str =
    "the shell seems to have put the names of files in place of a *: quote the line, as in '0 9 * * 1-5'";
const FIFTH: &str = "weekdays stand in the fifth field: minute hour day month weekday";

/// The hint of each line. A line that is named to be written instead must be one.
pub(crate) fn check(rows: &[(Dialect, &str, &str)]) {
    for (dialect, line, expected) in rows {
        let read = |line: &str| {
            let definition = match dialect {
                Crontab => Definition::crontab(line),
                ApsCrontab => Definition::aps_crontab(line),
            };
            definition.compile(&context("UTC", DstPolicy::Once))
        };
        let error = read(line).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some(*expected), "{line}");
        assert!(
            error.to_string().ends_with(&format!("; hint: {expected}")),
            "{error}"
        );
        let better = expected.rsplit_once("write ").map(|(_, better)| better);
        let better = better.map(|better| {
            let end = [" (", " for ", " without ", "; "]
                .iter()
                .filter_map(|end| better.find(end))
                .min();
            &better[..end.unwrap_or(better.len())]
        });
        if let Some(better) =
            better.filter(|better| better.starts_with('@') || better.split(' ').count() == 5)
        {
            assert!(read(better).is_ok(), "{line}: {better}");
        }
    }
}

#[test]
fn what_the_shell_or_another_program_made_of_a_line() {
    check(&[
        (Crontab, "0 9 Cargo.toml README.md 1-5", QUOTE),
        (Crontab, "0 9 Cargo.toml README.md src target 1-5", QUOTE),
        (
            Crontab,
            "bin etc home lib bin etc home lib bin etc home lib",
            QUOTE,
        ),
        (ApsCrontab, "0 9 Cargo.toml README.md 1-5", QUOTE),
        (
            Crontab,
            "\"0 9 * * 1-5\"",
            "leave quotes and backslashes out: write 0 9 * * 1-5",
        ),
        (
            Crontab,
            "'*/5 * * * *'",
            "leave quotes and backslashes out: write */5 * * * *",
        ),
        (
            Crontab,
            "“0 9 * * 1-5”",
            "leave quotes and backslashes out: write 0 9 * * 1-5",
        ),
        (
            Crontab,
            "\\*/5 \\* \\* \\* \\*",
            "leave quotes and backslashes out: write */5 * * * *",
        ),
        (
            Crontab,
            "`0 9 * * 1-5`",
            "leave quotes and backslashes out: write 0 9 * * 1-5",
        ),
        (
            Crontab,
            "５ 4 * * *",
            "\"５\" only looks like \"5\": write 5 4 * * *",
        ),
        (
            Crontab,
            "０\u{3000}９ ＊ ＊ １－５",
            "\"０\" only looks like \"0\": write 0 9 * * 1-5",
        ),
        (
            Crontab,
            "0 9 * * 1–5",
            "\"–\" only looks like \"-\": write 0 9 * * 1-5",
        ),
        (
            Crontab,
            "0 9 * * mon—fri",
            "\"—\" only looks like \"-\": write 0 9 * * mon-fri",
        ),
        (
            Crontab,
            "0\u{200b} 9 * * 1-5",
            "an invisible character (U+200B) stands there: write 0 9 * * 1-5",
        ),
        (
            Crontab,
            "\u{feff}0 9 * * 1-5",
            "an invisible character (U+FEFF) stands there: write 0 9 * * 1-5",
        ),
        (
            Crontab,
            "٥ 9 * * *",
            "\"٥\" only looks like \"5\": write 5 9 * * *",
        ),
        (
            Crontab,
            "0 9 * * *\n0 10 * * *",
            "these are several lines; each is a schedule of its own",
        ),
    ]);
}

#[test]
fn what_stands_beside_the_five_fields() {
    check(&[
        (
            Crontab,
            "0 9 * * 1-5 /usr/bin/backup",
            "the line ends with its fifth field; a user and a command have no place in it: write 0 9 * * 1-5",
        ),
        (
            Crontab,
            "30 2 * * * root /usr/bin/backup --all > /dev/null 2>&1",
            "the line ends with its fifth field; a user and a command have no place in it: write 30 2 * * *",
        ),
        (
            Crontab,
            "30 2 * * * cd /srv && ./run.sh % x",
            "the line ends with its fifth field; a user and a command have no place in it: write 30 2 * * *",
        ),
        (
            Crontab,
            "0 25 * * * /usr/bin/x",
            "the line ends with its fifth field; a user and a command have no place in it",
        ),
        (
            ApsCrontab,
            "0 9 * * 0-4 ./x",
            "the line ends with its fifth field; a user and a command have no place in it: write 0 9 * * 0-4",
        ),
        (
            Crontab,
            "0 9 * * 1-5 # work days",
            "leave the comment out: write 0 9 * * 1-5",
        ),
        (Crontab, "# 0 9 * * 1-5", "a comment is no schedule"),
        (
            Crontab,
            "TZ=Europe/Berlin 0 9 * * *",
            "the zone stands beside the line, as tz, not in it: write 0 9 * * *",
        ),
        (
            Crontab,
            "CRON_TZ=Europe/Berlin 0 9 * * mon-fri",
            "the zone stands beside the line, as tz, not in it: write 0 9 * * mon-fri",
        ),
        (
            Crontab,
            "CRON_TZ=Europe/Berlin @daily",
            "the zone stands beside the line, as tz, not in it: write @daily",
        ),
        (
            Crontab,
            "TZ=Europe/Berlin 0 9 * *",
            "the zone stands beside the line, as tz, not in it",
        ),
        (
            Crontab,
            "0 9 * * * Europe/Berlin",
            "the zone stands beside the line, as tz, not in it: write 0 9 * * *",
        ),
        (
            Crontab,
            "0 9 * * 1-5 UTC",
            "the zone stands beside the line, as tz, not in it: write 0 9 * * 1-5",
        ),
        (
            Crontab,
            "Mon *-*-* 00:00:00 Europe/Berlin",
            "the zone stands beside the line, as tz, not in it (Europe/Berlin): write 0 0 * * mon",
        ),
        (
            Crontab,
            "MAILTO=ops@example.com",
            "a setting of a crontab is no schedule",
        ),
        (Crontab, "SHELL=/bin/sh", "a setting of a crontab is no schedule"),
        (
            Crontab,
            "hour=9 minute=5",
            "these are fields by their names, not a crontab line",
        ),
        (
            Crontab,
            "minutes=5",
            "these are fields by their names, not a crontab line",
        ),
    ]);
}

#[test]
fn ranges_that_go_backwards() {
    check(&[
        (
            Crontab,
            "0 22-2 * * *",
            "write 0 22-23,0-2 * * * (programs called cron disagree on a range that goes backwards)",
        ),
        (
            Crontab,
            "0 22-2/2 * * *",
            "write 0 22,0,2 * * * (programs called cron disagree on a range that goes backwards)",
        ),
        (
            Crontab,
            "50-10 * * * *",
            "write 50-59,0-10 * * * * (programs called cron disagree on a range that goes backwards)",
        ),
        (
            Crontab,
            "0 0 28-3 * *",
            "write 0 0 28-31,1-3 * * (programs called cron disagree on a range that goes backwards)",
        ),
        (
            Crontab,
            "0 0 * nov-feb *",
            "write 0 0 * nov-dec,jan-feb * (programs called cron disagree on a range that goes backwards)",
        ),
        (
            Crontab,
            "0 0 * * fri-mon",
            "write 0 0 * * fri-sat,sun-mon (programs called cron disagree on a range that goes backwards)",
        ),
        (
            Crontab,
            "0 0 * * 5-1",
            "write 0 0 * * 5-6,0-1 (programs called cron disagree on a range that goes backwards)",
        ),
        (
            Crontab,
            "0 0 * * 6-0",
            "write 0 0 * * 6,0 (programs called cron disagree on a range that goes backwards)",
        ),
        (
            Crontab,
            "0 0 * * 7-1",
            "write 0 0 * * 0-1 (programs called cron disagree on a range that goes backwards)",
        ),
        (ApsCrontab, "0 22-2 * * *", "write 0 22-23,0-2 * * *"),
        (ApsCrontab, "0 0 * * fri-mon", "write 0 0 * * fri-sun,mon"),
        (ApsCrontab, "0 0 * * sun-thu", "write 0 0 * * sun,mon-thu"),
        (ApsCrontab, "0 0 * * sun-sat", "write 0 0 * * *"),
    ]);
}

#[test]
fn values_that_a_field_has_not() {
    check(&[
        (Crontab, "60 * * * *", "write 0 * * * *"),
        (Crontab, "0-60/5 * * * *", "write 0-59/5 * * * *"),
        (Crontab, "0 24 * * *", "write 0 0 * * *"),
        (Crontab, "0 0-24 * * *", "write 0 0-23 * * *"),
        (Crontab, "0 0 0 * *", "days count from 1"),
        (Crontab, "0 0 * 0 *", "months count from 1"),
        (
            Crontab,
            "0 0 * * 8",
            "weekdays are 0 (Sunday) to 6 (Saturday), and 7 is Sunday as well",
        ),
        (
            Crontab,
            "0 0 * * 1-8",
            "weekdays are 0 (Sunday) to 6 (Saturday), and 7 is Sunday as well",
        ),
        (
            ApsCrontab,
            "0 0 * * 7",
            "weekdays are 0 (Monday) to 6 (Sunday) here; names, such as sun, mean the same everywhere",
        ),
        (
            ApsCrontab,
            "0 0 * * 0-7",
            "weekdays are 0 (Monday) to 6 (Sunday) here; names, such as sun, mean the same everywhere",
        ),
        (ApsCrontab, "*/60 * * * *", "write 0 * * * *"),
        (
            ApsCrontab,
            "*/90 * * * *",
            "every 90 minutes is an interval: minutes=90",
        ),
        (Crontab, "*/0 * * * *", "write * * * * *"),
        (Crontab, "1.5 * * * *", "write whole numbers"),
        (Crontab, "0 5- * * *", "write 0 5-23 * * *"),
        (Crontab, "0 -5 * * *", "write 0 0-5 * * *"),
        (Crontab, "0 9 * * 1,", "write 0 9 * * 1"),
        (Crontab, "0 9 * * 1,,5", "write 0 9 * * 1,5"),
    ]);
}

#[test]
fn names_and_places() {
    check(&[
        (Crontab, "0 9 * * monday", "write 0 9 * * mon"),
        (Crontab, "0 9 * * Sunday-Thursday", "write 0 9 * * sun-thu"),
        (Crontab, "0 9 * * mo-fr", "write 0 9 * * mon-fri"),
        (Crontab, "0 9 * * tues,thurs", "write 0 9 * * tue,thu"),
        (Crontab, "0 9 * * weekdays", "write 0 9 * * mon-fri"),
        (Crontab, "0 9 1 sept *", "write 0 9 1 sep *"),
        (Crontab, "0 9 1 January monday", "write 0 9 1 jan mon"),
        (Crontab, "0 9 * * mon..fri", "write 0 9 * * mon-fri"),
        (Crontab, "0 9 * * mon:fri", "write 0 9 * * mon-fri"),
        (Crontab, "0 9 * * 1;3", "write 0 9 * * 1,3"),
        (Crontab, "0 9 * * mon|wed", "write 0 9 * * mon,wed"),
        (Crontab, "0 9 mon-fri * *", FIFTH),
        (Crontab, "0 9 * mon-fri *", FIFTH),
        (Crontab, "mon-fri 0 9 * *", FIFTH),
        (
            Crontab,
            "0 9 * * jan",
            "months stand in the fourth field: minute hour day month weekday",
        ),
        (Crontab, "0 0 1st * *", "write 0 0 1 * *"),
    ]);
}

#[test]
fn signs_and_units() {
    check(&[
        (Crontab, "*5 * * * *", "write */5 * * * *"),
        (Crontab, "/5 * * * *", "write */5 * * * *"),
        (Crontab, "** * * * *", "write * * * * *"),
        (Crontab, "*/5m * * * *", "write */5 * * * *"),
        (Crontab, "*/5", "write */5 * * * * for every hour"),
        (Crontab, "0 9 ** 1-5", "write 0 9 * * 1-5"),
        (Crontab, "0 9 * *1-5", "write 0 9 * * 1-5"),
    ]);
}

#[test]
fn nothing_is_told_where_nothing_can_be_known() {
    for line in [
        "1,15 * *",
        "* * * *",
        "5",
        "hello world",
        "0 0 32 * *",
        "0 0 * 13 *",
        "0 9 * * *-5",
    ] {
        let error = Definition::crontab(line)
            .compile(&context("UTC", DstPolicy::Once))
            .unwrap_err();
        assert_eq!(error.hint(), None, "{line}");
    }
}

/// A hint is looked for in short texts only, whatever is given.
#[test]
fn a_long_line_is_answered_at_once() {
    let files = "some-file.txt ".repeat(50_000);
    let digits = "9".repeat(500_000);
    for line in [
        files.clone(),
        digits.clone(),
        format!("0 9 * * {digits}"),
        format!("@{files}"),
        "0 9 ".repeat(100_000),
    ] {
        let error = Definition::crontab(line.as_str())
            .compile(&context("UTC", DstPolicy::Once))
            .unwrap_err();
        let hint = error.hint();
        assert!(hint.is_none() || hint.as_deref() == Some(QUOTE), "{hint:?}");
    }
}
