//! A runner that turned evil, or that a name leads to: it must not lead us elsewhere, nor fill our memory.

use std::time::Duration;

use test_world::Backend;
use test_world::runner::Reply;
use tokio::net::{TcpListener, TcpStream};

use crate::tasks;
use crate::world::World;

/// A world whose runner answers so.
async fn answered(reply: Reply) -> World {
    let world = World::new(Backend::Sqlite).await;
    tasks::create(&world);
    world.runner.answer(reply);
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_redirect_is_followed() {
    let secret = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let elsewhere = secret.local_addr().expect("an address");
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} Elsewhere\r\nLocation: http://{elsewhere}/latest/meta-data\r\nContent-Length: 0\r\n\r\n"
        );
        let world = answered(Reply::last(answer)).await;
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
        let fill = "x".repeat(length);
        let answer = format!("HTTP/1.1 200 OK\r\nX-Fill: {fill}\r\nContent-Length: 0\r\n\r\n");
        let world = answered(Reply::last(answer)).await;
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
    let mut poured = 0;
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    ] {
        let world = answered(Reply::Pour(head, usize::MAX)).await;
        world.expect("/api/run/1", "Scheduler: task job started!").await;
        poured += world.runner.bytes_poured();
    }
    // What lies in the buffers of the two sockets, and not more.
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
        let world = answered(Reply::last(answer)).await;
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
