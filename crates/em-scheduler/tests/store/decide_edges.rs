//! Deciding when something is odd: too many runs, a paused scheduler, tasks that are gone, rows nobody can read.

use em_scheduler::model::{Action, DueJob, Next, Plan, SkipReason};

use super::decide::{decision, send_and, send_then};
use super::fixture::{job, rule};
use super::harness::{Harness, NOW, after, at};

on_both!(
    instances_are_the_runs_that_are_not_final,
    nothing_is_decided_while_paused,
    a_vanished_task_gets_no_event,
    an_unreadable_definition_stops_only_its_job,
    an_unknown_kind_stops_only_its_job,
    the_earliest_come_first_up_to_the_limit,
    events_follow_the_order_of_run_times,
);

async fn instances_are_the_runs_that_are_not_final(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    let mut seconds = 0;
    for (state, expected) in [
        ("queued", 0),
        ("claimed", 1),
        ("sending", 2),
        ("delivered", 3),
        ("failed", 3),
        ("unknown", 3),
    ] {
        let next = after(seconds + 60);
        let decided = h
            .decide(after(seconds), move |job| {
                assert_eq!(job.instances, expected, "before the one that became {state}");
                Ok(send_then(job, next))
            })
            .await;
        let key = decided.runs[0].key;
        h.place
            .run(&format!(
                "UPDATE scheduler_run SET state = '{state}' WHERE key = {key}"
            ))
            .await;
        seconds += 60;
    }
    // Another job of the same task, and the same job id of another task, count for themselves.
    h.place
        .run("UPDATE scheduler_run SET task_id = 8 WHERE state = 'queued'")
        .await;
    h.place
        .run("UPDATE scheduler_run SET job_id = '3-7-intv' WHERE state = 'claimed'")
        .await;
    h.decide(after(seconds), |job| {
        assert_eq!(job.instances, 1);
        Ok(send_then(job, after(9999)))
    })
    .await;
}

async fn nothing_is_decided_while_paused(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    h.store.set_paused(at(NOW), true).await.unwrap();
    h.store.set_paused(at(NOW), true).await.unwrap();
    let decided = h.decide(after(1), |_| panic!("paused")).await;
    assert!(decided.paused && decided.runs.is_empty() && decided.jobs == 0);
    let listed = h.store.list_jobs(false).await.unwrap();
    assert_eq!(listed[0].next_run_at, Some(at(NOW)), "listed with its time");
    h.store.set_paused(after(2), false).await.unwrap();
    let decided = h.decide(after(2), |job| Ok(send_then(job, after(60)))).await;
    assert!(!decided.paused && decided.runs.len() == 1);
}

async fn a_vanished_task_gets_no_event(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    h.due_job(8, "3-8-cron").await;
    h.place.run("DELETE FROM task WHERE id = 7").await;
    let decided = h
        .decide(at(NOW), |job| {
            assert_eq!(job.task_enabled, (job.task_id == 8).then_some(true));
            if job.task_enabled.is_some() {
                return Ok(send_then(job, after(60)));
            }
            let skipped = decision(job.next_run_at, Action::Skipped(SkipReason::TaskGone));
            Ok(Plan {
                decisions: vec![skipped],
                next: Next::Removed,
            })
        })
        .await;
    assert_eq!((decided.jobs, decided.runs.len()), (2, 1));
    // The run is written down all the same, and the other task's event is not lost with it.
    let runs = "SELECT task_id, state, reason FROM scheduler_run ORDER BY task_id";
    assert_eq!(
        h.place.lines(runs).await,
        ["7|skipped|the task no longer exists", "8|queued|~"]
    );
    assert_eq!(
        h.place.log().await,
        ["8|6|~|~|2026-11-23 16:12:04.150220|Job submitted."]
    );
}

/// The job of task 7 stands still, listed but without a next run; that of task 8 runs.
async fn only_the_first_stands_still(h: &Harness, reason: &str) {
    let listed = h.store.list_jobs(true).await;
    let times = h
        .place
        .lines("SELECT j.id, d.next_run_at FROM scheduler_job j LEFT JOIN scheduler_due d ON d.job_key = j.key ORDER BY 1")
        .await;
    assert_eq!(
        times,
        ["3-7-cron|~".to_owned(), format!("3-8-cron|{}", after(60).get())],
        "{listed:?}"
    );
    let log = h
        .place
        .lines("SELECT task_id, error, message FROM task_log ORDER BY task_id, id")
        .await;
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(
        log[0].starts_with("7|1|Job 3-7-cron stands still") && log[0].contains(reason),
        "{log:?}"
    );
    assert_eq!(log[1], "8|~|Job submitted.");
}

async fn an_unreadable_definition_stops_only_its_job(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    h.due_job(8, "3-8-cron").await;
    let decided = h
        .decide(at(NOW), |job| match job.task_id {
            7 => Err(<serde_json::Error as serde::de::Error>::custom("no such field: cheese").into()),
            _ => Ok(send_then(job, after(60))),
        })
        .await;
    assert_eq!(
        (decided.jobs, decided.runs.len(), decided.next_due),
        (2, 1, Some(after(60)))
    );
    only_the_first_stands_still(&h, "no such field: cheese").await;
    assert_eq!(h.store.list_jobs(false).await.unwrap().len(), 2);
}

async fn an_unknown_kind_stops_only_its_job(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    h.due_job(8, "3-8-cron").await;
    h.place
        .run("UPDATE scheduler_job SET kind = 'lunar' WHERE task_id = 7")
        .await;
    let decided = h
        .decide(at(NOW), |job| {
            assert_eq!(job.task_id, 8);
            Ok(send_then(job, after(60)))
        })
        .await;
    assert_eq!((decided.jobs, decided.runs.len()), (2, 1));
    only_the_first_stands_still(&h, "\"lunar\" is no kind of job").await;
}

async fn the_earliest_come_first_up_to_the_limit(h: Harness) {
    h.place.task(7, true).await;
    let due = [("b", 2), ("a", 2), ("c", 1), ("d", 3), ("e", 0)];
    h.store_jobs(
        7,
        due.iter()
            .map(|(id, seconds)| job(id, 7, Some(after(*seconds))))
            .collect(),
    )
    .await;
    let order = async |limit: usize| {
        let decider = rule(false, |job: &DueJob| Ok(send_and(job, Next::Finished)));
        let decided = h.store.decide(after(10), limit, decider).await.unwrap();
        let ids: Vec<String> = decided.runs.into_iter().map(|run| run.job_id).collect();
        (ids.join(" "), decided.next_due)
    };
    assert_eq!(order(2).await, ("e c".into(), Some(after(2))));
    assert_eq!(order(9).await, ("a b d".into(), None));
}

async fn events_follow_the_order_of_run_times(h: Harness) {
    for (task, id, seconds) in [(7, "3-7-cron", 2), (8, "3-8-cron", 1)] {
        h.place.task(task, true).await;
        h.store_jobs(task, vec![job(id, task, Some(after(seconds)))])
            .await;
    }
    h.place.run("DELETE FROM task_log").await;
    h.decide(after(5), |job| Ok(send_and(job, Next::Finished))).await;
    assert_eq!(
        h.place
            .lines("SELECT task_id, message FROM task_log ORDER BY id")
            .await,
        [
            "8|Job submitted.",
            "8|Job removed.",
            "7|Job submitted.",
            "7|Job removed."
        ]
    );
}
