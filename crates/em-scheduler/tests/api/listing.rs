//! `/api/jobs`, `/api/scheduled`, `/api/details`: order and form, for few jobs and for many.

use serde_json::{Value, json};

use crate::on_both_databases;
use crate::tasks;
use crate::world::World;
use test_world::Backend;

/// Sets the next runs of jobs by id, in microseconds since 1970.
fn set_next_run(world: &World, job: &str, micros: i64) {
    world.sql(&format!(
        "UPDATE scheduler_due SET next_run_at = {micros}
         WHERE job_key = (SELECT key FROM scheduler_job WHERE id = '{job}')"
    ));
}

const NOVEMBER: i64 = 1_795_450_335_999_999;

async fn lists_are_by_time_then_job_id_and_those_without_a_time_last(world: World) {
    tasks::create(&world);
    for path in ["/api/jobs", "/api/scheduled", "/api/details"] {
        assert_eq!(world.get(path).await.body, "[]", "{path}");
    }
    for id in [14, 12, 11, 8, 7, 6, 17, 1] {
        world
            .expect(&format!("/api/add/{id}"), "Scheduler: task job added!")
            .await;
    }
    // A tie of four, whose ids sort as texts, and one that is earlier.
    for job in ["7-7-cron", "11-11-cron", "1-1-intv", "16-17-intv"] {
        set_next_run(&world, job, NOVEMBER);
    }
    set_next_run(&world, "8-8-intv", NOVEMBER - 1);
    assert_eq!(
        world.get("/api/jobs").await.json(),
        json!([8, 1, 11, 17, 7, 12, 14, 6])
    );
    assert_eq!(world.get("/api/scheduled").await.json(), json!([8, 1, 11, 17, 7]));
    let time = "Mon, 23 Nov 2026 16:12:15 GMT";
    assert_eq!(
        world.get("/api/details").await.json(),
        json!([
            {"id": "8", "job_id": "8-8-intv", "name": "(inverval) intv_nullvalue_h: t_intv_nullvalue_h", "next_run_time": time},
            {"id": "1", "job_id": "1-1-intv", "name": "(inverval) intv_1h: t_intv_1h", "next_run_time": time},
            {"id": "11", "job_id": "11-11-cron", "name": "(cron) cron_wd_1_h3: t_cron_wd_1_h3", "next_run_time": time},
            {"id": "17", "job_id": "16-17-intv", "name": "(inverval) : ", "next_run_time": time},
            {"id": "7", "job_id": "7-7-cron", "name": "(cron) cron_allnull: t_cron_allnull", "next_run_time": time},
            {"id": "12", "job_id": "12-12-cron", "name": "(cron) cron_ended: t_cron_ended", "next_run_time": null},
            {"id": "14", "job_id": "14-14-intv", "name": "(inverval) intv_ended: t_intv_ended", "next_run_time": null},
            {"id": "6", "job_id": "6-6-cron", "name": "(cron) cron_2020: t_cron_2020", "next_run_time": null},
        ])
    );
}

async fn one_offs_have_ten_digits_and_a_name_of_their_kind(world: World) {
    tasks::create(&world);
    world.expect("/api/add/5", "Scheduler: task job added!").await;
    world
        .expect("/api/run/5/delay/7", "Scheduler: task scheduled!")
        .await;
    let details = world.get("/api/details").await.json();
    let names: Vec<&Value> = details
        .as_array()
        .expect("a list")
        .iter()
        .map(|job| &job["name"])
        .collect();
    assert_eq!(
        names,
        [
            "(one off delay) ooff_future: t_ooff_future",
            "(one off) ooff_future: t_ooff_future"
        ]
    );
    for job in details.as_array().expect("a list") {
        let digits = job["job_id"]
            .as_str()
            .expect("a text")
            .strip_prefix("5-5-")
            .expect("a job of task 5");
        let hex = |digit: char| digit.is_ascii_digit() || ('a'..='f').contains(&digit);
        assert!(digits.len() == 10 && digits.chars().all(hex), "{digits}");
    }
}

async fn names_come_through_whatever_they_hold(world: World) {
    let name = "\u{e9}\u{4e2d} \"q\" \\ <b>";
    world.sql(&format!(
        "INSERT INTO project (id, name, cron) VALUES (1, '{name}', 1);
         INSERT INTO task (id, name, project_id) VALUES (1, 'tab\there', 1);"
    ));
    world.expect("/api/add/1", "Scheduler: task job added!").await;
    let details = world.get("/api/details").await.json();
    assert_eq!(details[0]["name"], format!("(cron) {name}: tab\there"));
}

async fn a_damaged_row_poisons_no_other(world: World) {
    tasks::create(&world);
    for id in [1, 11] {
        world
            .expect(&format!("/api/add/{id}"), "Scheduler: task job added!")
            .await;
    }
    world.sql("UPDATE scheduler_job SET kind = 'odd' WHERE task_id = 1");
    for path in ["/api/jobs", "/api/scheduled"] {
        assert_eq!(world.get(path).await.body, "[11]", "{path}");
    }
    for path in ["/api/details", "/api/schedule"] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(!answer.body.contains("odd"), "{path}: {answer:?}");
    }
    world.expect("/api/delete", "Scheduler: all jobs deleted!").await;
    assert_eq!(world.get("/api/jobs").await.body, "[]");
}

async fn ten_thousand_tasks_are_listed(world: World) {
    let series = match world.backend {
        Backend::Sqlite => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT i FROM n"
        }
        Backend::Postgres => "SELECT generate_series(1, 10000) AS i",
    };
    let definition = r#"{"kind":"cron","fields":{"minute":0},"tz":"UTC"}"#;
    world.sql(&format!(
        "INSERT INTO scheduler_job (id, task_id, project_id, kind, name, definition, created_at)
           SELECT '1-' || i || '-cron', i, 1, 'cron', 'p: t' || i, '{definition}', 0 FROM ({series}) AS s;
         INSERT INTO scheduler_due (job_key, next_run_at)
           SELECT key, {NOVEMBER} - task_id * CAST(1000000 AS BIGINT) FROM scheduler_job;"
    ));
    let ids: Vec<i64> = (1..=10_000).rev().collect();
    assert_eq!(world.get("/api/jobs").await.json(), json!(ids));
    assert_eq!(world.get("/api/scheduled").await.json(), json!(ids));
    let details = world.get("/api/details").await.json();
    let found: Vec<i64> = details
        .as_array()
        .expect("a list")
        .iter()
        .map(|job| job["id"].as_str().expect("a text").parse().expect("a number"))
        .collect();
    assert_eq!(found, ids);
    let rows = world.get("/api/schedule").await.json();
    assert_eq!(rows.as_array().expect("a list").len(), 25);
}

on_both_databases!(
    lists_are_by_time_then_job_id_and_those_without_a_time_last,
    one_offs_have_ten_digits_and_a_name_of_their_kind,
    names_come_through_whatever_they_hold,
    a_damaged_row_poisons_no_other,
    ten_thousand_tasks_are_listed,
);
