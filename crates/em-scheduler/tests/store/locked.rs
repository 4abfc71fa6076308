//! Rows of `task` that another session holds: events are written when it lets go of them, and calls for other tasks do
//! not wait (rules S9 and S10).

use std::sync::Arc;
use std::time::Duration;

use em_scheduler::em_web::TaskRow;
use em_scheduler::model::Outcome;
use em_scheduler::store::{Replaced, Store};
use test_world::session::Session;
use tokio::task::JoinSet;

use super::fixture::job;
use super::harness::{Harness, NOW, after, at, client, on_postgres};
use super::settle::settle;

/// Another session on the same database.
async fn other_session(h: &Harness) -> Session {
    client(&h.place.url).await
}

const LOG: &str = "SELECT message FROM task_log WHERE task_id = 7 ORDER BY id";
const DELIVERED: &str = "Job executed in 0:00:00.000005.";

/// The task's log, once it has as many rows as expected.
async fn log(h: &Harness, rows: usize) -> Vec<String> {
    h.place
        .until(
            "SELECT count(*) FROM task_log WHERE task_id = 7",
            &rows.to_string(),
        )
        .await;
    h.place.lines(LOG).await
}

/// A run is decided, sent and delivered, and its job ends.
async fn fire(h: &Harness, store: &Arc<dyn Store>) {
    let rule = super::fixture::rule(true, |job| {
        Ok(em_scheduler::model::Plan {
            next: em_scheduler::model::Next::Finished,
            ..super::decide::send_then(job, after(60))
        })
    });
    let decided = store.decide(at(NOW), 100, rule).await.unwrap();
    assert_eq!(decided.runs.len(), 1);
    settle(h, &decided.runs[0], Outcome::Delivered { took: 5 }).await;
}

#[test]
fn events_of_a_held_task_are_written_in_their_order_when_it_is_free() {
    on_postgres(async |h| {
        h.due_job(7, "3-7-cron").await;
        let other = other_session(&h).await;
        for end in ["ROLLBACK", "COMMIT"] {
            other
                .batch_execute("BEGIN; SELECT * FROM task WHERE id = 7 FOR UPDATE")
                .await
                .unwrap();
            fire(&h, &h.store).await;
            assert!(h.place.lines(LOG).await.is_empty());
            other.batch_execute(end).await.unwrap();
            assert_eq!(log(&h, 3).await, ["Job submitted.", "Job removed.", DELIVERED]);
            assert_eq!(
                h.place.lines("SELECT count(*) FROM scheduler_deferred").await,
                ["0"]
            );
            h.place
                .run("DELETE FROM task_log; DELETE FROM scheduler_run; DELETE FROM scheduler_job")
                .await;
            h.store_jobs(7, vec![job("3-7-cron", 7, Some(at(NOW)))]).await;
            h.place.run("DELETE FROM task_log").await;
        }
    });
}

#[test]
fn deferred_events_survive_the_process() {
    on_postgres(async |h| {
        h.due_job(7, "3-7-cron").await;
        h.place.run("UPDATE task SET last_run_job_id = 'run-1'").await;
        let other = other_session(&h).await;
        other
            .batch_execute("BEGIN; DELETE FROM task WHERE id = 7")
            .await
            .unwrap();
        fire(&h, &h.store).await;
        let Harness { store, place } = h;
        drop(store);
        other.batch_execute("ROLLBACK").await.unwrap();
        assert!(place.lines(LOG).await.is_empty());
        let h = Harness {
            store: place.open("next").await.unwrap(),
            place,
        };
        assert_eq!(log(&h, 3).await, ["Job submitted.", "Job removed.", DELIVERED]);
        let linked = "SELECT status_id, job_id, error FROM task_log WHERE job_id IS NOT NULL";
        assert_eq!(h.place.lines(linked).await, ["6|run-1|~"]);
    });
}

#[test]
fn a_later_event_waits_behind_those_that_are_deferred() {
    on_postgres(async |h| {
        h.due_job(7, "3-7-cron").await;
        h.place
            .run(
                "INSERT INTO scheduler_deferred (task_id, message, status_date) VALUES (7, 'first', now()), (9, 'gone', now())",
            )
            .await;
        fire(&h, &h.store).await;
        assert_eq!(
            log(&h, 4).await,
            ["first", "Job submitted.", "Job removed.", DELIVERED]
        );
        // Those of a task that is gone go, too.
        h.place
            .until("SELECT count(*) FROM scheduler_deferred", "0")
            .await;
    });
}

#[test]
fn nothing_is_written_for_a_task_after_its_deletion() {
    on_postgres(async |h| {
        h.due_job(7, "3-7-cron").await;
        let other = other_session(&h).await;
        other
            .batch_execute("BEGIN; SELECT * FROM task WHERE id = 7 FOR UPDATE")
            .await
            .unwrap();
        fire(&h, &h.store).await;
        other.batch_execute("ROLLBACK").await.unwrap();
        h.store.remove_jobs(after(1), 7).await.unwrap();
        assert_eq!(
            h.place.lines("SELECT count(*) FROM scheduler_deferred").await,
            ["0"]
        );
        // em_web deletes the log and then the task: a row in between would stand in its way.
        h.place
            .run("DELETE FROM task_log WHERE task_id = 7; DELETE FROM task WHERE id = 7")
            .await;
    });
}

/// What a call may take that waits for nobody, on a machine that is busy.
const SOON: Duration = Duration::from_secs(2);

async fn soon<T>(call: impl Future<Output = em_scheduler::store::Result<T>>) -> T {
    tokio::time::timeout(SOON, call).await.unwrap().unwrap()
}

#[test]
fn calls_on_held_rows_hold_up_no_other_call() {
    on_postgres(async |h| {
        for task in 1..=12 {
            h.place.task(task, true).await;
        }
        let other = other_session(&h).await;
        other
            .batch_execute("BEGIN; SELECT * FROM task WHERE id <= 10 FOR UPDATE")
            .await
            .unwrap();
        let add = |store: Arc<dyn Store>, task| async move {
            let id = format!("3-{task}-cron");
            let plan = Arc::new(move |_: &TaskRow| Ok(vec![job(&id, task, Some(after(60)))]));
            store.replace_jobs(at(NOW), task, plan).await
        };
        let mut held_up = JoinSet::new();
        for call in 0..40 {
            let task = 1 + call % 10;
            held_up.spawn(add(Arc::clone(&h.store), task));
            if call % 4 == 0 {
                let store = Arc::clone(&h.store);
                held_up.spawn(async move { store.remove_jobs(at(NOW), task).await.map(|_| Replaced::Done) });
            }
        }
        for _ in 0..10 {
            soon(add(Arc::clone(&h.store), 11)).await;
            soon(h.store.set_paused(at(NOW), true)).await;
            soon(h.store.set_paused(at(NOW), false)).await;
            soon(h.store.remove_jobs(at(NOW), 12)).await;
            soon(h.store.begin_manual_run(
                after(1),
                12,
                Arc::new(|_| em_scheduler::chance::ten_hex_digits()),
            ))
            .await;
        }
        assert_eq!(held_up.len(), 50);
        other.batch_execute("ROLLBACK").await.unwrap();
        while let Some(done) = held_up.join_next().await {
            done.unwrap().unwrap();
        }
    });
}

#[test]
fn a_call_whose_row_stays_held_is_told_which() {
    on_postgres(async |h| {
        h.place.task(7, true).await;
        let other = other_session(&h).await;
        other
            .batch_execute("BEGIN; UPDATE task SET name = 'x' WHERE id = 7")
            .await
            .unwrap();
        let refused = h.store.remove_jobs(at(NOW), 7).await.unwrap_err();
        assert!(refused.is_unavailable());
        assert!(
            refused.to_string().contains("locked by another session"),
            "{refused}"
        );
        other.batch_execute("ROLLBACK").await.unwrap();
        h.store.remove_jobs(at(NOW), 7).await.unwrap();
    });
}
