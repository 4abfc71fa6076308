//! The published next run, and the forgetting of old runs.

use super::fixture::job;
use super::harness::{Harness, after, client, on_postgres};

on_both!(
    the_earliest_next_run_is_published,
    a_task_without_next_run_keeps_the_last,
    old_final_runs_are_deleted,
    open_runs_are_never_deleted,
);

async fn next_runs(h: &Harness) -> Vec<String> {
    let wall = h.place.wall("next_run");
    h.place
        .lines(&format!("SELECT id, {wall} FROM task ORDER BY id"))
        .await
}

async fn the_earliest_next_run_is_published(h: Harness) {
    for task in [7, 8, 9] {
        h.place.task(task, true).await;
        let id = format!("3-{task}-cron");
        h.store_jobs(
            task,
            vec![
                job(&id, task, Some(after(60))),
                job(&format!("{id}2"), task, Some(after(30))),
            ],
        )
        .await;
    }
    h.place.run("UPDATE task SET next_run = NULL").await;
    // One that does not exist is no reason to try again.
    assert_eq!(
        h.store
            .publish_next_runs(after(1), vec![9, 7, 1234])
            .await
            .unwrap(),
        [0; 0]
    );
    let time = "2026-11-23 16:12:34.150220";
    assert_eq!(
        next_runs(&h).await,
        [format!("7|{time}"), "8|~".into(), format!("9|{time}")]
    );
    assert_eq!(h.store.publish_next_runs(after(1), vec![]).await.unwrap(), [0; 0]);
}

async fn a_task_without_next_run_keeps_the_last(h: Harness) {
    h.place.task(7, true).await;
    h.store_jobs(7, vec![job("3-7-cron", 7, Some(after(60)))]).await;
    h.decide(after(60), |job| {
        Ok(super::decide::send_and(job, em_scheduler::model::Next::Finished))
    })
    .await;
    h.store.publish_next_runs(after(61), vec![7]).await.unwrap();
    assert_eq!(next_runs(&h).await, ["7|2026-11-23 16:13:04.150220"]);
}

/// Somebody at em_web's side holds the row as long as they like: nothing hangs, and nothing is forgotten.
#[test]
fn a_row_that_somebody_holds_is_tried_again_postgres() {
    on_postgres(async |h| {
        for task in [7, 8] {
            h.place.task(task, true).await;
            h.store_jobs(task, vec![job(&format!("3-{task}-cron"), task, Some(after(60)))])
                .await;
        }
        h.place.run("UPDATE task SET next_run = NULL").await;
        let em_web = client(&h.place.url).await;
        em_web
            .batch_execute("BEGIN; UPDATE task SET name = 'New' WHERE id = 7")
            .await
            .unwrap();
        assert_eq!(
            h.store.publish_next_runs(after(1), vec![7, 8]).await.unwrap(),
            [7]
        );
        assert_eq!(next_runs(&h).await, ["7|~", "8|2026-11-23 16:13:04.150220"]);
        em_web.batch_execute("COMMIT").await.unwrap();
        assert_eq!(
            h.store.publish_next_runs(after(1), vec![7]).await.unwrap(),
            [0; 0]
        );
        assert_eq!(next_runs(&h).await[0], "7|2026-11-23 16:13:04.150220");
    });
}

async fn keys(h: &Harness) -> usize {
    h.place.lines("SELECT key FROM scheduler_run").await.len()
}

async fn old_final_runs_are_deleted(h: Harness) {
    h.place
        .run(
            "INSERT INTO scheduler_run (job_id, task_id, kind, scheduled_for, state, decided_at, owner) VALUES
             ('a', 7, 'cron', 1, 'delivered', 10, 'x'), ('a', 7, 'cron', 2, 'failed', 10, 'x'),
             ('a', 7, 'cron', 3, 'missed', 10, 'x'), ('a', 7, 'cron', 4, 'skipped', 10, 'x'),
             ('a', 7, 'cron', 5, 'unknown', 19, 'x'), ('a', 7, 'cron', 6, 'delivered', 20, 'x')",
        )
        .await;
    let before = triggers::UtcMicros::new(20);
    assert_eq!(h.store.delete_old_runs(before, 2).await.unwrap(), 2);
    assert_eq!(
        h.place
            .lines("SELECT scheduled_for FROM scheduler_run ORDER BY key")
            .await,
        ["3", "4", "5", "6"]
    );
    assert_eq!(h.store.delete_old_runs(before, 100).await.unwrap(), 3);
    assert_eq!(h.store.delete_old_runs(before, 100).await.unwrap(), 0);
    assert_eq!(keys(&h).await, 1);
    // Once all are old, too, the next run has a key of its own.
    h.store
        .delete_old_runs(triggers::UtcMicros::new(30), 100)
        .await
        .unwrap();
    h.place
        .run(
            "INSERT INTO scheduler_run (job_id, task_id, kind, scheduled_for, state, decided_at, owner)
             VALUES ('a', 7, 'cron', 7, 'delivered', 30, 'x')",
        )
        .await;
    assert_eq!(h.place.lines("SELECT max(key) FROM scheduler_run").await, ["7"]);
}

async fn open_runs_are_never_deleted(h: Harness) {
    h.place
        .run(
            "INSERT INTO scheduler_run (job_id, task_id, kind, scheduled_for, state, decided_at, owner) VALUES
             ('a', 7, 'cron', 1, 'queued', 1, 'x'), ('a', 7, 'cron', 2, 'claimed', 1, 'x'),
             ('a', 7, 'cron', 3, 'sending', 1, 'x')",
        )
        .await;
    assert_eq!(h.store.delete_old_runs(after(0), 100).await.unwrap(), 0);
    assert_eq!(keys(&h).await, 3);
}
