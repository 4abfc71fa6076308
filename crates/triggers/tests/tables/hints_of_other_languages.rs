//! What helps those who write Quartz's, Jenkins', systemd's or AWS's schedules, or English, in place of a crontab line (T8).

use crate::hints_of_lines::check;
use triggers::Dialect::{ApsCrontab, Crontab};

#[test]
fn six_fields_and_seven() {
    check(&[
        (
            Crontab,
            "*/5 * * * * *",
            "6 fields begin with the second elsewhere (Quartz, Spring); here the fields of a cron have that, by their names: second=*/5",
        ),
        (
            Crontab,
            "0 0 12 * * ?",
            "6 fields begin with the second elsewhere (Quartz, Spring); write 0 12 * * * without the second",
        ),
        (
            Crontab,
            "0 30 9 ? * MON-FRI",
            "6 fields begin with the second elsewhere (Quartz, Spring); write 30 9 * * MON-FRI without the second",
        ),
        (
            Crontab,
            "0 0 9 * * 1-5",
            "6 fields begin with the second elsewhere (Quartz, Spring); write 0 9 * * 1-5 without the second; name the weekdays, as their numbers differ",
        ),
        (
            Crontab,
            "15 30 2 * * *",
            "6 fields begin with the second elsewhere (Quartz, Spring); here the fields of a cron have that, by their names: second=15 minute=30 hour=2",
        ),
        (
            Crontab,
            "15 30 2 * * 2",
            "6 fields begin with the second elsewhere (Quartz, Spring); here the fields of a cron have that, by their names: second=15 minute=30 hour=2; name the weekdays, as their numbers differ",
        ),
        (
            Crontab,
            "0 0 12 1/1 * ? *",
            "7 fields begin with the second and end with the year elsewhere (Quartz, Spring); write 0 12 1-31/1 * * without the second",
        ),
        (
            Crontab,
            "0 15 10 ? * 6L 2026-2028",
            "7 fields begin with the second and end with the year elsewhere (Quartz, Spring); here the fields of a cron have that, by their names, such as second=0 minute=30 hour=2 year=2027",
        ),
        (
            Crontab,
            "0 0 9 1-7 * MON",
            "6 fields begin with the second elsewhere (Quartz, Spring); here the fields of a cron have that, by their names: second=0 minute=0 hour=9 day=1-7 day_of_week=MON",
        ),
        (
            Crontab,
            "0 9 * * 1 2026",
            "a year is had by the fields of a cron, as in year=2026; without it write 0 9 * * 1",
        ),
        (
            Crontab,
            "0 9 1 1 ? 2027",
            "a year is had by the fields of a cron, as in year=2027; without it write 0 9 1 1 *",
        ),
        (
            Crontab,
            "0 9 * * mon, wed, fri",
            "no blanks within a field: write 0 9 * * mon,wed,fri",
        ),
        (
            Crontab,
            "0 9 * * 1 - 5",
            "no blanks within a field: write 0 9 * * 1-5",
        ),
        (
            Crontab,
            "0 9 * * 1 -5",
            "no blanks within a field: write 0 9 * * 1-5",
        ),
        (
            Crontab,
            "* /5 * * * *",
            "no blanks within a field: write */5 * * * *",
        ),
    ]);
}

#[test]
fn words_of_quartz_and_jenkins() {
    check(&[
        (Crontab, "0 0 ? * *", "write 0 0 * * *"),
        (
            Crontab,
            "0 9 L * ?",
            "a crontab line has no word for that; the fields of a cron have: day=last",
        ),
        (
            Crontab,
            "0 0 L * *",
            "a crontab line has no word for that; the fields of a cron have: day=last",
        ),
        (
            Crontab,
            "0 0 last * *",
            "a crontab line has no word for that; the fields of a cron have: day=last",
        ),
        (
            Crontab,
            "0 0 lastfri * *",
            "a crontab line has no word for that; the fields of a cron have: day=last fri",
        ),
        (
            Crontab,
            "0 0 LW * *",
            "the nearest working day (W) cannot be had here",
        ),
        (
            Crontab,
            "0 0 15W * *",
            "the nearest working day (W) cannot be had here",
        ),
        (
            Crontab,
            "0 0 L-3 * *",
            "of the days counted from the end of the month only the last can be had, by the fields of a cron: day=last",
        ),
        (
            Crontab,
            "0 0 * * 5L",
            "a crontab line has no word for that; the fields of a cron have: day=last and the weekday's name, such as last fri",
        ),
        (
            Crontab,
            "0 0 * * friL",
            "a crontab line has no word for that; the fields of a cron have: day=last fri",
        ),
        (
            Crontab,
            "0 0 * * 5#3",
            "a crontab line has no word for that; the fields of a cron have: day=3rd and the weekday's name, such as 3rd fri",
        ),
        (
            Crontab,
            "0 0 * * fri#3",
            "a crontab line has no word for that; the fields of a cron have: day=3rd fri",
        ),
        (
            Crontab,
            "H * * * *",
            "Jenkins' H is not read; write a value of your own, such as 3",
        ),
        (
            Crontab,
            "H/15 * * * *",
            "Jenkins' H is not read; write */15, or a value of your own, such as 3",
        ),
        (
            Crontab,
            "H(0-29)/10 * * * *",
            "Jenkins' H is not read; write a value of your own, such as 3",
        ),
        (
            Crontab,
            "~ * * * *",
            "a random value (~) is not read; write one of your own, such as 3",
        ),
        (
            Crontab,
            "0~30 * * * *",
            "a random value (~) is not read; write one of your own, such as 3",
        ),
        (
            Crontab,
            "0/5 * * * *",
            "write 0-59/5 * * * * (a step needs a range before it)",
        ),
        (
            Crontab,
            "5/15 * * * *",
            "write 5-59/15 * * * * (a step needs a range before it)",
        ),
    ]);
}

#[test]
fn nicknames() {
    check(&[
        (Crontab, "@every 5m", "that is an interval: minutes=5"),
        (Crontab, "@every 1h30m", "that is an interval: hours=1 minutes=30"),
        (Crontab, "@every", "that is an interval, such as minutes=5"),
        (Crontab, "@5minutes", "that is an interval: minutes=5"),
        (
            Crontab,
            "@reboot",
            "the start of a machine is no time; let systemd, or cron, start what is to run then",
        ),
        (Crontab, "@dayly", "write @daily"),
        (Crontab, "@minutely", "write * * * * *"),
        (Crontab, "@every_minute", "write * * * * *"),
        (
            Crontab,
            "@every_second",
            "the fields of a cron have seconds, by their names: second=*",
        ),
        (Crontab, "@weekdays", "write 0 0 * * mon-fri"),
        (Crontab, "@quarterly", "write 0 0 1 */3 *"),
        (Crontab, "@noon", "write 0 12 * * *"),
        (
            Crontab,
            "@daily /usr/bin/x",
            "a nickname stands alone; write @daily",
        ),
        (
            Crontab,
            "@DAILY /usr/bin/x",
            "a nickname stands alone; write @daily",
        ),
        (Crontab, "daily", "write @daily"),
        (Crontab, "Hourly", "write @hourly"),
        (
            Crontab,
            "0 9 @daily * *",
            "a nickname stands alone, in place of all the fields",
        ),
        (ApsCrontab, "@daily", "write 0 0 * * *"),
        (ApsCrontab, "@WEEKLY", "write 0 0 * * sun"),
        (ApsCrontab, "daily", "write 0 0 * * *"),
    ]);
}

#[test]
fn times_and_lengths_of_time() {
    check(&[
        (Crontab, "90m", "that is an interval: minutes=90"),
        (Crontab, "1h30m", "that is an interval: hours=1 minutes=30"),
        (Crontab, "PT5M", "that is an interval: minutes=5"),
        (Crontab, "every 5 minutes", "that is an interval: minutes=5"),
        (Crontab, "every minute", "that is an interval: minutes=1"),
        (Crontab, "every day at 9am", "write 0 9 * * *"),
        (Crontab, "every monday at 9am", "write 0 9 * * mon"),
        (
            Crontab,
            "every second tuesday",
            "English is not read; write the five fields, such as 30 2 * * mon-fri, or an interval, such as minutes=5",
        ),
        (Crontab, "rate(5 minutes)", "that is an interval: minutes=5"),
        (
            Crontab,
            "cron(0 10 * * ? *)",
            "AWS's form is not read; write 0 10 * * *",
        ),
        (
            Crontab,
            "cron(15 12 ? * MON-FRI *)",
            "AWS's form is not read; write 15 12 * * mon-fri",
        ),
        (
            Crontab,
            "cron(15 12 ? * 2-6 *)",
            "AWS's form is not read; write five fields, the weekdays by name, and a year as the field year of a cron",
        ),
        (Crontab, "02:30", "write 30 2 * * *"),
        (Crontab, "9am", "write 0 9 * * *"),
        (Crontab, "9:30 pm", "write 30 21 * * *"),
        (Crontab, "noon", "write 0 12 * * *"),
        (Crontab, "9:30 mon-fri", "write 30 9 * * mon-fri"),
        (Crontab, "weekdays at 9am", "write 0 9 * * mon-fri"),
        (Crontab, "9:30 * * * *", "write the minute, then the hour: 30 9"),
        (Crontab, "0 9pm * * *", "write 21 (hours are 0 to 23)"),
        (Crontab, "0 noon * * *", "write 12 (hours are 0 to 23)"),
        (
            Crontab,
            "0 12:30pm * * *",
            "write the minute, then the hour: 30 12",
        ),
        (Crontab, "Mon..Fri 02:30", "write 30 2 * * mon-fri"),
        (Crontab, "Mon..Fri *-*-* 02:30:00", "write 30 2 * * mon-fri"),
        (Crontab, "*:0/15", "write */15 * * * *"),
        (Crontab, "*-*-01 00:00:00", "write 0 0 1 * *"),
        (
            Crontab,
            "Sat *-*-1..7 18:00:00",
            "systemd's calendar is not read; write five fields, such as 30 2 * * mon-fri, or the fields of a cron by their names, such as year=2027 hour=2",
        ),
        (ApsCrontab, "Sat *-*-1..7 18:00:00", "write 0 18 1-7 * sat"),
        (
            Crontab,
            "Mon,Thu 2027-*-* 12:00",
            "systemd's calendar is not read; write five fields, such as 30 2 * * mon-fri, or the fields of a cron by their names, such as year=2027 hour=2",
        ),
        (
            Crontab,
            "2026-12-24T18:00",
            "one date is a trigger of kind date, not of kind cron",
        ),
        (
            Crontab,
            "24.12.2026",
            "one date is a trigger of kind date, not of kind cron",
        ),
        (
            Crontab,
            "tomorrow",
            "one date is a trigger of kind date, not of kind cron",
        ),
        (
            Crontab,
            "",
            "write five fields, such as 30 2 * * * for 02:30 every day",
        ),
    ]);
}
