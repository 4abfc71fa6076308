//! `/api/add`: what it answers and what it leaves in the database.

use crate::on_both_databases;
use crate::tasks;
use crate::world::World;

const ADDED: &str = "Scheduler: task job added!";

fn jobs(world: &World, task: i32) -> Vec<String> {
    world.rows(&format!(
        "SELECT j.id, j.kind, d.next_run_at IS NOT NULL FROM scheduler_job j
         LEFT JOIN scheduler_due d ON d.job_key = j.key WHERE j.task_id = {task} ORDER BY j.id"
    ))
}

/// `error message` of each event of the task, in order, the message only to its first full stop.
fn log(world: &World, task: i32) -> Vec<String> {
    let query = format!("SELECT error, message FROM task_log WHERE task_id = {task} ORDER BY id");
    let short = |row: &String| row.split('.').next().unwrap_or_default().to_owned();
    world.rows(&query).iter().map(short).collect()
}

fn task(world: &World, id: i32) -> String {
    world.row(&format!(
        "SELECT enabled, next_run IS NOT NULL, status_id FROM task WHERE id = {id}"
    ))
}

/// Yes and no as each database writes them.
fn plain(rows: &[String]) -> Vec<String> {
    let plain = |row: &String| row.replace("|t", "|1").replace("|f", "|0");
    rows.iter().map(plain).collect()
}

async fn each_active_trigger_becomes_a_job(world: World) {
    tasks::create(&world);
    for (id, expected) in [
        (1, vec!["1-1-intv|interval|1"]),
        (2, vec![]),
        (7, vec!["7-7-cron|cron|1"]),
        (8, vec!["8-8-intv|interval|1"]),
        (17, vec!["16-17-intv|interval|1"]),
    ] {
        world.expect(&format!("/api/add/{id}"), ADDED).await;
        assert_eq!(plain(&jobs(&world, id)), expected, "task {id}");
        let next_run = i32::from(!expected.is_empty());
        assert_eq!(
            plain(&[task(&world, id)]),
            [format!("1|{next_run}|")],
            "task {id}"
        );
        assert_eq!(log(&world, id).len(), expected.len(), "task {id}");
        assert!(
            log(&world, id).iter().all(|row| row.starts_with("0|Job added")),
            "task {id}"
        );
    }
    world.expect("/api/add/3", ADDED).await;
    let kinds: Vec<String> = jobs(&world, 3)
        .iter()
        .map(|job| job.split('|').nth(1).expect("a kind").to_owned())
        .collect();
    assert_eq!(kinds.len(), 3);
    for kind in ["cron", "interval", "one_off"] {
        assert!(kinds.iter().any(|found| found == kind), "{kinds:?}");
    }
}

async fn a_trigger_that_never_fires_is_listed_without_a_time(world: World) {
    tasks::create(&world);
    for (id, job) in [
        (6, "6-6-cron|cron|0"),
        (12, "12-12-cron|cron|0"),
        (14, "14-14-intv|interval|0"),
    ] {
        world.expect(&format!("/api/add/{id}"), ADDED).await;
        assert_eq!(plain(&jobs(&world, id)), [job]);
        assert_eq!(
            log(&world, id),
            ["1|Job added, but its schedule never fires again"]
        );
        assert_eq!(plain(&[task(&world, id)]), ["1|0|"]);
    }
    assert_eq!(world.get("/api/jobs").await.body, "[12,14,6]");
    assert_eq!(world.get("/api/scheduled").await.body, "[]");
}

async fn adding_again_replaces_all_jobs_also_the_delayed(world: World) {
    tasks::create(&world);
    world.expect("/api/add/5", ADDED).await;
    let first = jobs(&world, 5);
    world
        .expect("/api/run/5/delay/5", "Scheduler: task scheduled!")
        .await;
    assert_eq!(jobs(&world, 5).len(), 2);
    world.expect("/api/add/5", ADDED).await;
    assert_eq!(jobs(&world, 5), first, "the same date is the same job for ever");
    let events = [
        "0|Job added",
        "0|Job added",
        "|Job removed",
        "|Job removed",
        "0|Job added",
    ];
    let found: Vec<String> = log(&world, 5)
        .iter()
        .map(|row| row.split(". ").next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(found, events);
}

async fn an_unknown_task_is_not_added(world: World) {
    world
        .expect("/api/add/999999", "Scheduler: failed to create job!")
        .await;
    assert_eq!(world.row("SELECT count(*) FROM task_log"), "0");
}

async fn an_invalid_schedule_changes_nothing_but_one_row_of_the_log(world: World) {
    tasks::create(&world);
    world.expect("/api/add/11", ADDED).await;
    world
        .expect("/api/run/11/delay/5", "Scheduler: task scheduled!")
        .await;
    world.sql("UPDATE task SET enabled = 0 WHERE id = 11; DELETE FROM task_log;");
    let next_run = world.row("SELECT next_run FROM task WHERE id = 11");
    let before = jobs(&world, 11);
    for (change, words) in [
        ("cron_min = 99", vec!["99", "59"]),
        (
            "cron_min = 0, intv = 1, intv_type = NULL",
            vec!["intv_type", "null"],
        ),
        ("intv_type = 'y'", vec!["intv_type", "\"y\""]),
        ("intv = 0, ooff = 1", vec!["ooff_date"]),
        ("ooff = 0, cron_hour = -1", vec!["-1"]),
    ] {
        world.sql(&format!(
            "UPDATE project SET {change} WHERE id = 11; DELETE FROM task_log;"
        ));
        let reason = world.refused("/api/add/11", "Scheduler (add job):\n").await;
        for word in words {
            assert!(reason.contains(word), "{change}: {reason}");
        }
        assert_eq!(jobs(&world, 11), before, "{change}");
        assert_eq!(
            world.row("SELECT enabled FROM task WHERE id = 11"),
            "0",
            "{change}"
        );
        assert_eq!(
            world.row("SELECT next_run FROM task WHERE id = 11"),
            next_run,
            "{change}"
        );
        let rows = world.rows("SELECT task_id, status_id, error, job_id IS NULL, message FROM task_log");
        assert_eq!(rows.len(), 1, "{change}: {rows:?}");
        let row = plain(&rows).remove(0);
        assert!(
            row.starts_with("11|6|1|1|") && row.contains(&reason),
            "{change}: {row}"
        );
    }
}

/// T12: the log says which instant was taken for a date that the clock skips or shows twice.
async fn dates_that_meet_a_clock_change_are_told_in_the_log(world: World) {
    let world = World::in_zone(world.backend, "America/New_York").await;
    world.sql(
        "INSERT INTO project (id, name, ooff, ooff_date) VALUES (1, 'P', 1, '2027-03-14 02:30:00');
         INSERT INTO project (id, name, cron, cron_hour, cron_start_date, cron_end_date)
         VALUES (2, 'P', 1, 9, '2026-11-01 01:30:00', '2027-03-14 02:30:00');
         INSERT INTO project (id, name, intv, intv_type, intv_value, intv_start_date)
         VALUES (3, 'P', 1, 'h', 6, '2027-11-07 01:30:00');
         INSERT INTO project (id, name, ooff, ooff_date) VALUES (4, 'P', 1, '2027-03-14 03:30:00');
         INSERT INTO task (id, name, project_id, enabled) VALUES (1, 'T', 1, 0), (2, 'T', 2, 0), (3, 'T', 3, 0), (4, 'T', 4, 0);",
    );
    let gap = |date: &str| {
        format!(
            ". Note: the clock skips its {date}, 2027-03-14 02:30:00: 2027-03-14T07:30:00Z is taken, when the clock shows \
             2027-03-14 03:30:00, not 2027-03-14T06:30:00Z"
        )
    };
    for (id, expected) in [
        (1, format!("0|Job added. Scheduled for: Sun, Mar 14, 2027 03:30:00{}", gap("date"))),
        (
            2,
            format!(
                ". Note: the clock shows its start, 2026-11-01 01:30:00, twice: the first time, 2026-11-01T05:30:00Z, is \
                 taken, not the second, 2026-11-01T06:30:00Z{}",
                gap("end")
            ),
        ),
        (
            3,
            "0|Job added. Scheduled for: Sun, Nov 7, 2027 01:30:00. Note: the clock shows its start, 2027-11-07 01:30:00, \
             twice: the first time, 2027-11-07T05:30:00Z, is taken, not the second, 2027-11-07T06:30:00Z"
                .to_owned(),
        ),
        (4, "0|Job added. Scheduled for: Sun, Mar 14, 2027 03:30:00".to_owned()),
    ] {
        world.expect(&format!("/api/add/{id}"), ADDED).await;
        let log = world.row(&format!("SELECT error, message FROM task_log WHERE task_id = {id}"));
        assert!(log.ends_with(&expected), "task {id}: {log}");
    }
}

async fn a_task_without_project_is_an_error(world: World) {
    tasks::create(&world);
    let reason = world.refused("/api/add/16", "Scheduler (add job):\n").await;
    assert!(reason.contains("16") && reason.contains("project"), "{reason}");
    assert_eq!(task(&world, 16).split('|').next(), Some("0"));
}

on_both_databases!(
    each_active_trigger_becomes_a_job,
    a_trigger_that_never_fires_is_listed_without_a_time,
    adding_again_replaces_all_jobs_also_the_delayed,
    an_unknown_task_is_not_added,
    an_invalid_schedule_changes_nothing_but_one_row_of_the_log,
    dates_that_meet_a_clock_change_are_told_in_the_log,
    a_task_without_project_is_an_error,
);
