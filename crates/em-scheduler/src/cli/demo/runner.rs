//! The runner of the demo: takes every task, does nothing, and prints what it received.

use std::io::{self, Write};

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use triggers::{UtcMicros, Zone};

use crate::clock::{Clock, SystemClock};
use crate::http::Limits;
use crate::logging::Escaped;

/// A listener on a free loopback port.
pub(super) async fn bind() -> io::Result<TcpListener> {
    TcpListener::bind("127.0.0.1:0").await
}

/// Serves as long as the process lives.
pub(super) async fn serve(listener: TcpListener, zone: Zone) {
    let router = Router::new().route("/api/{task}", get(receive)).with_state(zone);
    crate::http::serve(listener, router, Limits::default(), std::future::pending()).await;
}

async fn receive(State(zone): State<Zone>, Path(task): Path<String>, headers: HeaderMap) -> Json<Value> {
    let receipt = receipt(&zone, &task, &headers);
    // Whoever closed standard output does not want to see it.
    let _ = writeln!(io::stdout(), "{}", Escaped(receipt));
    Json(json!({ "message": format!("Runner: task {task} taken") }))
}

/// `14:03:05.013  task 1  job 1-1-cron  due 14:03:05  12.8 ms late  attempt 1`, in local time.
fn receipt(zone: &Zone, task: &str, headers: &HeaderMap) -> String {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("?")
    };
    let now = SystemClock.now();
    let time = |at: UtcMicros, digits: usize| {
        let wall = zone.to_wall(at).to_string();
        let time = wall.split(' ').nth(1).unwrap_or("");
        format!("{time:.digits$}")
    };
    let due = match header("x-scheduled-for").parse::<UtcMicros>() {
        Ok(due) => {
            let late = now.since(due);
            format!(
                "due {}  {}.{} ms late",
                time(due, 12),
                late / 1000,
                late % 1000 / 100
            )
        }
        Err(_) => "due ?".to_owned(),
    };
    format!(
        "{}  task {task}  job {:<16}  {due}  attempt {}",
        time(now, 12),
        header("x-job-id"),
        header("x-attempt")
    )
}
