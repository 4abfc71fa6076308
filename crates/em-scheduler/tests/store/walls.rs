//! Naive local times: on the walls of the scheduler's zone, to the microsecond, whatever zone the server is in.

use std::sync::Arc;

use triggers::WallMicros;

use super::fixture::job;
use super::harness::{Harness, at};

on_both!(
    times_are_those_of_the_schedulers_zone,
    times_are_read_to_the_microsecond
);

/// Before, at and after the clock change of October, in summer and in winter, before 1970 and far ahead.
const TIMES: [(&str, &str); 7] = [
    ("2026-07-01T12:00:00Z", "2026-07-01 14:00:00.000000"),
    ("2026-12-01T12:00:00.000001Z", "2026-12-01 13:00:00.000001"),
    ("2026-10-25T00:30:00Z", "2026-10-25 02:30:00.000000"),
    ("2026-10-25T01:30:00Z", "2026-10-25 02:30:00.000000"),
    ("2026-03-29T01:00:00Z", "2026-03-29 03:00:00.000000"),
    ("1969-12-31T23:59:59.999999Z", "1970-01-01 00:59:59.999999"),
    ("9999-12-30T12:00:00.123457Z", "9999-12-30 13:00:00.123457"),
];

async fn times_are_those_of_the_schedulers_zone(h: Harness) {
    if h.place.is_postgres() {
        assert_eq!(
            h.place.lines("SHOW timezone").await,
            ["Asia/Kathmandu"],
            "the server is to be elsewhere"
        );
    }
    h.place.task(7, true).await;
    for (utc, wall) in TIMES {
        h.place.run("DELETE FROM task_log").await;
        let plan = Arc::new(move |_: &_| Ok(vec![job("3-7-cron", 7, Some(at(utc)))]));
        h.store.replace_jobs(at(utc), 7, plan).await.unwrap();
        let next_run = format!("SELECT {} FROM task", h.place.wall("next_run"));
        assert_eq!(h.place.lines(&next_run).await, [wall], "{utc}");
        let logged = format!("SELECT DISTINCT {} FROM task_log", h.place.wall("status_date"));
        assert_eq!(h.place.lines(&logged).await, [wall], "{utc}");
        let read = h.store.task(7).await.unwrap().unwrap().next_run.unwrap();
        assert_eq!(read, wall.parse::<WallMicros>().unwrap(), "{utc}");
    }
}

async fn times_are_read_to_the_microsecond(h: Harness) {
    h.place.task(7, true).await;
    for (stored, read) in [
        ("2026-11-23 16:12:04", "2026-11-23 16:12:04"),
        ("2026-11-23 16:12:04.000001", "2026-11-23 16:12:04.000001"),
        ("2026-11-23 16:12:04.999999", "2026-11-23 16:12:04.999999"),
        ("1900-01-01 00:00:00.5", "1900-01-01 00:00:00.500000"),
        ("9999-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999"),
    ] {
        h.place
            .run(&format!(
                "UPDATE project SET cron_start_date = '{stored}', cron_end_date = '{stored}',
                 intv_start_date = '{stored}', intv_end_date = '{stored}', ooff_date = '{stored}'"
            ))
            .await;
        let project = h.store.task(7).await.unwrap().unwrap().project.unwrap();
        let expected = Some(read.parse::<WallMicros>().unwrap());
        let times = [
            project.cron_start,
            project.cron_end,
            project.interval_start,
            project.interval_end,
        ];
        assert_eq!(
            (times, project.one_off_date),
            ([expected; 4], expected),
            "{stored}"
        );
    }
}
