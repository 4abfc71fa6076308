//! Connections that ask for nothing: half-open ones by the thousand, and headers that never end.

use std::time::Duration;

use em_scheduler::http::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::server;
use crate::tasks;
use crate::world::World;
use test_world::Backend;
use test_world::client;
use test_world::runner::Reply;

const ALIVE: &str = r#"{"status":"alive"}"#;
/// So much longer than a test lasts that it stands for ever.
const LONG: Duration = Duration::from_secs(3600);

async fn half_open(address: std::net::SocketAddr) -> TcpStream {
    client::say(address, &format!("GET /api HTTP/1.1\r\nHost: {address}\r\n")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_half_open_connections_keep_nobody_out() {
    let wanted = Rlimit {
        current: getrlimit(Resource::Nofile).maximum,
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, wanted).expect("more open files");
    let world = World::new(Backend::Sqlite).await;
    // No time-out helps here: only that who asks for nothing has to make room.
    let limits = Limits {
        header: LONG,
        idle: LONG,
        ..Limits::default()
    };
    let besieged = server(&world, limits, Some).await;
    let mut open = Vec::new();
    for count in 0..1_000 {
        open.push(half_open(besieged.address).await);
        if count % 100 == 99 {
            let answer = client::send(besieged.address, "GET", "/api");
            let answer = tokio::time::timeout(Duration::from_secs(10), answer).await;
            assert_eq!(answer.expect("an answer in time").body, ALIVE, "after {count}");
        }
    }
    // The first had to go, the last may still finish.
    let mut rest = Vec::new();
    let _ = open[0].read_to_end(&mut rest).await;
    assert_eq!(rest, b"");
    let mut last = open.pop().expect("a connection");
    last.write_all(b"Connection: close\r\n\r\n").await.expect("write");
    assert_eq!(client::finish(last).await.body, ALIVE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_does_not_end_ends_the_connection() {
    // The attack: a server without a header time-out waits as long as it takes.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let bare = listener.local_addr().expect("an address");
    let router = axum::Router::new().fallback(async || ALIVE);
    tokio::spawn(async { axum::serve(listener, router).await });
    let mut patient = half_open(bare).await;

    let world = World::new(Backend::Sqlite).await;
    let limits = Limits {
        header: Duration::from_millis(200),
        // So that it is not the idle limit that ends them.
        idle: LONG,
        ..Limits::default()
    };
    let guarded = server(&world, limits, Some).await;
    let mut idle = TcpStream::connect(guarded.address).await.expect("connect");
    let mut half = half_open(guarded.address).await;
    for stream in [&mut idle, &mut half] {
        let mut rest = Vec::new();
        // Reset or closed in order, without an answer.
        let read = stream.read_to_end(&mut rest);
        let ended = tokio::time::timeout(Duration::from_secs(20), read).await;
        assert!(ended.is_ok(), "it is still open");
        assert_eq!(rest, b"");
    }
    assert_eq!(client::send(guarded.address, "GET", "/api").await.body, ALIVE);
    patient
        .write_all(b"Connection: close\r\n\r\n")
        .await
        .expect("still open");
    assert_eq!(client::finish(patient).await.body, ALIVE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_nobody_reads_ends_the_connection() {
    let world = World::new(Backend::Sqlite).await;
    let limits = Limits {
        header: LONG,
        idle: Duration::from_millis(200),
        connections: 1,
    };
    let guarded = server(&world, limits, Some).await;
    let mut stream = TcpStream::connect(guarded.address).await.expect("connect");
    // Its answers fill what lies between us, and then the server cannot write on.
    let request = format!("GET /api/schedule HTTP/1.1\r\nHost: {}\r\n\r\n", guarded.address);
    let pour = async { while stream.write_all(request.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(60), pour)
        .await
        .expect("it is closed");
    assert_eq!(client::send(guarded.address, "GET", "/api").await.body, ALIVE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_after_the_last_place_gets_that_of_the_idlest() {
    let world = World::new(Backend::Sqlite).await;
    let limits = Limits {
        header: LONG,
        idle: LONG,
        connections: 2,
    };
    let full = server(&world, limits, Some).await;
    let mut idle = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(full.address).await.expect("connect");
        client::ask_on(&mut stream, "/api", ALIVE).await;
        idle.push(stream);
    }
    // The first one asks again: now the second has been idle for longer.
    client::ask_on(&mut idle[0], "/api", ALIVE).await;
    assert_eq!(client::send(full.address, "GET", "/api").await.body, ALIVE);
    let mut rest = Vec::new();
    let _ = idle[1].read_to_end(&mut rest).await;
    assert_eq!(rest, b"");
    client::ask_on(&mut idle[0], "/api", ALIVE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_at_work_keeps_the_place_and_the_next_one_waits() {
    let world = World::new(Backend::Sqlite).await;
    tasks::create(&world);
    world.runner.answer(Reply::Wait);
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let full = server(&world, limits, Some).await;
    let running = client::begin(full.address, "GET", "/api/run/1").await;
    world.runner.received(1).await;
    let waiting = client::begin(full.address, "GET", "/api").await;
    world.runner.release(1);
    assert_eq!(
        client::finish(running).await.message(),
        "Scheduler: task job started!"
    );
    assert_eq!(client::finish(waiting).await.body, ALIVE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_server_waits_for_no_half_open_connection() {
    let world = World::new(Backend::Sqlite).await;
    let limits = Limits {
        header: LONG,
        ..Limits::default()
    };
    let ending = server(&world, limits, Some).await;
    let mut half = half_open(ending.address).await;
    // Taken in before the end, as the answer to a later one shows.
    assert_eq!(client::send(ending.address, "GET", "/api").await.body, ALIVE);
    ending.stop().await;
    let mut rest = Vec::new();
    let _ = half.read_to_end(&mut rest).await;
    assert_eq!(rest, b"");
}
