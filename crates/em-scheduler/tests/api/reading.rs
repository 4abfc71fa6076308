//! Long lists and those who read them slowly, or not at all: they hinder nobody, are cut off in the end, and what is left of
//! their list does not look like a whole one.

use std::net::SocketAddr;
use std::time::Duration;

use em_scheduler::http::Limits;
use em_scheduler::store::ListLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::security;
use crate::tasks;
use crate::world::{Server, World};
use test_world::Backend;
use test_world::client;

/// So much longer than a test lasts that it stands for ever.
const LONG: Duration = Duration::from_secs(3600);
const ALIVE: &str = r#"{"status":"alive"}"#;
const JOBS: usize = 12_000;
const WHOLE: &[u8] = b"\r\n0\r\n\r\n";

/// A world with more of a list than fits between a server and a client that does not read.
async fn world(backend: Backend, (page, whole): (Duration, Duration)) -> World {
    let lists = ListLimits { page, whole };
    let world = World::with_lists(backend, lists).await;
    tasks::create(&world);
    let (series, name) = match backend {
        Backend::Sqlite => (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) SELECT i FROM n",
            "hex(zeroblob(500))",
        ),
        Backend::Postgres => ("SELECT generate_series(1, 12000) AS i", "repeat('x', 1000)"),
    };
    world.sql(&format!(
        "INSERT INTO scheduler_job (id, task_id, project_id, kind, name, definition, created_at)
           SELECT '1-' || i || '-cron', 1000 + i, 1, 'cron', {name}, '{{}}', 0 FROM ({series}) AS s"
    ));
    world
}

/// As many as are read at a time.
fn places(backend: Backend) -> usize {
    match backend {
        Backend::Sqlite => 4,
        Backend::Postgres => 2,
    }
}

/// Asks for the list and reads no more of the answer than its first byte: then it is being sent.
async fn begin(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let mut stream = socket.connect(address).await.expect("connect");
    let request = format!("GET /api/details HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("write");
    assert_eq!(stream.read_u8().await.expect("an answer"), b'H');
    stream
}

/// What is left of an answer, whether or not it ends in order.
async fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    rest
}

async fn silent_readers(world: &World, server: &Server) -> Vec<TcpStream> {
    let mut silent = Vec::new();
    for _ in 0..places(world.backend) {
        silent.push(begin(server.address).await);
    }
    silent
}

async fn they_hinder_no_other_call(backend: Backend) {
    let world = world(backend, (LONG, LONG)).await;
    let silent = silent_readers(&world, &world.server).await;
    // They hold their places for as long as this lasts.
    let calls = async {
        world.expect("/api/add/1", "Scheduler: task job added!").await;
        world
            .expect("/api/run/1/delay/5", "Scheduler: task scheduled!")
            .await;
        world.expect("/api/pause", "Scheduler: all jobs paused!").await;
        world
            .expect("/api/delete/1", "Scheduler: task job deleted!")
            .await;
        world.decide().await;
    };
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, calls)
        .await
        .expect("nobody waits for them");
    for stream in silent {
        let rest = rest(stream).await;
        assert!(rest.ends_with(WHOLE), "who reads on gets the whole list");
    }
}

async fn they_are_cut(backend: Backend, limits: (Duration, Duration)) {
    let world = world(backend, limits).await;
    let silent = silent_readers(&world, &world.server).await;
    // An empty log could be emptied again whoever reads.
    world.sql("UPDATE scheduler_job SET created_at = 1 WHERE id = '1-1-cron'");
    let (snapshots, none) = match backend {
        // The log cannot be emptied while somebody reads what was there before.
        Backend::Sqlite => ("PRAGMA wal_checkpoint(TRUNCATE)", "0|0|0"),
        Backend::Postgres => (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
             AND backend_xmin IS NOT NULL",
            "0",
        ),
    };
    world.until(snapshots, &[none]).await;
    for stream in silent {
        let rest = rest(stream).await;
        assert!(!rest.ends_with(WHOLE), "a list that was cut looks whole");
    }
}

async fn who_does_not_read_is_cut_and_the_next_one_served(backend: Backend) {
    let world = world(backend, (Duration::from_secs(1), LONG)).await;
    let _silent = silent_readers(&world, &world.server).await;
    // There is a place for this one only when one of them has lost theirs.
    let list = world.get("/api/details").await;
    assert_eq!(list.json().as_array().map(Vec::len), Some(JOBS));
}

async fn who_reads_too_little_at_a_time_is_cut(backend: Backend) {
    they_are_cut(backend, (Duration::from_millis(200), LONG)).await;
}

async fn no_list_is_read_for_ever(backend: Backend) {
    they_are_cut(backend, (LONG, Duration::from_millis(200))).await;
}

async fn who_reads_on_is_not_idle(backend: Backend) {
    let world = world(backend, (LONG, LONG)).await;
    let limits = Limits {
        header: LONG,
        idle: LONG,
        connections: 2,
    };
    let full = security::server(&world, limits, Some).await;
    let mut reader = begin(full.address).await;
    let mut idle = begin_idle(full.address).await;
    // More than fits in between, so some of it was taken after the other's last request.
    let mut part = vec![0; JOBS * 1_000 / 3 * 2];
    reader.read_exact(&mut part).await.expect("a part of the list");
    assert_eq!(client::send(full.address, "GET", "/api").await.body, ALIVE);
    assert_eq!(
        idle.read(&mut part).await.unwrap_or(0),
        0,
        "the idle one had to go"
    );
    assert!(rest(reader).await.ends_with(WHOLE), "the reader had to go");
}

/// A connection whose request was answered.
async fn begin_idle(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    client::ask_on(&mut stream, "/api", ALIVE).await;
    stream
}

/// PostgreSQL ends the reading in its midst; there is no such moment with SQLite.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_whose_database_has_gone_does_not_look_whole() {
    let world = world(Backend::Postgres, (LONG, LONG)).await;
    let reader = begin(world.server.address).await;
    world.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL",
    );
    let rest = rest(reader).await;
    assert!(rest.len() > 1_000, "it had begun");
    assert!(!rest.ends_with(WHOLE), "half a list looks whole");
}

macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Backend::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Backend::Postgres).await;
            })+
        }
    };
}

on_both!(
    they_hinder_no_other_call,
    who_does_not_read_is_cut_and_the_next_one_served,
    who_reads_too_little_at_a_time_is_cut,
    no_list_is_read_for_ever,
    who_reads_on_is_not_idle,
);
