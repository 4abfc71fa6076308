//! Texts that are read and surprise (T13): what is said of them, and that nothing is said of those that do not.

use crate::context;
use triggers::{Definition, DstPolicy, Kind};

fn told(definition: &Definition) -> Vec<String> {
    let notes = definition.notes(&context("America/New_York", DstPolicy::Once));
    notes.unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn lines_of_a_crontab() {
    let rows = [
        (
            "*/90 * * * *",
            "minute */90 is minute 0 alone; every 90 minutes is an interval: minutes=90",
        ),
        ("*/60 * * * *", "minute */60 is minute 0 alone"),
        ("10-20/30 * * * *", "minute 10-20/30 is minute 10 alone"),
        (
            "*/25 * * * *",
            "minute */25 begins anew each hour: from 50 to the next 0 it is 10 minutes, not 25",
        ),
        (
            "*/7 * * * *",
            "minute */7 begins anew each hour: from 56 to the next 0 it is 4 minutes, not 7",
        ),
        (
            "1,0-59/7 * * * *",
            "minute 0-59/7 begins anew each hour: from 56 to the next 0 it is 4 minutes, not 7",
        ),
        (
            "0 */5 * * *",
            "hour */5 begins anew each day: from 20 to the next 0 it is 4 hours, not 5",
        ),
        ("0 */24 * * *", "hour */24 is hour 0 alone"),
        (
            "0 */36 * * *",
            "hour */36 is hour 0 alone; every 36 hours is an interval: hours=36",
        ),
        (
            "0 0 */2 * *",
            "day */2 begins anew each month: from 31 to the next 1 it is 1 day in a month of 31 days, not 2",
        ),
        (
            "0 0 */45 * *",
            "day */45 is day 1 alone; every 45 days is an interval: days=45",
        ),
        (
            "0 0 1 */5 *",
            "month */5 begins anew each year: from November to the next January it is 2 months, not 5",
        ),
        (
            "0 0 * * */2",
            "day_of_week */2 begins anew each week: from Saturday to the next Sunday it is 1 day, not 2",
        ),
        (
            "* 2 * * *",
            "minute * with hour 2: it fires 60 times in each such hour; once is minute 0",
        ),
        (
            "* */2 * * *",
            "minute * with hour */2: it fires 60 times in each such hour; once is minute 0",
        ),
        (
            "0 0 13 * fri",
            "day 13 and weekday fri: either is enough, as in every crontab that restricts both",
        ),
        (
            "0 0 1-7 * *,mon",
            "day 1-7 and weekday *,mon: both must match, as one of them begins with *; without it either would be enough",
        ),
    ];
    for (line, expected) in rows {
        assert_eq!(told(&Definition::crontab(line)), [expected], "{line}");
    }
    for line in [
        "30 2 * * mon-fri",
        "*/15 * * * *",
        "*/1 * * * *",
        "5-59/15 * * * *",
        "0 */6 * * *",
        "0 9-17/2 * * *",
        "0 0 1 */3 *",
        "0 0 1-15/5 * *",
        "* 9-17 * * *",
        "* * * * *",
        "0 0 1 * 0-6",
        "0 0 * * 1-5",
        "@weekly",
        "@DAILY",
    ] {
        let notes = told(&Definition::crontab(line));
        let is_either = line == "0 0 1 * 0-6";
        assert_eq!(notes.len(), usize::from(is_either), "{line}: {notes:?}");
    }
}

#[test]
fn lines_in_apschedulers_dialect() {
    let rows = [
        (
            "0 9 * * 1-5",
            "day_of_week 1-5 is Tuesday to Saturday: the numbers count from 0 = Monday here, and from Sunday in a crontab; \
             names mean the same in both",
        ),
        (
            "0 0 13 * fri",
            "day 13 and weekday fri: both must match in this dialect; in crontab either would be enough",
        ),
        (
            "0 0 * * */2",
            "day_of_week */2 begins anew each week: from Sunday to the next Monday it is 1 day, not 2",
        ),
        (
            "3/7 * * * *",
            "minute 3/7 begins anew each hour: from 59 to the next 3 it is 4 minutes, not 7",
        ),
    ];
    for (line, expected) in rows {
        assert_eq!(told(&Definition::aps_crontab(line)), [expected], "{line}");
    }
    for line in ["0 9 * * mon-fri", "0 9 * * 0-6", "5/15 * * * *", "9/20 * * * *"] {
        assert_eq!(
            told(&Definition::aps_crontab(line)),
            Vec::<String>::new(),
            "{line}"
        );
    }
}

#[test]
fn fields() {
    let week = "counts the ISO weeks of each year anew";
    let rows = [
        (
            "week",
            "*/2",
            format!(
                "week */2 {week}: from week 53 of a year of 53 to week 1 of the next it is 1 week, not 2; every 2 weeks is an \
                 interval: weeks=2, with a start"
            ),
        ),
        (
            "week",
            "2/2",
            format!(
                "week 2/2 {week}: from week 52 of a year of 53 to week 2 of the next it is 3 weeks, not 2; every 2 weeks is \
                 an interval: weeks=2, with a start"
            ),
        ),
        (
            "week",
            "1-52/3",
            format!(
                "week 1-52/3 {week}: from week 52 of a year of 52 to week 1 of the next it is 1 week, not 3; from week 52 of \
                 a year of 53 to week 1 of the next it is 2 weeks, not 3; every 3 weeks is an interval: weeks=3, with a start"
            ),
        ),
        (
            "year",
            "*/4",
            "year */4 counts from 1970: 1970, 1974, …; another first year stands before the step: 2024/4".to_owned(),
        ),
        (
            "second",
            "*/45",
            "second */45 begins anew each minute: from 45 to the next 0 it is 15 seconds, not 45".to_owned(),
        ),
        (
            "day_of_week",
            "0,2",
            "day_of_week 0,2 is Monday and Wednesday: the numbers count from 0 = Monday here, and from Sunday in a crontab; \
             names mean the same in both"
                .to_owned(),
        ),
    ];
    for (field, text, expected) in rows {
        let definition = Definition::new(Kind::Cron).with(field, text);
        assert_eq!(told(&definition), [expected], "{field} {text}");
    }
    for (field, text) in [
        ("week", "1-26/2"),
        ("week", "*"),
        ("year", "2024/4"),
        ("day", "last fri"),
        ("day_of_week", "mon,wed"),
        ("minute", "*/30"),
    ] {
        let definition = Definition::new(Kind::Cron).with(field, text);
        assert_eq!(told(&definition), Vec::<String>::new(), "{field} {text}");
    }
    let number = Definition::new(Kind::Cron).with("day_of_week", 6);
    assert!(told(&number)[0].starts_with("day_of_week 6 is Sunday: "));
}

#[test]
fn what_fires_each_second_or_beside_the_wall() {
    let second = "no field has a value, so it fires every second";
    let wall = "a day of an interval is 24 hours, so its time of day moves with the clocks of America/New_York; the same time \
                every day is a cron, such as hour=9";
    let rows = [
        (r#"{"kind":"cron"}"#, Some(second)),
        (r#"{"kind":"cron","fields":{"hour":null}}"#, Some(second)),
        (r#"{"kind":"interval"}"#, Some(second)),
        (
            r#"{"kind":"interval","fields":{"hours":0,"days":null}}"#,
            Some("hours=0 is no time at all, so it fires every second"),
        ),
        (r#"{"kind":"interval","fields":{"weeks":2}}"#, Some(wall)),
        (r#"{"kind":"interval","fields":{"hours":24}}"#, Some(wall)),
        (r#"{"kind":"interval","fields":{"days":1},"tz":"UTC"}"#, None),
        (r#"{"kind":"interval","fields":{"hours":36}}"#, None),
        (r#"{"kind":"date","fields":{"run_date":"2030-01-01"}}"#, None),
        (r#"{"kind":"cron","fields":{"second":"*"}}"#, None),
    ];
    for (text, expected) in rows {
        let definition: Definition = serde_json::from_str(text).unwrap();
        assert_eq!(told(&definition), Vec::from_iter(expected), "{text}");
    }
}

#[test]
fn zones_that_are_not_what_they_are_called() {
    let rows = [
        (
            "Etc/GMT+5",
            Some("tz Etc/GMT+5 is 5 hours behind UTC: its name has the sign the other way round"),
        ),
        (
            "Etc/GMT-1",
            Some("tz Etc/GMT-1 is 1 hour ahead of UTC: its name has the sign the other way round"),
        ),
        (
            "EST",
            Some("tz EST is the same offset all year; America/New_York follows its clock changes"),
        ),
        ("Etc/GMT", None),
        ("Etc/GMT+0", None),
        ("CET", None),
        ("America/New_York", None),
    ];
    for (zone, expected) in rows {
        let mut definition = Definition::new(Kind::Cron).with("hour", 9);
        definition.tz = Some(zone.to_owned());
        assert_eq!(told(&definition), Vec::from_iter(expected), "{zone}");
    }
}

#[test]
fn a_note_is_data_too() {
    let notes = Definition::crontab("*/25 * * * *")
        .notes(&context("UTC", DstPolicy::Once))
        .unwrap();
    assert_eq!(
        serde_json::to_value(&notes).unwrap(),
        serde_json::json!([{
            "field": "minute", "text": "*/25", "note": "uneven", "step": 25, "last": "50", "first": "0", "distance": 10,
        }])
    );
    let wrong = Definition::crontab("* * *").notes(&context("UTC", DstPolicy::Once));
    assert!(wrong.is_err());
}
