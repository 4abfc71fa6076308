//! The answers that clients of Extract Management 2.0 and of its successor read differently (rule S14), and that all others
//! are the same.

use em_scheduler::model::WireDialect;

use crate::on_both_databases;
use crate::routing::{CHANGES, READS};
use crate::tasks;
use crate::world::World;
use test_world::runner::Reply;

const INVALID: &str = r#"{"error":"Invalid job."}"#;
const NO_JOB: &str = r#"{"message":"Scheduler: failed to create job!"}"#;
const DELETED: &str = r#"{"message":"Scheduler: task job deleted!"}"#;

/// What a GET is answered, which must be a 200.
async fn said(world: &World, path: &str) -> String {
    let answer = world.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json().to_string()
}

async fn ids_that_cannot_be(world: World) {
    tasks::create(&world);
    let world = world.speaking(WireDialect::Hub).await;
    let ids = [
        "999999",
        "0",
        "-1",
        "asdf",
        "1.5",
        "2147483648",
        "1%00",
        "1%27",
        "%201",
    ];
    for id in ids {
        for path in ["add/ID", "delete/ID", "run/ID", "run/ID/delay/5"] {
            let path = format!("/api/{}", path.replace("ID", id));
            assert_eq!(said(&world, &path).await, INVALID, "{path}");
        }
    }
    assert_eq!(world.runner.receipts(), []);
    assert_eq!(world.row("SELECT count(*) FROM task_log"), "0");
    assert_eq!(world.row("SELECT count(*) FROM scheduler_job"), "0");
    let minutes = world.get("/api/run/1/delay/x").await.error();
    assert!(
        minutes.starts_with("Scheduler (run task with delay):\n\"x\""),
        "{minutes}"
    );

    let world = world.speaking(WireDialect::Em2).await;
    assert_eq!(said(&world, "/api/add/999999").await, NO_JOB);
    assert_eq!(said(&world, "/api/delete/999999").await, DELETED);
    let run = said(&world, "/api/run/999999").await;
    assert!(
        run.starts_with(r#"{"error":"Scheduler (run task):\nThere is no task"#),
        "{run}"
    );
    for id in ids.iter().skip(2) {
        for verb in ["add", "delete", "run"] {
            let answer = said(&world, &format!("/api/{verb}/{id}")).await;
            assert!(
                answer.starts_with(r#"{"error":"Scheduler ("#),
                "{verb} {id}: {answer}"
            );
        }
    }
}

async fn a_task_without_jobs_is_not_deleted_from_a_hub(world: World) {
    tasks::create(&world);
    let mut world = world;
    for (dialect, second) in [
        (WireDialect::Em2, DELETED),
        (
            WireDialect::Hub,
            r#"{"message":"Scheduler: failed to delete job!"}"#,
        ),
    ] {
        world = world.speaking(dialect).await;
        world.expect("/api/add/1", "Scheduler: task job added!").await;
        assert_eq!(said(&world, "/api/delete/1").await, DELETED, "{dialect}");
        assert_eq!(said(&world, "/api/delete/1").await, second, "{dialect}");
        // A delayed run is a job.
        world
            .expect("/api/run/1/delay/0", "Scheduler: task scheduled!")
            .await;
        // What waits is skipped all the same, though no job is left.
        world.decide().await;
        assert_eq!(said(&world, "/api/delete/1").await, second, "{dialect}");
        assert_eq!(
            world.row("SELECT DISTINCT state, reason FROM scheduler_run"),
            "skipped|deleted"
        );
        assert_eq!(world.row("SELECT next_run FROM task WHERE id = 1"), "");
    }
}

async fn an_ended_trigger_is_no_job(world: World) {
    tasks::create(&world);
    let world = world.speaking(WireDialect::Hub).await;
    // A one-off that has been decided leaves a tombstone, which is in no list.
    world.expect("/api/add/4", "Scheduler: task job added!").await;
    world.decide().await;
    assert_eq!(world.get("/api/jobs").await.body, "[]");
    assert_eq!(
        said(&world, "/api/delete/4").await,
        r#"{"message":"Scheduler: failed to delete job!"}"#
    );
}

async fn a_stopped_scheduler_says_so(world: World) {
    let world = world.speaking(WireDialect::Hub).await;
    world.expect("/api/kill", "Scheduler: scheduler killed!").await;
    for path in ["/api/pause", "/api/resume", "/api/shutdown", "/api/kill"] {
        assert_eq!(
            said(&world, path).await,
            r#"{"error":"Scheduler: scheduler not running, restart service!"}"#,
            "{path}"
        );
    }
}

async fn a_run_that_the_runner_refuses(world: World) {
    tasks::create(&world);
    let world = world.speaking(WireDialect::Hub).await;
    world
        .runner
        .answer(Reply::say(200, r#"{"error":"no such extract"}"#));
    let reason = world.refused("/api/run/1", "Scheduler (run task):\n").await;
    assert!(reason.contains("no such extract"), "{reason}");
    assert_eq!(
        world.row("SELECT kind, state, reason FROM scheduler_run"),
        "manual|failed|the runner reported an error: no such extract"
    );
    assert_eq!(world.row("SELECT status_id FROM task WHERE id = 1"), "2");
    let world = world.speaking(WireDialect::Em2).await;
    world.expect("/api/run/1", "Scheduler: task job started!").await;
    assert_eq!(world.runner.receipts().len(), 2);
}

/// On a task that is there and has jobs.
async fn all_other_answers_are_the_same(world: World) {
    tasks::create(&world);
    let mut world = world;
    let mut answers = Vec::new();
    for dialect in [WireDialect::Em2, WireDialect::Hub] {
        world = world.speaking(dialect).await;
        let mut these = Vec::new();
        for path in READS
            .iter()
            .chain(&CHANGES[..9])
            .chain(&["/api/add/9", "/api/add/16", "/nope"])
        {
            let answer = world.get(path).await;
            let body = answer.json();
            // The one with times in it.
            let body = if *path == "/api/schedule" {
                String::new()
            } else {
                body.to_string()
            };
            these.push(format!("{path} {} {body}", answer.status));
        }
        answers.push(these);
    }
    assert_eq!(answers[0], answers[1]);
}

on_both_databases!(
    ids_that_cannot_be,
    a_task_without_jobs_is_not_deleted_from_a_hub,
    an_ended_trigger_is_no_job,
    a_stopped_scheduler_says_so,
    a_run_that_the_runner_refuses,
    all_other_answers_are_the_same,
);
