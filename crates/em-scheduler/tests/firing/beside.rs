//! On PostgreSQL alone: two processes, of which what one is asked binds the other, or is left to it (rules S1 and S8); and
//! a database that somebody else's migrations change under a running one.

use std::time::Duration;

use em_scheduler::dispatch::LeaseStart;
use em_scheduler::model::{JobKind, SendableRun};
use em_scheduler::peers::{self, LeaseTimes};

use crate::world::{Backend, Scheduler, Settings, World, once};
use test_world::runner::Reply;

/// Few permits and a runner that takes a moment: most of what is due waits.
fn slow() -> Settings {
    Settings::with(|it| {
        it.concurrency = 2;
        it.timeouts.total = Duration::from_secs(2);
    })
}

async fn due(scheduler: &Scheduler, tasks: std::ops::RangeInclusive<i32>) {
    let now = scheduler.in_micros(0);
    scheduler
        .store_jobs(tasks.map(|task| once(task, now)).collect())
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_a_stopped_process_is_taken_over() {
    let world = World::new(Backend::Postgres).await;
    world.tasks(20);
    world.runner.answer(Reply::Hang);
    let stopped = world.start_with(slow()).await;
    due(&stopped, 1..=20).await;
    world.runner.received(2).await;
    let other = world.start().await;
    // As kill does. Its requests end in their own time.
    stopped.control.stop().await;
    stopped.dispatcher.stop();
    world.runner.answer(Reply::status(200));
    world
        .until(
            "SELECT state, count(*) FROM scheduler_run GROUP BY state ORDER BY state",
            &["delivered|18", "unknown|2"],
        )
        .await;
    other.stop().await;
    stopped.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_and_a_deletion_bind_the_other_process() {
    let world = World::new(Backend::Postgres).await;
    world.tasks(30);
    world.runner.answer(Reply::Hang);
    let sends = world.start_with(slow()).await;
    due(&sends, 1..=30).await;
    world.runner.received(2).await;
    let asked = world.start_with(slow()).await;
    let lease = LeaseTimes::of(30_000_000);

    asked.store.remove_jobs(asked.in_micros(0), 30).await.unwrap();
    peers::tell(asked.store.as_ref(), lease).await.unwrap();
    asked.store.set_paused(asked.in_micros(0), true).await.unwrap();
    asked.dispatcher.pause();
    peers::tell(asked.store.as_ref(), lease).await.unwrap();
    let sent = world.runner.receipts().len();
    world.runner.answer(Reply::status(200));
    // What was on its way gives its permits back, and nothing follows it.
    world
        .until(
            "SELECT count(*) FROM scheduler_run WHERE state = 'sending'",
            &["0"],
        )
        .await;
    assert_eq!(world.runner.receipts().len(), sent);

    asked.store.set_paused(asked.in_micros(0), false).await.unwrap();
    asked.dispatcher.resume();
    world
        .until(
            "SELECT count(*) FROM scheduler_run WHERE state = 'queued'",
            &["0"],
        )
        .await;
    assert!(
        world
            .runner
            .receipts()
            .iter()
            .all(|receipt| receipt.path != "/api/30")
    );
    asked.stop().await;
    sends.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_tables_are_dropped_goes_on() {
    let world = World::new(Backend::Postgres).await;
    world.tasks(1);
    world.sql("UPDATE project SET intv = 1, intv_type = 's', intv_value = 1;");
    let scheduler = world.start().await;
    world.runner.received(1).await;
    world.sql("DROP SCHEMA em_scheduler CASCADE;");
    let before = world.runner.receipts().len();
    world.runner.received(before + 2).await;
    world.until("SELECT id FROM scheduler_job", &["1-1-intv"]).await;
    scheduler.stop().await;
}

/// The tables may be made again by a process that is stopped; the others fill them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_whose_tables_are_dropped_the_one_at_work_goes_on() {
    let world = World::new(Backend::Postgres).await;
    world.tasks(1);
    world.sql("UPDATE project SET intv = 1, intv_type = 's', intv_value = 1;");
    let stopped = world.start().await;
    stopped.control.stop().await;
    stopped.dispatcher.stop();
    let works = world.start().await;
    world.runner.received(1).await;
    for _ in 0..2 {
        world.sql("DROP SCHEMA em_scheduler CASCADE;");
        let before = world.runner.receipts().len();
        world.runner.received(before + 2).await;
    }
    works.stop().await;
    stopped.stop().await;
}

/// A process that stood still behind the commit of a decision, until its lease had lapsed, may have lost the run to another
/// one: its row may say that it was deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_decided_before_the_lease_lapsed_does_not_leave_after_it() {
    let world = World::new(Backend::Postgres).await;
    world.tasks(1);
    let scheduler = world.start().await;
    let dispatcher = &scheduler.dispatcher;
    let hand_over = async |era| {
        let now = scheduler.in_micros(0);
        assert!(dispatcher.admit(1, now));
        let run = SendableRun {
            key: 1,
            job_id: "1-1-0123456789".into(),
            task_id: 1,
            kind: JobKind::Delayed,
            scheduled_for: now,
            fence: 1,
            attempt: 1,
            not_before: None,
            sending: true,
        };
        dispatcher.accept_of(era, vec![run]);
        while !dispatcher.known().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let before = dispatcher.era();
    dispatcher.renew_lease(LeaseStart::now(), 0);
    dispatcher.renew_lease(LeaseStart::now(), 60_000_000);
    hand_over(before).await;
    assert!(world.runner.receipts().is_empty());
    hand_over(dispatcher.era()).await;
    world.runner.received(1).await;
    scheduler.stop().await;
}
