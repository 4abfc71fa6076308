//! More requests than can be carried out at a time: what is refused, and what is let through all the same (S15).

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpStream;

use crate::on_both_databases;
use crate::tasks;
use crate::world::World;
use test_world::client::{self, Answer};
use test_world::runner::Reply;

/// Requests at work at a time.
const REQUESTS: usize = 256;
/// More than there are connections.
const MANY: usize = 330;
/// Much less than the half minute for which the runner is waited for, and than the ten seconds a body may take.
const SOON: Duration = Duration::from_secs(6);

const ALIVE: &str = r#"{"status":"alive"}"#;
const STARTED: &str = "Scheduler: task job started!";

/// A world in which so many calls wait for the runner.
async fn waiting_for_the_runner(world: &World, calls: usize) -> Vec<TcpStream> {
    let wanted = Rlimit {
        current: getrlimit(Resource::Nofile).maximum,
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, wanted).expect("more open files");
    tasks::create(world);
    world.runner.answer(Reply::Wait);
    let mut waiting = Vec::new();
    for _ in 0..calls {
        waiting.push(client::begin(world.server.address, "GET", "/api/run/1").await);
    }
    let reached = tokio::time::timeout(Duration::from_secs(60), world.runner.received(calls));
    reached.await.expect("all of them reach the runner");
    waiting
}

async fn soon(world: &World, path: &str) -> Answer {
    let answer = tokio::time::timeout(SOON, world.get(path)).await;
    answer.unwrap_or_else(|_| panic!("{path} must not wait for the runner"))
}

async fn switches_and_health_answer(world: &World) {
    assert_eq!(soon(world, "/api").await.body, ALIVE);
    for (path, message) in [
        ("/api/pause", "all jobs paused!"),
        ("/api/resume", "all jobs resumed!"),
        ("/api/delete/1", "task job deleted!"),
        ("/api/delete", "all jobs deleted!"),
        ("/api/delete-orphans", "orphans deleted!"),
        ("/api/pause", "all jobs paused!"),
        ("/api/kill", "scheduler killed!"),
    ] {
        let answer = soon(world, path).await;
        assert_eq!(answer.message(), format!("Scheduler: {message}"), "{path}");
    }
}

async fn calls_that_wait_for_the_runner_keep_out_neither_switches_nor_health(world: World) {
    let waiting = waiting_for_the_runner(&world, REQUESTS).await;
    for (path, prefix) in [
        ("/api/run/1", "Scheduler (run task):\n"),
        ("/api/add/1", "Scheduler (add job):\n"),
        ("/api/jobs", ""),
    ] {
        let refused = soon(&world, path).await;
        assert_eq!(refused.status, 503, "{path}: {refused:?}");
        assert_eq!(refused.header("connection"), "close");
        assert_eq!(refused.header("retry-after"), "2");
        let said = refused.error();
        let busy =
            format!("{prefix}The API is busy: 256 requests are at work (256 of /api/run/{{task_id}}).");
        assert!(said.starts_with(&busy), "{path}: {said}");
    }
    switches_and_health_answer(&world).await;
    assert_eq!(
        world.runner.receipts().len(),
        REQUESTS,
        "what was refused was not done"
    );
    all_are_answered(&world, waiting).await;
    assert_eq!(world.get("/api/jobs").await.body, "[]");
}

/// Lets the runner answer those that wait for it.
async fn all_are_answered(world: &World, waiting: Vec<TcpStream>) {
    world.runner.release(waiting.len());
    for stream in waiting {
        assert_eq!(client::finish(stream).await.message(), STARTED);
    }
}

async fn beside_half_open_connections_they_keep_out_neither(world: World) {
    let address = world.server.address;
    let head = format!("GET /api/run/1 HTTP/1.1\r\nHost: {address}\r\n");
    let mut open = Vec::new();
    for _ in 0..MANY {
        open.push(client::say(address, &head).await);
    }
    let waiting = waiting_for_the_runner(&world, REQUESTS).await;
    for _ in 0..MANY {
        open.push(client::say(address, &head).await);
    }
    switches_and_health_answer(&world).await;
    drop(open);
    all_are_answered(&world, waiting).await;
}

/// The head says that a body comes, and none does.
async fn bodies_that_do_not_come_keep_out_no_other_call(world: World) {
    let address = world.server.address;
    let waiting = waiting_for_the_runner(&world, 8).await;
    let head = format!("GET /api/run/1 HTTP/1.1\r\nHost: {address}\r\nContent-Length: 10\r\n\r\n");
    let mut open = Vec::new();
    for _ in 0..MANY {
        open.push(client::say(address, &head).await);
    }
    assert_eq!(soon(&world, "/api/jobs").await.body, "[]");
    switches_and_health_answer(&world).await;
    drop(open);
    all_are_answered(&world, waiting).await;
}

/// A caller that leaves while the runner is waited for leaves the work behind.
async fn callers_that_leave_are_still_at_work(world: World) {
    drop(waiting_for_the_runner(&world, REQUESTS).await);
    // Whether the server has seen them go or not, the answer is the same.
    let refused = soon(&world, "/api/run/1").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(soon(&world, "/api/pause").await.status, 200);
    world.runner.answer(Reply::status(200));
    world.runner.release(REQUESTS);
    let settled = "SELECT count(*) FROM scheduler_run WHERE state = 'delivered'";
    world.until(settled, &["256"]).await;
    world.expect("/api/run/1", STARTED).await;
}

on_both_databases!(
    calls_that_wait_for_the_runner_keep_out_neither_switches_nor_health,
    beside_half_open_connections_they_keep_out_neither,
    bodies_that_do_not_come_keep_out_no_other_call,
    callers_that_leave_are_still_at_work,
);
