//! Deciding: one run per job and time, the job advanced in the same transaction, and what people read of it.

use em_scheduler::model::{Action, Decision, DueJob, JobKind, Next, Plan, SkipReason};
use triggers::UtcMicros;

use super::fixture::{job, rule};
use super::harness::{Harness, ME, NOW, after, at};

on_both!(
    a_due_job_gets_one_run_and_advances,
    an_admitted_run_is_sending_at_once,
    missed_and_skipped_runs_are_final,
    a_time_decided_before_is_not_sent_again,
    coalesced_times_are_counted,
    an_ended_trigger_leaves_a_tombstone,
    an_ended_delayed_job_leaves_nothing,
    a_removed_job_leaves_nothing,
);

pub(crate) fn decision(scheduled_for: UtcMicros, action: Action) -> Decision {
    Decision {
        scheduled_for,
        action,
        coalesced: 0,
        coalesced_since: None,
    }
}

/// Send the time that has come, then fire again.
pub(crate) fn send_then(job: &DueJob, next: UtcMicros) -> Plan {
    Plan {
        decisions: vec![decision(job.next_run_at, Action::Send)],
        next: Next::At(next),
    }
}

/// Send the time that has come, and then this.
pub(crate) fn send_and(job: &DueJob, next: Next) -> Plan {
    Plan {
        decisions: vec![decision(job.next_run_at, Action::Send)],
        next,
    }
}

async fn a_due_job_gets_one_run_and_advances(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    let early = h.decide(after(-1), |_| panic!("nothing is due")).await;
    assert_eq!((early.jobs, early.next_due), (0, Some(at(NOW))));

    let decided = h
        .decide(after(5), |job| {
            assert_eq!(
                (job.id.as_str(), job.task_id, job.kind),
                ("3-7-cron", 7, JobKind::Cron)
            );
            assert_eq!((job.next_run_at, job.created_at), (at(NOW), at(NOW)));
            assert_eq!((job.instances, job.task_enabled), (0, Some(true)));
            assert_eq!(job.definition, "{\"of\":\"3-7-cron\"}");
            Ok(send_then(job, after(60)))
        })
        .await;
    assert_eq!((decided.jobs, decided.tasks.as_slice()), (1, &[7][..]));
    assert_eq!((decided.next_due, decided.paused), (Some(after(60)), false));
    let [run] = &decided.runs[..] else {
        panic!("{decided:?}")
    };
    assert_eq!(
        (run.job_id.as_str(), run.task_id, run.kind),
        ("3-7-cron", 7, JobKind::Cron)
    );
    assert_eq!((run.scheduled_for, run.fence, run.attempt), (at(NOW), 1, 0));
    assert_eq!((run.not_before, run.sending), (None, false));
    assert_eq!(
        h.place.lines("SELECT key FROM scheduler_run").await,
        [run.key.to_string()]
    );

    let row = "SELECT job_id, task_id, kind, scheduled_for, state, decided_at, coalesced, coalesced_since, attempt,
                      not_before, owner, fence, sent_at, finished_at, reason, withdrawn, muted FROM scheduler_run";
    let (due, now) = (at(NOW).get(), after(5).get());
    assert_eq!(
        h.place.lines(row).await,
        [format!(
            "3-7-cron|7|cron|{due}|queued|{now}|0|~|0|~|{ME}|1|~|~|~|0|0"
        )]
    );
    // Naive local time, microseconds included; a run that was only submitted has no error and no run id.
    assert_eq!(
        h.place.log().await,
        ["7|6|~|~|2026-11-23 16:12:09.150220|Job submitted."]
    );
    let listed = h.store.list_jobs(false).await.unwrap();
    assert_eq!(listed[0].next_run_at, Some(after(60)));
    assert_eq!(h.decide(after(6), |_| panic!("decided twice")).await.jobs, 0);
}

async fn an_admitted_run_is_sending_at_once(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    let decider = rule(true, |job: &DueJob| Ok(send_then(job, after(60))));
    let runs = h.store.decide(after(1), 10, decider).await.unwrap().runs;
    assert!(
        runs[0].sending && runs[0].attempt == 1 && runs[0].fence == 1,
        "{runs:?}"
    );
    let row = "SELECT state, attempt, fence, sent_at, finished_at FROM scheduler_run";
    assert_eq!(
        h.place.lines(row).await,
        [format!("sending|1|1|{}|~", after(1).get())]
    );
}

async fn missed_and_skipped_runs_are_final(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    let decided = h
        .decide(after(90), |job| {
            let skipped = Action::Skipped(SkipReason::MaxInstances(50));
            let decisions = vec![
                decision(job.next_run_at, Action::Missed { late: 90_000_000 }),
                decision(after(30), skipped),
            ];
            Ok(Plan {
                decisions,
                next: Next::At(after(120)),
            })
        })
        .await;
    assert!(decided.runs.is_empty());
    let row =
        "SELECT scheduled_for, state, attempt, sent_at, finished_at, reason FROM scheduler_run ORDER BY key";
    let now = after(90).get();
    assert_eq!(
        h.place.lines(row).await,
        [
            format!("{}|missed|0|~|{now}|late by 90.000000 s", at(NOW).get()),
            format!(
                "{}|skipped|0|~|{now}|50 runs of this job have not ended (max instances)",
                after(30).get()
            ),
        ]
    );
    assert_eq!(
        h.place.log().await,
        [
            "7|6|~|1|2026-11-23 16:13:34.150220|Job missed. Scheduled for: Mon, Nov 23, 2026 16:12:04. Missed by: \
             0:01:30.000000",
            "7|6|~|1|2026-11-23 16:13:34.150220|Job skipped. Scheduled for: Mon, Nov 23, 2026 16:12:34. Reason: 50 \
             runs of this job have not ended (max instances)",
        ]
    );
}

async fn a_time_decided_before_is_not_sent_again(h: Harness) {
    let first = h.queued_run(7, "3-7-cron").await;
    // Added again after it ran: the same job, the same time.
    h.store_jobs(7, vec![job("3-7-cron", 7, Some(at(NOW)))]).await;
    h.place.run("DELETE FROM task_log").await;
    let again = h.decide(after(1), |job| Ok(send_then(job, after(60)))).await;
    assert_eq!(
        (again.jobs, again.runs.len(), again.next_due),
        (1, 0, Some(after(60)))
    );
    assert_eq!(
        h.place.lines("SELECT key FROM scheduler_run").await,
        [first.key.to_string()]
    );
    assert_eq!(
        h.place.log().await,
        [
            "7|6|~|~|2026-11-23 16:12:05.150220|Job not sent again: its run of Mon, Nov 23, 2026 16:12:04 was decided \
          before."
        ]
    );
}

async fn coalesced_times_are_counted(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    let decided = h
        .decide(after(20), |_| {
            let mut last = decision(after(20), Action::Send);
            (last.coalesced, last.coalesced_since) = (2, Some(at(NOW)));
            Ok(Plan {
                decisions: vec![last],
                next: Next::At(after(30)),
            })
        })
        .await;
    assert_eq!(decided.runs.len(), 1);
    let row = "SELECT scheduled_for, coalesced, coalesced_since FROM scheduler_run";
    assert_eq!(
        h.place.lines(row).await,
        [format!("{}|2|{}", after(20).get(), at(NOW).get())]
    );
}

const JOBS: &str = "SELECT j.id, j.listed, d.next_run_at FROM scheduler_job j
                    LEFT JOIN scheduler_due d ON d.job_key = j.key ORDER BY j.id";

async fn an_ended_trigger_leaves_a_tombstone(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    let decided = h.decide(at(NOW), |job| Ok(send_and(job, Next::Finished))).await;
    assert_eq!((decided.runs.len(), decided.next_due), (1, None));
    assert_eq!(h.place.lines(JOBS).await, ["3-7-cron|0|~"]);
    assert_eq!(h.place.messages().await, ["Job submitted.", "Job removed."]);
    assert!(h.store.list_jobs(false).await.unwrap().is_empty());
}

async fn an_ended_delayed_job_leaves_nothing(h: Harness) {
    h.place.task(7, false).await;
    let mut delayed = job("3-7-00ff00ff00", 7, Some(at(NOW)));
    delayed.kind = JobKind::Delayed;
    h.store_jobs(7, vec![delayed]).await;
    h.place
        .run("DELETE FROM task_log; UPDATE task SET enabled = NULL")
        .await;
    let decided = h
        .decide(at(NOW), |job| {
            assert_eq!(
                (job.kind, job.task_enabled),
                (JobKind::Delayed, Some(false)),
                "null is disabled"
            );
            Ok(send_and(job, Next::Finished))
        })
        .await;
    assert_eq!(decided.runs.len(), 1);
    assert_eq!(
        h.place.lines(JOBS).await.len() + h.place.lines("SELECT * FROM scheduler_due").await.len(),
        0
    );
    assert_eq!(h.place.messages().await, ["Job submitted.", "Job removed."]);
}

async fn a_removed_job_leaves_nothing(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    h.place.run("UPDATE task SET enabled = 0").await;
    h.decide(at(NOW), |job| {
        assert_eq!(job.task_enabled, Some(false));
        let skipped = decision(job.next_run_at, Action::Skipped(SkipReason::TaskDisabled));
        Ok(Plan {
            decisions: vec![skipped],
            next: Next::Removed,
        })
    })
    .await;
    assert_eq!(
        h.place.lines(JOBS).await.len() + h.place.lines("SELECT * FROM scheduler_due").await.len(),
        0
    );
    assert_eq!(
        h.place.messages().await,
        [
            "Job skipped. Scheduled for: Mon, Nov 23, 2026 16:12:04. Reason: the task is disabled",
            "Job removed."
        ]
    );
}
