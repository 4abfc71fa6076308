//! Pause, delete, stop and start again: what waits, what leaves, and what is taken over.

use std::time::Duration;

use crate::on_both;
use crate::world::{SECOND, Settings, World, once};
use test_world::runner::Reply;

on_both!(
    nothing_is_decided_while_paused_and_the_grace_decides_after,
    the_paused_state_survives_a_restart,
    a_stopped_scheduler_leaves_its_queue_to_the_next,
    what_was_queued_too_long_ago_is_missed_at_the_restart,
    what_was_being_sent_when_the_process_died_is_unknown,
    a_deleted_job_sends_nothing_more,
    a_deleted_task_is_muted,
    a_deletion_stays_over_a_restart_until_em_web_had_time_for_its_own,
);

async fn nothing_is_decided_while_paused_and_the_grace_decides_after(world: World) {
    world.tasks(2);
    let scheduler = world.start().await;
    scheduler
        .store
        .set_paused(scheduler.in_micros(0), true)
        .await
        .unwrap();
    scheduler.dispatcher.pause();
    scheduler.once(1, scheduler.in_micros(-40 * SECOND)).await;
    scheduler.once(2, scheduler.in_micros(0)).await;
    let paused = scheduler.store.list_jobs(false).await.unwrap();
    assert_eq!(paused.len(), 2, "jobs stay listed with their next run times");
    assert_eq!(world.rows("SELECT count(*) FROM scheduler_run"), ["0"]);
    scheduler
        .store
        .set_paused(scheduler.in_micros(0), false)
        .await
        .unwrap();
    scheduler.dispatcher.resume();
    scheduler.bell.ring();
    world
        .until(
            "SELECT task_id, state FROM scheduler_run ORDER BY task_id",
            &["1|missed", "2|delivered"],
        )
        .await;
    scheduler.stop().await;
}

async fn the_paused_state_survives_a_restart(world: World) {
    world.tasks(2);
    let scheduler = world.start().await;
    scheduler
        .store
        .set_paused(scheduler.in_micros(0), true)
        .await
        .unwrap();
    scheduler.stop().await;
    let scheduler = world.start().await;
    assert!(scheduler.store.paused().await.unwrap());
    scheduler.once(1, scheduler.in_micros(0)).await;
    scheduler.once(2, scheduler.in_micros(-40 * SECOND)).await;
    scheduler
        .store
        .set_paused(scheduler.in_micros(0), false)
        .await
        .unwrap();
    scheduler.bell.ring();
    // Had the first been decided while it was alone, it would stand before the second.
    world
        .until(
            "SELECT task_id, state FROM scheduler_run ORDER BY key",
            &["2|missed", "1|delivered"],
        )
        .await;
    scheduler.stop().await;
}

async fn a_stopped_scheduler_leaves_its_queue_to_the_next(world: World) {
    world.tasks(30);
    world.runner.answer(Reply::Hang);
    let settings = Settings::with(|it| {
        it.timeouts.total = Duration::from_secs(2);
        it.concurrency = 5;
    });
    let scheduler = world.start_with(settings).await;
    let now = scheduler.in_micros(0);
    scheduler
        .store_jobs((1..=30).map(|task| once(task, now)).collect())
        .await;
    world.runner.received(5).await;
    scheduler.stop().await;
    let queued: usize = world.rows("SELECT count(*) FROM scheduler_run WHERE state = 'queued'")[0]
        .parse()
        .unwrap();
    assert!(queued >= 20, "{queued}");
    let before = world.runner.receipts().len();
    world.runner.answer(Reply::status(200));

    let scheduler = world.start().await;
    let receipts = world.runner.received(before + queued).await;
    let delivered = queued.to_string();
    world
        .until(
            "SELECT count(*) FROM scheduler_run WHERE state = 'delivered'",
            &[&delivered],
        )
        .await;
    let mut keys: Vec<_> = receipts.iter().map(|receipt| receipt.key.clone()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), receipts.len(), "nothing was sent twice");
    scheduler.stop().await;
}

async fn what_was_queued_too_long_ago_is_missed_at_the_restart(world: World) {
    world.tasks(2);
    let now = world.start().await;
    let (late, timely) = (now.in_micros(-40 * SECOND), now.in_micros(-10 * SECOND));
    now.stop().await;
    for (task, at) in [(1, late), (2, timely)] {
        world.sql(&format!(
            "INSERT INTO scheduler_run (job_id, task_id, kind, scheduled_for, state, decided_at, owner)
             VALUES ('{task}-{task}-cron', {task}, 'cron', {at}, 'queued', {at}, 'gone');",
            at = at.get()
        ));
    }
    let scheduler = world.start().await;
    world
        .until(
            "SELECT task_id, state FROM scheduler_run ORDER BY task_id",
            &["1|missed", "2|delivered"],
        )
        .await;
    assert_eq!(
        world.rows("SELECT task_id FROM task_log WHERE message LIKE 'Job missed%'"),
        ["1"]
    );
    scheduler.stop().await;
}

async fn what_was_being_sent_when_the_process_died_is_unknown(world: World) {
    world.tasks(1);
    let now = world.start().await;
    let at = now.in_micros(-SECOND).get();
    now.stop().await;
    world.sql(&format!(
        "INSERT INTO scheduler_run (job_id, task_id, kind, scheduled_for, state, decided_at, attempt, owner)
         VALUES ('1-1-cron', 1, 'cron', {at}, 'sending', {at}, 1, 'gone');"
    ));
    let scheduler = world.start().await;
    world.until("SELECT state FROM scheduler_run", &["unknown"]).await;
    scheduler.stop().await;
    assert!(world.runner.receipts().is_empty());
}

async fn a_deleted_job_sends_nothing_more(world: World) {
    world.tasks(1);
    world.runner.answer(Reply::Hang);
    let settings = Settings::with(|it| {
        it.timeouts.total = Duration::from_secs(2);
        it.firing.max_instances = 100;
        it.concurrency = 2;
    });
    let scheduler = world.start_with(settings).await;
    let now = scheduler.in_micros(0);
    scheduler
        .store_jobs((0..20).map(|_| once(1, now)).collect())
        .await;
    world.runner.received(2).await;
    let in_flight = scheduler
        .store
        .remove_all_jobs(scheduler.in_micros(0))
        .await
        .unwrap();
    scheduler.dispatcher.withdraw(&in_flight);
    let sent = world.runner.receipts().len();
    world
        .until(
            "SELECT state, count(*) FROM scheduler_run GROUP BY state ORDER BY state",
            &["skipped|18", "unknown|2"],
        )
        .await;
    scheduler.stop().await;
    assert_eq!(world.runner.receipts().len(), sent);
}

async fn a_deleted_task_is_muted(world: World) {
    world.tasks(1);
    world.runner.answer(Reply::Hang);
    let settings = Settings::with(|it| it.timeouts.total = Duration::from_secs(1));
    let scheduler = world.start_with(settings).await;
    scheduler.once(1, scheduler.in_micros(0)).await;
    world.runner.received(1).await;
    let in_flight = scheduler
        .store
        .remove_jobs(scheduler.in_micros(0), 1)
        .await
        .unwrap();
    scheduler.dispatcher.withdraw(&in_flight);
    // em_web deletes the rows next; an event written now would stand in its way.
    world.sql("DELETE FROM task_log WHERE task_id = 1; DELETE FROM task WHERE id = 1;");
    world.until("SELECT state FROM scheduler_run", &["unknown"]).await;
    assert_eq!(world.rows("SELECT count(*) FROM task_log"), ["0"]);
    scheduler.stop().await;
}

/// em_web deletes the task after the answer; a start in between found an enabled task without jobs and added them again.
async fn a_deletion_stays_over_a_restart_until_em_web_had_time_for_its_own(world: World) {
    world.tasks(1);
    world.sql("UPDATE project SET intv = 1, intv_type = 's', intv_value = 1;");
    let jobs = "SELECT count(*) FROM scheduler_job";
    let mut scheduler = world.start().await;
    scheduler.ready().await;
    world.until(jobs, &["1"]).await;
    scheduler
        .store
        .remove_jobs(scheduler.in_micros(0), 1)
        .await
        .unwrap();
    scheduler.stop().await;
    let mut scheduler = world.start().await;
    scheduler.ready().await;
    assert_eq!(world.rows(jobs), ["0"]);
    scheduler.stop().await;
    // A minute later job_sync does what the task asks for.
    world.sql("UPDATE scheduler_deleted SET deleted_at = deleted_at - 61000000;");
    let mut scheduler = world.start().await;
    scheduler.ready().await;
    assert_eq!(world.rows(jobs), ["1"]);
    scheduler.stop().await;
}
