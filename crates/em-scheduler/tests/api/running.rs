//! `/api/run/<id>` and `/api/run/<id>/delay/<minutes>`: what reaches the runner, what is answered and written down.

use crate::on_both_databases;
use crate::tasks;
use crate::world::{SECOND, World};
use test_world::client;
use test_world::runner::Reply;

const STARTED: &str = "Scheduler: task job started!";
const RUN: &str = "Scheduler (run task):\n";

/// The runs' states, in order.
fn states(world: &World) -> Vec<String> {
    world.rows("SELECT kind, state FROM scheduler_run ORDER BY key")
}

fn last_event(world: &World, task: i32) -> String {
    world.row(&format!(
        "SELECT error, message FROM task_log WHERE id = (SELECT max(id) FROM task_log WHERE task_id = {task})"
    ))
}

async fn the_runner_is_asked_at_once(world: World) {
    tasks::create(&world);
    world.expect("/api/run/1", STARTED).await;
    world.expect("/api/run/16", STARTED).await;
    let requests = world.runner.receipts();
    for (request, (path, prefix)) in requests
        .iter()
        .zip([("/api/1", "1-1-run-"), ("/api/16", "0-16-run-")])
    {
        let job = &request.job_id;
        assert_eq!(request.path, path);
        assert_eq!(job.strip_prefix(prefix).map(str::len), Some(10), "{job}");
    }
    assert_eq!(requests.len(), 2);
    assert_eq!(states(&world), ["manual|delivered"; 2]);
    let log = world.rows("SELECT error, message FROM task_log WHERE task_id = 1 ORDER BY id");
    assert_eq!(log[0], "|Job submitted.");
    assert!(log[1].starts_with("|Job executed in 0:00:"), "{log:?}");
    assert_eq!(
        world.row("SELECT enabled, next_run, status_id FROM task WHERE id = 1"),
        "0||"
    );
    assert_eq!(world.get("/api/jobs").await.body, "[]");
}

async fn an_unknown_task_reaches_nobody(world: World) {
    let reason = world.refused("/api/run/999999", RUN).await;
    assert!(reason.contains("no task with id 999999"), "{reason}");
    let reason = world
        .refused("/api/run/999999/delay/1", "Scheduler (run task with delay):\n")
        .await;
    assert!(reason.contains("no task with id 999999"), "{reason}");
    assert_eq!(world.runner.receipts(), []);
    assert_eq!(states(&world).len(), 0);
}

async fn what_the_runner_answers_is_told(world: World) {
    tasks::create(&world);
    for (status, fine) in [
        (200, true),
        (204, true),
        (202, true),
        (302, false),
        (404, false),
        (500, false),
    ] {
        world.sql("UPDATE task SET status_id = 4 WHERE id = 1");
        world.runner.answer(Reply::status(status));
        if fine {
            world.expect("/api/run/1", STARTED).await;
        } else {
            let reason = world.refused("/api/run/1", RUN).await;
            assert!(reason.contains(&status.to_string()), "{reason}");
            assert!(
                last_event(&world, 1).starts_with("1|Job error."),
                "{}",
                last_event(&world, 1)
            );
        }
        let status_id = if fine { "4" } else { "2" };
        assert_eq!(
            world.row("SELECT status_id FROM task WHERE id = 1"),
            status_id,
            "{status}"
        );
    }
    let requests = world.runner.receipts().len();
    assert_eq!(requests, 6, "each was asked once, no redirect followed");
}

async fn a_runner_that_is_away_was_sent_nothing(world: World) {
    tasks::create(&world);
    world.runner.down();
    let reason = world.refused("/api/run/1", RUN).await;
    assert!(reason.contains("nothing was sent"), "{reason}");
    assert_eq!(states(&world), ["manual|failed"]);
    assert_eq!(world.row("SELECT status_id FROM task WHERE id = 1"), "2");
    world.runner.refuse(false);
    world.expect("/api/run/1", STARTED).await;
}

async fn a_runner_that_hangs_up_may_have_been_reached(world: World) {
    tasks::create(&world);
    world.runner.answer(Reply::Close);
    let reason = world.refused("/api/run/1", RUN).await;
    assert!(reason.contains("may have arrived"), "{reason}");
    assert_eq!(world.runner.receipts().len(), 1);
    assert_eq!(states(&world), ["manual|unknown"]);
    assert_eq!(world.row("SELECT status_id FROM task WHERE id = 1"), "");
}

async fn paused_and_stopped_a_run_still_works(world: World) {
    tasks::create(&world);
    world.expect("/api/pause", "Scheduler: all jobs paused!").await;
    world.expect("/api/run/1", STARTED).await;
    world
        .expect("/api/shutdown", "Scheduler: scheduler shutdown!")
        .await;
    world.expect("/api/run/1", STARTED).await;
    assert_eq!(world.runner.receipts().len(), 2);
}

async fn a_client_that_leaves_stops_nothing(world: World) {
    tasks::create(&world);
    world.runner.answer(Reply::Wait);
    let left = client::begin(world.server.address, "GET", "/api/run/1").await;
    world.runner.received(1).await;
    drop(left);
    world.runner.release(1);
    world
        .until("SELECT kind, state FROM scheduler_run", &["manual|delivered"])
        .await;
}

async fn a_delayed_run_is_a_job_of_its_own(world: World) {
    tasks::create(&world);
    for minutes in [0, 1, 5_256_000] {
        let before = world.store.now().get();
        world
            .expect(
                &format!("/api/run/2/delay/{minutes}"),
                "Scheduler: task scheduled!",
            )
            .await;
        let after = world.store.now().get();
        let due = "SELECT d.next_run_at FROM scheduler_due d ORDER BY d.next_run_at DESC LIMIT 1";
        let due: i64 = world.row(due).parse().expect("a time");
        let asked = due - minutes * 60 * SECOND;
        assert!((before..=after).contains(&asked), "{before} {asked} {after}");
        let log = last_event(&world, 2);
        assert!(log.starts_with("0|Job added. Scheduled for: "), "{log}");
    }
    assert_eq!(world.get("/api/jobs").await.body, "[2,2,2]");
    // The earliest of them, and the task is no more enabled than before.
    let row = world.row("SELECT enabled, next_run FROM task WHERE id = 2");
    let earliest = world
        .row("SELECT min(next_run_at) FROM scheduler_due")
        .parse()
        .expect("a time");
    let wall = world.zone.to_wall(triggers::UtcMicros::new(earliest)).to_string();
    let whole = |text: &str| text.split('.').next().unwrap_or_default().to_owned();
    assert_eq!(whole(&row), format!("0|{}", whole(&wall)));
    let reason = world
        .refused("/api/run/16/delay/1", "Scheduler (run task with delay):\n")
        .await;
    assert!(reason.contains("project"), "{reason}");
    assert_eq!(world.row("SELECT count(*) FROM task_log WHERE task_id = 16"), "0");
}

on_both_databases!(
    the_runner_is_asked_at_once,
    an_unknown_task_reaches_nobody,
    what_the_runner_answers_is_told,
    a_runner_that_is_away_was_sent_nothing,
    a_runner_that_hangs_up_may_have_been_reached,
    paused_and_stopped_a_run_still_works,
    a_client_that_leaves_stops_nothing,
    a_delayed_run_is_a_job_of_its_own,
);
