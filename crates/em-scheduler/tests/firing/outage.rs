//! PostgreSQL goes away in mid-run and comes back: what was in flight, what waited and what came due meanwhile.

use std::collections::HashSet;
use std::time::Duration;

use crate::world::{SECOND, Scheduler, World};
use test_world::runner::Reply;
use triggers::UtcMicros;

async fn reached(scheduler: &Scheduler, at: UtcMicros) {
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    while scheduler.store.now() < at {
        looks.tick().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_by_an_outage_shorter_than_the_grace() {
    let world = World::with_server().await;
    world.tasks(3);
    world.runner.answer(Reply::Wait);
    let scheduler = world.start().await;
    scheduler.once(1, scheduler.in_micros(0)).await;
    let meanwhile = scheduler.in_micros(SECOND);
    scheduler.once(2, meanwhile).await;
    scheduler.once(3, scheduler.in_micros(3_600 * SECOND)).await;
    world.runner.received(1).await;

    world.server_goes();
    world.runner.answer(Reply::status(200));
    // The answer comes while nobody can write it down, and a run comes due while nobody can decide it.
    world.runner.release(1);
    reached(&scheduler, meanwhile.saturating_add(SECOND)).await;
    assert_eq!(
        world.runner.receipts().len(),
        1,
        "nothing is sent that was not decided"
    );
    assert!(scheduler.store.list_jobs(false).await.is_err());
    world.server_comes_back();

    let receipts = world.runner.received(2).await;
    let states = "SELECT task_id, state FROM scheduler_run ORDER BY task_id";
    world.until(states, &["1|delivered", "2|delivered"]).await;
    let keys: HashSet<&String> = receipts.iter().map(|receipt| &receipt.key).collect();
    assert_eq!((receipts.len(), keys.len()), (2, 2));
    assert_eq!(
        scheduler.store.list_jobs(false).await.unwrap().len(),
        1,
        "the third still waits for its time"
    );
    let log =
        "SELECT count(*) FROM task_log WHERE message = 'Job submitted.' OR message LIKE 'Job executed%'";
    world.until(log, &["4"]).await;
    scheduler.stop().await;
    assert_eq!(world.runner.receipts().len(), 2);
}
