//! Events of our own: what no row of a run tells, with task, job, time and a reason that a program can read (F13).

use std::sync::Arc;

use em_scheduler::em_web::{InvalidSchedule, TaskRow};
use em_scheduler::model::{Outcome, SkipReason};

use super::decide::send_then;
use super::fixture::job;
use super::harness::{Harness, NOW, after, at};

on_both!(
    jobs_that_are_stored_and_removed_are_told,
    a_refusal_is_told_with_its_reason,
    a_job_that_stands_still_is_told,
    what_the_row_of_a_run_tells_is_not_told_twice,
    old_events_are_removed_with_old_runs,
);

const EVENTS: &str = "SELECT at, task_id, job_id, run_key, kind, detail FROM scheduler_event ORDER BY key";

async fn events(h: &Harness) -> Vec<String> {
    h.place.lines(EVENTS).await
}

async fn jobs_that_are_stored_and_removed_are_told(h: Harness) {
    let now = at(NOW).get();
    h.place.task(7, true).await;
    let first = after(60).get();
    h.store_jobs(7, vec![job("3-7-cron", 7, Some(after(60)))]).await;
    let added = format!("{now}|7|3-7-cron|~|job_added|{{\"hazards\":[],\"next_run_at\":{first}}}");
    assert_eq!(events(&h).await, std::slice::from_ref(&added));
    h.store_jobs(7, vec![job("3-7-intv", 7, None)]).await;
    h.store.remove_jobs(after(9), 7).await.unwrap();
    assert_eq!(
        events(&h).await,
        [
            added,
            format!("{now}|7|3-7-cron|~|job_removed|~"),
            format!("{now}|7|3-7-intv|~|job_added|{{\"hazards\":[],\"next_run_at\":null}}"),
            format!("{}|7|3-7-intv|~|job_removed|~", after(9).get()),
        ]
    );
}

async fn a_refusal_is_told_with_its_reason(h: Harness) {
    let now = at(NOW).get();
    h.place.task(7, true).await;
    let plan = Arc::new(|_: &TaskRow| Err(InvalidSchedule::NoDate(3)));
    h.store.replace_jobs(at(NOW), 7, plan).await.unwrap();
    let reason = "{\"reason\":\"project 3: ooff is 1 but ooff_date is null\"}";
    assert_eq!(events(&h).await, [format!("{now}|7|~|~|refused|{reason}")]);
}

async fn a_job_that_stands_still_is_told(h: Harness) {
    let now = at(NOW).get();
    h.due_job(7, "3-7-cron").await;
    h.place
        .run("DELETE FROM scheduler_event; UPDATE scheduler_job SET kind = 'lunar'")
        .await;
    h.decide(at(NOW), |job| Ok(send_then(job, after(60)))).await;
    let events = events(&h).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(
        events[0].starts_with(&format!("{now}|7|3-7-cron|~|job_unreadable|")) && events[0].contains("lunar"),
        "{events:?}"
    );
}

async fn what_the_row_of_a_run_tells_is_not_told_twice(h: Harness) {
    let run = h.sending_run(7, "3-7-cron").await;
    h.place.run("DELETE FROM scheduler_event").await;
    for outcome in [
        Outcome::Delivered { took: 1 },
        Outcome::Failed { reason: "x".into() },
        Outcome::Unknown { reason: "x".into() },
        Outcome::Missed { late: 1 },
        Outcome::Skipped(SkipReason::Deleted),
    ] {
        h.place.run("UPDATE scheduler_run SET state = 'sending'").await;
        h.store
            .settle(after(5), vec![run.settlement(outcome)])
            .await
            .unwrap();
    }
    assert!(events(&h).await.is_empty());
    assert_eq!(
        h.place.lines("SELECT 1 FROM task_log").await.len(),
        5,
        "its log has all"
    );
}

async fn old_events_are_removed_with_old_runs(h: Harness) {
    for (seconds, task) in [(0, 7), (10, 8), (20, 9)] {
        h.place.task(task, true).await;
        let planned = job(&format!("3-{task}-cron"), task, None);
        let plan = Arc::new(move |_: &TaskRow| Ok(vec![planned.clone()]));
        h.store.replace_jobs(after(seconds), task, plan).await.unwrap();
    }
    assert_eq!(h.store.delete_old_runs(after(15), 1).await.unwrap(), 1);
    assert_eq!(h.store.delete_old_runs(after(15), 10).await.unwrap(), 1);
    assert_eq!(h.store.delete_old_runs(after(15), 10).await.unwrap(), 0);
    let left = h.place.lines("SELECT task_id FROM scheduler_event").await;
    assert_eq!(left, ["9"]);
}
