//! `/api/pause`, `/api/resume`, `/api/shutdown`, `/api/kill`: which answer follows which, and what stands still.

use std::time::Duration;

use crate::on_both_databases;
use crate::tasks;
use crate::world::World;
use test_world::client;
use test_world::runner::Reply;

const PAUSED: &str = r#"{"message":"Scheduler: all jobs paused!"}"#;
const RESUMED: &str = r#"{"message":"Scheduler: all jobs resumed!"}"#;
const SHUT_DOWN: &str = r#"{"message":"Scheduler: scheduler shutdown!"}"#;
const KILLED: &str = r#"{"message":"Scheduler: scheduler killed!"}"#;

fn not_running(verb: &str) -> String {
    format!(r#"{{"error":"Scheduler ({verb}):\nScheduler is not running"}}"#)
}

async fn answers(world: &World, path: &str, expected: &str) {
    let answer = world.get(path).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, expected), "{path}");
    assert_eq!(answer.header("content-type"), "application/json");
}

async fn each_switch_answers_by_the_state_it_meets(mut world: World) {
    tasks::create(&world);
    for (stop, stopped) in [("/api/shutdown", SHUT_DOWN), ("/api/kill", KILLED)] {
        answers(&world, "/api/resume", RESUMED).await;
        answers(&world, "/api/pause", PAUSED).await;
        answers(&world, "/api/pause", PAUSED).await;
        assert!(world.store.paused().await.expect("paused"));
        answers(&world, "/api/resume", RESUMED).await;
        answers(&world, "/api/resume", RESUMED).await;
        assert!(!world.store.paused().await.expect("paused"));
        answers(&world, stop, stopped).await;
        assert!(world.server.control.is_stopped());
        for _ in 0..2 {
            answers(&world, "/api/shutdown", &not_running("shutdown")).await;
            answers(&world, "/api/kill", &not_running("kill")).await;
            answers(&world, "/api/pause", &not_running("pause all jobs")).await;
            answers(&world, "/api/resume", &not_running("resume jobs")).await;
        }
        assert!(!world.store.paused().await.expect("paused"));
        // The rest goes on.
        answers(&world, "/api", r#"{"status":"alive"}"#).await;
        answers(
            &world,
            "/api/add/1",
            r#"{"message":"Scheduler: task job added!"}"#,
        )
        .await;
        answers(&world, "/api/jobs", "[1]").await;
        answers(
            &world,
            "/api/run/1",
            r#"{"message":"Scheduler: task job started!"}"#,
        )
        .await;
        answers(
            &world,
            "/api/run/1/delay/9",
            r#"{"message":"Scheduler: task scheduled!"}"#,
        )
        .await;
        answers(&world, "/api/scheduled", "[1,1]").await;
        answers(
            &world,
            "/api/delete/1",
            r#"{"message":"Scheduler: task job deleted!"}"#,
        )
        .await;
        answers(
            &world,
            "/api/delete-orphans",
            r#"{"message":"Scheduler: orphans deleted!"}"#,
        )
        .await;
        answers(
            &world,
            "/api/delete",
            r#"{"message":"Scheduler: all jobs deleted!"}"#,
        )
        .await;
        world.restart().await;
    }
}

async fn a_pause_stops_deciding_and_sending_and_survives_a_restart(mut world: World) {
    tasks::create(&world);
    answers(
        &world,
        "/api/run/1/delay/0",
        r#"{"message":"Scheduler: task scheduled!"}"#,
    )
    .await;
    world.decide().await;
    answers(&world, "/api/pause", PAUSED).await;
    answers(
        &world,
        "/api/run/2/delay/0",
        r#"{"message":"Scheduler: task scheduled!"}"#,
    )
    .await;
    world.decide().await;
    let runs = "SELECT task_id, state FROM scheduler_run";
    assert_eq!(world.rows(runs), ["1|queued"], "nothing new is decided");
    answers(&world, "/api/scheduled", "[2]").await;
    world.restart().await;
    assert!(world.store.paused().await.expect("paused"));
    answers(&world, "/api/resume", RESUMED).await;
    world.decide().await;
    assert_eq!(
        world.rows(&format!("{runs} ORDER BY task_id")),
        ["1|queued", "2|queued"]
    );
    assert_eq!(world.runner.receipts(), []);
}

/// What was decided before the pause but had not begun waits, and leaves after it.
async fn nothing_begins_after_a_pause_has_answered(world: World) {
    tasks::create(&world);
    answers(
        &world,
        "/api/run/1/delay/0",
        r#"{"message":"Scheduler: task scheduled!"}"#,
    )
    .await;
    let decided = world.decide_runs().await;
    answers(&world, "/api/pause", PAUSED).await;
    world.server.dispatcher.accept(decided);
    // Sent past the queue, and answered: whatever had been on its way before it would have arrived.
    answers(
        &world,
        "/api/run/2",
        r#"{"message":"Scheduler: task job started!"}"#,
    )
    .await;
    assert_eq!(world.runner.receipts().len(), 1);
    assert_eq!(
        world.row("SELECT state FROM scheduler_run WHERE task_id = 1"),
        "queued"
    );
    answers(&world, "/api/resume", RESUMED).await;
    world.runner.received(2).await;
    assert_eq!(world.runner.receipts()[1].path, "/api/1");
}

/// A run on its way to the runner, through the queue.
async fn in_flight(world: &World) {
    world.runner.answer(Reply::Wait);
    answers(
        world,
        "/api/run/1/delay/0",
        r#"{"message":"Scheduler: task scheduled!"}"#,
    )
    .await;
    let run = world.decide_runs().await;
    world.server.dispatcher.accept(run);
    world.runner.received(1).await;
}

async fn shutdown_waits_for_what_is_in_flight(world: World) {
    tasks::create(&world);
    in_flight(&world).await;
    let waiting = client::begin(world.server.address, "GET", "/api/shutdown").await;
    // Once it has begun, others are told so; it goes on waiting.
    while !world.server.control.is_stopped() {
        tokio::task::yield_now().await;
    }
    answers(&world, "/api/shutdown", &not_running("shutdown")).await;
    answers(&world, "/api/kill", &not_running("kill")).await;
    answers(&world, "/api", r#"{"status":"alive"}"#).await;
    assert_eq!(world.row("SELECT state FROM scheduler_run"), "sending");
    world.runner.release(1);
    assert_eq!(client::finish(waiting).await.body, SHUT_DOWN);
    assert_eq!(
        world.row("SELECT state FROM scheduler_run"),
        "delivered",
        "durable before the answer"
    );
}

async fn kill_waits_for_nothing_and_what_is_queued_stays(world: World) {
    tasks::create(&world);
    in_flight(&world).await;
    answers(&world, "/api/kill", KILLED).await;
    assert_eq!(world.row("SELECT state FROM scheduler_run"), "sending");
    answers(
        &world,
        "/api/run/2/delay/0",
        r#"{"message":"Scheduler: task scheduled!"}"#,
    )
    .await;
    let late = world.decide_runs().await;
    world.server.dispatcher.accept(late);
    world.runner.release(1);
    assert_eq!(world.server.dispatcher.drained(Duration::from_secs(60)).await, 0);
    assert_eq!(world.runner.receipts().len(), 1, "nothing leaves after a stop");
    let states = world.rows("SELECT task_id, state FROM scheduler_run ORDER BY task_id");
    assert_eq!(states, ["1|delivered", "2|queued"]);
}

on_both_databases!(
    each_switch_answers_by_the_state_it_meets,
    a_pause_stops_deciding_and_sending_and_survives_a_restart,
    nothing_begins_after_a_pause_has_answered,
    shutdown_waits_for_what_is_in_flight,
    kill_waits_for_nothing_and_what_is_queued_stays,
);
