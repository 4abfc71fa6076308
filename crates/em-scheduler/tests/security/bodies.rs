//! Requests that are too long or take too long.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Siege, is_refused};
use crate::routing::state;
use test_world::client::{self, Answer};
use test_world::runner::Reply;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_has_its_limits() {
    let siege = Siege::new().await;
    let long = format!("/api/pause?{}", "x".repeat(8 * 1024));
    let header = format!("X: {}\r\n", "x".repeat(16 * 1024));
    let many = "Y: y\r\n".repeat(50) + &"Z: z\r\n".repeat(45) + &format!("W: {}\r\n", "w".repeat(16_000));
    let before = state(&siege.world).await;
    for (target, header, status) in [
        (long.as_str(), "", 414),
        ("/api/pause", header.as_str(), 431),
        ("/api/pause", many.as_str(), 431),
    ] {
        let (bare, guarded) = siege.both(("GET", target), header).await;
        assert_eq!(bare.message(), "Scheduler: all jobs paused!", "the attack");
        siege.guarded(("GET", "/api/resume"), "").await;
        is_refused(&guarded, status, target);
    }
    assert_eq!(state(&siege.world).await, before);
    // What no reader of a request should have to hold never gets that far.
    let address = siege.world.server.address;
    for endless in [
        format!(
            "GET /{} HTTP/1.1\r\nHost: {address}\r\n\r\n",
            "x".repeat(1_000_000)
        ),
        format!(
            "GET /api HTTP/1.1\r\nHost: {address}\r\nX: {}\r\n\r\n",
            "x".repeat(1_000_000)
        ),
        format!(
            "GET /api HTTP/1.1\r\nHost: {address}\r\n{}\r\n",
            "X: x\r\n".repeat(10_000)
        ),
    ] {
        let answer = client::raw(address, endless.as_bytes()).await;
        assert!(answer.is_none_or(|answer| [414, 431].contains(&answer.status)));
    }
    let fits = format!("/api?{}", "x".repeat(8_000));
    assert_eq!(siege.world.get(&fits).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_refused_before_it_comes() {
    let siege = Siege::new().await;
    let header = "Content-Length: 10000000000\r\nExpect: 100-continue\r\n";
    let (bare, guarded) = siege.both(("GET", "/api/pause"), header).await;
    assert_eq!(bare.message(), "Scheduler: all jobs paused!", "the attack");
    is_refused(&guarded, 413, "ten gigabytes announced");
    for method in ["POST", "OPTIONS", "HEAD"] {
        let guarded = siege.guarded((method, "/api"), header).await;
        assert_eq!(guarded.status, 413, "{method}");
    }
    // One that does not say its length, and does not end.
    let head = format!(
        "GET /api/kill HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        siege.world.server.address
    );
    let mut stream = client::say(siege.world.server.address, &head).await;
    let (mut read, mut write) = stream.split();
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let pour = async {
        while write.write_all(chunk.as_bytes()).await.is_ok() {}
        std::future::pending::<()>().await;
    };
    let mut text = Vec::new();
    tokio::select! {
        () = pour => {}
        // It may be reset once it has answered.
        _ = read.read_to_end(&mut text) => {}
    }
    let answer = Answer::read(&text).expect("an answer");
    is_refused(&answer, 413, "without end");
    assert!(!siege.world.server.control.is_stopped());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_body_is_read_away_and_the_connection_goes_on() {
    let siege = Siege::new().await;
    let address = siege.world.server.address;
    let one = format!("GET /api HTTP/1.1\r\nHost: {address}\r\nContent-Length: 5\r\n\r\nhello");
    let two = format!("GET /api HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut stream = client::say(address, &(one + &two)).await;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("read");
    assert_eq!(text.matches(r#"{"status":"alive"}"#).count(), 2, "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_too_long_is_told_so() {
    let siege = Siege::with(|guard| guard.with_patience(Duration::from_millis(50))).await;
    let answer = siege
        .guarded(("GET", "/api/add/1"), "Content-Length: 5\r\n")
        .await;
    is_refused(&answer, 408, "a body that does not come");
    siege.world.runner.answer(Reply::Wait);
    let answer = siege.world.get("/api/run/1").await;
    is_refused(&answer, 503, "a runner that does not answer");
    // What was begun goes on: the run is settled once the runner answers.
    siege.world.runner.release(1);
    siege
        .world
        .until(
            "SELECT count(*) FROM scheduler_run WHERE state = 'delivered'",
            &["1"],
        )
        .await;
}
