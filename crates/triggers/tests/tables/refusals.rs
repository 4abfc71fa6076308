//! What is no trigger, and what is said of it (T8).

use crate::context;
use triggers::cron::Setting;
use triggers::{Cron, Definition, Dialect, DstPolicy, Kind, TriggerError, Zone};

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
        // Numbers stand there as they were written, however large.
        (
            "minute",
            "1,99999999999",
            "minute \"1,99999999999\": the last value (99999999999) is higher than the maximum value (59) (at character 3)",
        ),
        (
            "minute",
            "0-4294967296/2",
            "minute \"0-4294967296/2\": the last value (4294967296) is higher than the maximum value (59) (at character 1)",
        ),
        (
            "hour",
            "99999999999-3",
            "hour \"99999999999-3\": the range goes backwards, from 99999999999 to 3 (at character 1)",
        ),
        (
            "second",
            "*/99999999999",
            "second \"*/99999999999\": the step (99999999999) is higher than the range it divides (59) (at character 2)",
        ),
        (
            "month",
            "00",
            "month \"00\": the first value (00) is lower than the minimum value (1) (at character 1)",
        ),
        (
            "day_of_week",
            "mon-0",
            "day_of_week \"mon-0\": a range from the name of a weekday ends in the name of a weekday (at character 5)",
        ),
        (
            "month",
            "1,jan-",
            "month \"1,jan-\": a month is missing after \"-\" (at character 7)",
        ),
        (
            "day_of_week",
            "fri-!",
            "day_of_week \"fri-!\": not an expression of this field (at character 5)",
        ),
        (
            "day_of_week",
            "mön",
            "day_of_week \"mön\": there is no weekday \"mön\" (at character 1)",
        ),
        (
            "month",
            "?",
            "month \"?\": not an expression of this field (at character 1)",
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
            "0 0 * * mon-0",
            "crontab \"0 0 * * mon-0\": day_of_week \"mon-0\": a range from the name of a weekday ends in the name of a weekday (at character 13); allowed: ",
        ),
        (
            Dialect::Crontab,
            "99999999999 0 * * *",
            "crontab \"99999999999 0 * * *\": minute \"99999999999\": the value (99999999999) is higher than the maximum value (59) (at character 1); allowed: ",
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
    assert!(error(Dialect::Crontab, "0 0 * * 8").contains(&format!("; allowed: {SUNDAY}; hint: ")));
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

/// Members of a definition, which are those of a case as well.
#[test]
fn a_wrong_member_is_named_with_its_value_and_what_is_allowed() {
    let dates = "YYYY-MM-DD, or YYYY-MM-DD HH:MM:SS[.ffffff] with an optional Z or +HH:MM";
    let rows = [
        (
            r#"{"kind":"cron","dst":"both"}"#,
            "dst \"both\": there is no such policy; allowed: literal, once",
        ),
        (
            r#"{"kind":"cron","dst":3}"#,
            "dst 3: it is not a text; allowed: literal, once",
        ),
        (
            r#"{"kind":"cron","crontab":"* * * * *","dialect":"quartz"}"#,
            "dialect \"quartz\": there is no such dialect; allowed: aps-crontab, crontab",
        ),
        (
            r#"{"kind":"cron","dialect":[]}"#,
            "dialect []: it is not a text; allowed: aps-crontab, crontab",
        ),
        (
            r#"{"kind":"Cron"}"#,
            "kind \"Cron\": there is no such kind of trigger; allowed: cron, interval, date",
        ),
        (
            r#"{"kind":1}"#,
            "kind 1: it is not a text; allowed: cron, interval, date",
        ),
        (
            r#"{"kind":null}"#,
            "the member \"kind\" is missing; allowed: cron, interval, date",
        ),
        (
            r#"{}"#,
            "the member \"kind\" is missing; allowed: cron, interval, date",
        ),
        (
            r#"{"kind":"cron","crontab":5}"#,
            "crontab 5: it is not a text; allowed: five fields in a text",
        ),
        (
            r#"{"kind":"cron","tz":5}"#,
            "tz 5: it is not a text; allowed: an IANA name",
        ),
        (
            r#"{"kind":"cron","start":2024}"#,
            &format!("start 2024: it is not a text; allowed: {dates}"),
        ),
        (
            r#"{"kind":"cron","end":{}}"#,
            &format!("end {{}}: it is not a text; allowed: {dates}"),
        ),
        (
            r#"{"kind":"cron","jitter":"5"}"#,
            "jitter \"5\": it is not a number; allowed: seconds, not negative",
        ),
    ];
    for (text, expected) in rows {
        let definition = serde_json::from_str::<Definition>(text).unwrap_err().to_string();
        assert!(definition.starts_with(expected), "{text}: {definition}");
        let case = triggers::Case::parse(text).unwrap_err().to_string();
        assert!(
            case.starts_with(&format!("not a case: {expected}")),
            "{text}: {case}"
        );
    }
}

#[test]
fn a_wrong_member_of_a_case_is_named_too() {
    let instants = "allowed: YYYY-MM-DDTHH:MM:SS[.ffffff] and Z or +HH:MM";
    let rows = [
        (
            r#""n":-1"#,
            "n -1: it is no number of fires; allowed: a whole number, 0 to 1000000".to_owned(),
        ),
        (
            r#""n":"5""#,
            "n \"5\": it is no number of fires; allowed: a whole number".to_owned(),
        ),
        (
            r#""id":5"#,
            "id 5: it is not a text; allowed: any text".to_owned(),
        ),
        (r#""from":5"#, format!("from 5: it is not a text; {instants}")),
        (
            r#""prev":"x""#,
            "prev \"x\": expected a year of four digits (at character 1); allowed: ".to_owned(),
        ),
        (
            r#""created":"2024-01-01""#,
            format!("created \"2024-01-01\": the offset from UTC is missing (at character 11); {instants}"),
        ),
        (
            r#""from":"9999-12-31T23:59:59-01:00""#,
            "from \"9999-12-31T23:59:59-01:00\": in UTC its year is outside of 0001 to 9999".to_owned(),
        ),
        (
            r#""dst":"both""#,
            "dst \"both\": there is no such policy; allowed: literal, once (at line 1, ".to_owned(),
        ),
        (
            r#""dst":[]"#,
            "dst []: it is not a text; allowed: literal, once".to_owned(),
        ),
    ];
    for (member, expected) in rows {
        let error = triggers::Case::parse(&format!(r#"{{"kind":"cron",{member}}}"#))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(&format!("not a case: {expected}")),
            "{member}: {error}"
        );
    }
    let many = triggers::Case::parse(r#"{"kind":"cron","n":1000001}"#).unwrap();
    let error = many.answer(DstPolicy::Once).unwrap_err().to_string();
    assert_eq!(
        error,
        "n 1000001: it is too large; allowed: a whole number, 0 to 1000000"
    );
    for mark in ["true", "false", "null", "\"once\""] {
        assert!(
            triggers::Case::parse(&format!(r#"{{"kind":"cron","dst":{mark}}}"#)).is_ok(),
            "{mark}"
        );
    }
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
