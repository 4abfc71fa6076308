//! Storing jobs: replaced as a whole, added beside others, refused without a trace, listed in order.

use std::sync::Arc;

use em_scheduler::em_web::{InvalidSchedule, TaskRow};
use em_scheduler::model::{JobKind, NewJob};
use em_scheduler::store::{JobPlanner, Replaced};

use super::fixture::job;
use super::harness::{Harness, NOW, after, at};

on_both!(
    replacing_stores_enables_publishes_and_tells,
    replacing_takes_the_old_jobs_with_it,
    a_refused_replacement_leaves_one_row,
    an_unknown_task_changes_nothing,
    adding_leaves_the_others_alone,
    a_refused_addition_leaves_nothing,
    a_failed_operation_leaves_nothing,
    a_manual_run_is_sending_from_the_start,
    lists_are_ordered_by_time_and_code_points,
);

fn these(jobs: Vec<NewJob>) -> JobPlanner {
    Arc::new(move |_: &TaskRow| Ok(jobs.clone()))
}

fn refused() -> JobPlanner {
    Arc::new(|_: &TaskRow| {
        Err(InvalidSchedule::UnknownUnit {
            project: 3,
            found: "\"x\"".into(),
        })
    })
}

const JOBS: &str =
    "SELECT j.id, j.task_id, j.project_id, j.kind, j.name, j.definition, j.created_at, j.listed,
                           d.next_run_at
                    FROM scheduler_job j LEFT JOIN scheduler_due d ON d.job_key = j.key ORDER BY j.key";

async fn task_columns(h: &Harness) -> Vec<String> {
    let wall = h.place.wall("next_run");
    h.place
        .lines(&format!(
            "SELECT id, enabled, {wall}, status_id FROM task ORDER BY id"
        ))
        .await
}

async fn replacing_stores_enables_publishes_and_tells(h: Harness) {
    h.place.task(7, false).await;
    let mut interval = job("3-7-intv", 7, Some(after(3600)));
    interval.kind = JobKind::Interval;
    let never = job("3-7-0123456789", 7, None);
    let plan: JobPlanner = Arc::new(move |task: &TaskRow| {
        assert_eq!(
            (task.id, task.name.as_deref(), task.enabled),
            (7, Some("Task 7"), false)
        );
        let project = task.project.as_ref().unwrap();
        assert_eq!(
            (project.id, project.name.as_deref(), project.cron),
            (3, Some("Project"), false)
        );
        Ok(vec![
            job("3-7-cron", 7, Some(after(7200))),
            interval.clone(),
            never.clone(),
        ])
    });
    assert_eq!(
        h.store.replace_jobs(at(NOW), 7, plan).await.unwrap(),
        Replaced::Done
    );
    let now = at(NOW).get();
    assert_eq!(
        h.place.lines(JOBS).await,
        [
            format!(
                "3-7-cron|7|3|cron|Project: Task 7|{{\"of\":\"3-7-cron\"}}|{now}|1|{}",
                after(7200).get()
            ),
            format!(
                "3-7-intv|7|3|interval|Project: Task 7|{{\"of\":\"3-7-intv\"}}|{now}|1|{}",
                after(3600).get()
            ),
            format!("3-7-0123456789|7|3|cron|Project: Task 7|{{\"of\":\"3-7-0123456789\"}}|{now}|1|~"),
        ]
    );
    assert_eq!(task_columns(&h).await, ["7|1|2026-11-23 17:12:04.150220|4"]);
    let stamp = "2026-11-23 16:12:04.150220";
    assert_eq!(
        h.place.log().await,
        [
            format!("7|6|~|0|{stamp}|Job added. Scheduled for: Mon, Nov 23, 2026 18:12:04"),
            format!("7|6|~|0|{stamp}|Job added. Scheduled for: Mon, Nov 23, 2026 17:12:04"),
            format!(
                "7|6|~|1|{stamp}|Job added, but its schedule never fires again. Check the dates of the project's \
                 trigger."
            ),
        ]
    );
}

async fn replacing_takes_the_old_jobs_with_it(h: Harness) {
    let run = h.queued_run(7, "3-7-cron").await;
    let mut tombstone = job("3-7-0123456789", 7, None);
    tombstone.listed = false;
    let mut delayed = job("3-7-00ff00ff00", 7, Some(after(5)));
    delayed.kind = JobKind::Delayed;
    h.store
        .add_jobs(at(NOW), 7, these(vec![tombstone, delayed]))
        .await
        .unwrap();
    h.place.run("DELETE FROM task_log").await;
    h.store_jobs(7, vec![job("3-7-cron", 7, Some(after(120)))]).await;
    assert_eq!(
        h.place.lines("SELECT id, listed FROM scheduler_job").await,
        ["3-7-cron|1"]
    );
    assert_eq!(
        h.place.lines("SELECT next_run_at FROM scheduler_due").await,
        [after(120).get().to_string()]
    );
    // Two removed, the tombstone went unseen; the run that waits is left alone.
    let added = "Job added. Scheduled for: Mon, Nov 23, 2026 16:14:04";
    assert_eq!(h.place.messages().await, ["Job removed.", "Job removed.", added]);
    assert_eq!(
        h.place.lines("SELECT key, state FROM scheduler_run").await,
        [format!("{}|queued", run.key)]
    );
    // No jobs at all: enabled, and the time stays.
    h.store_jobs(7, vec![]).await;
    assert_eq!(task_columns(&h).await, ["7|1|2026-11-23 16:14:04.150220|4"]);
}

async fn a_refused_replacement_leaves_one_row(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    h.place.run("UPDATE task SET enabled = 0").await;
    let before = (h.place.lines(JOBS).await, task_columns(&h).await);
    let outcome = h.store.replace_jobs(after(1), 7, refused()).await.unwrap();
    assert!(matches!(
        outcome,
        Replaced::Refused(InvalidSchedule::UnknownUnit { project: 3, .. })
    ));
    assert_eq!((h.place.lines(JOBS).await, task_columns(&h).await), before);
    assert_eq!(
        h.place.log().await,
        [
            "7|6|~|1|2026-11-23 16:12:05.150220|Job could not be scheduled: project 3: intv_type is \"x\", allowed are w, d, h, m and s"
        ]
    );
}

async fn an_unknown_task_changes_nothing(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    let before = h.place.lines(JOBS).await;
    let plan: JobPlanner = Arc::new(|_: &TaskRow| panic!("there is no task to plan for"));
    assert_eq!(
        h.store
            .replace_jobs(at(NOW), 99, Arc::clone(&plan))
            .await
            .unwrap(),
        Replaced::UnknownTask
    );
    assert_eq!(
        h.store.add_jobs(at(NOW), 99, plan).await.unwrap(),
        Replaced::UnknownTask
    );
    assert_eq!(h.store.task(99).await.unwrap(), None);
    let named = h
        .store
        .begin_manual_run(at(NOW), 99, Arc::new(|_| panic!("no task")))
        .await
        .unwrap();
    assert_eq!(
        (named, h.place.lines(JOBS).await, h.place.log().await.len()),
        (None, before, 0)
    );
}

async fn adding_leaves_the_others_alone(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    h.place.run("UPDATE task SET enabled = 0").await;
    let mut delayed = job("3-7-00ff00ff00", 7, Some(after(-60)));
    delayed.kind = JobKind::Delayed;
    assert_eq!(
        h.store.add_jobs(after(1), 7, these(vec![delayed])).await.unwrap(),
        Replaced::Done
    );
    let ids = h
        .place
        .lines("SELECT id, kind, created_at FROM scheduler_job ORDER BY key")
        .await;
    let (first, second) = (at(NOW).get(), after(1).get());
    assert_eq!(
        ids,
        [
            format!("3-7-cron|cron|{first}"),
            format!("3-7-00ff00ff00|delayed|{second}")
        ]
    );
    // Not enabled by it, but its earlier time is published.
    assert_eq!(task_columns(&h).await, ["7|0|2026-11-23 16:11:04.150220|4"]);
    assert_eq!(
        h.place.messages().await,
        ["Job added. Scheduled for: Mon, Nov 23, 2026 16:11:04"]
    );
}

async fn a_refused_addition_leaves_nothing(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    let before = (h.place.lines(JOBS).await, task_columns(&h).await);
    assert!(matches!(
        h.store.add_jobs(at(NOW), 7, refused()).await.unwrap(),
        Replaced::Refused(_)
    ));
    assert_eq!((h.place.lines(JOBS).await, task_columns(&h).await), before);
    assert_eq!(h.place.log().await.len(), 0);
}

async fn a_failed_operation_leaves_nothing(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    let before = (h.place.lines(JOBS).await, task_columns(&h).await);
    // The second id is taken: the first must not stay either.
    let jobs = vec![
        job("3-7-intv", 7, Some(after(1))),
        job("3-7-cron", 7, Some(after(1))),
    ];
    assert!(h.store.add_jobs(at(NOW), 7, these(jobs)).await.is_err());
    assert_eq!((h.place.lines(JOBS).await, task_columns(&h).await), before);
    assert_eq!(h.place.log().await.len(), 0);
    h.store.ping().await.unwrap();
}

async fn a_manual_run_is_sending_from_the_start(h: Harness) {
    h.place.task(7, false).await;
    let name = Arc::new(|task: &TaskRow| format!("{}-{}-run-00ff00ff00", 3, task.id));
    let run = h
        .store
        .begin_manual_run(after(1), 7, name)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (run.job_id.as_str(), run.task_id, run.kind),
        ("3-7-run-00ff00ff00", 7, JobKind::Manual)
    );
    assert_eq!(
        (run.scheduled_for, run.fence, run.attempt, run.sending),
        (after(1), 1, 1, true)
    );
    let now = after(1).get();
    let row =
        "SELECT key, kind, scheduled_for, state, decided_at, attempt, fence, sent_at FROM scheduler_run";
    assert_eq!(
        h.place.lines(row).await,
        [format!("{}|manual|{now}|sending|{now}|1|1|{now}", run.key)]
    );
    assert_eq!(
        h.place.log().await,
        ["7|6|~|~|2026-11-23 16:12:05.150220|Job submitted."]
    );
}

async fn lists_are_ordered_by_time_and_code_points(h: Harness) {
    h.place.task(7, true).await;
    if h.place.is_postgres() {
        // A database that sorts as people do.
        h.place
            .run("ALTER TABLE scheduler_job ALTER COLUMN id TYPE text COLLATE \"und-x-icu\"")
            .await;
    }
    let mut tombstone = job("gone", 7, None);
    tombstone.listed = false;
    let jobs = vec![
        job("never", 7, None),
        job("é", 7, Some(after(1))),
        job("a", 7, Some(after(1))),
        job("Z", 7, Some(after(1))),
        job("-", 7, Some(after(2))),
        job("z", 7, Some(at(NOW))),
        job("ever", 7, None),
        tombstone,
    ];
    h.store_jobs(7, jobs).await;
    let listed = h.store.list_jobs(true).await.unwrap();
    let ids: Vec<&str> = listed.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(ids, ["z", "Z", "a", "é", "-", "ever", "never"]);
    assert_eq!(
        (listed[0].definition.as_str(), listed[0].created_at),
        ("{\"of\":\"z\"}", at(NOW))
    );
    assert_eq!(
        (listed[0].name.as_str(), listed[0].task_id),
        ("Project: Task 7", 7)
    );
    assert_eq!(
        (listed[5].next_run_at, listed[0].next_run_at),
        (None, Some(at(NOW)))
    );
    assert!(
        h.store
            .list_jobs(false)
            .await
            .unwrap()
            .iter()
            .all(|job| job.definition.is_empty())
    );
}
