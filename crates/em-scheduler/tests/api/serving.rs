//! The server itself: connections, limits, its end.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::tasks;
use crate::world::World;
use test_world::Backend;
use test_world::client;
use test_world::runner::Reply;

const ALIVE: &str = r#"{"status":"alive"}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_serves_many_requests() {
    let world = World::new(Backend::Sqlite).await;
    let mut stream = TcpStream::connect(world.server.address).await.expect("connect");
    for _ in 0..3 {
        let answer = client::ask_on(&mut stream, "/api", ALIVE).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ALIVE));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_is_too_long_or_none_is_refused() {
    let world = World::new(Backend::Sqlite).await;
    let long = format!(
        "GET /api HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    let path = format!("GET /api/{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(20_000));
    for (request, status) in [(long, "431"), (path, "4"), ("\0\0\0\r\n\r\n".to_owned(), "400")] {
        let answer = client::raw(world.server.address, request.as_bytes()).await;
        let answer = answer.expect("an answer");
        assert!(answer.status.to_string().starts_with(status), "{answer:?}");
    }
    assert_eq!(world.get("/api").await.body, ALIVE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_with_a_host_in_it_means_its_path() {
    let world = World::new(Backend::Sqlite).await;
    let own = format!("http://{}/api", world.server.address);
    assert_eq!(world.get(&own).await.body, ALIVE);
    assert_eq!(world.get("http://example.org/api").await.status, 421);
    assert_eq!(world.send("OPTIONS", "*").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_lets_requests_finish_and_closes_idle_connections() {
    let world = World::new(Backend::Sqlite).await;
    tasks::create(&world);
    world.runner.answer(Reply::Wait);
    let address = world.server.address;
    let mut idle = TcpStream::connect(address).await.expect("connect");
    client::ask_on(&mut idle, "/api", ALIVE).await;
    let running = client::begin(address, "GET", "/api/run/1").await;
    world.runner.received(1).await;
    let World { runner, server, .. } = world;
    let serving = server.end();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.expect("closed in order");
    assert_eq!(rest, b"");
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nothing is accepted any more"
    );
    assert!(!serving.is_finished());
    runner.release(1);
    assert_eq!(
        client::finish(running).await.message(),
        "Scheduler: task job started!"
    );
    serving.await.expect("the server ends in order");
}
