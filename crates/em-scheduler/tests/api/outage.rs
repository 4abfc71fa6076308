//! The database goes away and comes back.

use test_postgres::Server as Postgres;
use test_world::client;
use test_world::runner::Reply;

use crate::opening::Opening;
use crate::world::{Database, World};

/// Each route and what its error begins with; resume comes before the stops, which need no database.
const ROUTES: [(&str, &str); 12] = [
    ("/api/jobs", ""),
    ("/api/details", ""),
    ("/api/scheduled", ""),
    ("/api/schedule", ""),
    ("/api/add/1", "Scheduler (add job):\n"),
    ("/api/delete/1", "Scheduler (delete task jobs):\n"),
    ("/api/run/1", "Scheduler (run task):\n"),
    ("/api/run/1/delay/1", "Scheduler (run task with delay):\n"),
    ("/api/delete", "Scheduler (delete all tasks):\n"),
    ("/api/delete-orphans", "Scheduler (delete orphans):\n"),
    ("/api/pause", "Scheduler (pause all jobs):\n"),
    ("/api/resume", "Scheduler (resume jobs):\n"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_says_so_and_works_again_afterwards() {
    let mut database = Postgres::start().expect("a server");
    let em = Database::on_server(&database, None).expect("a database");
    let world = World::on(em, Opening::of("me")).await;
    world.sql(
        "INSERT INTO project (id, name, cron) VALUES (1, 'p', 1);
         INSERT INTO task (id, name, project_id) VALUES (1, 't', 1);",
    );
    let World { runner, server, .. } = &world;
    let get = |path: &'static str| client::send(server.address, "GET", path);
    let added = "Scheduler: task job added!";
    assert_eq!(get("/api/add/1").await.message(), added);

    database.stop();
    for (path, prefix) in ROUTES {
        let answer = get(path).await;
        assert_eq!(answer.status, 503, "{path}: {answer:?}");
        let error = answer.error();
        assert!(
            error.starts_with(&format!("{prefix}The database is unavailable")),
            "{path}: {error}"
        );
        for word in ["127.0.0.1", "postgres", "SQL", "os error", "pool"] {
            assert!(!error.contains(word), "{path}: {error}");
        }
    }
    assert_eq!(runner.receipts(), [], "what cannot be written down is not sent");
    assert_eq!(get("/api").await.body, r#"{"status":"alive"}"#);
    assert_eq!(get("/api/blah").await.status, 404);
    assert_eq!(
        client::send(server.address, "POST", "/api/jobs").await.status,
        405
    );

    database.restart().expect("the server again");
    assert_eq!(get("/api/jobs").await.body, "[1]");
    assert_eq!(get("/api/add/1").await.message(), added);
    assert_eq!(get("/api/run/1").await.message(), "Scheduler: task job started!");
    assert_eq!(
        get("/api/shutdown").await.message(),
        "Scheduler: scheduler shutdown!"
    );

    // Lost between the request to the runner and its answer: not the same as never asked.
    runner.answer(Reply::Wait);
    let asked = runner.receipts().len();
    let running = client::begin(server.address, "GET", "/api/run/1").await;
    runner.received(asked + 1).await;
    database.stop();
    runner.release(1);
    let answer = client::finish(running).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    let error = answer.error();
    assert!(
        error.starts_with("Scheduler (run task):\nThe runner was asked, but"),
        "{error}"
    );
}
