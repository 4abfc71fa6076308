//! What is read of em_web's rows: every column in its place, nulls as the contract has them.

use std::sync::Arc;

use em_scheduler::em_web::{ProjectRow, TaskRow};
use em_scheduler::store::Replaced;

use super::harness::{Harness, NOW, at};

on_both!(
    every_column_is_read_into_its_place,
    nulls_are_read_as_not_given,
    a_task_may_have_no_project,
    an_unreadable_row_refuses_the_task
);

async fn every_column_is_read_into_its_place(h: Harness) {
    h.place
        .run(
            "INSERT INTO project (id, name, cron, cron_year, cron_month, cron_week, cron_day, cron_week_day, cron_hour,
                cron_min, cron_sec, cron_start_date, cron_end_date, intv, intv_type, intv_value, intv_start_date,
                intv_end_date, ooff, ooff_date)
             VALUES (5, 'P', 1, 2026, 1, 2, 3, 4, 5, 6, 7, '2026-01-01', '2026-01-02', 1, 'h', 8, '2026-01-03',
                '2026-01-04', 1, '2026-01-05');
             INSERT INTO task (id, name, project_id, enabled, next_run, est_duration)
             VALUES (7, 'T', 5, 1, '2026-01-06', 9)",
        )
        .await;
    let day = |day: u8| Some(format!("2026-01-{day:02} 00:00:00").parse().unwrap());
    let project = ProjectRow {
        id: 5,
        name: Some("P".into()),
        cron: true,
        cron_fields: [2026, 1, 2, 3, 4, 5, 6, 7].map(Some),
        cron_start: day(1),
        cron_end: day(2),
        interval: true,
        interval_type: Some("h".into()),
        interval_value: Some(8),
        interval_start: day(3),
        interval_end: day(4),
        one_off: true,
        one_off_date: day(5),
        sequence: false,
    };
    let (name, next_run) = (Some("T".into()), day(6));
    let expected = TaskRow {
        id: 7,
        name,
        enabled: true,
        next_run,
        has_estimate: true,
        follows: false,
        project: Some(project),
    };
    assert_eq!(h.store.task(7).await.unwrap(), Some(expected));
}

async fn nulls_are_read_as_not_given(h: Harness) {
    h.place
        .run("INSERT INTO project (id) VALUES (5); INSERT INTO task (id, project_id) VALUES (7, 5)")
        .await;
    let project = Some(ProjectRow {
        id: 5,
        ..ProjectRow::default()
    });
    let expected = TaskRow {
        id: 7,
        name: None,
        enabled: false,
        next_run: None,
        has_estimate: false,
        follows: false,
        project,
    };
    assert_eq!(h.store.task(7).await.unwrap(), Some(expected.clone()));
    // Active and enabled is 1, and no other number.
    h.place
        .run("UPDATE project SET cron = 2, intv = 0, ooff = -1; UPDATE task SET enabled = 2")
        .await;
    assert_eq!(h.store.task(7).await.unwrap(), Some(expected));
}

async fn a_task_may_have_no_project(h: Harness) {
    h.place
        .run("INSERT INTO task (id, name, enabled) VALUES (7, 'T', 1)")
        .await;
    let task = h.store.task(7).await.unwrap().unwrap();
    assert_eq!(
        (task.project, task.name.as_deref(), task.enabled),
        (None, Some("T"), true)
    );
}

async fn an_unreadable_row_refuses_the_task(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    let odd = if h.place.is_postgres() {
        "-infinity"
    } else {
        "never"
    };
    h.place
        .run(&format!(
            "UPDATE project SET ooff_date = '{odd}'; UPDATE task SET enabled = 0"
        ))
        .await;
    let plan = Arc::new(|_: &TaskRow| panic!("nothing to plan with"));
    let Replaced::Refused(invalid) = h.store.replace_jobs(at(NOW), 7, plan).await.unwrap() else {
        panic!()
    };
    let reason = invalid.to_string();
    assert!(
        reason.contains("column ooff_date") && reason.contains(odd),
        "{reason}"
    );
    // The old job goes on, and the one row says why the new one does not.
    assert_eq!(h.place.lines("SELECT id FROM scheduler_job").await, ["3-7-cron"]);
    assert_eq!(h.place.lines("SELECT enabled FROM task").await, ["0"]);
    let log = h
        .place
        .lines("SELECT task_id, error, message FROM task_log")
        .await;
    assert_eq!(log, [format!("7|1|Job could not be scheduled: {reason}")]);
}
