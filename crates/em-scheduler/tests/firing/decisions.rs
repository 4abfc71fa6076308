//! What is decided, and what is written when it is (docs/semantics.md).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use em_scheduler::em_web::{TaskRow, first_runs};
use em_scheduler::model::{JobKind, NewJob, ScheduleRules};
use triggers::{DstPolicy, Zone};

use crate::on_both;
use crate::world::{SECOND, Settings, World, once};
use test_world::runner::Reply;

const EVERY_SECOND: &str = r#"{"kind":"cron","fields":{"second":"*"},"tz":"UTC"}"#;
const EVERY_HOUR: &str = r#"{"kind":"interval","fields":{"hours":1},"tz":"UTC"}"#;

on_both!(
    every_kind_of_job_reaches_the_runner,
    a_burst_arrives_whole,
    too_late_is_missed_and_not_sent,
    coalesced_times_are_counted_on_the_run_that_survives,
    without_coalescing_each_time_is_decided,
    max_instances_skips,
    a_disabled_or_deleted_task_is_skipped_and_its_job_removed,
    an_unreadable_trigger_stops_only_its_own_job,
    a_one_off_runs_once_whatever_is_added,
);

async fn every_kind_of_job_reaches_the_runner(world: World) {
    world.tasks(4);
    let scheduler = world.start().await;
    let (start, soon) = (scheduler.in_micros(0), scheduler.in_micros(SECOND / 2));
    let interval = r#"{"kind":"interval","fields":{"seconds":1},"tz":"UTC"}"#;
    scheduler
        .job((1, JobKind::Cron), EVERY_SECOND, scheduler.in_micros(0))
        .await;
    scheduler.job((2, JobKind::Interval), interval, soon).await;
    scheduler
        .job(
            (3, JobKind::OneOff),
            &format!(r#"{{"kind":"date","fields":{{"run_date":"{soon}"}}}}"#),
            soon,
        )
        .await;
    scheduler.once(4, soon).await;
    let receipts = world.runner.received(9).await;

    let keys: HashSet<&String> = receipts.iter().map(|receipt| &receipt.key).collect();
    assert_eq!(keys.len(), receipts.len(), "each run has a key of its own");
    for receipt in &receipts {
        assert!(receipt.at >= receipt.scheduled_for, "never early: {receipt:?}");
        assert!(receipt.scheduled_for >= start.get(), "{receipt:?}");
        assert_eq!(receipt.attempt, 1);
        let task: i32 = receipt.path.strip_prefix("/api/").unwrap().parse().unwrap();
        assert!(
            receipt.job_id.starts_with(&format!("{task}-{task}-")),
            "{receipt:?}"
        );
    }
    let of = |task: i32| {
        receipts
            .iter()
            .filter(|receipt| receipt.path == format!("/api/{task}"))
            .count()
    };
    assert!(of(1) >= 2 && of(2) >= 2, "{receipts:?}");
    assert_eq!((of(3), of(4)), (1, 1));
    world
        .until(
            "SELECT message, error, CASE WHEN job_id IS NULL THEN 'null' ELSE job_id END, status_id FROM task_log
             WHERE task_id = 4 AND message NOT LIKE 'Job added%' AND message NOT LIKE 'Job executed%' ORDER BY id",
            &["Job submitted.||null|6", "Job removed.||null|6"],
        )
        .await;
    world
        .until(
            "SELECT count(*) FROM task_log WHERE task_id = 4 AND message LIKE 'Job executed in 0:00:0%' AND job_id = ''",
            &["1"],
        )
        .await;
    // A finished trigger leaves a tombstone, a delayed run leaves nothing.
    world
        .until(
            "SELECT task_id, listed FROM scheduler_job WHERE task_id > 2 ORDER BY id",
            &["3|0"],
        )
        .await;
    scheduler.stop().await;
}

async fn a_burst_arrives_whole(world: World) {
    const JOBS: i32 = 5_000;
    world.tasks(JOBS);
    let scheduler = world.start().await;
    let due = scheduler.in_micros(2 * SECOND);
    scheduler
        .store_jobs((1..=JOBS).map(|task| once(task, due)).collect())
        .await;
    let receipts = world.runner.received(5_000).await;
    world
        .until(
            "SELECT state, count(*) FROM scheduler_run GROUP BY state",
            &["delivered|5000"],
        )
        .await;
    let keys: HashSet<&String> = receipts.iter().map(|receipt| &receipt.key).collect();
    assert_eq!((receipts.len(), keys.len()), (5_000, 5_000), "all, none twice");
    assert!(
        receipts.iter().all(|receipt| receipt.at >= receipt.scheduled_for),
        "none early"
    );
    scheduler.stop().await;
    assert_eq!(world.runner.receipts().len(), 5_000, "none later either");
}

async fn too_late_is_missed_and_not_sent(world: World) {
    world.tasks(2);
    let scheduler = world.start().await;
    scheduler.once(1, scheduler.in_micros(-31 * SECOND)).await;
    scheduler.once(2, scheduler.in_micros(-20 * SECOND)).await;
    let receipts = world.runner.received(1).await;
    assert_eq!(receipts[0].path, "/api/2");
    world
        .until(
            "SELECT task_id, state FROM scheduler_run ORDER BY task_id",
            &["1|missed", "2|delivered"],
        )
        .await;
    let missed = world.rows("SELECT message FROM task_log WHERE task_id = 1 AND error = 1");
    assert_eq!(missed.len(), 1);
    assert!(missed[0].starts_with("Job missed. Scheduled for: "), "{missed:?}");
    assert!(missed[0].contains("Missed by: 0:00:31."), "{missed:?}");
    scheduler.stop().await;
}

async fn coalesced_times_are_counted_on_the_run_that_survives(world: World) {
    world.tasks(1);
    let scheduler = world.start().await;
    let first = scheduler.in_micros(-10 * SECOND);
    let every_four = r#"{"kind":"interval","fields":{"seconds":4},"tz":"UTC"}"#;
    scheduler.job((1, JobKind::Interval), every_four, first).await;
    let receipts = world.runner.received(1).await;
    assert_eq!(receipts[0].scheduled_for, first.get() + 8 * SECOND);
    let expected = format!("2|{}", first.get());
    world
        .until(
            "SELECT coalesced, coalesced_since FROM scheduler_run ORDER BY key LIMIT 1",
            &[&expected],
        )
        .await;
    scheduler.stop().await;
}

async fn without_coalescing_each_time_is_decided(world: World) {
    world.tasks(1);
    let settings = Settings::with(|it| {
        it.firing.grace = 6 * SECOND;
        it.firing.coalesce = false;
        it.firing.max_instances = 50;
    });
    let scheduler = world.start_with(settings).await;
    let first = scheduler.in_micros(-11 * SECOND);
    let every_five = r#"{"kind":"interval","fields":{"seconds":5},"tz":"UTC"}"#;
    scheduler.job((1, JobKind::Interval), every_five, first).await;
    world.runner.received(1).await;
    world
        .until(
            "SELECT state, coalesced FROM scheduler_run ORDER BY scheduled_for LIMIT 3",
            &["missed|0", "missed|0", "delivered|0"],
        )
        .await;
    scheduler.stop().await;
}

async fn max_instances_skips(world: World) {
    world.tasks(1);
    world.runner.answer(Reply::Hang);
    let settings = Settings::with(|it| {
        it.firing.max_instances = 2;
        it.timeouts.total = Duration::from_secs(8);
    });
    let scheduler = world.start_with(settings).await;
    scheduler
        .job((1, JobKind::Cron), EVERY_SECOND, scheduler.in_micros(0))
        .await;
    world
        .until(
            "SELECT state FROM scheduler_run ORDER BY scheduled_for LIMIT 4",
            &["sending", "sending", "skipped", "skipped"],
        )
        .await;
    let skipped = world.rows("SELECT message FROM task_log WHERE error = 1 ORDER BY id LIMIT 1");
    assert!(
        skipped[0].contains("2 runs of this job have not ended"),
        "{skipped:?}"
    );
    assert_eq!(world.runner.receipts().len(), 2);
    let in_flight = scheduler
        .store
        .remove_all_jobs(scheduler.in_micros(0))
        .await
        .unwrap();
    assert_eq!(in_flight.len(), 2);
    scheduler.stop().await;
}

async fn a_disabled_or_deleted_task_is_skipped_and_its_job_removed(world: World) {
    world.tasks(3);
    let scheduler = world.start().await;
    let due = scheduler.in_micros(2 * SECOND);
    scheduler.job((1, JobKind::Interval), EVERY_HOUR, due).await;
    scheduler.job((2, JobKind::Interval), EVERY_HOUR, due).await;
    scheduler.once(3, due).await;
    world.sql(
        "UPDATE task SET enabled = 0 WHERE id IN (1, 3); DELETE FROM task_log WHERE task_id = 2; DELETE FROM task \
         WHERE id = 2;",
    );
    let receipts = world.runner.received(1).await;
    assert_eq!(
        receipts[0].path, "/api/3",
        "a delayed run does not ask whether the task is enabled"
    );
    world
        .until(
            "SELECT task_id, state, reason FROM scheduler_run ORDER BY task_id",
            &[
                "1|skipped|the task is disabled",
                "2|skipped|the task no longer exists",
                "3|delivered|",
            ],
        )
        .await;
    assert_eq!(world.rows("SELECT count(*) FROM scheduler_job"), ["0"]);
    assert_eq!(
        world.rows("SELECT count(*) FROM task_log WHERE task_id = 2"),
        ["0"]
    );
    scheduler.stop().await;
}

async fn an_unreadable_trigger_stops_only_its_own_job(world: World) {
    world.tasks(2);
    let scheduler = world.start().await;
    let due = scheduler.in_micros(SECOND);
    scheduler
        .job(
            (1, JobKind::Cron),
            r#"{"kind":"cron","fields":{"minute":99}}"#,
            due,
        )
        .await;
    scheduler.once(2, due).await;
    world.runner.received(1).await;
    world
        .until(
            "SELECT count(*) FROM task_log WHERE task_id = 1 AND message LIKE '%unreadable%99%'",
            &["1"],
        )
        .await;
    assert_eq!(
        world.rows("SELECT count(*) FROM scheduler_job WHERE task_id = 1 AND listed = 1"),
        ["1"]
    );
    scheduler.stop().await;
}

async fn a_one_off_runs_once_whatever_is_added(world: World) {
    world.tasks(1);
    let before = world.start().await;
    let wall = Zone::utc().to_wall(before.in_micros(SECOND));
    world.sql(&format!(
        "UPDATE project SET ooff = 1, ooff_date = '{wall}' WHERE id = 1;"
    ));
    before.stop().await;

    // The first job_sync schedules it; it runs; neither a second start nor adding it again runs it a second time.
    let scheduler = world.start().await;
    world.runner.received(1).await;
    world
        .until("SELECT state FROM scheduler_run", &["delivered"])
        .await;
    scheduler.stop().await;
    let scheduler = world.start().await;
    let rules = ScheduleRules {
        zone: Zone::utc(),
        dst: DstPolicy::Once,
    };
    let now = scheduler.in_micros(0);
    let plan = Arc::new(move |task: &TaskRow| first_runs(task, now, &rules));
    scheduler.store.replace_jobs(now, 1, plan).await.unwrap();
    scheduler.bell.ring();
    world
        .until(
            "SELECT count(*) FROM task_log WHERE message LIKE 'Job not sent again%'",
            &["1"],
        )
        .await;
    // The same one-off read as another instant, as after a change of zone: still the same one-off.
    let id = world.rows("SELECT job_id FROM scheduler_run").remove(0);
    let elsewhere = scheduler.in_micros(0);
    let again = NewJob {
        id,
        ..once(1, elsewhere)
    };
    world.sql("DELETE FROM scheduler_job");
    scheduler
        .store_jobs(vec![NewJob {
            kind: JobKind::OneOff,
            ..again
        }])
        .await;
    world
        .until(
            "SELECT count(*) FROM task_log WHERE message LIKE 'Job not sent again%'",
            &["2"],
        )
        .await;
    scheduler.stop().await;
    assert_eq!(world.runner.receipts().len(), 1);
    assert_eq!(world.rows("SELECT count(*) FROM scheduler_run"), ["1"]);
}
