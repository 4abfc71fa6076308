//! Tasks whose runner does not answer, more of them than there are permits, beside some that are well (D10).

use em_scheduler::model::NewJob;
use triggers::UtcMicros;

use crate::on_both;
use crate::world::{SECOND, Scheduler, World, once};
use test_world::runner::{Receipt, Reply};

/// Tasks that are well: these.
const HEALTHY: std::ops::RangeInclusive<i32> = 1..=50;
const FIRST_TO_HANG: i32 = 51;
/// What may be held by those that hang: three quarters of the usual hundred.
const LEFT_TO_THEM: usize = 75;
/// How late a run may be on a machine with much else to do. A request that hangs is given up after 30 s.
const IN_TIME: i64 = 5 * SECOND;

fn all_at(tasks: std::ops::RangeInclusive<i32>, at: UtcMicros) -> Vec<NewJob> {
    tasks.map(|task| once(task, at)).collect()
}

/// One run of each healthy task, due now, beside whatever is going on: how late the latest of them was.
async fn a_round_of_the_healthy(world: &World, scheduler: &Scheduler) -> i64 {
    let at = scheduler.in_micros(0);
    let of_round = |receipt: &&Receipt| receipt.scheduled_for == at.get();
    scheduler.store_jobs(all_at(HEALTHY, at)).await;
    let delivered = "SELECT count(*) FROM scheduler_run WHERE state = 'delivered' AND scheduled_for = ";
    world.until(&format!("{delivered}{}", at.get()), &["50"]).await;
    let receipts = world.runner.receipts();
    let late = receipts
        .iter()
        .filter(of_round)
        .map(|receipt| receipt.at - at.get());
    late.max().unwrap()
}

/// So many tasks that were never asked hang, all due in one instant, and then all is well again.
async fn hold_up_none_that_was_answered(world: &World, scheduler: Scheduler, hanging: i32) {
    let tasks = FIRST_TO_HANG..=FIRST_TO_HANG + hanging - 1;
    world
        .runner
        .answer_by(|request| match i32::try_from(request.task) {
            Ok(task) if task < FIRST_TO_HANG => Reply::TAKEN,
            _ => Reply::Wait,
        });
    let before = world.runner.receipts().len();
    scheduler.store_jobs(all_at(tasks, scheduler.in_micros(0))).await;
    world.runner.received(before + LEFT_TO_THEM).await;
    for round in ["while they are new", "when they are known to hang"] {
        let late = a_round_of_the_healthy(world, &scheduler).await;
        assert!(late < IN_TIME, "{round}: {late} µs late");
        let given_up = scheduler.in_micros(SECOND / 2);
        let mut looks = tokio::time::interval(std::time::Duration::from_millis(20));
        while scheduler.store.now() < given_up {
            looks.tick().await;
        }
    }
    let waiting = world.runner.receipts().len() - before - 2 * HEALTHY.count();
    assert_eq!(
        waiting, LEFT_TO_THEM,
        "they have their three quarters and no more"
    );
    world.runner.answer(Reply::status(200));
    world.runner.release(LEFT_TO_THEM);
    world
        .until(
            "SELECT count(*) FROM scheduler_run WHERE state <> 'delivered'",
            &["0"],
        )
        .await;
    scheduler.stop().await;
}

async fn a_hundred_and_fifty_hold_up_none_that_was_answered(world: World) {
    world.tasks(FIRST_TO_HANG + 150);
    let scheduler = world.start().await;
    a_round_of_the_healthy(&world, &scheduler).await;
    hold_up_none_that_was_answered(&world, scheduler, 150).await;
}

async fn a_thousand_hold_up_none_that_was_answered(world: World) {
    world.tasks(FIRST_TO_HANG + 1_000);
    let scheduler = world.start().await;
    a_round_of_the_healthy(&world, &scheduler).await;
    hold_up_none_that_was_answered(&world, scheduler, 1_000).await;
}

/// Which tasks were answered is known after a restart, too.
async fn after_a_restart_they_hold_up_none_that_was_answered_before(world: World) {
    world.tasks(FIRST_TO_HANG + 150);
    let scheduler = world.start().await;
    a_round_of_the_healthy(&world, &scheduler).await;
    scheduler.stop().await;
    let scheduler = world.start().await;
    hold_up_none_that_was_answered(&world, scheduler, 150).await;
}

on_both!(
    a_hundred_and_fifty_hold_up_none_that_was_answered,
    a_thousand_hold_up_none_that_was_answered,
    after_a_restart_they_hold_up_none_that_was_answered_before,
);
