//! What happens to the request, and what is written when it has (D1 to D6).

use std::time::Duration;

use em_scheduler::model::Delivery;

use crate::on_both;
use crate::world::{SECOND, Settings, World};
use test_world::runner::Reply;

on_both!(
    a_runner_that_is_down_is_tried_again_within_grace,
    past_its_grace_a_run_that_cannot_be_handed_over_has_failed,
    another_status_has_failed,
    a_cut_connection_leaves_the_outcome_unknown,
    a_hanging_runner_leaves_the_outcome_unknown,
    at_least_once_repeats_with_the_same_key,
    a_hung_task_does_not_hold_up_the_others,
    a_status_counts_whatever_becomes_of_the_body,
    an_outcome_that_cannot_be_written_is_kept_and_nothing_sent_again,
);

async fn a_runner_that_is_down_is_tried_again_within_grace(world: World) {
    world.tasks(1);
    world.runner.refuse(true);
    let scheduler = world.start().await;
    scheduler.once(1, scheduler.in_micros(0)).await;
    world
        .until("SELECT state, attempt FROM scheduler_run", &["queued|1"])
        .await;
    world.runner.refuse(false);
    let receipts = world.runner.received(1).await;
    assert_eq!(receipts[0].attempt, 2);
    world
        .until("SELECT state, attempt FROM scheduler_run", &["delivered|2"])
        .await;
    scheduler.stop().await;
}

async fn past_its_grace_a_run_that_cannot_be_handed_over_has_failed(world: World) {
    world.tasks(1);
    world.runner.refuse(true);
    let settings = Settings::with(|it| it.firing.grace = 2 * SECOND);
    let scheduler = world.start_with(settings).await;
    scheduler.once(1, scheduler.in_micros(0)).await;
    world.until("SELECT state FROM scheduler_run", &["failed"]).await;
    world.until("SELECT status_id FROM task", &["2"]).await;
    let events = world.rows("SELECT message FROM task_log WHERE error = 1 AND job_id = ''");
    assert_eq!(events.len(), 1);
    assert!(events[0].contains("cannot be reached"), "{events:?}");
    scheduler.stop().await;
}

async fn another_status_has_failed(world: World) {
    world.tasks(1);
    world.runner.answer(Reply::status(302));
    let scheduler = world.start().await;
    scheduler.once(1, scheduler.in_micros(0)).await;
    world
        .until(
            "SELECT state, reason FROM scheduler_run",
            &["failed|the runner answered 302"],
        )
        .await;
    world.until("SELECT status_id FROM task", &["2"]).await;
    scheduler.stop().await;
    assert_eq!(world.runner.receipts().len(), 1);
}

async fn a_cut_connection_leaves_the_outcome_unknown(world: World) {
    world.tasks(1);
    world.runner.answer(Reply::Close);
    let scheduler = world.start().await;
    scheduler.once(1, scheduler.in_micros(0)).await;
    world.until("SELECT state FROM scheduler_run", &["unknown"]).await;
    assert_eq!(
        world.rows("SELECT coalesce(status_id, -1) FROM task"),
        ["-1"],
        "never guessed"
    );
    scheduler.stop().await;
    assert_eq!(world.runner.receipts().len(), 1, "never repeated");
}

async fn a_hanging_runner_leaves_the_outcome_unknown(world: World) {
    world.tasks(1);
    world.runner.answer(Reply::Hang);
    let settings = Settings::with(|it| it.timeouts.total = Duration::from_secs(1));
    let scheduler = world.start_with(settings).await;
    scheduler.once(1, scheduler.in_micros(0)).await;
    world
        .until(
            "SELECT state, reason FROM scheduler_run",
            &["unknown|no answer within 1 s"],
        )
        .await;
    scheduler.stop().await;
}

async fn at_least_once_repeats_with_the_same_key(world: World) {
    world.tasks(1);
    world.runner.answer(Reply::Close);
    let settings = Settings::with(|it| it.delivery = Delivery::AtLeastOnce);
    let scheduler = world.start_with(settings).await;
    scheduler.once(1, scheduler.in_micros(0)).await;
    world.runner.received(1).await;
    world.runner.answer(Reply::status(200));
    let receipts = world.runner.received(2).await;
    assert_eq!(receipts[0].key, receipts[1].key);
    assert_eq!((receipts[0].attempt, receipts[1].attempt), (1, 2));
    world
        .until("SELECT state FROM scheduler_run", &["delivered"])
        .await;
    scheduler.stop().await;
}

async fn a_hung_task_does_not_hold_up_the_others(world: World) {
    world.tasks(2);
    world.runner.answer_by(|request| match request.task {
        1 => Reply::Hang,
        _ => Reply::TAKEN,
    });
    let settings = Settings::with(|it| {
        it.timeouts.total = Duration::from_secs(3);
        it.concurrency = 10;
    });
    let scheduler = world.start_with(settings).await;
    // Far more hanging runs of one task than there are permits; another task's run must still get one.
    let now = scheduler.in_micros(0);
    scheduler
        .store_jobs((0..30).map(|_| crate::world::once(1, now)).collect())
        .await;
    world.runner.received(5).await;
    scheduler.once(2, scheduler.in_micros(0)).await;
    world
        .until(
            "SELECT state FROM scheduler_run WHERE task_id = 2",
            &["delivered"],
        )
        .await;
    let waiting = world.rows("SELECT count(*) FROM scheduler_run WHERE task_id = 1 AND state = 'queued'");
    assert_ne!(waiting, ["0"], "it did not wait for them");
    let _ = scheduler
        .store
        .remove_all_jobs(scheduler.in_micros(0))
        .await
        .unwrap();
    scheduler.stop().await;
}

async fn a_status_counts_whatever_becomes_of_the_body(world: World) {
    world.tasks(1);
    world.runner.answer(Reply::Endless);
    let scheduler = world.start().await;
    scheduler.once(1, scheduler.in_micros(0)).await;
    world
        .until("SELECT state FROM scheduler_run", &["delivered"])
        .await;
    scheduler.stop().await;
}

async fn an_outcome_that_cannot_be_written_is_kept_and_nothing_sent_again(world: World) {
    world.tasks(2);
    world.runner.answer(Reply::Wait);
    let scheduler = world.start().await;
    scheduler.once(1, scheduler.in_micros(0)).await;
    let later = scheduler.in_micros(2 * SECOND);
    scheduler.once(2, later).await;
    world.runner.received(1).await;
    // The log of the tasks is gone for a while, as in a migration of em_web: nothing can be decided or settled.
    world.sql("ALTER TABLE task_log RENAME TO elsewhere;");
    world.runner.release(1);
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    while scheduler.store.now() < later.saturating_add(2 * SECOND) {
        looks.tick().await;
    }
    world.sql("ALTER TABLE elsewhere RENAME TO task_log;");
    world.runner.received(2).await;
    world.runner.release(1);
    world
        .until(
            "SELECT task_id, state FROM scheduler_run ORDER BY task_id",
            &["1|delivered", "2|delivered"],
        )
        .await;
    scheduler.stop().await;
    assert_eq!(world.runner.receipts().len(), 2, "one request each");
}
