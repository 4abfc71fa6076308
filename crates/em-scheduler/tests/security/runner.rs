//! A runner that turned evil, or that a name leads to: it must not lead us elsewhere, nor fill our memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::database::Backend;
use crate::tasks;
use crate::world::{Server, World};

/// Listens, and lets this answer the first request of each connection.
async fn evil<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("http://{}/api", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let byte = stream.read_u8().await.expect("a request");
                head.push(byte);
            }
            tokio::spawn(answer(stream));
        }
    });
    url
}

async fn world_with(runner: &str) -> World {
    let mut world = World::new(Backend::Sqlite).await;
    tasks::create(&world);
    let server = Server::start(&world.store, &world.zone, runner).await;
    std::mem::replace(&mut world.server, server).stop().await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_redirect_is_followed() {
    let secret = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let elsewhere = secret.local_addr().expect("an address");
    for status in [301, 302, 303, 307, 308] {
        let runner = evil(move |mut stream| async move {
            let answer = format!(
                "HTTP/1.1 {status} Elsewhere\r\nLocation: http://{elsewhere}/latest/meta-data\r\nContent-Length: 0\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.expect("write");
        });
        let world = world_with(&runner.await).await;
        let reason = world.refused("/api/run/1", "Scheduler (run task):\n").await;
        assert!(reason.contains(&status.to_string()), "{reason}");
    }
    // Whoever had followed would have a connection waiting here.
    let visitor = tokio::time::timeout(Duration::ZERO, secret.accept()).await;
    assert!(visitor.is_err(), "it was contacted");
    let control = TcpStream::connect(elsewhere).await.expect("connect");
    secret.accept().await.expect("it could have been");
    drop(control);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_must_not_be_long() {
    for (length, accepted) in [(8_000, true), (40_000, false)] {
        let runner = evil(move |mut stream| async move {
            let fill = "x".repeat(length);
            let answer = format!("HTTP/1.1 200 OK\r\nX-Fill: {fill}\r\nContent-Length: 0\r\n\r\n");
            // Whoever has read enough closes the connection.
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        let world = world_with(&runner.await).await;
        let answer = world.get("/api/run/1").await;
        assert_eq!(
            answer.body.starts_with("{\"message\""),
            accepted,
            "{length}: {answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_endless_answer_little_is_read() {
    let poured = Arc::new(AtomicUsize::new(0));
    for length in ["Content-Length: 10000000000\r\n", "Connection: close\r\n"] {
        let count = Arc::clone(&poured);
        let runner = evil(move |mut stream| {
            let count = Arc::clone(&count);
            async move {
                let head = format!("HTTP/1.1 200 OK\r\n{length}\r\n");
                stream.write_all(head.as_bytes()).await.expect("write");
                while stream.write_all(&[0; 65_536]).await.is_ok() {
                    count.fetch_add(65_536, Ordering::Relaxed);
                }
            }
        });
        let world = world_with(&runner.await).await;
        world.expect("/api/run/1", "Scheduler: task job started!").await;
    }
    // What lies in the buffers of the two sockets, and not more.
    let poured = poured.load(Ordering::Relaxed);
    assert!(poured < 32 << 20, "{poured} bytes of ten gigabytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_answers_is_never_repeated() {
    for (answer, what) in [
        (
            "HTTP/1.1 500 forged\r\nContent-Length: 6\r\n\r\n\u{1b}]0;x\u{7}",
            "status 500",
        ),
        ("HTTP/1.1 500 \u{1b}[31mforged\r\n\r\n", "did not answer"),
        ("HTTP/1.1 9\u{1b}9 forged\r\n\r\n", "did not answer"),
        ("HTTP/1.1 200 OK\r\nforged\u{1b}[31m\r\n\r\n", "did not answer"),
        (
            "\u{1b}[31mforged\n2026-11-23 ERROR forged\r\n\r\n",
            "did not answer",
        ),
    ] {
        let runner = evil(move |mut stream| async move {
            stream.write_all(answer.as_bytes()).await.expect("write");
        });
        let world = world_with(&runner.await).await;
        let reason = world.refused("/api/run/1", "Scheduler (run task):\n").await;
        assert!(reason.contains(what), "{answer:?}: {reason}");
        for text in world.rows("SELECT message FROM task_log").iter().chain([&reason]) {
            assert!(
                !text.contains("forged") && !text.chars().any(char::is_control),
                "{text:?}"
            );
        }
    }
}
