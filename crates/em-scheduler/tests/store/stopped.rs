//! A process that stops in the midst of a transaction: what it holds is free again within seconds (rule S7).

use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::task::Poll;
use std::time::Duration;

use em_scheduler::model::DueJob;
use tokio_postgres::NoTls;

use super::decide::send_then;
use super::fixture::{job, rule};
use super::harness::{Harness, NOW, after, at, on_postgres};

/// Well within the misfire grace of 30 s, and more than the 2 s that a silent transaction is given.
const FREE_WITHIN: Duration = Duration::from_secs(10);

async fn due_jobs(h: &Harness, count: usize) {
    h.place.task(7, true).await;
    let jobs = (0..count).map(|number| job(&format!("job-{number:03}"), 7, Some(at(NOW))));
    h.store_jobs(7, jobs.collect()).await;
}

#[test]
fn due_jobs_of_a_process_that_stops_while_it_decides_are_decided_by_another() {
    on_postgres(async |h| {
        due_jobs(&h, 300).await;
        let place = std::sync::Arc::new(h.place);
        let other = place.open("other").await.unwrap();
        let (tell_held, held) = channel();
        let (go_on, may_go_on) = channel::<()>();
        let may_go_on = Mutex::new(may_go_on);
        // A process of its own as far as the database can tell: its thread stands still in the transaction.
        let stopped = std::thread::spawn({
            let place = std::sync::Arc::clone(&place);
            move || {
                super::harness::runtime().block_on(async {
                    let store = place.open("stopped").await.unwrap();
                    let decider = rule(false, move |job: &DueJob| {
                        // Told once; whoever told it may have gone.
                        let _ = tell_held.send(());
                        let _ = may_go_on.lock().unwrap().recv();
                        Ok(send_then(job, after(60)))
                    });
                    store.decide(at(NOW), 1_000, decider).await
                })
            }
        });
        tokio::task::spawn_blocking(move || held.recv().unwrap())
            .await
            .unwrap();
        let decides = async {
            let mut decided = 0;
            while decided < 300 {
                let decider = rule(false, |job: &DueJob| Ok(send_then(job, after(60))));
                decided += other.decide(at(NOW), 1_000, decider).await.unwrap().jobs;
                tokio::task::yield_now().await;
            }
            // Nor does it keep anybody from pausing.
            other.set_paused(at(NOW), true).await.unwrap();
        };
        tokio::time::timeout(FREE_WITHIN, decides).await.unwrap();
        drop(go_on);
        let late = tokio::task::spawn_blocking(|| stopped.join().unwrap())
            .await
            .unwrap();
        assert!(late.unwrap_err().is_unavailable(), "its transaction is gone");
        assert_eq!(
            place
                .lines("SELECT count(*), min(owner) FROM scheduler_run")
                .await,
            ["300|other"]
        );
    });
}

/// A session holds something, and its process reads no more of what it has asked for. `meanwhile` must get through.
async fn with_a_session_that_is_not_read(h: &Harness, holds: &str, meanwhile: impl Future<Output = ()>) {
    let (client, connection) = tokio_postgres::connect(&h.place.url, NoTls).await.unwrap();
    let mut connection = Box::pin(connection);
    let sql = format!(
        "SET application_name = 'em-scheduler'; BEGIN; {holds};
         SELECT repeat('x', 100000) FROM generate_series(1, 1000)"
    );
    let mut holding = pin!(client.simple_query(&sql));
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                 AND application_name = 'em-scheduler' AND state = 'active' AND wait_event = 'ClientWrite'";
    // Driven until the question has left, and then no more.
    loop {
        let polled = std::future::poll_fn(|context| {
            let answered = holding.as_mut().poll(context).is_ready();
            Poll::Ready(answered || connection.as_mut().poll(context).is_ready())
        });
        assert!(!polled.await);
        if h.place.lines(waits).await == ["1"] {
            break;
        }
    }
    tokio::time::timeout(FREE_WITHIN, meanwhile).await.unwrap();
    assert_eq!(h.place.lines(waits).await, ["0"]);
}

/// The server has more to say than the sockets can hold, and the client reads nothing: no time-out of the server's ends
/// such a transaction.
#[test]
fn a_session_whose_process_stops_reading_is_ended() {
    on_postgres(async |h| {
        h.due_job(7, "3-7-cron").await;
        let rows = "UPDATE em_scheduler.scheduler_due SET next_run_at = next_run_at";
        with_a_session_that_is_not_read(&h, rows, async {
            loop {
                let decided = h.decide(at(NOW), |job| Ok(send_then(job, after(60)))).await;
                if decided.runs.len() == 1 {
                    break;
                }
            }
        })
        .await;
        // The guard of the set of jobs, which needs no row.
        let guard = format!("SELECT pg_advisory_xact_lock({}, 3)", 0x454d_5331);
        with_a_session_that_is_not_read(&h, &guard, async {
            while h.store.remove_all_jobs(at(NOW)).await.is_err() {}
        })
        .await;
    });
}
