//! Removing jobs: what waits is skipped, what is in flight is answered and, for one task, silenced.

use super::fixture::{job, refused, requeued};
use super::harness::{Harness, NOW, after, at};

on_both!(
    a_removed_task_falls_silent,
    removing_a_task_that_is_gone_is_fine,
    removing_all_leaves_the_published_times,
    orphans_are_the_jobs_of_vanished_tasks,
);

const RUNS: &str =
    "SELECT task_id, state, reason, withdrawn, muted, finished_at FROM scheduler_run ORDER BY key";

async fn counts(h: &Harness) -> (usize, usize) {
    (
        h.place.lines("SELECT key FROM scheduler_job").await.len(),
        h.place.lines("SELECT job_key FROM scheduler_due").await.len(),
    )
}

async fn a_removed_task_falls_silent(h: Harness) {
    let sending = h.sending_run(7, "3-7-cron").await;
    let queued = h
        .decide(after(60), |job| Ok(super::decide::send_then(job, after(120))))
        .await
        .runs
        .remove(0);
    let other = h.queued_run(8, "3-8-cron").await;
    h.place
        .run("DELETE FROM task_log; UPDATE task SET next_run = '2026-11-23 16:14:04.150220'")
        .await;

    assert_eq!(h.store.remove_jobs(after(61), 7).await.unwrap(), [sending.key]);
    let now = after(61).get();
    assert_eq!(
        h.place.lines(RUNS).await,
        [
            "7|sending|~|1|1|~".to_owned(),
            format!("7|skipped|deleted|1|0|{now}"),
            "8|queued|~|0|0|~".into()
        ]
    );
    assert_eq!(counts(&h).await, (1, 1));
    assert_eq!(
        h.place
            .lines("SELECT next_run IS NULL, enabled FROM task WHERE id = 7")
            .await
            .len(),
        1
    );
    let cleared = h
        .place
        .lines("SELECT id, enabled FROM task WHERE next_run IS NULL")
        .await;
    assert_eq!(cleared, ["7|1"], "enabled is not its business");
    let stamp = "2026-11-23 16:13:05.150220";
    assert_eq!(
        h.place.log().await,
        [
            format!("7|6|~|~|{stamp}|Job removed."),
            format!(
                "7|6|~|1|{stamp}|Job skipped. Scheduled for: Mon, Nov 23, 2026 16:13:04. Reason: deleted"
            ),
        ]
    );

    // Neither can begin any more, and the end of the one in flight writes not a word.
    let begun = h
        .store
        .begin_sends(
            after(62),
            vec![(queued.key, queued.fence), (other.key, other.fence)],
        )
        .await;
    assert_eq!(
        begun.unwrap().iter().map(|run| run.task_id).collect::<Vec<_>>(),
        [8]
    );
    let settlement = sending.settlement(refused());
    h.store.settle(after(63), vec![settlement]).await.unwrap();
    assert_eq!(h.place.log().await.len(), 2);
    assert_eq!(
        h.place.lines("SELECT status_id FROM task WHERE id = 7").await,
        ["4"]
    );
    let ended = h
        .place
        .lines("SELECT state, reason FROM scheduler_run WHERE muted = 1")
        .await;
    assert_eq!(
        ended,
        ["failed|refused"],
        "what happened is written down all the same"
    );
}

async fn removing_a_task_that_is_gone_is_fine(h: Harness) {
    let run = h.queued_run(7, "3-7-cron").await;
    h.place.run("DELETE FROM task").await;
    assert_eq!(h.store.remove_jobs(after(1), 7).await.unwrap(), [0; 0]);
    assert_eq!(h.store.remove_jobs(after(2), 7).await.unwrap(), [0; 0]);
    assert_eq!(h.store.remove_jobs(after(2), 1234).await.unwrap(), [0; 0]);
    assert_eq!((counts(&h).await, h.place.log().await.len()), ((0, 0), 0));
    let state = h
        .place
        .lines(&format!(
            "SELECT state FROM scheduler_run WHERE key = {}",
            run.key
        ))
        .await;
    assert_eq!(state, ["skipped"]);
}

async fn removing_all_leaves_the_published_times(h: Harness) {
    let sending = h.sending_run(7, "3-7-cron").await;
    h.queued_run(8, "3-8-cron").await;
    h.queued_run(9, "3-9-cron").await;
    // A run whose job is gone already is withdrawn too.
    h.place
        .run("DELETE FROM scheduler_due WHERE job_key IN (SELECT key FROM scheduler_job WHERE task_id = 9)")
        .await;
    h.place
        .run("DELETE FROM scheduler_job WHERE task_id = 9; DELETE FROM task_log")
        .await;
    let times = h.place.lines("SELECT id, next_run FROM task ORDER BY id").await;

    assert_eq!(h.store.remove_all_jobs(after(1)).await.unwrap(), [sending.key]);
    let now = after(1).get();
    assert_eq!(
        h.place.lines(RUNS).await,
        [
            "7|sending|~|1|0|~".to_owned(),
            format!("8|skipped|deleted|1|0|{now}"),
            format!("9|skipped|deleted|1|0|{now}"),
        ]
    );
    assert_eq!(counts(&h).await, (0, 0));
    assert_eq!(
        h.place.lines("SELECT id, next_run FROM task ORDER BY id").await,
        times
    );
    let skipped = "Job skipped. Scheduled for: Mon, Nov 23, 2026 16:12:04. Reason: deleted";
    assert_eq!(
        h.place
            .lines("SELECT task_id, message FROM task_log ORDER BY id")
            .await,
        [
            "7|Job removed.".to_owned(),
            "8|Job removed.".into(),
            format!("8|{skipped}"),
            format!("9|{skipped}")
        ]
    );

    // Not muted: the end of the one in flight is told. But it is not sent again.
    let settlement = sending.settlement(requeued(true));
    h.store.settle(after(2), vec![settlement]).await.unwrap();
    assert_eq!(
        h.place.lines(RUNS).await[0],
        format!("7|skipped|deleted|1|0|{}", after(2).get())
    );
    assert_eq!(h.place.messages().await.len(), 5);
}

async fn orphans_are_the_jobs_of_vanished_tasks(h: Harness) {
    let sending = h.sending_run(7, "3-7-cron").await;
    h.queued_run(8, "3-8-cron").await;
    h.place.task(9, false).await;
    h.store_jobs(9, vec![job("3-9-cron", 9, Some(at(NOW)))]).await;
    h.place
        .run("DELETE FROM task_log; DELETE FROM task WHERE id IN (7, 8)")
        .await;
    assert_eq!(h.store.remove_orphans(after(1)).await.unwrap(), [sending.key]);
    assert_eq!(h.place.lines("SELECT task_id FROM scheduler_job").await, ["9"]);
    let states = h
        .place
        .lines("SELECT task_id, state, withdrawn FROM scheduler_run ORDER BY key")
        .await;
    assert_eq!(states, ["7|sending|1", "8|skipped|1"]);
    assert_eq!(h.place.log().await.len(), 0, "nobody is left to be told");
    assert_eq!(h.store.remove_orphans(after(1)).await.unwrap(), [0; 0]);
}
