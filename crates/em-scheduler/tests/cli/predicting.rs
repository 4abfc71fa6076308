//! `next`: triggers from flags, cases from standard input.

use serde_json::Value;

use crate::process::{Ended, Home};

fn next(arguments: &[&str]) -> Ended {
    Home::new().program(&["next"]).args(arguments).run()
}

#[test]
fn every_kind_of_trigger_can_be_asked_about() {
    let table: [(&[&str], &[&str]); 8] = [
        (
            &[
                "--cron",
                "hour=2 minute=30",
                "--tz",
                "America/New_York",
                "--from",
                "2024-03-09T12:00:00Z",
                "-n",
                "2",
            ],
            &[
                "Fires at 02:30 every day, New York time.",
                "",
                "Sun 2024-03-10 03:30:00 -04:00  2024-03-10T07:30:00Z",
                "Mon 2024-03-11 02:30:00 -04:00  2024-03-11T06:30:00Z",
                "",
                "Note, within a year of that:",
                "- the clock skips 2024-03-10 02:30:00: it fires once instead, at 2024-03-10T07:30:00Z",
                "- the clock skips 2025-03-09 02:30:00: it fires once instead, at 2025-03-09T07:30:00Z",
            ],
        ),
        (
            &[
                "--cron",
                "hour=2 minute=30",
                "--tz",
                "America/New_York",
                "--from",
                "2024-03-09T12:00:00Z",
                "-n",
                "1",
                "--dst",
                "literal",
            ],
            &[
                "Fires at 02:30 every day, New York time.",
                "",
                "Mon 2024-03-11 02:30:00 -04:00  2024-03-11T06:30:00Z",
                "",
                "Note, within a year of that:",
                "- the clock skips 2024-03-10 02:30:00: it does not fire then",
                "- the clock skips 2025-03-09 02:30:00: it does not fire then",
            ],
        ),
        (
            &[
                "--cron",
                "day=last fri hour=18",
                "--from",
                "2024-01-01 00:00:00",
                "-n",
                "1",
            ],
            &[
                "Fires at 18:00 on the last Friday of each month, UTC.",
                "",
                "Fri 2024-01-26 18:00:00 +00:00  2024-01-26T18:00:00Z",
            ],
        ),
        (
            &[
                "--crontab",
                "0 9 * * 1-5",
                "--from",
                "2024-01-06T00:00:00Z",
                "-n",
                "1",
            ],
            &[
                "Fires at 09:00 from Monday to Friday, UTC.",
                "",
                "Mon 2024-01-08 09:00:00 +00:00  2024-01-08T09:00:00Z",
            ],
        ),
        (
            &[
                "--crontab",
                "0 9 * * 0",
                "--dialect",
                "crontab",
                "--from",
                "2024-01-01T00:00:00Z",
                "-n",
                "1",
            ],
            &[
                "Fires at 09:00 on Sunday, UTC.",
                "",
                "Sun 2024-01-07 09:00:00 +00:00  2024-01-07T09:00:00Z",
            ],
        ),
        (
            &[
                "--crontab",
                "0 9 * * 0",
                "--dialect",
                "aps-crontab",
                "--from",
                "2024-01-01T00:00:00Z",
                "-n",
                "1",
            ],
            &[
                "Fires at 09:00 on Monday, UTC.",
                "",
                "Mon 2024-01-01 09:00:00 +00:00  2024-01-01T09:00:00Z",
                "",
                "Note:",
                "- day_of_week 0 is Monday: the numbers count from 0 = Monday here, and from Sunday in a crontab; names mean \
                 the same in both",
            ],
        ),
        (
            &[
                "--interval",
                "hours=6",
                "--start",
                "2024-01-01 09:00:00",
                "--end",
                "2024-01-01 20:00:00",
                "--from",
                "2024-01-01T00:00:00Z",
            ],
            &[
                "Fires every 6 hours, from 2024-01-01 09:00:00 UTC, until 2024-01-01 20:00:00 UTC.",
                "",
                "Mon 2024-01-01 09:00:00 +00:00  2024-01-01T09:00:00Z",
                "Mon 2024-01-01 15:00:00 +00:00  2024-01-01T15:00:00Z",
            ],
        ),
        (
            &[
                "--date",
                "2026-12-01 09:00:00",
                "--tz",
                "Europe/Berlin",
                "--from",
                "2026-01-01T00:00:00Z",
            ],
            &[
                "Fires once, at 2026-12-01 08:00:00 UTC.",
                "",
                "Tue 2026-12-01 09:00:00 +01:00  2026-12-01T08:00:00Z",
            ],
        ),
    ];
    for (arguments, expected) in table {
        let ended = next(arguments);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert_eq!(ended.out.lines().collect::<Vec<_>>(), expected, "{arguments:?}");
    }
}

#[test]
fn words_come_first_and_hazards_last() {
    let ended = next(&[
        "--crontab",
        "30 1 31 * *",
        "--tz",
        "America/New_York",
        "--from",
        "2023-01-01T00:00:00Z",
        "-n",
        "1",
    ]);
    let lines = [
        "Fires at 01:30 on day 31 of each month, New York time.",
        "",
        "Tue 2023-01-31 01:30:00 -05:00  2023-01-31T06:30:00Z",
        "",
        "Note, within a year of that:",
        "- it does not fire in every February, April, June, September or November: the month may lack its day",
    ];
    assert_eq!(ended.out.lines().collect::<Vec<_>>(), lines, "{ended:?}");
    // A trigger of every hour follows the clock, so nothing surprises.
    let ended = next(&[
        "--cron",
        "minute=30",
        "--tz",
        "America/New_York",
        "--from",
        "2024-01-01T00:00:00Z",
        "-n",
        "1",
    ]);
    assert_eq!(ended.out.lines().count(), 3, "{ended:?}");
}

#[test]
fn a_trigger_that_never_fires_is_said_to() {
    let ended = next(&["--cron", "month=2 day=30"]);
    let words = "Fires at 00:00 on day 30 of February, UTC.\n\nNone.\n";
    assert_eq!((ended.code, ended.out.as_str()), (0, words));
    assert!(ended.err.contains("no times at all"), "{ended:?}");
}

/// T8: on the command line a crontab is what people call so; the cases of the corpus are APScheduler's.
#[test]
fn a_crontab_line_in_a_case_is_apschedulers_unless_it_names_its_dialect() {
    let mut running = Home::new().program(&["next", "--jsonl"]).start();
    for (dialect, fire) in [
        ("", "2024-01-02T09:00:00Z"),
        (r#""dialect":"aps-crontab","#, "2024-01-02T09:00:00Z"),
        (r#""dialect":"crontab","#, "2024-01-01T09:00:00Z"),
    ] {
        let case =
            format!(r#"{{"kind":"cron","crontab":"0 9 * * 1",{dialect}"from":"2024-01-01T00:00:00Z"}}"#);
        running.write(&format!("{case}\n"));
        assert_eq!(
            running.line().trim_end(),
            format!(r#"{{"fires":["{fire}"]}}"#),
            "{case}"
        );
    }
    assert_eq!(running.ended(), 0);
}

#[test]
fn what_is_no_trigger_is_refused_with_the_reason() {
    let table: [(&[&str], &str); 13] = [
        (
            &["--jsonl", "--dialect", "crontab"],
            "--dialect says how a line is read: it needs --crontab",
        ),
        (
            &["--cron", "hour=1", "--dialect", "crontab"],
            "it needs --crontab",
        ),
        (
            &["--interval", "hours=1", "--dialect", "crontab"],
            "it needs --crontab",
        ),
        (
            &["--date", "2030-01-01", "--dialect", "crontab"],
            "it needs --crontab",
        ),
        (&["--cron", "minute=99"], "minute \"99\""),
        (&["--cron", "hour 2"], "\"hour\" is no field"),
        (&["--cron", "hour=1 hour=2"], "twice"),
        (&["--cron", "hours=1"], "unknown field \"hours\""),
        (&["--crontab", "* * *"], "3 of 5 fields"),
        (&["--interval", "hours=x"], "hours"),
        (&["--date", "tomorrow"], "run_date \"tomorrow\""),
        (&["--cron", "hour=1", "--tz", "Mars/Olympus"], "Mars/Olympus"),
        (
            &["--cron", "hour=1", "--from", "yesterday"],
            "--from \"yesterday\"",
        ),
    ];
    for (arguments, part) in table {
        let ended = next(arguments);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.err.contains(part), "{part}: {ended:?}");
    }
}

/// The cases of a file of the corpus.
fn corpus(file: &str) -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../triggers/tests/corpus/");
    let text = std::fs::read_to_string(format!("{folder}{file}")).expect("the corpus");
    let cases: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a case"))
        .collect();
    assert!(!cases.is_empty(), "{file} has no case");
    cases
}

#[test]
fn a_case_is_answered_before_the_next_is_asked() {
    let mut running = Home::new()
        .program(&["next", "--jsonl", "--dst", "literal"])
        .start();
    for case in corpus("cron.jsonl").iter().take(20) {
        running.write(&format!("{case}\n"));
        let answer: Value = serde_json::from_str(&running.line()).expect("a JSON line");
        assert_eq!(answer["fires"], case["expect"], "{case}");
    }
    assert_eq!(running.ended(), 0);
}

/// Whether the answer to a case of a file is the one that stands there. The files say it in different members.
fn is_right(file: &str, policy: &str, case: &Value, answer: &Value) -> bool {
    let fires = &answer["fires"];
    match file {
        "invalid.jsonl" if case["verdict"] == "never" => *fires == Value::Array(Vec::new()),
        "invalid.jsonl" => answer["error"].as_str().is_some_and(|error| !error.is_empty()),
        "oddities.jsonl" => *fires == case["truth"],
        "once.jsonl" if policy == "literal" => *fires == case["literal"],
        // The times are those before any jitter, so the first is the earliest allowed.
        "jitter.jsonl" => fires[0] == case["base"] && fires[0] == case["min"],
        _ => *fires == case["expect"],
    }
}

#[test]
fn all_cases_of_the_corpus_are_answered_right() {
    let files = [
        "cron.jsonl",
        "interval.jsonl",
        "date.jsonl",
        "dst.jsonl",
        "once.jsonl",
        "oddities.jsonl",
        "invalid.jsonl",
        "jitter.jsonl",
    ];
    // At clock changes the answers are those of one policy; away from them, and of intervals and dates, those of both.
    let by_once = [
        "once.jsonl",
        "interval.jsonl",
        "date.jsonl",
        "invalid.jsonl",
        "jitter.jsonl",
    ];
    for (policy, files) in [("literal", &files[..]), ("once", &by_once[..])] {
        let cases: Vec<(&str, Value)> = files
            .iter()
            .flat_map(|file| corpus(file).into_iter().map(move |case| (*file, case)))
            .collect();
        let mut text = String::new();
        for (file, case) in &cases {
            let mut asked = case.clone();
            // That list is as long as the one beside it takes time, not as n says.
            if let ("once.jsonl", "literal", Some(list)) = (*file, policy, case["literal"].as_array()) {
                asked["n"] = list.len().into();
            }
            text.push_str(&asked.to_string());
            text.push('\n');
        }
        let mut running = Home::new().program(&["next", "--jsonl", "--dst", policy]).start();
        running.write(&text);
        let wrong: Vec<String> = cases
            .iter()
            .filter_map(|(file, case)| {
                let line = running.line();
                let answer: Value = serde_json::from_str(&line).expect("a JSON line");
                (!is_right(file, policy, case, &answer)).then(|| format!("{file}: {case}\n    {line}"))
            })
            .collect();
        assert_eq!(running.ended(), 0);
        let first = wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
        assert!(
            wrong.is_empty(),
            "{policy}: {} of {} cases are wrong:\n{first}",
            wrong.len(),
            cases.len()
        );
    }
}

#[test]
fn a_bad_case_is_answered_and_stops_nothing() {
    let mut running = Home::new().program(&["next", "--jsonl"]).start();
    running.write("nonsense\n\n{}\n");
    let case = &corpus("date.jsonl")[0];
    running.write(&format!("{case}\n"));
    for part in ["not a case: ", "the line is blank", "not a case: "] {
        let line = running.line();
        assert!(line.starts_with(&format!(r#"{{"error":"{part}"#)), "{line}");
    }
    let answer: Value = serde_json::from_str(&running.line()).expect("a JSON line");
    assert_eq!(answer["fires"], case["expect"]);
    assert_eq!(running.ended(), 0);
}
