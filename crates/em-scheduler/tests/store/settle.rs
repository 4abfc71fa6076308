//! Settling: each outcome in the run, in the task's log and in the task's status; nothing for whom the run is not.

use em_scheduler::model::{Outcome, SendableRun, SkipReason};

use super::fixture::{refused, requeued};
use super::harness::{Harness, NOW, after, at};

on_both!(
    each_outcome_is_written_down,
    run_ids_link_the_last_run,
    a_stale_fence_changes_nothing,
    only_a_failure_marks_the_task,
    a_vanished_task_is_no_obstacle,
    of_two_settlements_the_first_counts,
    any_reason_can_be_stored,
);

pub(crate) async fn settle(h: &Harness, run: &SendableRun, outcome: Outcome) {
    h.store
        .settle(after(5), vec![run.settlement(outcome)])
        .await
        .unwrap();
}

pub(crate) const RUN: &str = "SELECT state, reason, finished_at, fence FROM scheduler_run ORDER BY key";

async fn each_outcome_is_written_down(h: Harness) {
    let cases = [
        (
            Outcome::Delivered { took: 1_234_567 },
            "delivered|~",
            "7|~|Job executed in 0:00:01.234567.",
        ),
        (
            Outcome::Failed {
                reason: "status 500".into(),
            },
            "failed|status 500",
            "7|1|Job error. Scheduled for: Mon, Nov 23, 2026 16:12:04. Error: status 500",
        ),
        (
            Outcome::Unknown {
                reason: "reset".into(),
            },
            "unknown|reset",
            "7|1|Job outcome unknown. Scheduled for: Mon, Nov 23, 2026 16:12:04. The request may have reached the \
             runner, so it is not repeated: reset",
        ),
        (
            Outcome::Missed { late: 31_000_001 },
            "missed|late by 31.000001 s",
            "7|1|Job missed. Scheduled for: Mon, Nov 23, 2026 16:12:04. Missed by: 0:00:31.000001",
        ),
        (
            Outcome::Skipped(SkipReason::TaskDisabled),
            "skipped|the task is disabled",
            "7|1|Job skipped. Scheduled for: Mon, Nov 23, 2026 16:12:04. Reason: the task is disabled",
        ),
    ];
    let run = h.sending_run(7, "3-7-cron").await;
    for (outcome, row, event) in cases {
        h.place
            .run("UPDATE scheduler_run SET state = 'sending'; DELETE FROM task_log")
            .await;
        settle(&h, &run, outcome).await;
        assert_eq!(h.place.lines(RUN).await, [format!("{row}|{}|2", after(5).get())]);
        assert_eq!(
            h.place
                .lines("SELECT task_id, error, message FROM task_log")
                .await,
            [event]
        );
    }
}

async fn run_ids_link_the_last_run(h: Harness) {
    for (outcome, linked) in [
        (Outcome::Delivered { took: 1 }, true),
        (Outcome::Failed { reason: "x".into() }, true),
        (Outcome::Unknown { reason: "x".into() }, true),
        (Outcome::Missed { late: 1 }, false),
        (Outcome::Skipped(SkipReason::Deleted), false),
    ] {
        h.place
            .run("DELETE FROM task; DELETE FROM scheduler_run; DELETE FROM scheduler_due; DELETE FROM scheduler_job")
            .await;
        let run = h.sending_run(7, "3-7-cron").await;
        for (column, expected) in [("NULL", ""), ("'a1b2'", "a1b2")] {
            h.place
                .run(&format!(
                    "UPDATE scheduler_run SET state = 'sending'; UPDATE task SET last_run_job_id = {column}"
                ))
                .await;
            settle(&h, &run, outcome.clone()).await;
            let expected = if linked { expected } else { "~" };
            assert_eq!(
                h.place.lines("SELECT job_id FROM task_log").await,
                [expected],
                "{outcome:?} {column}"
            );
            h.place.run("DELETE FROM task_log").await;
        }
    }
}

async fn a_stale_fence_changes_nothing(h: Harness) {
    let run = h.sending_run(7, "3-7-cron").await;
    let before = (
        h.place.rows("SELECT * FROM scheduler_run").await,
        h.place.rows("SELECT * FROM task").await,
    );
    for fence in [run.fence - 1, run.fence + 1] {
        let stale = SendableRun { fence, ..run.clone() };
        settle(
            &h,
            &stale,
            Outcome::Failed {
                reason: "late".into(),
            },
        )
        .await;
        settle(&h, &stale, requeued(true)).await;
    }
    assert_eq!(
        (
            h.place.rows("SELECT * FROM scheduler_run").await,
            h.place.rows("SELECT * FROM task").await
        ),
        before
    );
    assert_eq!(h.place.log().await.len(), 0);
    // And what is final stays so.
    settle(&h, &run, Outcome::Delivered { took: 1 }).await;
    settle(
        &h,
        &run,
        Outcome::Failed {
            reason: "again".into(),
        },
    )
    .await;
    assert_eq!(
        h.place.lines("SELECT state FROM scheduler_run").await,
        ["delivered"]
    );
    assert_eq!(h.place.log().await.len(), 1);
}

async fn only_a_failure_marks_the_task(h: Harness) {
    let run = h.sending_run(7, "3-7-cron").await;
    for (outcome, status) in [
        (Outcome::Delivered { took: 1 }, "4"),
        (Outcome::Unknown { reason: "x".into() }, "4"),
        (Outcome::Missed { late: 1 }, "4"),
        (Outcome::Skipped(SkipReason::Deleted), "4"),
        (requeued(true), "4"),
        (Outcome::Failed { reason: "x".into() }, "2"),
    ] {
        h.place.run("UPDATE scheduler_run SET state = 'sending'").await;
        settle(&h, &run, outcome.clone()).await;
        assert_eq!(
            h.place.lines("SELECT status_id FROM task").await,
            [status],
            "{outcome:?}"
        );
    }
}

async fn a_vanished_task_is_no_obstacle(h: Harness) {
    let (gone, there) = (
        h.sending_run(7, "3-7-cron").await,
        h.sending_run(8, "3-8-cron").await,
    );
    h.place.run("DELETE FROM task WHERE id = 7").await;
    h.store
        .settle(
            at(NOW),
            vec![gone.settlement(refused()), there.settlement(refused())],
        )
        .await
        .unwrap();
    assert_eq!(
        h.place
            .lines("SELECT task_id, state FROM scheduler_run ORDER BY key")
            .await,
        ["7|failed", "8|failed"]
    );
    assert_eq!(h.place.lines("SELECT task_id FROM task_log").await, ["8"]);
    assert_eq!(h.place.lines("SELECT id, status_id FROM task").await, ["8|2"]);
}

async fn of_two_settlements_the_first_counts(h: Harness) {
    let run = h.sending_run(7, "3-7-cron").await;
    let both = vec![
        run.settlement(Outcome::Delivered { took: 1 }),
        run.settlement(Outcome::Failed { reason: "x".into() }),
    ];
    h.store.settle(at(NOW), both).await.unwrap();
    assert_eq!(
        h.place.lines("SELECT state FROM scheduler_run").await,
        ["delivered"]
    );
    assert_eq!(h.place.log().await.len(), 1);
}

async fn any_reason_can_be_stored(h: Harness) {
    let run = h.sending_run(7, "3-7-cron").await;
    let reason = format!(
        "'; DROP TABLE task; -- {} é \u{1f600} {{\"a\\b",
        "x".repeat(20_000)
    );
    settle(
        &h,
        &run,
        Outcome::Failed {
            reason: reason.clone(),
        },
    )
    .await;
    assert!(h.place.messages().await[0].ends_with(&reason));
    h.place
        .run("UPDATE scheduler_run SET state = 'sending'; DELETE FROM task_log")
        .await;
    settle(
        &h,
        &run,
        Outcome::Failed {
            reason: "a\0b".into(),
        },
    )
    .await;
    assert_eq!(h.place.lines("SELECT state FROM scheduler_run").await, ["failed"]);
    assert_eq!(h.place.messages().await.len(), 1);
}
