//! A run that goes back to wait: an attempt that reached nobody, or one that may be repeated.

use em_scheduler::model::Outcome;

use super::fixture::requeued;
use super::harness::{Harness, after};
use super::settle::{RUN, settle};

on_both!(
    a_requeued_run_waits_again,
    a_requeued_run_of_a_deleted_job_ends,
    a_settlement_written_twice_counts_once,
);

async fn a_requeued_run_waits_again(h: Harness) {
    let run = h.sending_run(7, "3-7-cron").await;
    let row = "SELECT state, attempt, not_before, sent_at, finished_at, reason FROM scheduler_run";
    for (outcome, attempt) in [
        (requeued(true), 1),
        (Outcome::Repeat { not_before: after(9) }, 1),
        (requeued(false), 0),
    ] {
        h.place
            .run("UPDATE scheduler_run SET state = 'sending', sent_at = 1, not_before = NULL")
            .await;
        settle(&h, &run, outcome).await;
        assert_eq!(
            h.place.lines(row).await,
            [format!("queued|{attempt}|{}|~|~|~", after(9).get())]
        );
    }
    assert_eq!(h.place.log().await.len(), 0);
    let begun = h.begin(after(9), &run).await;
    assert_eq!((begun[0].attempt, begun[0].fence), (1, run.fence + 1));
}

async fn a_requeued_run_of_a_deleted_job_ends(h: Harness) {
    let run = h.sending_run(7, "3-7-cron").await;
    h.place.run("UPDATE scheduler_run SET withdrawn = 1").await;
    settle(&h, &run, Outcome::Repeat { not_before: after(9) }).await;
    assert_eq!(
        h.place.lines(RUN).await,
        [format!("skipped|deleted|{}|2", after(5).get())]
    );
    let told = "Job skipped. Scheduled for: Mon, Nov 23, 2026 16:12:04. Reason: deleted";
    assert_eq!(h.place.messages().await, [told]);
    h.place
        .run("UPDATE scheduler_run SET state = 'sending', muted = 1; DELETE FROM task_log")
        .await;
    settle(&h, &run, requeued(true)).await;
    assert_eq!(
        h.place.lines("SELECT state FROM scheduler_run").await,
        ["skipped"]
    );
    assert_eq!(h.place.log().await.len(), 0, "muted");
}

/// As after a commit whose answer got lost: whoever does not know of it settles again.
async fn a_settlement_written_twice_counts_once(h: Harness) {
    let run = h.sending_run(7, "3-7-cron").await;
    let whole = "SELECT state, attempt, not_before, finished_at, reason, fence FROM scheduler_run";
    for outcome in [
        requeued(true),
        requeued(false),
        Outcome::Repeat { not_before: after(9) },
        Outcome::Delivered { took: 5 },
        Outcome::Failed {
            reason: "status 500".into(),
        },
        Outcome::Unknown {
            reason: "reset".into(),
        },
        Outcome::Missed { late: 31_000_000 },
    ] {
        let again =
            "UPDATE scheduler_run SET state = 'sending', attempt = 1, finished_at = NULL, reason = NULL;
                     DELETE FROM task_log";
        h.place.run(again).await;
        settle(&h, &run, outcome.clone()).await;
        let (row, log) = (h.place.lines(whole).await, h.place.log().await);
        settle(&h, &run, outcome.clone()).await;
        assert_eq!(
            (h.place.lines(whole).await, h.place.log().await),
            (row, log),
            "{outcome:?}"
        );
    }
}
